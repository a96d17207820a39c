/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Pipes: X{ID and X}ID, two ports whose rings are joined crosswise. A packet moves by swapping buffers between
 * the slot it was sent from and the slot it is received in.
 *
 *	master tx  hwcur..head  ---- txsync swaps slots ---->  hwtail..  slave rx
 *	master rx  ..hwtail     <---- txsync swaps slots ----  head..hwcur  slave tx
 *
 * Both ends exist while either is open, so what is sent before the other end opens waits there, up to a ring full.
 * What a receiver has not taken when it closes is dropped and counted.
 *
 * Sharing: a receiving ring is filled by the sender, under the sender's lock, and emptied by its own rxsync,
 * under its own. They meet in two positions only: hwtail is written by the sender (release) and read by the
 * receiver (acquire), hwcur the other way round. The sender touches slots [hwtail, hwcur - 1) of it, nobody else does.
 */
#include "core/control.h"
#include "core/port.h"
#include "core/swap.h"

struct pipe {
	struct lr_port *end[2];	/* master, slave */
};

/* What is being moved; all of it in registers during a sync. */
struct move {
	struct lr_ring *tx, *rx;
	uint32_t t, r;		/* next slot of each */
	uint32_t left, room;	/* slots still to take; free ones on the other side */
	uint32_t frags, limit;	/* slots moved of a packet that goes on; so many can be moved of one */
	uint64_t bytes, packets;
};

/* Takes the slots of a packet that is not delivered up to its last, which may come with a later sync. */
static void skip_rest(struct move *m)
{
	m->tx->skip = true;
	while (m->left && m->tx->skip) {
		m->tx->skip = lr_slot_read(&m->tx->slot[m->t]).flags & NS_MOREFRAG;
		lr_ring_mend_slot(m->tx, m->t);
		m->t = lr_pos_next(m->t, m->tx->num_slots);
		m->left--;
	}
}

/* What was delivered of a packet is withdrawn, the rest is taken and not delivered. */
static void drop_packet(struct move *m)
{
	for (; m->frags; m->frags--, m->room++) {
		m->r = lr_pos_prev(m->r, m->rx->num_slots);
		m->bytes -= lr_slot_read(&m->rx->slot[m->r]).len;
	}
	skip_rest(m);
	lr_count(&m->tx->count.drops, 1);
}

/* Something is wrong with the next pair of slots. False: cannot go on now. */
static bool mend(struct move *m)
{
	struct lr_slot s = lr_slot_read(&m->tx->slot[m->t]);
	struct netmap_slot *rs = &m->rx->slot[m->r];
	uint32_t idx;

	if (!lr_slot_ok(m->tx, s)) {
		lr_count(&m->tx->count.bad_slots, 1);
		drop_packet(m);
		return true;
	}
	/* More slots than a packet may have, or than can ever be received. */
	if (m->frags + 1 == m->limit && s.flags & NS_MOREFRAG) {
		drop_packet(m);
		return true;
	}
	if (lr_buf_ok(m->rx, lr_slot_read(rs).idx))
		return true;	/* somebody is playing with us; it is fine now */
	idx = lr_ring_new_buf(m->rx);
	if (!idx)
		return false;
	lr_count(&m->rx->count.bad_slots, 1);
	lr_slot_write(rs, idx, 0, NS_BUF_CHANGED);
	return true;
}

/* Swaps up to n pairs of slots, in a straight piece of both rings; stops at a pair with something wrong. How many went. */
static uint32_t swap_run(struct move *m, uint32_t n)
{
	const uint8_t *used = m->tx->buf_used;
	const uint32_t num = m->tx->buf_num, max_len = m->tx->buf_len, last = m->limit - 1;
	struct netmap_slot *ts = &m->tx->slot[m->t], *rs = &m->rx->slot[m->r];
	uint64_t bytes = 0, packets = 0;
	uint32_t frags = m->frags, i;

	for (i = 0; i < n; i++, ts++, rs++) {
		struct lr_slot a = lr_slot_read(ts), b = lr_slot_read(rs);
		uint64_t ptr = os_load(&ts->ptr);

		if (os_unlikely(a.len > max_len) || !lr_swap_ok(used, num, a, b))
			break;
		if (os_unlikely(a.flags & NS_MOREFRAG)) {
			if (frags == last)
				break;
			frags++;
		} else {
			frags = 0;
			packets++;
		}
		lr_swap(ts, rs, a, b, a.flags);
		os_store(&ts->ptr, os_load(&rs->ptr));
		os_store(&rs->ptr, ptr);
		bytes += a.len;
	}
	m->frags = frags;
	m->bytes += bytes;
	m->packets += packets;
	return i;
}

