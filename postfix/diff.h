/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A unified diff of two texts, as diff -u prints it, for the report. The shortest edit script by
 * Myers' greedy search; past a bound on the number of differences (two texts that have nothing in
 * common) everything between the common head and tail is shown as replaced, so time and memory stay
 * small whatever the guest holds. Pure.
 */
#ifndef P2V_POSTFIX_DIFF_H
#define P2V_POSTFIX_DIFF_H

/*
 * old_text NULL: the file is new; new_text NULL: it is removed. path is shown as a/path and b/path
 * (or /dev/null). *ret is malloc'd, "" when the texts are equal. Returns 0 or -ENOMEM.
 */
int diff_unified(const char *path, const char *old_text, const char *new_text, char **ret);

#endif
