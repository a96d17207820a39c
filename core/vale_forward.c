/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Forwarding: a batch of slots becomes packets, each gets its destination, and all that go to the same one are delivered
 * together. See vale.h.
 *
 * Slots are the sender's and are read once, before the section is entered; what NS_INDIRECT points at is copied then too, into
 * the slot's own buffer: a program can make an access to its memory take for ever, and then only it waits. Buffers may
 * change while we look: then a packet goes where it should not, which its sender could have had easier.
 */
#include "core/vale.h"

#define NONE ((uint16_t)LR_VALE_BATCH)
#define ETHERNET 14u	/* bytes of an Ethernet header */

/* Flags of slots that are dealt with apart. */
#define RARE (NS_MOREFRAG | NS_INDIRECT | NS_NO_LEARN | NS_PORT_MASK)

/* --- Gather --------------------------------------------------------------------------------------------------- */

/* Adds one slot to the batch, whatever its flags. False: it is no good. */
static bool add_piece(struct lr_vale_source *src, uint32_t at, struct lr_slot s, const struct netmap_slot *slot)
{
	struct lr_ring *r = src->ring;
	char *buf;

	if (!lr_slot_ok(r, s))
		return false;
	buf = lr_region_buf(r->port->region, s.idx);
	if (s.flags & src->flags & NS_INDIRECT && os_copyin(buf, os_load(&slot->ptr), s.len) < 0)
		return false;
	src->piece[at] = (struct lr_vale_piece){ .data = buf, .len = s.len };
	return true;
}

/* Takes the slots of a packet that is not switched, up to its last, which may come later. */
static uint32_t skip_rest(struct lr_vale_source *src, uint32_t pos, uint32_t to)
{
	struct lr_ring *r = src->ring;

	src->skip = true;
	while (pos != to && src->skip) {
		src->skip = lr_slot_read(&r->slot[pos]).flags & NS_MOREFRAG;
		lr_ring_mend_slot(r, pos);
		pos = lr_pos_next(pos, r->num_slots);
	}
	return pos;
}

/* The packet at pos goes nowhere: the position behind it. */
static os_noinline uint32_t drop_packet(struct lr_vale_source *src, uint32_t pos, uint32_t to)
{
	lr_count(&src->count->drops, 1);
	return skip_rest(src, pos, to);
}

/* MISSING: its last slot is not there yet. LATER: it fits in the next batch only. */
enum taken { TAKEN, DROPPED, MISSING, LATER };

/* One packet with something rare about it. *pos moves behind it if it is taken or dropped. */
static os_noinline enum taken gather_rare(struct lr_vale_source *src, uint32_t *pos, uint32_t to)
{
	struct lr_ring *r = src->ring;
	uint32_t most = r->num_slots - 1 < NETMAP_MAX_FRAGS ? r->num_slots - 1 : NETMAP_MAX_FRAGS;
	uint32_t i = *pos, slots = 0, bytes = 0;
	struct lr_vale_piece *first = &src->piece[src->n];
	struct lr_slot s, lead = { 0, 0, 0 };
	bool good = true;

	do {
		if (slots == most)
			goto drop;
		if (i == to)
			return MISSING;
		if (src->n + slots == LR_VALE_BATCH)
			return LATER;
		s = lr_slot_read(&r->slot[i]);
		if (!slots)
			lead = s;
		if (!add_piece(src, src->n + slots, s, &r->slot[i])) {
			lr_count(&r->count.bad_slots, 1);
			good = false;
			break;
		}
		bytes += s.len;
		slots++;
		i = lr_pos_next(i, r->num_slots);
	} while (s.flags & NS_MOREFRAG);
	if (!good || bytes < src->hdr_len + ETHERNET)
		goto drop;
	first->slots = (uint8_t)slots;
	first->dst = (uint8_t)((lead.flags & src->flags) >> NS_PORT_SHIFT);
	first->no_learn = (lead.flags & src->flags & NS_NO_LEARN) != 0;
	src->n += slots;
	src->packets++;
	src->bytes += bytes;
	src->plain = false;
	*pos = i;
	return TAKEN;

drop:
	*pos = drop_packet(src, *pos, to);
	return DROPPED;
}

