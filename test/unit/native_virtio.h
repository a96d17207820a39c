/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of a virtio-net device with split rings for the tests of nic/native: one queue each way. It takes buffers in the
 * order they come, and completes them in whatever order dice say. It sleeps when it has seen nothing new, and then looks at
 * a queue no more until it is notified.
 */
#ifndef TEST_UNIT_NATIVE_VIRTIO_H
#define TEST_UNIT_NATIVE_VIRTIO_H

#include "native.h"
#include "nic/native/virtio_rx.h"
#include "nic/native/virtio_tx.h"

#define VIRTIO_MAX 4096			/* descriptors of a queue */
#define VIRTIO_HEADERS UINT64_C(0x10000000)	/* device addresses */
#define VIRTIO_PAIRS UINT64_C(0x20000000)

struct vqueue {
	struct lr_virtio *q;
	struct lr_virtio_desc table[VIRTIO_MAX];
	struct lr_virtio_desc pair[2 * (VIRTIO_MAX + LR_VIRTIO_MORE_PAIRS)];
	uint16_t avail[2 + VIRTIO_MAX + 1];
	_Alignas(4) uint16_t used[2 + 4 * VIRTIO_MAX + 1];
	char header[VIRTIO_MAX * LR_VIRTIO_HEADER_ROOM];

	uint16_t seen, written;		/* avail entries taken; used entries written, of which the driver may not know */
	uint16_t taken[VIRTIO_MAX];	/* heads the device works on */
	uint32_t n;
	bool asleep, irq;
};

struct virtio {
	bool indirect, event_idx, mergeable;
	uint32_t header_len;

	struct lr_virtio_tx t;
	struct lr_virtio_rx x;
	struct vqueue tx, rx;
	uint8_t frame[FRAME_MAX];	/* being sent */
};

static void vqueue_notified(void *arg)
{
	((struct vqueue *)arg)->asleep = false;
}

static void vqueue_start(const struct virtio *m, struct vqueue *v, struct lr_virtio *q, uint32_t n)
{
	uint32_t size = m->indirect ? n : 2 * n;

	memset(v, 0, sizeof(*v));
	v->q = q;
	*q = (struct lr_virtio){
		.table = v->table, .avail = (void *)v->avail, .used = (void *)v->used, .size = size, .indirect = m->indirect,
		.event_idx = m->event_idx, .header_len = m->header_len, .pair = v->pair, .pair_addr = VIRTIO_PAIRS,
		.header = v->header, .header_addr = VIRTIO_HEADERS, .notify = vqueue_notified, .arg = v,
	};
	v->asleep = true;
}

static int virtio_start(struct world *w)
{
	struct virtio *m = w->dev;
	int err;

	m->t = (struct lr_virtio_tx){ .tx = { .dma = &w->dma, .max_frame = w->max_frame, .max_pieces = w->max_pieces } };
	m->x = (struct lr_virtio_rx){ .rx.dma = &w->dma, .mergeable = m->mergeable };
	vqueue_start(m, &m->tx, &m->t.q, w->n);
	vqueue_start(m, &m->rx, &m->x.q, w->n);
	CHECK_EQ(lr_virtio_slots(&m->t.q), w->n);
	w->tx->priv = &m->t;
	w->rx->priv = &m->x;
	err = lr_virtio_tx_start(&m->t, w->tx);
	if (err)
		return err;
	err = lr_virtio_rx_start(&m->x, w->rx);
	if (err)
		lr_virtio_tx_stop(&m->t);
	return err;
}

static void virtio_stop(struct world *w)
{
	struct virtio *m = w->dev;

	lr_virtio_tx_stop(&m->t);
	lr_virtio_rx_stop(&m->x, w->rx);
}

/* What the driver may not do; unless it was led to believe that descriptors were done. */
#define disorder(w, ...) ((w)->raving ? (void)0 : FAIL(__VA_ARGS__))

/* --- Queues -------------------------------------------------------------------------------------------- */

static void vqueue_want_notify(struct vqueue *v, bool wanted)
{
	if (v->q->event_idx)
		v->used[2 + 4 * v->q->size] = cpu_to_le16(wanted ? v->seen : v->seen - 1);
	else
		v->used[0] = cpu_to_le16(wanted ? 0 : LR_VIRTIO_NO_NOTIFY);
}

