/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A registry hive: what is not refused is read through, changed, and written. The checksum is made
 * right first, so that damage behind the first block gets a hearing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/fdio.h"
#include "common/text.h"
#include "postfix/windows/hive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct hive *h, const char *key, unsigned int depth)
{
	struct machine_strv v = { 0 }, list = { 0 };

	hive_values(h, key, &v, NULL);
	for (size_t i = 0; i < v.n; i++) {
		CLEANUP(mem_free) char *s = NULL;
		CLEANUP(mem_free) void *raw = NULL;
		enum hive_type type;
		uint32_t n;
		size_t len;

		hive_get_dword(h, key, v.v[i], &n, NULL);
		hive_get_string(h, key, v.v[i], &s, NULL);
		hive_get_strings(h, key, v.v[i], &list, NULL);
		hive_get_raw(h, key, v.v[i], &type, &raw, &len, NULL);
	}
	machine_strv_done(&list);
	machine_strv_done(&v);
	v = (struct machine_strv){ 0 };
	hive_subkeys(h, key, &v, NULL);
	for (size_t i = 0; i < v.n && depth < 6; i++) {
		CLEANUP(mem_free) char *sub = text_format("%s%s%s", key, *key ? "\\" : "", v.v[i]);

		if (sub)
			look(h, sub, depth + 1);
	}
	if (v.n) {
		CLEANUP(mem_free) char *sub = text_format("%s%s%s", key, *key ? "\\" : "", v.v[0]);

		hive_set_dword(h, key, "p2v", depth, NULL);
		if (sub && depth)
			hive_delete_key(h, sub, NULL);
	}
	machine_strv_done(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	CLEANUP(hive_free) struct hive *h = NULL;
	uint8_t base[512];
	uint32_t sum = 0;
	char path[40];

	if (fd < 0 || fdio_pwrite_full(fd, data, size, 0) < 0)
		return 0;
	if (size >= sizeof(base)) {
		memcpy(base, data, sizeof(base));
		for (size_t i = 0; i < 508; i += 4)
			sum ^= get_le32(base + i);
		put_le32(base + 508, sum);
		if (fdio_pwrite_full(fd, base, sizeof(base), 0) < 0)
			return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (hive_open_file(path, true, &h, NULL) < 0)
		return 0;
	look(h, "", 0);
	hive_set_string(h, "New\\Key", "Name", HIVE_SZ, "a text", NULL);
	hive_delete_value(h, "New\\Key", "Name", NULL);
	/* Its file cannot be replaced; all before that is done. */
	hive_commit(h, NULL);
	return 0;
}
