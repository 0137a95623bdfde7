/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of machine_net.h. */
#include "inventory/machine_fields.h"

static const struct machine_field address_fields[] = {
	F_RULES(machine_address, address, STR, RULE_NEEDED),
	F(machine_address, scope, STR),
	F(machine_address, dynamic, BOOL),
	F_END
};

const struct machine_field machine_fields_nic[] = {
	F_RULES(machine_nic, name, STR, RULE_NEEDED | RULE_DEVICE | RULE_NIC),
	F(machine_nic, kind, STR),
	F_RULES(machine_nic, mac, STR, RULE_MAC),
	F_RULES(machine_nic, permanent_mac, STR, RULE_MAC),
	F(machine_nic, driver, STR),
	F(machine_nic, bus, STR),
	F(machine_nic, master, STR),
	F(machine_nic, lower, STRV),
	F(machine_nic, vlan_id, U32),
	F(machine_nic, vlan_protocol, STR),
	F(machine_nic, bond_mode, STR),
	F(machine_nic, bond_active, STR),
	F(machine_nic, bridge_stp, FLAG),
	F(machine_nic, mtu, U32),
	F_UNKNOWN(machine_nic, speed, I64, -1),
	F(machine_nic, duplex, STR),
	F(machine_nic, carrier, BOOL),
	F(machine_nic, up, BOOL),
	F(machine_nic, sriov_total, U32),
	F(machine_nic, sriov_vfs, U32),
	F(machine_nic, physfn, STR),
	F(machine_nic, predictable, STRV),
	F(machine_nic, altnames, STRV),
	F_LIST(machine_nic, addresses, machine_address, address_fields),
	F_END
};

const struct machine_field machine_fields_route[] = {
	F_RULES(machine_route, destination, STR, RULE_NEEDED),
	F(machine_route, gateway, STR),
	F(machine_route, nic, STR),
	F(machine_route, metric, U32),
	F(machine_route, source, STR),
	F(machine_route, table, STR),
	F_END
};

const struct machine_field machine_fields_rule[] = {
	F_RULES(machine_rule, priority, U32, RULE_NEEDED),
	F(machine_rule, family, STR),
	F(machine_rule, invert, FLAG),
	F(machine_rule, from, STR),
	F(machine_rule, to, STR),
	F(machine_rule, iif, STR),
	F(machine_rule, oif, STR),
	F(machine_rule, mark, STR),
	F(machine_rule, also, STRV),
	F(machine_rule, action, STR),
	F(machine_rule, table, STR),
	F_END
};

const struct machine_field machine_fields_firewall[] = {
	F(machine_firewall, manager, STR),
	F(machine_firewall, backend, STR),
	F_END
};
