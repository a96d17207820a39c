/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Positions and slots of rings: the rules of head, cur and tail, what happens
 * when a program breaks them, slots that are bad. SEMANTICS 5. On pipes, where
 * both sides are ours.
 */
#include <stdio.h>
#include <sys/time.h>

#include "port.h"

static struct port p[2];
static struct netmap_ring *tx, *rx;	/* of the master, of the slave */
static uint32_t out, in;

static void open_pipe(uint32_t slots)
{
	pipe_open(p, unique(""), slots);
	tx = tx_ring(&p[0], 0);
	rx = rx_ring(&p[1], 0);
	out = in = 0;
}

static void close_pipe(void)
{
	port_close(&p[0]);
	port_close(&p[1]);
}

/* Packets still go through, all the way round both rings. */
static void check_flow(void)
{
	uint32_t end = out + 3 * tx->num_slots;

	for (int idle = 0; out < end;) {
		idle = put_packets(tx, 3, &out) ? 0 : idle + 1;
		CHECK_MSG(idle < 3, "the tx ring is stuck: head %u tail %u", tx->head, tx->tail);
		txsync(&p[0]);
		rxsync(&p[1]);
		take_packets(rx, tx->num_slots, &in);
		rxsync(&p[1]);
		txsync(&p[0]);
	}
	CHECK_EQ(in, out);
}

CASE(one_slot_stays_empty)
{
	open_pipe(16);
	CHECK_EQ(nm_ring_space(tx), 15);
	CHECK_EQ(nm_ring_space(rx), 0);
	CHECK(!nm_ring_empty(tx));
	CHECK(nm_ring_empty(rx));
	CHECK_EQ(put_packets(tx, 99, &out), 15);
	CHECK(nm_ring_empty(tx));
	txsync(&p[0]);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 15);
	CHECK_EQ(take_packets(rx, 99, &in), 15);
	check_flow();
	close_pipe();
}

CASE(nothing_moves_between_syncs)
{
	open_pipe(16);
	put_packets(tx, 5, &out);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 0);
	txsync(&p[0]);
	CHECK_EQ(nm_ring_space(rx), 0);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 5);
	take_packets(rx, 3, &in);
	CHECK_EQ(nm_ring_space(rx), 2);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 2);
	close_pipe();
}

/* What is not sent yet is pending: here, what the peer has no room for. */
CASE(tx_pending)
{
	open_pipe(16);
	CHECK(!nm_tx_pending(tx));
	put_packets(tx, 15, &out);
	txsync(&p[0]);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 15);
	while (put_packets(tx, 1, &out) > 0)
		;
	txsync(&p[0]);
	CHECK(nm_tx_pending(tx));
	for (int i = 0; i < 3; i++) {
		take_packets(rx, 16, &in);
		rxsync(&p[1]);
		txsync(&p[0]);
		rxsync(&p[1]);
	}
	CHECK_EQ(in, out);
	CHECK(!nm_tx_pending(tx));
	check_flow();
	close_pipe();
}

/* cur ahead of head: the slots stay, and poll waits for others. */
CASE(cur_ahead_of_head)
{
	open_pipe(16);
	put_packets(tx, 4, &out);
	txsync(&p[0]);
	CHECK_EQ(poll_port(&p[1], POLLIN, 100), POLLIN);
	rx->cur = ring_add(rx, rx->head, 4);
	CHECK_EQ(poll_port(&p[1], POLLIN, 20), 0);
	CHECK_EQ(nm_ring_space(rx), 4);
	put_packets(tx, 1, &out);
	txsync(&p[0]);
	CHECK_EQ(poll_port(&p[1], POLLIN, 100), POLLIN);
	CHECK_EQ(nm_ring_space(rx), 5);
	CHECK_EQ(take_packets(rx, 9, &in), 5);
	check_flow();
	close_pipe();
}

/* On tx: cur ahead of head asks for more room than there is, and sends nothing. */
CASE(cur_ahead_of_head_tx)
{
	open_pipe(16);
	tx->cur = tx->tail;
	CHECK_EQ(poll_port(&p[0], POLLOUT, 20), 0);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 0);
	tx->cur = tx->head;
	CHECK_EQ(poll_port(&p[0], POLLOUT, 20), POLLOUT);
	check_flow();
	close_pipe();
}

