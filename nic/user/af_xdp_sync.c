/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hot paths of AF_XDP: from netmap slots to descriptors and back.
 *
 * Each loop takes packets of one slot with nothing odd about them, and stops at the first that is otherwise; that one
 * is dealt with apart, and the loop goes on. Positions of the socket's rings only grow and are masked when used.
 *
 * Barriers: the kernel reads and writes descriptors before it moves its position with release, and reads ours with
 * acquire (net/xdp/xsk_queue.h); the same here.
 */
#include <sys/socket.h>

#include "af_xdp.h"
#include "checksum.h"
#include "nic.h"

/* The loops over ordinary packets are not inlined: so they have the registers for themselves. */
#define NOINLINE __attribute__((noinline))

static inline uint64_t slot_addr(uint32_t idx, unsigned int shift)
{
	return (uint64_t)idx << shift | OS_BUF_HEADROOM;
}

/* --- Transmit ------------------------------------------------------------------------------- */

static inline bool tx_slot_ok(const struct lr_xdp_queue *q, const struct lr_ring *r, struct lr_slot s)
{
	return s.idx < q->bufs && os_load(&r->buf_used[s.idx]) && s.len && s.len <= r->buf_len;
}

/* Packets of one slot each, from pos on, n slots in a straight piece. Returns how many were ordinary. */
static NOINLINE uint32_t tx_plain(struct lr_xdp_queue *q, struct lr_ring *r, uint32_t pos, uint32_t n)
{
	struct xdp_desc *const desc = q->tx.desc;
	const uint8_t *const used = r->buf_used;
	const uint32_t bufs = q->bufs, mask = q->tx.mask, room = r->buf_len - LR_XDP_MIN_FRAME;
	const unsigned int shift = q->shift;
	struct netmap_slot *const slot = r->slot + pos;
	uint32_t prod = q->tx.prod, i;
	uint64_t bytes = 0;

	for (i = 0; i < n; i++) {
		struct lr_slot s = lr_slot_read(&slot[i]);
		struct xdp_desc *d = &desc[prod & mask];

		if (os_unlikely(s.idx >= bufs) || os_unlikely(s.len - LR_XDP_MIN_FRAME > room) ||
		    os_unlikely(s.flags & NS_MOREFRAG))
			break;
		if (os_unlikely(!os_load(&used[s.idx])))
			break;
		d->addr = slot_addr(s.idx, shift);
		d->len = s.len;
		d->options = 0;
		if (s.flags & NS_BUF_CHANGED)
			os_store(&slot[i].flags, (uint16_t)(s.flags & ~NS_BUF_CHANGED));
		bytes += s.len;
		prod++;
	}
	os_store(&q->tx.prod, prod);
	lr_count(&r->count.packets, i);
	lr_count(&r->count.bytes, bytes);
	return i;
}

/* Slots [pos, pos + n) are taken from the program and nothing is sent for them. */
static void tx_skip(struct lr_xdp_queue *q, struct lr_ring *r, uint32_t pos, uint32_t n)
{
	for (; n; n--, pos = lr_pos_next(pos, r->num_slots))
		q->tx.skip[pos] = 1;
}

/*
 * One packet, or what has come of it, at pos, where the program has `left` slots for us. Returns how many slots were
 * used up; 0: the packet is not complete. Descriptors are written as the slots are read, and count only when all of
 * them were good.
 */
static uint32_t tx_odd(struct lr_xdp_queue *q, struct lr_ring *r, uint32_t pos, uint32_t left)
{
	struct lr_xdp_tx *t = &q->tx;
	uint32_t at = pos, n = 0, bad = 0;
	bool more = true, good = !t->discard;
	uint64_t bytes = 0;

	while (more && n < left) {
		struct lr_slot s = lr_slot_read(&r->slot[at]);

		more = s.flags & NS_MOREFRAG;
		if (!tx_slot_ok(q, r, s) || (n == 0 && !t->discard && s.len < LR_XDP_MIN_FRAME))
			bad++;
		if (bad || n >= q->max_frags)
			good = false;
		if (good)
			t->desc[(t->prod + n) & t->mask] = (struct xdp_desc){
				.addr = slot_addr(s.idx, q->shift),
				.len = s.len,
				.options = more ? XDP_PKT_CONTD : 0,
			};
		if (s.flags & NS_BUF_CHANGED)
			os_store(&r->slot[at].flags, (uint16_t)(s.flags & ~NS_BUF_CHANGED));
		if (bad)
			lr_ring_mend_slot(r, at);
		bytes += s.len;
		at = lr_pos_next(at, r->num_slots);
		n++;
	}
	if (good && more && n < r->num_slots - 1)
		return 0;
	if (good && !more) {
		os_store(&t->prod, t->prod + n);
		lr_count(&r->count.packets, 1);
		lr_count(&r->count.bytes, bytes);
		return n;
	}
	if (!t->discard)
		lr_count(&r->count.drops, 1);
	lr_count(&r->count.bad_slots, bad);
	t->discard = more;
	t->skips += n;
	tx_skip(q, r, pos, n);
	return n;
}

