/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every rule of pre-flight has a machine that triggers it and one that does not, which differs in
 * the very thing. A rule without such a pair fails here.
 */
#include "tests/unit/test_preflight_rules.h"

#define ONLY_SDA	"'with':{'disks':[{'name':'sda'}]}"
#define SDB1(fs)	"'disks':[{},{'partitions':[{'mountpoints':null,'fs':{" fs "}}]}]"
#define SDA2(fs)	"'disks':[{'partitions':[{},{'fs':{" fs "}}]}]"
/* Two disks with a member of something each. */
#define BOTH(a, b) \
	"'disks':[{'partitions':[{},{'fs':{" a "}}]},{'partitions':[{'mountpoints':null,'fs':{" b \
	"}}]}]"
#define PV(id) \
	"'type':'LVM2_member','uuid':'" id "','group':'vg0','group_uuid':'vgid','members':2"
#define MD(role, level) \
	"'type':'linux_raid_member','uuid':'u','group_uuid':'a:b','group':'web:0'," \
	"'members':2,'level':'" level "','role':'" role "'"
#define BTRFS(id) \
	"'type':'btrfs','uuid':'fsid','group_uuid':'fsid','members':2,'role':'" id "'"
#define BCACHE(role)	"'type':'bcache','group_uuid':'cset','role':'" role "'"
#define LUKS(more)	"'type':'crypto_LUKS','version':'2','keyslots':1" more
#define DISK_C(more) \
	"'disks':[{},{},{'name':'sdc','path':'/dev/sdc','size':1000000000000,'table':'gpt'," \
	"'logical_sector':512" more "}]"

