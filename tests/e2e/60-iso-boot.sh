#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# The bootable medium: built twice it is the same; from CD by BIOS, with 512 MiB and nothing but a serial console, it converts
# a machine without a question, turns it off, and has written to none of its disks: no journal was replayed, no array and
# no volume group was assembled, no swap was used. tests/iso/matrix boots it on other machines.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"
. "$(dirname "$0")/../iso/watch.sh"

e2e_want qemu-system-x86_64 qemu-img xorriso mformat grub-mkimage zstd cpio sfdisk mke2fs debugfs mkswap sshd socat jq perl apt-get
e2e_begin 34 480
log=$e2e_dir/console

# ---- a machine: a system on ext4 that lost power, swap, a volume group; a second disk, half of an array

make_disks()
{
	mkdir -p "$e2e_dir/tree/etc" "$e2e_dir/tree/srv" "$e2e_dir/tree/sbin" "$e2e_dir/tree/boot"
	printf 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' >"$e2e_dir/tree/etc/os-release"
	echo rack9-db01 >"$e2e_dir/tree/etc/hostname"
	echo 'UUID=0a0b0c0d-1111-2222-3333-444455556666 / ext4 defaults 0 1' >"$e2e_dir/tree/etc/fstab"
	: >"$e2e_dir/tree/sbin/init"
	seq 1 100000 >"$e2e_dir/tree/srv/numbers"
	dd if=/dev/urandom of="$e2e_dir/tree/srv/noise" bs=1M count=8 status=none
	truncate -s 160M "$e2e_dir/a.raw"
	printf '%s\n' 'label: dos' 'start=2048, size=131072, type=83, bootable' 'start=133120, size=32768, type=82' \
		'start=196608, size=129024, type=8e' | sfdisk -q "$e2e_dir/a.raw"
	mke2fs -q -t ext4 -F -U 0a0b0c0d-1111-2222-3333-444455556666 -E offset=1048576 -d "$e2e_dir/tree" "$e2e_dir/a.raw" 64m
	# A transaction that waits in the journal: whoever mounts this for real writes it to its place.
	dd if="$e2e_dir/a.raw" of="$e2e_dir/fs" bs=1M skip=1 count=64 status=none
	dd if=/dev/urandom of="$e2e_dir/block" bs=1024 count=1 status=none
	printf 'jo\njw -b 40000 %s\njc\n' "$e2e_dir/block" | debugfs -w -f - "$e2e_dir/fs"
	dumpe2fs -h "$e2e_dir/fs" 2>/dev/null | grep -q needs_recovery || return 1
	dd if="$e2e_dir/fs" of="$e2e_dir/a.raw" bs=1M seek=1 conv=notrunc status=none
	truncate -s 16M "$e2e_dir/swap"
	mkswap -q "$e2e_dir/swap"
	dd if="$e2e_dir/swap" of="$e2e_dir/a.raw" bs=4096 count=1 seek=$((133120 / 8)) conv=notrunc status=none
	perl -e 'open(my $d, "+<", $ARGV[0]) or die; open(my $r, "<", $ARGV[1]) or die;
		while (<$r>) { next unless /^(\d+) ([0-9a-f]+)$/; seek($d, 196608 * 512 + $1, 0) or die; print $d pack("H*", $2) or die }
		close($d) or die' "$e2e_dir/a.raw" "$e2e_top/tests/images/lvm/holes.pv"
	truncate -s 32M "$e2e_dir/b.raw"
	# Version 0.90, in a partition of type fd: what a kernel assembles by itself.
	printf '%s\n' 'label: dos' 'start=2048, size=63488, type=fd' | sfdisk -q "$e2e_dir/b.raw"
	perl -e 'my $sb = pack("V32", 0xa92b4efc, 0, 90, 0, 0, 0x11111111, 1700000000, 1, 31680, 2, 2, 0, 0, 0x22222222, 0x33333333,
			0x44444444);
		$sb .= pack("V*", 1700000001, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0) . "\0" x 84; $sb .= "\0" x (4096 - length $sb);
		open(my $d, "+<", $ARGV[0]) or die; seek($d, (2048 + 63488 - 128) * 512, 0); print $d $sb or die; close($d) or die' "$e2e_dir/b.raw"
}

