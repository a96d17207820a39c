/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * VALE ports of programs: valeS:P, port P of switch S. Both come with their first user and go with their last. Each port has
 * a memory region of its own, unless it is told to use another's. Tx rings are sources, rx rings are queues (vale.h).
 */
#include "core/control.h"
#include "core/vale.h"
#include "core/vale_nic.h"

/* What is behind the lr_port. */
struct vale {
	struct lr_vale_port vp;
	struct lr_port *port;
};

static int vale_txsync(struct lr_ring *r, unsigned int flags)
{
	(void)flags;
	if (r->hwcur != r->head)
		os_store(&r->hwcur, lr_vale_forward(r->priv, r->hwcur, r->head));
	/* All that was taken is copied: a sender has its slots back at once, whatever receivers do. */
	os_store(&r->hwtail, lr_pos_prev(r->hwcur, r->num_slots));
	return 0;
}

static int vale_rxsync(struct lr_ring *r, unsigned int flags)
{
	(void)flags;
	/* Partner: queue_room, before a sender fills the slots. */
	os_store_release(&r->hwcur, r->head);
	return 0;
}

/* --- Rings that come and go -------------------------------------------------------------------------------- */

static int tx_start(struct lr_ring *r, struct vale *v, struct lr_why *why)
{
	struct lr_vale_source *src = os_zalloc(sizeof(*src));

	if (!src)
		return lr_why(why, -ENOMEM, "no memory for a ring of %s", v->port->name);
	lr_vale_source_init(src, &v->vp, r);
	lr_switch_add_source(v->vp.sw, src);
	r->priv = src;
	return 0;
}

/* Nobody syncs it any more. */
static void tx_stop(struct lr_ring *r, struct vale *v)
{
	struct lr_vale_source *src = r->priv;

	lr_switch_del_source(v->vp.sw, src);
	lr_vale_source_fini(src);
	os_free(src);
	r->priv = NULL;
}

/* What the receiver has not taken is lost. */
static void rx_stop(struct lr_ring *r, struct vale *v)
{
	struct lr_vale_queue *q = &v->vp.queue[r->index];
	uint32_t i, lost = 0;

	lr_vale_queue_close(q);
	lr_switch_settle(v->vp.sw);
	lr_vale_queue_clear(q);
	for (i = r->head; i != r->hwtail; i = lr_pos_next(i, r->num_slots))
		lost += !(lr_slot_read(&r->slot[i]).flags & NS_MOREFRAG);
	/* Senders still come, and count theirs. */
	lr_vale_drop(q, lost);
}

static int vale_ring_start(struct lr_ring *r, struct lr_why *why)
{
	struct vale *v = r->port->priv;

	return lr_kind_is_tx(r->kind) ? tx_start(r, v, why) : lr_vale_queue_open(&v->vp.queue[r->index], why);
}

static void vale_ring_stop(struct lr_ring *r)
{
	struct vale *v = r->port->priv;

	if (lr_kind_is_tx(r->kind))
		tx_stop(r, v);
	else
		rx_stop(r, v);
}

static int vale_header(struct lr_port *p, uint32_t *len, bool set, struct lr_why *why)
{
	struct vale *v = p->priv;

	if (set && *len != 0 && *len != 10 && *len != 12)
		return lr_why(why, -EINVAL, "virtio-net headers of %u bytes were asked for, they have 0, 10 or 12", *len);
	if (set && p->refs == 1)
		return lr_why(why, -ENXIO, "%s is not open: the header would be forgotten at once", p->name);
	if (set)
		os_store(&v->vp.hdr_len, *len);
	*len = v->vp.hdr_len;
	return 0;
}

static void vale_describe(struct lr_port *p)
{
	const struct vale *v = p->priv;

	lr_text(p->backend, sizeof(p->backend), "port %u of %u of switch %s, virtio-net headers of %u bytes", v->vp.index,
		v->vp.sw->num_ports, v->vp.sw->name, v->vp.hdr_len);
}