static const struct row {
	const char *id;
	enum preflight_severity severity;
	const char *subject, *evidence;	/* of the finding: all of it, a part of it */
	const char *yes, *no;		/* NULL: see another row */
} rows[] = {
	{ "disk-in-use", PREFLIGHT_BLOCKS, "sda", "mounted on /",
	  "{'with':{'disks':[{'name':'sda','in_use_by':'mounted on /'}]}}",
	  "{'with':{'hot':true,'disks':[{'name':'sda','in_use_by':'mounted on /'}]}}" },
	{ "raw-device-writer", PREFLIGHT_DEGRADES, "sdc", "not mounted",
	  "{" DISK_C(",'table':null") ",'with':{'hot':true}}", "{" DISK_C(",'table':null") "}" },
	{ "raw-device-writer", PREFLIGHT_DEGRADES, "machine", "Oracle ASM",
	  "{'os':{'software':[{'kind':'storage-raw','name':'Oracle ASM','evidence':'afd runs'}]},"
	  "'with':{'hot':true}}",
	  "{'disks':[{'partitions':[{},{},{},{'name':'sda4','size':33554432,'type':"
	  "'21686148-6449-6e6f-744e-656564454649'}]}],'with':{'hot':true}}" },
	{ "disk-unknown", PREFLIGHT_NOTE, "xyz", "no xyz", "{'with':{'disks':[{'name':'xyz'}]}}",
	  "{'with':{'disks':[{'name':'sda'}]}}" },
	/* A job's name of a disk is not the kernel's. */
	{ "disk-unknown", PREFLIGHT_NOTE, "cciss-c0d1", "no cciss-c0d1",
	  "{'disks':[{'name':'cciss/c0d0'}],'with':{'disks':[{'name':'cciss-c0d1'}]}}",
	  "{'disks':[{'name':'cciss/c0d0'}],'with':{'disks':[{'name':'cciss-c0d0'}]}}" },
	{ "disk-size-differs", PREFLIGHT_DEGRADES, "sda", "1048576",
	  "{'with':{'disks':[{'name':'sda','size':1048576}]}}",
	  "{'with':{'disks':[{'name':'sda','size':1000204886016}]}}" },
	{ "disk-failing", PREFLIGHT_BLOCKS, "sda", "media errors",
	  "{'disks':[{'smart':{'status':'failed','detail':'media errors'}}]}",
	  "{'disks':[{'smart':{'status':'standby'}}]}" },
	{ "disk-failing", PREFLIGHT_BLOCKS, "sdb", "failing",
	  "{'disks':[{},{'smart':{'status':'failed'}}]}",
	  "{'disks':[{},{'smart':{'status':'failed'}}]," ONLY_SDA "}" },
	{ "disk-bad-sectors", PREFLIGHT_DEGRADES, "sda", "8 sectors",
	  "{'disks':[{'smart':{'pending':8}}]}", "{'disks':[{'smart':{'reallocated':8}}]}" },
	{ "disk-bad-sectors", PREFLIGHT_DEGRADES, "sda", "5 uncorrectable",
	  "{'disks':[{'smart':{'uncorrectable':5}}]}", "{}" },
	{ "disk-worn", PREFLIGHT_NOTE, "sda", "100 %",
	  "{'disks':[{'smart':{'percentage_used':100}}]}",
	  "{'disks':[{'smart':{'percentage_used':99}}]}" },
	{ "disk-removable", PREFLIGHT_NOTE, "sdb", "USB",
	  "{'disks':[{},{'transport':'usb'}]}", "{'disks':[{},{'transport':'usb'}]," ONLY_SDA "}" },
	{ "disk-removable", PREFLIGHT_NOTE, "sdb", "removable",
	  "{'disks':[{},{'removable':true}],'with':{'disks':[{'name':'sda'},{'name':'sdb'}]}}",
	  "{'disks':[{},{'removable':true}]}" },
	{ "mount-left-out", PREFLIGHT_DEGRADES, "sdb1", "(/srv)", "{" ONLY_SDA "}", "{}" },
	{ "mount-left-out", PREFLIGHT_DEGRADES, "sdb1", "/srv",
	  "{'plan':{'disks':[{'name':'sdb','skip':true}]}}",
	  "{'volumes':[{'name':'zram0','kind':'zram','mountpoints':['[SWAP]']}]}" },
	{ "disk-left-out", PREFLIGHT_NOTE, "sdb", "1.8 TiB", "{" ONLY_SDA "}", "{}" },
	{ "disk-4kn", PREFLIGHT_NOTE, "sda", "4096", "{'disks':[{'logical_sector':4096}]}", "{}" },
	{ "disk-misaligned", PREFLIGHT_NOTE, "sda1", "32256",
	  "{'disks':[{'partitions':[{'start':32256}]}]}",
	  "{'disks':[{'physical_sector':512,'partitions':[{'start':32256}]}]}" },
	{ "disk-zoned", PREFLIGHT_BLOCKS, "sdb", "host-managed",
	  "{'disks':[{},{'zoned':'host-managed'}]}", "{'disks':[{},{'zoned':'none'}]}" },
	{ "disk-zoned", PREFLIGHT_NOTE, "sdb", "host-aware",
	  "{'disks':[{},{'zoned':'host-aware'}]}",
	  "{'disks':[{},{'zoned':'host-managed'}]," ONLY_SDA "}" },
	{ "disk-pmem", PREFLIGHT_DEGRADES, "sdb1", "option dax",
	  "{'disks':[{},{'dax':true}],'mounts':[{},{'source':'/dev/sdb1','target':'/srv',"
	  "'options':'rw,dax=always'}]}", "{}" },
	{ "nvdimm-devdax", PREFLIGHT_DEGRADES, "namespace0.0", "/dev/dax0.0",
	  "{'nvdimms':[{'name':'namespace0.0','mode':'devdax','size':1073741824,"
	  "'device':'dax0.0'}]}",
	  "{'nvdimms':[{'name':'namespace0.0','mode':'fsdax','size':1073741824,"
	  "'device':'pmem0'}]}" },
	{ "disk-pmem", PREFLIGHT_NOTE, "sdb", "persistent memory",
	  "{'disks':[{},{'dax':true}],'mounts':[{},{'source':'/dev/sdb1','target':'/srv',"
	  "'options':'rw,nodax'}]}",
	  "{'mounts':[{},{'source':'/dev/sdb1','target':'/srv','options':'rw,dax'}]}" },
	{ "disk-contents-unknown", PREFLIGHT_NOTE, "sdc", "neither",
	  "{" DISK_C(",'table':null") "}", "{" DISK_C(",'fs':{'type':'xfs'}") "}" },
	{ "disk-hybrid-mbr", PREFLIGHT_NOTE, "sda", "MBR", "{'disks':[{'hybrid_mbr':true}]}",
	  "{}" },
	{ "disk-big", PREFLIGHT_NOTE, "sdb", "16 TiB", "{'disks':[{},{'size':17592186044416}]}",
	  "{'disks':[{},{'size':17592186043904}]}" },
	{ "disk-big", PREFLIGHT_BLOCKS, "sdb", "64.0 PiB",
	  "{'disks':[{},{'size':72057594037928448}]}",
	  NULL },

	{ "lvm-incomplete", PREFLIGHT_BLOCKS, "vg0", "not copied: sdb1",
	  "{" BOTH(PV("one"), PV("two")) "," ONLY_SDA "}", "{" BOTH(PV("one"), PV("two")) "}" },
	{ "lvm-incomplete", PREFLIGHT_BLOCKS, "vg0", "the rest was not found",
	  "{" SDA2(PV("one")) "}", "{" SDA2(PV("one") ",'members':1") "}" },
	/* Two paths to one physical volume are not two; the multipath device is not a third. */
	{ "lvm-incomplete", PREFLIGHT_BLOCKS, "vg0", "has 1 on what is copied",
	  "{" BOTH(PV("one"), PV("one")) ",'volumes':[{'name':'dm-0','kind':'mpath','slaves':"
	  "['sda','sdb'],'fs':{" PV("one") "}}]}",
	  "{" BOTH(PV("one"), PV("two")) ",'volumes':[{'name':'dm-0','kind':'mpath','slaves':"
	  "['sda','sdb'],'fs':{" PV("one") "}}]}" },
	{ "lvm-incomplete", PREFLIGHT_BLOCKS, "vg0", "others were not found",
	  "{" BOTH(PV("one") ",'members':3", PV("two") ",'members':3") "," ONLY_SDA "}",
	  "{" BOTH(PV("one"), PV("two")) ",'with':{'disks':[{'name':'none'}]}}" },
	{ "md-incomplete", PREFLIGHT_BLOCKS, "web:0", "not copied: sdb1",
	  "{" BOTH(MD("0", "raid0"), MD("1", "raid0")) "," ONLY_SDA "}",
	  "{" BOTH(MD("0", "raid0"), MD("1", "raid0")) "}" },
	{ "md-incomplete", PREFLIGHT_DEGRADES, "web:0", "wants 2 members, and has 1",
	  "{" BOTH(MD("0", "raid1"), MD("1", "raid1")) "," ONLY_SDA "}",
	  "{" BOTH(MD("0", "raid1") ",'members':1", MD("spare", "raid1") ",'members':1") ","
	  ONLY_SDA "}" },
	{ "md-incomplete", PREFLIGHT_BLOCKS, "web:0", "wants 4 members, and has 2",
	  "{" BOTH(MD("0", "raid5") ",'members':4", MD("1", "raid5") ",'members':4") "}", NULL },
	{ "md-incomplete", PREFLIGHT_DEGRADES, "web:0", "wants 4 members, and has 2",
	  "{" BOTH(MD("0", "raid6") ",'members':4", MD("1", "raid6") ",'members':4") "}", NULL },
	{ "md-incomplete", PREFLIGHT_DEGRADES, "web:0", "wants 2 members, and has 1",
	  "{" BOTH(MD("0", "raid1"), MD("faulty", "raid1")) "}", NULL },
	{ "md-degraded", PREFLIGHT_DEGRADES, "md0", "without 1 of its 2",
	  "{'volumes':[{'name':'md0','kind':'md','level':'raid1','devices':2,'missing':1,"
	  "'slaves':['sda2']}]}",
	  "{'volumes':[{'name':'md0','kind':'md','level':'raid1','devices':2,"
	  "'slaves':['sda2']}]}" },
	{ "btrfs-incomplete", PREFLIGHT_BLOCKS, "fsid", "not copied: sdb1",
	  "{" BOTH(BTRFS("1"), BTRFS("2")) "," ONLY_SDA "}", "{" BOTH(BTRFS("1"), BTRFS("2")) "}" },
	{ "volume-incomplete", PREFLIGHT_BLOCKS, "dm-0", "stands on sdb1",
	  "{'volumes':[{'name':'dm-0','kind':'dm','slaves':['sda2','sdb1']}]," ONLY_SDA "}",
	  "{'volumes':[{'name':'dm-0','kind':'dm','slaves':['sda2','sdb1']}]}" },
	{ "volume-incomplete", PREFLIGHT_DEGRADES, "md0", "stands on sdb1",
	  "{'volumes':[{'name':'md0','kind':'md','level':'raid1','slaves':['sda2','sdb1']}],"
	  ONLY_SDA "}",
	  "{'volumes':[{'name':'dm-0','kind':'mpath','slaves':['sda','sdb']}]," ONLY_SDA "}" },
	/* Where members speak for themselves, they are not told twice. */
	{ "volume-incomplete", PREFLIGHT_BLOCKS, "dm-1", "not copied",
	  "{'volumes':[{'name':'dm-1','kind':'lvm','slaves':['sda2','sdx']}]}",
	  "{" BOTH(PV("one"), PV("two")) ",'volumes':[{'name':'dm-1','kind':'lvm','slaves':"
	  "['sda2','sdb1']}]," ONLY_SDA "}" },
	{ "cache-left-out", PREFLIGHT_BLOCKS, "bcache0", "writeback, dirty",
	  "{'volumes':[{'name':'bcache0','kind':'bcache','cache_mode':'writeback','state':'dirty',"
	  "'slaves':['sda2','sdb1']}]," ONLY_SDA "}", "{}" },
	{ "cache-left-out", PREFLIGHT_DEGRADES, "dm-0", "writethrough",
	  "{'volumes':[{'name':'dm-0','kind':'lvm','cache_mode':'writethrough',"
	  "'slaves':['sda2','sdb1']}]," ONLY_SDA "}",
	  "{'volumes':[{'name':'dm-0','kind':'lvm','slaves':['sda2','sdb1']}]}" },
	{ "cache-left-out", PREFLIGHT_NOTE, "bcache0", "copied with it",
	  "{'volumes':[{'name':'bcache0','kind':'bcache','cache_mode':'writeback',"
	  "'slaves':['sda2','sdb1']}]}", NULL },
	/* A set that does not run. */
	{ "cache-left-out", PREFLIGHT_BLOCKS, "sda2", "bcache set cset",
	  "{" BOTH(BCACHE("backing"), BCACHE("cache")) "," ONLY_SDA "}",
	  "{" BOTH(BCACHE("backing"), BCACHE("cache")) "}" },
	{ "multipath-twice", PREFLIGHT_BLOCKS, "sda", "sda, sdb",
	  "{'disks':[{},{'wwn':'0x5000c500a1b2c3d4','size':1000204886016}]}",
	  "{'disks':[{},{'wwn':'0x5000c500a1b2c3d4','size':1000204886016}]," ONLY_SDA "}" },
	{ "raid-firmware", PREFLIGHT_BLOCKS, "sdb", "isw_raid_member",
	  "{'disks':[{},{'fs':{'type':'isw_raid_member','group':'Volume0'}}]}",
	  "{'disks':[{},{'fs':{'type':'linux_raid_member'}}]}" },
	/* The array itself is what to copy. */
	{ "raid-firmware", PREFLIGHT_BLOCKS, "sdb", "ddf_raid_member",
	  "{'disks':[{},{'fs':{'type':'ddf_raid_member'}}]}",
	  "{'disks':[{'fs':{'type':'isw_raid_member'}},{'fs':{'type':'isw_raid_member'}}],"
	  "'volumes':[{'name':'md126','kind':'md','level':'raid1','metadata':'imsm',"
	  "'slaves':['sda','sdb']}],"
	  "'with':{'disks':[{'name':'md126'}]}}" },
	{ "drbd", PREFLIGHT_DEGRADES, "drbd0", "UpToDate",
	  "{'volumes':[{'name':'drbd0','kind':'drbd','state':'UpToDate','slaves':['sdb1']}]}",
	  "{'volumes':[{'name':'drbd0','kind':'drbd','slaves':['sdb1']}]," ONLY_SDA "}" },
	{ "zfs-pool", PREFLIGHT_DEGRADES, "sdb1", "tank",
	  "{" SDB1("'type':'zfs_member','label':'tank'") "}",
	  "{" SDB1("'type':'zfs_member','label':'tank'") "," ONLY_SDA "}" },

	{ "linux-hibernated", PREFLIGHT_BLOCKS, "sda3", "suspended",
	  "{'disks':[{'partitions':[{},{},{'fs':{'hibernated':true}}]}]}", "{}" },
	{ "linux-hibernated", PREFLIGHT_BLOCKS, "sda3", "suspended",
	  "{'disks':[{'partitions':[{},{},{'fs':{'type':'swsuspend'}}]}]}",
	  "{'disks':[{'partitions':[{},{},{'fs':{'type':'swap','hibernated':false}}]}]}" },
	{ "fs-dirty", PREFLIGHT_DEGRADES, "sdb1", "(ext4)", "{" SDB1("'dirty':true") "}",
	  "{'disks':[{},{'partitions':[{'fs':{'dirty':true}}]}]}" },
	{ "luks-no-key", PREFLIGHT_DEGRADES, "sdb1", "LUKS 2", "{" SDB1(LUKS("")) "}",
	  "{" SDB1(LUKS("")) ",'with':{'keys':{'sdb1':true}}}" },
	{ "luks-no-key", PREFLIGHT_BLOCKS, "sda2", "starts from it",
	  "{'disks':[{'partitions':[{},{'mountpoints':null,'fs':{" LUKS("") "}}]}],'volumes':"
	  "[{'name':'dm-0','path':'/dev/mapper/root','kind':'crypt','slaves':['sda2'],"
	  "'mountpoints':['/']}]}",
	  "{" SDB1(LUKS("")) "," ONLY_SDA "}" },
	/* Looked at from outside: known by the root's UUID. */
	{ "luks-no-key", PREFLIGHT_BLOCKS, "sda2", "starts from it",
	  "{'os':{'root_uuid':'abc'},'disks':[{'partitions':[{},{'mountpoints':null,'fs':{" LUKS("")
	  "}}]}],'volumes':[{'name':'dm-0','kind':'crypt','slaves':['sda2'],'fs':{'uuid':'abc'}}]}",
	  NULL },
	{ "luks-key-wrong", PREFLIGHT_BLOCKS, "sdb1", "none of the 1 key slots",
	  "{" SDB1(LUKS("")) ",'with':{'keys':{'sdb1':false}}}",
	  "{" SDB1(LUKS("")) ",'with':{'keys':{'sdb1':true}}}" },
	{ "luks-bound", PREFLIGHT_BLOCKS, "sdb1", "systemd-tpm2",
	  "{" SDB1(LUKS(",'tokens':['systemd-tpm2']")) "}",
	  "{" SDB1(LUKS(",'tokens':['systemd-recovery']")) "}" },
	{ "luks-bound", PREFLIGHT_DEGRADES, "sdb1", "clevis",
	  "{" SDB1(LUKS(",'tokens':['clevis'],'keyslots':2")) "}", NULL },
	{ "luks-bound", PREFLIGHT_DEGRADES, "sdb1", "systemd-tpm2",
	  "{" SDB1(LUKS(",'tokens':['systemd-tpm2']")) ",'with':{'keys':{'sdb1':true}}}", NULL },

	{ "ntfs-hibernated", PREFLIGHT_BLOCKS, "sdb1", "hiberfil.sys",
	  "{" SDB1("'type':'ntfs','hibernated':true") "}", "{" SDB1("'type':'ntfs'") "}" },
	{ "ntfs-fast-startup", PREFLIGHT_BLOCKS, "sdb1", "Fast Startup",
	  "{" SDB1("'type':'ntfs','hibernated':true,'fast_startup':true") "}",
	  "{" SDB1("'type':'ntfs','hibernated':true") "}" },
	{ "ntfs-dirty", PREFLIGHT_DEGRADES, "sdb1", "Data",
	  "{" SDB1("'type':'ntfs','dirty':true,'label':'Data'") "}",
	  "{" SDB1("'type':'ext4','dirty':true") "}" },
	{ "bitlocker", PREFLIGHT_BLOCKS, "sdb1", "BitLocker", "{" SDB1("'type':'BitLocker'") "}",
	  "{" SDB1("'type':'BitLocker'") "," ONLY_SDA "}" },
	{ "dynamic-disks", PREFLIGHT_DEGRADES, "machine", "sdb",
	  "{'disks':[{},{'partitions':[{'type':'0x42'}]}]}", "{}" },
	{ "dynamic-disks", PREFLIGHT_BLOCKS, "machine", "not copied: sdb",
	  "{'disks':[{'partitions':[{},{},{'type':'af9b60a0-1431-4f62-bc68-3311714a69ad'}]},"
	  "{'partitions':[{'type':'5808c8aa-7e8f-42e0-85d2-e1e90434cfb3'}]}]," ONLY_SDA "}",
	  "{'disks':[{},{'partitions':[{'type':'0x42'}]}]," ONLY_SDA "}" },
	{ "storage-spaces", PREFLIGHT_DEGRADES, "machine", "sdb",
	  "{'disks':[{},{'partitions':[{'type':'e75caf8f-f680-4cee-afa3-b001e56efc2d'}]}]}", "{}" },
	{ "windows-oem-licence", PREFLIGHT_DEGRADES, "machine", "MSDM",
	  "{'smbios':{'msdm':true}," SDB1("'type':'ntfs'") "}", "{'smbios':{'msdm':true}}" },
	{ "windows-oem-licence", PREFLIGHT_DEGRADES, "machine", "SLIC and MSDM",
	  "{'smbios':{'msdm':true,'slic':true},'systems':[{'kind':'windows'}]}",
	  "{" SDB1("'type':'ntfs'") "}" },

	{ "system-left-out", PREFLIGHT_BLOCKS, "sda2", "/ is on /dev/sda2",
	  "{'with':{'disks':[{'name':'sdb'}]}}", "{" ONLY_SDA "}" },
	{ "system-left-out", PREFLIGHT_BLOCKS, "sdb1", "/boot is on",
	  "{'disks':[{},{'partitions':[{'mountpoints':['/boot']}]}]," ONLY_SDA "}",
	  "{'with':{'disks':[{'name':'dm-0'}]},'disks':[{'partitions':[{},{'mountpoints':null}]}],"
	  "'volumes':[{'name':'dm-0','slaves':['sda2'],'mountpoints':['/']}]}" },
	{ "esp-left-out", PREFLIGHT_BLOCKS, "machine", "not copied: sda1",
	  "{'with':{'disks':[{'name':'sdb'}]}}",
	  "{'firmware':{'type':'bios'},'with':{'disks':[{'name':'sdb'}]}}" },
	{ "esp-left-out", PREFLIGHT_BLOCKS, "machine", "no disk that is copied",
	  "{'disks':[{'partitions':[{'type':'0x83','mountpoints':null}]}]}",
	  "{'disks':[{'partitions':[{'type':'0xef','mountpoints':null}]}]}" },
	{ "uefi-no-fallback", PREFLIGHT_DEGRADES, "machine", "none of 2 EFI programs",
	  "{'firmware':{'boot_current':-1}}",
	  "{'firmware':{'boot_current':-1,'efi_files':[{'path':'/efi/boot/bootx64.efi'}]}}" },
	{ "uefi-no-variables", PREFLIGHT_NOTE, "machine", "without a single boot entry",
	  "{'firmware':{'boot_current':-1,'entries':null,'boot_order':null}}",
	  "{'firmware':{'type':'bios','boot_current':-1,'entries':null,'boot_order':null}}" },
	{ "secureboot-unknown", PREFLIGHT_NOTE, "machine", "is not in the inventory",
	  "{'firmware':{'secure_boot':null}}", "{'firmware':{'secure_boot':false}}" },
	{ "secureboot-unknown", PREFLIGHT_NOTE, "machine", "is not in the inventory",
	  "{'firmware':{'secure_boot':null}}",
	  "{'firmware':{'type':'bios','secure_boot':null}}" },
	{ "secureboot-unsigned", PREFLIGHT_DEGRADES, "machine", "/EFI/debian/grubx64.efi",
	  "{'firmware':{'efi_files':[{},{'has_signature':false}]}}",
	  "{'firmware':{'secure_boot':false,'efi_files':[{},{'has_signature':false}]}}" },
	{ "secureboot-mok", PREFLIGHT_DEGRADES, "machine", "2 keys", "{'firmware':{'mok_keys':2}}",
	  "{'firmware':{'mok_keys':2,'secure_boot':false}}" },
	{ "secureboot-shim-off", PREFLIGHT_DEGRADES, "machine", "MokSBState",
	  "{'firmware':{'mok_insecure':true}}",
	  "{'firmware':{'mok_insecure':true,'secure_boot':false}}" },
	{ "kernel-no-virtio", PREFLIGHT_DEGRADES, "machine", "all of 1 kernel without",
	  "{'os':{'kernels':[{'virtio':null}]}}", "{'os':{'kernels':null}}" },
	{ "kernel-no-virtio", PREFLIGHT_NOTE, "machine", "some of 2 kernels",
	  "{'os':{'kernels':[{},{'version':'old','image':'/boot/vmlinuz-old','virtio':"
	  "['virtio_pci','virtio_net']}]}}",
	  "{'os':{'kernels':[{},{'version':'gone','modules':true}]}}" },
	{ "kernel-no-virtio", PREFLIGHT_DEGRADES, "machine", "the booted one too",
	  "{'os':{'kernels':[{'booted':false},{'version':'mine','booted':true}]}}", NULL },
	{ "initramfs-missing", PREFLIGHT_DEGRADES, "6.1.0-28-amd64", "the booted kernel",
	  "{'os':{'kernels':[{'initramfs':null}]}}",
	  "{'os':{'kernels':[{'initramfs':null,'modules':false}]}}" },
	{ "initramfs-no-room", PREFLIGHT_DEGRADES, "/boot", "110 MiB are free",
	  "{'os':{'boot_free':115343360}}", "{'os':{'boot_free':125829120}}" },
	{ "initramfs-no-room", PREFLIGHT_BLOCKS, "/boot", "40 MiB are free",
	  "{'os':{'boot_free':41943040}}", "{'os':{'boot_free':null,'root_free':null}}" },
	{ "initramfs-no-room", PREFLIGHT_DEGRADES, "/", "64 MiB are wanted",
	  "{'os':{'boot_free':null,'root_free':62914560,'kernels':[{'initramfs_size':1048576}]}}",
	  NULL },
	{ "root-full", PREFLIGHT_BLOCKS, "/", "8 MiB", "{'os':{'root_free':8388608}}",
	  "{'os':{'root_free':134217728}}" },
	{ "root-full", PREFLIGHT_DEGRADES, "/", "100 MiB", "{'os':{'root_free':104857600}}",
	  "{'os':{'root_free':null}}" },
	{ "bootloader-unsupported", PREFLIGHT_BLOCKS, "machine", "lilo",
	  "{'os':{'bootloader':'lilo'}}", "{'os':{'bootloader':null}}" },
	{ "bootloader-unsupported", PREFLIGHT_DEGRADES, "machine", "grub-legacy",
	  "{'os':{'bootloader':'grub-legacy'}}", "{'os':{'bootloader':'systemd-boot'}}" },
	{ "guest-unfixed", PREFLIGHT_DEGRADES, "machine", "AlmaLinux 9",
	  "{'os':{'id':'almalinux','id_like':'rhel centos fedora','pretty_name':'AlmaLinux 9'}}",
	  "{'os':{'id':'linuxmint','id_like':'ubuntu debian'}}" },
	{ "guest-unfixed", PREFLIGHT_DEGRADES, "machine", "the system is windows",
	  "{'os':{'kind':'windows','id':null,'pretty_name':null}}",
	  "{'os':{'kind':null,'id':null,'pretty_name':null}}" },
	{ "guest-unfixed", PREFLIGHT_DEGRADES, "machine", "odd",
	  "{'os':{'id':'odd','id_like':'notdebian debianish','pretty_name':null}}",
	  "{'os':{'id':'x','id_like':'debianish debian'}}" },
	{ "several-systems", PREFLIGHT_NOTE, "machine", "what starts first is two",
	  "{'systems':[{'id':'one'},{'id':'two','boots_first':true}]}",
	  "{'systems':[{'id':'one'}]}" },
	{ "arch-foreign", PREFLIGHT_BLOCKS, "machine", "aarch64", "{'os':{'arch':'aarch64'}}",
	  "{'os':{'arch':'i586'}}" },
	{ "arch-32bit", PREFLIGHT_NOTE, "machine", "i686", "{'os':{'arch':'i686'}}", "{}" },

	{ "already-virtual", PREFLIGHT_NOTE, "machine", "VMware",
	  "{'cpu':{'hypervisor':'VMware'}}", "{}" },
	{ "cpu-many", PREFLIGHT_DEGRADES, "machine", "256", "{'cpu':{'online':256}}",
	  "{'cpu':{'online':255}}" },
	{ "cpu-many", PREFLIGHT_DEGRADES, "machine", "300", "{'plan':{'vcpus':300}}",
	  "{'cpu':{'online':512},'plan':{'vcpus':16}}" },
	{ "cpu-level", PREFLIGHT_NOTE, "machine", "v3", "{'cpu':{'x86_64_level':3}}", "{}" },
	{ "memory-big", PREFLIGHT_NOTE, "machine", "1.5 TiB",
	  "{'memory':{'installed':1649267441664}}", "{'memory':{'installed':1099511627776}}" },
	{ "numa", PREFLIGHT_NOTE, "machine", "2 NUMA", "{'cpu':{'nodes':[{},{'id':1}]}}", "{}" },
	{ "hugepages", PREFLIGHT_NOTE, "machine", "512 huge pages of 2 MiB",
	  "{'memory':{'hugepages':[{'size':2097152,'total':512}]}}",
	  "{'memory':{'hugepages':[{'size':2097152,'total':0}]}}" },
	{ "pci-device", PREFLIGHT_DEGRADES, "gpu", "0000:01:00.0, 0000:02:00.0",
	  "{'pci':[{'address':'0000:01:00.0','group':'gpu','lacks':'3D controller'},"
	  "{'address':'0000:02:00.0','group':'gpu','lacks':'3D controller'},"
	  "{'address':'0000:03:00.0','group':'fpga','lacks':'FPGA'}]}",
	  "{'pci':[{'address':'0000:01:00.0','class':'0x020000'}]}" },
	{ "usb-device", PREFLIGHT_DEGRADES, "1-1", "modem",
	  "{'usb':[{'address':'1-1','group':'modem','lacks':'modem'}]}",
	  "{'usb':[{'address':'1-1'}]}" },
	{ "licence-dongle", PREFLIGHT_DEGRADES, "1-2", "0529:0001 HASP",
	  "{'usb':[{'address':'1-2','vendor':'0529','product':'0001','product_name':'HASP',"
	  "'group':'licence','lacks':'licence dongle'}]}",
	  "{'usb':[{'address':'1-1','group':'modem','lacks':'modem'}]}" },
	{ "tpm-in-use", PREFLIGHT_DEGRADES, "machine", "2.0, which may hold keys of sdb1",
	  "{'tpm_present':true,'tpm_version':'2.0'," SDB1(LUKS(",'tokens':['systemd-tpm2']")) "}",
	  "{'tpm_present':true}" },
	{ "watchdog-in-use", PREFLIGHT_NOTE, "machine", "iTCO_wdt",
	  "{'watchdogs':[{'identity':'iTCO_wdt','in_use':true}]}",
	  "{'watchdogs':[{'identity':'iTCO_wdt','in_use':false}]}" },

	{ "net-address-clash", PREFLIGHT_NOTE, "machine", "192.0.2.10/24", "{}",
	  "{'nics':[{'addresses':[{'dynamic':true}]}]}" },
	{ "net-address-clash", PREFLIGHT_DEGRADES, "machine", "192.0.2.10/24",
	  "{'with':{'hot':true}}", "{'nics':[{'kind':'virtual'}]}" },
	{ "net-dhcp", PREFLIGHT_NOTE, "machine", "192.0.2.10/24",
	  "{'nics':[{'addresses':[{'dynamic':true}]}]}", "{}" },
	{ "net-bond", PREFLIGHT_DEGRADES, "bond0", "802.3ad",
	  "{'nics':[{},{'name':'bond0','kind':'bond','bond_mode':'802.3ad','lower':['eno1']}]}",
	  "{}" },
	{ "net-bond", PREFLIGHT_NOTE, "bond0", "active-backup",
	  "{'nics':[{},{'name':'bond0','kind':'bond','bond_mode':'active-backup'}]}", NULL },
	{ "net-bridge", PREFLIGHT_NOTE, "br0", "over eno1",
	  "{'nics':[{},{'name':'br0','kind':'bridge','lower':['veth7','eno1']}]}",
	  "{'nics':[{},{'name':'br0','kind':'bridge','lower':['veth7']}]}" },
	{ "net-vlan", PREFLIGHT_DEGRADES, "machine", "eno1.20",
	  "{'nics':[{},{'name':'eno1.20','kind':'vlan','vlan_id':20}]}", "{}" },
	{ "net-sriov", PREFLIGHT_DEGRADES, "eno1", "4 virtual functions",
	  "{'nics':[{'sriov_vfs':4}]}", "{'nics':[{'sriov_total':64}]}" },
	{ "net-sriov", PREFLIGHT_DEGRADES, "eno1", "function of 0000:01:00.0",
	  "{'nics':[{'physfn':'0000:01:00.0'}]}", NULL },
	{ "net-infiniband", PREFLIGHT_DEGRADES, "ib0", "InfiniBand",
	  "{'nics':[{},{'name':'ib0','kind':'infiniband'}]}", "{'nics':[{'driver':'mlx5_core'}]}" },
	{ "net-wireless", PREFLIGHT_DEGRADES, "wlan0", "has addresses",
	  "{'nics':[{},{'name':'wlan0','kind':'wireless','addresses':[{'address':'10.0.0.1/8'}]}]}",
	  "{}" },
	{ "net-wireless", PREFLIGHT_NOTE, "wlan0", "wireless",
	  "{'nics':[{},{'name':'wlan0','kind':'wireless'}]}", NULL },
	{ "net-mtu", PREFLIGHT_NOTE, "machine", "MTU 9000 on eno1", "{'nics':[{'mtu':9000}]}",
	  "{'nics':[{},{'name':'lo','kind':'virtual','mtu':65536}]}" },
	{ "root-on-network", PREFLIGHT_BLOCKS, "/", "nas:/root",
	  "{'mounts':[{'fs':'nfs4','source':'nas:/root'}]}",
	  "{'mounts':[{},{'target':'/mnt','fs':'nfs4','source':'nas:/root'}]}" },
	{ "net-mounts", PREFLIGHT_NOTE, "machine", "/mnt",
	  "{'mounts':[{},{'target':'/mnt','fs':'cifs','source':'//nas/x'}]}", "{}" },
	{ "disk-on-network", PREFLIGHT_DEGRADES, "sdb", "iscsi",
	  "{'disks':[{},{'transport':'iscsi'}]}", "{}" },
	{ "disk-on-network", PREFLIGHT_NOTE, "sdb", "not copied",
	  "{'disks':[{},{'transport':'fc'}]," ONLY_SDA "}", NULL },

	{ "cluster-member", PREFLIGHT_DEGRADES, "machine", "Corosync (/etc/corosync)",
	  "{'os':{'software':[{'kind':'cluster','name':'Corosync','evidence':'/etc/corosync'}]}}",
	  "{'os':{'software':[{'kind':'monitoring','name':'Zabbix'}]}}" },
	{ "database-hot", PREFLIGHT_DEGRADES, "machine", "PostgreSQL",
	  "{'os':{'software':[{'kind':'database','name':'PostgreSQL'}]},'with':{'hot':true}}",
	  "{'os':{'software':[{'kind':'database','name':'PostgreSQL'}]}}" },
	{ "hypervisor-host", PREFLIGHT_DEGRADES, "machine", "libvirt",
	  "{'os':{'software':[{'kind':'virtualization','name':'libvirt'}]}}", "{}" },
	{ "container-host", PREFLIGHT_NOTE, "machine", "Docker",
	  "{'os':{'software':[{'kind':'container','name':'Docker'}]}}", "{}" },
	{ "licence-software", PREFLIGHT_DEGRADES, "machine", "FlexLM",
	  "{'os':{'software':[{'kind':'licence','name':'FlexLM'}]}}", "{}" },
	{ "vendor-agents", PREFLIGHT_NOTE, "machine", "hp-health.service",
	  "{'os':{'services':[{},{'name':'hp-health.service','group':'hpe','enabled':true}]}}",
	  "{'os':{'services':[{},{'name':'hp-health.service','group':'hpe'}]}}" },
	{ "clock-local", PREFLIGHT_NOTE, "machine", "local time", "{'clock':{'rtc_local':true}}",
	  "{}" },
	{ "clock-off", PREFLIGHT_NOTE, "machine", "2:00 ahead of",
	  "{'clock':{'rtc_minus_system':120}}", "{'clock':{'rtc_minus_system':-60}}" },
	{ "clock-off", PREFLIGHT_DEGRADES, "machine", "behind",
	  "{'clock':{'rtc_minus_system':-90000}}",
	  "{'clock':{'rtc_minus_system':3597,'rtc_local':true}}" },
	{ "clock-off", PREFLIGHT_NOTE, "machine", "5:00 ahead",
	  "{'clock':{'rtc_minus_system':7500,'rtc_local':true}}",
	  "{'clock':{'rtc_minus_system':9999,'rtc_known':false}}" },
	{ "timezone-unknown", PREFLIGHT_NOTE, "machine", "no time zone",
	  "{'clock':{'timezone':null}}", "{}" },
	{ "inventory-incomplete", PREFLIGHT_NOTE, "machine", "2 warnings, the first: one",
	  "{'warnings':['one','two']}", "{}" },
};

