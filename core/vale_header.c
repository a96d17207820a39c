/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Packets between ports whose packets are not alike: with virtio-net headers of other lengths, or in smaller buffers. What the
 * header promises and the receiver cannot be told is done here: the checksum, and segmentation of TCP. (Virtual
 * I/O Device specification, 5.1.6: struct virtio_net_hdr; numbers in it are little-endian here.)
 *
 * A packet is its first bytes, which are copied, checked and changed where nobody else can reach them, and the rest, which
 * goes from buffer to buffer. Sums are made before the copy: a sender that changes the packet meanwhile has sent a bad one.
 */
#include "core/vale.h"

#define HDR_MIN 10u		/* bytes of struct virtio_net_hdr */
#define HDR_MAX 12u		/* with num_buffers */
#define NEEDS_CSUM 1u		/* flags */
#define GSO_TCPV4 1u		/* gso_type */
#define GSO_TCPV6 4u
#define GSO_ECN 0x80u
#define HEAD 256u		/* bytes of a packet that are looked at, its header included */
#define TCP 6

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

/* --- Sums: RFC 1071, in the order of bytes in memory ------------------------------------------------------- */

static uint64_t sum_add(uint64_t sum, const void *data, uint32_t n)
{
	const char *p = data;
	uint32_t word;
	uint16_t half = 0;

	for (; n >= 4; n -= 4, p += 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (n >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		half = 0;
	}
	if (n & 1) {
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

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
		if (odd) {
			uint16_t part = sum_fold(sum_add(0, piece->data + at, some));

			sum += (uint16_t)(part << 8 | part >> 8);
		} else {
			sum = sum_add(sum, piece->data + at, some);
		}
		odd ^= some & 1;
		n -= some;
		at = 0;
	}
	return sum;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put_sum(uint8_t *p, uint64_t sum)
{
	uint16_t v = (uint16_t)~sum_fold(sum);

	memcpy(p, &v, 2);
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
	sum = sum_add(0, p->head + p->csum_start, n - p->csum_start);
	put_sum(p->head + at, sum_rest(p, sum, p->rest, p->len - n));
	/* Zero says "no sum" in UDP. */
	if (!get16(p->head + at))
		put16(p->head + at, 0xffff);
	return true;
}

/* Where things are in a TCP packet that is to be cut. */
struct tcp {
	uint32_t ip, tcp;	/* offsets in the head */
	bool v6;
};

/* The head becomes all headers, TCP's included; checks them. */
static bool tcp_headers(struct packet *p, struct tcp *t)
{
	uint32_t n = p->len < HEAD ? p->len : HEAD, end;

	pull(p, n);
	t->tcp = p->csum_start;
	t->v6 = (p->gso_type & ~GSO_ECN) == GSO_TCPV6;
	for (t->ip = 12; t->ip + 4 < n && (get16(p->head + t->ip) == 0x8100 || get16(p->head + t->ip) == 0x88a8); t->ip += 4)
		;
	t->ip += 2;
	if (!p->gso_size || t->tcp & 1 || t->tcp + 20 > n || t->tcp < t->ip + (t->v6 ? 40 : 20))
		return false;
	if (t->v6 && p->head[t->ip] >> 4 != 6)
		return false;
	if (!t->v6 && (p->head[t->ip] >> 4 != 4 || (p->head[t->ip] & 15u) * 4 != t->tcp - t->ip || p->head[t->ip + 9] != TCP))
		return false;
	end = t->tcp + (p->head[t->tcp + 12] >> 4) * 4u;
	if (end < t->tcp + 20 || end >= n)
		return false;
	pull(p, end);
	return true;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* The head of the segment that has bytes [ofs, ofs + n) of the data. `ours` is as the sender wrote it. */
static void segment_head(struct packet *p, const struct tcp *t, const uint8_t *ours, uint32_t ofs, uint32_t n, bool last)
{
	uint8_t *ip = p->head + t->ip, *tcp = p->head + t->tcp;
	uint32_t tcp_len = p->head_len - t->tcp + n, seq = get32(ours + t->tcp + 4) + ofs;
	uint8_t pseudo[4] = { 0, TCP, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len };
	uint64_t sum;

	memcpy(p->head, ours, p->head_len);
	if (t->v6) {
		put16(ip + 4, p->head_len - t->ip - 40 + n);
	} else {
		put16(ip + 2, p->head_len - t->ip + n);
		put16(ip + 4, get16(ip + 4) + ofs / p->gso_size);
		put16(ip + 10, 0);
		put_sum(ip + 10, sum_add(0, ip, t->tcp - t->ip));
	}
	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq);
	if (ofs)
		tcp[13] &= 0x7f;	/* CWR: the first only */
	if (!last)
		tcp[13] &= 0xf6;	/* FIN, PSH: the last only */
	put16(tcp + 16, 0);
	sum = sum_add(0, pseudo, 4);
	sum = sum_add(sum, ip + (t->v6 ? 8 : 12), t->v6 ? 32 : 8);
	sum = sum_add(sum, tcp, p->head_len - t->tcp);
	put_sum(tcp + 16, sum_rest(p, sum, p->rest + ofs, n));
}

/* One packet becomes many, of gso_size bytes of data each. */
static void segment(struct packet *p, struct lr_vale_source *src, struct lr_vale_queue *q)
{
	uint32_t buf_len = q->ring->buf_len, most = q->ring->num_slots, data, ofs, n, whole, slots;
	struct lr_vale_lease l;
	uint8_t ours[HEAD];
	struct tcp t;

	if (!tcp_headers(p, &t)) {
		lr_vale_drop(q, 1);
		return;
	}
	memcpy(ours, p->head, p->head_len);
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
		segment_head(p, &t, ours, ofs, n, ofs + n == data);
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
		uint32_t kind = p.gso_type & ~GSO_ECN;

		if (kind == GSO_TCPV4 || kind == GSO_TCPV6)
			segment(&p, src, q);
		else
			lr_vale_drop(q, 1);
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
