#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# libvirt takes the domain XML and boots from it.  The libvirtd is a private one: its own mount namespace hides the host's
# libvirt, its own network namespace holds the bridge of the network "default".
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"
. "$(dirname "$0")/../lib/convert.sh"

e2e_want_guests
e2e_want libvirtd virsh unshare
unshare --mount --net true 2>/dev/null || { echo "1..0 # SKIP no right to make namespaces"; exit 0; }
e2e_begin 13 1500

mkdir -p "$e2e_dir/etc/qemu" "$e2e_dir/var" "$e2e_dir/run" "$e2e_dir/log" "$e2e_dir/cache"
cat >"$e2e_dir/etc/libvirtd.conf" <<END
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_group = "root"
log_outputs = "2:stderr"
END
# No helper daemons, no cgroups, no change of owner: only libvirtd and the qemu it starts.
cat >"$e2e_dir/etc/qemu.conf" <<END
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
remember_owner = 0
END
socket=$e2e_dir/run/libvirt-sock
uri="qemu:///system?socket=$socket"

start_libvirtd()
{
	# shellcheck disable=SC2016  # the inner shell expands it
	unshare --mount --net sh -eu -c '
		dir=$1
		mount --make-rprivate /
		mkdir -p /etc/libvirt /var/lib/libvirt /run/libvirt /var/log/libvirt /var/cache/libvirt
		mount --bind "$dir/etc" /etc/libvirt
		mount --bind "$dir/var" /var/lib/libvirt
		mount --bind "$dir/run" /run/libvirt
		mount --bind "$dir/log" /var/log/libvirt
		mount --bind "$dir/cache" /var/cache/libvirt
		ip link set lo up
		exec libvirtd -f /etc/libvirt/libvirtd.conf -p /run/libvirt/pid' libvirtd "$e2e_dir" \
		>"$e2e_dir/libvirtd.log" 2>&1 </dev/null &
	libvirtd_pid=$!
	wait_for 60 virsh -q -c "$uri" list || { cat "$e2e_dir/libvirtd.log"; return 1; }
}

stop_libvirtd()
{
	virsh -q -c "$uri" net-destroy default >/dev/null 2>&1 || :
	e2e_stop "$libvirtd_pid"
}

make_network()
{
	printf '<network><name>default</name><bridge name="p2vtest0"/></network>' >"$e2e_dir/network.xml"
	virsh -q -c "$uri" net-define "$e2e_dir/network.xml" && virsh -q -c "$uri" net-start default
}

# talk: log in on the domain's console
talk()
{
	printf '%s\n' 'systemctl is-system-running --wait' \
		"ip -4 -o address show dev $nic | awk '{ print \$2, \$4 }'" \
		'cat /sys/class/dmi/id/product_serial; ls /dev/disk/by-id | grep -c wwn-0x5002538e40a1b2c3' \
		'systemctl is-active qemu-guest-agent' >"$e2e_dir/commands"
	mkdir -p "$e2e_dir/answers"
	expect -f "$e2e_rig/console.exp" "$e2e_dir/console.log" 600 300 p2v "$e2e_dir/commands" "$e2e_dir/answers" - \
		socat -,raw,echo=0 "$(virsh -q -c "$uri" ttyconsole web01 | head -n 1),raw,echo=0" </dev/null ||
		{ tail -n 40 "$e2e_dir/console.log"; return 1; }
}

answer()
{
	cat "$e2e_dir/answers/$1.out" 2>/dev/null || :
}

must "there is a finished job" convert_kept bios
must "a private libvirtd runs" start_libvirtd
e2e_at_exit stop_libvirtd
must "p2v-server define" server define web01 --connect "$uri"
is "the domain has the machine's UUID" "$(virsh -q -c "$uri" domuuid web01 | head -n 1)" \
	4c4c4544-0058-4b10-8032-b7c04f503933
if ! make_network >"$e2e_dir/network.log" 2>&1; then
	sed 's/^/# /' "$e2e_dir/network.log"
	skip 9 "no bridge can be made here"
	exit 0
fi
# One CPU: see boot-guest on qemu's translator with more than one.
virsh -q -c "$uri" setvcpus web01 1 --config
# The guest's run is not to change the job.
image=$(show web01 '.images[0].path')
cp --sparse=always "$image" "$e2e_dir/image.before"
# shellcheck disable=SC2016  # expanded at the end
e2e_at_exit 'mv "$e2e_dir/image.before" "$image"'
# shellcheck disable=SC2016  # expanded at the end
e2e_at_exit 'virsh -q -c "$uri" destroy web01 >/dev/null 2>&1'
must "it starts" virsh -q -c "$uri" start web01
must "it reaches its login prompt" talk
is "it is running well" "$(answer 1)" running
is "the static address is on the interface of the same name" "$(answer 2)" "$nic 10.0.2.15/24"
is "serial number, WWN and guest agent are there" "$(answer 3; answer 4)" "7XK2P93
3
active"
runs()
{
	[ "$(virsh -q -c "$uri" domstate web01 | head -n 1)" = running ]
}

# All in one go, as a live machine's agent waits for it.
virsh -q -c "$uri" destroy web01 >/dev/null 2>&1
check "p2v-server takeover: it serves when the check says so" server takeover web01 --connect "$uri" \
	--check "virsh -q -c '$uri' domstate \$P2V_DOMAIN | grep -q running"
check "and runs" runs
virsh -q -c "$uri" destroy web01 >/dev/null 2>&1
rc=0
said=$(server takeover web01 --connect "$uri" --check false --wait 3 2>/dev/null) || rc=$?
is "one that does not prove itself: why" "$rc $said" "1 domain web01 runs, but the check did not succeed within 3 s"
is "and it is stopped again" "$(runs && echo runs || echo not)" not
