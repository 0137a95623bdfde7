/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The few compiler attributes and macros every file may rely on.
 */
#ifndef P2V_COMMON_COMPILER_H
#define P2V_COMMON_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(fmt, args)	__attribute__((format(printf, fmt, args)))
#define WARN_UNUSED		__attribute__((warn_unused_result))
#define NORETURN		__attribute__((noreturn))
#define UNUSED			__attribute__((unused))

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
/* From the address of a member to that of the struct around it; type carries the const. */
#define container_of(ptr, type, member) ((type *)((uintptr_t)(ptr) - offsetof(type, member)))
#define MIN(a, b)		((a) < (b) ? (a) : (b))
#define MAX(a, b)		((a) > (b) ? (a) : (b))

/* Power-of-two alignment; the caller has checked that up cannot wrap (see bytes.h). */
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN_UP(x, a)		ALIGN_DOWN((x) + (__typeof__(x))(a) - 1, a)
#define DIV_ROUND_UP(x, d)	(((x) / (d)) + ((x) % (d) != 0))

#define KIB			((uint64_t)1024)
#define MIB			(1024 * KIB)
#define GIB			(1024 * MIB)
#define TIB			(1024 * GIB)

#endif
