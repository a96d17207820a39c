/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes: packets arrive whole, in order and without a copy; what is wrong is dropped and counted; buffers are neither
 * made nor lost. pipe_model_test.c does the same at random.
 */
#include "core.h"

static struct lr_file *open_with(const char *name, struct nmreq_register reg, int want)
{
	struct lr_file *f;
	int err;

	if (!reg.nr_mode)
		reg.nr_mode = NR_REG_ALL_NIC;
	f = core_open(name, &reg, &err);
	if (err != want)
		FAIL("%s: %d, not %d", name, err, want);
	return f;
}

static void close_files(struct lr_file *a, struct lr_file *b)
{
	if (a)
		lr_file_close(a);
	if (b)
		lr_file_close(b);
	CHECK(core_is_empty());
}

/* Fills the next slot; the id is in the buffer and in ptr. */
static void put(const struct lr_file *f, uint32_t id, uint16_t len, uint16_t flags)
{
	struct lr_ring *r = core_ring(f, LR_TX, 0);
	struct netmap_slot *s = &r->shared->slot[r->shared->head];

	CHECK(r->shared->head != r->shared->tail);
	s->len = len;
	s->flags = flags;
	s->ptr = id;
	if (lr_buf_ok(r, s->buf_idx))
		memcpy(lr_region_buf(f->port->region, s->buf_idx), &id, sizeof(id));
	r->shared->head = r->shared->cur = lr_pos_next(r->shared->head, r->num_slots);
}

static void sync_tx(struct lr_file *f)
{
	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
}

/* How many slots wait for the receiver. */
static uint32_t received(struct lr_file *f)
{
	struct lr_ring *r = core_ring(f, LR_RX, 0);

	CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
	return lr_pos_dist(r->shared->head, r->shared->tail, r->num_slots);
}

/* Takes the next slot, which must be this. */
static void get(struct lr_file *f, uint32_t id, uint16_t len, uint16_t flags)
{
	struct lr_ring *r = core_ring(f, LR_RX, 0);
	struct netmap_slot *s = &r->shared->slot[r->shared->head];
	uint32_t found = 0;

	if (!received(f)) {
		FAIL("packet %u has not come", id);
		return;
	}
	CHECK_EQ(s->len, len);
	CHECK_EQ(s->flags & ~NS_BUF_CHANGED, flags);
	CHECK(s->flags & NS_BUF_CHANGED);
	CHECK_EQ(s->ptr, id);
	if (lr_buf_ok(r, s->buf_idx))
		memcpy(&found, lr_region_buf(f->port->region, s->buf_idx), sizeof(found));
	CHECK_EQ(found, id);
	r->shared->head = r->shared->cur = lr_pos_next(r->shared->head, r->num_slots);
}

/* --- Names and memory ---------------------------------------------------------------------------- */

static void names(void)
{
	static const char *const bad[] = { "lrx{", "lrx}", "{1", "}1", "lrx{1{2", "lrx{1}2", "lrx}}", "{" };
	char longest[NETMAP_REQ_IFNAMSIZ];
	struct lr_file *a, *b;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(bad); i++)
		open_with(bad[i], (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC }, -EINVAL);
	open_with("lrx{1", (struct nmreq_register){ .nr_mode = NR_REG_PIPE_MASTER }, -EINVAL);
	open_with("", (struct nmreq_register){ .nr_mode = NR_REG_PIPE_MASTER }, -EINVAL);
	memset(longest, 'n', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	open_with(longest, (struct nmreq_register){ .nr_mode = NR_REG_PIPE_SLAVE, .nr_ringid = 7 }, -EINVAL);
	longest[sizeof(longest) - 9] = '{';
	a = open_with(longest, (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC }, 0);
	close_files(a, NULL);

	/* The old spelling and the new one are the same pipe; the end of it may be any word. */
	a = open_with("lrx", (struct nmreq_register){ .nr_mode = NR_REG_PIPE_MASTER, .nr_ringid = 65535 }, 0);
	b = open_with("lrx}65535", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC }, 0);
	CHECK(a->port->priv == b->port->priv && a->port != b->port);
	put(a, 1, 60, 0);
	sync_tx(a);
	get(b, 1, 60, 0);
	close_files(a, b);
	a = open_with("lrx{some-word", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC }, 0);
	b = open_with("lrx{someword", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC }, 0);
	CHECK(a->port->priv != b->port->priv);
	CHECK(a->port->region != b->port->region);
	close_files(a, b);
}

