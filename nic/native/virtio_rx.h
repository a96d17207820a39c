/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * virtio-net, rx queue. See virtio.h.
 *
 * Buffers come back in any order: descriptors are posted again in the order in which they came back (`turn`).
 *
 * VIRTIO_NET_F_MRG_RXBUF: a frame may take several buffers, and only the first has a header. The others begin where a header
 * would have been, so 12 bytes of a later piece are moved behind those that went there. That happens to frames larger than a
 * buffer only.
 */
#ifndef LR_NATIVE_VIRTIO_RX_H
#define LR_NATIVE_VIRTIO_RX_H

#include "nic/native/rx.h"
#include "nic/native/virtio.h"

struct lr_virtio_rx {
	struct lr_native_rx rx;
	struct lr_virtio q;
	bool mergeable;		/* from the driver */

	/* Ours: */
	uint16_t *turn;		/* per post: its descriptor */
	uint8_t *out;		/* per descriptor: it is the device's */
	uint32_t slots;
};

/* struct virtio_net_hdr (5.1.6), as far as we look at it. */
struct lr_virtio_header {
	uint8_t flags, gso_type;
	__le16 hdr_len, gso_size, csum_start, csum_offset;
	__le16 num_buffers;
};

#define LR_VIRTIO_NEEDS_CSUM 1

LR_INLINE size_t lr_virtio_rx_pick(const struct lr_rx_hw *h, size_t p)
{
	return ((const struct lr_virtio_rx *)h->aux)->turn[p];
}

LR_INLINE void lr_virtio_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&((struct lr_virtio_desc *)h->desc)[2 * d + 1].addr, cpu_to_le64(addr));
}

LR_INLINE void lr_virtio_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	os_store(&((__le16 *)h->queue)[p], cpu_to_le16((uint16_t)(d << h->shift)));
	((struct lr_virtio_rx *)h->aux)->out[d] = 1;
}

LR_INLINE void lr_virtio_rx_doorbell(struct lr_native_rx *x)
{
	struct lr_virtio *q = &LR_CONTAINER_OF(x, struct lr_virtio_rx, rx)->q;

	/* Fewer than the queue's size were posted. */
	lr_virtio_publish(q, (uint16_t)(q->avail_idx + ((x->post - q->avail_idx) & x->hw.mask)));
}

LR_INLINE uint32_t lr_virtio_rx_ready(struct lr_native_rx *x)
{
	struct lr_virtio *q = &LR_CONTAINER_OF(x, struct lr_virtio_rx, rx)->q;
	uint16_t end = le16_to_cpu(os_load(&q->used->idx));

	q->used_idx = (uint16_t)(q->used_idx + ((x->next - q->used_idx) & x->hw.mask));
	dma_rmb();	/* idx before the entries it covers */
	return (uint16_t)(end - q->used_idx);
}

/* Used entry c: its descriptor and how many bytes were written. False: no descriptor that the device has. */
LR_INLINE bool lr_virtio_rx_used(const struct lr_rx_hw *h, size_t c, uint32_t *desc, uint32_t *len)
{
	const struct lr_virtio_rx *v = h->aux;
	const struct lr_virtio_used *used = h->done;
	uint32_t id = le32_to_cpu(os_load(&used->ring[c].id)), d = id >> h->shift;

	*desc = d;
	*len = le32_to_cpu(os_load(&used->ring[c].len));
	return os_likely(d < v->slots) && os_likely(d << h->shift == id) && os_likely(v->out[d]);
}

LR_INLINE struct lr_virtio_header *lr_virtio_rx_header(const struct lr_rx_hw *h, size_t d)
{
	return (void *)(((struct lr_virtio_rx *)h->aux)->q.header + d * LR_VIRTIO_HEADER_ROOM);
}

/* Nothing is left to be done to the frame: no checksum, no segmentation. */
LR_INLINE bool lr_virtio_rx_finished(const struct lr_virtio_header *hdr)
{
	return !(os_load(&hdr->flags) & LR_VIRTIO_NEEDS_CSUM) && !os_load(&hdr->gso_type);
}

LR_INLINE bool lr_virtio_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	const struct lr_virtio_header *hdr;
	uint32_t d, used;

	if (!lr_virtio_rx_used(h, c, &d, &used))
		return false;
	hdr = lr_virtio_rx_header(h, d);
	*desc = d;
	*len = (uint64_t)used - ((const struct lr_virtio_rx *)h->aux)->q.header_len;
	return lr_virtio_rx_finished(hdr) && os_load(&hdr->num_buffers) == cpu_to_le16(1);
}

