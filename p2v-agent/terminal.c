/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "common/cleanup.h"

int terminal_ask(const char *prompt, bool echo, char *buf, size_t size)
{
	CLEANUP(file_close) FILE *tty = fopen("/dev/tty", "r+");
	struct termios old, raw;
	bool restore = false;
	char *got;

	if (!tty)
		return -ENOTTY;
	fputs(prompt, tty);
	fflush(tty);
	if (!echo && tcgetattr(fileno(tty), &old) == 0) {
		raw = old;
		raw.c_lflag &= ~(tcflag_t)ECHO;
		restore = tcsetattr(fileno(tty), TCSAFLUSH, &raw) == 0;
	}
	got = fgets(buf, (int)size, tty);
	if (restore) {
		tcsetattr(fileno(tty), TCSAFLUSH, &old);
		fputs("\n", tty);
	}
	if (!got)
		return -ECANCELED;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}
