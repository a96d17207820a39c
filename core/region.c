/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Memory regions. See region.h.
 */
#include <net/netmap.h>

#include "core/control.h"
#include "core/region.h"

/* A netmap_if has room for 505 rings; a ring for 4096 slots. Address space is cheap, memory comes with use. */
struct lr_region_params lr_region_params[2] = {
	{ { { 128, 4096 }, { 512, 69632 }, { 163840, 2048 } } },
	{ { { 32, 4096 }, { 64, 69632 }, { 32768, 2048 } } },
};

static struct lr_region *regions;

static const char *const pool_name[LR_POOLS] = { "if", "ring", "buf" };

int lr_region_params_check(const struct lr_region_params *p, struct lr_why *why)
{
	static const struct {
		uint32_t min_num, max_num, min_size, max_size;
	} limit[LR_POOLS] = {
		{ 2, 65536, 256, 65536 },
		{ 2, 65536, 4096, 1048576 },
		{ 16, 1u << 24, 256, 65472 },
	};
	unsigned int k;

	for (k = 0; k < LR_POOLS; k++) {
		if (p->pool[k].num < limit[k].min_num || p->pool[k].num > limit[k].max_num)
			return lr_why(why, -EINVAL, "%s_num is %u, it must be from %u to %u", pool_name[k],
				      p->pool[k].num, limit[k].min_num, limit[k].max_num);
		if (p->pool[k].size < limit[k].min_size || p->pool[k].size > limit[k].max_size)
			return lr_why(why, -EINVAL, "%s_size is %u, it must be from %u to %u", pool_name[k],
				      p->pool[k].size, limit[k].min_size, limit[k].max_size);
	}
	if (p->pool[LR_POOL_BUF].size % 64)
		return lr_why(why, -EINVAL, "buf_size is %u, it must be a multiple of 64", p->pool[LR_POOL_BUF].size);
	return 0;
}

static uint64_t page_up(uint64_t n)
{
	return (n + OS_PAGE_SIZE - 1) / OS_PAGE_SIZE * OS_PAGE_SIZE;
}

static uint32_t pool_clusters(const struct lr_pool *p)
{
	return (p->num + (1u << p->shift) - 1) >> p->shift;
}

static void pool_fini(struct lr_pool *p)
{
	os_free(p->cluster);
	os_free(p->used);
}

static void pool_measure(struct lr_pool *p, enum lr_pool_kind kind, const struct lr_region_params *params)
{
	p->num = params->pool[kind].num;
	p->size = params->pool[kind].size;
	if (kind == LR_POOL_BUF)
		while (1u << p->shift < OS_BUF_CLUSTER)
			p->shift++;
	else
		p->size = (uint32_t)page_up(p->size);	/* an object is a cluster */
	p->hint = kind == LR_POOL_BUF ? LR_BUF_FIRST : 1;
}

static int pool_init(struct lr_pool *p, enum lr_pool_kind kind, const struct lr_region_params *params)
{
	pool_measure(p, kind, params);
	p->used = os_zalloc(p->num);
	p->cluster = os_zalloc(pool_clusters(p) * sizeof(*p->cluster));
	return p->used && p->cluster ? 0 : -ENOMEM;
}

/* Lays the pools out one behind the other. The headroom of the buffers is part of the last one. */
static void layout(struct lr_region *r)
{
	uint64_t offset = 0;
	unsigned int k;

	for (k = 0; k < LR_POOLS; k++) {
		r->pool[k].offset = offset;
		offset = page_up(offset + (uint64_t)r->pool[k].num * r->pool[k].size);
	}
	r->size = page_up(offset + OS_BUF_HEADROOM);
}

static void region_destroy(struct lr_region *r)
{
	unsigned int k;

	if (r->mem)
		os_mem_destroy(r->mem);
	for (k = 0; k < LR_POOLS; k++)
		pool_fini(&r->pool[k]);
	os_mutex_fini(&r->lock);
	os_free(r);
}

struct lr_region *lr_region_find(uint16_t id)
{
	struct lr_region *r;

	for (r = regions; r; r = r->next)
		if (r->id == id)
			return r;
	return NULL;
}