/* head within [old head, tail], cur within [head, tail], modulo the size. */
static bool allowed(uint32_t n, uint32_t old, uint32_t tail, uint32_t head, uint32_t cur)
{
	if (head >= n || cur >= n)
		return false;
	return (head + n - old) % n <= (tail + n - old) % n &&
	       (cur + n - head) % n <= (tail + n - head) % n;
}

/* head and cur are one, and what they were or where the program has nothing left. */
static void check_reset(const struct netmap_ring *r, uint32_t old)
{
	CHECK_EQ(r->head, r->cur);
	CHECK_MSG(r->head == old || r->head == r->tail, "head %u, not %u or %u", r->head, old, r->tail);
}

/* Every head and cur of a small ring, from every starting point. */
static void all_positions(struct port *port, struct netmap_ring *r, unsigned long sync)
{
	uint32_t n = r->num_slots;

	for (uint32_t head = 0; head < n + 2; head++) {
		for (uint32_t cur = 0; cur < n + 2; cur++) {
			uint32_t old = r->head, tail = r->tail;
			uint64_t resets = ring_stats(port->fd, port->name, r->dir, 0).resets;
			bool good = allowed(n, old, tail, head, cur);

			r->head = head;
			r->cur = cur;
			CHECK_OK(ioctl(port->fd, sync, NULL));
			resets = ring_stats(port->fd, port->name, r->dir, 0).resets - resets;
			CHECK_MSG(resets == !good, "head %u cur %u, was head %u tail %u: %s", head, cur,
				  old, tail, good ? "reset" : "accepted");
			CHECK_MSG(r->head < n && r->cur < n && r->tail < n, "head %u cur %u tail %u",
				  r->head, r->cur, r->tail);
			if (good) {
				CHECK_EQ(r->head, head);
				CHECK_EQ(r->cur, cur);
			} else {
				check_reset(r, old);
			}
		}
	}
}

CASE(all_positions_tx)
{
	open_pipe(5);
	/* Slots that were never filled are sent, too: they need a length. */
	for (uint32_t i = 0; i < 5; i++)
		tx->slot[i].len = 60;
	for (int round = 0; round < 8; round++) {
		all_positions(&p[0], tx, NIOCTXSYNC);
		rxsync(&p[1]);
		rx->head = rx->cur = rx->tail;
		rxsync(&p[1]);
		CHECK_OK(ioctl(p[0].fd, NIOCTXSYNC, NULL));
	}
	rxsync(&p[1]);
	rx->head = rx->cur = rx->tail;
	rxsync(&p[1]);
	txsync(&p[0]);
	check_flow();
	close_pipe();
}

CASE(all_positions_rx)
{
	open_pipe(5);
	for (int round = 0; round < 8; round++) {
		put_packets(tx, round % 5, &out);
		txsync(&p[0]);
		all_positions(&p[1], rx, NIOCRXSYNC);
	}
	rxsync(&p[1]);
	rx->head = rx->cur = rx->tail;
	rxsync(&p[1]);
	txsync(&p[0]);
	in = out;
	check_flow();
	close_pipe();
}

CASE(huge_positions)
{
	static const uint32_t bad[] = { 16, 17, 1000, 0x7fffffff, 0x80000000, 0xffffffff };

	open_pipe(16);
	for (unsigned int i = 0; i < 6; i++) {
		tx->head = bad[i];
		txsync(&p[0]);
		check_reset(tx, 0);
		tx->cur = bad[i];
		txsync(&p[0]);
		check_reset(tx, 0);
		rx->head = rx->cur = bad[i];
		rxsync(&p[1]);
		check_reset(rx, 0);
	}
	check_flow();
	close_pipe();
}

/* After a reset poll says POLLERR, once; then the ring goes on. */
CASE(poll_after_a_bad_position)
{
	open_pipe(16);
	rx->head = 9;
	CHECK(poll_port(&p[1], POLLIN, 100) & POLLERR);
	CHECK_EQ(poll_port(&p[1], POLLIN, 0), 0);
	tx->cur = 99;
	CHECK(poll_port(&p[0], POLLOUT, 100) & POLLERR);
	check_flow();
	close_pipe();
}