LR_INLINE int lr_virtio_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	const struct lr_virtio_rx *v = x->hw.aux;
	const struct lr_virtio_header *hdr;
	uint32_t buffers;

	if (!lr_virtio_rx_used(&x->hw, c, &p->desc, &p->len))
		return -1;
	if (p->left) {
		p->last = !--p->left;
		return 1;
	}
	hdr = lr_virtio_rx_header(&x->hw, p->desc);
	buffers = le16_to_cpu(os_load(&hdr->num_buffers));
	if (!buffers || buffers > x->out)
		return -1;
	p->left = buffers - 1;
	p->last = !p->left;
	p->bad = !lr_virtio_rx_finished(hdr);
	p->len = p->len > v->q.header_len ? p->len - v->q.header_len : 0;
	return 1;
}

LR_INLINE void lr_virtio_rx_take(const struct lr_rx_hw *h, size_t c, size_t d)
{
	struct lr_virtio_rx *v = h->aux;

	v->out[d] = 0;
	v->turn[(c + v->slots) & h->mask] = (uint16_t)d;
	/* Without VIRTIO_NET_F_MRG_RXBUF nobody else says so. */
	os_store(&lr_virtio_rx_header(h, d)->num_buffers, cpu_to_le16(1));
}

LR_INLINE bool lr_virtio_rx_is_out(const struct lr_rx_hw *h, uint32_t d)
{
	return ((const struct lr_virtio_rx *)h->aux)->out[d];
}

/* A later piece: what went where a header would be belongs in front. */
LR_INLINE void lr_virtio_rx_settle(const struct lr_rx_hw *h, uint32_t d, uint32_t i, char *buf, uint32_t len)
{
	const uint32_t front = ((const struct lr_virtio_rx *)h->aux)->q.header_len;

	if (!i)
		return;
	if (len > front)
		memmove(buf + front, buf, len - front);
	memcpy(buf, lr_virtio_rx_header(h, d), len < front ? len : front);
}

static const struct lr_rx_format lr_virtio_rx __attribute__((__unused__)) = {
	.unordered = true,
	.pick = lr_virtio_rx_pick,
	.addr = lr_virtio_rx_addr,
	.give = lr_virtio_rx_give,
	.doorbell = lr_virtio_rx_doorbell,
	.ready = lr_virtio_rx_ready,
	.frame = lr_virtio_rx_frame,
	.piece = lr_virtio_rx_piece,
	.take = lr_virtio_rx_take,
	.is_out = lr_virtio_rx_is_out,
	.settle = lr_virtio_rx_settle,
};

static inline void lr_virtio_rx_free(struct lr_virtio_rx *v)
{
	os_free(v->turn);
	os_free(v->out);
	v->turn = NULL;
	v->out = NULL;
}

LR_INLINE void lr_virtio_rx_stop(struct lr_virtio_rx *v, struct lr_ring *r)
{
	lr_native_rx_stop(&lr_virtio_rx, &v->rx, r);
	lr_virtio_rx_free(v);
}

/* r->num_slots is lr_virtio_slots. 0 or -ENOMEM. */
LR_INLINE int lr_virtio_rx_start(struct lr_virtio_rx *v, struct lr_ring *r)
{
	const uint32_t n = r->num_slots, post_len = r->buf_len - (v->mergeable ? v->q.header_len : 0);
	uint32_t d;
	int err = -ENOMEM;

	lr_virtio_start(&v->q);
	v->slots = n;
	v->rx.comps = v->rx.posts = v->q.size;
	v->rx.hw = (struct lr_rx_hw){
		.desc = v->q.pair, .done = v->q.used, .queue = v->q.avail->ring, .aux = v, .mask = v->q.size - 1,
		.len = r->buf_len, .shift = lr_virtio_shift(&v->q),
	};
	v->turn = os_zalloc(v->q.size * sizeof(*v->turn));
	v->out = os_zalloc(n);
	if (!v->turn || !v->out)
		goto err;
	for (d = 0; d < n; d++) {
		v->turn[d] = (uint16_t)d;
		lr_virtio_make_pair(&v->q, d, d * LR_VIRTIO_HEADER_ROOM, post_len, LR_VIRTIO_WRITE);
		os_store(&lr_virtio_rx_header(&v->rx.hw, d)->num_buffers, cpu_to_le16(1));
	}
	lr_virtio_disarm(&v->q);
	err = lr_native_rx_start(&lr_virtio_rx, &v->rx, r);
	if (!err)
		return 0;
err:
	lr_virtio_rx_free(v);
	return err;
}

/* For who is about to sleep. True: look again. */
static inline bool lr_virtio_rx_arm(struct lr_virtio_rx *v)
{
	lr_virtio_rx_ready(&v->rx);
	return lr_virtio_arm(&v->q, 1);
}

#endif