static const struct preflight_finding *find(const struct flight *f, const char *id,
					    const char *subject)
{
	for (size_t i = 0; i < f->report->n; i++)
		if (strcmp(f->report->findings[i].rule->id, id) == 0 &&
		    (!subject || strcmp(f->report->findings[i].subject, subject) == 0))
			return &f->report->findings[i];
	return NULL;
}

START_TEST(test_triggers)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(flight_done) struct flight f;
		const struct preflight_finding *found;

		fly(&f, rows[i].yes);
		found = find(&f, rows[i].id, rows[i].subject);
		ck_assert_msg(found != NULL, "row %zu: no %s about %s: %s", i, rows[i].id,
			      rows[i].subject, rows[i].yes);
		ck_assert_msg(found->severity == rows[i].severity, "row %zu: %s %s, \"%s\"", i,
			      rows[i].id, preflight_severity_name(found->severity),
			      found->evidence);
		ck_assert_msg(strstr(found->evidence, rows[i].evidence) != NULL,
			      "row %zu: %s says \"%s\"", i, rows[i].id, found->evidence);
	}
}
END_TEST

START_TEST(test_does_not_trigger)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(flight_done) struct flight f = { 0 };
		const struct preflight_finding *found;

		if (!rows[i].no)
			continue;
		fly(&f, rows[i].no);
		found = find(&f, rows[i].id, NULL);
		ck_assert_msg(!found, "row %zu: %s: %s: \"%s\"", i, rows[i].id, rows[i].no,
			      found ? found->evidence : "");
	}
}
END_TEST

