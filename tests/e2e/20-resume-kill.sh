#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# kill -9 at ten random moments each (P2V_KILLS): the agent, the server, the sshd between them.  The resumed job ends
# with the same bytes, and what was durable is not sent again: the far end counts every byte that arrives.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"

kills=${P2V_KILLS:-10}
flush_mib=8
# With more than a window for each kill, something durable was sent again; the rest is for what frames add.
slack_mib=2

e2e_want sshd ssh-keygen qemu-img jq gcc
e2e_begin 17 900

# moments SEED: ten moments, the same ones in every run.  They are counted in bytes that have arrived (4 to 20 MiB after
# the last kill, so that most get something durable), not in seconds: on a busy machine the job would be over before it was killed ten times.
moments()
{
	awk -v seed="$1" -v n="$kills" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print int((4 + rand() * 16) * 1048576) }'
}

# The forced command: counts what comes in, and says which process is the server.
cat >"$e2e_dir/far-end" <<END
#!/bin/sh
tee -a "$e2e_dir/wire" | sh -c 'echo \$\$ >"$e2e_dir/server.pid"; exec "\$@"' sh \\
	"$e2e_build/p2v-server" --store "$e2e_dir/store" receive --credit 8M 2>>"$e2e_dir/server.log"
END
chmod 755 "$e2e_dir/far-end"
gcc -shared -fPIC -O2 -D_GNU_SOURCE -o "$e2e_dir/preload.so" "$(dirname "$0")/preload.c"

# Enough for all of them, with a few MiB to spare.
size_mib=$((kills * 16 + 96))
source=$e2e_dir/source.raw
# Content that no codec makes smaller, the same in every run.
openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0 -in /dev/zero 2>/dev/null |
	head -c $((size_mib << 20)) >"$source"
printf '{"version":1,"recorded_at":"2026-01-01T00:00:00Z","recorded_by":"test"}' >"$e2e_dir/machine.json"

sshd_start "$e2e_dir/sshd" "$e2e_dir/far-end"
e2e_at_exit sshd_stop

# cold JOB: becomes the agent, on a disk of about 30 MiB/s
cold()
{
	LD_PRELOAD=$e2e_dir/preload.so P2V_TEST_FILE=$source P2V_TEST_DELAY_US=30000 exec "$e2e_build/p2v-agent" cold \
		--server "$sshd_user@127.0.0.1:$sshd_port" --identity "$sshd_identity" --host-key "$sshd_fingerprint" \
		--no-input --disk "$source,name=sda" --machine "$e2e_dir/machine.json" --name "$1" --retry-for 300 \
		--flush-size ${flush_mib}M >>"$e2e_dir/agent.log" 2>&1
}

durable()
{
	show "$1" '.images[0].durable // 0' 2>/dev/null || echo 0
}

alive()
{
	kill -0 "$1" 2>/dev/null
}

# victim WHO: the processes to kill; none when the connection is just being made
victim()
{
	case $1 in
	agent) echo "$agent_pid";;
	server) cat "$e2e_dir/server.pid" 2>/dev/null || :;;
	sshd) sshd_connections;;
	esac
}

# arrived BYTES: more than these since the last kill
arrived()
{
	[ "$(stat -c %s "$e2e_dir/wire")" -gt $((wire_before + $1)) ]
}

# storm WHO SEED: kill WHO at ten moments, then let the job end; sets made, status, resent
storm()
{
	made=0
	: >"$e2e_dir/wire"
	rm -f "$e2e_dir/server.pid"
	cold "$1" &
	agent_pid=$!
	for moment in $(moments "$2"); do
		wire_before=$(stat -c %s "$e2e_dir/wire")
		wait_for 60 arrived "$moment" || break
		alive "$agent_pid" || break
		# shellcheck disable=SC2046  # a list of numbers
		kill -9 $(victim "$1") 2>/dev/null && made=$((made + 1))
		rm -f "$e2e_dir/server.pid"
		if [ "$1" = agent ]; then
			wait "$agent_pid" 2>/dev/null || :
			cold "$1" &
			agent_pid=$!
		fi
	done
	status=0
	wait "$agent_pid" || status=$?
	resent=$(($(stat -c %s "$e2e_dir/wire") - (size_mib << 20)))
	note "$1: $made kills, $((resent >> 10)) KiB came twice, $((resent / (made > 0 ? made : 1) >> 10)) KiB for each"
}

seed=1
for who in agent server sshd; do
	storm $who $seed
	seed=$((seed + 1))
	is "$who: killed at all moments" "$made" "$kills"
	is "$who: the job ends well" "$status $(show $who .state)" "0 verified"
	check "$who: the image has the bytes of the source" \
		qemu-img compare -f raw -F qcow2 "$source" "$(show $who '.images[0].path')"
	check "$who: nothing came twice beyond a flush window for each kill" \
		test "$resent" -le $((kills * (flush_mib + slack_mib) << 20))
done

# Ctrl-C
: >"$e2e_dir/wire"
wire_before=0
# A background process of a script ignores SIGINT; SIGTERM asks for the same.
cold ctrl-c &
agent_pid=$!
wait_for 30 arrived 0 || :
sleep 1.5
kill -TERM "$agent_pid"
status=0
wait "$agent_pid" || status=$?
is "asked to stop: exit status 4" "$status" 4
is "asked to stop: the job can be resumed" "$(show ctrl-c .state)" receiving
before=$(durable ctrl-c)
check "asked to stop: what was sent is durable" \
	test "$before" -ge $(($(stat -c %s "$e2e_dir/wire") - (slack_mib << 20)))
status=0
(cold ctrl-c) || status=$?
is "the same command goes on" "$status $(show ctrl-c .state)" "0 verified"
status=0
(cold ctrl-c) || status=$?
is "once more: it is complete, and says so" \
	"$status $(grep -c 'complete already' "$e2e_dir/agent.log")" "0 1"
