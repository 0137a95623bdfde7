#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# The hold, between two network namespaces: a server on one side, clients on the other.  While it lasts nobody gets in but the
# peer, connections that are open survive it, and it ends whatever becomes of the agent.  One small filesystem is frozen on
# the way, on a loop device that is made here.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root to make network namespaces"; exit 0; }
e2e_want ip nsenter socat fsfreeze mke2fs
unshare -n true 2>/dev/null || { echo "1..0 # SKIP no network namespace can be made"; exit 0; }
e2e_begin 34 240

mnt=$e2e_dir/mnt
source=p2v-s$$
clients=p2v-c$$
# shellcheck disable=SC2317 # called at the exit
leave()
{
	ip netns delete "$source"
	ip netns delete "$clients"
	fsfreeze -u "$mnt" 2>/dev/null
	umount "$mnt" || umount -l "$mnt"
}
on_source()
{
	nsenter --net="/run/netns/$source" "$@"
}
on_clients()
{
	nsenter --net="/run/netns/$clients" "$@"
}
set_up()
{
	truncate -s 32M "$e2e_dir/image" && mke2fs -q -t ext4 "$e2e_dir/image" && mkdir "$mnt" && mount -o loop "$e2e_dir/image" "$mnt" &&
		ip netns add "$source" && ip netns add "$clients" &&
		on_source ip link add v0 type veth peer name v1 netns "$clients" &&
		on_source ip address add 10.97.0.1/24 dev v0 && on_source ip address add fd97::1/64 dev v0 nodad &&
		on_clients ip address add 10.97.0.2/24 dev v1 && on_clients ip address add 10.97.0.3/24 dev v1 &&
		on_clients ip address add fd97::2/64 dev v1 nodad && on_clients ip address add fd97::3/64 dev v1 nodad &&
		on_source ip link set lo up && on_source ip link set v0 up && on_clients ip link set v1 up
}
e2e_at_exit leave
must "two namespaces and a filesystem" set_up
# A guard of this script: thaws whatever the code under test does.
setsid sh -c "n=0; while [ \$n -lt 100 ]; do sleep 3; [ -d '$e2e_dir' ] || exit; n=\$((n + 1)); done; fsfreeze -u '$mnt'" >/dev/null 2>&1 &
nsenter --net="/run/netns/$source" socat TCP6-LISTEN:7000,fork,reuseaddr,ipv6only=0 EXEC:cat </dev/null >/dev/null 2>&1 &
server=$!
e2e_at_exit "kill $server 2>/dev/null"

# says FROM TO: a new connection, there and back
says()
{
	[ "$(echo hello | timeout 2 nsenter --net="/run/netns/$3" socat -t2 - "TCP:$2:7000,bind=$1,connect-timeout=1" 2>/dev/null)" = hello ]
}
client4() { says 10.97.0.2 10.97.0.1 "$clients"; }
client6() { says '[fd97::2]' '[fd97::1]' "$clients"; }
peer4() { says 10.97.0.3 10.97.0.1 "$clients"; }
peer6() { says '[fd97::3]' '[fd97::1]' "$clients"; }
itself() { says 127.0.0.1 127.0.0.1 "$source"; }
fails() { ! "$@"; }

# The machine would be copied for hours before it is missed.
mkdir "$e2e_dir/bin"
for program in sh ip systemctl; do
	ln -s "$(command -v $program)" "$e2e_dir/bin"
done
without() # HOW WORDS
{
	! PATH=$e2e_dir/bin "$e2e_build/p2v-agent" quiesce --try --yes --mount "$mnt" --hooks "$e2e_dir/none" --for 1s --hold "$1" >"$e2e_dir/out" 2>&1 &&
		grep -q "$2" "$e2e_dir/out" && ! grep -q 'is frozen\|stood still' "$e2e_dir/out"
}
check "without nft and iptables a hold is refused before anything is done" without auto 'neither nft nor iptables-restore is here'
check "so it is without the one that is asked for" without iptables 'iptables-restore is not here'

# hold HOW TIME ARGUMENT...: in the background
hold()
{
	hold_how=$1
	hold_time=$2
	shift 2
	# No function here: its process would be killed, not the agent.
	nsenter --net="/run/netns/$source" "$e2e_build/p2v-agent" quiesce --try --yes --mount "$mnt" --hooks "$e2e_dir/none" --for "$hold_time" --deadline 20s \
		--hold "$hold_how" --peer 10.97.0.3 --peer fd97::3 "$@" >"$e2e_dir/out" 2>"$e2e_dir/err" &
	held=$!
}
rules()
{
	case $1 in
	nft) on_source nft list table inet p2v_hold ;;
	iptables) on_source iptables -t raw -S P2V_HOLD && on_source ip6tables -t raw -S P2V_HOLD ;;
	esac >/dev/null 2>&1
}

check "a client gets in" wait_for 20 client4
check "and with IPv6" wait_for 20 client6

for how in nft iptables; do
	if ! command -v $how >/dev/null || { [ $how = iptables ] && ! on_source iptables -t raw -S >/dev/null 2>&1; }; then
		skip 13 "$how does not work here"
		continue
	fi
	# A connection from before: what is said in it during the hold arrives after.
	rm -f "$e2e_dir/pipe"
	mkfifo "$e2e_dir/pipe"
	nsenter --net="/run/netns/$clients" socat -t 20 - TCP:10.97.0.1:7000,bind=10.97.0.2 <"$e2e_dir/pipe" >"$e2e_dir/echo" &
	old=$!
	exec 9>"$e2e_dir/pipe"
	echo before >&9
	wait_for 20 grep -q before "$e2e_dir/echo" || note "no connection"
	hold $how 8s
	check "$how: held" wait_for 20 rules $how
	check "$how: no client gets in" fails client4
	check "$how: not with IPv6" fails client6
	check "$how: the peer does" peer4
	check "$how: also with IPv6" peer6
	check "$how: and the machine itself" itself
	echo during >&9
	is "$how: an open connection is silent" "$(cat "$e2e_dir/echo")" before
	check "$how: it ends well" wait "$held"
	check "$how: nothing is left of it" fails rules $how
	check "$how: what was said arrives" wait_for 20 grep -q during "$e2e_dir/echo"
	exec 9>&-
	wait "$old" || :
	hold $how 15s
	wait_for 20 rules $how || note "not held"
	kill -9 "$held"
	check "$how: killed: it is lifted" wait_for 20 fails rules $how
	check "$how: and clients get in" wait_for 20 client4
	wait "$held" 2>/dev/null || :
	hold $how 15s --hold-deadline 3s
	wait_for 20 rules $how || note "not held"
	kill -STOP "$held"
	check "$how: not confirmed in time: it is lifted" wait_for 20 fails rules $how
	kill -9 "$held"
	wait "$held" 2>/dev/null || :
done

hold link 3s --link v0
check "a link is taken down" wait_for 20 sh -c "nsenter --net=/run/netns/$source ip link show dev v0 | grep -q 'state DOWN'"
wait "$held" || :
check "and up" sh -c "nsenter --net=/run/netns/$source ip link show dev v0 | grep -q '[<,]UP[,>]'"
hold nft 1s --stop 'x;reboot'
refused=0
wait "$held" || refused=$?
is "odd names are refused" "$refused $(grep -c 'is no name of a service' "$e2e_dir/err")" "2 1"
