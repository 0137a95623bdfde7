#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# subjects.sh NAME: one run of a subject of subjects.tbl, at the near end; its commands for the far end go through ssh.
# A run is over when the result is on the far end's disk: synced, or whatever the subject does to be as sure.
#
# run gives these in the environment:
#	B_DISK B_IMAGE B_SIZE B_BYTES	block device of the source, its file, its size, how much of it is in use
#	B_PARTS				file: DEVICE FILESYSTEM OFFSET LENGTH of each partition
#	B_NEAR B_FAR			folders of the two ends, empty at the start
#	B_USER B_ADDRESS B_PORT B_IDENTITY B_FINGERPRINT B_BUILD
#	B_VIRT_P2V			the program virt-p2v
#	B_CIPHER			of ssh-cat and p2v-cipher; B_PEER_CIPHER: of the peers, empty for ssh's own choice
set -eu -o pipefail

ssh_words=(ssh -q -p "$B_PORT" -i "$B_IDENTITY" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no
	-o UserKnownHostsFile=/dev/null -o ControlPath="$B_NEAR/ssh" -o BatchMode=yes)
peer_words=("${ssh_words[@]}" ${B_PEER_CIPHER:+-c "$B_PEER_CIPHER"})
far=$B_USER@$B_ADDRESS

at_far() { "${peer_words[@]}" "$far" "$@"; }

# ---- ours

cold()
{
	printf '{"version":1,"hostname":"bench"}\n' >"$B_NEAR/machine.json"
	"$B_BUILD/p2v-agent" -q cold --server "$far:$B_PORT" --identity "$B_IDENTITY" --host-key "$B_FINGERPRINT" \
		--remote-command "$B_BUILD/p2v-server --store $B_FAR/store receive" --no-input \
		--disk "$B_DISK,name=sda" --machine "$B_NEAR/machine.json" --name bench "$@"
}

p2v() { cold; }
p2v-level1() { cold --level 1; }
p2v-cipher() { cold --cipher "$B_CIPHER"; }

# ---- virt-p2v

# The program gives nbdkit its port by socket activation and asks ssh for any free port; the bytes go the same way.
# virt-v2v copies with nbdcopy --flush into qemu-nbd.
virt-path()
{
	nbdkit -r --exit-with-parent -f -i 127.0.0.1 -p 10809 file "file=$B_DISK" &
	wait_port 10809
	at_far -R 10810:127.0.0.1:10809 \
		"set -e; qemu-img create -q -f qcow2 $B_FAR/out.qcow2 $B_SIZE
		nbdcopy --flush nbd://127.0.0.1:10810 -- [ qemu-nbd -f qcow2 $B_FAR/out.qcow2 ]; sync $B_FAR/out.qcow2"
	kill $!
	wait $! || :
}

# The program, without its window. Options on its own command line never turn the machine off at the end. It keeps the
# host keys of whom it meets in the user's own folder: an empty one takes that one's place, for it alone.
virt-p2v()
{
	local words="p2v.server=$B_ADDRESS p2v.port=$B_PORT p2v.username=$B_USER p2v.identity=file://$B_IDENTITY"
	local ssh_folder
	ssh_folder=$(getent passwd "$B_USER" | cut -d : -f 6)/.ssh
	mkdir "$B_NEAR/dot-ssh"
	[ -d "$ssh_folder" ] || mkdir -m 700 "$ssh_folder"
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$B_NEAR/dot-ssh" "$ssh_folder" \
		"$B_VIRT_P2V" --test-disk="$B_DISK" \
		--cmdline="$words p2v.name=bench p2v.o=local p2v.of=qcow2 p2v.os=$B_FAR p2v.post=true"
	at_far "sync $B_FAR/bench-sda"
}

# ---- peers

# wait_port PORT: until something listens there
wait_port()
{
	local tries=0
	until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { echo "nothing listens on port $1" >&2; return 1; }
		sleep 0.02
	done
}

# One connection for all partitions.
share_connection() { "${peer_words[@]}" -fNM -o ControlPersist=yes "$far"; }
end_connection() { "${peer_words[@]}" -O exit "$far" 2>/dev/null; }

