#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh source-path=SCRIPTDIR disable=SC2154
#
# One job over several connections: the same bytes, whichever of them is lost, and no more of the link than was lent.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"

e2e_want sshd ssh-keygen qemu-img jq
e2e_begin 29 400

src=$e2e_dir/disk.img
printf '{"version":1,"recorded_at":"2026-01-01T00:00:00Z","recorded_by":"test"}' >"$e2e_dir/machine.json"
must "a disk of noise" dd if=/dev/urandom of="$src" bs=1M count=192 status=none
# A part that compresses, and one that is zero.
seq 1 3000000 | dd of="$src" bs=1M seek=64 conv=notrunc status=none
dd if=/dev/zero of="$src" bs=1M count=16 seek=128 conv=notrunc status=none

# Each process of the far end is known by its number.
cat >"$e2e_dir/far-end" <<END
#!/bin/sh
echo \$\$ >>"$e2e_dir/pids"
exec "$e2e_build/p2v-server" --store "$e2e_dir/store" receive 2>>"$e2e_dir/server.log"
END
chmod 755 "$e2e_dir/far-end"
sshd_start "$e2e_dir/sshd" "$e2e_dir/far-end"
e2e_at_exit sshd_stop

# Becomes the agent.
agent() # NAME OPTION...
{
	cold_name=$1
	shift
	: >"$e2e_dir/pids"
	exec "$e2e_build/p2v-agent" cold --server "$sshd_user@127.0.0.1:$sshd_port" --identity "$sshd_identity" \
		--host-key "$sshd_fingerprint" --no-input --disk "$src,name=sda" --machine "$e2e_dir/machine.json" \
		--name "$cold_name" "$@" >"$e2e_dir/$cold_name.out" 2>"$e2e_dir/$cold_name.log"
}

cold() # NAME OPTION...
{
	(agent "$@")
}

same() # JOB
{
	qemu-img compare -q -f raw -F qcow2 "$src" "$e2e_dir/store/$1/sda.qcow2"
}

far_ends()
{
	wc -l <"$e2e_dir/pids"
}

# ---- as many as are asked for

check "four connections" cold four --connections 4
is "are four processes at the server" "$(far_ends)" 4
check "the image is the disk" same four
check "and a valid one" qemu-img check -q "$e2e_dir/store/four/sda.qcow2"
check "nothing of them is left" test ! -e "$e2e_dir/store/four/join"
check "one connection" cold one --connections 1
is "is one process" "$(far_ends)" 1
check "the image is the same" qemu-img compare -q "$e2e_dir/store/one/sda.qcow2" "$e2e_dir/store/four/sda.qcow2"
check "through pipes, too" "$e2e_build/p2v-agent" -q cold --connections 3 --disk "$src,name=sda" --name pipes \
	--machine "$e2e_dir/machine.json" --connect-command "$e2e_build/p2v-server --store $e2e_dir/store receive"
check "the image is the disk" same pipes

# ---- one of them is lost

lose() # WHICH JOB: kill the far end of the first, or of the last connection, when all are there and something is durable
{
	agent "$2" --connections 3 --bandwidth 24M --flush-size 1M &
	pid=$!
	# shellcheck disable=SC2317  # called by wait_for
	all_there() { [ "$(far_ends)" -eq 3 ] && [ "$(show "$2" '.images[0].durable // 0')" -gt 0 ]; }
	wait_for 60 all_there "$2" "$2"
	kill -9 "$("$1" -n 1 "$e2e_dir/pids")"
	wait "$pid"
}

check "the last connection is lost, and the copy ends well" lose tail lost-last
check "after it was made anew" grep -q "trying again" "$e2e_dir/lost-last.log"
check "the image is the disk" same lost-last
check "the first connection is lost, and the copy ends well" lose head lost-first
check "the image is the disk" same lost-first

# ---- a limit is one of all together

began=$(date +%s)
check "three connections at 32 MiB a second" cold slow --connections 3 --bandwidth 32M --level 0
# 176 MiB that are not zero; half a second's worth goes at once.
check "take what one would" test $(($(date +%s) - began)) -ge 4
check "the image is the disk" same slow

# ---- a long link

long=$((sshd_port + 1))
"$e2e_build/tests/tools/long-link" $long "$sshd_port" 100 >"$e2e_dir/long-link" 2>&1 &
e2e_at_exit "e2e_stop $!"
wait_for 10 grep -q ready "$e2e_dir/long-link"
near=$sshd_port
sshd_port=$long
check "over a link of 200 ms" cold far --level 0
sshd_port=$near
check "connections are added by themselves" test "$(far_ends)" -ge 2
check "the image is the disk" same far

# ---- an end before the end

agent stopped --connections 3 --bandwidth 8M &
pid=$!
three() { [ "$(far_ends)" -eq 3 ]; }
wait_for 60 three
sleep 1
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
is "asked to stop: exit status 4" "$rc" 4
check "what was sent is durable" test "$(show stopped '.images[0].durable // 0')" -gt $((4 << 20))
check "the same command goes on" cold stopped --connections 2
check "the image is the disk" same stopped

# ---- what is refused

for n in 0 9 many; do
	rc=0
	cold refused --connections $n || rc=$?
	is "--connections $n is a usage error" "$rc" 2
done