static void regions(void)
{
	struct nmreq_register null = { .nr_mode = NR_REG_NULL };
	struct lr_file *parent, *a, *b;

	/* Alone: a region of its own. With a parent: the parent's, which lives as long as the pipe. */
	a = core_must_open("lrx{1", 0);
	CHECK(a->port->region->id > LR_REGION_GLOBAL);
	CHECK(a->nifp->ni_flags & NI_PRIV_MEM);
	parent = open_with("lrx", null, 0);
	b = core_must_open("lrx{2", 0);
	CHECK(b->port->region == parent->port->region && b->port->region->id == LR_REGION_GLOBAL);
	lr_file_close(parent);
	put(b, 1, 60, 0);
	sync_tx(b);
	close_files(a, b);

	/* The number of a region. */
	a = core_must_open("lrx{1", 0);
	b = open_with("lry{1", (struct nmreq_register){ .nr_mem_id = a->port->region->id }, 0);
	CHECK(b && a->port->region == b->port->region);
	open_with("lry}1", (struct nmreq_register){ .nr_mem_id = 1 }, -EINVAL);
	open_with("lrz{1", (struct nmreq_register){ .nr_mem_id = 77 }, -EINVAL);
	close_files(a, b);
	parent = open_with("lrx", null, 0);
	a = core_must_open("lry{1", 0);
	open_with("lrx{1", (struct nmreq_register){ .nr_mem_id = a->port->region->id }, -EINVAL);
	close_files(parent, a);
}

static void rings_are_crosswise(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_rings = 2, .nr_rx_rings = 3, .nr_tx_slots = 10, .nr_rx_slots = 21 };
	struct nmreq_register other = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_rings = 9, .nr_rx_slots = 7 };
	struct lr_file *a, *b;
	int err;

	a = core_open("lrx{1", &reg, &err);
	b = core_open("lrx}1", &other, &err);
	CHECK(a && b);
	CHECK_EQ(other.nr_tx_rings, 3);
	CHECK_EQ(other.nr_rx_rings, 2);
	CHECK_EQ(other.nr_tx_slots, 21);
	CHECK_EQ(other.nr_rx_slots, 10);
	CHECK_EQ(core_ring(b, LR_TX, 2)->num_slots, 21);
	CHECK(core_ring(b, LR_TX, 2)->priv == core_ring(a, LR_RX, 2));
	CHECK(core_ring(b, LR_RX, 1)->priv == core_ring(a, LR_TX, 1));
	close_files(a, b);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	a = core_open("lrx}1", &reg, &err);
	CHECK_EQ(reg.nr_tx_rings * 1000 + reg.nr_rx_rings, 1001);
	CHECK_EQ(reg.nr_tx_slots, 1024);
	CHECK_EQ(reg.nr_rx_slots, 1024);
	close_files(a, NULL);
}

/* The parent's numbers of slots, unless others are asked for. */
static void slots_of_the_parent(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct lr_file *parent, *a, *b;
	int err;

	parent = open_with("lrx", (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_slots = 100, .nr_rx_slots = 200 }, 0);
	a = core_open("lrx{1", &reg, &err);
	CHECK(a && reg.nr_tx_slots == 100 && reg.nr_rx_slots == 200);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 7 };
	b = core_open("lrx{2", &reg, &err);
	CHECK(b && reg.nr_tx_slots == 7 && reg.nr_rx_slots == 200);
	lr_file_close(parent);
	close_files(a, b);
}