/* --- Bad slots ------------------------------------------------------------------ */

struct bad {
	const char *what;
	uint32_t buf_idx;
	uint16_t len;
};

static const struct bad bads[] = {
	{ "buffer 0", 0, 60 },
	{ "buffer 1", 1, 60 },
	{ "a buffer past the pool", 0x00ffffff, 60 },
	{ "the last number", 0xffffffff, 60 },
	{ "a length over the buffer", 0, 2049 },
	{ "the longest length", 0, 0xffff },
};

/* Number 1 of three is bad: 0 and 2 may arrive, 1 never, and nothing is lost for later. */
static void send_with_bad(const struct bad *b)
{
	uint32_t i = tx->head, got = 0;
	uint64_t counted = ring_stats(p[0].fd, p[0].name, 0, 0).bad_slots;

	for (uint32_t n = 0; n < 3; n++, i = nm_ring_next(tx, i))
		packet_fill(tx, i, 1000 + n, 60);
	i = ring_add(tx, tx->head, 1);
	if (b->len == 60)
		tx->slot[i].buf_idx = b->buf_idx;
	tx->slot[i].len = b->len;
	tx->slot[i].flags = NS_BUF_CHANGED;
	tx->head = tx->cur = ring_add(tx, tx->head, 3);
	txsync(&p[0]);
	counted = ring_stats(p[0].fd, p[0].name, 0, 0).bad_slots - counted;
	CHECK_MSG(counted == 1, "%s: counted %llu times", b->what, (unsigned long long)counted);
	rxsync(&p[1]);
	for (; rx->head != rx->tail; rx->head = rx->cur = nm_ring_next(rx, rx->head), got++) {
		CHECK_MSG(rx->slot[rx->head].buf_idx > 1 && rx->slot[rx->head].len == 60,
			  "%s: received buffer %u, %u bytes", b->what, rx->slot[rx->head].buf_idx,
			  rx->slot[rx->head].len);
		CHECK_MSG(packet_seq(rx, rx->head) != 1001, "%s: was sent", b->what);
	}
	CHECK_MSG(got <= 2, "%s: %u packets of 2", b->what, got);
	rxsync(&p[1]);
	txsync(&p[0]);
}

/* After a bad slot the ring has good buffers again in all its slots. */
static void check_repaired(const char *what, struct netmap_ring *r)
{
	for (uint32_t i = 0; i < r->num_slots; i++)
		CHECK_MSG(r->slot[i].buf_idx > 1 && r->slot[i].buf_idx < p[0].reg.nr_memsize / 2048,
			  "%s: slot %u has buffer %u", what, i, r->slot[i].buf_idx);
}

CASE(bad_slots_tx)
{
	for (unsigned int i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		open_pipe(16);
		for (int n = 0; n < 10; n++)
			send_with_bad(&bads[i]);
		check_flow();
		check_repaired(bads[i].what, tx);
		check_repaired(bads[i].what, rx);
		close_pipe();
	}
}

CASE(bad_slots_rx)
{
	for (unsigned int i = 0; i < 4; i++) {
		open_pipe(16);
		for (int n = 0; n < 12; n++) {
			CHECK_EQ(put_packets(tx, 2, &out), 2);
			txsync(&p[0]);
			rxsync(&p[1]);
			CHECK_EQ(nm_ring_space(rx), 2);
			rx->slot[rx->head].buf_idx = bads[i].buf_idx;
			rx->slot[rx->head].len = 0xffff;
			rx->slot[rx->head].flags = 0xffff;
			rx->head = rx->cur = rx->tail;
			rxsync(&p[1]);
			txsync(&p[0]);
			in = out;
		}
		check_flow();
		check_repaired(bads[i].what, tx);
		check_repaired(bads[i].what, rx);
		close_pipe();
	}
}

/* A program that loses buffers without end may come to a standstill, but opened again the port is as new. */
CASE(bad_slots_without_end)
{
	open_pipe(16);
	for (int n = 0; n < 200; n++) {
		put_packets(tx, 2, &out);
		tx->slot[ring_add(tx, tx->head, 15)].buf_idx = 0;
		txsync(&p[0]);
		rxsync(&p[1]);
		rx->slot[rx->head].buf_idx = 1;
		rx->head = rx->cur = rx->tail;
		rxsync(&p[1]);
	}
	close_pipe();
	open_pipe(16);
	check_flow();
	close_pipe();
}

