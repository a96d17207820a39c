/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: what a program may do to the memory it shares with us. An input is a script over the two ends of a pipe and a
 * null port, all in one region: it writes to every field of rings, slots, netmap_ifs and lists of extra buffers, and
 * syncs, polls, closes and opens between.
 *
 * Checked: our own books after each step; two pipes of others, one in another region and one in the same, keep what is in
 * them; and a pair of ports opened at the end, where the others were, carries packets intact.
 *
 * Who shares a region trusts the others with its buffers: a script may name every buffer but those of the pipe in the
 * same region.
 */
#include "input.h"

#define EVIL 3
#define EXTRA 12

enum { MASTER, SLAVE, NULL_PORT };

static const char *const evil_names[EVIL] = { "evil{1", "evil}1", "evil" };

struct pair {
	struct lr_file *tx, *rx;
	uint32_t sent, got;
};

static struct lr_file *evil[EVIL];
static uint32_t extra[EVIL][EXTRA];	/* buffers of the lists, as they were given */
static uint32_t evil_slots;
static uint16_t region_id;
static uint8_t others[6000];		/* 1: a buffer of the pipe in the same region */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	small_regions();
	return lr_core_init();
}

static struct lr_file *open_port(const char *name, uint32_t mode, uint32_t slots, uint32_t bufs, uint16_t mem_id)
{
	struct nmreq_header h = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER };
	struct nmreq_register reg = { .nr_mode = mode, .nr_tx_slots = slots, .nr_rx_slots = slots, .nr_tx_rings = 1, .nr_rx_rings = 1 };
	struct lr_file *f = lr_file_open();

	MUST(f);
	reg.nr_extra_bufs = bufs;
	reg.nr_mem_id = mem_id;
	memcpy(h.nr_name, name, strlen(name));
	h.nr_body = ADDR(&reg);
	if (lr_file_ioctl(f, NIOCCTRL, ADDR(&h)) == 0)
		return f;
	lr_file_close(f);
	return NULL;
}

static struct lr_ring *ring_of(const struct lr_file *f, enum lr_ring_kind kind)
{
	return &f->port->ring[kind][0];
}

/* --- Those who must not notice: packets of one slot and of two, with known content ------------------------ */

static void pair_send(struct pair *p, uint32_t n)
{
	struct netmap_ring *r = ring_of(p->tx, LR_TX)->shared;

	for (; n && r->head != r->tail; n--, p->sent++) {
		struct netmap_slot *s = &r->slot[r->head];

		s->len = (uint16_t)(20 + p->sent % 200);
		s->flags = p->sent % 2 ? NS_MOREFRAG : 0;
		s->ptr = p->sent;
		memset(lr_region_buf(p->tx->port->region, s->buf_idx), (int)p->sent, 256);
		r->head = r->cur = lr_pos_next(r->head, r->num_slots);
	}
	MUST(lr_file_ioctl(p->tx, NIOCTXSYNC, 0) == 0);
}

static void pair_receive(struct pair *p)
{
	struct netmap_ring *r = ring_of(p->rx, LR_RX)->shared;
	uint32_t i;

	MUST(lr_file_ioctl(p->rx, NIOCRXSYNC, 0) == 0);
	for (; r->head != r->tail; p->got++) {
		struct netmap_slot *s = &r->slot[r->head];
		const char *buf = lr_region_buf(p->rx->port->region, s->buf_idx);

		MUST(s->len == 20 + p->got % 200 && (s->flags & NS_MOREFRAG) == (p->got % 2 ? NS_MOREFRAG : 0) && s->ptr == p->got);
		for (i = 0; i < 256; i++)
			MUST(buf[i] == (char)p->got);
		r->head = r->cur = lr_pos_next(r->head, r->num_slots);
	}
}

