/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * History and list (history.sh) of a filesystem that is mounted below the image folder by a FUSE
 * program, which stays in the foreground: the mount is over when it has ended.
 */
#ifndef P2V_TESTS_MOUNTED_H
#define P2V_TESTS_MOUNTED_H

#include <limits.h>
#include "tests/images/image.h"

static inline const char *mounted_history_script(void)
{
	static const char here[] = __FILE__;
	static char path[PATH_MAX];
	char relative[512];

	snprintf(relative, sizeof(relative), "%.*shistory.sh",
		 (int)(strrchr(here, '/') ? strrchr(here, '/') - here + 1 : 0), here);
	ck_assert_msg(realpath(relative, path) != NULL, "%s: %s", relative, strerror(errno));
	return path;
}

/*
 * Run commands (in the image folder) while program, with its options, has image mounted at mnt.
 * image can be MOUNTED_LOOP(image), for a program that wants a device.
 */
#define MOUNTED_LOOP(image)	"$(losetup -f --show " image ")"

UNUSED static int mounted_run(const char *program, const char *image, const char *commands)
{
	return image_run("mkdir -p mnt; d=%s; %s $d mnt & p=$!; n=0; r=0; "
			 "until mountpoint -q mnt; do sleep 0.05; n=$((n + 1)); "
			 "[ $n -lt 600 ] && kill -0 $p || { r=99; break; }; done; "
			 "[ $r = 99 ] || { ( %s ); r=$?; umount mnt; }; wait $p; "
			 "case $d in /dev/loop*) losetup -d $d ;; esac; exit $r",
			 image, program, commands);
}

UNUSED static int mounted_make(const char *program, const char *image, unsigned int seed,
			       unsigned int steps)
{
	char commands[PATH_MAX + 64];

	snprintf(commands, sizeof(commands), "sh %s make mnt %u %u", mounted_history_script(),
		 seed, steps);
	return mounted_run(program, image, commands);
}

/* The list becomes the file to. */
UNUSED static int mounted_list(const char *program, const char *image, const char *to)
{
	char commands[PATH_MAX + 64];

	snprintf(commands, sizeof(commands), "sh %s list mnt >%s", mounted_history_script(), to);
	return mounted_run(program, image, commands);
}

/* Two images with the same files, and more than a few. */
UNUSED static void mounted_same(const char *program, const char *a, const char *b, const char *what)
{
	ck_assert_int_eq(mounted_list(program, a, "list1"), 0);
	ck_assert_int_eq(mounted_list(program, b, "list2"), 0);
	ck_assert_int_eq(image_run("test $(wc -l <list1) -gt 20"), 0);
	ck_assert_msg(image_run("cmp list1 list2") == 0, "%s: the copy's files differ", what);
}

#endif
