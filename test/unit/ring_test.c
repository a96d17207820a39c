/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every state of small rings against a model of the rules.
 *
 * The model works with sets, not with arithmetic: it walks the ring slot by slot and asks who owns each slot.
 *	1. lr_pos_valid, for every (num_slots, our head, tail, head, cur), head and cur also beyond the ring.
 *	2. lr_ring_sync, for every (num_slots, hwcur, head, hwtail) and every (head, cur) a program may write and
 *	   every advance a port may make: what is taken, what is published, what a reset leaves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/control.h"
#include "core/port.h"

#define MAX_SLOTS 9

static unsigned long cases;
static int failed;

static void fail(const char *what, uint32_t n, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	if (failed++ < 10)
		printf("# %s: %u slots, %u %u %u %u\n", what, n, a, b, c, d);
}

/* Walks from `from`; true when `to` is met no later than `end`. */
static bool reaches(uint32_t n, uint32_t from, uint32_t end, uint32_t to)
{
	for (;; from = from + 1 < n ? from + 1 : 0) {
		if (from == to)
			return true;
		if (from == end)
			return false;
	}
}

static bool model_valid(uint32_t n, uint32_t old_head, uint32_t tail, uint32_t head, uint32_t cur)
{
	return head < n && cur < n && reaches(n, old_head, tail, head) && reaches(n, head, tail, cur);
}

static void positions(void)
{
	uint32_t n, old_head, tail, head, cur;

	for (n = 2; n <= 2 * MAX_SLOTS; n++)
		for (old_head = 0; old_head < n; old_head++)
			for (tail = 0; tail < n; tail++)
				for (head = 0; head <= n + 1; head++)
					for (cur = 0; cur <= n + 1; cur++, cases++)
						if (lr_pos_valid(n, old_head, tail, head, cur) !=
						    model_valid(n, old_head, tail, head, cur))
							fail("lr_pos_valid", n, old_head, tail, head, cur);
}

/* A port whose sync takes all it may and moves hwtail by `advance`. */
static uint32_t advance, synced;

static int model_sync(struct lr_ring *r, unsigned int flags)
{
	uint32_t i;

	(void)flags;
	synced++;
	r->hwcur = r->head;
	for (i = 0; i < advance; i++)
		r->hwtail = lr_pos_next(r->hwtail, r->num_slots);
	return 0;
}

static const struct lr_port_ops model_ops = { .kind = "model", .txsync = model_sync, .rxsync = model_sync };

/* How far hwtail may move before it would overtake hwcur. */
static uint32_t space(uint32_t n, uint32_t hwtail, uint32_t hwcur)
{
	uint32_t steps = 0;

	while ((hwtail + 1 + steps) % n != hwcur)
		steps++;
	return steps;
}

struct state {
	uint32_t n, hwcur, old_head, hwtail;	/* ours before */
	uint32_t head, cur;			/* the program's */
};

static void check_reset(struct lr_ring *r, const struct state *s)
{
	if (synced)
		fail("a bad position reached the port", s->n, s->old_head, s->hwtail, s->head, s->cur);
	if (r->head != s->old_head || r->hwcur != s->hwcur || r->hwtail != s->hwtail)
		fail("a reset changed our books", s->n, s->old_head, s->hwtail, s->head, s->cur);
	if (r->shared->head != s->old_head || r->shared->cur != s->old_head || r->shared->tail != s->hwtail)
		fail("a reset left bad positions", s->n, s->old_head, s->hwtail, s->head, s->cur);
}