/* Takes up to `most` of what is available, or falls asleep. */
static void vqueue_take(struct world *w, struct vqueue *v, uint32_t most)
{
	uint32_t mask = v->q->size - 1;
	uint16_t end;

	if (v->asleep)
		return;
	vqueue_want_notify(v, false);
	end = le16_to_cpu(os_load(&v->avail[1]));
	if ((uint16_t)(end - v->seen) + v->n > v->q->size) {
		disorder(w, "avail goes from %u to %u, %u are in work", v->seen, end, v->n);
		v->seen = end;
		v->n = 0;
	}
	for (; most && v->seen != end; most--)
		v->taken[v->n++] = le16_to_cpu(os_load(&v->avail[2 + (v->seen++ & mask)]));
	if (v->seen != end)
		return;
	vqueue_want_notify(v, true);
	v->asleep = le16_to_cpu(os_load(&v->avail[1])) == v->seen;
}

static uint16_t vqueue_pick(struct world *w, struct vqueue *v)
{
	uint32_t i = dice(w, 2) ? 0 : dice(w, v->n);
	uint16_t id = v->taken[i];

	memmove(&v->taken[i], &v->taken[i + 1], (--v->n - i) * sizeof(v->taken[0]));
	return id;
}

static void vqueue_use(struct vqueue *v, uint32_t id, uint32_t len)
{
	uint32_t at = 2 + 4 * (v->written++ & (v->q->size - 1));

	v->used[at] = cpu_to_le16((uint16_t)id);
	v->used[at + 1] = cpu_to_le16((uint16_t)(id >> 16));
	v->used[at + 2] = cpu_to_le16((uint16_t)len);
	v->used[at + 3] = cpu_to_le16((uint16_t)(len >> 16));
}

/* The driver sees what was used, and is interrupted if it wants to be. */
static void vqueue_show(struct vqueue *v)
{
	uint16_t old = le16_to_cpu(v->used[1]), event = le16_to_cpu(os_load(&v->avail[2 + v->q->size]));

	if (old == v->written)
		return;
	os_store(&v->used[1], cpu_to_le16(v->written));
	if (v->q->event_idx)
		v->irq |= (uint16_t)(v->written - event - 1) < (uint16_t)(v->written - old);
	else
		v->irq |= !(os_load(&v->avail[0]) & LR_VIRTIO_NO_INTERRUPT);
}

/* --- Chains ----------------------------------------------------------------------------------------------- */

static char *virtio_ptr(struct world *w, struct vqueue *v, uint64_t addr, uint32_t len)
{
	if (addr >= VIRTIO_HEADERS && addr + len <= VIRTIO_HEADERS + sizeof(v->header))
		return v->header + (addr - VIRTIO_HEADERS);
	return dma_ptr(w, addr, len);
}

struct chain {
	struct {
		char *data;
		uint32_t len;
	} piece[NETMAP_MAX_FRAGS + 1];
	uint32_t n;
};

/* The pieces of the chain at `id`, all for reading or all for writing. */
static void chain_read(struct world *w, struct vqueue *v, uint32_t id, uint16_t write, struct chain *c)
{
	const struct lr_virtio_desc *table = v->table, *d;
	uint32_t size = v->q->size, at = id;

	c->n = 0;
	if (id >= size) {
		disorder(w, "head %u", id);
		return;
	}
	if (le16_to_cpu(v->table[id].flags) & LR_VIRTIO_INDIRECT) {
		uint64_t off = le64_to_cpu(v->table[id].addr) - VIRTIO_PAIRS;

		size = le32_to_cpu(v->table[id].len) / sizeof(*d);
		at = 0;
		table = v->pair + off / sizeof(*d);
		if (off % sizeof(*d) || off / sizeof(*d) + size > LR_ARRAY_SIZE(v->pair)) {
			disorder(w, "an indirect table of %u at %llu", size, (unsigned long long)off);
			return;
		}
	}
	do {
		d = &table[at];
		if (at >= size || c->n == LR_ARRAY_SIZE(c->piece) || (le16_to_cpu(d->flags) & ~LR_VIRTIO_NEXT) != write) {
			disorder(w, "descriptor %u of %u, the %u-th, flags %u", at, size, c->n, at < size ? d->flags : 0);
			return;
		}
		c->piece[c->n].len = le32_to_cpu(d->len);
		c->piece[c->n].data = virtio_ptr(w, v, le64_to_cpu(os_load(&d->addr)), le32_to_cpu(d->len));
		if (!c->piece[c->n++].data)
			return;
		at = le16_to_cpu(d->next);
	} while (le16_to_cpu(d->flags) & LR_VIRTIO_NEXT);
}

/* --- Transmit ----------------------------------------------------------------------------------------------- */

