# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154  # variables are run's and links.sh's
#
# The far end: an sshd of its own, in the link's namespace and in the far end's control group; sourced by run.
#
#	far_keys DIR	once: keys, and the command that every login runs, with this environment's LIBGUESTFS_BACKEND_SETTINGS
#	far_start	sets far_pid
#	far_stop
#
# Every login runs what it asked for below time(1), which notes the memory of the largest process in DIR/rss. Peers
# forward ports, so this key is not a restricted one as tests/lib/sshd.sh makes.

far_port=2222
far_pid=

far_keys()
{
	far_dir=$1
	mkdir -m 700 "$far_dir"
	ssh-keygen -q -t ed25519 -N '' -C p2v-bench -f "$far_dir/user_key"
	ssh-keygen -q -t ed25519 -N '' -C p2v-bench-host -f "$far_dir/host_key"
	far_identity=$far_dir/user_key
	far_fingerprint=$(ssh-keygen -l -E sha256 -f "$far_dir/host_key.pub" | cut -d ' ' -f 2)
	far_user=$(id -un)
	cat >"$far_dir/login" <<-LOGIN
		#!/bin/sh
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		LIBGUESTFS_BACKEND=direct
		LIBGUESTFS_BACKEND_SETTINGS=${LIBGUESTFS_BACKEND_SETTINGS:-}
		export PATH LIBGUESTFS_BACKEND LIBGUESTFS_BACKEND_SETTINGS
		[ -n "\$SSH_ORIGINAL_COMMAND" ] || exec bash
		exec time -q -a -o "$far_dir/rss" -f %M sh -c "\$SSH_ORIGINAL_COMMAND"
	LOGIN
	chmod 755 "$far_dir/login"
	printf 'command="%s" %s\n' "$far_dir/login" "$(cat "$far_dir/user_key.pub")" >"$far_dir/authorized_keys"
}

far_start()
{
	local tries=0
	[ -d /run/sshd ] || mkdir -m 755 /run/sshd
	: >"$far_dir/log"
	(
		measure_in far nsenter --net="$far_ns" "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -f /dev/null \
			-E "$far_dir/log" -h "$far_dir/host_key" \
			-o "ListenAddress=$far_address:$far_port" -o PidFile=none -o "AuthorizedKeysFile=$far_dir/authorized_keys" \
			-o StrictModes=no -o UsePAM=no -o PermitRootLogin=prohibit-password -o PasswordAuthentication=no \
			-o KbdInteractiveAuthentication=no -o PrintMotd=no -o UseDNS=no -o LogLevel=VERBOSE -o MaxStartups=100 \
			-o "Subsystem=sftp /usr/lib/openssh/sftp-server"
	) </dev/null >/dev/null 2>&1 &
	far_pid=$!
	until grep -q "^Server listening on $far_address" "$far_dir/log"; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { echo "sshd does not start: $(tail -n 3 "$far_dir/log")" >&2; return 1; }
		sleep 0.05
	done
}

far_stop()
{
	[ -n "$far_pid" ] || return 0
	kill "$far_pid" 2>/dev/null || :
	wait "$far_pid" 2>/dev/null || :
	far_pid=
}