static void tx_submit(struct lr_xdp_queue *q, struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint32_t pos = r->hwcur, left = lr_pos_dist(pos, r->head, n);

	while (left) {
		uint32_t run = left < n - pos ? left : n - pos, done = 0;

		if (os_likely(!q->tx.discard))
			done = tx_plain(q, r, pos, run);
		pos = lr_pos_add(pos, done, n);
		left -= done;
		if (os_likely(done == run))
			continue;
		done = tx_odd(q, r, pos, left);
		if (!done)
			break;
		pos = lr_pos_add(pos, done, n);
		left -= done;
	}
	os_store(&r->hwcur, pos);
	lr_xdp_tx_publish(q);
}

void lr_xdp_tx_advance(struct lr_ring *r, uint32_t freed)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	uint32_t tail = r->hwtail, next;

	if (os_likely(!t->skips)) {
		os_store(&r->hwtail, lr_pos_add(tail, freed, r->num_slots));
		return;
	}
	for (next = lr_pos_next(tail, r->num_slots); next != r->hwcur; next = lr_pos_next(next, r->num_slots)) {
		if (t->skip[next]) {
			t->skip[next] = 0;
			t->skips--;
		} else if (!freed--) {
			break;
		}
		tail = next;
	}
	os_store(&r->hwtail, tail);
}

/* Buffers came back in another order than they were sent: completions [from, to). Returns the new `done`. */
static uint32_t tx_unordered(struct lr_xdp_tx *t, uint32_t done, uint32_t from, uint32_t to)
{
	for (; from != to; from++) {
		uint64_t addr = t->comp[from & t->mask];
		uint32_t i = done;

		while (i != t->prod && t->desc[i & t->mask].addr != addr)
			i++;
		if (i == t->prod)
			continue; /* not one of ours; the kernel's affair */
		t->desc[i & t->mask].addr |= LR_XDP_EARLY;
		t->early++;
		while (t->early && t->desc[done & t->mask].addr & LR_XDP_EARLY) {
			t->early--;
			done++;
		}
	}
	return done;
}

void lr_xdp_tx_reclaim(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	const struct xdp_desc *const desc = t->desc;
	const uint64_t *const comp = t->comp;
	const uint32_t mask = t->mask, end = os_load_acquire(t->comp_producer);
	uint32_t at = t->comp_cons, done = t->done;

	if (at == end && !t->skips)
		return;
	while (at != end && os_likely(comp[at & mask] == desc[done & mask].addr)) {
		at++;
		done++;
	}
	if (os_unlikely(at != end))
		done = tx_unordered(t, done, at, end);
	t->comp_cons = end;
	os_store_release(t->comp_consumer, end);
	lr_xdp_tx_advance(r, done - t->done);
	os_store(&t->done, done);
}

/*
 * The kick. EAGAIN: no room now, or the budget of one call is used up, which shows in the progress. EBUSY, ENOBUFS:
 * the interface dropped a packet, whose buffer comes back all the same. ENETDOWN: the packets wait until it is up.
 *
 * Where a call has a budget (copy mode before Linux 6.17) the kernel tells how far it has come only when it finds
 * nothing more to send. So it is shown no more than the budget at a time.
 */
void lr_xdp_tx_kick(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	uint32_t tries;

	for (tries = r->num_slots; tries; tries--) {
		uint32_t before = os_load(t->consumer), end = t->prod;

		if (q->budget) {
			end = end - before < q->budget ? end : before + q->budget;
			os_store_release(t->producer, end);
		}
		lr_count(&r->count.kicks, 1);
		if (sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0) {
			if (!q->budget)
				return;
		} else if (errno == ENXIO || errno == ENETDOWN) {
			lr_netdev_read_news(q->nic->dev);
			return;
		} else if (errno == EBUSY) {
			lr_count(&r->count.drops, 1);
			if (q->budget)
				continue;
		} else if (errno != ENOBUFS && !q->budget) {
			return;
		}
		if (os_load(t->consumer) == before || os_load(t->consumer) == t->prod)
			return;
	}
}

/* In copy mode a call sends, so there must be something to send. A driver may want one to return buffers, too. */
static inline bool tx_wants_kick(const struct lr_xdp_queue *q)
{
	const struct lr_xdp_tx *t = &q->tx;

	return t->prod != (q->zc ? t->done : os_load(t->consumer)) && os_load(t->flags) & XDP_RING_NEED_WAKEUP;
}

