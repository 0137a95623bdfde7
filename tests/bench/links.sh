# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# Links between the near end and the far end, each in network namespaces of its own; sourced by run.
#
#	link_up lo|1g|100m	sets near_ns far_ns (files for nsenter --net), far_address, link_rate (bits per second, 0: none)
#	link_bytes		bytes that have crossed it so far, both ways, with the headers of Ethernet, IP and TCP
#	link_down
#
# A namespace has no name: a process holds it, which dies with us however we die, and all that is in the namespace with
# it. A link is a veth pair, with tbf at both ends when it is shaped. Unlimited is such a pair too and not one loopback:
# the ports that some peers forward would cross that one three times, and be counted as often. The queues count, not the
# interfaces: they count the headers of each segment even where the kernel hands over 64 KiB at once.

link_holders=

# link_hold VARIABLE: a new network namespace; its holder's pid in VARIABLE
link_hold()
{
	unshare --net setpriv --pdeathsig KILL sleep infinity </dev/null >/dev/null 2>&1 &
	local pid=$! own tries=0
	link_holders="$link_holders $pid"
	own=$(readlink /proc/self/ns/net)
	while [ "$(readlink "/proc/$pid/ns/net")" = "$own" ] || [ "$(cat "/proc/$pid/comm")" != sleep ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || { echo "cannot make a network namespace" >&2; return 1; }
		sleep 0.02
	done
	nsenter --net="/proc/$pid/ns/net" ip link set lo up
	printf -v "$1" %s "$pid"
}

link_up()
{
	local near far
	case "$1" in
	lo) link_rate=0 ;;
	1g) link_rate=1000000000 ;;
	100m) link_rate=100000000 ;;
	*) echo "there is no link $1" >&2; return 1 ;;
	esac
	link_hold near
	link_hold far
	near_ns=/proc/$near/ns/net
	far_ns=/proc/$far/ns/net
	far_address=192.0.2.2
	ip link add name near0 netns "$near" type veth peer name far0 netns "$far"
	link_end "$near_ns" near0 192.0.2.1
	link_end "$far_ns" far0 192.0.2.2
}

# link_end NAMESPACE INTERFACE ADDRESS. The burst holds two of the largest packets; the queue 50 ms, as of a switch.
link_end()
{
	local queue="pfifo limit 1000"
	[ "$link_rate" = 0 ] || queue="tbf rate ${link_rate}bit burst 128kb latency 50ms"
	nsenter --net="$1" ip address add "$3/24" dev "$2"
	nsenter --net="$1" ip link set "$2" up
	# shellcheck disable=SC2086 # a list of words
	nsenter --net="$1" tc qdisc add dev "$2" root $queue
}

link_bytes()
{
	{
		nsenter --net="$near_ns" tc -s qdisc show dev near0
		nsenter --net="$far_ns" tc -s qdisc show dev far0
	} | awk '$1 == "Sent" { n += $2 } END { printf "%.0f\n", n }'
}

link_down()
{
	local pid
	for pid in $link_holders; do
		kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	link_holders=
}
