# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154
#
# The whole way of one Debian server: from the physical machine to the virtual one; sourced by sh after e2e.sh and
# sshd.sh.  convert_test runs CONVERT_TESTS checks.
#
#	convert_test FIRMWARE INITRAMFS NET [KEEP]
#
# With KEEP the finished job stays in the cache under that name, for scripts that go on from there:
#
#	convert_kept KEEP	the job web01 in the store $e2e_store is finished; it is made when it is not there yet

CONVERT_TESTS=26
nic=enp0s25

# ask COMMAND...: run boot-guest or record-in-guest with the questions, the same before and after, added at the end;
# the answers are N.out, in this order
ask()
{
	set -- "$@" \
		"systemctl is-system-running --wait" \
		"systemctl list-units --failed --no-legend --plain | awk '{ print \$1 }'" \
		"cat /proc/sys/kernel/hostname" \
		"ip -4 -o address show dev $nic | awk '{ print \$2, \$4 }'" \
		"ip -4 route show default | awk '{ print \$3, \$5 }'" \
		"cat /etc/machine-id; sha256sum /etc/ssh/ssh_host_*_key /srv/* 2>/dev/null; readlink /srv/marker.link" \
		"cat /sys/class/dmi/id/product_uuid /sys/class/dmi/id/product_serial /sys/class/dmi/id/sys_vendor" \
		"ls /dev/disk/by-id | grep -o 'wwn-.*' | sort" \
		"awk 'NR > 1 { print \$2, \$3 }' /proc/swaps" \
		"for u in smartmontools watchdog ssh; do systemctl is-active \$u; done" \
		"systemctl is-active qemu-guest-agent" \
		"sed 's/#.*//' /etc/fstab | awk 'NF { print \$1 }'; cat /proc/cmdline" \
		"findmnt -n -o SOURCE /; cat /sys/class/net/$nic/address"
	"$@"
}

# same N NAME: the converted guest answers question N as the source did
same()
{
	is "$2" "$(cat "$e2e_dir/after/$1.out")" "$(cat "$e2e_dir/before/$1.out")"
}

# expect_boot STATUS ARGUMENT...: boot-guest ends with this status
expect_boot()
{
	convert_wanted=$1
	convert_got=0
	shift
	"$e2e_rig/boot-guest" "$@" || convert_got=$?
	[ "$convert_got" -eq "$convert_wanted" ]
}

# files_equal SOURCE COPY ROOT-PARTITION-NUMBER: every file reads the same, through libguestfs
files_equal()
{
	guestfish --ro --format=raw -a "$1" --format=qcow2 -a "$2" <<-END
		run
		mount-ro /dev/sda$3 /
		checksums-out md5 / $e2e_dir/sums.source
		umount-all
		mount-ro /dev/sdb$3 /
		checksums-out md5 / $e2e_dir/sums.copy
	END
	sort "$e2e_dir/sums.source" >"$e2e_dir/sums.a"
	sort "$e2e_dir/sums.copy" >"$e2e_dir/sums.b"
	[ "$(wc -l <"$e2e_dir/sums.a")" -gt 5000 ] || { echo "only $(wc -l <"$e2e_dir/sums.a") files"; return 1; }
	cmp "$e2e_dir/sums.a" "$e2e_dir/sums.b"
}

used_equal()
{
	qemu-img convert -O raw "$2" "$e2e_dir/replica.raw" || return 1
	convert_rc=0
	"$e2e_rig/compare-used" "$1" "$e2e_dir/replica.raw" || convert_rc=$?
	rm -f "$e2e_dir/replica.raw"
	return $convert_rc
}

no_disk_names()
{
	! grep -E '/dev/sd[a-z]' "$e2e_dir/after/12.out"
}

# healthy: running, or degraded by no unit that was not failed before
healthy()
{
	cat "$e2e_dir/after/1.out" "$e2e_dir/after/2.out"
	sort "$e2e_dir/before/2.out" >"$e2e_dir/failed.before"
	sort "$e2e_dir/after/2.out" | comm -13 "$e2e_dir/failed.before" - >"$e2e_dir/failed.new"
	case $(cat "$e2e_dir/after/1.out") in
	running) true;;
	degraded) [ ! -s "$e2e_dir/failed.new" ];;
	*) false;;
	esac
}

# boots_by_entry IMAGE VARIABLES: with the firmware's variables that finish wrote it starts by the recorded entry
boots_by_entry()
{
	"$e2e_rig/boot-guest" --firmware uefi --nvram "$2" --output "$e2e_dir/entry" "$1" \
		'od -An -tu2 -j4 /sys/firmware/efi/efivars/BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c' || return 1
	[ "$(tr -d ' \n' <"$e2e_dir/entry/1.out")" = "$(jq .firmware.boot_current "$e2e_dir/machine.json")" ]
}

convert_source()
{
	"$e2e_rig/make-debian-disk" --firmware "$1" --initramfs "$2" --net "$3" --out "$e2e_dir/source.raw"
}

