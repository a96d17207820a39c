/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simport: a network interface in memory, driver and hardware.
 *
 * It works as current 10 to 100 Gbit/s interfaces do: descriptors of 16 bytes in a ring; the driver posts them and
 * writes the index behind the last one to a register. On transmit the hardware writes back, to a word in memory, how
 * far it has come. On receive it overwrites each descriptor with the length and a "done" bit. Slot i of a netmap ring
 * goes with descriptor i.
 *
 *	driver: txsync, rxsync                    what is measured; the core finds it as the one NIC kind, lr_nic_kind
 *	hardware: simport_send, simport_arrive    runs between the syncs and is not
 *
 * What is missing to real hardware: the time of an uncached register write (once a sync), and cache misses on what
 * the hardware wrote.
 */
#ifndef BENCH_SIMPORT_H
#define BENCH_SIMPORT_H

#include "core/port.h"
#include "core/control.h"

/* Slots of both rings. */
#define SIMPORT_SLOTS 1024u

/* What the hardware has seen: to show that packets went through and were not garbled. */
struct simport_wire {
	uint64_t tx_packets, tx_bytes;
	uint64_t rx_packets, rx_bytes;
};

struct sim_desc {
	uint64_t addr;
	uint32_t len;
	uint32_t flags;
};

#define SIM_DESC_END 1u	/* last descriptor of a packet */
#define SIM_DESC_REPORT 2u	/* tx: write back when done with this */
#define SIM_DESC_DONE 4u	/* rx: there is a packet */

struct sim_device {
	struct sim_desc tx[SIMPORT_SLOTS] __attribute__((aligned(64)));
	struct sim_desc rx[SIMPORT_SLOTS] __attribute__((aligned(64)));
	uint32_t tx_done __attribute__((aligned(64)));	/* written back: the hardware will send this next */
	uint32_t tx_tail, rx_tail;			/* the registers */
	uint32_t rx_next;				/* the hardware's own: where the next packet goes */
};

static struct sim_device sim_device;

/* --- The driver -------------------------------------------------------------------------------------- */

/* Post slot i; a slot with something wrong goes out as an empty descriptor, which is not sent. */
static void sim_tx_post(struct lr_ring *r, uint32_t i, uint64_t *bytes)
{
	struct lr_slot s = lr_slot_read(&r->slot[i]);
	struct sim_desc *d = &sim_device.tx[i];

	if (os_unlikely(!lr_slot_ok(r, s))) {
		lr_count(&r->count.bad_slots, 1);
		s.len = 0;
		d->addr = 0;
	} else {
		d->addr = (uintptr_t)lr_region_buf(r->port->region, s.idx);
	}
	d->len = s.len;
	d->flags = (s.flags & NS_MOREFRAG ? 0 : SIM_DESC_END) | (s.flags & NS_REPORT ? SIM_DESC_REPORT : 0);
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
			sim_tx_post(r, i, &bytes);
		sim_device.tx[lr_pos_prev(head, n)].flags |= SIM_DESC_REPORT;
		lr_count(&r->count.bytes, bytes);
		lr_count(&r->count.kicks, 1);
		r->hwcur = head;
		os_store_release(&sim_device.tx_tail, head);
	}
	r->hwtail = lr_pos_prev(os_load_acquire(&sim_device.tx_done), n);
	return 0;
}

/* Give the buffer of slot i to the hardware. False: the slot has none, and none is to be had. */
static bool sim_rx_post(struct lr_ring *r, uint32_t i)
{
	uint32_t idx = lr_slot_read(&r->slot[i]).idx;
	struct sim_desc *d = &sim_device.rx[i];

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
static void sim_rx_harvest(struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint64_t bytes = 0, packets = 0;
	uint32_t i = r->hwtail, flags;

	while ((flags = os_load_acquire(&sim_device.rx[i].flags)) & SIM_DESC_DONE) {
		uint32_t len = sim_device.rx[i].len;

		os_store(&r->slot[i].len, (uint16_t)len);
		os_store(&r->slot[i].flags, flags & SIM_DESC_END ? 0 : NS_MOREFRAG);
		bytes += len;
		packets += flags & SIM_DESC_END;
		i = lr_pos_next(i, n);
		if (i == r->hwcur)
			break;
	}
	r->hwtail = i;
	lr_count(&r->count.packets, packets);
	lr_count(&r->count.bytes, bytes);
}

/*
 * The hardware owns [rx_next, tail register). The descriptor at the register is never posted, or full would look
 * like empty.
 */
static int sim_rxsync(struct lr_ring *r, unsigned int flags)
{
	const uint32_t n = r->num_slots;
	uint32_t i = r->hwcur;

	(void)flags;
	sim_rx_harvest(r);
	if (i == r->head)
		return 0;
	while (i != r->head && sim_rx_post(r, i))
		i = lr_pos_next(i, n);
	r->hwcur = i;
	lr_count(&r->count.kicks, 1);
	os_store_release(&sim_device.rx_tail, lr_pos_prev(i, n));
	return 0;
}

/* All but one slot of a receive ring start with the hardware. */
static int sim_ring_start(struct lr_ring *r, struct lr_why *why)
{
	(void)why;
	if (lr_kind_is_tx(r->kind)) {
		sim_device.tx_done = sim_device.tx_tail = 0;
		return 0;
	}
	for (uint32_t i = 0; i < r->num_slots; i++)
		if (!sim_rx_post(r, i))
			return -ENOMEM;
	sim_device.rx_next = 0;
	sim_device.rx_tail = r->num_slots - 1;
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

/* Let the hardware send whatever the driver has posted. */
static inline void simport_send(struct simport_wire *w)
{
	uint32_t end = os_load_acquire(&sim_device.tx_tail), i = sim_device.tx_done;

	for (; i != end; i = lr_pos_next(i, SIMPORT_SLOTS)) {
		w->tx_packets += sim_device.tx[i].addr && sim_device.tx[i].flags & SIM_DESC_END;
		w->tx_bytes += sim_device.tx[i].len;
	}
	os_store_release(&sim_device.tx_done, i);
}

/* Let packets of this length come in, up to n, as the driver has posted buffers for them. */
static inline void simport_arrive(struct simport_wire *w, unsigned int n, uint16_t length)
{
	uint32_t end = os_load_acquire(&sim_device.rx_tail);

	for (; n && sim_device.rx_next != end; n--) {
		struct sim_desc *d = &sim_device.rx[sim_device.rx_next];

		d->len = length;
		os_store_release(&d->flags, SIM_DESC_DONE | SIM_DESC_END);
		sim_device.rx_next = lr_pos_next(sim_device.rx_next, SIMPORT_SLOTS);
		w->rx_packets++;
		w->rx_bytes += length;
	}
}

#endif