static void move_slots(struct move *m)
{
	while (m->left && m->room) {
		uint32_t n = m->left < m->room ? m->left : m->room;
		uint32_t done;

		if (n > m->tx->num_slots - m->t)
			n = m->tx->num_slots - m->t;
		if (n > m->rx->num_slots - m->r)
			n = m->rx->num_slots - m->r;
		done = swap_run(m, n);
		m->t = m->t + done == m->tx->num_slots ? 0 : m->t + done;
		m->r = m->r + done == m->rx->num_slots ? 0 : m->r + done;
		m->left -= done;
		m->room -= done;
		if (os_unlikely(done < n) && !mend(m))
			break;
	}
}

/*
 * A packet whose last slot has not come yet, or had no room, is not shown to the receiver: it stays
 * with the sender, who finds its own buffers in its slots again.
 */
static void keep_whole(struct move *m)
{
	for (; m->frags; m->frags--) {
		struct netmap_slot *ts, *rs;
		struct lr_slot a, b;
		uint64_t ptr;

		m->r = lr_pos_prev(m->r, m->rx->num_slots);
		m->t = lr_pos_prev(m->t, m->tx->num_slots);
		ts = &m->tx->slot[m->t];
		rs = &m->rx->slot[m->r];
		a = lr_slot_read(rs);
		b = lr_slot_read(ts);
		ptr = os_load(&rs->ptr);
		lr_slot_write(ts, a.idx, a.len, a.flags);
		lr_slot_write(rs, b.idx, b.len, b.flags);
		os_store(&rs->ptr, os_load(&ts->ptr));
		os_store(&ts->ptr, ptr);
		m->bytes -= a.len;
	}
}

static int pipe_txsync(struct lr_ring *t, unsigned int flags)
{
	struct lr_ring *r = t->priv;
	struct move m = { .tx = t, .rx = r, .t = t->hwcur, .r = r->hwtail };

	(void)flags;
	m.left = lr_pos_dist(t->hwcur, t->head, t->num_slots);
	m.room = r->num_slots - 1 - lr_pos_dist(os_load_acquire(&r->hwcur), r->hwtail, r->num_slots);
	m.limit = r->num_slots - 1 < NETMAP_MAX_FRAGS ? r->num_slots - 1 : NETMAP_MAX_FRAGS;
	if (m.left) {
		if (os_unlikely(t->skip))
			skip_rest(&m);
		move_slots(&m);
		keep_whole(&m);
		lr_count(&t->count.packets, m.packets);
		lr_count(&t->count.bytes, m.bytes);
		lr_count(&r->count.packets, m.packets);
		lr_count(&r->count.bytes, m.bytes);
		os_store(&t->hwcur, m.t);
	}
	os_store(&t->hwtail, lr_pos_prev(m.t, t->num_slots));
	if (m.r == r->hwtail)
		return 0;
	os_store_release(&r->hwtail, m.r);
	if (os_waitq_wake(&r->wq))
		lr_count(&t->count.wakeups, 1);
	return 0;
}

static int pipe_rxsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_ring *t = r->priv;

	(void)flags;
	if (r->hwcur == r->head)
		return 0;
	os_store_release(&r->hwcur, r->head);
	/* A sender with a full ring waits for this. */
	if (os_waitq_wake(&t->wq))
		lr_count(&r->count.wakeups, 1);
	return 0;
}

/*
 * A sender needs the memory of the ring it fills. A receiver may find memory that was there before it: whatever the last one
 * left in it, it begins with what our books say.
 */
static int pipe_ring_start(struct lr_ring *r, struct lr_why *why)
{
	if (lr_kind_is_tx(r->kind))
		return lr_ring_mem_get(r->priv, why);
	os_store(&r->shared->head, r->head);
	os_store(&r->shared->cur, r->head);
	os_store(&r->shared->tail, r->tail);
	return 0;
}

