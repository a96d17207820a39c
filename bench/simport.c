/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simport: a network interface in memory, driver and hardware.
 *
 * It works as current 10 to 100 Gbit/s interfaces do: descriptors of 16 bytes in a ring; the driver posts them and
 * writes the index behind the last one to a register. On transmit the hardware writes back, to a word in memory, how
 * far it has come. On receive it overwrites each descriptor with the length and a "done" bit. Slot i of a netmap ring
 * goes with descriptor i.
 *
 *	driver: txsync, rxsync                    what is measured
 *	hardware: simport_send, simport_arrive    runs between the syncs and is not
 *
 * What is missing to real hardware: the time of an uncached register write (once a sync), and cache misses on what
 * the hardware wrote.
 */
#include "core/port.h"
#include "core/control.h"

#include "simport.h"

struct desc {
	uint64_t addr;
	uint32_t len;
	uint32_t flags;
};

#define DESC_END 1u	/* last descriptor of a packet */
#define DESC_REPORT 2u	/* tx: write back when done with this */
#define DESC_DONE 4u	/* rx: there is a packet */

struct device {
	struct desc tx[SIMPORT_SLOTS] __attribute__((aligned(64)));
	struct desc rx[SIMPORT_SLOTS] __attribute__((aligned(64)));
	uint32_t tx_done __attribute__((aligned(64)));	/* written back: the hardware will send this next */
	uint32_t tx_tail, rx_tail;			/* the registers */
	uint32_t rx_next;				/* the hardware's own: where the next packet goes */
};

static struct device device;

/* --- The driver -------------------------------------------------------------------------------------- */

/* Post slot i; a slot with something wrong goes out as an empty descriptor, which is not sent. */
static void tx_post(struct lr_ring *r, uint32_t i, uint64_t *bytes)
{
	struct lr_slot s = lr_slot_read(&r->slot[i]);
	struct desc *d = &device.tx[i];

	if (os_unlikely(!lr_slot_ok(r, s))) {
		lr_count(&r->count.bad_slots, 1);
		s.len = 0;
		d->addr = 0;
	} else {
		d->addr = (uintptr_t)lr_region_buf(r->port->region, s.idx);
	}
	d->len = s.len;
	d->flags = (s.flags & NS_MOREFRAG ? 0 : DESC_END) | (s.flags & NS_REPORT ? DESC_REPORT : 0);
	*bytes += s.len;
}

static int sim_txsync(struct lr_ring *r, unsigned int flags)
{
	const uint32_t n = r->num_slots, head = r->head;
	uint32_t i = r->hwcur;

	(void)flags;
	if (i != head) {
		uint64_t bytes = 0;

		lr_count(&r->count.packets, lr_pos_dist(i, head, n));
		for (; i != head; i = lr_pos_next(i, n))
			tx_post(r, i, &bytes);
		device.tx[lr_pos_prev(head, n)].flags |= DESC_REPORT;
		lr_count(&r->count.bytes, bytes);
		lr_count(&r->count.kicks, 1);
		r->hwcur = head;
		os_store_release(&device.tx_tail, head);
	}
	r->hwtail = lr_pos_prev(os_load_acquire(&device.tx_done), n);
	return 0;
}

/* Give the buffer of slot i to the hardware. False: the slot has none, and none is to be had. */
static bool rx_post(struct lr_ring *r, uint32_t i)
{
	uint32_t idx = lr_slot_read(&r->slot[i]).idx;
	struct desc *d = &device.rx[i];

	if (os_unlikely(!lr_buf_ok(r, idx))) {
		lr_count(&r->count.bad_slots, 1);
		idx = lr_ring_new_buf(r);
		if (!idx)
			return false;
		lr_slot_write(&r->slot[i], idx, 0, NS_BUF_CHANGED);
	}
	d->addr = (uintptr_t)lr_region_buf(r->port->region, idx);
	d->flags = 0;
	return true;
}