# clone DEVICE FILESYSTEM: a partition as partclone writes it, compressed at the level of p2v-level1, on all processors.
# -a0 spares it its checksums, which take longer than all else it does; -f 1 lets it end within a second, not two.
clone() { "partclone.$2" -c -q -a0 -f 1 -L "$B_NEAR/partclone.log" -s "$1" -o - 2>/dev/null | zstd -q -1 -T0; }

# What partclone does not carry: the first and the last MiB, and the page that makes a partition swap.
edges()
{
	head -c 1M "$B_DISK"
	tail -c 1M "$B_DISK"
}
put_edges="truncate -s $B_SIZE $B_FAR/out.raw
	dd of=$B_FAR/out.raw bs=1M count=1 iflag=fullblock conv=notrunc status=none
	dd of=$B_FAR/out.raw bs=1M seek=$((B_SIZE / 1048576 - 1)) iflag=fullblock conv=notrunc status=none"

partclone()
{
	local device fs offset length
	share_connection
	edges | at_far "set -e; $put_edges"
	while read -r device fs offset length <&3; do
		if [ "$fs" = swap ]; then
			head -c 4096 "$device" | at_far "dd of=$B_FAR/out.raw bs=4096 seek=$((offset / 4096)) conv=notrunc status=none"
			continue
		fi
		clone "$device" "$fs" | at_far "set -e
			loop=\$(losetup -f --show -o $offset --sizelimit $length $B_FAR/out.raw)
			trap 'losetup -d \$loop' EXIT
			zstd -q -dc | partclone.$fs -r -q -f 1 -L $B_FAR/partclone.log -s - -o \$loop 2>/dev/null"
	done 3<"$B_PARTS"
	at_far "sync $B_FAR/out.raw"
	end_connection
}

partclone-stored()
{
	local device fs offset length n=0
	share_connection
	edges | at_far "cat >$B_FAR/edges"
	while read -r device fs offset length <&3; do
		n=$((n + 1))
		if [ "$fs" = swap ]; then
			head -c 4096 "$device" | at_far "cat >$B_FAR/$n.swap"
		else
			clone "$device" "$fs" | at_far "cat >$B_FAR/$n.zst"
		fi
	done 3<"$B_PARTS"
	at_far "sync $B_FAR/edges $B_FAR/*.zst"
	end_connection
}

dd()
{
	command dd "if=$B_DISK" bs=1M status=none | at_far "set -e
		dd of=$B_FAR/out.raw bs=1M iflag=fullblock conv=sparse status=none
		truncate -s $B_SIZE $B_FAR/out.raw
		qemu-img convert -f raw -O qcow2 $B_FAR/out.raw $B_FAR/out.qcow2; rm $B_FAR/out.raw; sync $B_FAR/out.qcow2"
}

qemu-nbd()
{
	command qemu-nbd -r -f raw -t -b 127.0.0.1 -p 10809 "$B_DISK" &
	wait_port 10809
	at_far -R 10810:127.0.0.1:10809 "set -e
		qemu-img convert -f raw -O qcow2 nbd://127.0.0.1:10810 $B_FAR/out.qcow2; sync $B_FAR/out.qcow2"
	kill $!
	wait $! || :
}

rsync()
{
	command rsync --sparse --copy-devices --whole-file -e "${peer_words[*]}" "$B_DISK" "$far:$B_FAR/out.raw"
	at_far "sync $B_FAR/out.raw"
}

# ---- limits

ssh-cat() { head -c "$B_BYTES" "$B_DISK" | "${ssh_words[@]}" -c "$B_CIPHER" "$far" "cat >/dev/null"; }
ssh-cat-file()
{
	head -c "$B_BYTES" "$B_DISK" | "${ssh_words[@]}" -c "$B_CIPHER" "$far" "cat >$B_FAR/out; sync $B_FAR/out"
}
o-direct() { command dd "if=$B_DISK" of=/dev/null bs=4M iflag=direct,count_bytes "count=$B_BYTES" status=none; }

"$1"
