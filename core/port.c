/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Ports: finding, making, binding rings. What is particular to a kind is in the kind's file. See port.h.
 */
#include "core/control.h"
#include "core/port.h"

/* The first that recognizes a name has it; the NIC kind takes what is left. */
static const struct lr_port_kind *const kinds[] = { &lr_null_kind, &lr_pipe_kind, &lr_vale_kind, &lr_nic_kind };

static struct lr_port *ports;

struct lr_port *lr_port_find(const char *name, uint64_t netns, const struct lr_port_kind *kind)
{
	struct lr_port *p;

	for (p = ports; p; p = p->next)
		if (!os_load(&p->gone) && p->netns == netns && (!kind || p->kind == kind) && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

int lr_port_get(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	char name[NETMAP_REQ_IFNAMSIZ];
	unsigned int i;

	lr_control_assert_locked();
	for (i = 0; i < LR_ARRAY_SIZE(kinds); i++) {
		int err;

		if (!kinds[i]->match(q))
			continue;
		err = kinds[i]->full_name(q, name, why);
		if (err)
			return err;
		*out = lr_port_find(name, q->netns, kinds[i]);
		if (!*out)
			return kinds[i]->create(q, out, why);
		if (q->mem_id && q->mem_id != (*out)->region->id)
			return lr_why(why, -EINVAL, "%s uses memory region %u, region %u was asked for", name,
				      (*out)->region->id, q->mem_id);
		lr_port_hold(*out);
		return 0;
	}
	return lr_why(why, -ENXIO, "there is no port '%s'", q->name);
}

const struct lr_port *lr_port_first(void)
{
	lr_control_assert_locked();
	return ports;
}

void lr_port_hold(struct lr_port *p)
{
	lr_control_assert_locked();
	p->refs++;
}

void lr_port_put(struct lr_port *p)
{
	lr_control_assert_locked();
	if (--p->refs == 0)
		p->ops->destroy(p);
}

int lr_port_plain_name(const struct lr_port_query *q, char name[NETMAP_REQ_IFNAMSIZ], struct lr_why *why)
{
	(void)why;
	lr_text(name, NETMAP_REQ_IFNAMSIZ, "%s", q->name);
	return 0;
}

struct lr_port *lr_port_alloc(const char *name, uint64_t netns, const struct lr_port_kind *kind, const struct lr_port_ops *ops)
{
	struct lr_port *p = os_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	lr_text(p->name, sizeof(p->name), "%s", name);
	p->netns = netns;
	p->kind = kind;
	p->ops = ops;
	p->refs = 1;
	p->next = ports;
	ports = p;
	return p;
}

static void free_rings(struct lr_port *p)
{
	unsigned int k;
	uint32_t i;

	for (k = 0; k < LR_RING_KINDS; k++) {
		for (i = 0; i < p->num_rings[k]; i++) {
			os_waitq_fini(&p->ring[k][i].wq);
			os_mutex_fini(&p->ring[k][i].lock);
		}
		os_free(p->ring[k]);
		p->ring[k] = NULL;
		p->num_rings[k] = 0;
	}
}

void lr_port_free(struct lr_port *p)
{
	struct lr_port **at;

	for (at = &ports; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	free_rings(p);
	if (p->region)
		lr_region_put(p->region);
	os_free(p);
}

static void ring_init(struct lr_port *p, enum lr_ring_kind kind, uint16_t index)
{
	struct lr_ring *r = &p->ring[kind][index];

	os_mutex_init(&r->lock);
	os_waitq_init(&r->wq);
	r->port = p;
	r->kind = kind;
	r->index = index;
	r->num_slots = p->config.slots[kind];
	r->ops = p->ops;
	r->idle = p->ops->idle;
	r->sync = lr_kind_is_tx(kind) ? p->ops->txsync : p->ops->rxsync;
}

int lr_port_set_rings(struct lr_port *p, struct lr_why *why)
{
	unsigned int k;
	uint32_t i;

	free_rings(p);
	if (!p->buf_len)
		p->buf_len = p->region->pool[LR_POOL_BUF].size;
	for (k = 0; k < LR_RING_KINDS; k++) {
		uint32_t n = p->config.rings[k];

		if (!n)
			continue;
		p->ring[k] = os_zalloc(n * sizeof(struct lr_ring));
		if (!p->ring[k]) {
			free_rings(p);
			return lr_why(why, -ENOMEM, "no memory for %u rings", n);
		}
		p->num_rings[k] = n;
		for (i = 0; i < n; i++)
			ring_init(p, k, (uint16_t)i);
	}
	return 0;
}

int lr_port_config_check(struct lr_port_config *want, const struct lr_port_config *dflt, struct lr_why *why)
{
	unsigned int k;

	for (k = 0; k < LR_RING_KINDS; k++) {
		const char *dir = lr_kind_is_tx(k) ? "tx" : "rx";

		if (!want->rings[k])
			want->rings[k] = dflt->rings[k];
		if (!want->slots[k])
			want->slots[k] = dflt->slots[k];
		if (want->rings[k] > LR_RINGS_MAX)
			return lr_why(why, -EINVAL, "%u %s rings were asked for, the limit is %u", want->rings[k], dir, LR_RINGS_MAX);
		if (want->slots[k] < LR_SLOTS_MIN || want->slots[k] > LR_SLOTS_MAX)
			return lr_why(why, -EINVAL, "%s rings of %u slots were asked for, they have from %u to %u", dir,
				      want->slots[k], LR_SLOTS_MIN, LR_SLOTS_MAX);
	}
	return 0;
}

int lr_port_header(struct lr_port *p, uint32_t *len, bool set, struct lr_why *why)
{
	lr_control_assert_locked();
	if (p->ops->header)
		return p->ops->header(p, len, set, why);
	if (set && *len)
		return lr_why(why, -EOPNOTSUPP, "packets of %s carry no virtio-net header, only those of VALE ports do", p->name);
	*len = 0;
	return 0;
}

int (*lr_port_admit)(struct lr_port *p, uint32_t extra_bufs, struct lr_why *why);

int lr_port_start(struct lr_port *p, uint32_t extra_bufs, struct lr_why *why)
{
	int err;

	lr_control_assert_locked();
	if (os_load(&p->gone))
		return lr_why(why, -ENXIO, "%s is gone", p->name);
	err = lr_port_admit ? lr_port_admit(p, extra_bufs, why) : 0;
	if (err)
		return err;
	if (!p->bound && p->ops->start) {
		err = p->ops->start(p, why);
		if (err)
			return err;
	}
	p->bound++;
	return 0;
}

void lr_port_stop(struct lr_port *p)
{
	lr_control_assert_locked();
	if (--p->bound)
		return;
	p->exclusive = false;
	if (p->ops->stop)
		p->ops->stop(p);
}

int lr_port_use_ring(struct lr_ring *r, bool exclusive, struct lr_why *why)
{
	int err;

	lr_control_assert_locked();
	if (r->users && (exclusive || r->exclusive))
		return lr_why(why, -EBUSY, r->exclusive ? "%s ring %u of %s is held exclusively by another descriptor" :
			      "%s ring %u of %s is in use by another descriptor, it cannot be had exclusively",
			      lr_kind_is_tx(r->kind) ? "tx" : "rx", r->index, r->port->name);
	if (!r->users && r->ops->ring_start) {
		err = r->ops->ring_start(r, why);
		if (err)
			return err;
	}
	r->users++;
	r->exclusive = exclusive;
	return 0;
}

void lr_port_unuse_ring(struct lr_ring *r)
{
	lr_control_assert_locked();
	if (--r->users)
		return;
	r->exclusive = false;
	if (r->ops->ring_stop)
		r->ops->ring_stop(r);
}

/* Takes or releases the locks of all rings of a port, in the order of kinds and indexes. */
static void all_rings(struct lr_port *p, void (*what)(struct os_mutex *))
{
	unsigned int k;
	uint32_t i;

	for (k = 0; k < LR_RING_KINDS; k++)
		for (i = 0; i < p->num_rings[k]; i++)
			what(&p->ring[k][i].lock);
}

void lr_port_region_grown(struct lr_region *region)
{
	uint32_t committed = lr_region_bufs_committed(region);
	struct lr_port *p;

	lr_control_assert_locked();
	/* A ring's new buffer may have made it grow, or a request that failed: nobody was told then. */
	if (region->told == committed)
		return;
	region->told = committed;
	for (p = ports; p; p = p->next) {
		if (p->region != region || !p->bound || !p->ops->region_grown)
			continue;
		all_rings(p, lr_control_lock_too);
		p->ops->region_grown(p);
		all_rings(p, os_mutex_unlock);
	}
}

void lr_port_set_gone(struct lr_port *p)
{
	unsigned int k;
	uint32_t i;

	os_store(&p->gone, true);
	for (k = 0; k < LR_RING_KINDS; k++) {
		for (i = 0; i < p->num_rings[k]; i++) {
			/* Partner: who lends idle out and takes it back looks at gone after. */
			os_store_release(&p->ring[k][i].idle, false);
			os_waitq_wake(&p->ring[k][i].wq);
		}
	}
}