const struct lr_region *lr_region_first(void)
{
	return regions;
}

/* The lowest id that is free, above the global one; 0 when there is none. */
static uint16_t free_id(void)
{
	uint16_t id;

	for (id = LR_REGION_GLOBAL + 1; id; id++)
		if (!lr_region_find(id))
			return id;
	return 0;
}

static struct lr_region *region_create(uint16_t id, int *err, struct lr_why *why)
{
	struct lr_region *r = os_zalloc(sizeof(*r));
	unsigned int k;

	*err = -ENOMEM;
	if (!r || !id) {
		lr_why(why, *err, "no memory for another region");
		os_free(r);
		return NULL;
	}
	os_mutex_init(&r->lock);
	for (k = 0; k < LR_POOLS; k++)
		if (pool_init(&r->pool[k], k, &lr_region_params[id != LR_REGION_GLOBAL]) < 0)
			goto err_pool;
	layout(r);
	*err = os_mem_create(&r->mem, r->size);
	if (*err < 0)
		goto err_pool;
	r->id = id;
	r->refs = 1;
	r->next = regions;
	regions = r;
	return r;

err_pool:
	lr_why(why, *err, "no memory for a region of %llu bytes", (unsigned long long)r->size);
	region_destroy(r);
	return NULL;
}

struct lr_region *lr_region_get(uint16_t id, int *err, struct lr_why *why)
{
	struct lr_region *r = id ? lr_region_find(id) : NULL;

	lr_control_assert_locked();
	*err = 0;
	if (r) {
		r->refs++;
		return r;
	}
	if (id > LR_REGION_GLOBAL) {
		*err = lr_why(why, -EINVAL, "there is no memory region %u", id);
		return NULL;
	}
	return region_create(id ? id : free_id(), err, why);
}

void lr_region_hold(struct lr_region *r)
{
	lr_control_assert_locked();
	r->refs++;
}

void lr_region_put(struct lr_region *r)
{
	struct lr_region **at;

	lr_control_assert_locked();
	if (--r->refs)
		return;
	for (at = &regions; *at != r; at = &(*at)->next)
		;
	*at = r->next;
	region_destroy(r);
}

/* Puts memory behind the next cluster of the pool; the last buffer's data goes on past its chunk. */
static bool pool_grow(struct lr_region *r, struct lr_pool *p)
{
	uint32_t c = p->committed >> p->shift;
	uint32_t n = 1u << p->shift;
	uint64_t at = p->offset + (uint64_t)p->committed * p->size;
	uint32_t past = p == &r->pool[LR_POOL_BUF] ? OS_BUF_HEADROOM : 0;

	if (n > p->num - p->committed)
		n = p->num - p->committed;
	p->cluster[c] = os_mem_commit(r->mem, at, page_up((uint64_t)n * p->size + past));
	if (!p->cluster[c])
		return false;
	p->committed += n;
	return true;
}

/* The lowest free object, with memory behind it. hint: nothing below it is free. Region lock held. */
static uint32_t pool_take(struct lr_region *r, struct lr_pool *p)
{
	uint32_t i = p->hint;

	while (i < p->num && p->used[i])
		i++;
	p->hint = i;
	if (i >= p->num)
		return 0;
	while (i >= p->committed)
		if (!pool_grow(r, p))
			return 0;
	/* Partner: lr_buf_ok, before somebody looks for the buffer in its cluster. */
	os_store_release(&p->used[i], (uint8_t)1);
	p->hint = i + 1;
	p->taken++;
	return i;
}

uint32_t lr_region_take(struct lr_region *r, enum lr_pool_kind kind, uint32_t size)
{
	uint32_t i;

	if (size > r->pool[kind].size)
		return 0;
	os_mutex_lock(&r->lock);
	i = pool_take(r, &r->pool[kind]);
	os_mutex_unlock(&r->lock);
	if (i && size)
		memset(lr_region_object(r, kind, i), 0, size);
	return i;
}

static bool pool_give(struct lr_pool *p, uint32_t i)
{
	if (i >= p->num || !p->used[i])
		return false;
	os_store(&p->used[i], (uint8_t)0);
	p->taken--;
	if (i < p->hint)
		p->hint = i;
	return true;
}

