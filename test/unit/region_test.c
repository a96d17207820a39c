/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory regions: what is handed out, what is taken back, when memory comes, and what happens when there is none.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "scarce.h"
#include "core.h"
#include "waiter.h"

/* Small regions for the tests; the buffers take two clusters and a bit. */
static const struct lr_region_params small = { { { 4, 4096 }, { 5, 8192 }, { 2 * OS_BUF_CLUSTER + 7, 2048 } } };

static struct lr_region *region_new(const struct lr_region_params *params)
{
	struct lr_region *r;
	int err;

	lr_region_params[1] = *params;
	lr_control_lock();
	r = lr_region_get(0, &err, NULL);
	lr_control_unlock();
	if (!r) {
		printf("not ok %s: no region: %s\n", unit_name, strerror(-err));
		exit(1);
	}
	return r;
}

static void region_drop(struct lr_region *r)
{
	lr_control_lock();
	lr_region_put(r);
	lr_control_unlock();
}

static uint32_t first_of(enum lr_pool_kind kind)
{
	return kind == LR_POOL_BUF ? LR_BUF_FIRST : 1;
}

/* --- Parameters ------------------------------------------------------------------------------- */

static void params_refused(enum lr_pool_kind kind, bool size, uint32_t value, bool good)
{
	static const char *const names[LR_POOLS][2] = { { "if_num", "if_size" }, { "ring_num", "ring_size" }, { "buf_num", "buf_size" } };
	struct lr_region_params p = small;
	struct lr_why why = { "" };
	int err;

	*(size ? &p.pool[kind].size : &p.pool[kind].num) = value;
	err = lr_region_params_check(&p, &why);
	CHECK_EQ(err, good ? 0 : -EINVAL);
	if (!good)
		CHECK_HAS(why.text, names[kind][size]);
}

static void params(void)
{
	static const struct {
		enum lr_pool_kind kind;
		bool size;
		uint32_t min, max;
	} limits[] = {
		{ LR_POOL_IF, false, 2, 65536 },    { LR_POOL_IF, true, 256, 65536 },
		{ LR_POOL_RING, false, 2, 65536 },  { LR_POOL_RING, true, 4096, 1048576 },
		{ LR_POOL_BUF, false, 16, 1 << 24 }, { LR_POOL_BUF, true, 256, 65472 },
	};
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(limits); i++) {
		params_refused(limits[i].kind, limits[i].size, 0, false);
		params_refused(limits[i].kind, limits[i].size, limits[i].min - 1, false);
		params_refused(limits[i].kind, limits[i].size, limits[i].min, true);
		params_refused(limits[i].kind, limits[i].size, limits[i].max, true);
		params_refused(limits[i].kind, limits[i].size, limits[i].max + 1, false);
		params_refused(limits[i].kind, limits[i].size, UINT32_MAX, false);
	}
	params_refused(LR_POOL_BUF, true, 2047, false);
	params_refused(LR_POOL_BUF, true, 2049, false);
	CHECK_EQ(lr_region_params_check(&lr_region_params[0], NULL), 0);
	CHECK_EQ(lr_region_params_check(&lr_region_params[1], NULL), 0);
}

/* --- Taking and giving -------------------------------------------------------------------------- */

/* Takes all there are: each once, none of the reserved ones, the lowest first. */
static uint32_t take_all(struct lr_region *r, enum lr_pool_kind kind)
{
	uint32_t n = 0, i;

	while ((i = lr_region_take(r, kind, 0)) != 0)
		CHECK_EQ(i, first_of(kind) + n++);
	return n;
}

