/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hot paths of AF_XDP against a made-up kernel, which does what veth never does: buffers come back in any order,
 * data does not begin where the buffer does, rings are full, packets are in many pieces. Random, the same in each
 * run.
 */
#include <sys/socket.h>

#include "core.h"
#include "nic/user/af_xdp.h"

#define SLOTS 29u /* no power of two; the socket's rings have 64 entries */
#define RING 64u
#define ROUNDS 20000
#define SIZE 2048u

/* One queue, its rings in our own memory, and both ends of them. */
static struct {
	struct lr_file *file;
	struct lr_xdp_queue q;
	struct lr_xdp_nic nic;
	struct lr_netdev dev;
	struct xdp_desc tx[RING], rx[RING];
	uint64_t fill[RING], comp[RING];
	uint32_t tx_prod, tx_cons, comp_prod, comp_cons, rx_prod, rx_cons, fill_prod, fill_cons, flags;
	uint64_t seed;
} t;

static uint32_t any(uint32_t n)
{
	return unit_random(&t.seed) % n;
}

static struct lr_ring *setup(enum lr_ring_kind kind)
{
	struct nmreq_register reg = {
		.nr_mode = NR_REG_NULL,
		.nr_tx_rings = 1,
		.nr_rx_rings = 1,
		.nr_tx_slots = SLOTS,
		.nr_rx_slots = SLOTS,
	};
	struct lr_ring *r;
	int err;

	memset(&t, 0, sizeof(t));
	t.file = core_open("made-up", &reg, &err);
	if (!t.file) {
		printf("not ok %s: %s\n", unit_name, strerror(-err));
		exit(1);
	}
	r = core_ring(t.file, kind, 0);
	os_mutex_init(&t.dev.lock);
	t.dev.news = -1;
	t.nic.dev = &t.dev;
	t.q = (struct lr_xdp_queue){ .nic = &t.nic, .fd = -1, .open = true, .shift = 11, .max_frags = 6 };
	t.q.base = lr_region_buf(r->port->region, 0) - OS_BUF_HEADROOM;
	t.q.bufs = lr_region_bufs_committed(r->port->region);
	t.q.tx = (struct lr_xdp_tx){
		.desc = t.tx,
		.comp = t.comp,
		.producer = &t.tx_prod,
		.consumer = &t.tx_cons,
		.flags = &t.flags,
		.mask = RING - 1,
		.comp_producer = &t.comp_prod,
		.comp_consumer = &t.comp_cons,
		.skip = os_zalloc(SLOTS),
	};
	t.q.rx = (struct lr_xdp_rx){
		.desc = t.rx,
		.fill = t.fill,
		.producer = &t.rx_prod,
		.consumer = &t.rx_cons,
		.fill_producer = &t.fill_prod,
		.fill_flags = &t.flags,
		.mask = RING - 1,
	};
	r->buf_len = SIZE - OS_BUF_HEADROOM;
	r->priv = &t.q;
	r->sync = kind == LR_TX ? lr_xdp_txsync : lr_xdp_rxsync;
	r->idle = false;
	return r;
}

static void teardown(void)
{
	os_free(t.q.tx.skip);
	lr_file_close(t.file);
	CHECK(core_is_empty());
}

static uint32_t next(uint32_t i)
{
	return lr_pos_next(i, SLOTS);
}

/* --- Transmit ------------------------------------------------------------------------------- */

/* What must arrive at the kernel, in order. */
static struct {
	struct xdp_desc want[1024];
	uint32_t put, got;
	uint64_t flying[RING];
	uint32_t num_flying;
	uint32_t mine[SLOTS]; /* the buffer of each slot, as the program remembers it */
	bool busy[SLOTS]; /* its packet is with the kernel */
} out;

/* The program writes one packet, good or bad, of at most `room` slots. Returns how many it took. */
static uint32_t write_packet(struct netmap_ring *ring, uint32_t room)
{
	uint32_t n = any(4) ? 1 : 1 + any(9), bad = any(6) ? UINT32_MAX : any(n), i, put = out.put;

	if (n > room)
		return 0;
	for (i = 0; i < n; i++) {
		struct netmap_slot *s = &ring->slot[ring->head];

		s->buf_idx = out.mine[ring->head];
		s->len = (uint16_t)(14 + any(1700));
		s->flags = (uint16_t)((i + 1 < n ? NS_MOREFRAG : 0) | (any(2) ? NS_BUF_CHANGED : 0));
		out.want[put++ % 1024] = (struct xdp_desc){ (uint64_t)s->buf_idx * SIZE + OS_BUF_HEADROOM, s->len,
							    i + 1 < n ? XDP_PKT_CONTD : 0 };
		if (i == bad && any(2))
			s->len = any(2) ? 0 : 1793 + (uint16_t)any(60000);
		else if (i == bad)
			s->buf_idx = any(2) ? any(2) : 100000 + any(UINT32_MAX - 100000);
		ring->head = ring->cur = next(ring->head);
	}
	if (bad >= n && n <= t.q.max_frags)
		out.put = put;
	return n;
}