static void virtio_tx_one(struct world *w)
{
	struct virtio *m = w->dev;
	uint16_t id = vqueue_pick(w, &m->tx);
	uint8_t *frame = m->frame;
	uint32_t len = 0, i;
	struct chain c;

	chain_read(w, &m->tx, id, 0, &c);
	if (unit_failed() || w->raving)
		return;
	CHECK(c.n >= 2 && c.piece[0].len == m->header_len);
	for (i = 0; i < m->header_len; i++)
		CHECK(!c.piece[0].data[i]);
	for (i = 1; i < c.n; i++) {
		if (!c.piece[i].len || c.piece[i].len > w->tx->buf_len || len + c.piece[i].len > FRAME_MAX) {
			FAIL("a piece of %u bytes after %u", c.piece[i].len, len);
			return;
		}
		memcpy(frame + len, c.piece[i].data, c.piece[i].len);
		len += c.piece[i].len;
	}
	wire_sent(w, frame, len);
	vqueue_use(&m->tx, id, dice(w, 100));
}

/* --- Receive -------------------------------------------------------------------------------------------------- */

/* `len` bytes into a chain from byte `skip` of it on; returns how many had room. */
static uint32_t chain_write(const struct chain *c, uint32_t skip, const uint8_t *data, uint32_t len)
{
	uint32_t i, done = 0;

	for (i = 0; i < c->n && done < len; i++) {
		uint32_t from = skip < c->piece[i].len ? skip : c->piece[i].len, k = c->piece[i].len - from;

		skip -= from;
		if (k > len - done)
			k = len - done;
		memcpy(c->piece[i].data + from, data + done, k);
		done += k;
	}
	return done;
}

static bool virtio_receive(struct world *w, const uint8_t *data, uint32_t len, bool damaged)
{
	struct virtio *m = w->dev;
	struct vqueue *v = &m->rx;
	uint32_t room = m->header_len + w->rx->buf_len - (m->mergeable ? m->header_len : 0), at = 0, i;
	uint32_t need = (len + m->header_len + room - 1) / room;
	struct lr_virtio_header hdr = { .flags = dice(w, 2) ? 2 : 0, .num_buffers = cpu_to_le16((uint16_t)need) };
	struct chain c;

	if (v->n < need)
		vqueue_take(w, v, v->q->size);
	if (v->n < need || (!m->mergeable && need > 1))
		return false;
	if (damaged && dice(w, 2))
		hdr.flags |= LR_VIRTIO_NEEDS_CSUM;
	else if (damaged)
		hdr.gso_type = 1;
	for (i = 0; i < need && !unit_failed(); i++) {
		uint16_t id = vqueue_pick(w, v);
		uint32_t head = i ? 0 : m->header_len, done;

		chain_read(w, v, id, LR_VIRTIO_WRITE, &c);
		if (head)
			chain_write(&c, 0, (const uint8_t *)&hdr, head);
		done = chain_write(&c, head, data + at, len - at);
		at += done;
		vqueue_use(v, id, head + done);
	}
	CHECK(at == len || w->raving);
	if (dice(w, 2))
		vqueue_show(v);
	return true;
}

/* --- Time ------------------------------------------------------------------------------------------------------- */

static void virtio_work(struct world *w, uint32_t take, uint32_t send)
{
	struct virtio *m = w->dev;

	vqueue_take(w, &m->tx, take);
	for (; send && m->tx.n && !unit_failed(); send--)
		virtio_tx_one(w);
}

static void virtio_run(struct world *w)
{
	struct virtio *m = w->dev;

	virtio_work(w, dice(w, dice(w, 4) ? 16 : w->n), dice(w, dice(w, 4) ? 16 : w->n));
	if (dice(w, 2))
		vqueue_show(&m->tx);
	if (dice(w, 2))
		vqueue_show(&m->rx);
}

static void virtio_finish(struct world *w)
{
	struct virtio *m = w->dev;

	virtio_work(w, m->tx.q->size, m->tx.q->size);
	vqueue_show(&m->tx);
	vqueue_show(&m->rx);
}

/* Used entries for what was not given, of lengths that cannot be, more of them than buffers; headers that promise too much. */
static void virtio_rave(struct world *w)
{
	struct virtio *m = w->dev;
	struct vqueue *v = dice(w, 2) ? &m->tx : &m->rx;
	uint32_t k;

	switch (dice(w, 4)) {
	case 0:
		os_store(&v->used[1], (uint16_t)dice(w, 65536));
		v->written = v->used[1];
		break;
	case 1:
		for (k = dice(w, 8); k; k--)
			vqueue_use(v, dice(w, 2) ? dice(w, v->q->size) : dice(w, UINT32_MAX), dice(w, UINT32_MAX));
		vqueue_show(v);
		break;
	case 2:
		for (k = 0; k < w->n; k++)
			memset(m->rx.header + k * LR_VIRTIO_HEADER_ROOM, (int)dice(w, 256), 12);
		break;
	default:
		for (k = 0; k < v->q->size; k++)
			v->used[2 + 4 * dice(w, v->q->size) + dice(w, 4)] = (uint16_t)dice(w, 65536);
		break;
	}
}

#endif