static void exhaustion(void)
{
	struct lr_region *r = region_new(&small);
	unsigned int k;
	uint32_t i;

	for (k = 0; k < LR_POOLS; k++) {
		CHECK_EQ(take_all(r, k), small.pool[k].num - first_of(k));
		CHECK_EQ(r->pool[k].taken, small.pool[k].num - first_of(k));
		/* What comes back is handed out again, and only that. */
		CHECK(lr_region_give(r, k, small.pool[k].num - 2));
		CHECK_EQ(lr_region_take(r, k, 0), small.pool[k].num - 2);
		CHECK_EQ(lr_region_take(r, k, 0), 0);
		for (i = first_of(k); i < small.pool[k].num; i++)
			CHECK(lr_region_give(r, k, i));
		CHECK_EQ(r->pool[k].taken, 0);
		CHECK_EQ(take_all(r, k), small.pool[k].num - first_of(k));
	}
	region_drop(r);
	CHECK_EQ(scarce_live, 0);
}

static void give_what_is_not_out(void)
{
	struct lr_region *r = region_new(&small);
	unsigned int k, j;
	uint32_t one;

	for (k = 0; k < LR_POOLS; k++) {
		uint32_t bad[] = { 0, first_of(k), small.pool[k].num - 1, small.pool[k].num, small.pool[k].num + 1,
				   0x7fffffff, 0x80000000, UINT32_MAX };

		for (j = 0; j < LR_ARRAY_SIZE(bad); j++)
			CHECK(!lr_region_give(r, k, bad[j]));
		one = lr_region_take(r, k, 0);
		CHECK_EQ(one, first_of(k));
		CHECK(lr_region_give(r, k, one));
		CHECK(!lr_region_give(r, k, one));
		CHECK_EQ(r->pool[k].taken, 0);
	}
	CHECK(!lr_region_give(r, LR_POOL_BUF, 1));
	region_drop(r);
}

/* An object too large for the pool is none; what is asked for is zeroed, again too. */
static void sizes(void)
{
	struct lr_region *r = region_new(&small);
	unsigned char *p;
	uint32_t i, at;

	CHECK_EQ(lr_region_take(r, LR_POOL_RING, 8193), 0);
	CHECK_EQ(lr_region_take(r, LR_POOL_IF, 4097), 0);
	i = lr_region_take(r, LR_POOL_RING, 8192);
	CHECK(i);
	p = lr_region_object(r, LR_POOL_RING, i);
	memset(p, 0xff, 8192);
	lr_region_give(r, LR_POOL_RING, i);
	CHECK_EQ(lr_region_take(r, LR_POOL_RING, 100), i);
	for (at = 0; at < 100; at++)
		CHECK_EQ(p[at], 0);
	region_drop(r);
}

static void all_or_none(void)
{
	static uint32_t list[2 * OS_BUF_CLUSTER + 8];
	struct lr_region *r = region_new(&small);
	uint32_t all = small.pool[LR_POOL_BUF].num - LR_BUF_FIRST;
	struct lr_why why = { "" };

	CHECK_EQ(lr_region_take_bufs(r, list, 10, &why), 0);
	CHECK_EQ(lr_region_take_bufs(r, list, all - 9, &why), -ENOMEM);
	CHECK_HAS(why.text, "buf_num");
	CHECK_EQ(r->pool[LR_POOL_BUF].taken, 10);
	CHECK_EQ(lr_region_take_bufs(r, list, all - 10, NULL), 0);
	CHECK_EQ(lr_region_take_bufs(r, list, 1, NULL), -ENOMEM);
	CHECK_EQ(lr_region_take_bufs(r, list, 0, NULL), 0);
	region_drop(r);
}

/* --- Memory ------------------------------------------------------------------------------------- */

/* Memory comes cluster by cluster, each once, and stays. */
static void growth(void)
{
	struct lr_region *r = region_new(&small);
	uint32_t n, i, last = small.pool[LR_POOL_BUF].num;

	scarce_commits = 0;
	CHECK_EQ(lr_region_bufs_committed(r), 0);
	for (n = LR_BUF_FIRST; n < last; n++) {
		uint32_t want = n < OS_BUF_CLUSTER ? OS_BUF_CLUSTER : n < 2 * OS_BUF_CLUSTER ? 2 * OS_BUF_CLUSTER : last;

		i = lr_region_take(r, LR_POOL_BUF, 0);
		CHECK_EQ(i, n);
		CHECK_EQ(lr_region_bufs_committed(r), want);
		/* The whole buffer can be written. */
		memset(lr_region_buf(r, i), 0xa5, 2048);
	}
	CHECK_EQ(scarce_commits, 3);
	for (n = LR_BUF_FIRST; n < last; n++)
		lr_region_give(r, LR_POOL_BUF, n);
	CHECK_EQ(lr_region_bufs_committed(r), last);
	take_all(r, LR_POOL_BUF);
	CHECK_EQ(scarce_commits, 3);
	region_drop(r);
}