/* Packets of one slot without anything rare, up to the first that is not so; the position behind them. */
static uint32_t gather_plain(struct lr_vale_source *src, uint32_t pos, uint32_t to)
{
	const struct lr_ring *r = src->ring;
	const struct lr_pool *pool = &r->port->region->pool[LR_POOL_BUF];
	const uint32_t mask = (1u << pool->shift) - 1, shift = pool->shift, size = pool->size;
	const uint32_t least = src->hdr_len + ETHERNET, spread = r->buf_len - least, num = r->buf_num;
	const uint64_t rare = (uint64_t)RARE << 48;
	char *const *cluster = pool->cluster;
	const uint8_t *used = r->buf_used;
	uint32_t room = LR_VALE_BATCH - src->n, n = lr_pos_run(pos, to, r->num_slots);
	const struct netmap_slot *slot = &r->slot[pos], *end;
	struct lr_vale_piece *p = &src->piece[src->n];
	uint64_t bytes = 0;

	for (end = slot + (n < room ? n : room); slot != end; slot++, p++) {
		uint64_t v = os_load((const uint64_t *)(const void *)slot);
		uint32_t idx = (uint32_t)v, len = (uint16_t)(v >> 32);
		const char *data;

		/* Too short or too long in one comparison. */
		if (os_unlikely(v & rare) || os_unlikely(len - least > spread))
			break;
		if (os_unlikely(idx >= num) || os_unlikely(!os_load_acquire(&used[idx])))
			break;
		data = cluster[idx >> shift] + (size_t)(idx & mask) * size + OS_BUF_HEADROOM;
		os_prefetch(data);
		p->data = data;
		p->len = (uint16_t)len;
		p->slots = 1;
		p->dst = p->no_learn = p->spare = 0;
		bytes += len;
	}
	n = (uint32_t)(slot - &r->slot[pos]);
	src->n += n;
	src->packets += n;
	src->bytes += bytes;
	pos += n;
	return pos == r->num_slots ? 0 : pos;
}

/* Fills the batch. *pos moves over what is in it and what was dropped; false: nothing more can be taken from this ring now. */
static bool gather(struct lr_vale_source *src, uint32_t *pos, uint32_t to)
{
	enum taken taken;

	src->n = src->packets = 0;
	src->bytes = 0;
	src->plain = true;
	src->hdr_len = os_load(&src->port->hdr_len);
	if (os_unlikely(src->skip))
		*pos = skip_rest(src, *pos, to);
	while (*pos != to && src->n < LR_VALE_BATCH) {
		uint32_t before = *pos;

		*pos = gather_plain(src, *pos, to);
		/* At the end of the batch, or of the ring's straight piece; otherwise in front of something rare. */
		if (*pos != before || *pos == to || src->n == LR_VALE_BATCH)
			continue;
		taken = gather_rare(src, pos, to);
		if (taken == MISSING || taken == LATER)
			return taken == LATER;
	}
	return true;
}

/* --- Look up -------------------------------------------------------------------------------------------------- */

bool lr_vale_peek(const struct lr_vale_source *src, uint32_t i, uint32_t at, void *out, uint32_t n)
{
	uint32_t end = i + src->piece[i].slots;
	char *to = out;

	for (; n && i < end; i++) {
		const struct lr_vale_piece *p = &src->piece[i];
		uint32_t some;

		if (at >= p->len) {
			at -= p->len;
			continue;
		}
		some = p->len - at < n ? p->len - at : n;
		memcpy(to, p->data + at, some);
		to += some;
		n -= some;
		at = 0;
	}
	return n == 0;
}

/* Adds the packet at piece i to a destination's list. The list's last `next` is set when all is looked up. */
static inline void append(struct lr_vale_source *src, unsigned int dst, uint32_t i)
{
	if (src->head[dst] == NONE) {
		src->head[dst] = (uint16_t)i;
		src->used[src->num_used++] = (uint8_t)dst;
	} else {
		src->piece[src->tail[dst]].next = (uint16_t)i;
	}
	src->tail[dst] = (uint16_t)i;
}

