/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Registry hives for tests, made from a text in the manner of .reg files:
 *
 *	; a comment
 *	[ControlSet001\Services\disk]		a key, from the hive's root
 *	@="default value"			\\ and \" stand for \ and "
 *	"Start"=dword:00000000
 *	"Type"=hex:01,02,03			REG_BINARY
 *	"X"=hex(b):01,00			any type, in hexadecimal
 *	"ImagePath"=expand:"system32\\x.sys"	REG_EXPAND_SZ
 *	"Group"=multi:"a","b"			REG_MULTI_SZ
 *
 * A value is one line. On a fault the test is ended with the line's number.
 */
#ifndef P2V_TESTS_LIB_HIVES_H
#define P2V_TESTS_LIB_HIVES_H

#include <stddef.h>
#include <stdint.h>

#define HIVES_EMPTY	8192

/* The smallest hive there is: a root key without anything. */
void hives_empty(uint8_t ret[static HIVES_EMPTY]);
/* Make the file from the text; what is there already is added to, or overwritten when it is no
 * hive. */
void hives_make(const char *path, const char *text);
/* The same from a file of such text. */
void hives_make_from(const char *path, const char *reg_file);
/* Correct the checksum of a base block that was changed on purpose. */
void hives_seal(uint8_t *hive);
/* All of a hive as text, by hivexregedit; malloc'd, NULL when that is not there. */
char *hives_export(const char *path);

#endif