static blkcnt_t blocks(const struct lr_region *r)
{
	struct stat st;

	return fstat(os_mem_fd(r->mem), &st) < 0 ? -1 : st.st_blocks;
}

/* Each byte of each object that was handed out has memory: nobody finds out by a SIGBUS that there is none. */
static void committed_to_the_last_byte(void)
{
	struct lr_region_params p = small;
	struct lr_region *r;
	blkcnt_t before;
	unsigned int k;
	uint32_t i;

	p.pool[LR_POOL_BUF].num = OS_BUF_CLUSTER;
	r = region_new(&p);
	for (k = 0; k < LR_POOLS; k++)
		take_all(r, k);
	before = blocks(r);
	CHECK(before > 0);
	for (k = 0; k < LR_POOLS; k++)
		for (i = first_of(k); i < p.pool[k].num; i++)
			memset(lr_region_object(r, k, i), 0xa5, p.pool[k].size);
	CHECK_EQ(blocks(r), before);
	region_drop(r);
}

/* One take that fails leaves everything as it was, and the next one works. */
static void commit_fails(void)
{
	static uint32_t list[2 * OS_BUF_CLUSTER];
	struct lr_region *r = region_new(&small);
	struct lr_why why = { "" };
	unsigned int k;

	for (k = 0; k < LR_POOLS; k++) {
		scarce_reset(1, 0);
		CHECK_EQ(lr_region_take(r, k, 0), 0);
		CHECK_EQ(r->pool[k].taken, 0);
		CHECK_EQ(r->pool[k].committed, 0);
		CHECK_EQ(lr_region_take(r, k, 0), first_of(k));
	}
	/* The second cluster is not to be had: the buffers of the first come back. */
	scarce_reset(1, 0);
	CHECK_EQ(lr_region_take_bufs(r, list, 2 * OS_BUF_CLUSTER - 10, &why), -ENOMEM);
	CHECK_HAS(why.text, "no memory");
	CHECK_EQ(r->pool[LR_POOL_BUF].taken, 1);
	CHECK_EQ(lr_region_bufs_committed(r), OS_BUF_CLUSTER);
	CHECK_EQ(lr_region_take_bufs(r, list, 2 * OS_BUF_CLUSTER - 10, NULL), 0);
	CHECK_EQ(list[0], LR_BUF_FIRST + 1);
	region_drop(r);
	CHECK_EQ(scarce_live, 0);
}

/* Whichever step of making a region fails, nothing stays behind. */
static void creation_fails(void)
{
	struct lr_why why = { "" };
	struct lr_region *r;
	long n;
	int err = 0;

	for (n = 1; ; n++) {
		scarce_reset(n, 0);
		lr_control_lock();
		r = lr_region_get(0, &err, &why);
		lr_control_unlock();
		if (r)
			break;
		CHECK_EQ(err, -ENOMEM);
		CHECK_HAS(why.text, "no memory");
		CHECK_EQ(scarce_live, 0);
		CHECK(core_is_empty());
	}
	/* The region, two arrays for each pool, the shared memory and what describes it. */
	CHECK_EQ(n, 1 + 2 * LR_POOLS + 2 + 1);
	scarce_reset(0, 0);
	region_drop(r);
	CHECK_EQ(scarce_live, 0);
}

