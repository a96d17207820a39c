/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: frames, slot flags and virtio-net headers on a VALE switch. An input chooses the headers of three ports and is a
 * script over them: frames of one slot or more with any bytes, flags, lengths and buffers; syncs; receivers that take what has
 * come, or leave it, or write nonsense into their slots; ports that close and open.
 *
 * Checked: our own books; what a receiver gets is made of whole packets of good slots, and as many as were counted; while no
 * packet is made into several, each one that was sent is received or counted as lost.
 */
#include "input.h"

#define PORTS 3
#define SLOTS 16

static const char *const names[PORTS] = { "vale0:a", "vale0:b", "vale0:c" };
static struct lr_file *port[PORTS];
static uint64_t taken[PORTS];	/* packets that a receiver has seen */
static bool honest[PORTS];	/* its slots are as we left them */
static uint32_t header[PORTS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	small_regions();
	return lr_core_init();
}

static int ask(struct lr_file *f, uint16_t reqtype, const char *name, void *body)
{
	struct nmreq_header h = { .nr_version = NETMAP_API, .nr_reqtype = reqtype, .nr_body = ADDR(body) };

	memcpy(h.nr_name, name, strlen(name));
	return lr_file_ioctl(f, NIOCCTRL, ADDR(&h));
}

static void open_port(unsigned int i)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
	struct nmreq_port_hdr hdr = { .nr_hdr_len = header[i] };

	port[i] = lr_file_open();
	MUST(port[i] && ask(port[i], NETMAP_REQ_REGISTER, names[i], &reg) == 0);
	MUST(ask(port[i], NETMAP_REQ_PORT_HDR_SET, names[i], &hdr) == 0);
	taken[i] = 0;
	honest[i] = true;
}

static struct lr_ring *ring_of(unsigned int i, enum lr_ring_kind kind)
{
	return &port[i]->port->ring[kind][0];
}

/* Takes what has come: whole packets. */
static void receive(unsigned int i)
{
	struct lr_ring *r = ring_of(i, LR_RX);
	struct netmap_ring *s = r->shared;
	uint32_t slots = 0;

	MUST(lr_file_ioctl(port[i], NIOCRXSYNC, 0) == 0);
	if (!honest[i]) {
		s->head = s->cur = s->tail;
		lr_file_ioctl(port[i], NIOCRXSYNC, 0);
		return;
	}
	for (; s->head != s->tail; s->head = s->cur = lr_pos_next(s->head, SLOTS)) {
		struct netmap_slot *slot = &s->slot[s->head];

		MUST(lr_buf_ok(r, slot->buf_idx) && slot->len <= r->buf_len && !(slot->flags & ~(NS_MOREFRAG | NS_PORT_MASK)));
		MUST(++slots <= NETMAP_MAX_FRAGS);
		MUST(!(slot->flags & NS_MOREFRAG) == !(slot->flags >> NS_PORT_SHIFT));
		if (slot->flags & NS_MOREFRAG)
			continue;
		slots = 0;
		taken[i]++;
	}
	MUST(slots == 0);
	MUST(taken[i] == r->count.packets);
	MUST(lr_file_ioctl(port[i], NIOCRXSYNC, 0) == 0);
}

/* A slot with bytes of the input. */
static void put(struct input *in, unsigned int i)
{
	struct lr_ring *r = ring_of(i, LR_TX);
	struct netmap_ring *s = r->shared;
	uint32_t len, n;
	struct netmap_slot *slot;
	char *buf;

	if (s->head >= SLOTS || s->head == s->tail)
		return;
	slot = &s->slot[s->head];
	n = input_below(in, 80);
	len = input_below(in, 4) ? n : (uint32_t)input_number(in, 2);
	slot->len = (uint16_t)len;
	slot->flags = (uint16_t)input_number(in, 2);
	if (input_below(in, 16) == 0)
		slot->buf_idx = (uint32_t)input_number(in, 2);
	if (slot->flags & NS_INDIRECT)
		slot->ptr = input_below(in, 2) ? ADDR(names) : input_number(in, 3);
	if (lr_buf_ok(r, slot->buf_idx)) {
		buf = lr_region_buf(port[i]->port->region, slot->buf_idx);
		for (; n && in->left; n--)
			*buf++ = (char)input_number(in, 1);
	}
	s->head = s->cur = lr_pos_next(s->head, SLOTS);
}

static void scribble(struct input *in, unsigned int i)
{
	struct netmap_slot *slot = &ring_of(i, LR_RX)->shared->slot[input_below(in, SLOTS)];

	honest[i] = false;
	slot->buf_idx = (uint32_t)input_number(in, 2);
	slot->flags = (uint16_t)input_number(in, 2);
}

static uint64_t lost_or_received(unsigned int i)
{
	const struct lr_ring *r = ring_of(i, LR_RX);

	return r->count.packets + r->count.drops;
}

/* One sync; what was sent is accounted for. Of segmented packets there are more than were sent. */
static void send_all(unsigned int i)
{
	struct lr_ring *r = ring_of(i, LR_TX);
	uint64_t sent = r->count.packets, before[PORTS] = { 0 };
	bool alike = true;
	unsigned int k;

	for (k = 0; k < PORTS; k++) {
		if (port[k])
			before[k] = lost_or_received(k);
		alike = alike && header[k] == header[0];
	}
	MUST(lr_file_ioctl(port[i], NIOCTXSYNC, 0) == 0);
	MUST(lr_pos_valid(r->num_slots, r->hwcur, r->hwtail, r->head, r->head));
	sent = r->count.packets - sent;
	for (k = 0; k < PORTS; k++)
		MUST(!port[k] || !alike || lost_or_received(k) - before[k] <= sent);
}

static void step(struct input *in)
{
	unsigned int i = input_below(in, PORTS), what = input_below(in, 16);

	if (!port[i]) {
		open_port(i);
		return;
	}
	switch (what) {
	case 0:
		lr_file_close(port[i]);
		port[i] = NULL;
		break;
	case 1: case 2: case 3: send_all(i); break;
	case 4: case 5: receive(i); break;
	case 6: scribble(in, i); break;
	default: put(in, i); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t lens[] = { 0, 10, 12 };
	struct input in = { data, size };
	unsigned int i;

	for (i = 0; i < PORTS; i++) {
		header[i] = lens[input_below(&in, 3)];
		open_port(i);
	}
	while (in.left)
		step(&in);
	for (i = 0; i < PORTS; i++) {
		if (port[i]) {
			send_all(i);
			receive(i);
			lr_file_close(port[i]);
		}
		port[i] = NULL;
	}
	must_be_empty();
	return 0;
}
