/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bpf_layout.h. */
#include "track/bpf_layout.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"

static const char *const hook_names[BPF_HOOKS] = {
	[BPF_HOOK_QUEUE] = "block_bio_queue",
	[BPF_HOOK_COMPLETE] = "block_rq_complete",
	[BPF_HOOK_BIO_COMPLETE] = "block_bio_complete",
};

const char *bpf_hook_name(enum bpf_hook h)
{
	return hook_names[h];
}

/* Through typedefs and qualifiers; 0 and void give NULL. */
static const struct btf_type *plain(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;

	for (int depth = 0; t && depth < 32; depth++) {
		if (!btf_is_mod(t) && !btf_is_typedef(t))
			return t;
		t = t->type ? btf__type_by_id(btf, t->type) : NULL;
	}
	return NULL;
}

/* A member by name, also of unnamed parts; its offset and type. */
static bool find_member(const struct btf *btf, const struct btf_type *t, const char *name,
			uint32_t base, unsigned int depth, uint32_t *ret_offset, uint32_t *ret_type)
{
	if (!t || !btf_is_composite(t) || depth > 8)
		return false;
	for (unsigned int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *s = btf__name_by_offset(btf, m->name_off);
		uint32_t bits = btf_member_bit_offset(t, i);

		if (btf_member_bitfield_size(t, i) != 0 || bits % 8 != 0)
			continue;
		if (s && s[0] == '\0') {
			if (find_member(btf, plain(btf, m->type), name, base + bits / 8, depth + 1,
					ret_offset, ret_type))
				return true;
		} else if (s && strcmp(s, name) == 0) {
			*ret_offset = base + bits / 8;
			*ret_type = m->type;
			return true;
		}
	}
	return false;
}

/*
 * "member" or "member.member" of a struct; size 0: a pointer, which is followed. Offsets have to
 * fit the 16 bits of an instruction.
 */
static int member(const struct btf *btf, const char *type, const char *path, size_t size,
		  uint32_t *ret, struct err *err)
{
	int32_t id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? plain(btf, (uint32_t)id) : NULL;
	uint32_t offset = 0, at, member_type = 0;
	char name[64];

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		if (!find_member(btf, t, name, 0, 0, &at, &member_type))
			return err_set(err, ENOENT, "this kernel's types have no %s.%s", type,
				       path);
		offset += at;
		t = plain(btf, member_type);
		p += n + (p[n] == '.');
	}
	if (offset > INT16_MAX || (size > 0 && btf__resolve_size(btf, member_type) != (int)size) ||
	    (size == 0 && !(t && btf_is_ptr(t))))
		return err_set(err, ERANGE, "%s.%s of this kernel is not as expected", type, path);
	*ret = offset;
	return 0;
}

/* With another way where the kernel is older. */
static int chain(const struct btf *btf, const char *type, const char *direct, const char *first,
		 const char *second_type, const char *second, struct bpf_chain *ret,
		 struct err *err)
{
	if (member(btf, type, direct, 0, &ret->offset[0], NULL) == 0) {
		ret->n = 1;
		return 0;
	}
	ret->n = 2;
	if (member(btf, type, first, 0, &ret->offset[0], err) < 0)
		return -ENOENT;
	return member(btf, second_type, second, 0, &ret->offset[1], err);
}

/* The position of the argument that points to this struct, or is the last one (NULL). */
static int find_arg(const struct btf *btf, const struct btf_type *proto, const char *type,
		    uint32_t *ret)
{
	const struct btf_param *p = btf_params(proto);
	unsigned int n = btf_vlen(proto);

	/* The first parameter belongs to the tracepoint, not to the event. */
	if (!type && n > 1) {
		const struct btf_type *t = plain(btf, p[n - 1].type);

		*ret = n - 2;
		return t && btf_is_int(t) && t->size == 4 ? 0 : -ENOENT;
	}
	for (unsigned int i = 1; i < n; i++) {
		const struct btf_type *t = plain(btf, p[i].type);
		const char *name;

		t = t && btf_is_ptr(t) ? plain(btf, t->type) : NULL;
		name = t && btf_is_struct(t) ? btf__name_by_offset(btf, t->name_off) : NULL;
		if (name && strcmp(name, type) == 0) {
			*ret = i - 1;
			return 0;
		}
	}
	return -ENOENT;
}