sums()
{
	sha256sum "$e2e_dir/a.raw" "$e2e_dir/b.raw"
}

must "a machine's disks" make_disks
before=$(sums)

# ---- the server, and the medium for it

must "a server listens" sshd_start "$e2e_dir/ssh" "$e2e_build/p2v-server --store $e2e_dir/store receive --job-prefix db"
e2e_at_exit sshd_stop
cmdline="p2v.server=$sshd_user@10.0.2.100 p2v.host-key=$sshd_fingerprint p2v.name=db01 p2v.map=bridge:br7 p2v.post=poweroff"

build()
{
	"$e2e_top/iso/build" --build "$e2e_build" --out "$1" --key "$sshd_identity" --cmdline "$cmdline" iso
}
network="user,id=n,restrict=on,guestfwd=tcp:10.0.2.100:22-cmd:socat STDIO TCP4:127.0.0.1:$sshd_port"

must "the medium is built" build "$e2e_dir/p2v.iso"
again()
{
	(umask 002; TZ=Pacific/Apia TMPDIR=$e2e_dir build "$e2e_dir/again.iso") && cmp "$e2e_dir/p2v.iso" "$e2e_dir/again.iso"
}
check "built again it is the same, byte for byte" again
rm -f "$e2e_dir/again.iso"
check "it is no larger than 120 MiB" test "$(stat -c %s "$e2e_dir/p2v.iso")" -le $((120 << 20))
is "with a key in it, it is for its owner only" "$(stat -c %a "$e2e_dir/p2v.iso")" 600

refused()
{
	rc=0
	"$e2e_top/iso/build" --build "$e2e_build" --out "$e2e_dir/no.iso" --cmdline "$1" iso >"$e2e_dir/refused" 2>&1 || rc=$?
	[ "$rc" -ne 0 ] && [ ! -e "$e2e_dir/no.iso" ] && grep -q "$2" "$e2e_dir/refused" &&
		! grep -q hunter2 "$e2e_dir/refused"
}
check "a password is not built in" refused 'p2v.password=hunter2' 'no place for a secret'
# shellcheck disable=SC2016 # as a menu would read it
check "nor is what a boot loader would read as its own" refused 'p2v.server=[::1] quiet;$x' 'CMDLINE holds a character'
check "nor a word that is not known" refused 'p2v.disk=sda' 'p2v.disk is not known'

# ---- the conversion

watch_start "$log" -machine q35 -m 512 -boot d -drive "if=none,id=cd,file=$e2e_dir/p2v.iso,format=raw,media=cdrom,readonly=on" \
	-device ide-cd,bus=ide.2,drive=cd -drive "if=none,id=a,file=$e2e_dir/a.raw,format=raw,cache=unsafe" \
	-device ide-hd,bus=ide.0,drive=a,serial=DB01-A -drive "if=none,id=b,file=$e2e_dir/b.raw,format=raw,cache=unsafe" \
	-device ide-hd,bus=ide.1,drive=b,serial=DB01-B -device e1000e,netdev=n,mac=52:54:00:0d:b0:01 -uuid 3f2f1d3e-7a52-4d0b-9d61-5b0d3c1e9a77 \
	-netdev "$network"
e2e_at_exit watch_stop
check "the medium comes up" watch_for 120 "$log" 'p2v: p2v-agent'
first_byte()
{
	wait_for 120 sh -c "[ \"\$(du -k '$e2e_dir'/store/db01/sda.qcow2* 2>/dev/null | awk '{ n += \$1 } END { print n + 0 }')\" -gt 1024 ]"
}
check "it begins to send by itself" first_byte
note "first bytes $(($(date +%s) - $(stat -c %Y "$log.err"))) s after the machine was switched on, with the menu's 8 s"
check "it says that it is done" watch_for 180 "$log" 'p2v: the conversion is done'
off()
{
	wait_for 30 sh -c "! kill -0 $watch_pid 2>/dev/null"
}
check "it turns the machine off" off
watch_stop
note "from the kernel's start to its end: $(watch_since "$log" 'Booting' 'turning the machine off') s"
tail -n 25 "$log" | sed 's/^/# /'

