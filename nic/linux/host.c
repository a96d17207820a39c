/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Host rings, and slots that are forwarded from the wire to the host and back.
 *
 * Where the host's packets go: to the host rx rings if any is bound; else nowhere, counted, while all the NIC's tx rings are
 * bound; else out, as ever. The hook is there in the first two cases only (attach.c).
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>

#include "os_compat.h"
#include "core/port.h"
#include "host.h"
#include "inlet.h"
#include "native.h"
#include "nic.h"
#include "os/linux/fail.h"
#include "xmit.h"

DEFINE_PER_CPU(const struct lr_nic *, lr_host_injector);

#define BATCH 64	/* packets for the stack at a time; softirqs wait for so many */

/* --- From the host to a ring ------------------------------------------------------------------------ */

/* Flows keep to their ring; one that nobody has bound is the next one's. NULL: none is bound. */
static struct lr_inlet *host_inlet(struct lr_nic *nic, struct sk_buff *skb)
{
	uint32_t n = nic->port->num_rings[LR_HOST_RX], at = n > 1 ? skb_get_hash(skb) % n : 0, i;

	for (i = 0; i < n; i++, at = lr_pos_next(at, n))
		if (likely(READ_ONCE(nic->inlet[1][at].open)))
			return &nic->inlet[1][at];
	return NULL;
}

unsigned int lr_host_divert(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct lr_nic *nic = priv;
	struct lr_inlet *in = host_inlet(nic, skb);

	if (in) {
		/* Here the data begins with the MAC header. */
		lr_inlet_take(in, skb, 0, true);
	} else {
		lr_inlet_drop(&nic->inlet[1][0]);
		kfree_skb(skb);
	}
	return NF_STOLEN;
}

/* --- From slots to packets ---------------------------------------------------------------------------- */

/* The slots of one packet, each read once. */
struct packet {
	struct lr_slot piece[NETMAP_MAX_FRAGS];
	uint32_t slots, len;
	bool whole;	/* its last slot is among them */
	bool bad;	/* one of them is refused */
};

/* Reads a packet that begins at pos, as far as there are slots before `end`. */
static void packet_read(struct packet *pk, const struct lr_ring *r, uint32_t pos, uint32_t end)
{
	pk->slots = pk->len = 0;
	pk->whole = pk->bad = false;
	for (; pos != end && pk->slots < NETMAP_MAX_FRAGS && !pk->whole; pos = lr_pos_next(pos, r->num_slots)) {
		struct lr_slot s = lr_slot_read(&r->slot[pos]);

		pk->bad |= !lr_slot_ok(r, s);
		pk->len += s.len;
		pk->whole = !(s.flags & NS_MOREFRAG);
		pk->piece[pk->slots++] = s;
	}
}

/* What the wire would carry. */
static bool length_ok(const struct net_device *dev, uint32_t len)
{
	return len >= ETH_HLEN && len <= READ_ONCE(dev->mtu) + ETH_HLEN + 2 * VLAN_HLEN;
}

/* The packet as the kernel has them, its data at the MAC header; NULL: no memory. */
static struct sk_buff *packet_skb(const struct packet *pk, const struct lr_ring *r, struct net_device *dev)
{
	unsigned int room = LL_RESERVED_SPACE(dev);
	struct sk_buff *skb;
	uint32_t i;

	skb = os_fail_alloc() ? NULL : __netdev_alloc_skb(dev, room + pk->len, GFP_KERNEL | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	for (i = 0; i < pk->slots; i++)
		skb_put_data(skb, lr_region_buf(r->port->region, pk->piece[i].idx), pk->piece[i].len);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb->protocol = eth_hdr(skb)->h_proto;
	return skb;
}

/* --- From packets to the stack ------------------------------------------------------------------------- */

/* All of the list, as if they came from the wire. By this CPU, at once: none is left when we return. */
static void inject(struct lr_nic *nic, struct sk_buff_head *list)
{
	struct sk_buff *skb;

	local_bh_disable();
	__this_cpu_write(lr_host_injector, nic);
	while ((skb = __skb_dequeue(list))) {
		skb->protocol = eth_type_trans(skb, nic->dev);
		netif_receive_skb_core(skb);
	}
	__this_cpu_write(lr_host_injector, NULL);
	local_bh_enable();
}

/* Up to BATCH packets from pos on. Returns the slot after them; `pos` itself when the next packet is not complete. */
static uint32_t take_batch(struct lr_ring *r, uint32_t pos, struct sk_buff_head *list)
{
	struct lr_nic *nic = r->port->priv;
	uint32_t limit = min_t(uint32_t, NETMAP_MAX_FRAGS, r->num_slots - 1);
	struct packet pk;

	while (pos != r->head && skb_queue_len(list) < BATCH) {
		struct sk_buff *skb = NULL;

		packet_read(&pk, r, pos, r->head);
		if (!pk.whole && !pk.bad && pk.slots < limit)
			break;
		if (pk.whole && !pk.bad && length_ok(nic->dev, pk.len))
			skb = packet_skb(&pk, r, nic->dev);
		if (skb) {
			__skb_queue_tail(list, skb);
			lr_count(&r->count.packets, 1);
			lr_count(&r->count.bytes, pk.len);
		} else {
			lr_ring_refuse(r, pos, pk.slots, pk.whole);
		}
		pos = lr_pos_add(pos, pk.slots, r->num_slots);
		if (unlikely(r->skip))
			pos = lr_ring_skip(r, pos);
	}
	return pos;
}

int lr_host_txsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_nic *nic = r->port->priv;
	uint32_t pos = lr_ring_skip(r, r->hwcur), next;
	struct sk_buff_head list;