/* The kernel takes some and lets some buffers go, mostly in order. */
static void kernel_sends(struct lr_ring *r)
{
	uint32_t n = any(RING), i, pos;

	while (n-- && t.tx_cons != t.tx_prod) {
		const struct xdp_desc *d = &t.tx[t.tx_cons++ % RING], *w = &out.want[out.got++ % 1024];

		CHECK_EQ(d->addr, w->addr);
		CHECK_EQ(d->len, w->len);
		CHECK_EQ(d->options, w->options);
		for (pos = 0; pos < SLOTS; pos++)
			if (out.mine[pos] == d->addr / SIZE)
				out.busy[pos] = true;
		out.flying[out.num_flying++] = d->addr;
	}
	for (n = any(out.num_flying + 1); n; n--) {
		i = any(5) ? 0 : any(out.num_flying);
		t.comp[t.comp_prod % RING] = out.flying[i];
		for (pos = 0; pos < SLOTS; pos++)
			if (out.mine[pos] == out.flying[i] / SIZE)
				out.busy[pos] = false;
		memmove(&out.flying[i], &out.flying[i + 1], (--out.num_flying - i) * sizeof(out.flying[0]));
		os_store_release(&t.comp_prod, t.comp_prod + 1);
	}
	(void)r;
}

static void transmit(void)
{
	struct lr_ring *r = setup(LR_TX);
	struct netmap_ring *ring = r->shared;
	uint32_t i, round, pos;

	memset(&out, 0, sizeof(out));
	for (i = 0; i < SLOTS; i++)
		out.mine[i] = ring->slot[i].buf_idx;
	for (round = 0; round < ROUNDS && !unit_failed(); round++) {
		uint32_t room = lr_pos_dist(ring->head, ring->tail, SLOTS);

		for (i = any(6); i && room; i--)
			room -= write_packet(ring, room);
		/* A sync in the middle of a packet changes nothing. */
		if (any(4) == 0 && room) {
			ring->slot[ring->head].flags = NS_MOREFRAG;
			ring->slot[ring->head].len = 100;
			ring->slot[ring->head].buf_idx = out.mine[ring->head];
			pos = ring->head;
			ring->head = ring->cur = next(pos);
			CHECK_EQ(lr_ring_sync(r, 0), 0);
			CHECK_EQ(r->hwcur == pos || room == SLOTS - 1, 1);
			r->head = ring->head = ring->cur = pos;
		}
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		kernel_sends(r);
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		for (pos = ring->head; pos != ring->tail; pos = next(pos))
			CHECK(!out.busy[pos]);
	}
	while (t.tx_cons != t.tx_prod || out.num_flying)
		kernel_sends(r);
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK_EQ(out.put, out.got);
	CHECK_EQ(lr_pos_dist(ring->head, ring->tail, SLOTS), SLOTS - 1);
	CHECK(!lr_xdp_tx_in_flight(&t.q.tx));
	CHECK_EQ(t.q.tx.skips, 0);
	CHECK_EQ(t.q.tx.early, 0);
	/* Slots that were refused have got other buffers meanwhile: nothing is lost with those. */
	for (i = 0; i < SLOTS; i++) {
		if (ring->slot[i].buf_idx != out.mine[i])
			lr_region_give(r->port->region, LR_POOL_BUF, ring->slot[i].buf_idx);
		ring->slot[i].buf_idx = out.mine[i];
	}
	teardown();
}

/* A packet without an end does not block the ring, and what follows its end is sent. */
static void endless(void)
{
	struct lr_ring *r = setup(LR_TX);
	struct netmap_ring *ring = r->shared;
	uint32_t i, room;

	for (i = 0; i < 10 * SLOTS;) {
		room = lr_pos_dist(ring->head, ring->tail, SLOTS);
		CHECK(room > 0);
		for (; room; room--, i++) {
			ring->slot[ring->head].len = 100;
			ring->slot[ring->head].flags = NS_MOREFRAG;
			ring->head = ring->cur = next(ring->head);
		}
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		if (unit_failed())
			break;
	}
	CHECK_EQ(t.tx_prod, 0);
	for (i = 0; i < 2; i++) {
		ring->slot[ring->head].len = 100;
		ring->slot[ring->head].flags = 0;
		ring->head = ring->cur = next(ring->head);
	}
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK_EQ(t.tx_prod, 1);
	CHECK_EQ(r->count.drops, 1);
	teardown();
}