static int read_hook(const struct btf *btf, enum bpf_hook h, struct bpf_layout *l, struct err *err)
{
	const struct btf_type *t;
	char name[64];
	int32_t id;

	snprintf(name, sizeof(name), "btf_trace_%s", hook_names[h]);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	t = id > 0 ? plain(btf, (uint32_t)id) : NULL;
	t = t && btf_is_ptr(t) ? plain(btf, t->type) : NULL;
	if (!t || !btf_is_func_proto(t)) {
		if (h == BPF_HOOK_BIO_COMPLETE)
			return 0;
		return err_set(err, ENOENT, "this kernel's types have no tracepoint %s",
			       hook_names[h]);
	}
	if (find_arg(btf, t, h == BPF_HOOK_COMPLETE ? "request" : "bio", &l->arg[h]) < 0 ||
	    (h == BPF_HOOK_COMPLETE && find_arg(btf, t, NULL, &l->arg_bytes) < 0))
		return err_set(err, ENOENT, "the arguments of %s are not as expected",
			       hook_names[h]);
	l->btf_id[h] = (uint32_t)id;
	return 0;
}

static bool find_enumerator(const struct btf *btf, const char *name, uint32_t *ret)
{
	int32_t id = btf__find_by_name_kind(btf, "req_op", BTF_KIND_ENUM);
	const struct btf_type *t;

	if (id <= 0)
		id = btf__find_by_name_kind(btf, "req_opf", BTF_KIND_ENUM);
	t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	for (unsigned int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_enum *e = btf_enum(t) + i;
		const char *s = btf__name_by_offset(btf, e->name_off);

		if (s && strcmp(s, name) == 0 && e->val >= 0 && e->val < 256) {
			*ret = (uint32_t)e->val;
			return true;
		}
	}
	return false;
}

static int read_ops(const struct btf *btf, struct bpf_layout *l, struct err *err)
{
	uint32_t read, write;

	/* Kernels before 5.11 have commands of SCSI of their own, below the drivers'. */
	if (!find_enumerator(btf, "REQ_OP_SCSI_IN", &l->op_first_driver) &&
	    !find_enumerator(btf, "REQ_OP_DRV_IN", &l->op_first_driver))
		return err_set(err, ENOENT, "this kernel's types have no REQ_OP_DRV_IN");
	if (!find_enumerator(btf, "REQ_OP_DISCARD", &l->op_discard) ||
	    !find_enumerator(btf, "REQ_OP_READ", &read) ||
	    !find_enumerator(btf, "REQ_OP_WRITE", &write) || read != 0 || write != 1)
		return err_set(err, ENOENT, "the operations of this kernel are not as expected");
	return 0;
}

int bpf_layout_read(const struct btf *btf, struct bpf_layout *ret, struct err *err)
{
	struct bpf_layout l = { 0 };
	const struct {
		const char *type, *path;
		size_t size;
		uint32_t *offset;
	} members[] = {
		{ "bio", "bi_opf", 4, &l.bio_opf },
		{ "bio", "bi_iter.bi_sector", 8, &l.bio_sector },
		{ "bio", "bi_iter.bi_size", 4, &l.bio_size },
		{ "request", "cmd_flags", 4, &l.rq_flags },
		{ "request", "__sector", 8, &l.rq_sector },
		{ "gendisk", "major", 4, &l.disk_major },
		{ "gendisk", "first_minor", 4, &l.disk_minor },
	};
	int r = chain(btf, "bio", "bi_disk", "bi_bdev", "block_device", "bd_disk", &l.bio_disk,
		      err);

	if (r == 0)
		r = chain(btf, "request", "rq_disk", "q", "request_queue", "disk", &l.rq_disk, err);
	for (size_t i = 0; i < ARRAY_SIZE(members) && r == 0; i++)
		r = member(btf, members[i].type, members[i].path, members[i].size,
			   members[i].offset, err);
	for (int h = 0; h < BPF_HOOKS && r == 0; h++)
		r = read_hook(btf, (enum bpf_hook)h, &l, err);
	if (r == 0)
		r = read_ops(btf, &l, err);
	if (r == 0)
		*ret = l;
	return r;
}

int bpf_layout_kernel(struct bpf_layout *ret, struct err *err)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int r;

	if (!btf)
		return err_set(err, ENOENT, "this kernel does not tell its types (BTF)");
	r = bpf_layout_read(btf, ret, err);
	btf__free(btf);
	return r;
}