/* Each rule has both, and shows its worst severity once; no row names a rule that is not there. */
START_TEST(test_every_rule_has_its_pair)
{
	const struct preflight_theme *const *themes;
	size_t n;

	themes = preflight_themes(&n);
	for (size_t t = 0; t < n; t++)
		for (size_t k = 0; k < themes[t]->n; k++) {
			const struct preflight_rule *rule = &themes[t]->rules[k];
			bool yes = false, no = false;
			enum preflight_severity worst = PREFLIGHT_NOTE;

			for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
				if (strcmp(rows[i].id, rule->id) != 0)
					continue;
				yes = true;
				no = no || rows[i].no;
				worst = MAX(worst, rows[i].severity);
			}
			ck_assert_msg(yes && no, "%s has no pair of machines", rule->id);
			/* Storage Spaces share their function with dynamic disks. */
			if (strcmp(rule->id, "storage-spaces") != 0)
				ck_assert_msg(worst == rule->severity, "%s never %s", rule->id,
					      preflight_severity_name(rule->severity));
		}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(preflight_find(rows[i].id) != NULL, "there is no %s", rows[i].id);
}
END_TEST

START_TEST(test_the_healthy_machine_has_notes_only)
{
	CLEANUP(flight_done) struct flight f;

	fly(&f, "{}");
	for (size_t i = 0; i < f.report->n; i++)
		ck_assert_msg(f.report->findings[i].severity == PREFLIGHT_NOTE, "%s: %s",
			      f.report->findings[i].rule->id, f.report->findings[i].evidence);
	ck_assert_uint_eq(preflight_blocking(f.report), 0);
}
END_TEST

static Suite *preflight_rules_suite(void)
{
	Suite *s = suite_create("preflight_rules");
	TCase *t = tcase_create("preflight_rules");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_triggers);
	tcase_add_test(t, test_does_not_trigger);
	tcase_add_test(t, test_every_rule_has_its_pair);
	tcase_add_test(t, test_the_healthy_machine_has_notes_only);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(preflight_rules_suite)