/* --- Packets ----------------------------------------------------------------------------------------- */

/* The buffer itself goes over, and the other one comes back. */
static void buffers_are_swapped(void)
{
	struct lr_file *a = core_must_open("lrx{1", 8), *b = core_must_open("lrx}1", 8);
	uint32_t sent = core_tx(a)->slot[0].buf_idx, spare = core_rx(b)->slot[0].buf_idx;

	core_rx(b)->slot[0].ptr = 4711;
	put(a, 99, 1000, NS_REPORT);
	sync_tx(a);
	CHECK_EQ(core_tx(a)->slot[0].buf_idx, spare);
	CHECK_EQ(core_tx(a)->slot[0].ptr, 4711);
	CHECK(core_tx(a)->slot[0].flags & NS_BUF_CHANGED);
	CHECK_EQ(core_rx(b)->slot[0].buf_idx, sent);
	get(b, 99, 1000, NS_REPORT);
	CHECK_EQ(core_ring(a, LR_TX, 0)->count.packets, 1);
	CHECK_EQ(core_ring(a, LR_TX, 0)->count.bytes, 1000);
	CHECK_EQ(core_ring(b, LR_RX, 0)->count.packets, 1);
	close_files(a, b);
}

/* What is sent before the other end opens waits there, up to a ring full; then the sender's ring fills. */
static void sent_before_the_other_opens(void)
{
	struct lr_file *a = core_must_open("lrx{1", 8), *b;
	uint32_t i;

	for (i = 0; i < 7; i++)
		put(a, i, 60, 0);
	sync_tx(a);
	CHECK_EQ(lr_pos_dist(core_tx(a)->head, core_tx(a)->tail, 8), 7);
	for (; i < 14; i++)
		put(a, i, 60, 0);
	sync_tx(a);
	CHECK_EQ(core_tx(a)->head, core_tx(a)->tail);
	CHECK_EQ(lr_file_poll(a, LR_POLLOUT, NULL), 0);
	b = core_must_open("lrx}1", 8);
	for (i = 0; i < 7; i++)
		get(b, i, 60, 0);
	CHECK_EQ(received(b), 0);
	CHECK_EQ(lr_file_poll(a, LR_POLLOUT, NULL), LR_POLLOUT);
	for (; i < 14; i++)
		get(b, i, 60, 0);
	CHECK_EQ(received(b), 0);
	close_files(a, b);
}

static void ends_reopen(void)
{
	struct lr_file *a = core_must_open("lrx{1", 8), *b = core_must_open("lrx}1", 8);
	uint32_t round, i;

	for (round = 0; round < 5; round++) {
		/* The receiver leaves: what it has not taken is lost and counted, packets and not slots. */
		put(a, 1, 60, 0);
		put(a, 2, 60, NS_MOREFRAG);
		put(a, 3, 60, NS_MOREFRAG);
		put(a, 4, 60, 0);
		sync_tx(a);
		get(b, 1, 60, 0);
		CHECK_EQ(received(b), 3);
		lr_file_close(b);
		CHECK_EQ(a->port->ring[LR_TX][0].count.packets, 2 + round * 9);
		b = core_must_open("lrx}1", 8);
		CHECK_EQ(b->port->ring[LR_RX][0].count.drops, round + 1);
		CHECK_EQ(received(b), 0);
		for (i = 0; i < 7; i++)
			put(a, i, 60, 0);
		sync_tx(a);
		/* The sender leaves: what it has sent stays. */
		lr_file_close(a);
		a = core_must_open("lrx{1", 8);
		for (i = 0; i < 7; i++)
			get(b, i, 60, 0);
		CHECK_EQ(received(b), 0);
	}
	close_files(a, b);
}