/* The program may not have files as large as the region: an error, and not the signal that ftruncate sends. */
static void limited_files(void)
{
	struct rlimit old, low;
	struct lr_why why = { "" };
	struct lr_region *r;
	int err;

	getrlimit(RLIMIT_FSIZE, &old);
	low = (struct rlimit){ 1 << 20, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &low);
	lr_control_lock();
	r = lr_region_get(0, &err, &why);
	lr_control_unlock();
	setrlimit(RLIMIT_FSIZE, &old);
	CHECK(!r);
	CHECK_EQ(err, -ENOMEM);
	CHECK_HAS(why.text, "no memory for a region");
	CHECK_EQ(scarce_live, 0);
}

/* --- Places --------------------------------------------------------------------------------------- */

/* Offsets are where programs find what we find at the address. */
static void places_of(const struct lr_region_params *params)
{
	struct lr_region *r = region_new(params);
	char *base = os_mem_base(r->mem);
	struct nmreq_pools_info info;
	unsigned int k;
	uint64_t end = 0;

	memset(&info, 0, sizeof(info));
	lr_region_info(r, &info);
	CHECK_EQ(info.nr_memsize, r->size);
	CHECK_EQ(info.nr_memsize % OS_PAGE_SIZE, 0);
	CHECK_EQ(info.nr_mem_id, r->id);
	for (k = 0; k < LR_POOLS; k++) {
		uint32_t total = k == LR_POOL_IF ? info.nr_if_pool_objtotal : k == LR_POOL_RING ? info.nr_ring_pool_objtotal :
								      info.nr_buf_pool_objtotal;
		uint32_t size = k == LR_POOL_IF ? info.nr_if_pool_objsize : k == LR_POOL_RING ? info.nr_ring_pool_objsize :
								     info.nr_buf_pool_objsize;
		uint64_t at = k == LR_POOL_IF ? info.nr_if_pool_offset : k == LR_POOL_RING ? info.nr_ring_pool_offset :
								  info.nr_buf_pool_offset;
		uint32_t i, step = total / 50 + 1, index;

		CHECK_EQ(total, params->pool[k].num);
		CHECK(size >= params->pool[k].size);
		if (k == LR_POOL_BUF)
			CHECK_EQ(size, params->pool[k].size);
		CHECK(at >= end);
		end = at + (uint64_t)total * size;
		CHECK(end <= info.nr_memsize);
		for (i = 0; (index = lr_region_take(r, k, 0)) != 0; i++) {
			CHECK_EQ(lr_region_offset(r, k, index), at + (uint64_t)index * size);
			if (i % step == 0)
				CHECK_EQ((char *)lr_region_object(r, k, index) - base, lr_region_offset(r, k, index));
		}
	}
	region_drop(r);
}

static void places(void)
{
	static const struct lr_region_params odd[] = {
		{ { { 2, 256 }, { 2, 4096 }, { 16, 256 } } },
		{ { { 7, 4097 }, { 3, 5000 }, { OS_BUF_CLUSTER, 64 * 31 } } },
		{ { { 9, 1000 }, { 6, 69632 }, { OS_BUF_CLUSTER + 1, 320 } } },
		{ { { 33, 65536 }, { 4, 1048576 }, { 100, 65472 } } },
	};
	unsigned int i;

	places_of(&small);
	for (i = 0; i < LR_ARRAY_SIZE(odd); i++) {
		CHECK_EQ(lr_region_params_check(&odd[i], NULL), 0);
		places_of(&odd[i]);
	}
}

/* What the global region would be is what it is. */
static void global_before_first_use(void)
{
	struct nmreq_pools_info before = { 0 }, after = { 0 };
	struct lr_region *r;
	int err;

	lr_control_lock();
	CHECK(!lr_region_find(LR_REGION_GLOBAL));
	lr_region_info(NULL, &before);
	r = lr_region_get(LR_REGION_GLOBAL, &err, NULL);
	CHECK(r && lr_region_find(LR_REGION_GLOBAL) == r);
	lr_region_info(r, &after);
	CHECK_EQ(memcmp(&before, &after, sizeof(before)), 0);
	CHECK_EQ(after.nr_mem_id, 1);
	lr_region_put(r);
	CHECK(!lr_region_find(LR_REGION_GLOBAL));
	lr_control_unlock();
}

