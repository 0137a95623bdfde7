/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "disk/fs/ext_channel.h"

#define WINDOW	(256u << 10)

/* io_manager.open is given a name and nothing else; it is called from inside ext2fs_open2(). */
static _Thread_local struct ext_channel *opening;

static int window_read(struct ext_channel *s, void *buf, uint64_t len, uint64_t offset,
		       struct err *err)
{
	uint64_t start = ALIGN_DOWN(offset, (uint64_t)WINDOW);
	uint64_t want = MIN((uint64_t)WINDOW, s->space->size - start);

	if (offset - start + len > want)
		return space_read(s->space, buf, len, offset, err);
	if (s->window_length == 0 || s->window_offset != start) {
		s->window_length = 0;
		/* A bad sector somewhere in the window is no reason to fail what is asked for. */
		if (space_read(s->space, s->window, want, start, NULL) < 0)
			return space_read(s->space, buf, len, offset, err);
		s->window_offset = start;
		s->window_length = want;
	}
	memcpy(buf, s->window + (offset - start), len);
	return 0;
}

static errcode_t channel_read64(io_channel channel, unsigned long long block, int count, void *data)
{
	struct ext_channel *s = channel->private_data;
	uint64_t offset, len;
	int r;

	/* A negative count is a number of bytes. */
	len = count < 0 ? (uint64_t)-(int64_t)count :
	      (uint64_t)count * (uint64_t)channel->block_size;
	if (!u64_mul(block, (uint64_t)channel->block_size, &offset) ||
	    !range_inside(offset, len, s->space->size))
		return EXT2_ET_SHORT_READ;
	r = window_read(s, data, len, offset, s->code == 0 ? &s->err : NULL);
	if (r < 0 && s->code == 0)
		s->code = r;
	return r < 0 ? EXT2_ET_SHORT_READ : 0;
}

static errcode_t channel_read(io_channel channel, unsigned long block, int count, void *data)
{
	return channel_read64(channel, block, count, data);
}

static errcode_t channel_write64(io_channel channel UNUSED, unsigned long long block UNUSED,
				 int count UNUSED, const void *data UNUSED)
{
	return EXT2_ET_RO_FILSYS;
}

static errcode_t channel_write(io_channel channel UNUSED, unsigned long block UNUSED,
			       int count UNUSED, const void *data UNUSED)
{
	return EXT2_ET_RO_FILSYS;
}

static errcode_t channel_flush(io_channel channel UNUSED)
{
	return 0;
}

static errcode_t channel_set_blksize(io_channel channel, int blksize)
{
	if (blksize <= 0)
		return EXT2_ET_INVALID_ARGUMENT;
	channel->block_size = blksize;
	return 0;
}

static errcode_t channel_close(io_channel channel)
{
	if (--channel->refcount > 0)
		return 0;
	ext2fs_free_mem(&channel->name);
	ext2fs_free_mem(&channel);
	return 0;
}

static errcode_t channel_open(const char *name, int flags, io_channel *ret);

static struct struct_io_manager read_only_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "p2v read-only source",
	.open = channel_open,
	.close = channel_close,
	.set_blksize = channel_set_blksize,
	.read_blk = channel_read,
	.write_blk = channel_write,
	.flush = channel_flush,
	.read_blk64 = channel_read64,
	.write_blk64 = channel_write64,
};

static errcode_t channel_open(const char *name, int flags, io_channel *ret)
{
	io_channel channel;
	errcode_t e;

	if (flags & IO_FLAG_RW)
		return EXT2_ET_RO_FILSYS;
	e = ext2fs_get_memzero(sizeof(*channel), &channel);
	if (e)
		return e;
	e = ext2fs_get_mem(strlen(name) + 1, &channel->name);
	if (e) {
		ext2fs_free_mem(&channel);
		return e;
	}
	memcpy(channel->name, name, strlen(name) + 1);
	channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	channel->manager = &read_only_manager;
	channel->block_size = 1024;
	channel->refcount = 1;
	channel->private_data = opening;
	*ret = channel;
	return 0;
}

errcode_t ext_channel_open_fs(struct ext_channel *c, ext2_filsys *ret)
{
	errcode_t e;

	if (!c->window)
		c->window = fdio_alloc(WINDOW);
	if (!c->window)
		return EXT2_ET_NO_MEMORY;
	opening = c;
	e = ext2fs_open2("source", NULL, EXT2_FLAG_64BITS, 0, 0, &read_only_manager, ret);
	opening = NULL;
	return e;
}

void ext_channel_done(struct ext_channel *c)
{
	free(c->window);
	c->window = NULL;
}
