/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Packets between ports whose packets are not alike: with virtio-net headers of other lengths, or in smaller buffers. What the
 * header promises and the receiver cannot be told is done here: the checksum, and segmentation of TCP. (Virtual
 * I/O Device specification, 5.1.6: struct virtio_net_hdr; numbers in it are little-endian here.)
 *
 * A packet is its first bytes, which are copied, checked and changed where nobody else can reach them, and the rest, which
 * goes from buffer to buffer. Sums are made before the copy: a sender that changes the packet meanwhile has sent a bad one.
 */
#include "core/segment.h"
#include "core/vale.h"

#define HDR_MIN 10u		/* bytes of struct virtio_net_hdr */
#define HDR_MAX 12u		/* with num_buffers */
#define NEEDS_CSUM 1u		/* flags */
#define HEAD LR_SEGMENT_HEAD	/* bytes of a packet that are looked at */

struct packet {
	const struct lr_vale_source *src;
	uint32_t first;			/* piece */
	uint32_t len;			/* of all of it, without the virtio-net header */
	uint8_t head[HEAD + HDR_MAX];	/* what goes out first */
	uint32_t head_len;
	uint32_t rest;			/* where the rest is in the slots, from their start */
	/* Of the header. */
	uint32_t flags, gso_type, gso_size, csum_start, csum_offset;
};

/* --- Sums --------------------------------------------------------------------------------------------------- */

/* n bytes of the slots, from `at` on, which is at an even place of what is summed up. */
static uint64_t sum_rest(const struct packet *p, uint64_t sum, uint32_t at, uint32_t n)
{
	const struct lr_vale_piece *piece = &p->src->piece[p->first];
	bool odd = false;

	for (; n; piece++) {
		uint32_t some;

		if (at >= piece->len) {
			at -= piece->len;
			continue;
		}
		some = piece->len - at < n ? piece->len - at : n;
		if (odd)
			sum += lr_sum_odd(lr_sum_add(0, piece->data + at, some));
		else
			sum = lr_sum_add(sum, piece->data + at, some);
		odd ^= some & 1;
		n -= some;
		at = 0;
	}
	return sum;
}

/* --- Writing --------------------------------------------------------------------------------------------------- */

/* What is copied next: the head first, then slots. */
struct cursor {
	const struct packet *p;
	uint32_t head;		/* bytes of the head that are done */
	uint32_t at;		/* in the slots */
};

static uint32_t copy_some(struct cursor *c, char *to, uint32_t room)
{
	const struct packet *p = c->p;
	const struct lr_vale_piece *piece = &p->src->piece[p->first];
	uint32_t at = c->at, n;

	if (c->head < p->head_len) {
		n = p->head_len - c->head < room ? p->head_len - c->head : room;
		memcpy(to, p->head + c->head, n);
		c->head += n;
		return n;
	}
	for (; at >= piece->len; piece++)
		at -= piece->len;
	n = piece->len - at < room ? piece->len - at : room;
	memcpy(to, piece->data + at, n);
	c->at += n;
	return n;
}

static uint32_t slots_for(uint32_t bytes, uint32_t buf_len)
{
	return (bytes + buf_len - 1) / buf_len;
}

/* The head, and n bytes of the slots from `at` on, into the next slots of the lease. */
static void write_packet(struct lr_vale_lease *l, const struct packet *p, uint32_t at, uint32_t n)
{
	struct lr_ring *r = l->queue->ring;
	struct cursor c = { p, 0, at };
	uint32_t left = p->head_len + n, slots = slots_for(left, r->buf_len), idx;

	l->packets++;
	l->bytes += left;
	while (slots--) {
		uint32_t len = left < r->buf_len ? left : r->buf_len, done = 0;
		char *buf = lr_vale_slot_buf(l, &idx);

		while (buf && done < len)
			done += copy_some(&c, buf + done, len - done);
		if (buf)
			lr_slot_write(&r->slot[l->pos], idx, (uint16_t)len,
				      (uint16_t)(slots ? slots << NS_PORT_SHIFT | NS_MOREFRAG : 0));
		left -= len;
		l->pos = lr_pos_next(l->pos, r->num_slots);
	}
}

/* --- Reading --------------------------------------------------------------------------------------------------- */

static uint32_t little16(const uint8_t *p)
{
	return (uint32_t)p[1] << 8 | p[0];
}

static void read_packet(struct packet *p, struct lr_vale_source *src, uint32_t i)
{
	uint32_t hdr_len = src->hdr_len, k;
	uint8_t h[HDR_MAX] = { 0 };

	memset(p, 0, sizeof(*p));
	p->src = src;
	p->first = i;
	for (k = 0; k < src->piece[i].slots; k++)
		p->len += src->piece[i + k].len;
	p->len -= hdr_len;
	p->rest = hdr_len;
	lr_vale_peek(src, i, 0, h, hdr_len);
	p->flags = h[0];
	p->gso_type = h[1];
	p->gso_size = little16(h + 4);
	p->csum_start = little16(h + 6);
	p->csum_offset = little16(h + 8);
}

