/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets between host rings and taps, and those that are forwarded. A system call for each: the way through the host's stack
 * takes much longer.
 */
#include <net/ethernet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "host.h"
#include "nic.h"

#define VLAN_LEN 4u
#define LONGEST 65600u

/* --- From slots ---------------------------------------------------------------------------------------- */

/* The slots of one packet, each read once. */
struct packet {
	struct iovec piece[NETMAP_MAX_FRAGS];
	uint32_t slots, len;
	uint16_t flags;	/* of the first */
	bool whole;	/* its last slot is among them */
	bool bad;	/* one of them is refused */
};

/* Reads a packet that begins at pos, as far as there are slots before `end`. */
static void packet_read(struct packet *pk, const struct lr_ring *r, uint32_t pos, uint32_t end)
{
	pk->slots = pk->len = 0;
	pk->whole = pk->bad = false;
	pk->flags = lr_slot_read(&r->slot[pos]).flags;
	for (; pos != end && pk->slots < NETMAP_MAX_FRAGS && !pk->whole; pos = lr_pos_next(pos, r->num_slots)) {
		struct lr_slot s = lr_slot_read(&r->slot[pos]);
		bool ok = lr_slot_ok(r, s);

		pk->bad |= !ok;
		pk->len += s.len;
		pk->whole = !(s.flags & NS_MOREFRAG);
		pk->piece[pk->slots].iov_base = ok ? lr_region_buf(r->port->region, s.idx) : NULL;
		pk->piece[pk->slots++].iov_len = s.len;
	}
}

/* What the wire would carry. */
static uint32_t longest(const struct lr_host *h)
{
	return lr_netdev_mtu(h->dev) + ETH_HLEN + 2 * VLAN_LEN;
}

static bool length_ok(const struct packet *pk, uint32_t most)
{
	return pk->len >= ETH_HLEN && pk->len <= most;
}

/* Into the tap: it is received by the host before this returns, or soon after. */
static bool to_stack(struct lr_host *h, const struct packet *pk)
{
	return writev(h->to.fd, pk->piece, (int)pk->slots) == (ssize_t)pk->len;
}

static bool to_wire(struct lr_host *h, struct packet *pk)
{
	struct msghdr m = { .msg_iov = pk->piece, .msg_iovlen = pk->slots };

	return sendmsg(h->wire, &m, MSG_DONTWAIT) == (ssize_t)pk->len;
}

int lr_host_txsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_host *h = lr_host_of(r->port);
	uint32_t limit = r->num_slots - 1 < NETMAP_MAX_FRAGS ? r->num_slots - 1 : NETMAP_MAX_FRAGS;
	uint32_t pos = lr_ring_skip(r, r->hwcur), most = pos == r->head ? 0 : longest(h);
	struct packet pk;

	(void)flags;
	while (pos != r->head) {
		packet_read(&pk, r, pos, r->head);
		if (!pk.whole && !pk.bad && pk.slots < limit)
			break;
		lr_count(&r->count.kicks, 1);
		if (pk.whole && !pk.bad && length_ok(&pk, most) && to_stack(h, &pk)) {
			lr_count(&r->count.packets, 1);
			lr_count(&r->count.bytes, pk.len);
		} else {
			lr_ring_refuse(r, pos, pk.slots, pk.whole);
		}
		pos = lr_ring_skip(r, lr_pos_add(pos, pk.slots, r->num_slots));
	}
	os_store(&r->hwcur, pos);
	os_store(&r->hwtail, lr_pos_prev(pos, r->num_slots));
	return 0;
}

void lr_host_forward(struct lr_ring *r, uint32_t from, uint32_t to)
{
	struct lr_host *h = lr_host_of(r->port);
	bool up = r->kind == LR_RX;
	struct packet pk;
	uint32_t most = 0;

	while (from != to) {
		bool sent = false;

		packet_read(&pk, r, from, to);
		from = lr_pos_add(from, pk.slots, r->num_slots);
		if (!(pk.flags & NS_FORWARD))
			continue;
		most = most ? most : longest(h);
		if (pk.whole && !pk.bad && length_ok(&pk, most) && (up ? lr_host_reach_stack(h) : lr_host_reach_wire(h)))
			sent = up ? to_stack(h, &pk) : to_wire(h, &pk);
		if (!sent)
			lr_count(&r->count.drops, 1);
	}
}