/* A sender leaves a ring that nobody receives, of a pipe that stays: its memory goes, and what waited there is counted. */
static void nobody_ever_received(void)
{
	const struct nmreq_register first = { .nr_mode = NR_REG_ONE_NIC, .nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = 8, .nr_rx_slots = 8 };
	struct nmreq_register second = first;
	struct lr_file *a, *b, *keeper;
	const struct lr_ring *r;
	uint32_t i;

	second.nr_ringid = 1;
	keeper = open_with("lrx{1", second, 0);
	for (i = 0; i < 3; i++) {
		a = open_with("lrx{1", first, 0);
		put(a, 1, 60, 0);
		put(a, 2, 60, NS_MOREFRAG);
		put(a, 3, 60, 0);
		sync_tx(a);
		lr_file_close(a);
	}
	b = open_with("lrx}1", first, 0);
	r = core_ring(b, LR_RX, 0);
	CHECK_EQ(received(b), 0);
	CHECK_EQ(r->count.packets, 6);
	CHECK_EQ(r->count.drops, 6);
	close_files(b, keeper);
}

/* Two descriptors on one end share its rings; the pipe goes with the last. */
static void several_descriptors(void)
{
	struct lr_file *a = core_must_open("lrx{1", 8), *a2 = core_must_open("lrx{1", 8), *b;

	CHECK(a->port == a2->port && core_tx(a) == core_tx(a2));
	put(a, 1, 60, 0);
	sync_tx(a2);
	lr_file_close(a);
	put(a2, 2, 60, 0);
	sync_tx(a2);
	b = core_must_open("lrx}1", 8);
	lr_file_close(a2);
	get(b, 1, 60, 0);
	get(b, 2, 60, 0);
	close_files(b, NULL);
}

/* --- Fragments ------------------------------------------------------------------------------------------- */

/* Sends n slots as one packet, in pieces of `piece` slots a sync, and a packet after it. */
static void send_fragments(struct lr_file *a, uint32_t n, uint32_t piece)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		put(a, i, 60, i + 1 < n ? NS_MOREFRAG : 0);
		if (i % piece == piece - 1)
			sync_tx(a);
	}
	put(a, 1000, 61, 0);
	sync_tx(a);
}

static void get_fragments(struct lr_file *b, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		get(b, i, 60, i + 1 < n ? NS_MOREFRAG : 0);
}

static void fragments_of(uint32_t slots, uint32_t n, uint32_t piece, bool arrives)
{
	struct lr_file *a = core_must_open("lrx{1", slots), *b = core_must_open("lrx}1", slots);

	send_fragments(a, n, piece);
	if (arrives) {
		get_fragments(b, n);
		CHECK(received(b) <= 1);
		sync_tx(a);
	}
	get(b, 1000, 61, 0);
	CHECK_EQ(received(b), 0);
	CHECK_EQ(core_ring(a, LR_TX, 0)->count.drops, arrives ? 0 : 1);
	CHECK_EQ(core_ring(a, LR_TX, 0)->count.bad_slots, 0);
	CHECK_EQ(core_ring(a, LR_TX, 0)->count.packets, arrives ? 2 : 1);
	CHECK_EQ(core_ring(b, LR_RX, 0)->count.bytes, arrives ? n * 60 + 61 : 61);
	close_files(a, b);
}

static void whole_packets(void)
{
	struct lr_file *a = core_must_open("lrx{1", 16), *b = core_must_open("lrx}1", 16);
	uint32_t mine[2], i;

	/* Nothing is seen of a packet before its last slot is there; until then its buffers are the sender's. */
	for (i = 0; i < 2; i++) {
		mine[i] = core_tx(a)->slot[i].buf_idx;
		put(a, i, 60, NS_MOREFRAG);
	}
	sync_tx(a);
	CHECK_EQ(received(b), 0);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(core_tx(a)->slot[i].buf_idx, mine[i]);
		CHECK_EQ(core_tx(a)->slot[i].ptr, i);
		CHECK_EQ(core_tx(a)->slot[i].len, 60);
		CHECK(core_tx(a)->slot[i].flags & NS_MOREFRAG);
	}
	put(a, 2, 60, 0);
	sync_tx(a);
	get_fragments(b, 3);
	close_files(a, b);
}