/* Where the table sends a frame. */
static os_noinline unsigned int by_table(struct lr_vale_source *src, const char *frame, bool learn, uint32_t tick)
{
	struct lr_vale_table *t = &src->port->sw->table;
	uint64_t from = lr_mac_read(frame + 6), to = lr_mac_read(frame);
	unsigned int dst;

	/* Groups send nothing, and nobody has the address 0. */
	if (learn && from && !(os_load((const uint8_t *)frame + 6) & 1))
		lr_vale_learn(t, from, src->port->index, tick);
	if (os_load((const uint8_t *)frame) & 1)
		return LR_VALE_FLOOD;
	dst = lr_vale_lookup(t, to, tick);
	if (!dst)
		return LR_VALE_FLOOD;
	return dst == src->port->index ? LR_VALE_NOBODY : dst;	/* it is there already */
}

/* Where the packet at piece i goes, whatever there is about it. */
static unsigned int destination(struct lr_vale_source *src, uint32_t i, netmap_vale_function function, uint32_t tick)
{
	const struct lr_vale_piece *p = &src->piece[i];
	const char *frame = p->data + src->hdr_len;
	uint32_t len = p->len - src->hdr_len;
	char head[ETHERNET];
	unsigned int dst;

	if (p->len < src->hdr_len + ETHERNET) {
		lr_vale_peek(src, i, src->hdr_len, head, sizeof(head));
		frame = head;
		len = sizeof(head);
	}
	if (function)
		dst = function(src->port->sw->function_arg, frame, len, src->port->index, src->index);
	else
		dst = by_table(src, frame, !p->no_learn, tick);
	if (p->dst)
		dst = p->dst;
	return dst > LR_VALE_FLOOD || dst == src->port->index ? LR_VALE_NOBODY : dst;
}

static void look_up_each(struct lr_vale_source *src, netmap_vale_function function, uint32_t tick)
{
	uint32_t i;

	for (i = 0; i < src->n; i += src->piece[i].slots) {
		unsigned int dst = destination(src, i, function, tick);

		if (dst == LR_VALE_NOBODY)
			src->nobody++;
		else
			append(src, dst, i);
	}
}

/* The same addresses as in the packet before: the same destination. */
static inline bool same_header(const char *a, const char *b)
{
	uint64_t a0, a1, b0, b1;

	__builtin_memcpy(&a0, a, 8);
	__builtin_memcpy(&b0, b, 8);
	__builtin_memcpy(&a1, a + 6, 8);
	__builtin_memcpy(&b1, b + 6, 8);
	return ((a0 ^ b0) | (a1 ^ b1)) == 0;
}

/*
 * Plain packets, by the table. A header is copied and looked at once, with its answer kept for those that are equal: a program
 * that changes it meanwhile gets what it would have got before, or after.
 */
static void look_up_plain(struct lr_vale_source *src, uint32_t tick)
{
	const uint32_t n = src->n, hdr_len = src->hdr_len;
	struct lr_vale_piece *p = src->piece;
	unsigned int dst = LR_VALE_NOBODY;
	char last[ETHERNET];
	uint32_t i, first = 0;

	for (i = 0; i < n; i++, p++) {
		const char *frame = p->data + hdr_len;

		p->next = (uint16_t)(i + 1);
		if (os_likely(i && same_header(frame, last)))
			continue;
		/* [first, i) is a piece of a list, linked by now. */
		if (dst != LR_VALE_NOBODY) {
			append(src, dst, first);
			src->tail[dst] = (uint16_t)(i - 1);
		} else {
			src->nobody += i - first;
		}
		__builtin_memcpy(last, frame, ETHERNET);
		dst = by_table(src, last, true, tick);
		first = i;
	}
	if (dst != LR_VALE_NOBODY) {
		append(src, dst, first);
		src->tail[dst] = (uint16_t)(n - 1);
	} else {
		src->nobody += n - first;
	}
}

static void look_up(struct lr_vale_source *src)
{
	netmap_vale_function function = os_load_acquire(&src->port->sw->function);
	uint32_t tick = lr_vale_tick(&src->port->sw->table);
	unsigned int i;

	src->nobody = 0;
	if (os_likely(src->plain && !function))
		look_up_plain(src, tick);
	else
		look_up_each(src, function, tick);
	for (i = 0; i < src->num_used; i++)
		src->piece[src->tail[src->used[i]]].next = NONE;
}

