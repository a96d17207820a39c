/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that overwrites all it shares with us, at any moment: ring headers,
 * slots, the netmap_if, lists of extra buffers, while others sync. Nothing may
 * crash or hang, and ports in another region must not notice.
 *
 *	scribblers --> rings of the pipe `bad` and of a neighbour in the same region
 *	syncers    --> sync and poll them all the time
 *	main       --> a pipe in a region of its own, every packet checked
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

static bool stop;
static uint64_t scribbles, syncs;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

/* Values that hurt more often than random ones. */
static uint32_t nasty(uint64_t *state, uint32_t small)
{
	static const uint32_t list[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 4096 };
	uint32_t r = next_random(state);

	switch (r & 3) {
	case 0:
		return list[(r >> 8) % 8];
	case 1:
		return next_random(state);
	default:
		return small ? (r >> 2) % small : 0;
	}
}

static void scribble_slot(struct netmap_ring *r, uint32_t slots, uint64_t *state)
{
	struct netmap_slot *s = &r->slot[next_random(state) % slots];
	uint32_t what = next_random(state);

	if (what & 1)
		__atomic_store_n(&s->buf_idx, nasty(state, 4000), __ATOMIC_RELAXED);
	if (what & 2)
		__atomic_store_n(&s->len, (uint16_t)nasty(state, 2048), __ATOMIC_RELAXED);
	if (what & 4)
		__atomic_store_n(&s->flags, (uint16_t)nasty(state, 64), __ATOMIC_RELAXED);
	if (what & 8)
		__atomic_store_n(&s->ptr, (uint64_t)next_random(state) << 32, __ATOMIC_RELAXED);
}

static void scribble_header(struct netmap_ring *r, uint32_t slots, uint64_t *state)
{
	uint32_t what = next_random(state), v = nasty(state, slots);

	if (what & 1)
		__atomic_store_n(&r->head, v, __ATOMIC_RELAXED);
	if (what & 2)
		__atomic_store_n(&r->cur, what & 256 ? v : nasty(state, slots), __ATOMIC_RELAXED);
	if (what & 4)
		__atomic_store_n(&r->tail, nasty(state, slots), __ATOMIC_RELAXED);
	if (what & 8)
		__atomic_store_n(&r->flags, nasty(state, 8), __ATOMIC_RELAXED);
	if ((what & 0xf0) == 0x10)
		__atomic_store_n((uint32_t *)(uintptr_t)&r->num_slots, nasty(state, slots), __ATOMIC_RELAXED);
	if ((what & 0xf0) == 0x20)
		__atomic_store_n((int64_t *)(uintptr_t)&r->buf_ofs, nasty(state, 100), __ATOMIC_RELAXED);
	if ((what & 0xf0) == 0x30)
		__atomic_store_n((uint32_t *)(uintptr_t)&r->nr_buf_size, nasty(state, 100), __ATOMIC_RELAXED);
	if ((what & 0xf0) == 0x40)
		__atomic_store_n(&r->avail, nasty(state, slots), __ATOMIC_RELAXED);
}

/* All that a port shares: rings, their slots, the netmap_if. Places are taken once, before they are damaged. */
struct target {
	struct port p;
	struct netmap_ring *ring[2];
	uint32_t slots[2];
	char *buf_zero;
	uint32_t buf_end;	/* buffers below have memory: it is taken in order */
	uint64_t seed;
};

static struct target target_of(struct port p, uint64_t seed)
{
	struct target t = { .p = p, .ring = { tx_ring(&p, 0), rx_ring(&p, 0) }, .seed = seed };

	t.slots[0] = t.ring[0]->num_slots;
	t.slots[1] = t.ring[1]->num_slots;
	t.buf_zero = NETMAP_BUF(t.ring[0], 0);
	for (int d = 0; d < 2; d++)
		for (uint32_t i = 0; i < t.slots[d]; i++)
			if (t.ring[d]->slot[i].buf_idx >= t.buf_end)
				t.buf_end = t.ring[d]->slot[i].buf_idx + 1;
	return t;
}

static void scribble_if(struct target *t, uint64_t *state)
{
	struct netmap_if *n = t->p.nifp;
	uint32_t idx = n->ni_bufs_head;

	__atomic_store_n((ssize_t *)(uintptr_t)&n->ring_ofs[next_random(state) % 4], next_random(state),
			 __ATOMIC_RELAXED);
	__atomic_store_n((uint32_t *)(uintptr_t)&n->ni_tx_rings, nasty(state, 4), __ATOMIC_RELAXED);
	/* Each extra buffer names another one, or anything. */
	if (idx > 1 && idx < t->buf_end)
		__atomic_store_n((uint32_t *)(void *)(t->buf_zero + (size_t)idx * 2048), nasty(state, 4000),
				 __ATOMIC_RELAXED);
	__atomic_store_n(&n->ni_bufs_head, nasty(state, 4000), __ATOMIC_RELAXED);
}

