/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ordinary main for a fuzz target: runs it over the files named on the command line, and over
 * all files in the folders named there. Corpora are replayed so in every test run, without a
 * fuzzer; a fuzzer links the target with its own main instead.
 *
 * Each input lies in memory of exactly its length, so that a sanitizer sees a read past its end.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/err.h"
#include "common/fdio.h"

#define INPUT_MAX	(64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int inputs;

static int run_file(const char *path)
{
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(mem_free) uint8_t *exact = NULL;
	struct err err = ERR_INIT;
	size_t len;

	if (fdio_read_file(path, INPUT_MAX, &text, &len, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	exact = malloc(len ? len : 1);
	if (!exact) {
		fprintf(stderr, "%s: out of memory\n", path);
		return -1;
	}
	memcpy(exact, text, len);
	/* A crash must name its input: say it before, not after. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, len);
	inputs++;
	return 0;
}

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int run_path(const char *path)
{
	struct dirent **list;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path);
	n = scandir(path, &list, not_hidden, alphasort);
	if (n < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		CLEANUP(mem_free) char *sub = NULL;

		if (asprintf(&sub, "%s/%s", path, list[i]->d_name) < 0 || run_path(sub) < 0)
			r = -1;
		free(list[i]);
	}
	free(list);
	return r;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE-OR-FOLDER...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		if (run_path(argv[i]) < 0)
			status = 1;
	/* An empty corpus proves nothing. */
	if (inputs == 0)
		status = 1;
	fprintf(stderr, "%u inputs\n", inputs);
	return status;
}