	__skb_queue_head_init(&list);
	for (;; pos = next) {
		next = take_batch(r, pos, &list);
		if (skb_queue_empty(&list) && next == pos)
			break;
		inject(nic, &list);
	}
	os_store(&r->hwcur, pos);
	os_store(&r->hwtail, lr_pos_prev(pos, r->num_slots));
	return 0;
}

/* --- Forwarding ------------------------------------------------------------------------------------------ */

/* A frame into the slots from pos on, which there are. The slot after them. */
static uint32_t write_slots(struct lr_ring *tx, uint32_t pos, const struct sk_buff *skb)
{
	uint32_t at = 0, len;

	for (; at < skb->len; at += len, pos = lr_pos_next(pos, tx->num_slots)) {
		uint32_t idx;

		lr_ring_mend_slot(tx, pos);
		idx = lr_slot_read(&tx->slot[pos]).idx;
		len = min(skb->len - at, tx->buf_len);
		/* Without a buffer, or when a program writes there meanwhile, the slot is refused. */
		if (lr_buf_ok(tx, idx))
			memcpy(lr_region_buf(tx->port->region, idx), skb->data + at, len);
		lr_slot_write(&tx->slot[pos], idx, (uint16_t)len, at + len < skb->len ? NS_MOREFRAG : 0);
	}
	return pos;
}

/* What a program has handed in up to now is whole packets. */
static bool between_packets(const struct lr_ring *tx)
{
	return tx->hwcur == tx->head || !(lr_slot_read(&tx->slot[lr_pos_prev(tx->head, tx->num_slots)]).flags & NS_MOREFRAG);
}

/* The lock of a ring for who holds another's: the control path, which takes them all, may have this one and want that. */
static bool lock_soon(struct os_mutex *m)
{
	unsigned int tries = 100;
	bool locked;

	while (!(locked = os_mutex_trylock(m)) && --tries)
		usleep_range(20, 100);
	return locked;
}

/*
 * To the wire where the queue is a native tx ring: behind what its program has there, as if that had written them. A program whose
 * other thread fills the ring at the same time may lose packets of either. False: the ring is not running.
 */
static bool send_by_ring(struct lr_ring *tx, struct sk_buff_head *list)
{
	struct sk_buff *skb;
	uint32_t head;
	bool runs;

	if (!lock_soon(&tx->lock))
		return true;
	runs = lr_native_runs(tx);
	if (runs && lr_ring_sync_held(tx) == 0 && between_packets(tx)) {
		for (head = tx->head; (skb = skb_peek(list)); consume_skb(skb)) {
			if (DIV_ROUND_UP(skb->len, tx->buf_len) > lr_pos_dist(head, tx->tail, tx->num_slots))
				break;
			head = write_slots(tx, head, skb);
			__skb_unlink(skb, list);
		}
		os_store(&tx->shared->cur, head);
		os_store_release(&tx->shared->head, head);
		lr_ring_sync_held(tx);
	}
	os_mutex_unlock(&tx->lock);
	return runs;
}

/* To the wire, on the queue that goes with the ring; what does not fit there now is lost. */
static void send(struct lr_nic *nic, const struct lr_ring *r, struct lr_inlet *in, struct sk_buff_head *list)
{
	struct lr_port *p = r->port;
	struct lr_ring *tx = &p->ring[LR_TX][r->index % p->num_rings[LR_TX]];
	unsigned int n = skb_queue_len(list), sent;

	if (tx->ops == &lr_native_port_ops && send_by_ring(tx, list)) {
		sent = n - skb_queue_len(list);
		__skb_queue_purge(list);
	} else {
		sent = lr_xmit_list(nic->dev, r->index, list);
	}
	while (sent++ < n)
		lr_inlet_drop(in);
}

void lr_host_forward(struct lr_ring *r, uint32_t from, uint32_t to)
{
	struct lr_nic *nic = r->port->priv;
	struct lr_inlet *in = &nic->inlet[r->kind == LR_HOST_RX][r->index];
	struct sk_buff_head list;
	struct packet pk;

	__skb_queue_head_init(&list);
	while (from != to) {
		struct sk_buff *skb = NULL;

		packet_read(&pk, r, from, to);
		from = lr_pos_add(from, pk.slots, r->num_slots);
		if (pk.piece[0].flags & NS_FORWARD) {
			if (pk.whole && !pk.bad && length_ok(nic->dev, pk.len))
				skb = packet_skb(&pk, r, nic->dev);
			if (skb)
				__skb_queue_tail(&list, skb);
			else
				lr_inlet_drop(in);
		}
		if (skb_queue_len(&list) < BATCH && from != to)
			continue;
		if (r->kind == LR_RX)
			inject(nic, &list);
		else
			send(nic, r, in, &list);
	}
}
