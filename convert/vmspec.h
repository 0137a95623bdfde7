/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The target: what the virtual machine is to be. Made from the machine (what it was), the guest
 * caps (what the fixed guest can drive) and the user's options; read by domain_xml.h. Pure data
 * and pure functions.
 *
 *	machine + guestcaps + vmspec_options --vmspec_build()--> vmspec --domain_xml_build()--> XML
 */
#ifndef P2V_CONVERT_VMSPEC_H
#define P2V_CONVERT_VMSPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"

enum vm_block_bus { VM_BLOCK_VIRTIO_SCSI, VM_BLOCK_VIRTIO_BLK, VM_BLOCK_SATA, VM_BLOCK_IDE };
enum vm_net_model { VM_NET_VIRTIO, VM_NET_E1000E, VM_NET_E1000, VM_NET_RTL8139 };

/*
 * What the guest can drive, known only after it was fixed (drivers may have been put in). Filled
 * by postfix; guestcaps_default() is what to assume when the guest was not looked at: the most
 * compatible devices.
 */
struct guestcaps {
	enum vm_block_bus block;	/* the best bus that the guest boots from */
	enum vm_net_model net;
	bool virtio_rng, virtio_balloon, guest_agent;
	bool q35;			/* chipset supported (else i440fx) */
	bool virtio_1_0;		/* modern virtio; else transitional models */
	bool serial_console;		/* the guest has a getty or console on ttyS0 */
	char os_type[16];		/* "linux", "windows", "" unknown */
	char distro[32];		/* libosinfo-like short family: "debian", "rhel", ... */
	int major, minor;		/* distribution version, -1 unknown */
	char osinfo[96];		/* "http://debian.org/debian/12", "" unknown */
	char arch[16];			/* "x86_64" */
};
void guestcaps_default(struct guestcaps *c);

struct vmspec_disk {
	char *name;			/* source name: "sda" */
	char *path;			/* image file, absolute */
	char *format;			/* "qcow2" */
	uint64_t size;
	enum vm_block_bus bus;
	char *dev;			/* target name: "sda", "vda" */
	char *serial, *wwn, *vendor, *product;	/* cut to what the bus can carry; NULL unknown */
	uint32_t logical_sector, physical_sector;
	unsigned int boot_order;	/* 1 = first; 0 = none */
	bool rotational;
	bool direct_io;			/* the image's file system takes O_DIRECT */
};

enum vm_net_kind { VM_NET_NETWORK, VM_NET_BRIDGE, VM_NET_DIRECT, VM_NET_USER, VM_NET_NONE };

struct vmspec_nic {
	char *name;			/* source name: "eno1" */
	char *mac;			/* NULL: unusable, libvirt makes one */
	enum vm_net_model model;
	enum vm_net_kind kind;
	char *target;			/* network, bridge or host device name */
	uint32_t mtu;			/* 0 default */
	bool link_up;
};

struct vmspec {
	char *name;
	char *uuid;			/* the SMBIOS one: software may be bound to it */
	char *description;		/* provenance: made from what, when, by what */
	char *osinfo;			/* libosinfo id URL or NULL */
	char *arch;
	bool kvm;			/* domain type kvm, else qemu */
	uint64_t memory;		/* bytes, exact */
	uint32_t sockets, cores, threads;
	bool q35;
	bool uefi, secure_boot;
	char *nvram_path;		/* per-VM copy, absolute, or NULL to let libvirt choose */
	bool clock_local;
	struct guestcaps caps;
	struct machine_smbios smbios;	/* own copies */
	struct vmspec_disk *disks;
	size_t ndisks;
	struct vmspec_nic *nics;
	size_t nnics;
	bool tpm;
	char *tpm_version;
	bool watchdog;			/* an i6300esb, action reset */
	bool cpu_host_model;		/* false (TCG): a named model by cpu_level */
	uint32_t cpu_level;		/* the source CPU's x86-64 level 1..4, 0 unknown */
};

/*
 * One --map: "eth0=bridge:br0", "eno1=network:default", "ens3=direct:eno2", "eth2=user",
 * "*=bridge:br0", "eth1=none" (no device is made). A NIC is named by its name or its MAC; one that
 * no map names goes to the network "default", with a warning when there are maps.
 */
struct vmspec_map {
	char *nic;			/* "*" = every one not named */
	enum vm_net_kind kind;
	char *target;
};
int vmspec_map_parse(const char *text, struct vmspec_map *ret, struct err *err);
void vmspec_map_done(struct vmspec_map *m);

struct vmspec_image {			/* what was copied, in the order of the disks */
	const char *name;		/* the machine's disk name; in any order */
	const char *path, *format;
	uint64_t size;
	uint32_t logical_sector, physical_sector;	/* 0: the machine's, else 512 */
	const char *bus;		/* wished for: "virtio-scsi", ...; NULL: the guest's best */
	bool boot;			/* the guest boots from this one; none: found out */
	bool direct_io;			/* see vmspec_disk */
};

struct vmspec_model {			/* wished for, of one NIC */
	const char *nic;		/* its name */
	const char *model;		/* "virtio", "e1000e", "e1000", "rtl8139" */
};

struct vmspec_mac {			/* asked for, of one NIC */
	const char *nic;		/* its name */
	const char *mac;
};

struct vmspec_options {
	const char *name;		/* domain name; NULL: the machine's host name made valid */
	const char *uuid;		/* NULL: the SMBIOS one if sane, else random_uuid */
	const char *random_uuid;	/* made by the caller: nothing is random here */
	uint64_t memory;		/* 0: exactly what was installed */
	uint32_t vcpus;			/* 0: the source's topology */
	bool kvm;
	const struct vmspec_map *maps;
	size_t nmaps;
	const struct vmspec_model *models;
	size_t nmodels;
	const struct vmspec_mac *macs;
	size_t nmacs;
	/* Where the machine's is not known; -EINVAL when it is, and is another one. */
	enum machine_firmware_type firmware;
	const char *nvram_path;
	const char *description;
};

/*
 * m may lack anything (then the most compatible choice is made and a warning is added to
 * warnings, which may be NULL). Physical NICs become vNICs with the permanent MAC (the current one
 * if there is none); bonds, bridges and VLANs of the source do not become devices, nor do virtual
 * functions that nothing used. A NIC called ethN is the N-th device where there are that many: the
 * kernel hands these names out in the order of the devices, and nothing in a guest could swap two
 * of them safely. Insane SMBIOS
 * UUIDs (all zero, all ff, 03000200-0400-0500-0006-000700080009 and other known fakes) are kept in
 * smbios but not used as the domain UUID. A bus or model that is wished for is given, with a
 * warning where the guest is not known to drive it. -EINVAL when no image is given or an option is
 * not valid.
 */
int vmspec_build(const struct machine *m, const struct guestcaps *caps,
		 const struct vmspec_image *images, size_t nimages,
		 const struct vmspec_options *opt, struct vmspec **ret,
		 struct machine_strv *warnings, struct err *err);
void vmspec_free(struct vmspec *s);
DEFINE_CLEANUP(struct vmspec *, vmspec_free)

#endif