static bool pair_open(struct pair *p, const char *master, const char *slave, uint16_t mem_id)
{
	*p = (struct pair){ .tx = open_port(master, NR_REG_ALL_NIC, 16, 0, mem_id) };
	p->rx = p->tx ? open_port(slave, NR_REG_ALL_NIC, 16, 0, 0) : NULL;
	if (p->rx)
		return true;
	if (p->tx)
		lr_file_close(p->tx);
	return false;
}

static void pair_close(struct pair *p)
{
	pair_send(p, 5);
	pair_receive(p);
	pair_send(p, 2);
	pair_receive(p);
	MUST(p->got + 1 >= p->sent && p->got > 5);
	MUST(!ring_of(p->tx, LR_TX)->count.drops && !ring_of(p->tx, LR_TX)->count.bad_slots && !ring_of(p->rx, LR_RX)->count.bad_slots);
	lr_file_close(p->tx);
	lr_file_close(p->rx);
}

/* The buffers in all rings of a pair. */
static void mark(const struct pair *p)
{
	const struct lr_ring *rings[] = { ring_of(p->tx, LR_TX), ring_of(p->tx, LR_RX), ring_of(p->rx, LR_TX), ring_of(p->rx, LR_RX) };
	uint32_t i, k;

	memset(others, 0, sizeof(others));
	for (k = 0; k < 4; k++)
		for (i = 0; i < rings[k]->num_slots; i++)
			others[rings[k]->shared->slot[i].buf_idx] = 1;
}

/* --- The script ------------------------------------------------------------------------------------------ */

static void evil_open(unsigned int i, uint32_t bufs)
{
	uint32_t n = 0, idx;

	evil[i] = open_port(evil_names[i], i == NULL_PORT ? NR_REG_NULL : NR_REG_ALL_NIC, evil_slots, bufs, region_id);
	memset(extra[i], 0, sizeof(extra[i]));
	if (!evil[i])
		return;
	for (idx = evil[i]->nifp->ni_bufs_head; idx && n < EXTRA; n++) {
		extra[i][n] = idx;
		idx = *(uint32_t *)(void *)lr_region_buf(evil[i]->port->region, idx);
	}
}

/* Positions, lengths, flags: near the edges, or anything. */
static uint32_t some_value(struct input *in, uint32_t edge)
{
	switch (input_below(in, 6)) {
	case 0: return (uint32_t)input_number(in, 4);
	case 1: return edge + input_below(in, 5) - 2;
	case 2: return input_below(in, 65536);
	default: return input_below(in, edge ? edge : 1);
	}
}

static uint32_t some_buffer(struct input *in)
{
	uint32_t idx = some_value(in, input_below(in, 2) ? 200 : 6000);

	return idx < sizeof(others) && others[idx] ? 0 : idx;
}

static void write_ring(struct input *in, struct lr_ring *r)
{
	struct netmap_ring *s = r->shared;
	struct netmap_slot *slot = &s->slot[input_below(in, r->num_slots)];

	switch (input_below(in, 10)) {
	case 0: s->head = some_value(in, r->num_slots); break;
	case 1: s->cur = some_value(in, r->num_slots); break;
	case 2: s->tail = some_value(in, r->num_slots); break;
	case 3: s->flags = (uint32_t)input_number(in, 1); break;
	case 4: slot->buf_idx = some_buffer(in); break;
	case 5: slot->len = (uint16_t)some_value(in, 257); break;
	case 6: slot->flags = (uint16_t)input_number(in, 2); break;
	case 7: slot->flags = NS_MOREFRAG; break;
	case 8: slot->ptr = input_number(in, 8); break;
	/* Fields that are not a program's to write: num_slots, buf_ofs and the others. */
	default: ((uint32_t *)(void *)s)[input_below(in, 64)] = some_value(in, 16); break;
	}
}

static void write_extra(struct input *in, unsigned int i)
{
	struct netmap_if *nifp = evil[i]->nifp;
	uint32_t idx = extra[i][input_below(in, EXTRA)];

	if (input_below(in, 2))
		nifp->ni_bufs_head = some_buffer(in);
	else if (idx)
		*(uint32_t *)(void *)lr_region_buf(evil[i]->port->region, idx) = some_buffer(in);
}