/* A receiver leaves: what it has not taken is lost, and the next one begins with an empty ring. */
static void abandon(struct lr_ring *r)
{
	struct lr_ring *t = r->priv;
	uint32_t i;

	lr_control_lock_too(&t->lock);
	lr_control_lock_too(&r->lock);
	for (i = r->head; i != r->hwtail; i = lr_pos_next(i, r->num_slots))
		lr_count(&r->count.drops, !(lr_slot_read(&r->slot[i]).flags & NS_MOREFRAG));
	os_store(&r->hwcur, r->hwtail);
	os_store(&r->head, r->hwtail);
	os_store(&r->cur, r->hwtail);
	os_store(&r->tail, r->hwtail);
	os_waitq_wake(&t->wq);
	os_mutex_unlock(&r->lock);
	os_mutex_unlock(&t->lock);
}

static void pipe_ring_stop(struct lr_ring *r)
{
	struct lr_ring *peer = r->priv;

	if (!lr_kind_is_tx(r->kind)) {
		abandon(r);
		return;
	}
	/* Nobody receives: the memory goes, and what waits in it. */
	if (!peer->users)
		abandon(peer);
	lr_ring_mem_put(peer);
}

/* Both ends keep each other: the pair goes when neither is referred to. */
static void pipe_destroy(struct lr_port *p)
{
	struct pipe *pipe = p->priv;

	if (pipe->end[0]->refs || pipe->end[1]->refs)
		return;
	lr_port_free(pipe->end[0]);
	lr_port_free(pipe->end[1]);
	os_free(pipe);
}

static const struct lr_port_ops pipe_ops = {
	.kind = "pipe",
	.txsync = pipe_txsync,
	.rxsync = pipe_rxsync,
	.idle = true,
	.ring_start = pipe_ring_start,
	.ring_stop = pipe_ring_stop,
	.destroy = pipe_destroy,
};

/* Where the name of the parent ends: at the brace, or at the end. */
static size_t parent_len(const char *name)
{
	return strcspn(name, "{}");
}

static bool by_mode(const struct lr_port_query *q)
{
	return q->mode == NR_REG_PIPE_MASTER || q->mode == NR_REG_PIPE_SLAVE;
}

static bool pipe_match(const struct lr_port_query *q)
{
	return by_mode(q) || q->name[parent_len(q->name)];
}

/* The name with braces, for both ways to ask. */
static int pipe_full_name(const struct lr_port_query *q, char name[NETMAP_REQ_IFNAMSIZ], struct lr_why *why)
{
	size_t len = parent_len(q->name), i;
	const char *id = q->name + len + 1;

	if (by_mode(q)) {
		if (q->name[len])
			return lr_why(why, -EINVAL, "'%s' names a pipe already, and the mode does too", q->name);
		if (!len)
			return lr_why(why, -EINVAL, "a pipe needs a name before its number");
		if (len + 8 > NETMAP_REQ_IFNAMSIZ)
			return lr_why(why, -EINVAL, "the name '%s' is too long for a pipe", q->name);
		lr_text(name, NETMAP_REQ_IFNAMSIZ, "%s%c%u", q->name, q->mode == NR_REG_PIPE_MASTER ? '{' : '}', q->pipe_id);
		return 0;
	}
	for (i = 0; id[i]; i++)
		if (id[i] == '{' || id[i] == '}')
			return lr_why(why, -EINVAL, "'%s' has two braces, a pipe has one", q->name);
	if (!i || !len)
		return lr_why(why, -EINVAL, "'%s' is no pipe: it needs a name before the brace and an identifier after it", q->name);
	lr_text(name, NETMAP_REQ_IFNAMSIZ, "%s", q->name);
	return 0;
}

/* The parent's region and slot numbers; a private region if there is no such parent. */
static struct lr_region *pipe_region(const struct lr_port_query *q, const char *parent, struct lr_port_config *dflt, int *err,
				     struct lr_why *why)
{
	struct lr_port_query pq = { .name = parent, .netns = q->netns, .mode = NR_REG_ALL_NIC };
	struct lr_port *p = lr_port_find(parent, q->netns, NULL);
	struct lr_why nobody = { "" };
	struct lr_region *region;

