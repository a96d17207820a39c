/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Null ports: rings only if asked for, tx swallows and rx has nothing; extra buffers, and what becomes of a list that a
 * program has ruined.
 */
#include "core.h"

static struct lr_file *null_open(const char *name, struct nmreq_register reg)
{
	struct lr_file *f;
	int err;

	reg.nr_mode = NR_REG_NULL;
	f = core_open(name, &reg, &err);
	if (f)
		return f;
	printf("not ok %s: %s was refused: %d\n", unit_name, name, err);
	exit(1);
}

static void no_rings(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL };
	struct os_waiter w;
	struct lr_file *f;
	int err;

	f = core_open("lrx", &reg, &err);
	CHECK_EQ(err, 0);
	CHECK(!reg.nr_tx_rings && !reg.nr_rx_rings && !reg.nr_host_tx_rings && !reg.nr_host_rx_rings);
	CHECK_EQ(reg.nr_mem_id, LR_REGION_GLOBAL);
	CHECK(!f->nifp->ni_tx_rings && !f->nifp->ni_rx_rings && !f->nifp->ni_bufs_head);
	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
	CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
	memset(&w, 0, sizeof(w));
	CHECK_EQ(lr_file_poll(f, LR_POLLIN | LR_POLLOUT, &w), 0);
	CHECK_EQ(w.n, 0);
	lr_file_close(f);
	CHECK(core_is_empty());
}

static void rings_as_asked(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 3, .nr_rx_rings = 2, .nr_tx_slots = 17 };
	struct lr_file *f, *again;
	int err;

	f = core_open("lrx", &reg, &err);
	CHECK_EQ(err, 0);
	CHECK(reg.nr_tx_rings == 3 && reg.nr_rx_rings == 2 && reg.nr_tx_slots == 17 && reg.nr_rx_slots == 1024);
	CHECK(f->n[LR_TX] == 3 && f->n[LR_RX] == 2);
	CHECK_EQ(core_ring(f, LR_TX, 2)->shared->ringid, 2);
	/* The same name is the same port. */
	reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL };
	again = core_open("lrx", &reg, &err);
	CHECK(again && again->port == f->port && reg.nr_tx_rings == 3);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	CHECK(!core_open("lrx", &reg, &err));
	CHECK_EQ(err, -ENXIO);
	lr_file_close(f);
	lr_file_close(again);
	CHECK(core_is_empty());
}

static void tx_swallows(void)
{
	struct lr_file *f = null_open("lrx", (struct nmreq_register){ .nr_tx_rings = 1, .nr_tx_slots = 8 });
	struct netmap_ring *r = core_tx(f);
	uint32_t i, first = r->slot[0].buf_idx;

	for (i = 0; i < 100; i++) {
		CHECK_EQ(lr_file_poll(f, LR_POLLOUT, NULL), LR_POLLOUT);
		CHECK_EQ(lr_pos_dist(r->head, r->tail, 8), 7);
		r->slot[r->head].len = 100;
		r->slot[r->head].flags = i % 2 ? 0 : NS_MOREFRAG;
		r->head = r->cur = lr_pos_next(r->head, 8);
		CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
	}
	CHECK_EQ(core_ring(f, LR_TX, 0)->count.packets, 50);
	CHECK_EQ(core_ring(f, LR_TX, 0)->count.bytes, 10000);
	CHECK_EQ(r->slot[0].buf_idx, first);
	lr_file_close(f);
}

static void rx_has_nothing(void)
{
	struct lr_file *f = null_open("lrx", (struct nmreq_register){ .nr_rx_rings = 1, .nr_rx_slots = 8 });

	CHECK_EQ(lr_file_poll(f, LR_POLLIN, NULL), 0);
	CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
	CHECK_EQ(core_rx(f)->head, core_rx(f)->tail);
	CHECK_EQ(core_ring(f, LR_RX, 0)->count.packets, 0);
	lr_file_close(f);
}

/* A parent of pipes: they share its memory, so that buffers go from one to the other. */
static void parent_of_pipes(void)
{
	struct lr_file *f = null_open("lrx", (struct nmreq_register){ .nr_extra_bufs = 4 });
	struct lr_file *a = core_must_open("lrx{1", 8), *b = core_must_open("lrx}1", 8);
	uint32_t mine = f->nifp->ni_bufs_head, *next = (uint32_t *)(void *)lr_region_buf(f->port->region, mine);
	struct netmap_ring *tx = core_tx(a);
	uint32_t theirs = tx->slot[0].buf_idx;

	CHECK(a->port->region == f->port->region);
	f->nifp->ni_bufs_head = theirs;
	*(uint32_t *)(void *)lr_region_buf(f->port->region, theirs) = *next;
	memcpy(next, "hey", 4);
	tx->slot[0] = (struct netmap_slot){ .buf_idx = mine, .len = 60, .flags = NS_BUF_CHANGED };
	tx->head = tx->cur = 1;
	CHECK_EQ(lr_file_ioctl(a, NIOCTXSYNC, 0), 0);
	lr_file_close(f);
	CHECK_EQ(lr_file_ioctl(b, NIOCRXSYNC, 0), 0);
	CHECK_EQ(core_rx(b)->slot[0].buf_idx, mine);
	CHECK(strcmp(lr_region_buf(b->port->region, mine), "hey") == 0);
	lr_file_close(a);
	lr_file_close(b);
	CHECK(core_is_empty());
}

