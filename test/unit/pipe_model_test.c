/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pipe against a model, at random: both directions at once, rings of many sizes, packets of one slot and of many, bad slots,
 * receivers that take their time, ends that leave and come back. The model is two queues for each direction: what the
 * sender has submitted, and what the receiver has not taken. After each step the rings must say the same as the model,
 * and no buffer may be there twice or be missing.
 */
#include "core.h"

#define STEPS 30000
#define EPOCHS 24
#define QUEUE 1024	/* a power of two, more slots than any ring here has */

struct item {
	uint32_t id;
	uint16_t len;
	bool more, bad;
};

struct queue {
	struct item item[QUEUE];
	uint32_t first, n;
};

/* One direction; the other one is the same with the ends changed. */
struct way {
	struct lr_file **tx, **rx;
	uint32_t slots;
	struct queue sent;	/* in the tx ring, submitted, not taken */
	struct queue there;	/* delivered, not taken by the receiver */
	uint32_t shown;		/* so many of them the receiver has seen */
	uint32_t room;		/* of the receiver's ring, as the sender knows it */
	uint32_t to_release;	/* taken by the receiver, to be told with its next sync */
	uint32_t own[QUEUE];	/* the buffer of a spoiled tx slot, 0: not spoiled */
	uint32_t missing;	/* buffers that were in spoiled slots, which got others */
	bool skip;
	uint64_t drops, packets, bytes;
	uint32_t more_odds;	/* of 100 */
};

static struct lr_file *master, *slave;
static struct way ways[2];
static uint64_t seed;
static uint32_t next_id;

static uint32_t random_below(uint32_t n)
{
	return unit_random(&seed) % n;
}

static struct item *at(struct queue *q, uint32_t i)
{
	return &q->item[(q->first + i) % QUEUE];
}

static void push(struct queue *q, struct item item)
{
	*at(q, q->n++) = item;
}

static struct item pop(struct queue *q)
{
	struct item item = *at(q, 0);

	q->first++;
	q->n--;
	return item;
}

/* --- The model ---------------------------------------------------------------------------------- */

static void model_skip(struct way *w)
{
	w->skip = true;
	while (w->sent.n && w->skip)
		w->skip = pop(&w->sent).more;
}

/* The first packet of the queue: delivers it, or drops it; false if it has to wait. */
static bool model_packet(struct way *w)
{
	uint32_t limit = w->slots - 1 < NETMAP_MAX_FRAGS ? w->slots - 1 : NETMAP_MAX_FRAGS, n, i;

	for (n = 0; ; n++) {
		struct item *item = at(&w->sent, n);

		if (n == w->sent.n || n == w->room)
			return false;
		if (item->bad || (n + 1 == limit && item->more)) {
			for (i = 0; i < n; i++)
				pop(&w->sent);
			w->drops++;
			model_skip(w);
			return true;
		}
		if (!item->more)
			break;
	}
	for (i = 0; i <= n; i++) {
		w->bytes += at(&w->sent, 0)->len;
		push(&w->there, pop(&w->sent));
	}
	w->room -= n + 1;
	w->packets++;
	return true;
}

static void model_txsync(struct way *w)
{
	if (w->skip)
		model_skip(w);
	while (w->sent.n && model_packet(w))
		;
}

/* --- What programs do ------------------------------------------------------------------------------ */

static struct lr_ring *tx_of(const struct way *w)
{
	return core_ring(*w->tx, LR_TX, 0);
}

static struct lr_ring *rx_of(const struct way *w)
{
	return core_ring(*w->rx, LR_RX, 0);
}

static void spoil(struct way *w, uint32_t pos)
{
	struct lr_ring *r = tx_of(w);
	uint32_t bad[] = { 0, 1, r->buf_num, r->buf_num - 1, UINT32_MAX };

	if (random_below(3) == 0) {
		r->shared->slot[pos].len = (uint16_t)(2049 + random_below(60000));
		return;
	}
	w->own[pos] = r->shared->slot[pos].buf_idx;
	r->shared->slot[pos].buf_idx = bad[random_below(LR_ARRAY_SIZE(bad))];
}