/* --- Several regions --------------------------------------------------------------------------------- */

static void several(void)
{
	struct lr_region *r[3], *again;
	unsigned int i;
	int err;

	for (i = 0; i < 3; i++) {
		r[i] = region_new(&small);
		CHECK_EQ(r[i]->id, LR_REGION_GLOBAL + 1 + i);
	}
	/* What is out in one is not out in the others. */
	for (i = 0; i < 20; i++)
		lr_region_take(r[0], LR_POOL_BUF, 0);
	CHECK(!lr_region_give(r[1], LR_POOL_BUF, 5));
	CHECK_EQ(lr_region_take(r[1], LR_POOL_BUF, 0), LR_BUF_FIRST);
	memset(lr_region_buf(r[0], 2), 1, 2048);
	memset(lr_region_buf(r[1], 2), 2, 2048);
	CHECK_EQ(*lr_region_buf(r[0], 2), 1);

	lr_control_lock();
	CHECK(lr_region_find(r[1]->id) == r[1]);
	again = lr_region_get(r[1]->id, &err, NULL);
	CHECK(again == r[1]);
	lr_region_hold(again);
	lr_region_put(again);
	lr_region_put(again);
	CHECK(lr_region_find(3) == r[1]);
	lr_region_put(r[1]);
	CHECK(!lr_region_find(3));
	CHECK(!lr_region_get(3, &err, NULL));
	CHECK_EQ(err, -EINVAL);
	/* The number is free again. */
	r[1] = lr_region_get(0, &err, NULL);
	CHECK_EQ(r[1]->id, 3);
	for (i = 0; i < 3; i++)
		lr_region_put(r[i]);
	lr_control_unlock();
	CHECK(core_is_empty());
	CHECK_EQ(scarce_live, 0);
}

/* --- Threads ------------------------------------------------------------------------------------------- */

static struct lr_region *shared;
static _Atomic unsigned char owner[2 * OS_BUF_CLUSTER + 7];

/* Takes and gives at random; nobody else has what we have. */
static void *taker(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	uint32_t mine[200], n = 0, i, step;

	for (step = 0; step < 100000; step++) {
		uint32_t random = unit_random(&seed);

		if (n < 200 && random % 2) {
			i = lr_region_take(shared, LR_POOL_BUF, 0);
			if (!i)
				continue;
			CHECK_EQ(owner[i]++, 0);
			mine[n++] = i;
		} else if (n) {
			i = random / 2 % n;
			CHECK_EQ(owner[mine[i]]--, 1);
			CHECK(lr_region_give(shared, LR_POOL_BUF, mine[i]));
			mine[i] = mine[--n];
		}
	}
	while (n--) {
		owner[mine[n]]--;
		CHECK(lr_region_give(shared, LR_POOL_BUF, mine[n]));
	}
	return NULL;
}

static void threads(void)
{
	struct lr_region_params p = small;
	pthread_t t[3];
	uintptr_t i;

	p.pool[LR_POOL_BUF].num = 300;	/* fewer than they want */
	shared = region_new(&p);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, taker, (void *)(i + 1));
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(shared->pool[LR_POOL_BUF].taken, 0);
	CHECK_EQ(take_all(shared, LR_POOL_BUF), 298);
	region_drop(shared);
}

static const struct unit_case cases[] = {
	{ "limits of every parameter", params },
	{ "pools are handed out to the last object", exhaustion },
	{ "nothing comes back that is not out", give_what_is_not_out },
	{ "objects are large enough and zeroed", sizes },
	{ "a list of buffers is all or none", all_or_none },
	{ "memory comes by clusters and stays", growth },
	{ "memory to the last byte of every buffer", committed_to_the_last_byte },
	{ "no memory for a cluster", commit_fails },
	{ "no memory for a region", creation_fails },
	{ "a limit on the size of files", limited_files },
	{ "offsets, addresses and POOLS_INFO agree", places },
	{ "the global region is known before its first use", global_before_first_use },
	{ "several regions", several },
	{ "threads take and give", threads },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