/* Packets that came: length and flags into the slots; the buffers are where they were. */
static void rx_harvest(struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint64_t bytes = 0, packets = 0;
	uint32_t i = r->hwtail, flags;

	while ((flags = os_load_acquire(&device.rx[i].flags)) & DESC_DONE) {
		uint32_t len = device.rx[i].len;

		os_store(&r->slot[i].len, (uint16_t)len);
		os_store(&r->slot[i].flags, flags & DESC_END ? 0 : NS_MOREFRAG);
		bytes += len;
		packets += flags & DESC_END;
		i = lr_pos_next(i, n);
		if (i == r->hwcur)
			break;
	}
	r->hwtail = i;
	lr_count(&r->count.packets, packets);
	lr_count(&r->count.bytes, bytes);
}

/* The hardware owns [rx_next, tail register); the descriptor at the register is never posted, or full would look like empty. */
static int sim_rxsync(struct lr_ring *r, unsigned int flags)
{
	const uint32_t n = r->num_slots;
	uint32_t i = r->hwcur;

	(void)flags;
	rx_harvest(r);
	if (i == r->head)
		return 0;
	while (i != r->head && rx_post(r, i))
		i = lr_pos_next(i, n);
	r->hwcur = i;
	lr_count(&r->count.kicks, 1);
	os_store_release(&device.rx_tail, lr_pos_prev(i, n));
	return 0;
}

/* All but one slot of a receive ring start with the hardware. */
static int sim_ring_start(struct lr_ring *r, struct lr_why *why)
{
	(void)why;
	if (lr_kind_is_tx(r->kind)) {
		device.tx_done = device.tx_tail = 0;
		return 0;
	}
	for (uint32_t i = 0; i < r->num_slots; i++)
		if (!rx_post(r, i))
			return -ENOMEM;
	device.rx_next = 0;
	device.rx_tail = r->num_slots - 1;
	return 0;
}

static const struct lr_port_ops sim_ops = {
	.kind = "nic",
	.txsync = sim_txsync,
	.rxsync = sim_rxsync,
	.ring_start = sim_ring_start,
	.destroy = lr_port_free,
};

static bool sim_match(const struct lr_port_query *q)
{
	(void)q;
	return true;
}

static int sim_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	struct lr_port *p = lr_port_alloc(q->name, q->netns, &lr_nic_kind, &sim_ops);
	int err;

	if (!p)
		return lr_why(why, -ENOMEM, "no memory for a port");
	p->config.rings[LR_TX] = p->config.rings[LR_RX] = 1;
	for (unsigned int k = 0; k < LR_RING_KINDS; k++)
		p->config.slots[k] = SIMPORT_SLOTS;
	p->region = lr_region_get(LR_REGION_GLOBAL, &err, why);
	if (p->region)
		err = lr_port_set_rings(p, why);
	if (err) {
		lr_port_free(p);
		return err;
	}
	*out = p;
	return 0;
}

const struct lr_port_kind lr_nic_kind = {
	.match = sim_match,
	.full_name = lr_port_plain_name,
	.create = sim_create,
};

/* --- The hardware ------------------------------------------------------------------------------------ */

void simport_send(struct simport_wire *w)
{
	uint32_t end = os_load_acquire(&device.tx_tail), i = device.tx_done;

	for (; i != end; i = lr_pos_next(i, SIMPORT_SLOTS)) {
		w->tx_packets += device.tx[i].addr && device.tx[i].flags & DESC_END;
		w->tx_bytes += device.tx[i].len;
	}
	os_store_release(&device.tx_done, i);
}

void simport_arrive(struct simport_wire *w, unsigned int n, uint16_t length)
{
	uint32_t end = os_load_acquire(&device.rx_tail);

	for (; n && device.rx_next != end; n--) {
		struct desc *d = &device.rx[device.rx_next];

		d->len = length;
		os_store_release(&d->flags, DESC_DONE | DESC_END);
		device.rx_next = lr_pos_next(device.rx_next, SIMPORT_SLOTS);
		w->rx_packets++;
		w->rx_bytes += length;
	}
}
