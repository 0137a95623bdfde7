/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/hives.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/fdio.h"
#include "postfix/windows/hive.h"

#define CELL(p, at)	((p) + 4096 + (at) + 4)
#define ROOT		32u
#define SECURITY	128u

static void die(const char *what, size_t line, const char *why)
{
	fprintf(stderr, "%s:%zu: %s\n", what, line, why);
	abort();
}

void hives_seal(uint8_t *hive)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 508; i += 4)
		sum ^= get_le32(hive + i);
	put_le32(hive + 508, sum);
}

/* Offsets in records are those of the format, see postfix/windows/regf.h. */
void hives_empty(uint8_t ret[static HIVES_EMPTY])
{
	uint8_t *bin = ret + 4096, *nk = CELL(ret, ROOT), *sk = CELL(ret, SECURITY);

	memset(ret, 0, HIVES_EMPTY);
	memcpy(ret, "regf", 4);
	put_le32(ret + 4, 1);
	put_le32(ret + 8, 1);
	put_le32(ret + 20, 1);
	put_le32(ret + 24, 5);
	put_le32(ret + 32, 1);
	put_le32(ret + 36, ROOT);
	put_le32(ret + 40, 4096);
	put_le32(ret + 44, 1);
	hives_seal(ret);

	memcpy(bin, "hbin", 4);
	put_le32(bin + 8, 4096);
	put_le32(bin + ROOT, (uint32_t)-96);
	memcpy(nk, "nk", 2);
	put_le16(nk + 2, 0x2c);
	put_le32(nk + 16, UINT32_MAX);
	put_le32(nk + 28, UINT32_MAX);
	put_le32(nk + 32, UINT32_MAX);
	put_le32(nk + 40, UINT32_MAX);
	put_le32(nk + 44, SECURITY);
	put_le32(nk + 48, UINT32_MAX);
	put_le16(nk + 72, 4);
	memcpy(nk + 76, "ROOT", 4);

	put_le32(bin + SECURITY, (uint32_t)-48);
	memcpy(sk, "sk", 2);
	put_le32(sk + 4, SECURITY);
	put_le32(sk + 8, SECURITY);
	put_le32(sk + 12, 1);
	put_le32(sk + 16, 20);
	sk[20] = 1;
	put_le16(sk + 22, 0x8000);
	put_le32(bin + SECURITY + 48, 4096 - SECURITY - 48);
}

/* A text in quotes at *p, which moves behind it; malloc'd, NULL when there is none. */
static char *quoted(const char **p)
{
	const char *s = *p;
	char *out, *o;

	if (*s++ != '"')
		return NULL;
	out = o = malloc(strlen(s) + 1);
	while (out && *s && *s != '"') {
		if (*s == '\\' && s[1])
			s++;
		*o++ = *s++;
	}
	if (!out || *s != '"') {
		free(out);
		return NULL;
	}
	*o = '\0';
	*p = s + 1;
	return out;
}

static int set_multi(struct hive *h, const char *key, const char *name, const char *p,
		     struct err *err)
{
	char *list[64];
	size_t n = 0;
	int r;

	while (*p && n < 64 && (list[n] = quoted(&p))) {
		n++;
		p += *p == ',';
	}
	r = hive_set_strings(h, key, name, (const char *const *)list, n, err);
	while (n)
		free(list[--n]);
	return *p ? -EINVAL : r;
}

static int set_hex(struct hive *h, const char *key, const char *name, unsigned long type,
		   const char *p, struct err *err)
{
	CLEANUP(mem_free) uint8_t *data = malloc(strlen(p) + 1);
	size_t n = 0;

	while (data && isxdigit((unsigned char)*p)) {
		char *end;

		data[n++] = (uint8_t)strtoul(p, &end, 16);
		p = end + (*end == ',');
	}
	if (!data || *p)
		return -EINVAL;
	return hive_set_raw(h, key, name, (enum hive_type)type, data, n, err);
}

static int set(struct hive *h, const char *key, const char *name, const char *p, struct err *err)
{
	CLEANUP(mem_free) char *s = NULL;
	enum hive_type type = HIVE_SZ;

	if (strncmp(p, "dword:", 6) == 0)
		return hive_set_dword(h, key, name, (uint32_t)strtoul(p + 6, NULL, 16), err);
	if (strncmp(p, "hex:", 4) == 0)
		return set_hex(h, key, name, HIVE_BINARY, p + 4, err);
	if (strncmp(p, "hex(", 4) == 0 && strstr(p, "):"))
		return set_hex(h, key, name, strtoul(p + 4, NULL, 16), strstr(p, "):") + 2, err);
	if (strncmp(p, "multi:", 6) == 0)
		return set_multi(h, key, name, p + 6, err);
	if (strncmp(p, "expand:", 7) == 0) {
		type = HIVE_EXPAND_SZ;
		p += 7;
	}
	s = quoted(&p);
	return s && !*p ? hive_set_string(h, key, name, type, s, err) : -EINVAL;
}

static int line_of(struct hive *h, char **key, const char *line, struct err *err)
{
	CLEANUP(mem_free) char *name = NULL;
	size_t n = strlen(line);

	if (!n || *line == ';')
		return 0;
	if (*line == '[' && line[n - 1] == ']') {
		free(*key);
		*key = strndup(line + 1, n - 2);
		return hive_make_key(h, *key, err);
	}
	if (*line == '@') {
		name = strdup("");
		line++;
	} else {
		name = quoted(&line);
	}
	return name && *key && *line == '=' ? set(h, *key, name, line + 1, err) : -EINVAL;
}

void hives_make(const char *path, const char *text)
{
	CLEANUP(hive_free) struct hive *h = NULL;
	CLEANUP(mem_free) char *key = NULL;
	struct err err = ERR_INIT;
	size_t line = 1;

	if (hive_open_file(path, true, &h, NULL) < 0) {
		uint8_t empty[HIVES_EMPTY];

		hives_empty(empty);
		if (fdio_replace_file(path, empty, sizeof(empty), 0644, &err) < 0 ||
		    hive_open_file(path, true, &h, &err) < 0)
			die(path, 0, err.text);
	}
	for (; *text; line++) {
		size_t n = strcspn(text, "\n");
		CLEANUP(mem_free) char *one = strndup(text, n);

		if (line_of(h, &key, one, &err) < 0)
			die(path, line, err.code ? err.text : one);
		text += n + (text[n] == '\n');
	}
	if (hive_commit(h, &err) < 0)
		die(path, line, err.text);
}

void hives_make_from(const char *path, const char *reg_file)
{
	CLEANUP(mem_free) char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;

	if (fdio_read_file(reg_file, 1 << 20, &text, &len, &err) < 0)
		die(reg_file, 0, err.text);
	hives_make(path, text);
}

char *hives_export(const char *path)
{
	char command[600];
	char *text = NULL;
	size_t len = 0;
	int status;
	FILE *f;

	snprintf(command, sizeof(command),
		 "hivexregedit --export --unsafe-printable-strings '%s' '\\'", path);
	f = popen(command, "re");
	if (!f)
		return NULL;
	if (fdio_read_fd(fileno(f), 16 << 20, &text, &len) < 0)
		text = NULL;
	status = pclose(f);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
