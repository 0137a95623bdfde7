/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on Linux filesystems, swap, and encryption. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>

static int suspended(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		bool swap = preflight_is(d->fs->type, "swap") && d->fs->hibernated;

		if (d->copied && (swap || preflight_is(d->fs->type, "swsuspend")) &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "the swap on %s holds the image of a suspended system",
				  d->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int dirty(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const char *type = d->fs->type;

		if (d->copied && d->fs->dirty && d->mountpoints->n == 0 &&
		    !preflight_starts(type, "ntfs") &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s (%s) was not cleanly unmounted", d->name,
				  type ? type : "of an unknown kind") < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- LUKS */

static bool is_luks(const struct preflight_device *d)
{
	return d->copied && preflight_is(d->fs->type, "crypto_LUKS");
}

static const struct preflight_key *key_of(const struct preflight_input *in, const char *device)
{
	const struct preflight_key *found = NULL;

	/* Of several keys for one device, one that opens it. */
	for (size_t i = 0; i < in->nkeys; i++)
		if (strcmp(in->keys[i].device, device) == 0 && (!found || in->keys[i].opens))
			found = &in->keys[i];
	return found;
}

static int no_key(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_luks(d) && !key_of(in, d->name) &&
		    preflight_add(report, rule, d->system ? PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES,
				  d->name, "%s is encrypted by LUKS%s%s%s, and no key was given",
				  d->name, d->fs->version ? " " : "",
				  d->fs->version ? d->fs->version : "",
				  d->system ? ", the system starts from it" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int wrong_key(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct preflight_key *key = is_luks(d) ? key_of(in, d->name) : NULL;

		if (key && !key->opens &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "the key that was given opens none of the %" PRIu32
				  " key slots of %s", d->fs->keyslots, d->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int bound_key(PREFLIGHT_LOOK)
{
	static const char *const bound[] = { "systemd-tpm2", "systemd-fido2", "systemd-pkcs11",
					     "clevis", NULL };

	preflight_each(in, d) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
		const struct preflight_key *key = is_luks(d) ? key_of(in, d->name) : NULL;
		bool only;

		for (size_t i = 0; is_luks(d) && i < d->fs->tokens.n; i++)
			if (preflight_is_one_of(d->fs->tokens.v[i], bound))
				preflight_names_add(&names, d->fs->tokens.v[i]);
		if (names.n == 0)
			continue;
		/* A token has a slot of its own; a passphrase needs another. */
		only = d->fs->keyslots && names.n >= d->fs->keyslots && !(key && key->opens);
		if (preflight_add(report, rule, only ? PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES,
				  d->name, "%s is opened by %s; %" PRIu32 " key slot%s in use",
				  d->name, preflight_names_text(&names), d->fs->keyslots,
				  d->fs->keyslots == 1 ? " is" : "s are") < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct preflight_rule rules[] = {
	{ "linux-hibernated", PREFLIGHT_BLOCKS, "A swap area holds a suspended Linux",
	  "At the next start the kernel would go on where it was suspended, with drivers of "
	  "hardware that is gone and with filesystems as it remembers them. If that fails "
	  "half-way, the filesystems are damaged.",
	  "Start the system on the source and shut it down. If the suspended session may be lost: "
	  "--force linux-hibernated, and start the virtual machine with noresume once.",
	  suspended },
	{ "fs-dirty", PREFLIGHT_DEGRADES, "A filesystem was not cleanly unmounted",
	  "Its journal is replayed at the next mount, in the virtual machine; what a filesystem "
	  "without a journal has lost, a check has to find. Its free space is not trusted, so all "
	  "of it is copied.",
	  "Start the system on the source and shut it down, or check the filesystem (fsck), and "
	  "copy then.", dirty },
	{ "luks-no-key", PREFLIGHT_BLOCKS, "An encrypted volume, and no key for it",
	  "It is copied as it is, encrypted and whole, for its free space is not known. The "
	  "server cannot look into it: when the system is in it, its initramfs is not prepared, "
	  "and whether the virtual machine starts depends on luck. And without its passphrase "
	  "nobody can open it there.",
	  "Prove that somebody has the passphrase: --key DEVICE=FILE, or --key DEVICE=- to be "
	  "asked. The key is only tried; it is neither sent nor kept. To go on without: --force "
	  "luks-no-key.", no_key },
	{ "luks-key-wrong", PREFLIGHT_BLOCKS, "A key does not open the volume it was given for",
	  "Without a key that works, what is in the volume is lost with the physical machine.",
	  "Try another key, or another device: p2v-agent inventory names them. A key file counts "
	  "with all its bytes, a newline at its end too.", wrong_key },
	{ "luks-bound", PREFLIGHT_BLOCKS, "An encrypted volume is opened by a token",
	  "A key that is sealed to this machine's TPM, bound to a network server (clevis with "
	  "tang) or kept in a security key does not open the volume in the virtual machine by "
	  "itself. With no other key slot, nothing does.",
	  "Add a passphrase on the source: cryptsetup luksAddKey DEVICE. In the virtual machine, "
	  "bind it anew.", bound_key },
};

const struct preflight_theme preflight_filesystems = { "Filesystems and encryption", rules,
						       ARRAY_SIZE(rules) };