/* Slots with rubbish got another buffer when they were taken. If not, the program puts its own back when it has them again. */
static void restore(struct way *w, bool all)
{
	struct lr_ring *r = tx_of(w);
	uint32_t pos;

	for (pos = 0; pos < w->slots; pos++) {
		bool taken = lr_pos_dist(r->hwcur, pos, w->slots) >= w->sent.n;
		bool mine = lr_pos_dist(r->shared->head, pos, w->slots) < lr_pos_dist(r->shared->head, r->shared->tail, w->slots);

		if (!w->own[pos])
			continue;
		if (taken && lr_buf_ok(r, r->shared->slot[pos].buf_idx))
			w->missing++;
		else if (all || mine)
			r->shared->slot[pos].buf_idx = w->own[pos];
		else
			continue;
		w->own[pos] = 0;
	}
}

static void fill(struct way *w)
{
	struct lr_ring *r = tx_of(w);
	struct netmap_ring *s = r->shared;
	uint32_t space = lr_pos_dist(s->head, s->tail, w->slots), n;

	if (random_below(200) == 0)
		w->more_odds = random_below(3) == 0 ? 98 : random_below(60);
	for (n = random_below(space + 1); n; n--) {
		struct netmap_slot *slot = &s->slot[s->head];
		struct item item = { .id = next_id++ };

		item.len = (uint16_t)random_below(2049);
		item.more = random_below(100) < w->more_odds;
		item.bad = random_below(60) == 0;
		slot->len = item.len;
		slot->flags = item.more ? NS_MOREFRAG : 0;
		slot->ptr = item.id;
		memcpy(lr_region_buf(r->port->region, slot->buf_idx), &item.id, sizeof(item.id));
		if (item.bad)
			spoil(w, s->head);
		push(&w->sent, item);
		s->head = s->cur = lr_pos_next(s->head, w->slots);
	}
}

static void txsync(struct way *w)
{
	struct lr_ring *r = tx_of(w);

	CHECK_EQ(lr_file_ioctl(*w->tx, NIOCTXSYNC, 0), 0);
	model_txsync(w);
	CHECK_EQ(lr_pos_dist(r->hwcur, r->shared->head, w->slots), w->sent.n);
	CHECK_EQ(lr_pos_dist(r->shared->head, r->shared->tail, w->slots), w->slots - 1 - w->sent.n);
	CHECK_EQ(r->count.drops, w->drops);
	CHECK_EQ(r->count.packets, w->packets);
	CHECK_EQ(r->count.bytes, w->bytes);
	restore(w, false);
}

static void check_slot(const struct way *w, uint32_t pos, struct item item)
{
	struct lr_ring *r = rx_of(w);
	struct netmap_slot *s = &r->shared->slot[pos];
	uint32_t id = 0;

	CHECK_EQ(s->len, item.len);
	CHECK_EQ(s->flags, NS_BUF_CHANGED | (item.more ? NS_MOREFRAG : 0));
	CHECK_EQ(s->ptr, item.id);
	CHECK(lr_buf_ok(r, s->buf_idx));
	if (lr_buf_ok(r, s->buf_idx))
		memcpy(&id, lr_region_buf(r->port->region, s->buf_idx), sizeof(id));
	CHECK_EQ(id, item.id);
}

/* Syncs, looks at all that is there, takes some of it. */
static void rxsync(struct way *w)
{
	struct netmap_ring *s = rx_of(w)->shared;
	uint32_t n, i, pos;

	CHECK_EQ(lr_file_ioctl(*w->rx, NIOCRXSYNC, 0), 0);
	w->room += w->to_release;
	w->to_release = 0;
	w->shown = w->there.n;
	CHECK_EQ(lr_pos_dist(s->head, s->tail, w->slots), w->shown);
	for (i = 0, pos = s->head; i < w->shown; i++, pos = lr_pos_next(pos, w->slots))
		check_slot(w, pos, *at(&w->there, i));
	n = random_below(3) ? random_below(w->shown + 1) : w->shown;
	for (i = 0; i < n; i++) {
		pop(&w->there);
		s->head = lr_pos_next(s->head, w->slots);
	}
	w->shown -= n;
	w->to_release += n;
	s->cur = s->head;
	for (i = random_below(w->shown + 1); i; i--)
		s->cur = lr_pos_next(s->cur, w->slots);
}

