/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make-tree SPEC DIR: see tests/lib/tree.h. */
#include <stdio.h>
#include "common/err.h"
#include "tests/lib/tree.h"

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc != 3) {
		fprintf(stderr, "usage: make-tree SPEC DIR\n");
		return 2;
	}
	if (tree_make(argv[1], argv[2], &err) < 0) {
		fprintf(stderr, "make-tree: %s\n", err.text);
		return 1;
	}
	return 0;
}