convert_record()
{
	if [ "$1" = uefi ]; then
		set -- --firmware uefi --nvram "$e2e_dir/source.nvram"
	else
		set --
	fi
	ask "$e2e_rig/record-in-guest" --agent "$e2e_build/p2v-agent" "$@" --output "$e2e_dir/before" \
		--out "$e2e_dir/machine.json" "$e2e_dir/source.raw"
}

# What a kept job depends on: the programs that made it, and the recipe of the source.
convert_key()
{
	cat "$e2e_build/p2v-agent" "$e2e_build/p2v-server" "$e2e_rig"/make-debian-* | sha256sum
}

convert_store()
{
	[ -n "$1" ] || return 0
	e2e_store=$P2V_CACHE/kept-$1
	chmod -R u+w "$e2e_store" 2>/dev/null || :
	rm -rf "$e2e_store" "$e2e_store.key"
	mkdir -p "$P2V_CACHE"
}

convert_copy()
{
	sshd_start "$e2e_dir/sshd" "$e2e_build/p2v-server --store ${e2e_store:-$e2e_dir/store} receive"
	e2e_at_exit sshd_stop
	agent cold --server "$sshd_user@127.0.0.1:$sshd_port" --identity "$sshd_identity" \
		--host-key "$sshd_fingerprint" --no-input --disk "$e2e_dir/source.raw" \
		--machine "$e2e_dir/machine.json" --name web01
}

convert_kept()
{
	e2e_store=$P2V_CACHE/kept-$1
	[ "$(convert_key)" != "$(cat "$e2e_store.key" 2>/dev/null)" ] || return 0
	convert_store "$1"
	convert_source bios initramfs-tools ifupdown && convert_record bios && convert_copy &&
		server finish web01 --accel tcg && convert_key >"$e2e_store.key"
}

# convert_test FIRMWARE INITRAMFS NET [KEEP]
convert_test()
{
	convert_store "${4:-}"
	convert_firmware=$1
	# The partition of the root file system.
	case $1 in bios) convert_root=1;; *) convert_root=2;; esac

	note "a Debian server: $1, $2, $3"
	must "the source disk is made" convert_source "$1" "$2" "$3"
	must "the physical machine boots and is recorded" convert_record "$1"
	is "it runs without a failed unit" "$(cat "$e2e_dir/before/1.out")" running
	is "it has its static address" "$(cat "$e2e_dir/before/4.out")" "$nic 10.0.2.15/24"
	sum_before=$(sha256sum <"$e2e_dir/source.raw")

	must "the disk is copied over SSH" convert_copy
	sshd_stop
	is "the source is untouched" "$(sha256sum <"$e2e_dir/source.raw")" "$sum_before"
	check "verify agrees" server verify web01
	replica=$(show web01 '.images[0].replica // .images[0].path')
	check "qemu-img check of the replica is clean" qemu-img check "$replica"
	check "the replica equals the source wherever it is used" used_equal "$e2e_dir/source.raw" "$replica"
	check "every file reads the same" files_equal "$e2e_dir/source.raw" "$replica" "$convert_root"
	check "the unfixed copy does not boot on virtio" expect_boot 3 --console ttyS1 --firmware "$convert_firmware" \
		"$replica" true

	must "finish fixes the guest" server finish web01 --accel tcg
	image=$(show web01 '.images[0].path')
	xml=$(show web01 .domain_xml)
	check "qemu-img check of the image is clean" qemu-img check "$image"
	check "the domain XML is valid" virt-xml-validate "$xml" domain
	is "it carries the machine's identity" \
		"$(grep -c -e 4c4c4544-0058-4b10-8032-b7c04f503933 -e '>7XK2P93<' -e S3Z8NB0K712345 \
			-e 5002538e40a1b2c3 -e 00:1b:21:3a:4c:5e "$xml" | sed 's/^[5-9]$/all/')" all
	check "the report is there" test -s "$(show web01 .report)" -a -s "$(show web01 .report_html)"

	must "the converted machine reaches its login prompt" ask "$e2e_rig/boot-guest" --firmware "$convert_firmware" \
		--output "$e2e_dir/after" "$image"
	check "it is as healthy as the source" healthy
	[ "$1" != uefi ] || check "with the variables that finish wrote, it boots by its recorded entry" \
		boots_by_entry "$image" "${xml%.xml}_VARS.fd"
	same 3 "the host name is the same"
	same 4 "the static address is on the interface of the same name"
	same 5 "the default route is the same"
	same 6 "machine id, host keys and data are the same"
	same 8 "the disk has the same WWN names"
	same 9 "swap is on"
	is "hardware agents are off, services on, the guest agent runs" \
		"$(cat "$e2e_dir/after/10.out" "$e2e_dir/after/11.out" | xargs)" "inactive inactive active active"
	check "nothing is named by /dev/sdX" no_disk_names
	[ -z "${4:-}" ] || [ "$e2e_failed" -gt 0 ] || convert_key >"$e2e_store.key"
}
