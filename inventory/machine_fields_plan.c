/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of machine_plan.h. */
#include "inventory/machine_fields.h"

static const struct machine_field plan_disk_fields[] = {
	F_RULES(machine_plan_disk, name, STR, RULE_NEEDED | RULE_DEVICE),
	F(machine_plan_disk, skip, FLAG),
	F(machine_plan_disk, size, U64),
	F(machine_plan_disk, bus, STR),
	F_END
};

static const struct machine_field plan_nic_fields[] = {
	F_RULES(machine_plan_nic, name, STR, RULE_NEEDED | RULE_DEVICE | RULE_NIC),
	F(machine_plan_nic, connect, STR),
	F(machine_plan_nic, model, STR),
	F(machine_plan_nic, mac, STR),
	F(machine_plan_nic, addresses, STRV),
	F_END
};

static const struct machine_field plan_advice_fields[] = {
	F_RULES(machine_plan_advice, resource, STR, RULE_NEEDED),
	F(machine_plan_advice, now, STR),
	F(machine_plan_advice, recommended, STR),
	F(machine_plan_advice, value, U64),
	F(machine_plan_advice, evidence, STR),
	F(machine_plan_advice, confidence, STR),
	F_END
};

const struct machine_field machine_fields_plan[] = {
	F(machine_plan, name, STR),
	F(machine_plan, vcpus, U32),
	F(machine_plan, memory, U64),
	F(machine_plan, firmware, STR),
	F(machine_plan, bonds, STR),
	F_LIST_FULL(machine_plan, disks, machine_plan_disk, plan_disk_fields, RULE_STRICT, NULL),
	F_LIST_FULL(machine_plan, nics, machine_plan_nic, plan_nic_fields, RULE_STRICT, NULL),
	F(machine_plan, skip_fixes, STRV),
	F(machine_plan, accept, STRV),
	F_LIST_FULL(machine_plan, advice, machine_plan_advice, plan_advice_fields, RULE_STRICT,
		    NULL),
	F_END
};
