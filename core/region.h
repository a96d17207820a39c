/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A memory region: three pools of objects (netmap_if, rings, buffers) in one offset space that programs map.
 *
 *	0          if pool        ring pool                buffer pool                     size
 *	|----------|--------------|------------------------|-------------------------------|
 *	           each pool grows in clusters; a cluster gets memory when its first object is taken
 *
 * Memory, once taken, stays with the region until its last user goes: programs may have it mapped, and
 * NICs may have it pinned.
 *
 * Locks: pool state is guarded by the region's own lock, a leaf: nothing is acquired under it. The list of
 * regions and the reference counts are guarded by the control lock (control.h).
 */
#ifndef LR_REGION_H
#define LR_REGION_H

#include "os/os.h"
#include "core/why.h"

struct nmreq_pools_info;

enum lr_pool_kind { LR_POOL_IF, LR_POOL_RING, LR_POOL_BUF, LR_POOLS };

#define LR_REGION_GLOBAL 1	/* the id of the region all NICs share */
#define LR_BUF_FIRST 2		/* buffers 0 and 1 are never handed out */

/* What a region is made of. size in bytes, of one object. */
struct lr_region_params {
	struct {
		uint32_t num, size;
	} pool[LR_POOLS];
};

struct lr_pool {
	uint32_t num, size;	/* objects there can be; bytes of each */
	uint32_t taken;		/* objects handed out */
	uint32_t hint;		/* where the search for a free one begins */
	uint32_t committed;	/* objects [0, committed) have memory */
	unsigned int shift;	/* a cluster is 1 << shift objects */
	uint64_t offset;	/* of the pool in the region */
	char **cluster;		/* where each cluster is */
	uint8_t *used;		/* per object: 1 = handed out */
};

struct lr_region {
	struct lr_region *next;
	uint16_t id;
	unsigned int refs;
	uint32_t told;		/* so many buffers with memory the ports know of; control lock */
	uint64_t size;		/* what programs map: nr_memsize */
	struct os_mem *mem;
	struct os_mutex lock;
	struct lr_pool pool[LR_POOLS];
};

/*
 * What new regions are made of: index 0 the global region, 1 private ones. A host may change them before first use.
 * lr_region_params_check says what is wrong with a set.
 */
extern struct lr_region_params lr_region_params[2];
int lr_region_params_check(const struct lr_region_params *p, struct lr_why *why);

/*
 * A reference to region `id`: the global one is made on first use; others must exist. id 0 makes a new private
 * region. NULL with *err and a reason. Give it back with lr_region_put. Control lock held.
 */
struct lr_region *lr_region_get(uint16_t id, int *err, struct lr_why *why);
/* The region if it is there, without a reference; for information only. */
struct lr_region *lr_region_find(uint16_t id);
/* All of them, by `next`. Control lock held. */
const struct lr_region *lr_region_first(void);
void lr_region_hold(struct lr_region *r);
void lr_region_put(struct lr_region *r);

/* One object, zeroed if `size` > 0 for the first `size` bytes; its index, or 0 where there is none (index 0 is never given). */
uint32_t lr_region_take(struct lr_region *r, enum lr_pool_kind kind, uint32_t size);
/* Gives an object back. False, and nothing done, when it is not out or is no object at all. */
bool lr_region_give(struct lr_region *r, enum lr_pool_kind kind, uint32_t index);

/* Takes n buffers into list[]; all or none. 0 or -ENOMEM with the reason. */
int lr_region_take_bufs(struct lr_region *r, uint32_t *list, uint32_t n, struct lr_why *why);

/* Puts memory behind n buffers more than are out, as far as there is any; none is taken. */
void lr_region_reserve_bufs(struct lr_region *r, uint32_t n);

/* Where object `index` is, as we see it. It must be out. */
void *lr_region_object(const struct lr_region *r, enum lr_pool_kind kind, uint32_t index);
/* Its offset in the region, as programs see it. */
uint64_t lr_region_offset(const struct lr_region *r, enum lr_pool_kind kind, uint32_t index);

/* Buffers [0, n) have memory; what a NIC must be able to reach. */
uint32_t lr_region_bufs_committed(struct lr_region *r);

/* Fills in the answer to POOLS_INFO_GET; with r NULL, what the global region would be. */
void lr_region_info(const struct lr_region *r, struct nmreq_pools_info *info);

/* Start of a buffer's data. index must have passed lr_buf_ok. */
static inline char *lr_region_buf(const struct lr_region *r, uint32_t index)
{
	const struct lr_pool *p = &r->pool[LR_POOL_BUF];

	return p->cluster[index >> p->shift] + (size_t)(index & ((1u << p->shift) - 1)) * p->size + OS_BUF_HEADROOM;
}

#endif
