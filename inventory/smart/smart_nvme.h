/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an NVMe disk says of its health: log page 02h, SMART / Health Information (NVM Express Base
 * Specification 2.0, 5.16.1.3). Pure; any bytes are safe.
 */
#ifndef P2V_INVENTORY_SMART_NVME_H
#define P2V_INVENTORY_SMART_NVME_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "inventory/machine.h"

#define SMART_NVME_PAGE		512

/* Its byte "critical warning" as status, and detail when a bit is set. 0 or -ENOMEM. */
int smart_nvme_warning(uint8_t warning, struct machine_smart *ret);
/* The whole page. -EBADMSG when it is too short, -ENOMEM. */
int smart_nvme_log(const void *page, size_t len, struct machine_smart *ret, struct err *err);

#endif