int lr_xdp_txsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_xdp_queue *q = r->priv;

	(void)flags;
	if (os_unlikely(!q->open))
		return -ENXIO;
	if (r->hwcur != r->head)
		tx_submit(q, r);
	if (tx_wants_kick(q))
		lr_xdp_tx_kick(r);
	lr_xdp_tx_reclaim(r);
	return 0;
}

/* --- Receive -------------------------------------------------------------------------------- */

/* Gives a buffer to the kernel; as many as there are slots fit. */
static inline void rx_give(struct lr_xdp_queue *q, uint32_t idx)
{
	q->rx.fill[q->rx.posted++ & q->rx.mask] = slot_addr(idx, q->shift);
}

/* Up to n ordinary slots from pos on, in a straight piece. How many went. */
static NOINLINE uint32_t rx_post_plain(struct lr_xdp_queue *q, const struct lr_ring *r, uint32_t pos, uint32_t n)
{
	const struct netmap_slot *const slot = r->slot + pos;
	const uint8_t *const used = r->buf_used;
	const uint32_t bufs = q->bufs, mask = q->rx.mask, posted = q->rx.posted;
	const unsigned int shift = q->shift;
	uint64_t *const fill = q->rx.fill;
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint32_t idx = os_load(&slot[i].buf_idx);

		if (os_unlikely(idx >= bufs) || os_unlikely(!os_load(&used[idx])))
			break;
		fill[(posted + i) & mask] = slot_addr(idx, shift);
	}
	q->rx.posted = posted + i;
	return i;
}

/* Buffers for slots whose own the program lost, as long as there are any for it. */
static void rx_replace(struct lr_xdp_queue *q, struct lr_ring *r)
{
	while (q->rx.missing) {
		uint32_t idx = lr_ring_new_buf(r);

		if (!idx)
			return;
		if (idx >= q->bufs) { /* the UMEM is going to grow */
			lr_region_give(r->port->region, LR_POOL_BUF, idx);
			return;
		}
		q->rx.missing--;
		rx_give(q, idx);
	}
}

void lr_xdp_rx_post(struct lr_ring *r, uint32_t end)
{
	struct lr_xdp_queue *q = r->priv;
	const uint32_t n = r->num_slots;
	uint32_t pos = r->hwcur;

	while (pos != end) {
		uint32_t run = lr_pos_run(pos, end, n), done = rx_post_plain(q, r, pos, run);

		pos = lr_pos_add(pos, done, n);
		if (os_likely(done == run))
			continue;
		lr_count(&r->count.bad_slots, 1);
		q->rx.missing++;
		pos = lr_pos_next(pos, n);
	}
	os_store(&r->hwcur, pos);
	if (os_unlikely(q->rx.missing))
		rx_replace(q, r);
	os_store_release(q->rx.fill_producer, q->rx.posted);
}

/* Packets of one buffer each, up to n, in a straight piece; buffers in the order we gave them. How many were so. */
static NOINLINE uint32_t rx_plain(struct lr_xdp_queue *q, struct lr_ring *r, uint32_t pos, uint32_t n)
{
	const struct xdp_desc *const desc = q->rx.desc;
	const uint64_t *const fill = q->rx.fill;
	const uint32_t mask = q->rx.mask, cons = q->rx.cons;
	const unsigned int shift = q->shift;
	struct netmap_slot *const slot = r->slot + pos;
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct xdp_desc *d = &desc[(cons + i) & mask];
		uint64_t addr = d->addr;

		if (os_unlikely(addr != fill[(cons + i) & mask]) || os_unlikely(d->options))
			break;
		lr_slot_write(&slot[i], (uint32_t)(addr >> shift), (uint16_t)d->len, NS_BUF_CHANGED);
		bytes += d->len;
	}
	q->rx.cons = cons + i;
	lr_count(&r->count.packets, i);
	lr_count(&r->count.bytes, bytes);
	return i;
}

/*
 * The buffer of descriptor `at` is going to the program: in the fill ring it changes places with the one expected.
 * Data that does not begin where the buffer does (a driver's metadata is before it) moves there.
 */
static uint32_t rx_settle(struct lr_xdp_queue *q, uint32_t at, uint32_t len)
{
	struct lr_xdp_rx *x = &q->rx;
	uint64_t addr = x->desc[at & x->mask].addr;
	uint32_t idx = (uint32_t)(addr >> q->shift), i = at;
	uint64_t want = slot_addr(idx, q->shift);

	while (i != x->posted && x->fill[i & x->mask] != want)
		i++;
	if (i != x->posted)
		x->fill[i & x->mask] = x->fill[at & x->mask];
	x->fill[at & x->mask] = want;
	if (addr != want)
		memmove(q->base + want, q->base + addr, len);
	return idx;
}

/*
 * One packet of any number of buffers, of `avail` that the kernel has filled, into at most `room` slots. Returns the
 * slots used; 0: not now. A packet larger than the ring would stay for ever: its buffers go back to the kernel.
 */
