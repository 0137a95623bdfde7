/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Machines for tests of pre-flight: a healthy one, and fragments that are merged over it. A
 * fragment is JSON with ' for "; objects merge by member, lists by place, null takes away. Its
 * member "with" is not the machine's: it says what is asked of it.
 *
 *	{'with': {'hot':true, 'disks':[{'name':'sda','in_use_by':'...','size':N,'used':N}],
 *		  'keys':{'sda2':true}, 'accept':['disk-in-use'], 'rate':N}}
 */
#ifndef P2V_TESTS_TEST_PREFLIGHT_RULES_H
#define P2V_TESTS_TEST_PREFLIGHT_RULES_H

#include <jansson.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/jsonx.h"
#include "inventory/machine_json.h"
#include "inventory/preflight/preflight.h"
#include "tests/lib/unit.h"

static const char healthy[] =
	"{'version':1,'hostname':'web01',"
	"'cpu':{'vendor':'GenuineIntel','sockets':1,'online':8,'x86_64_level':2,"
	"'nodes':[{'id':0}]},'memory':{'installed':34359738368},"
	"'firmware':{'type':'uefi','secure_boot':true,'mok_keys':1,'boot_current':1,"
	"'entries':[{'number':1,'file':'/EFI/debian/shimx64.efi'}],'boot_order':[1],"
	"'efi_files':[{'device':'sda1','path':'/EFI/debian/shimx64.efi','has_signature':true},"
	"{'device':'sda1','path':'/EFI/debian/grubx64.efi','has_signature':true}]},"
	"'clock':{'timezone':'Europe/Berlin','rtc_known':true,'rtc_minus_system':1},"
	"'os':{'kind':'linux','id':'debian','pretty_name':'Debian GNU/Linux 12','arch':'x86_64',"
	"'bootloader':'grub2','root_free':10737418240,'boot_free':10737418240,'kernels':"
	"[{'version':'6.1.0-28-amd64','image':'/boot/vmlinuz-6.1.0-28-amd64','modules':true,"
	"'initramfs':'/boot/initrd.img-6.1.0-28-amd64','initramfs_size':62914560,'booted':true,"
	"'virtio':['virtio_pci','virtio_blk','virtio_scsi','virtio_net']}],"
	"'services':[{'name':'ssh.service','enabled':true,'running':true}]},"
	"'disks':[{'name':'sda','path':'/dev/sda','size':1000204886016,'logical_sector':512,"
	"'physical_sector':4096,'wwn':'0x5000c500a1b2c3d4','transport':'sata','table':'gpt',"
	"'smart':{'source':'ata','status':'passed','percentage_used':3},'partitions':["
	"{'name':'sda1','path':'/dev/sda1','number':1,'start':1048576,'size':536870912,"
	"'type':'c12a7328-f81f-11d2-ba4b-00a0c93ec93b','fs':{'type':'vfat'},"
	"'mountpoints':['/boot/efi']},"
	"{'name':'sda2','path':'/dev/sda2','number':2,'start':537919488,'size':900000000000,"
	"'type':'0fc63daf-8483-4772-8e79-3d69d8477de4','fs':{'type':'ext4'},"
	"'mountpoints':['/']},"
	"{'name':'sda3','path':'/dev/sda3','number':3,'start':900537919488,'size':8589934592,"
	"'fs':{'type':'swap'},'mountpoints':['[SWAP]']}]},"
	"{'name':'sdb','path':'/dev/sdb','size':2000398934016,'logical_sector':512,"
	"'physical_sector':512,'wwn':'0x5000c500a1b2c3d5','transport':'sas','table':'gpt',"
	"'partitions':[{'name':'sdb1','path':'/dev/sdb1','number':1,'start':1048576,"
	"'size':2000000000000,'fs':{'type':'ext4'},'mountpoints':['/srv']}]}],"
	"'mounts':[{'source':'/dev/sda2','target':'/','fs':'ext4','options':'rw'}],"
	"'nics':[{'name':'eno1','kind':'physical','mac':'00:1b:21:3a:4c:5e','mtu':1500,"
	"'driver':'tg3','addresses':[{'address':'192.0.2.10/24','scope':'global'},"
	"{'address':'fe80::21b:21ff:fe3a:4c5e/64','scope':'link'}]}]}";

static json_t *quoted(const char *text)
{
	char *s = strdup(text);
	json_error_t e;
	json_t *j;

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(s, 0, &e);
	ck_assert_msg(j != NULL, "%s: %s", e.text, text);
	free(s);
	return j;
}

static void merge(json_t *to, json_t *from)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_array(from)) {
		json_array_foreach(from, i, v) {
			json_t *old = json_array_get(to, i);

			if (old && (json_is_object(v) || json_is_array(v)))
				merge(old, v);
			else if (old)
				json_array_set(to, i, v);
			else
				json_array_append(to, v);
		}
		return;
	}
	json_object_foreach(from, key, v) {
		json_t *old = json_object_get(to, key);

		if (json_is_null(v))
			json_object_del(to, key);
		else if (old && json_typeof(old) == json_typeof(v) &&
			 (json_is_object(v) || json_is_array(v)))
			merge(old, v);
		else
			json_object_set(to, key, v);
	}
}

/* What there is to run on, and the result. */
struct flight {
	struct machine *machine;
	json_t *with;
	struct preflight_disk disks[16];
	struct preflight_key keys[16];
	struct machine_strv accept;
	struct preflight_input in;
	struct preflight_report *report;
};

static void flight_done(struct flight *f)
{
	for (size_t i = 0; i < f->accept.n; i++)
		free(f->accept.v[i]);
	free(f->accept.v);
	preflight_report_free(f->report);
	machine_free(f->machine);
	json_decref(f->with);
}
DEFINE_CLEANUP_VALUE(struct flight, flight_done)

static void read_with(struct flight *f)
{
	json_t *list = json_object_get(f->with, "disks"), *v;
	const char *key;
	size_t i;

	f->in = (struct preflight_input){ .machine = f->machine, .disks = f->disks,
					  .keys = f->keys, .accept = &f->accept };
	f->in.hot = json_is_true(json_object_get(f->with, "hot"));
	f->in.rate = (uint64_t)json_integer_value(json_object_get(f->with, "rate"));
	json_array_foreach(list, i, v)
		f->disks[f->in.ndisks++] = (struct preflight_disk){
			json_string_value(json_object_get(v, "name")),
			json_string_value(json_object_get(v, "in_use_by")),
			(uint64_t)json_integer_value(json_object_get(v, "size")),
			(uint64_t)json_integer_value(json_object_get(v, "used"))
		};
	json_object_foreach(json_object_get(f->with, "keys"), key, v)
		f->keys[f->in.nkeys++] = (struct preflight_key){ key, json_is_true(v) };
	json_array_foreach(json_object_get(f->with, "accept"), i, v)
		ck_assert_int_eq(machine_strv_add(&f->accept, json_string_value(v)), 0);
}

/* The healthy machine with the fragment over it, checked. */
static void fly(struct flight *f, const char *fragment)
{
	CLEANUP(json_unref) json_t *j = quoted(healthy), *over = quoted(fragment);
	struct err err = ERR_INIT;

	memset(f, 0, sizeof(*f));
	f->with = json_incref(json_object_get(over, "with"));
	json_object_del(over, "with");
	merge(j, over);
	ck_assert_msg(machine_from_json(j, &f->machine, &err) == 0, "%s: %s", err.text, fragment);
	read_with(f);
	ck_assert_msg(preflight_run(&f->in, &f->report, &err) == 0, "%s", err.text);
}

#endif