/* A packet that has no room now comes later. */
static void fragments_wait_for_room(void)
{
	struct lr_file *a = core_must_open("lrx{1", 8), *b = core_must_open("lrx}1", 8);
	uint32_t i;

	for (i = 0; i < 5; i++)
		put(a, 100 + i, 60, 0);
	sync_tx(a);
	for (i = 0; i < 3; i++)
		put(a, i, 60, i < 2 ? NS_MOREFRAG : 0);
	sync_tx(a);
	CHECK_EQ(received(b), 5);
	for (i = 0; i < 5; i++)
		get(b, 100 + i, 60, 0);
	CHECK_EQ(received(b), 0);
	sync_tx(a);
	get_fragments(b, 3);
	CHECK_EQ(core_ring(a, LR_TX, 0)->count.drops, 0);
	close_files(a, b);
}

static void too_many_fragments(void)
{
	fragments_of(256, 64, 256, true);
	fragments_of(256, 64, 10, true);
	fragments_of(256, 65, 256, false);
	fragments_of(256, 65, 64, false);
	fragments_of(256, 200, 256, false);
	/* The rest of what was dropped is not a packet of its own, however late it comes. */
	fragments_of(256, 200, 70, false);
	fragments_of(256, 200, 1, false);
	fragments_of(65, 64, 64, true);
}

static void larger_than_the_ring(void)
{
	fragments_of(8, 7, 7, true);
	fragments_of(8, 8, 7, false);
	fragments_of(8, 8, 1, false);
	fragments_of(8, 100, 7, false);
	fragments_of(4, 3, 1, true);
	fragments_of(4, 4, 3, false);
}

/* --- Bad slots ------------------------------------------------------------------------------------------------- */

static void spoil(struct netmap_slot *s, unsigned int how, uint32_t num)
{
	static const uint32_t bad[] = { 0, 1, UINT32_MAX, 0x80000000 };

	if (how < LR_ARRAY_SIZE(bad))
		s->buf_idx = bad[how];
	else if (how == LR_ARRAY_SIZE(bad))
		s->buf_idx = num;
	else if (how == LR_ARRAY_SIZE(bad) + 1)
		s->buf_idx = num - 1;	/* nobody's */
	else
		s->len = how % 2 ? 2049 : 65535;
}

#define WAYS 8

/* A bad slot in the middle of a packet: all of the packet goes, nothing of the others. */
static void bad_slot_in_a_packet(void)
{
	unsigned int how, at, piece;

	for (how = 0; how < WAYS; how++)
		for (at = 0; at < 4; at++)
			for (piece = 1; piece <= 4; piece++) {
				struct lr_file *a = core_must_open("lrx{1", 32), *b = core_must_open("lrx}1", 32);
				uint32_t i, own;

				put(a, 50, 60, 0);
				own = core_tx(a)->slot[1 + at].buf_idx;
				for (i = 0; i < 4; i++) {
					put(a, i, 60, i < 3 ? NS_MOREFRAG : 0);
					if (i == at)
						spoil(&core_tx(a)->slot[1 + at], how, a->port->region->pool[LR_POOL_BUF].num);
					if (i % piece == piece - 1)
						sync_tx(a);
				}
				put(a, 51, 60, 0);
				sync_tx(a);
				get(b, 50, 60, 0);
				get(b, 51, 60, 0);
				CHECK_EQ(received(b), 0);
				CHECK_EQ(core_ring(a, LR_TX, 0)->count.bad_slots, 1);
				CHECK_EQ(core_ring(a, LR_TX, 0)->count.drops, 1);
				core_tx(a)->slot[1 + at].buf_idx = own;
				close_files(a, b);
			}
}