/* --- Receive -------------------------------------------------------------------------------- */

static struct {
	uint64_t have[RING]; /* buffers that the kernel took from the fill ring */
	uint32_t num, sent, got;
} in;

static char *data(const struct lr_ring *r, uint64_t addr)
{
	return lr_region_buf(r->port->region, (uint32_t)(addr / SIZE)) - OS_BUF_HEADROOM + addr % SIZE;
}

/* Each piece carries the number of the packet and its own in it. */
static void kernel_receives(struct lr_ring *r)
{
	uint32_t i, pieces, which;

	while (in.num < RING && t.fill_cons != t.fill_prod)
		in.have[in.num++] = t.fill[t.fill_cons++ % RING] / SIZE * SIZE;
	for (;;) {
		pieces = any(4) ? 1 : 1 + any(8);
		if (pieces > in.num || any(5) == 0)
			return;
		for (i = 0; i < pieces; i++) {
			uint32_t mark[2] = { in.sent, i };
			struct xdp_desc *d = &t.rx[t.rx_prod % RING];

			which = any(3) ? 0 : any(in.num);
			d->addr = in.have[which] + OS_BUF_HEADROOM + (any(10) ? 0 : 16);
			d->len = 64 + i;
			d->options = i + 1 < pieces ? XDP_PKT_CONTD : 0;
			memcpy(data(r, d->addr), mark, sizeof(mark));
			memmove(&in.have[which], &in.have[which + 1], (--in.num - which) * sizeof(in.have[0]));
			t.rx_prod++;
		}
		in.sent++;
	}
}

static void program_receives(struct netmap_ring *ring, const struct lr_ring *r)
{
	uint32_t mark[2], piece = 0, pos, seen = in.got;

	for (pos = ring->head; pos != ring->tail; pos = next(pos)) {
		const struct netmap_slot *s = &ring->slot[pos];

		CHECK(s->flags & NS_BUF_CHANGED);
		memcpy(mark, lr_region_buf(r->port->region, s->buf_idx), sizeof(mark));
		CHECK_EQ(mark[0], seen);
		CHECK_EQ(mark[1], piece);
		CHECK_EQ(s->len, 64 + piece);
		piece = s->flags & NS_MOREFRAG ? piece + 1 : 0;
		seen += !piece;
	}
	CHECK_EQ(piece, 0);
	/* Whole packets go back, not all of them; cur stays behind or goes with head. */
	while (ring->head != ring->tail && any(8)) {
		while (ring->slot[ring->head].flags & NS_MOREFRAG)
			ring->head = next(ring->head);
		ring->head = next(ring->head);
		in.got++;
	}
	ring->cur = ring->head;
}

/* Every buffer is in one place: with the program, the kernel, or between them. */
static void count_buffers(const struct netmap_ring *ring, const uint32_t *all)
{
	uint32_t seen[SLOTS] = { 0 }, i, pos;

#define SEEN(idx) \
	for (i = 0; i < SLOTS; i++) \
	seen[i] += all[i] == (idx)
	for (pos = ring->head; pos != ring->tail; pos = next(pos))
		SEEN(ring->slot[pos].buf_idx);
	for (pos = t.q.rx.cons; pos != t.q.rx.posted; pos++)
		SEEN(t.fill[pos % RING] / SIZE);
#undef SEEN
	for (i = 0; i < SLOTS; i++)
		CHECK_EQ(seen[i], 1);
}

static void receive(void)
{
	struct lr_ring *r = setup(LR_RX);
	struct netmap_ring *ring = r->shared;
	uint32_t all[SLOTS], i, round, pos;

	memset(&in, 0, sizeof(in));
	for (i = 0; i < SLOTS; i++)
		all[i] = ring->slot[i].buf_idx;
	lr_xdp_rx_post(r, SLOTS - 1);
	lr_xdp_rx_post(r, 0);
	CHECK_EQ(t.fill_prod, SLOTS);
	for (round = 0; round < ROUNDS && !unit_failed(); round++) {
		kernel_receives(r);
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		count_buffers(ring, all);
		program_receives(ring, r);
		if (any(3) == 0) {
			CHECK_EQ(lr_ring_sync(r, 0), 0);
			count_buffers(ring, all);
		}
	}
	CHECK(in.got > ROUNDS / 2);
	CHECK_EQ(r->count.drops, 0);
	CHECK_EQ(r->count.bad_slots, 0);
	/* What the kernel has goes back to the slots. */
	for (pos = ring->tail, i = t.q.rx.cons; i != t.q.rx.posted; i++, pos = next(pos))
		ring->slot[pos].buf_idx = (uint32_t)(t.fill[i % RING] / SIZE);
	teardown();
}

