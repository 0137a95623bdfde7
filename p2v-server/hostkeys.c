/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/hostkeys.h"

#include <glob.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/fdio.h"
#include "common/text.h"

#define KEY_FILE_MAX 16384

/* "ssh-ed25519 AAAA... comment" to "ssh-ed25519 SHA256:..."; NULL when it is no key. */
static char *fingerprint(const char *line)
{
	size_t type = strcspn(line, " "), len;
	const char *b64 = line + type + (line[type] == ' ');
	CLEANUP(mem_free) uint8_t *blob = NULL;
	uint8_t sha[SHA256_LEN];
	char text[64];
	int n;

	len = strcspn(b64, " \n");
	if (len == 0 || len % 4 != 0)
		return NULL;
	blob = malloc(len);
	n = blob ? EVP_DecodeBlock(blob, (const unsigned char *)b64, (int)len) : -1;
	if (n < 0)
		return NULL;
	/* EVP_DecodeBlock counts the padding as bytes. */
	n -= (b64[len - 1] == '=') + (b64[len - 2] == '=');
	if (digest_sha256(blob, (size_t)n, sha) < 0)
		return NULL;
	EVP_EncodeBlock((unsigned char *)text, sha, SHA256_LEN);
	text[strcspn(text, "=")] = '\0';
	return text_format("%.*s SHA256:%s", (int)type, line, text);
}

int hostkeys_list(char ***ret, struct err *err)
{
	glob_t g = { 0 };
	size_t n = 0;
	char **v;

	if (glob("/etc/ssh/ssh_host_*_key.pub", 0, NULL, &g) == GLOB_NOSPACE)
		return err_nomem(err);
	v = calloc(g.gl_pathc + 1, sizeof(*v));
	if (!v) {
		globfree(&g);
		return err_nomem(err);
	}
	for (size_t i = 0; i < g.gl_pathc; i++) {
		CLEANUP(mem_free) char *line = NULL;

		if (fdio_read_file(g.gl_pathv[i], KEY_FILE_MAX, &line, NULL, NULL) < 0)
			continue;
		v[n] = fingerprint(line);
		if (v[n])
			n++;
	}
	globfree(&g);
	*ret = v;
	return 0;
}