/* --- Into slots ------------------------------------------------------------------------------------------ */

/* A usable buffer in the slot; NULL when there is none to be had. */
static void *slot_buf(struct lr_ring *r, uint32_t pos, uint32_t *idx)
{
	*idx = lr_slot_read(&r->slot[pos]).idx;
	if (os_unlikely(!lr_buf_ok(r, *idx))) {
		lr_count(&r->count.bad_slots, 1);
		*idx = lr_ring_new_buf(r);
		lr_slot_write(&r->slot[pos], *idx, 0, NS_BUF_CHANGED);
	}
	return *idx ? lr_region_buf(r->port->region, *idx) : NULL;
}

/* A packet of len bytes is in these buffers, of the slots from pos on. Returns how many it takes. */
static uint32_t rx_publish(struct lr_ring *r, uint32_t pos, const uint32_t *idx, uint32_t len)
{
	uint32_t n = 0;

	lr_count(&r->count.packets, 1);
	lr_count(&r->count.bytes, len);
	for (;; pos = lr_pos_next(pos, r->num_slots)) {
		uint32_t piece = len < r->buf_len ? len : r->buf_len;

		len -= piece;
		lr_slot_write(&r->slot[pos], idx[n++], (uint16_t)piece, len ? NS_MOREFRAG : 0);
		if (!len)
			return n;
	}
}

/*
 * The next packet into slots from pos on, of which there are `room`; `need` are enough for any. Returns the slots it took; 0: it
 * was lost, being too long or for want of buffers; -EAGAIN: there is none; another error: the tap is gone.
 */
static int rx_packet(struct lr_host *h, struct lr_ring *r, uint32_t pos, uint32_t room, uint32_t need)
{
	struct iovec iov[NETMAP_MAX_FRAGS + 1];
	uint32_t idx[NETMAP_MAX_FRAGS], n = room < need ? room : need, i, at = pos;
	ssize_t len;

	for (i = 0; i < n; i++, at = lr_pos_next(at, r->num_slots)) {
		iov[i].iov_base = slot_buf(r, at, &idx[i]);
		iov[i].iov_len = r->buf_len;
		if (!iov[i].iov_base)
			break;
	}
	n = i;
	iov[n].iov_base = h->rest;
	iov[n].iov_len = LONGEST;
	len = readv(h->rx[r->index].fd, iov, (int)n + 1);
	if (len < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (len <= (ssize_t)(n * r->buf_len) && len)
		return (int)rx_publish(r, pos, idx, (uint32_t)len);
	lr_count(&r->count.drops, 1);
	return 0;
}

static int rx_receive(struct lr_host *h, struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint32_t pos = r->hwtail, room = n - 1 - lr_pos_dist(r->hwcur, pos, n), need, i;
	int got = 0;

	if (!room)
		return 0;
	need = (longest(h) + r->buf_len - 1) / r->buf_len;
	if (need > NETMAP_MAX_FRAGS)
		need = NETMAP_MAX_FRAGS;
	/* A ring that is too small for the longest packet takes what fits. */
	for (i = 0; i < n && (room >= need || room == n - 1); i++) {
		got = rx_packet(h, r, pos, room, need);
		if (got < 0)
			break;
		pos = lr_pos_add(pos, (uint32_t)got, n);
		room -= (uint32_t)got;
	}
	os_store(&r->hwtail, pos);
	return got < 0 && got != -EAGAIN ? got : 0;
}

int lr_host_rxsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_host *h = lr_host_of(r->port);
	struct lr_host_rx *x = &h->rx[r->index];
	uint32_t before = r->hwtail;
	int err;

	(void)flags;
	os_store(&r->hwcur, r->head);
	err = rx_receive(h, r);
	if (err) {
		os_log("%s: the tap interface %s is lost: %s", r->port->name, h->from.name, strerror(-err));
		lr_port_set_gone(r->port);
		return -ENXIO;
	}
	if (r->hwtail == before && ++x->idle % LR_NIC_IDLE_SYNCS == 0)
		lr_netdev_read_news(h->dev);
	return 0;
}
