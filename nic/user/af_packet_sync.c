/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET: from netmap slots to frames and back, by copying.
 *
 * Barriers: who hands a frame over writes its status last, with release; the other side reads it with acquire
 * (net/packet/af_packet.c, __packet_set_status).
 */
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include "af_packet.h"
#include "checksum.h"
#include "nic.h"

#define DATA_OFFSET (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)) /* of a packet in a tx frame */

/* --- Transmit ------------------------------------------------------------------------------- */

/* `n` slots need no sending: they are free when all before them are. */
static void tx_free_later(struct lr_packet_ring *k, struct lr_ring *r, uint32_t n)
{
	if (k->prod != k->done)
		k->slots[(k->prod - 1) & k->mask] += (uint16_t)n;
	else
		os_store(&r->hwtail, lr_pos_add(r->hwtail, n, r->num_slots));
}

/*
 * One packet at pos, where the program has `left` slots for us, into the next frame. Returns how many slots were used
 * up; 0: the packet is not complete.
 */
static uint32_t tx_packet(struct lr_packet_ring *k, struct lr_ring *r, uint32_t pos, uint32_t left)
{
	struct tpacket2_hdr *h = lr_packet_frame(k, k->prod);
	uint32_t room = k->frame_size - DATA_OFFSET, n = 0, len = 0, bad = 0;
	bool more = true, good = !k->discard;

	while (more && n < left) {
		struct lr_slot s = lr_slot_read(&r->slot[pos]);

		more = s.flags & NS_MOREFRAG;
		if (!lr_slot_ok(r, s))
			bad++;
		else if (good && len + s.len <= room)
			memcpy((uint8_t *)h + DATA_OFFSET + len, lr_region_buf(r->port->region, s.idx), s.len);
		len += s.len;
		if (bad || len > room)
			good = false;
		if (s.flags & NS_BUF_CHANGED)
			os_store(&r->slot[pos].flags, (uint16_t)(s.flags & ~NS_BUF_CHANGED));
		if (bad)
			lr_ring_mend_slot(r, pos);
		pos = lr_pos_next(pos, r->num_slots);
		n++;
	}
	if (good && more && n < r->num_slots - 1)
		return 0;
	if (good && !more && len < ETH_HLEN) {
		good = false;
		bad = 1;
	}
	if (good && !more) {
		h->tp_len = len;
		os_store_release(&h->tp_status, (uint32_t)TP_STATUS_SEND_REQUEST);
		k->slots[k->prod & k->mask] = (uint16_t)n;
		os_store(&k->prod, k->prod + 1);
		lr_count(&r->count.packets, 1);
		lr_count(&r->count.bytes, len);
		return n;
	}
	if (!k->discard)
		lr_count(&r->count.drops, 1);
	lr_count(&r->count.bad_slots, bad);
	k->discard = more;
	tx_free_later(k, r, n);
	return n;
}

static void tx_submit(struct lr_packet_ring *k, struct lr_ring *r)
{
	uint32_t pos = r->hwcur, left = lr_pos_dist(pos, r->head, r->num_slots);

	/* There may be fewer frames than slots. */
	while (left && k->prod - k->done <= k->mask) {
		uint32_t n = tx_packet(k, r, pos, left);

		if (!n)
			break;
		pos = lr_pos_add(pos, n, r->num_slots);
		left -= n;
	}
	os_store(&r->hwcur, pos);
}

void lr_packet_tx_reclaim(struct lr_ring *r)
{
	struct lr_packet_ring *k = r->priv;
	uint32_t done = k->done, tail = r->hwtail;

	while (done != k->prod && os_load_acquire(&lr_packet_frame(k, done)->tp_status) == TP_STATUS_AVAILABLE)
		tail = lr_pos_add(tail, k->slots[done++ & k->mask], r->num_slots);
	os_store(&r->hwtail, tail);
	os_store(&k->done, done);
}