/* --- Ends that leave and come back ---------------------------------------------------------------------- */

/* What it had sent and was not taken goes with it; what it had not received too. */
static void reopen(struct lr_file **end)
{
	struct way *out = ways[0].tx == end ? &ways[0] : &ways[1], *in = out == &ways[0] ? &ways[1] : &ways[0];
	const char *name = end == &master ? "lrx{1" : "lrx}1";

	restore(out, true);
	lr_file_close(*end);
	out->sent.n = 0;
	out->skip = false;
	in->there.n = 0;
	in->room = in->slots - 1;
	in->to_release = in->shown = 0;
	*end = core_must_open(name, 0);
}

/* Every buffer once: of all rings, and of the slots where rubbish is. */
static void conserved(void)
{
	static uint8_t seen[1 << 13];
	uint32_t total = 0, i, d;

	memset(seen, 0, sizeof(seen));
	for (d = 0; d < 2; d++) {
		struct way *w = &ways[d];

		for (i = 0; i < w->slots; i++) {
			uint32_t mine = w->own[i] ? w->own[i] : tx_of(w)->shared->slot[i].buf_idx;
			uint32_t theirs = rx_of(w)->shared->slot[i].buf_idx;

			if (mine >= sizeof(seen) || theirs >= sizeof(seen) || seen[mine]++ || seen[theirs]++)
				FAIL("slot %u has a buffer that another has", i);
			total += 2;
		}
	}
	CHECK_EQ(master->port->region->pool[LR_POOL_BUF].taken, total + ways[0].missing + ways[1].missing);
}

static void step(void)
{
	struct way *w = &ways[random_below(2)];

	switch (random_below(5)) {
	case 0: fill(w); break;
	case 1: fill(w); txsync(w); break;
	case 2: txsync(w); break;
	case 3: rxsync(w); break;
	default:
		if (random_below(400) == 0)
			reopen(random_below(2) ? &master : &slave);
	}
}

static void epoch(uint32_t there, uint32_t back)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = there, .nr_rx_slots = back };
	int err;
	uint32_t i;

	memset(ways, 0, sizeof(ways));
	master = core_open("lrx{1", &reg, &err);
	CHECK_EQ(err, 0);
	slave = core_must_open("lrx}1", 0);
	ways[0] = (struct way){ .tx = &master, .rx = &slave, .slots = there, .room = there - 1 };
	ways[1] = (struct way){ .tx = &slave, .rx = &master, .slots = back, .room = back - 1 };
	for (i = 0; i < STEPS && !unit_failed(); i++) {
		step();
		if (i % 64 == 0)
			conserved();
	}
	CHECK(ways[0].packets && ways[1].packets);
	conserved();
	restore(&ways[0], true);
	restore(&ways[1], true);
	lr_file_close(master);
	lr_file_close(slave);
	CHECK(core_is_empty());
}

static void model(void)
{
	static const uint32_t sizes[] = { 4, 5, 7, 8, 16, 33, 64, 65, 66, 67, 128, 300 };
	uint32_t i, there, back;

	seed = 1;
	for (i = 0; i < EPOCHS && !unit_failed(); i++) {
		there = sizes[i % LR_ARRAY_SIZE(sizes)];
		back = sizes[random_below(LR_ARRAY_SIZE(sizes))];
		epoch(there, back);
		if (unit_failed())
			printf("# epoch %u: %u slots there, %u back\n", i, there, back);
	}
}

static const struct unit_case cases[] = {
	{ "a pipe does what its model does", model },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