	if (p && q->mem_id && p->region->id != q->mem_id) {
		*err = lr_why(why, -EINVAL, "%s uses memory region %u, region %u was asked for a pipe of it", parent, p->region->id, q->mem_id);
		return NULL;
	}
	if (p) {
		memcpy(dflt->slots, p->config.slots, sizeof(dflt->slots));
		lr_region_hold(p->region);
		return p->region;
	}
	if (q->mem_id)
		return lr_region_get(q->mem_id, err, why);
	*err = lr_port_get(&pq, &p, &nobody);
	if (*err == -ENXIO)
		return lr_region_get(0, err, why);
	if (*err) {
		lr_why(why, *err, "%s", nobody.text);
		return NULL;
	}
	memcpy(dflt->slots, p->config.slots, sizeof(dflt->slots));
	region = p->region;
	lr_region_hold(region);
	lr_port_put(p);
	return region;
}

/* Rings as asked for the end that opens first; the other end has them crosswise. */
static int pipe_config(const struct lr_port_query *q, const struct lr_port_config *dflt, struct lr_port_config *c, struct lr_why *why)
{
	*c = q->config;
	c->rings[LR_HOST_TX] = c->rings[LR_HOST_RX] = 0;
	return lr_port_config_check(c, dflt, why);
}

static void join(struct lr_port *tx, struct lr_port *rx)
{
	uint32_t i;

	for (i = 0; i < tx->num_rings[LR_TX]; i++) {
		tx->ring[LR_TX][i].priv = &rx->ring[LR_RX][i];
		rx->ring[LR_RX][i].priv = &tx->ring[LR_TX][i];
	}
}

static struct lr_port *end_create(const char *name, uint64_t netns, struct pipe *pipe, struct lr_region *region,
				  const struct lr_port_config *c, struct lr_why *why)
{
	struct lr_port *p = lr_port_alloc(name, netns, &lr_pipe_kind, &pipe_ops);

	if (!p) {
		lr_why(why, -ENOMEM, "no memory for a pipe");
		return NULL;
	}
	p->priv = pipe;
	p->config = *c;
	p->region = region;
	lr_region_hold(region);
	lr_text(p->backend, sizeof(p->backend), "pipe in memory region %u", region->id);
	if (lr_port_set_rings(p, why) < 0) {
		lr_port_free(p);
		return NULL;
	}
	return p;
}

static int pipe_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	struct lr_port_config dflt = { .rings = { 1, 0, 1, 0 }, .slots = { 1024, 1024, 1024, 1024 } }, here, there;
	char name[2][NETMAP_REQ_IFNAMSIZ];
	struct lr_region *region;
	struct pipe *pipe;
	unsigned int me;
	size_t brace;
	int err;

	err = pipe_full_name(q, name[0], why);
	if (err)
		return err;
	brace = parent_len(name[0]);
	me = name[0][brace] == '}';
	name[0][brace] = '\0';
	region = pipe_region(q, name[0], &dflt, &err, why);
	if (!region)
		return err;
	err = pipe_config(q, &dflt, &here, why);
	if (err)
		goto out_region;
	there = here;
	there.rings[LR_TX] = here.rings[LR_RX];
	there.rings[LR_RX] = here.rings[LR_TX];
	there.slots[LR_TX] = here.slots[LR_RX];
	there.slots[LR_RX] = here.slots[LR_TX];
	memcpy(name[1], name[0], sizeof(name[1]));
	lr_text(name[0] + brace, sizeof(name[0]) - brace, "{%s", name[1] + brace + 1);
	name[1][brace] = '}';

	err = -ENOMEM;
	pipe = os_zalloc(sizeof(*pipe));
	if (!pipe) {
		lr_why(why, err, "no memory for a pipe");
		goto out_region;
	}
	pipe->end[me] = end_create(name[me], q->netns, pipe, region, &here, why);
	if (!pipe->end[me])
		goto err_pipe;
	pipe->end[!me] = end_create(name[!me], q->netns, pipe, region, &there, why);
	if (!pipe->end[!me])
		goto err_end;
	pipe->end[!me]->refs = 0;
	join(pipe->end[0], pipe->end[1]);
	join(pipe->end[1], pipe->end[0]);
	*out = pipe->end[me];
	err = 0;
	goto out_region;

err_end:
	lr_port_free(pipe->end[me]);
err_pipe:
	os_free(pipe);
out_region:
	lr_region_put(region);	/* each end holds its own reference */
	return err;
}

const struct lr_port_kind lr_pipe_kind = {
	.match = pipe_match,
	.full_name = pipe_full_name,
	.create = pipe_create,
};