/* Anything in the netmap_if; the list's head only as above. */
static void write_nifp(struct input *in, unsigned int i)
{
	uint32_t *word = (uint32_t *)(void *)evil[i]->nifp + input_below(in, 64);

	if (word != &evil[i]->nifp->ni_bufs_head)
		*word = (uint32_t)input_number(in, 4);
}

/* A program that does it right for a while: fills some slots, or gives some back. */
static void behave(struct input *in, struct lr_ring *r)
{
	struct netmap_ring *s = r->shared;
	uint32_t n = input_below(in, 20), pos = s->head;

	for (; n && pos < r->num_slots && pos != s->tail; n--) {
		s->slot[pos].len = 60;
		s->slot[pos].flags = lr_kind_is_tx(r->kind) && n % 3 == 2 ? NS_MOREFRAG : 0;
		pos = lr_pos_next(pos, r->num_slots);
	}
	s->head = s->cur = pos;
}

static void check_books(const struct lr_file *f)
{
	unsigned int k;

	for (k = 0; k < LR_RING_KINDS; k++) {
		const struct lr_ring *r = f->n[k] ? ring_of(f, k) : NULL;

		if (!r)
			continue;
		MUST(r->num_slots == evil_slots && r->head < r->num_slots && r->tail < r->num_slots);
		MUST(lr_pos_valid(r->num_slots, r->hwcur, r->hwtail, r->head, r->head));
		MUST(lr_pos_valid(r->num_slots, r->head, r->tail, r->cur, r->cur));
		MUST(r->slot == r->shared->slot);
	}
}

static void step(struct input *in)
{
	unsigned int i = input_below(in, EVIL), what = input_below(in, 16);
	struct lr_file *f = evil[i];
	struct lr_ring *r;

	if (!f) {
		evil_open(i, input_below(in, EXTRA + 1));
		return;
	}
	r = ring_of(f, input_below(in, 2) ? LR_TX : LR_RX);
	switch (what) {
	case 0:
		lr_file_close(f);
		evil[i] = NULL;
		return;
	case 1: case 2: MUST(lr_file_ioctl(f, NIOCTXSYNC, 0) == 0); break;
	case 3: case 4: MUST(lr_file_ioctl(f, NIOCRXSYNC, 0) == 0); break;
	case 5: lr_file_poll(f, input_below(in, 8), NULL); break;
	case 6: write_extra(in, i); break;
	case 7: write_nifp(in, i); break;
	case 8: case 9: behave(in, r); break;
	default: write_ring(in, r); break;
	}
	check_books(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t slots[] = { 4, 5, 16, 80 };
	struct input in = { data, size };
	struct pair same, other, fresh;
	unsigned int i;

	evil_slots = slots[input_below(&in, LR_ARRAY_SIZE(slots))];
	MUST(pair_open(&same, "same{1", "same}1", 0) && pair_open(&other, "other{1", "other}1", 0));
	region_id = same.tx->port->region->id;
	mark(&same);
	pair_send(&same, 9);
	pair_send(&other, 9);
	for (i = 0; i < EVIL; i++)
		evil_open(EVIL - 1 - i, EXTRA);
	while (in.left)
		step(&in);
	for (i = 0; i < EVIL; i++) {
		if (evil[i])
			lr_file_close(evil[i]);
		evil[i] = NULL;
	}
	pair_receive(&same);
	pair_receive(&other);
	/* What the script has lost is missing until the region goes: there may be none left for a new pair. */
	if (pair_open(&fresh, "evil{1", "evil}1", region_id))
		pair_close(&fresh);
	pair_close(&same);
	pair_close(&other);
	MUST(pair_open(&fresh, "evil{1", "evil}1", 0));
	pair_close(&fresh);
	must_be_empty();
	return 0;
}
