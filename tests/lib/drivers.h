/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Collections of virtio drivers for tests, with the names that the real ones have: real-shaped INF
 * files, and a line of text in place of each program and catalog.
 *
 *	drivers_folder()	as the ISO is laid out: viostor/w10/amd64/viostor.inf
 *	drivers_by_os()		as distributions lay it out: drivers/by-os/amd64/w10/viostor.inf
 *	drivers_iso()		an ISO image of a folder; files with the same bytes share them there
 *
 * versions is a list of folder names with blanks between: "w10 2k22". Ends the test on a fault.
 */
#ifndef P2V_TESTS_LIB_DRIVERS_H
#define P2V_TESTS_LIB_DRIVERS_H

void drivers_folder(const char *dir, const char *versions);
void drivers_by_os(const char *dir, const char *versions);
void drivers_iso(const char *dir, const char *iso);
/* The text of an INF: name is "viostor", "vioscsi", "netkvm", ...; malloc'd. */
char *drivers_inf(const char *name);

#endif
