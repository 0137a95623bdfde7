/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codes of ERROR messages: as text, and from and to errno. */
#include "wire/msg.h"

#include <errno.h>

#include "common/compiler.h"

static const struct {
	const char *name;
	int code;
} errors[] = {
	[PROTO_ERR_PROTOCOL]	= { "protocol violation", EBADMSG },
	[PROTO_ERR_VERSION]	= { "protocol version not supported", EPROTONOSUPPORT },
	[PROTO_ERR_FEATURE]	= { "protocol feature not supported", EPROTONOSUPPORT },
	[PROTO_ERR_NAME]	= { "name not acceptable", EINVAL },
	[PROTO_ERR_BUSY]	= { "job busy", EBUSY },
	[PROTO_ERR_MISMATCH]	= { "job exists with other disks", EEXIST },
	[PROTO_ERR_SPACE]	= { "target full", ENOSPC },
	[PROTO_ERR_IO]		= { "input/output error", EIO },
	[PROTO_ERR_DIGEST]	= { "data damaged on the way", EILSEQ },
	[PROTO_ERR_DENIED]	= { "permission denied", EACCES },
	[PROTO_ERR_CANCELLED]	= { "cancelled", ECANCELED },
	[PROTO_ERR_INTERNAL]	= { "internal error", EREMOTEIO },
	[PROTO_ERR_VERIFY]	= { "verification failed", EILSEQ },
};

const char *msg_error_name(uint16_t code)
{
	return code < ARRAY_SIZE(errors) && errors[code].name ? errors[code].name : "unknown error";
}

int msg_error_errno(uint16_t code)
{
	return code < ARRAY_SIZE(errors) && errors[code].name ? errors[code].code : EREMOTEIO;
}

uint16_t msg_error_from_errno(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT:
		return PROTO_ERR_SPACE;
	case EIO:
		return PROTO_ERR_IO;
	case EBADMSG:
		return PROTO_ERR_PROTOCOL;
	case EILSEQ:
		return PROTO_ERR_DIGEST;
	case ECANCELED:
		return PROTO_ERR_CANCELLED;
	default:
		return PROTO_ERR_INTERNAL;
	}
}