/* --- Hand over ------------------------------------------------------------------------------------------------- */

/* The packets of two lists in the order in which they came; how many. */
static uint32_t merge(struct lr_vale_source *src, uint32_t a, uint32_t b)
{
	uint32_t n = 0;

	/* All of the batch is in the one list there is. */
	if (os_likely(src->plain && src->num_used == 1 && !src->nobody)) {
		src->order = src->all;
		return src->n;
	}
	src->order = src->chosen;
	while (a != NONE && b != NONE) {
		if (a < b) {
			src->chosen[n++] = (uint16_t)a;
			a = src->piece[a].next;
		} else {
			src->chosen[n++] = (uint16_t)b;
			b = src->piece[b].next;
		}
	}
	for (a = a == NONE ? b : a; a != NONE; a = src->piece[a].next)
		src->chosen[n++] = (uint16_t)a;
	return n;
}

/* All packets to port number dst. False: there is no such port. */
static bool hand_over(struct lr_vale_source *src, unsigned int dst)
{
	/* Partner: lr_switch_join. */
	struct lr_vale_port *vp = os_load_acquire(&src->port->sw->port[dst]);
	uint32_t n;

	if (!vp || dst == src->port->index)
		return false;
	n = merge(src, src->head[dst], src->head[LR_VALE_FLOOD]);
	if (n)
		lr_vale_deliver(src, vp, n);
	return true;
}

/* Packets in a list. */
static uint32_t count(struct lr_vale_source *src, unsigned int dst)
{
	return src->head[dst] == NONE ? 0 : merge(src, src->head[dst], NONE);
}

/* Every port gets what all get, and what is for it. How many packets nobody got. */
static uint32_t flood(struct lr_vale_source *src)
{
	unsigned int top = os_load(&src->port->sw->top), i;
	bool any = false;
	uint32_t lost = 0;

	for (i = 1; i <= top; i++) {
		if (hand_over(src, i))
			any = true;
		else
			lost += count(src, i);
	}
	for (; i < LR_VALE_FLOOD; i++)
		lost += count(src, i);
	return any ? lost : lost + count(src, LR_VALE_FLOOD);
}

/* Each destination gets its own. How many packets had none. */
static uint32_t hand_out(struct lr_vale_source *src)
{
	uint32_t lost = 0;
	unsigned int i;

	for (i = 0; i < src->num_used; i++)
		if (!hand_over(src, src->used[i]))
			lost += count(src, src->used[i]);
	return lost;
}

static void switch_batch(struct lr_vale_source *src)
{
	unsigned int i;
	uint64_t lost;

	os_mutex_lock(&src->section);
	look_up(src);
	lost = src->nobody + (src->head[LR_VALE_FLOOD] != NONE ? flood(src) : hand_out(src));
	os_mutex_unlock(&src->section);
	for (i = 0; i < src->num_used; i++)
		src->head[src->used[i]] = NONE;
	src->num_used = 0;
	lr_count(&src->taken->packets, src->packets);
	lr_count(&src->taken->bytes, src->bytes);
	lr_count(&src->count->drops, lost);
}

uint32_t lr_vale_forward(struct lr_vale_source *src, uint32_t from, uint32_t to)
{
	bool more = true;

	src->wakeups = 0;
	while (from != to && more) {
		more = gather(src, &from, to);
		if (src->n)
			switch_batch(src);
	}
	lr_count(&src->count->wakeups, src->wakeups);
	return from;
}

void lr_vale_source_init(struct lr_vale_source *src, struct lr_vale_port *vp, struct lr_ring *r)
{
	unsigned int i;

	memset(src, 0, sizeof(*src));
	src->port = vp;
	src->ring = r;
	src->count = src->taken = &r->count;
	src->flags = NS_INDIRECT | NS_NO_LEARN | NS_PORT_MASK;
	src->index = r->index;
	os_mutex_init(&src->section);
	for (i = 0; i <= LR_VALE_FLOOD; i++)
		src->head[i] = NONE;
	for (i = 0; i < LR_VALE_BATCH; i++)
		src->all[i] = (uint16_t)i;
}

void lr_vale_source_fini(struct lr_vale_source *src)
{
	os_mutex_fini(&src->section);
}