bool lr_region_give(struct lr_region *r, enum lr_pool_kind kind, uint32_t index)
{
	bool done;

	os_mutex_lock(&r->lock);
	done = pool_give(&r->pool[kind], index);
	os_mutex_unlock(&r->lock);
	return done;
}

int lr_region_take_bufs(struct lr_region *r, uint32_t *list, uint32_t n, struct lr_why *why)
{
	struct lr_pool *p = &r->pool[LR_POOL_BUF];
	uint32_t i, taken;

	os_mutex_lock(&r->lock);
	taken = p->taken;
	for (i = 0; i < n; i++) {
		list[i] = pool_take(r, p);
		if (!list[i])
			break;
	}
	if (i == n) {
		os_mutex_unlock(&r->lock);
		return 0;
	}
	while (i--)
		pool_give(p, list[i]);
	os_mutex_unlock(&r->lock);
	if (n > p->num - LR_BUF_FIRST - taken)
		return lr_why(why, -ENOMEM, "memory region %u has %u buffers and %u are in use, %u more are needed: raise buf_num",
			      r->id, p->num - LR_BUF_FIRST, taken, n);
	return lr_why(why, -ENOMEM, "no memory for %u buffers of %u bytes", n, p->size);
}

void lr_region_reserve_bufs(struct lr_region *r, uint32_t n)
{
	struct lr_pool *p = &r->pool[LR_POOL_BUF];

	os_mutex_lock(&r->lock);
	while (p->committed < p->num && (uint64_t)LR_BUF_FIRST + p->taken + n > p->committed)
		if (!pool_grow(r, p))
			break;
	os_mutex_unlock(&r->lock);
}

void *lr_region_object(const struct lr_region *r, enum lr_pool_kind kind, uint32_t index)
{
	const struct lr_pool *p = &r->pool[kind];

	if (kind == LR_POOL_BUF)
		return lr_region_buf(r, index);
	return p->cluster[index >> p->shift];
}

uint64_t lr_region_offset(const struct lr_region *r, enum lr_pool_kind kind, uint32_t index)
{
	const struct lr_pool *p = &r->pool[kind];

	return p->offset + (uint64_t)index * p->size + (kind == LR_POOL_BUF ? OS_BUF_HEADROOM : 0);
}

uint32_t lr_region_bufs_committed(struct lr_region *r)
{
	uint32_t n;

	os_mutex_lock(&r->lock);
	n = r->pool[LR_POOL_BUF].committed;
	os_mutex_unlock(&r->lock);
	return n;
}

/* Sizes and offsets of a region that does not exist yet. */
static void plan_global(struct lr_region *r)
{
	const struct lr_region_params *params = &lr_region_params[0];
	unsigned int k;

	memset(r, 0, sizeof(*r));
	r->id = LR_REGION_GLOBAL;
	for (k = 0; k < LR_POOLS; k++)
		pool_measure(&r->pool[k], k, params);
	layout(r);
}

void lr_region_info(const struct lr_region *r, struct nmreq_pools_info *info)
{
	struct lr_region plan;

	if (!r) {
		plan_global(&plan);
		r = &plan;
	}
	info->nr_memsize = r->size;
	info->nr_mem_id = r->id;
	info->nr_if_pool_offset = lr_region_offset(r, LR_POOL_IF, 0);
	info->nr_if_pool_objtotal = r->pool[LR_POOL_IF].num;
	info->nr_if_pool_objsize = r->pool[LR_POOL_IF].size;
	info->nr_ring_pool_offset = lr_region_offset(r, LR_POOL_RING, 0);
	info->nr_ring_pool_objtotal = r->pool[LR_POOL_RING].num;
	info->nr_ring_pool_objsize = r->pool[LR_POOL_RING].size;
	info->nr_buf_pool_offset = lr_region_offset(r, LR_POOL_BUF, 0);
	info->nr_buf_pool_objtotal = r->pool[LR_POOL_BUF].num;
	info->nr_buf_pool_objsize = r->pool[LR_POOL_BUF].size;
}