/* A buffer that nobody has: it is in the pool, but not the program's. */
CASE(free_buffer_in_a_slot)
{
	struct nmreq_pools_info pools = { 0 };
	struct bad b = { "a free buffer", 0, 60 };

	open_pipe(16);
	CHECK_GRANTED(ctrl(p[0].fd, NETMAP_REQ_POOLS_INFO_GET, p[0].name, &pools));
	b.buf_idx = pools.nr_buf_pool_objtotal - 1;
	send_with_bad(&b);
	check_flow();
	close_pipe();
}

/* As much as a buffer holds. */
CASE(largest_packet)
{
	open_pipe(16);
	packet_fill(tx, tx->head, 7, 2048);
	tx->head = tx->cur = nm_ring_next(tx, tx->head);
	txsync(&p[0]);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 1);
	packet_check(rx, rx->head, 7, 2048);
	close_pipe();
}

/* What only we write can be overwritten: we never read it. */
CASE(ring_header_overwritten)
{
	open_pipe(16);
	for (int i = 0; i < 2; i++) {
		struct netmap_ring *r = i ? rx : tx;
		struct netmap_ring keep = *r;

		*(uint32_t *)(uintptr_t)&r->num_slots = 0xffffffff;
		*(uint32_t *)(uintptr_t)&r->nr_buf_size = 1 << 30;
		*(int64_t *)(uintptr_t)&r->buf_ofs = -1;
		*(uint16_t *)(uintptr_t)&r->ringid = 0xffff;
		*(uint16_t *)(uintptr_t)&r->dir = 0xffff;
		r->offset_mask = UINT64_MAX;
		r->tail = 0xffff;
		txsync(&p[0]);
		rxsync(&p[1]);
		CHECK(r->tail < 16);
		*(uint32_t *)(uintptr_t)&r->num_slots = keep.num_slots;
		*(uint32_t *)(uintptr_t)&r->nr_buf_size = keep.nr_buf_size;
		*(int64_t *)(uintptr_t)&r->buf_ofs = keep.buf_ofs;
		r->offset_mask = keep.offset_mask;
	}
	check_flow();
	close_pipe();
}

CASE(sem_is_the_programs)
{
	open_pipe(16);
	for (unsigned int i = 0; i < 128; i++)
		tx->sem[i] = rx->sem[i] = (uint8_t)(i + 1);
	check_flow();
	tx->head = 1000;
	txsync(&p[0]);
	rxsync(&p[1]);
	for (unsigned int i = 0; i < 128; i++) {
		CHECK_EQ(tx->sem[i], i + 1);
		CHECK_EQ(rx->sem[i], i + 1);
	}
	close_pipe();
}

CASE(timestamp)
{
	struct timeval before, after;

	open_pipe(16);
	rxsync(&p[1]);
	CHECK_EQ(rx->ts.tv_sec, 0);
	rx->flags |= NR_TIMESTAMP;
	gettimeofday(&before, NULL);
	rxsync(&p[1]);
	gettimeofday(&after, NULL);
	CHECK(!timercmp(&rx->ts, &before, <));
	CHECK(!timercmp(&rx->ts, &after, >));
	tx->flags |= NR_TIMESTAMP;
	poll_port(&p[0], POLLOUT, 0);
	CHECK(!timercmp(&tx->ts, &before, <));
	close_pipe();
}

/* Rings of every small size, and some that are odd, all the way round. */
CASE(ring_sizes)
{
	static const uint32_t sizes[] = { 4, 5, 6, 7, 8, 9, 31, 33, 100, 257, 1000 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		open_pipe(sizes[i]);
		check_flow();
		CHECK_EQ(put_packets(tx, 99999, &out), sizes[i] - 1);
		txsync(&p[0]);
		rxsync(&p[1]);
		CHECK_EQ(take_packets(rx, 99999, &in), sizes[i] - 1);
		rxsync(&p[1]);
		txsync(&p[0]);
		check_flow();
		close_pipe();
	}
}