static void vale_destroy(struct lr_port *p)
{
	struct vale *v = p->priv;
	uint32_t i;

	if (v->vp.sw)
		lr_switch_leave(&v->vp);
	for (i = 0; i < v->vp.num_queues; i++)
		lr_vale_queue_fini(&v->vp.queue[i]);
	os_free(v->vp.queue);
	os_free(v);
	lr_port_free(p);
}

static const struct lr_port_ops vale_ops = {
	.kind = "vale",
	.txsync = vale_txsync,
	.rxsync = vale_rxsync,
	.idle = true,
	.ring_start = vale_ring_start,
	.ring_stop = vale_ring_stop,
	.header = vale_header,
	.describe = vale_describe,
	.destroy = vale_destroy,
};

/* --- Finding and making -------------------------------------------------------------------------------------- */

static bool vale_match(const struct lr_port_query *q)
{
	return lr_vale_prefix(q->name);
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int vale_full_name(const struct lr_port_query *q, char name[NETMAP_REQ_IFNAMSIZ], struct lr_why *why)
{
	size_t colon = lr_vale_prefix(q->name), i;

	for (i = 0; q->name[i]; i++)
		if (i != colon && !is_word(q->name[i]))
			return lr_why(why, -EINVAL, "'%s': the names of a switch and its ports are of letters, digits and _", q->name);
	if (i == colon + 1)
		return lr_why(why, -EINVAL, "'%s' names a switch and no port", q->name);
	lr_text(name, NETMAP_REQ_IFNAMSIZ, "%s", q->name);
	return 0;
}

/* Rings, their queues, and a place on the switch; vale_destroy undoes it. */
static int set_up(struct vale *v, const struct lr_port_query *q, struct lr_why *why)
{
	static const struct lr_port_config dflt = {
		.rings = { [LR_TX] = LR_VALE_RINGS, [LR_RX] = LR_VALE_RINGS },
		.slots = { LR_VALE_SLOTS, LR_VALE_SLOTS, LR_VALE_SLOTS, LR_VALE_SLOTS },
	};
	struct lr_port *p = v->port;
	uint32_t i;
	int err;

	p->config = q->config;
	p->config.rings[LR_HOST_TX] = p->config.rings[LR_HOST_RX] = 0;
	err = lr_port_config_check(&p->config, &dflt, why);
	if (err)
		return err;
	p->region = lr_region_get(q->mem_id, &err, why);
	if (!p->region)
		return err;
	err = lr_port_set_rings(p, why);
	if (err)
		return err;
	v->vp.queue = os_zalloc(p->num_rings[LR_RX] * sizeof(*v->vp.queue));
	if (!v->vp.queue)
		return lr_why(why, -ENOMEM, "no memory for the rings of %s", p->name);
	for (i = 0; i < p->num_rings[LR_RX]; i++)
		lr_vale_queue_init(&v->vp.queue[i], &p->ring[LR_RX][i], false);
	v->vp.num_queues = i;
	return lr_switch_join(&v->vp, q->netns, why);
}

static int vale_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	struct vale *v;
	int err;

	if (lr_vale_nic_is_attached(q->name, q->netns))
		return lr_why(why, -EBUSY, "%s is an interface on the switch: programs cannot open it", q->name);
	v = os_zalloc(sizeof(*v));
	if (!v)
		return lr_why(why, -ENOMEM, "no memory for %s", q->name);
	v->port = lr_port_alloc(q->name, q->netns, &lr_vale_kind, &vale_ops);
	if (!v->port) {
		os_free(v);
		return lr_why(why, -ENOMEM, "no memory for %s", q->name);
	}
	v->port->priv = v;
	lr_text(v->vp.name, sizeof(v->vp.name), "%s", q->name);
	err = set_up(v, q, why);
	if (err)
		vale_destroy(v->port);
	else
		*out = v->port;
	return err;
}

const struct lr_port_kind lr_vale_kind = {
	.match = vale_match,
	.full_name = vale_full_name,
	.create = vale_create,
};
