# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034
#
# A private sshd on the loopback, with keys made for this run only; sourced by sh.
#
#	sshd_start DIR FORCED-COMMAND	sets sshd_pid sshd_port sshd_user sshd_fingerprint sshd_identity sshd_log
#	sshd_stop			ends it and every connection it has
#	sshd_new_host_key		the same address answers with another host key from now on
#
# The user's key is a restricted one: whatever it asks for, FORCED-COMMAND runs and nothing else.

# sshd_start DIR FORCED-COMMAND
sshd_start()
{
	sshd_dir=$1
	sshd_command=$2
	sshd_program=$(command -v sshd) || sshd_program=/usr/sbin/sshd
	sshd_user=$(id -un)
	sshd_identity=$sshd_dir/user_key
	sshd_log=$sshd_dir/log
	mkdir -p "$sshd_dir"
	chmod 700 "$sshd_dir"
	# The folder sshd confines its unprivileged half to; it is made by the service, which may never have run.
	[ -d /run/sshd ] || mkdir -m 755 /run/sshd
	rm -f "$sshd_dir/user_key" "$sshd_dir/user_key.pub"
	ssh-keygen -q -t ed25519 -N '' -C p2v-test -f "$sshd_dir/user_key"
	printf 'restrict,command="%s" %s\n' "$sshd_command" "$(cat "$sshd_dir/user_key.pub")" >"$sshd_dir/authorized_keys"
	chmod 600 "$sshd_dir/authorized_keys"
	sshd_port=
	sshd_new_host_key
}

sshd_new_host_key()
{
	sshd_stop
	rm -f "$sshd_dir/host_key" "$sshd_dir/host_key.pub"
	ssh-keygen -q -t ed25519 -N '' -C p2v-test-host -f "$sshd_dir/host_key"
	sshd_fingerprint=$(ssh-keygen -l -E sha256 -f "$sshd_dir/host_key.pub" | cut -d ' ' -f 2)
	sshd_listen
}

# sshd_listen: try ports until one is free; the daemon itself is the judge of that
sshd_listen()
{
	sshd_tries=0
	while [ $sshd_tries -lt 50 ]; do
		sshd_candidate=${sshd_port:-$((20000 + ($$ * 37 + sshd_tries * 911) % 12000))}
		: >"$sshd_dir/log"
		"$sshd_program" -D -f /dev/null -E "$sshd_dir/log" -h "$sshd_dir/host_key" \
			-o "ListenAddress=127.0.0.1:$sshd_candidate" -o "PidFile=$sshd_dir/pid" \
			-o "AuthorizedKeysFile=$sshd_dir/authorized_keys" -o StrictModes=no -o UsePAM=no \
			-o PermitRootLogin=forced-commands-only -o PasswordAuthentication=no \
			-o KbdInteractiveAuthentication=no -o PrintMotd=no -o UseDNS=no -o LogLevel=VERBOSE \
			-o MaxStartups=100 </dev/null >/dev/null 2>&1 &
		sshd_pid=$!
		sshd_waits=0
		while [ $sshd_waits -lt 100 ] && kill -0 "$sshd_pid" 2>/dev/null; do
			if grep -q "Server listening on 127.0.0.1 port $sshd_candidate" "$sshd_dir/log"; then
				sshd_port=$sshd_candidate
				return 0
			fi
			sleep 0.05
			sshd_waits=$((sshd_waits + 1))
		done
		kill "$sshd_pid" 2>/dev/null || :
		wait "$sshd_pid" 2>/dev/null || :
		sshd_pid=
		sshd_tries=$((sshd_tries + 1))
		# A port of our own may still be closing: keep to it.
		[ -z "$sshd_port" ] || sleep 0.2
	done
	echo "sshd does not start: $(tail -n 3 "$sshd_dir/log")" >&2
	return 1
}

# sshd_connections: the processes that serve a connection now
sshd_connections()
{
	ps -o pid= --ppid "$sshd_pid" 2>/dev/null || :
}

sshd_stop()
{
	[ -n "${sshd_pid:-}" ] || return 0
	# shellcheck disable=SC2046  # a list of numbers
	kill "$sshd_pid" $(sshd_connections) 2>/dev/null || :
	wait "$sshd_pid" 2>/dev/null || :
	sshd_pid=
}