/* The kernel sends what it finds; it stops (ENOBUFS) when the interface drops a packet, and goes on with the next. */
static void tx_kick(struct lr_netdev *d, struct lr_packet_ring *k, struct lr_ring *r)
{
	uint32_t i;

	for (i = k->done; i != k->prod; i++) {
		lr_count(&r->count.kicks, 1);
		if (sendto(k->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			return;
		if (errno == ENXIO || errno == ENETDOWN)
			lr_netdev_read_news(d);
		if (errno != ENOBUFS)
			return;
		lr_count(&r->count.drops, 1);
	}
}

int lr_packet_txsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_packet_nic *nic = r->port->priv;
	struct lr_packet_ring *k = r->priv;

	(void)flags;
	if (r->hwcur != r->head)
		tx_submit(k, r);
	if (k->prod != k->done)
		tx_kick(nic->dev, k, r);
	lr_packet_tx_reclaim(r);
	return 0;
}

/* --- Receive -------------------------------------------------------------------------------- */

/* Copies [from, from + len) of the packet, as if the tag were in its place. */
static void packet_copy(const struct lr_packet *p, char *to, uint32_t from, uint32_t len)
{
	const uint32_t at = 2 * ETH_ALEN;
	uint32_t n;

	if (os_likely(!p->tag_len)) {
		memcpy(to, p->data + from, len);
		return;
	}
	for (; len; len -= n, from += n, to += n) {
		n = len;
		if (from < at) {
			n = n < at - from ? n : at - from;
			memcpy(to, p->data + from, n);
		} else if (from < at + LR_PACKET_TAG) {
			n = n < at + LR_PACKET_TAG - from ? n : at + LR_PACKET_TAG - from;
			memcpy(to, p->tag + (from - at), n);
		} else {
			memcpy(to, p->data + (from - LR_PACKET_TAG), n);
		}
	}
}

static void packet_tag(struct lr_packet *p, const struct tpacket2_hdr *h, uint32_t status)
{
	unsigned int type = status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETHERTYPE_VLAN;

	p->tag_len = status & TP_STATUS_VLAN_VALID && p->len >= 2 * ETH_ALEN ? LR_PACKET_TAG : 0;
	p->tag[0] = (uint8_t)(type >> 8);
	p->tag[1] = (uint8_t)type;
	p->tag[2] = (uint8_t)(h->tp_vlan_tci >> 8);
	p->tag[3] = (uint8_t)h->tp_vlan_tci;
}

/* Of a packet of many segments: where its headers are. False: they are not what the kernel says. */
static bool packet_cut(struct lr_packet_in *in, const struct virtio_net_hdr *v)
{
	const struct lr_packet *p = &in->whole;
	uint32_t n = p->len < LR_SEGMENT_HEAD ? p->len : LR_SEGMENT_HEAD;

	in->cut = v->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	in->ofs = 0;
	return !in->cut || lr_segment_find(&in->seg, p->data, n, v->gso_type, v->gso_size, v->csum_start);
}

/* The packet of a frame. False: it did not come as a whole. */
static bool packet_get(struct lr_packet_ring *k, struct tpacket2_hdr *h, uint32_t status)
{
	struct lr_packet *p = &k->in->whole;
	struct virtio_net_hdr v;
	ssize_t n;

	p->data = (uint8_t *)h + h->tp_mac;
	p->len = h->tp_len;
	if (status & TP_STATUS_COPY) {
		n = recv(k->fd, k->in->longer, sizeof(k->in->longer), MSG_DONTWAIT | MSG_TRUNC);
		p->data = k->in->longer + LR_PACKET_VNET;
		if (n < (ssize_t)LR_PACKET_VNET || n > (ssize_t)sizeof(k->in->longer))
			return false;
		p->len = (uint32_t)n - LR_PACKET_VNET;
	} else if (h->tp_snaplen < h->tp_len) {
		return false;
	}
	packet_tag(p, h, status);
	memcpy(&v, p->data - LR_PACKET_VNET, sizeof(v));
	if (!packet_cut(k->in, &v))
		return false;
	if (status & TP_STATUS_CSUMNOTREADY && !k->in->cut)
		lr_checksum_complete(p->data, p->len);
	return true;
}

/* The next segment of a packet that is cut. Returns how much of the data is in it. */
static uint32_t segment_make(struct lr_packet_in *in, struct lr_packet *p)
{
	const uint8_t *data = in->whole.data + in->seg.head_len + in->ofs;
	uint32_t left = in->whole.len - in->seg.head_len - in->ofs, n = left < in->seg.size ? left : in->seg.size;
	bool last = n == left;

	*p = in->whole;
	p->data = in->piece;
	p->len = in->seg.head_len + n;
	lr_segment_make(&in->seg, in->piece, in->ofs, n, last, lr_sum_add(0, data, n));
	memcpy(in->piece + in->seg.head_len, data, n);
	return n;
}

/* A usable buffer in the slot; false when there is none to be had. */
static bool rx_slot_mend(struct lr_ring *r, uint32_t pos)
{
	uint32_t idx = lr_slot_read(&r->slot[pos]).idx;

	if (os_likely(lr_buf_ok(r, idx)))
		return true;
	lr_count(&r->count.bad_slots, 1);
	idx = lr_ring_new_buf(r);
	lr_slot_write(&r->slot[pos], idx, 0, NS_BUF_CHANGED);
	return idx != 0;
}

/* The packet into n slots from pos on. False: a slot has no buffer. */
static bool rx_fill(struct lr_ring *r, const struct lr_packet *p, uint32_t pos, uint32_t n)
{
	uint32_t from = 0, left = p->len + p->tag_len;

	for (; n; n--, pos = lr_pos_next(pos, r->num_slots)) {
		uint32_t len = left < r->buf_len ? left : r->buf_len;
		struct lr_slot s;

		if (!rx_slot_mend(r, pos))
			return false;
		s = lr_slot_read(&r->slot[pos]);
		if (!lr_buf_ok(r, s.idx))
			return false;
		packet_copy(p, lr_region_buf(r->port->region, s.idx), from, len);
		lr_slot_write(&r->slot[pos], s.idx, (uint16_t)len, n > 1 ? NS_MOREFRAG : 0);
		from += len;
		left -= len;
	}
	return true;
}

/* Where received packets go. */
struct place {
	uint32_t pos, room;
};

/* A packet into slots. False: there are too few now. */
static bool rx_packet(struct lr_ring *r, const struct lr_packet *p, struct place *at)
{
	uint32_t len = p->len + p->tag_len, slots = (len + r->buf_len - 1) / r->buf_len;

	if (slots > at->room && slots < r->num_slots)
		return false;
	if (slots > at->room || !rx_fill(r, p, at->pos, slots)) {
		lr_count(&r->count.drops, 1);
		return true;
	}
	at->pos = lr_pos_add(at->pos, slots, r->num_slots);
	at->room -= slots;
	lr_count(&r->count.packets, 1);
	lr_count(&r->count.bytes, len);
	return true;
}

static bool rx_deliver(struct lr_ring *r, struct lr_packet_in *in, struct place *at)
{
	struct lr_packet p;

	if (!in->cut)
		return rx_packet(r, &in->whole, at);
	while (in->seg.head_len + in->ofs < in->whole.len) {
		uint32_t n = segment_make(in, &p);

		if (!rx_packet(r, &p, at))
			return false;
		in->ofs += n;
	}
	return true;
}

static void rx_receive(struct lr_packet_ring *k, struct lr_ring *r)
{
	struct place at = { r->hwtail, r->num_slots - 1 - lr_pos_dist(r->hwcur, r->hwtail, r->num_slots) };
	struct lr_packet_in *in = k->in;

	for (;;) {
		struct tpacket2_hdr *h = lr_packet_frame(k, k->done);
		uint32_t status = os_load_acquire(&h->tp_status);

		if (!(status & TP_STATUS_USER))
			break;
		if (!in->taken) {
			in->taken = packet_get(k, h, status);
			if (!in->taken)
				lr_count(&r->count.drops, 1);
		}
		if (in->taken && !rx_deliver(r, in, &at))
			break;
		in->taken = false;
		os_store_release(&h->tp_status, (uint32_t)TP_STATUS_KERNEL);
		k->done++;
	}
	os_store(&r->hwtail, at.pos);
}

int lr_packet_rxsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_packet_nic *nic = r->port->priv;
	struct lr_packet_ring *k = r->priv;
	uint32_t before = r->hwtail;

	(void)flags;
	os_store(&r->hwcur, r->head);
	rx_receive(k, r);
	if (r->hwtail == before && ++k->idle % LR_NIC_IDLE_SYNCS == 0)
		lr_netdev_read_news(nic->dev);
	return 0;
}
