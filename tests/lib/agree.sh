# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154,SC2016
#
# The inventory beside the tools of the trade; sourced by sh after e2e.sh.  For every theme both sides are written as
# sorted lines of the same shape, and the lines must be the same:
#
#	agree THEME DIR		DIR: what tests/guests/agree-in-guest brought home
#
# What is left out on purpose is said where it is left out.

# ours FILTER: lines made from the machine
ours()
{
	jq -r "$1" "$agree_dir/machine.json"
}

agree_cpu_ours()
{
	ours '.cpu | "vendor \(.vendor)", "model \(.model)", "sockets \(.sockets)", "cores \(.cores_per_socket)",
		"threads \(.threads_per_core)", "online \(.online)", "flags \(.flags | sort | join(" "))",
		"family \(.family) \(.model_number) \(.stepping)",
		((.nodes // [])[] | "node \(.id) \(.cpus | split(",") | map(split("-") | map(tonumber) |
			[range(.[0]; .[-1] + 1)]) | add | map(tostring) | join(","))"), "nodes \((.nodes // []) | length)"'
}

agree_cpu_theirs()
{
	# util-linux joins neighbours by a comma where sysfs writes a range: both are made lists.
	jq -r '[.lscpu[] | {(.field | rtrimstr(":")): .data}] | add |
		"vendor \(."Vendor ID")", "model \(."Model name")", "sockets \(."Socket(s)")",
		"cores \(."Core(s) per socket")", "threads \(."Thread(s) per core")", "online \(."CPU(s)")",
		"flags \(.Flags | split(" ") | sort | join(" "))", "family \(."CPU family") \(.Model) \(.Stepping)",
		(to_entries[] | select(.key | test("^NUMA node[0-9]+ CPU")) |
			"node \(.key | capture("node(?<n>[0-9]+)").n) \(.value | split(",") | map(split("-") | map(tonumber) |
			[range(.[0]; .[-1] + 1)]) | add | map(tostring) | join(","))"),
		"nodes \(."NUMA node(s)" // 0)"' "$agree_dir/lscpu.json"
}

agree_memory_ours()
{
	ours '(.memory.slots // [])[] | "slot \(.locator) \(.size // 0) \(.type // "-")"'
}

agree_memory_theirs()
{
	awk -F': ' '/^Memory Device/ { size = 0; name = type = "-" }
		/^\tSize: [0-9]/ { split($2, a, " "); size = a[1] * (a[2] == "GB" ? 1073741824 : a[2] == "MB" ? 1048576 : 1024) }
		/^\tLocator:/ { name = $2 }
		/^\tType: / { printf "slot %s %.0f %s\n", name, size, $2 }' "$agree_dir/dmi17.txt"
}

agree_identity_ours()
{
	ours '.smbios | "uuid \(.uuid)", "vendor \(.sys_vendor)", "product \(.product_name)", "serial \(.product_serial)",
		"board \(.board_name) \(.board_serial)", "bios \(.bios_vendor) \(.bios_version) \(.bios_date)"'
}

agree_identity_theirs()
{
	awk -F': ' '/^[A-Z]/ { part = $0 }
		part == "System Information" && /^\tUUID/ { print "uuid " $2 }
		part == "System Information" && /^\tManufacturer/ { print "vendor " $2 }
		part == "System Information" && /^\tProduct Name/ { print "product " $2 }
		part == "System Information" && /^\tSerial Number/ { print "serial " $2 }
		part == "Base Board Information" && /^\tProduct Name/ { board = $2 }
		part == "Base Board Information" && /^\tSerial Number/ { print "board " board " " $2 }
		part == "BIOS Information" && /^\tVendor/ { bios = $2 }
		part == "BIOS Information" && /^\tVersion/ { bios = bios " " $2 }
		part == "BIOS Information" && /^\tRelease Date/ { print "bios " bios " " $2 }' "$agree_dir/dmidecode.txt"
}

agree_firmware_ours()
{
	ours 'def hex4: [., 0] | .[0] as $n | "0123456789ABCDEF" as $d |
			[($n / 4096 | floor), ($n / 256 | floor % 16), ($n / 16 | floor % 16), ($n % 16)] |
			map($d[.:. + 1]) | join("");
		.firmware | "type \(.type)",
		(if .type == "uefi" then
			(if .boot_current != null then "current \(.boot_current | hex4)" else empty end),
			"order \((.boot_order // []) | map(hex4) | join(","))",
			((.entries // [])[] | "entry \(.number | hex4)\(if .active then "*" else "" end) \(.label)")
		else empty end)'
}

agree_firmware_theirs()
{
	if grep -q 'not supported' "$agree_dir/efibootmgr.txt"; then
		echo "type bios"
		return
	fi
	echo "type uefi"
	sed -n -e 's/^BootCurrent: /current /p' -e 's/^BootOrder: /order /p' \
		-e 's/^Boot\([0-9A-F]\{4\}\)\(\*\{0,1\}\) *\([^\t]*\).*/entry \1\2 \3/p' "$agree_dir/efibootmgr.txt"
}

# Whole disks, as lsblk lists them.  Of a disk that is one path of several, udev (and so lsblk and blkid) hides what is on
# it; the inventory tells it, since that disk may be the one that is copied.  lsblk has no word for virtio as a transport, and knows no revision of NVMe.
agree_disks_ours()
{
	ours '.disks[] | "\(.name) size=\(.size) sectors=\(.logical_sector)/\(.physical_sector) serial=\(.serial // "-")",
		"\(.name) wwn=\(.wwn // "-") transport=\(.transport // "-" | sub("virtio"; "-")) rotational=\(.rotational)",
		"\(.name) readonly=\(.readonly) removable=\(.removable) hctl=\(.hctl // "-")",
		(select(.fs.type != "mpath_member") | "\(.name) table=\(.table // "-") id=\(.table_uuid // "-")"),
		"\(.name) state=\(.state // "-") revision=\(if .transport == "nvme" then "-" else .revision // "-" end)",
		"\(.name) model=\(.model // "-" | gsub("_"; " "))"'
}

agree_disks_theirs()
{
	jq -r 'def text: if . == null or . == "" then "-" else . end;
		.blockdevices[] | select(.type == "disk") |
		"\(.name) size=\(.size) sectors=\(."log-sec")/\(."phy-sec") serial=\(.serial | text)",
		"\(.name) wwn=\(.wwn | text) transport=\(.tran | text) rotational=\(.rota)",
		"\(.name) readonly=\(.ro) removable=\(.rm) hctl=\(.hctl | text)",
		(select(.fstype != "mpath_member") |
			"\(.name) table=\(.pttype | text) id=\(.ptuuid | text | sub("^0x"; ""))"),
		"\(.name) state=\(.state | text) revision=\(.rev | text)",
		"\(.name) model=\(.model | text | gsub("_"; " "))"' "$agree_dir/lsblk.json"
}

agree_partitions_ours()
{
	ours '.disks[] | .name as $disk | (.partitions // [])[] |
		"\($disk) \(.number) \(.start) \(.size) \(.label // "-") \(if .boot then "boot" else "-" end)"'
}

agree_partitions_theirs()
{
	for agree_file in "$agree_dir"/parted.*; do
		agree_disk=${agree_file##*.}
		case $agree_disk in mapper*|dm-*|md*) continue ;; esac
		# A whole-disk filesystem is a table named "loop" with one partition.
		sed -n 2p "$agree_file" | grep -q ':loop:' && continue
		awk -F: -v disk="$agree_disk" 'NR > 2 && /^[0-9]/ {
			sub("B", "", $2); sub("B", "", $4); sub(";", "", $7)
			printf "%s %s %s %s %s %s\n", disk, $1, $2, $4, $6 == "" ? "-" : $6, $7 ~ /boot/ ? "boot" : "-"
		}' "$agree_file"
	done
}

# Filesystems of all that holds one, by device path; for paths see above.
agree_filesystems_ours()
{
	ours 'def fs($path): .fs | select(.type != null and .type != "mpath_member") |
			"\($path) \(.type) \(.uuid // "-") \(.label // "-")";
		(.disks[] | select(.fs.type != "mpath_member") | fs(.path), ((.partitions // [])[] | fs(.path))),
		((.volumes // [])[] | fs(.path))'
}

agree_filesystems_theirs()
{
	for agree_file in "$agree_dir"/blkid.*; do
		awk -F= '{ v[$1] = $2 }
			END { if (v["TYPE"] != "") print v["DEVNAME"], v["TYPE"], v["UUID"] == "" ? "-" : v["UUID"],
				v["LABEL"] == "" ? "-" : v["LABEL"] }' "$agree_file"
	done
}

agree_mounts_ours()
{
	ours '.mounts[] | select(.fs != "tmpfs") | "\(.target) \(.source) \(.fs) \(.options)"'
}

agree_mounts_theirs()
{
	jq -r '.filesystems[] | select(.fstype != "tmpfs") | "\(.target) \(.source) \(.fstype) \(.options)"' \
		"$agree_dir/findmnt.json"
}

# The layers: which stands on which, by lsblk's tree; mountpoints.
agree_layers_ours()
{
	ours '(.volumes // [])[] | .path as $p | (.slaves // [])[] | "\($p) on \(.)"'
	ours '((.volumes // [])[], .disks[], (.disks[] | (.partitions // [])[])) | .path as $p | (.mountpoints // [])[] |
		"\($p) at \(.)"'
}

agree_layers_theirs()
{
	jq -r 'def walk_tree: . as $up | (.children // [])[] |
			(select(.type != "part" or ($up.type != "disk")) | "\(.path) on \($up.kname)"), walk_tree;
		.blockdevices[] | walk_tree' "$agree_dir/lsblk.json"
	jq -r '[.blockdevices[] | recurse((.children // [])[])] | .[] | .path as $p | .mountpoints[] | select(. != null) |
		"\($p) at \(.)"' "$agree_dir/lsblk.json"
}

agree_md_ours()
{
	ours '(.volumes // [])[] | select(.kind == "md") |
		"\(.name) \(.level) \(.metadata) \(.devices) \(.missing // 0) \(.uuid)"'
}

agree_md_theirs()
{
	for agree_file in "$agree_dir"/mdadm.*; do
		[ -e "$agree_file" ] || continue
		awk -F= -v name="${agree_file##*.}" '{ v[$1] = $2 }
			END { print name, v["MD_LEVEL"], v["MD_METADATA"], v["MD_DEVICES"], 0, v["MD_UUID"] }' "$agree_file"
	done
}

agree_lvm_ours()
{
	ours '(.volumes // [])[] | select(.kind == "lvm") | "lv \(.path) \(.group) \(.size)"'
	ours '((.volumes // [])[], .disks[], (.disks[] | (.partitions // [])[])) | select(.fs.type == "LVM2_member") |
		"pv \(.path) \(.fs.group) \(.fs.group_uuid) \(.fs.members)"'
}

agree_lvm_theirs()
{
	jq -r '.report[].lv[] | "lv \(.lv_dm_path) \(.vg_name) \(.lv_size)"' "$agree_dir/lvs.json"
	jq -r '.report[].pv[] | "pv \(.pv_name) \(.vg_name) \(.vg_uuid) \(.pv_count)"' "$agree_dir/pvs.json"
}

agree_luks_ours()
{
	ours '.disks[] | (.partitions // [])[] | select(.fs.type == "crypto_LUKS") |
		"\(.path) version=\(.fs.version) keyslots=\(.fs.keyslots) tokens=\((.fs.tokens // []) | join(","))"'
}

agree_luks_theirs()
{
	[ ! -s "$agree_dir/luks.json" ] || jq -r '"/dev/nvme0n1p1 version=2 keyslots=\(.keyslots | length) tokens=" +
		([.tokens[].type] | join(","))' "$agree_dir/luks.json"
}

# Virtual disks are not asked.
agree_smart_ours()
{
	ours '.disks[] | select(.smart.status != null) | "\(.name) \(.smart.status)"'
}

agree_smart_theirs()
{
	for agree_file in "$agree_dir"/smart.*; do
		# For a bridge that it does not know it says so in plain words.
		grep -q '^{' "$agree_file" || continue
		ours ".disks[] | select(.name == \"${agree_file##*.}\") | .transport" | grep -q virtio && continue
		jq -r --arg n "${agree_file##*.}" 'select(.smart_status != null) |
			"\($n) \(if .smart_status.passed then "passed" else "failed" end)"' "$agree_file"
	done
}

agree_net_ours()
{
	ours '.nics[] | "\(.name) mac=\(.mac) mtu=\(.mtu) up=\(.up) master=\(.master // "-")",
		(select(.kind == "vlan") | "\(.name) vlan=\(.vlan_id) \(.vlan_protocol) on \(.lower[0])"),
		(select(.kind == "bond") | "\(.name) bond=\(.bond_mode) active=\(.bond_active // "-")"),
		(select(.kind == "bridge") | "\(.name) bridge stp=\(.bridge_stp // false)"),
		(.name as $n | (.addresses // [])[] | "\($n) address=\(.address) \(.scope)\(if .dynamic then " dynamic" else "" end)")'
}

agree_net_theirs()
{
	jq -r '.[] | select(.ifname != "lo") | .ifname as $n |
		"\($n) mac=\(.address) mtu=\(.mtu) up=\(.flags | index("UP") != null) master=\(.master // "-")",
		(select(.linkinfo.info_kind == "vlan") |
			"\($n) vlan=\(.linkinfo.info_data.id) \(.linkinfo.info_data.protocol) on \(.link)"),
		(select(.linkinfo.info_kind == "bond") |
			"\($n) bond=\(.linkinfo.info_data.mode) active=\(.linkinfo.info_data.active_slave // "-")"),
		(select(.linkinfo.info_kind == "bridge") |
			"\($n) bridge stp=\(.linkinfo.info_data.stp_state == 1)"),
		(.addr_info[] | "\($n) address=\(.local)/\(.prefixlen) \(.scope)\(if .dynamic then " dynamic" else "" end)")' \
		"$agree_dir/addr.json"
}

# Routes that the kernel makes of addresses by itself are not in the inventory.
agree_routes_ours()
{
	ours '(.routes // [])[] | "\(.destination) via \(.gateway // "-") dev \(.nic) metric \(.metric // 0)"'
}

agree_routes_theirs()
{
	jq -r '.[] | select(.protocol != "kernel") |
		"\(.dst) via \(.gateway // "-") dev \(.dev) metric \(.metric // 0)"' "$agree_dir/route.json" \
		"$agree_dir/route6.json"
}

# Those that the kernel makes by itself are not in the inventory; the words of the two are the same but for "all".
agree_rules_ours()
{
	ours '(.rules // [])[] | "\(.priority) \(.invert // false) from \(.from // "all") to \(.to // "all") iif \(.iif // "-") " +
		"oif \(.oif // "-") mark \(.mark // "-") also \((.also // []) | join(",")) \(.action // "-") \(.table // "-")"'
}

agree_rules_theirs()
{
	jq -r 'def span(w): if has(w) then ["\(w) \(.[w])"] elif has("\(w)_start") then
			["\(w) \(.["\(w)_start"])-\(.["\(w)_end"])"] else [] end;
		def net(a; n): if a == null or a == "all" then "all" else
			"\(a)/\(n // (if (a | contains(":")) then 128 else 32 end))" end;
		.[] | select(.priority > 0 and .priority < 32766) |
		([if has("uid_start") then "uidrange \(.uid_start)-\(.uid_end)" else empty end,
		  if has("ipproto") then "ipproto \(.ipproto)" else empty end] + span("sport") + span("dport")) as $also |
		"\(.priority) \(has("not")) from \(net(.src; .srclen)) to \(net(.dst; .dstlen)) iif \(.iif // "-") " +
		"oif \(.oif // "-") mark \(if has("fwmask") then "\(.fwmark)/\(.fwmask)" else .fwmark // "-" end) " +
		"also \($also | join(",")) \(.action // "-") \(.table // "-")"' "$agree_dir/rule.json" "$agree_dir/rule6.json"
}

agree_team_ours()
{
	ours '.nics[] | select(.kind == "team") | "\(.name) \(.bond_mode)"'
}

agree_team_theirs()
{
	cat "$agree_dir/team.txt"
}

agree_usb_ours()
{
	ours '(.usb // [])[] | "\(.vendor):\(.product)"'
}

agree_usb_theirs()
{
	awk '{ print $6 }' "$agree_dir/lsusb.txt"
}

agree_macs_ours()
{
	ours '.nics[] | select(.permanent_mac != null) | "\(.name) \(.permanent_mac)"'
}

agree_macs_theirs()
{
	for agree_file in "$agree_dir"/ethtool.*; do
		sed -n "s/^Permanent address: \([0-9a-f:]*\)$/${agree_file#"$agree_dir/ethtool."} \1/p" "$agree_file" |
			grep -v 00:00:00:00:00:00 || :
	done
}

agree_pci_ours()
{
	ours '.pci[] | "\(.address) \(.class[2:6]) \(.vendor[2:]):\(.device[2:]) \(.driver // "-")"'
}

agree_pci_theirs()
{
	awk '{ v[$1] = $2 }
		/^$/ { if (v["Slot:"] != "") show(); delete v }
		END { if (v["Slot:"] != "") show() }
		function show() { print v["Slot:"], v["Class:"], v["Vendor:"] ":" v["Device:"],
			v["Driver:"] == "" ? "-" : v["Driver:"] }' "$agree_dir/lspci.txt"
}

# agree THEME DIR
agree()
{
	agree_dir=$2
	"agree_$1_ours" | LC_ALL=C sort -u >"$agree_dir/$1.ours" || return 1
	"agree_$1_theirs" | LC_ALL=C sort -u >"$agree_dir/$1.theirs" || return 1
	[ -s "$agree_dir/$1.theirs" ] || { echo "the other tool says nothing"; return 1; }
	diff -u "$agree_dir/$1.theirs" "$agree_dir/$1.ours"
}
