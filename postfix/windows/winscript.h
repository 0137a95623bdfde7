/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scripts that run when a converted Windows starts for the first time.
 *
 *	SYSTEM\Setup: SetupType=2, CmdLine=setup.cmd
 *	  setup.cmd	    takes itself out of the registry, makes the task, returns
 *	  firstboot.cmd	    the task, as SYSTEM: drivers, network, packages; removes the task
 *	    network.ps1|vbs addresses by MAC, from the data in network.txt
 *
 * Why this way. Something of ours must be started by a Windows that was changed while it was off,
 * without a program of somebody else, from XP to 2025. A service needs an executable that speaks
 * with the service manager; cmd.exe as one is ended after 30 seconds and logged as an error.
 * RunOnce waits for an administrator to log on. A scheduled task written from outside needs binary
 * registry values whose form changes between versions. Group Policy scripts are not in home
 * editions and may be overruled by the domain. SYSTEM\Setup is what Windows' own setup, sysprep
 * and cloning tools use in all versions: with SetupType=2 Windows runs CmdLine as SYSTEM before
 * anybody can log on, waits for it, and goes on without a restart (1 restarts; 0 is the normal
 * state). In that phase accounts and services work when SystemSetupInProgress is 0, as it is in an
 * installed Windows. But the start waits for CmdLine, so nothing that may hang is done in it: it
 * makes a task (schtasks, in Windows since XP Professional; without it the work is started
 * directly) and returns.
 *
 * The scripts are fixed texts (scripts/, compiled in by scripts/gen.sh); what depends on the
 * version is one of a few words put into firstboot.cmd, and what comes from the guest (names,
 * addresses) is in network.txt, which is read as data. So nothing that a guest holds can become a
 * command.
 */
#ifndef P2V_POSTFIX_WINDOWS_WINSCRIPT_H
#define P2V_POSTFIX_WINDOWS_WINSCRIPT_H

/* As they go into the guest: ASCII, CR LF. Made from scripts/; firstboot has marks to fill in. */
extern const char winscript_setup[], winscript_firstboot[];
extern const char winscript_network_ps1[], winscript_network_vbs[];

/* firstboot.cmd for a version: 5, 1 is XP; build 0 is not known. malloc'd; 0 or -ENOMEM. */
int winscript_firstboot_for(unsigned int major, unsigned int minor, unsigned int build, char **ret);

#endif