static uint32_t rx_odd(struct lr_xdp_queue *q, struct lr_ring *r, uint32_t pos, uint32_t room, uint32_t avail)
{
	struct lr_xdp_rx *x = &q->rx;
	uint32_t n = 1, i, bytes = 0;

	while (n < avail && x->desc[(x->cons + n - 1) & x->mask].options & XDP_PKT_CONTD)
		n++;
	if (n == avail && x->desc[(x->cons + n - 1) & x->mask].options & XDP_PKT_CONTD)
		return 0;
	if (n > room && room < r->num_slots - 1)
		return 0;
	for (i = 0; i < n; i++, x->cons++) {
		const struct xdp_desc *d = &x->desc[x->cons & x->mask];
		uint32_t idx = rx_settle(q, x->cons, d->len);

		if (n > room) {
			rx_give(q, idx);
			continue;
		}
		lr_slot_write(&r->slot[pos], idx, (uint16_t)d->len,
			      (uint16_t)(NS_BUF_CHANGED | (i + 1 < n ? NS_MOREFRAG : 0)));
		bytes += d->len;
		pos = lr_pos_next(pos, r->num_slots);
	}
	if (n > room) {
		lr_count(&r->count.drops, 1);
		os_store_release(x->fill_producer, x->posted);
		return 0;
	}
	lr_count(&r->count.packets, 1);
	lr_count(&r->count.bytes, bytes);
	return n;
}

/* The packet at descriptor `at`, of `total` bytes in all its pieces, gets its checksum. */
static void rx_complete(struct lr_xdp_queue *q, uint32_t at, uint32_t total, const struct lr_checksum *c)
{
	const struct lr_xdp_rx *x = &q->rx;
	uint8_t *head = (uint8_t *)q->base + x->fill[at & x->mask];
	uint64_t sum = 0;
	uint32_t offset = 0, len;

	for (; offset < total; at++, offset += len) {
		len = x->desc[at & x->mask].len;
		sum = lr_checksum_add(sum, c, (uint8_t *)q->base + x->fill[at & x->mask], offset, len);
	}
	lr_checksum_finish(head, c, sum);
}

/*
 * Checksums that a local sender left to the hardware, in the packets of descriptors [at, end), are completed here: XDP
 * does not tell which ones they are.
 */
static void rx_finish(struct lr_xdp_queue *q, uint32_t at, uint32_t end)
{
	const struct lr_xdp_rx *x = &q->rx;
	struct lr_checksum c;

	while (at != end) {
		const struct xdp_desc *d = &x->desc[at & x->mask];
		uint32_t first = at++, total = d->len;

		os_prefetch(q->base + x->fill[(first + 8) & x->mask]);
		for (; d->options & XDP_PKT_CONTD && at != end; at++) {
			d = &x->desc[at & x->mask];
			total += d->len;
		}
		if (lr_checksum_unfinished((uint8_t *)q->base + x->fill[first & x->mask], x->desc[first & x->mask].len,
					   total, &c))
			rx_complete(q, first, total, &c);
	}
}

void lr_xdp_rx_receive(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_rx *x = &q->rx;
	const uint32_t n = r->num_slots, end = os_load_acquire(x->producer), start = x->cons;
	uint32_t pos = r->hwtail, room = n - 1 - lr_pos_dist(r->hwcur, pos, n);

	if (x->cons == end)
		return;
	while (room && x->cons != end) {
		uint32_t run = end - x->cons, done, before = x->cons;

		if (run > room)
			run = room;
		if (run > n - pos)
			run = n - pos;
		done = rx_plain(q, r, pos, run);
		pos = lr_pos_add(pos, done, n);
		room -= done;
		if (os_likely(done == run))
			continue;
		done = rx_odd(q, r, pos, room, end - x->cons);
		if (x->cons == before)
			break;
		pos = lr_pos_add(pos, done, n);
		room -= done;
	}
	if (q->unfinished)
		rx_finish(q, start, x->cons);
	os_store(&r->hwtail, pos);
	os_store_release(x->consumer, x->cons);
}

int lr_xdp_rxsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_xdp_queue *q = r->priv;
	uint32_t before = r->hwtail;

	(void)flags;
	if (os_unlikely(!q->open))
		return -ENXIO;
	if (r->hwcur != r->head || os_unlikely(q->rx.missing))
		lr_xdp_rx_post(r, r->head);
	lr_xdp_rx_receive(r);
	if (os_unlikely(os_load(q->rx.fill_flags) & XDP_RING_NEED_WAKEUP)) {
		lr_count(&r->count.kicks, 1);
		recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	}
	if (r->hwtail == before && os_unlikely(++q->rx.idle % LR_NIC_IDLE_SYNCS == 0))
		lr_netdev_read_news(q->nic->dev);
	return 0;
}