/* What the receiver gave back is no buffer: the slot gets another, as often as there are slots. */
static void receiver_loses_buffers(void)
{
	struct lr_file *a = core_must_open("lrx{1", 8), *b = core_must_open("lrx}1", 8);
	struct lr_region *region = a->port->region;
	uint32_t before = region->pool[LR_POOL_BUF].taken, i, at;

	for (i = 0; i < 8; i++) {
		at = core_ring(b, LR_RX, 0)->hwtail;
		spoil(&core_rx(b)->slot[at], i % 6, region->pool[LR_POOL_BUF].num);
		put(a, i, 60, 0);
		sync_tx(a);
		get(b, i, 60, 0);
		CHECK_EQ(received(b), 0);
		CHECK_EQ(core_ring(b, LR_RX, 0)->count.bad_slots, i + 1);
		CHECK_EQ(region->pool[LR_POOL_BUF].taken, before + i + 1);
	}
	/* Enough of that: now it stands still, and nothing worse. */
	at = core_ring(b, LR_RX, 0)->hwtail;
	i = core_rx(b)->slot[at].buf_idx;
	core_rx(b)->slot[at].buf_idx = 1;
	put(a, 9, 60, 0);
	sync_tx(a);
	CHECK_EQ(received(b), 0);
	CHECK_EQ(region->pool[LR_POOL_BUF].taken, before + 8);
	core_rx(b)->slot[at].buf_idx = i;
	sync_tx(a);
	get(b, 9, 60, 0);
	close_files(a, b);
}

/* --- Binding ------------------------------------------------------------------------------------------------------ */

static void directions_and_exclusion(void)
{
	struct lr_file *t, *r, *b = core_must_open("lrx}1", 8);

	t = open_with("lrx{1", (struct nmreq_register){ .nr_flags = NR_TX_RINGS_ONLY | NR_EXCLUSIVE }, 0);
	r = open_with("lrx{1", (struct nmreq_register){ .nr_flags = NR_RX_RINGS_ONLY | NR_EXCLUSIVE }, 0);
	CHECK(t->n[LR_TX] == 1 && !t->n[LR_RX] && t->nifp->ring_ofs[0] && !t->nifp->ring_ofs[1]);
	CHECK(r->n[LR_RX] == 1 && !r->n[LR_TX] && !r->nifp->ring_ofs[0] && r->nifp->ring_ofs[1]);
	open_with("lrx{1", (struct nmreq_register){ .nr_flags = NR_TX_RINGS_ONLY }, -EBUSY);
	open_with("lrx{1", (struct nmreq_register){ .nr_flags = 0 }, -EBUSY);
	put(t, 1, 60, 0);
	sync_tx(t);
	get(b, 1, 60, 0);
	put(b, 2, 60, 0);
	sync_tx(b);
	get(r, 2, 60, 0);
	lr_file_close(t);
	t = open_with("lrx{1", (struct nmreq_register){ .nr_flags = NR_TX_RINGS_ONLY }, 0);
	lr_file_close(r);
	close_files(t, b);
}

static const struct unit_case cases[] = {
	{ "names of pipes", names },
	{ "regions of pipes", regions },
	{ "rings are joined crosswise", rings_are_crosswise },
	{ "slot numbers of the parent", slots_of_the_parent },
	{ "buffers are swapped", buffers_are_swapped },
	{ "packets wait for the other end to open", sent_before_the_other_opens },
	{ "either end leaves and comes again", ends_reopen },
	{ "sent, and nobody ever received", nobody_ever_received },
	{ "several descriptors on one end", several_descriptors },
	{ "packets are seen whole", whole_packets },
	{ "packets wait for room", fragments_wait_for_room },
	{ "packets of too many fragments", too_many_fragments },
	{ "packets larger than the ring", larger_than_the_ring },
	{ "a bad slot takes its packet with it", bad_slot_in_a_packet },
	{ "a receiver that loses buffers", receiver_loses_buffers },
	{ "one direction, exclusively", directions_and_exclusion },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