/* --- Extra buffers ------------------------------------------------------------------------------------ */

/* Into list[], at most max. */
static uint32_t walk(const struct lr_file *f, uint32_t *list, uint32_t max)
{
	uint32_t n = 0, i = f->nifp->ni_bufs_head;

	for (; i && n < max; i = *(uint32_t *)(void *)lr_region_buf(f->port->region, i))
		list[n++] = i;
	return n;
}

static uint32_t taken(const struct lr_file *f)
{
	return f->port->region->pool[LR_POOL_BUF].taken;
}

static void extra_buffers(void)
{
	static uint32_t list[3000];
	static uint8_t seen[4096];
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_extra_bufs = 2500 };
	struct lr_file *keep = null_open("lrkeep", (struct nmreq_register){ 0 }), *f;
	uint32_t i;
	int err;

	f = core_open("lrx", &reg, &err);
	CHECK(f && reg.nr_extra_bufs == 2500 && f->extra_bufs == 2500);
	CHECK_EQ(walk(f, list, 3000), 2500);
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < 2500; i++)
		CHECK(list[i] >= LR_BUF_FIRST && list[i] < sizeof(seen) && !seen[list[i]]++);
	CHECK_EQ(taken(keep), 2500);
	lr_file_close(f);
	CHECK_EQ(taken(keep), 0);
	lr_file_close(keep);
	CHECK(core_is_empty());
}

static void more_than_there_are(void)
{
	struct lr_region_params before = lr_region_params[0];
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_extra_bufs = UINT32_MAX };
	struct lr_file *f, *g;
	int err;

	lr_region_params[0].pool[LR_POOL_BUF].num = 100;
	f = core_open("lrx", &reg, &err);
	CHECK(f && reg.nr_extra_bufs == 98);
	/* Nothing is left, and that is an answer too. */
	reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_extra_bufs = 5 };
	g = core_open("lry", &reg, &err);
	CHECK(g && reg.nr_extra_bufs == 0 && g->nifp->ni_bufs_head == 0);
	lr_file_close(f);
	lr_file_close(g);
	lr_region_params[0] = before;
	CHECK(core_is_empty());
}

/* What programs leave in the list: we take what is right up to the first wrong thing, and neither hang nor touch others. */
static void ruined_lists(void)
{
	enum { SHORT, LOOP_SELF, LOOP, RESERVED, FREE, BEYOND, HUGE_INDEX, NO_MEMORY_YET, LONGER, HEAD_BAD, WAYS };
	static const uint32_t left_over[WAYS] = { 7, 7, 0, 7, 7, 7, 7, 7, 0, 10 };
	struct lr_file *keep = null_open("lrkeep", (struct nmreq_register){ .nr_extra_bufs = 3 });
	uint32_t list[10], kept[3], how, leaked = 0;

	walk(keep, kept, 3);
	for (how = 0; how < WAYS; how++) {
		struct lr_file *f = null_open("lrx", (struct nmreq_register){ .nr_extra_bufs = 10 });
		struct lr_region *region = f->port->region;
		uint32_t *third, *last, num = region->pool[LR_POOL_BUF].num, before = taken(keep) - 10;

		CHECK_EQ(walk(f, list, 10), 10);
		third = (uint32_t *)(void *)lr_region_buf(region, list[2]);
		last = (uint32_t *)(void *)lr_region_buf(region, list[9]);
		switch (how) {
		case SHORT: *third = 0; break;
		case LOOP_SELF: *third = list[2]; break;
		case LOOP: *last = list[4]; break;
		case RESERVED: *third = 1; break;
		case FREE: *third = region->pool[LR_POOL_BUF].committed - 1; break;
		case BEYOND: *third = num; break;
		case HUGE_INDEX: *third = UINT32_MAX; break;
		case NO_MEMORY_YET: *third = num - 1; break;
		case LONGER: *last = region->pool[LR_POOL_BUF].committed - 2; break;
		case HEAD_BAD: f->nifp->ni_bufs_head = 0x80000001; break;
		}
		lr_file_close(f);
		CHECK_EQ(taken(keep), before + left_over[how]);
		leaked += left_over[how];
	}
	/* The others' are still theirs; what was lost comes back with the region. */
	CHECK_EQ(taken(keep), 3 + leaked);
	CHECK_EQ(walk(keep, list, 10), 3);
	CHECK(memcmp(list, kept, sizeof(kept)) == 0);
	lr_file_close(keep);
	CHECK(core_is_empty());
}

static const struct unit_case cases[] = {
	{ "a port without rings", no_rings },
	{ "rings as asked for", rings_as_asked },
	{ "tx swallows", tx_swallows },
	{ "rx has nothing", rx_has_nothing },
	{ "a parent of pipes", parent_of_pipes },
	{ "extra buffers", extra_buffers },
	{ "more extra buffers than there are", more_than_there_are },
	{ "ruined lists of extra buffers", ruined_lists },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