is "no disk has changed" "$(sums)" "$before"
is "the job is complete, under the name that was asked for" "$(show db01 .state)" verified
is "both disks are in it" "$(show db01 '.images | map(.disk) | sort | join(" ")')" "sda sdb"
for disk in sda:a sdb:b; do
	check "the image of ${disk%:*} is the disk" qemu-img compare -f raw -F qcow2 "$e2e_dir/${disk#*:}.raw" \
		"$e2e_dir/store/db01/${disk%:*}.qcow2"
done
machine()
{
	jq -r "$1" "$e2e_dir/store/db01/machine.json"
}
is "the system on the disk is the machine's" "$(machine '"\(.hostname) \(.os.id)"')" "rack9-db01 debian"
is "its network goes where the command line says" "$(machine '.plan.nics | map(.connect) | join(" ")')" bridge:br7
is "no array was assembled" "$(machine '[.volumes[]? | select(.kind == "md")] | length')" 0
is "no console shows anything of the key" "$(grep -ac 'PRIVATE' "$log")" 0

# ---- the same from USB, with the key on a second stick and an address of its own

make_sticks()
{
	cmdline="p2v.server=$sshd_user@10.0.2.100 p2v.host-key=$sshd_fingerprint p2v.name=db02 p2v.nic=52:54:00:0D:B0:02"
	"$e2e_top/iso/build" --build "$e2e_build" --out "$e2e_dir/usb.iso" \
		--cmdline "$cmdline p2v.ip=10.0.2.77/24,gw=10.0.2.2,dns=10.0.2.3 p2v.o=local" iso || return 1
	mformat -C -i "$e2e_dir/key.img" -v P2V-KEY -h 16 -s 32 -t 8 :: && mcopy -i "$e2e_dir/key.img" "$sshd_identity" ::identity
}
must "a medium without a key is made, and a stick with one" make_sticks
is "without a key in it, it is for everybody" "$(stat -c %a "$e2e_dir/usb.iso")" 644
sticks=$(sha256sum "$e2e_dir/usb.iso" "$e2e_dir/key.img")
log=$e2e_dir/console2
watch_start "$log" -machine q35 -m 512 -device qemu-xhci,id=x -drive "if=none,id=u,file=$e2e_dir/usb.iso,format=raw,cache=unsafe" \
	-device usb-storage,bus=x.0,drive=u,bootindex=1 -drive "if=none,id=k,file=$e2e_dir/key.img,format=raw,cache=unsafe" \
	-device usb-storage,bus=x.0,drive=k -drive "if=none,id=a,file=$e2e_dir/a.raw,format=raw,cache=unsafe" \
	-device virtio-blk-pci,drive=a,serial=DB02-A -device virtio-net-pci,netdev=n,mac=52:54:00:0d:b0:02 -netdev "$network"
check "it converts" watch_for 240 "$log" 'p2v: the conversion is done'
check "the key of the second stick was used" grep -aq 'p2v: the key of /dev/sd[ab]1* is used' "$log"
check "the address is the one that was given" grep -aqF 'p2v: network: eth0 has 10.0.2.77/24' "$log"
check "a word of virt-p2v that means nothing is left out, and said" grep -aqF 'p2v.o is left out' "$log"
is "neither stick is taken for a disk of the machine" "$(grep -ac 'it is a medium of p2v' "$log")" 2
is "its disk is, and no other" "$(show db02 '.images | map(.disk) | join(" ")')" vda
check "the image is the disk" qemu-img compare -f raw -F qcow2 "$e2e_dir/a.raw" "$e2e_dir/store/db02/vda.qcow2"
check "without p2v.post the machine stays on" kill -0 "$watch_pid"
watch_stop
is "no disk has changed" "$(sums)" "$before"
is "no stick has changed" "$(sha256sum "$e2e_dir/usb.iso" "$e2e_dir/key.img")" "$sticks"