/* A packet of more pieces than the ring has slots is dropped, and its buffers serve again. */
static void too_large(void)
{
	struct lr_ring *r = setup(LR_RX);
	uint32_t i, round;

	lr_xdp_rx_post(r, SLOTS - 1);
	lr_xdp_rx_post(r, 0);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < SLOTS; i++)
			t.rx[t.rx_prod++ % RING] = (struct xdp_desc){
				t.fill[t.fill_cons++ % RING],
				1792,
				i + 1 < SLOTS ? XDP_PKT_CONTD : 0,
			};
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		CHECK_EQ(r->hwtail, 0);
		CHECK_EQ(r->count.drops, round + 1);
		CHECK_EQ(t.fill_prod - t.fill_cons, SLOTS);
		CHECK_EQ(t.rx_cons, t.rx_prod);
	}
	teardown();
}

/* Slots that come back without a usable buffer get another one, or go without; no more is lost. */
static void lost_buffers(void)
{
	struct lr_ring *r = setup(LR_RX);
	struct netmap_ring *ring = r->shared;
	uint32_t round, i;

	memset(&in, 0, sizeof(in));
	lr_xdp_rx_post(r, SLOTS - 1);
	lr_xdp_rx_post(r, 0);
	for (round = 0; round < 200; round++) {
		kernel_receives(r);
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		for (; ring->head != ring->tail; ring->head = next(ring->head))
			if (any(2))
				ring->slot[ring->head].buf_idx = any(UINT32_MAX);
		ring->cur = ring->head;
		CHECK_EQ(lr_ring_sync(r, 0), 0);
		i = lr_pos_dist(r->hwcur, r->hwtail, SLOTS);
		CHECK_EQ(t.q.rx.posted - t.q.rx.cons + t.q.rx.missing + i, SLOTS);
	}
	CHECK(r->count.bad_slots > 10);
	teardown();
}

/*
 * Linux 6.1 in copy mode: a call sends at most a budget, and tells how far it came only when it finds nothing more. Its
 * socket has room for so many packets, then it drops one.
 */
static struct {
	uint32_t at, budget, room, drops, calls;
} call;

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t addr_len)
{
	uint32_t n = call.budget;

	(void)fd, (void)buf, (void)len, (void)flags, (void)addr, (void)addr_len;
	call.calls++;
	while (call.at != os_load_acquire(&t.tx_prod)) {
		errno = EAGAIN;
		if (!n-- || !call.room)
			return -1;
		call.at++;
		call.room--;
		errno = EBUSY;
		if (call.drops && !--call.drops)
			return -1;
	}
	os_store(&t.tx_cons, call.at);
	return 0;
}

static void put(struct lr_ring *r, uint32_t n)
{
	struct netmap_ring *ring = r->shared;

	for (; n; n--) {
		ring->slot[ring->head].len = 60;
		ring->head = ring->cur = next(ring->head);
	}
}

/* Everything is sent in one sync all the same, if there is room. */
static void budget(void)
{
	struct lr_ring *r = setup(LR_TX);
	uint32_t i;

	memset(&call, 0, sizeof(call));
	t.flags = XDP_RING_NEED_WAKEUP;
	t.q.budget = call.budget = 8;
	call.room = UINT32_MAX;
	put(r, 28);
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK_EQ(call.at, 28);
	CHECK_EQ(call.calls, 4);
	for (i = 0; i < 28; i++)
		t.comp[t.comp_prod++] = t.tx[i].addr;
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK(!lr_xdp_tx_in_flight(&t.q.tx));

	/* Room for 11: what is left goes with the next sync. */
	call.room = 11;
	call.calls = 0;
	put(r, 20);
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK_EQ(call.at, 28 + 11);
	CHECK(call.calls <= 3);
	call.room = UINT32_MAX;
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK_EQ(call.at, 28 + 20);
	for (; i < 48; i++)
		t.comp[t.comp_prod++] = t.tx[i].addr;
	CHECK_EQ(lr_ring_sync(r, 0), 0);

	/* One is dropped in the middle; the others are sent. */
	call.drops = 3;
	put(r, 15);
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK_EQ(call.at, 48 + 15);
	CHECK_EQ(r->count.drops, 1);
	for (; i < 63; i++)
		t.comp[t.comp_prod++] = t.tx[i].addr;
	CHECK_EQ(lr_ring_sync(r, 0), 0);
	CHECK(!lr_xdp_tx_in_flight(&t.q.tx));
	teardown();
}

static const struct unit_case cases[] = {
	{ "packets are sent whole and slots come back in any order of buffers", transmit },
	{ "a packet without an end", endless },
	{ "calls that send a few packets at a time", budget },
	{ "packets are received whole and buffers are never lost", receive },
	{ "a packet larger than the ring", too_large },
	{ "slots whose buffer the program lost", lost_buffers },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