/* The first n bytes of the frame become the head. */
static void pull(struct packet *p, uint32_t n)
{
	lr_vale_peek(p->src, p->first, p->src->hdr_len, p->head, n);
	p->head_len = n;
	p->rest = p->src->hdr_len + n;
}

/* --- What the header asks for ------------------------------------------------------------------------------------- */

/* The receiver has a header: ours, cut or made longer. */
static void with_header(struct packet *p, uint32_t hdr_len)
{
	lr_vale_peek(p->src, p->first, 0, p->head, p->src->hdr_len < hdr_len ? p->src->hdr_len : hdr_len);
	/* num_buffers, when it was not there before. */
	if (hdr_len == HDR_MAX && p->src->hdr_len < HDR_MAX)
		p->head[HDR_MIN] = 1;
	p->head_len = hdr_len;
}

/* The sum over [csum_start, end); the field has that of the pseudo header. */
static bool fill_checksum(struct packet *p)
{
	uint32_t at = p->csum_start + p->csum_offset, n;
	uint64_t sum;

	if (at + 2 > HEAD || at + 2 > p->len || p->csum_offset & 1)
		return false;
	n = p->len < HEAD ? p->len : HEAD;
	if ((n - p->csum_start) & 1)
		n--;
	pull(p, n);
	sum = lr_sum_add(0, p->head + p->csum_start, n - p->csum_start);
	lr_sum_put(p->head + at, sum_rest(p, sum, p->rest, p->len - n));
	/* Zero says "no sum" in UDP. */
	if (!lr_get16(p->head + at))
		lr_put16(p->head + at, 0xffff);
	return true;
}

/* The head becomes all headers, TCP's included; checks them. */
static bool tcp_headers(struct packet *p, struct lr_segment *s)
{
	uint32_t n = p->len < HEAD ? p->len : HEAD;

	pull(p, n);
	if (!lr_segment_find(s, p->head, n, p->gso_type, p->gso_size, p->csum_start))
		return false;
	pull(p, s->head_len);
	return true;
}

/* One packet becomes many, of gso_size bytes of data each. */
static void segment(struct packet *p, struct lr_vale_source *src, struct lr_vale_queue *q)
{
	uint32_t buf_len = q->ring->buf_len, most = q->ring->num_slots, data, ofs, n, whole, slots;
	struct lr_vale_lease l;
	struct lr_segment s;

	if (!tcp_headers(p, &s)) {
		lr_vale_drop(q, 1);
		return;
	}
	data = p->len - p->head_len;
	if (slots_for(p->head_len + p->gso_size, buf_len) > NETMAP_MAX_FRAGS) {
		lr_vale_drop(q, 1);
		return;
	}
	whole = data / p->gso_size;
	n = data % p->gso_size;
	slots = whole < most ? whole * slots_for(p->head_len + p->gso_size, buf_len) : most;
	if (n)
		slots += slots_for(p->head_len + n, buf_len);
	if (!lr_vale_reserve(&l, q, slots))
		return;
	for (ofs = 0; ofs < data; ofs += n) {
		n = data - ofs < p->gso_size ? data - ofs : p->gso_size;
		lr_segment_make(&s, p->head, ofs, n, ofs + n == data, sum_rest(p, 0, p->rest + ofs, n));
		write_packet(&l, p, p->rest + ofs, n);
	}
	lr_vale_publish(&l, src);
}

void lr_vale_convert(struct lr_vale_source *src, uint32_t i, struct lr_vale_queue *q, uint32_t hdr_len)
{
	struct lr_vale_lease l;
	struct packet p;
	uint32_t n;

	/* A queue without a receiver has no buffers either. */
	if (!os_load_acquire(&q->open)) {
		lr_vale_drop(q, 1);
		return;
	}
	read_packet(&p, src, i);
	if (hdr_len) {
		with_header(&p, hdr_len);
	} else if (p.gso_type) {
		segment(&p, src, q);
		return;
	} else if (p.flags & NEEDS_CSUM && !fill_checksum(&p)) {
		lr_vale_drop(q, 1);
		return;
	}
	n = p.len - (p.rest - src->hdr_len);
	if (slots_for(p.head_len + n, q->ring->buf_len) > NETMAP_MAX_FRAGS) {
		lr_vale_drop(q, 1);
		return;
	}
	if (!lr_vale_reserve(&l, q, slots_for(p.head_len + n, q->ring->buf_len)))
		return;
	write_packet(&l, &p, p.rest, n);
	lr_vale_publish(&l, src);
}