static void *scribbler(void *arg)
{
	struct target *t = arg;
	uint64_t state = t->seed;

	for (uint64_t n = 0; !stopped(); n++) {
		int d = next_random(&state) & 1;

		for (int i = 0; i < 4; i++)
			scribble_slot(t->ring[d], t->slots[d], &state);
		scribble_header(t->ring[d], t->slots[d], &state);
		if (n % 64 == 0)
			scribble_if(t, &state);
		/* Now and then something right, so that packets move. */
		if (n % 3 == 0) {
			uint32_t tail = __atomic_load_n(&t->ring[d]->tail, __ATOMIC_RELAXED);

			__atomic_store_n(&t->ring[d]->cur, tail, __ATOMIC_RELAXED);
			__atomic_store_n(&t->ring[d]->head, tail, __ATOMIC_RELAXED);
		}
		__atomic_add_fetch(&scribbles, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Calls must end; what they return is up to the ring's state, but an ioctl does not fail for it. */
static void *syncer(void *arg)
{
	struct target *t = arg;

	for (uint64_t n = 0; !stopped(); n++) {
		CHECK_OK(ioctl(t->p.fd, NIOCTXSYNC, NULL));
		CHECK_OK(ioctl(t->p.fd, NIOCRXSYNC, NULL));
		poll_port(&t->p, POLLIN | POLLOUT, (n & 63) == 0);
		__atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

#define TARGETS 2

/* Both sorts of threads have had their turn. */
static bool enough(void)
{
	return __atomic_load_n(&scribbles, __ATOMIC_RELAXED) > 500000 &&
	       __atomic_load_n(&syncs, __ATOMIC_RELAXED) > 20000;
}

static void attack(struct target t[TARGETS], uint32_t packets)
{
	pthread_t threads[2 * TARGETS];
	struct port good[2];
	uint32_t out = 0, in = 0, neighbour = 0;
	uint64_t last = 0;

	pipe_open(good, unique("good"), 64);
	for (int i = 0; i < TARGETS; i++) {
		CHECK_EQ(pthread_create(&threads[2 * i], NULL, scribbler, &t[i]), 0);
		CHECK_EQ(pthread_create(&threads[2 * i + 1], NULL, syncer, &t[i]), 0);
	}
	for (uint32_t round = 0; in < packets || !enough(); round++) {
		put_packets(tx_ring(&good[0], 0), 30, &out);
		CHECK_EQ(poll_port(&good[0], POLLOUT, 1000), POLLOUT);
		CHECK_EQ(poll_port(&good[1], POLLIN, 1000), POLLIN);
		take_packets(rx_ring(&good[1], 0), 64, &in);
		rxsync(&good[1]);
		if (check_now_ms() - last > 1000) {
			check_progress();
			last = check_now_ms();
		}
		/* Ports come and go in the attacked region meanwhile. */
		if (round % 50 == 0) {
			struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_extra_bufs = 5,
				.nr_mem_id = t[0].p.reg.nr_mem_id, .nr_tx_rings = 1, .nr_tx_slots = 8 };
			struct port p = { .fd = dev_open(), .reg = want };

			snprintf(p.name, sizeof(p.name), "%s", unique("new"));
			if (port_register(&p) == 0)
				neighbour++;
			close(p.fd);
		}
	}
	CHECK(neighbour > 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2 * TARGETS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(ring_stats(good[0].fd, good[0].name, 0, 0).resets, 0);
	CHECK_EQ(ring_stats(good[0].fd, good[0].name, 0, 0).bad_slots, 0);
	port_close(&good[0]);
	port_close(&good[1]);
}

/* A port's own trouble ends with it: opened again it is as new. */
static void check_recovered(const char *name, uint32_t slots)
{
	struct port p[2];
	uint32_t out = 0, in = 0;

	pipe_open(p, name, slots);
	while (in < 500) {
		put_packets(tx_ring(&p[0], 0), 10, &out);
		txsync(&p[0]);
		rxsync(&p[1]);
		CHECK(take_packets(rx_ring(&p[1], 0), 64, &in) > 0);
		rxsync(&p[1]);
	}
	port_close(&p[0]);
	port_close(&p[1]);
}

#define GOOD_PACKETS 60000

CASE(scribble_on_a_pipe)
{
	struct target t[TARGETS];
	struct port p[2];

	pipe_open(p, unique("bad"), 32);
	t[0] = target_of(p[0], 1);
	t[1] = target_of(p[1], 2);
	attack(t, GOOD_PACKETS);
	port_close(&p[0]);
	port_close(&p[1]);
	check_recovered(unique("bad"), 32);
}

/* Two sides of one region, with extra buffers in reach. */
CASE(scribble_with_extra_buffers)
{
	struct nmreq_register want = { .nr_extra_bufs = 100, .nr_tx_slots = 16, .nr_rx_slots = 16 };
	struct target t[TARGETS];
	struct port p = port_open(unique("bad{1"), &want), q = port_open(unique("bad}1"), &want);

	t[0] = target_of(p, 3);
	t[1] = target_of(q, 4);
	attack(t, GOOD_PACKETS);
	port_close(&p);
	port_close(&q);
	check_recovered(unique("bad"), 16);
}

CASE(scribble_on_a_null_port)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_rx_rings = 1,
		.nr_tx_slots = 32, .nr_rx_slots = 32, .nr_extra_bufs = 20 };
	struct target t[TARGETS];
	struct port p = port_open(unique("bad"), &want), q = port_open(unique("bad2"), &want);

	t[0] = target_of(p, 5);
	t[1] = target_of(q, 6);
	attack(t, GOOD_PACKETS / 4);
	port_close(&p);
	port_close(&q);
}

/* A NIC under attack, while packets come in: its interface works afterwards. */
CASE(scribble_on_an_interface)
{
	struct target t[TARGETS];
	const char *name = wire_near();
	struct nmreq_register want = { .nr_extra_bufs = 20 };
	int sock = wire_socket(), got = -1;
	struct port p, q, r;

	p = port_open(name, &want);
	q = port_open(name, NULL);
	t[0] = target_of(p, 7);
	t[1] = target_of(q, 8);
	attack(t, GOOD_PACKETS);
	port_close(&p);
	port_close(&q);
	while (wire_receive(sock, 0, NULL) >= 0)
		;
	r = port_open(name, NULL);
	for (int i = 0; i < 50 && got != 12345; i++) {
		struct netmap_ring *tx = tx_ring(&r, 0);

		frame_fill(NETMAP_BUF(tx, tx->slot[tx->head].buf_idx), 12345, 200);
		tx->slot[tx->head].len = 200;
		tx->slot[tx->head].flags = 0;
		tx->head = tx->cur = nm_ring_next(tx, tx->head);
		txsync(&r);
		got = wire_receive(sock, 100, NULL);
	}
	CHECK_EQ(got, 12345);
	port_close(&r);
}

/* --- Lists of extra buffers, damaged while they are given back ----------------------------- */

static void *list_scribbler(void *arg)
{
	struct target *t = arg;
	uint64_t state = t->seed;

	while (!stopped()) {
		uint32_t idx = 2 + next_random(&state) % 300;

		__atomic_store_n((uint32_t *)(void *)(t->buf_zero + (size_t)idx * 2048), nasty(&state, 300),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&t->p.nifp->ni_bufs_head, nasty(&state, 300), __ATOMIC_RELAXED);
	}
	return NULL;
}

CASE(scribble_on_lists_at_close)
{
	struct nmreq_register small = { .nr_tx_slots = 8, .nr_rx_slots = 8 };
	struct port holder = port_open(unique("{1"), &small);
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_rx_rings = 1,
		.nr_tx_slots = 8, .nr_rx_slots = 8, .nr_mem_id = holder.reg.nr_mem_id, .nr_extra_bufs = 40 };
	uint32_t before = bufs_free(&holder), last = before;

	for (int i = 0; i < 40; i++) {
		struct port p = port_open(unique("x"), &want);
		struct target t = target_of(p, (uint64_t)i);
		pthread_t thread;

		stop = false;
		CHECK_EQ(pthread_create(&thread, NULL, list_scribbler, &t), 0);
		usleep(100);
		CHECK_OK(close(p.fd));
		__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
	}
	/* Some may be lost while the region lives, and those in the rings of the holder are in reach; none is there twice. */
	last = bufs_free(&holder);
	CHECK_MSG(last <= before + 16, "%u free buffers, there were %u", last, before);
	port_close(&holder);
}