static void check_sync(struct lr_ring *r, const struct state *s)
{
	uint32_t tail = s->hwtail, i;

	for (i = 0; i < advance; i++)
		tail = (tail + 1) % s->n;
	if (synced != 1)
		fail("no sync", s->n, s->old_head, s->hwtail, s->head, s->cur);
	if (r->head != s->head || r->cur != s->cur || r->tail != tail || r->shared->tail != tail)
		fail("wrong positions after a sync", s->n, s->old_head, s->hwtail, s->head, s->cur);
	if (r->shared->head != s->head || r->shared->cur != s->cur)
		fail("a sync wrote the program's positions", s->n, s->old_head, s->hwtail, s->head, s->cur);
	if (lr_ring_ready(r) != (s->cur != tail))
		fail("wrong readiness", s->n, s->old_head, s->hwtail, s->head, s->cur);
}

static void one_sync(struct lr_ring *r, const struct state *s)
{
	bool valid = model_valid(s->n, s->old_head, s->hwtail, s->head, s->cur);
	int err;

	r->num_slots = s->n;
	r->hwcur = s->hwcur;
	r->head = r->cur = s->old_head;
	r->tail = r->hwtail = s->hwtail;
	r->shared->head = s->head;
	r->shared->cur = s->cur;
	r->shared->tail = (s->hwtail + s->head) % s->n;	/* a program's scribble; never read */
	synced = 0;
	err = lr_ring_sync(r, LR_SYNC_TELL);
	if (err != (valid ? 0 : LR_SYNC_RESET))
		fail("wrong verdict", s->n, s->old_head, s->hwtail, s->head, s->cur);
	else if (valid)
		check_sync(r, s);
	else
		check_reset(r, s);
	cases++;
}

/* All head and cur of a program, for one state of our books, and all advances of the port. */
static void all_programs(struct lr_ring *r, struct state *s)
{
	for (s->head = 0; s->head <= s->n; s->head++)
		for (s->cur = 0; s->cur <= s->n; s->cur++) {
			uint32_t room = s->head < s->n ? space(s->n, s->hwtail, s->head) : 0;

			for (advance = 0; advance <= room; advance++)
				one_sync(r, s);
		}
}

static void syncs(struct lr_ring *r)
{
	struct state s;

	for (s.n = 2; s.n <= MAX_SLOTS; s.n++)
		for (s.hwcur = 0; s.hwcur < s.n; s.hwcur++)
			for (s.old_head = 0; s.old_head < s.n; s.old_head++)
				for (s.hwtail = 0; s.hwtail < s.n; s.hwtail++)
					/* Our books are always in the order hwcur, head, hwtail. */
					if (model_valid(s.n, s.hwcur, s.hwtail, s.old_head, s.old_head))
						all_programs(r, &s);
}

static void both_directions(void)
{
	enum lr_ring_kind kinds[] = { LR_TX, LR_RX };
	struct lr_port *p;
	unsigned int i;
	int err;

	lr_control_lock();
	p = lr_port_alloc("model", 0, &lr_null_kind, &model_ops);
	p->config = (struct lr_port_config){ { 1, 0, 1, 0 }, { MAX_SLOTS, 0, MAX_SLOTS, 0 } };
	p->region = lr_region_get(0, &err, NULL);
	if (lr_port_set_rings(p, NULL) < 0)
		abort();
	for (i = 0; i < LR_ARRAY_SIZE(kinds); i++) {
		struct lr_ring *r = &p->ring[kinds[i]][0];

		if (lr_ring_mem_get(r, NULL) < 0)
			abort();
		syncs(r);
		r->num_slots = MAX_SLOTS;
		lr_ring_mem_put(r);
	}
	lr_port_free(p);
	lr_control_unlock();
}

static void report(const char *name)
{
	if (failed)
		printf("not ok %s: %d of %lu cases failed\n", name, failed, cases);
	else
		printf("ok %s (%lu cases)\n", name, cases);
}

int main(void)
{
	int all = 0;

	/* Resets are logged; here there are a hundred thousand. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	lr_core_init();
	positions();
	report("every position of small rings");
	all += failed;
	failed = 0;
	both_directions();
	report("every sync of small rings");
	lr_core_fini();
	return all + failed ? 1 : 0;
}
