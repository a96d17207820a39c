/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Null ports: no rings unless asked for. They hold extra buffers, or are the parent of pipes. A tx ring swallows what
 * it is given, an rx ring never has anything.
 */
#include "core/control.h"
#include "core/port.h"

static bool null_match(const struct lr_port_query *q)
{
	return q->mode == NR_REG_NULL;
}

static int null_txsync(struct lr_ring *r, unsigned int flags)
{
	uint64_t bytes = 0, packets = 0;
	uint32_t i;

	(void)flags;
	for (i = r->hwcur; i != r->head; i = lr_pos_next(i, r->num_slots)) {
		struct lr_slot s = lr_slot_read(&r->slot[i]);

		if (os_unlikely(!lr_slot_ok(r, s))) {
			lr_ring_mend_slot(r, i);
			lr_count(&r->count.bad_slots, 1);
			continue;
		}
		bytes += s.len;
		packets += !(s.flags & NS_MOREFRAG);
	}
	lr_count(&r->count.packets, packets);
	lr_count(&r->count.bytes, bytes);
	os_store(&r->hwcur, r->head);
	os_store(&r->hwtail, lr_pos_prev(r->head, r->num_slots));
	return 0;
}

static int null_rxsync(struct lr_ring *r, unsigned int flags)
{
	(void)flags;
	os_store(&r->hwcur, r->head);
	return 0;
}

static const struct lr_port_ops null_ops = {
	.kind = "null",
	.txsync = null_txsync,
	.rxsync = null_rxsync,
	.idle = true,
	.destroy = lr_port_free,
};

static int null_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	static const struct lr_port_config dflt = { .slots = { 1024, 1024, 1024, 1024 } };
	struct lr_port *p;
	int err;

	p = lr_port_alloc(q->name, q->netns, &lr_null_kind, &null_ops);
	if (!p)
		return lr_why(why, -ENOMEM, "no memory for a port");
	p->config = q->config;
	err = lr_port_config_check(&p->config, &dflt, why);
	if (err)
		goto err_port;
	p->region = lr_region_get(q->mem_id ? q->mem_id : LR_REGION_GLOBAL, &err, why);
	if (!p->region)
		goto err_port;
	err = lr_port_set_rings(p, why);
	if (err)
		goto err_port;
	lr_text(p->backend, sizeof(p->backend), "null port");
	*out = p;
	return 0;

err_port:
	lr_port_free(p);
	return err;
}

const struct lr_port_kind lr_null_kind = {
	.match = null_match,
	.full_name = lr_port_plain_name,
	.create = null_create,
};
