/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Xskring: the rings that a program shares with an AF_XDP socket, as Documentation/networking/af_xdp.rst describes them.
 *
 * A ring has a producer and a consumer index that only grow. We keep copies of both: ours runs ahead of what is
 * published until xskring_publish, the kernel's is read again only when it seems that there is nothing to do.
 */
#ifndef BENCH_XSKRING_H
#define BENCH_XSKRING_H

#include "measure.h"

#include <linux/if_xdp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

struct xskring {
	uint32_t *ours, *theirs, *flags;	/* shared: our index, the kernel's, flags */
	void *entries;
	uint32_t size;
	uint32_t next;		/* our index, before it is published */
	uint32_t limit;		/* as far as next may go, as of the last look */
	bool producer;		/* we produce: fill and tx; else rx and completion */
	void *map;
	size_t map_size;
};

static inline uint64_t *xskring_addr(const struct xskring *r, uint32_t at)
{
	return (uint64_t *)r->entries + (at & (r->size - 1));
}

static inline struct xdp_desc *xskring_desc(const struct xskring *r, uint32_t at)
{
	return (struct xdp_desc *)r->entries + (at & (r->size - 1));
}

/* How many entries are ours to use, at most `most`; *at is the first. */
static inline uint32_t xskring_look(struct xskring *r, uint32_t most, uint32_t *at)
{
	if (r->limit - r->next < most) {
		/* Partner: the kernel's store after it has written, or read, the entries. */
		r->limit = __atomic_load_n(r->theirs, __ATOMIC_ACQUIRE);
		if (r->producer)
			r->limit += r->size;
	}
	*at = r->next;
	return r->limit - r->next < most ? r->limit - r->next : most;
}

/* n entries are done with. Partner: the kernel's load of our index. */
static inline void xskring_publish(struct xskring *r, uint32_t n)
{
	r->next += n;
	__atomic_store_n(r->ours, r->next, __ATOMIC_RELEASE);
}

/* The kernel wants a system call before it looks at the ring. */
static inline bool xskring_wants_wakeup(const struct xskring *r)
{
	return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

/* How far the kernel has come. */
static inline uint32_t xskring_theirs(const struct xskring *r)
{
	return __atomic_load_n(r->theirs, __ATOMIC_ACQUIRE);
}

/* Make one of the four rings of a socket, by its option and page offset, and map it. 0 or -errno. */
static inline int xskring_create(struct xskring *r, int fd, int option, uint32_t size)
{
	struct xdp_mmap_offsets all;
	socklen_t all_size = sizeof(all);
	const struct xdp_ring_offset *o;
	size_t entry = sizeof(struct xdp_desc);
	uint64_t page;

	if (setsockopt(fd, SOL_XDP, option, &size, sizeof(size)) || getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &all, &all_size))
		return -errno;
	switch (option) {
	case XDP_RX_RING: o = &all.rx; page = XDP_PGOFF_RX_RING; break;
	case XDP_TX_RING: o = &all.tx; page = XDP_PGOFF_TX_RING; break;
	case XDP_UMEM_FILL_RING: o = &all.fr; page = XDP_UMEM_PGOFF_FILL_RING; entry = sizeof(uint64_t); break;
	default: o = &all.cr; page = XDP_UMEM_PGOFF_COMPLETION_RING; entry = sizeof(uint64_t);
	}
	r->map_size = o->desc + size * entry;
	r->map = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)page);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -errno;
	}
	r->producer = option == XDP_TX_RING || option == XDP_UMEM_FILL_RING;
	r->ours = (uint32_t *)((char *)r->map + (r->producer ? o->producer : o->consumer));
	r->theirs = (uint32_t *)((char *)r->map + (r->producer ? o->consumer : o->producer));
	r->flags = (uint32_t *)((char *)r->map + o->flags);
	r->entries = (char *)r->map + o->desc;
	r->size = size;
	r->next = 0;
	r->limit = r->producer ? size : 0;
	return 0;
}

static inline void xskring_destroy(struct xskring *r)
{
	if (r->map)
		munmap(r->map, r->map_size);
	r->map = NULL;
}

#endif
