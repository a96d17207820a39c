/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The NIC kind of port in the kernel: any Ethernet interface of the caller's network namespace, its driver unmodified.
 * See nic.h.
 */
#include <linux/capability.h>
#include <linux/if_arp.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "os_compat.h"
#include "core/control.h"
#include "host.h"
#include "inlet.h"
#include "native.h"
#include "nic.h"
#include "pair.h"
#include "param.h"
#include "xmit.h"

#define QUEUES_MAX 220u		/* of each direction: with the host rings, what a netmap_if has room for */
#define HOST_RINGS_MAX 32u

LIST_HEAD(lr_nics);

/* --- Rings ------------------------------------------------------------------------------------------ */

/* The rings of the device itself, where its driver knows netmap. */
static bool ring_native(const struct lr_ring *r)
{
	return r->ops == &lr_native_port_ops && !lr_kind_is_host(r->kind);
}

/* The inlet of an rx ring; a tx ring has none. */
static struct lr_inlet *ring_inlet(const struct lr_ring *r)
{
	return lr_kind_is_tx(r->kind) ? NULL : r->priv;
}

/* One that may have another at the peer. */
static bool ring_paired(const struct lr_nic *nic, const struct lr_ring *r)
{
	return nic->native && r->ops == &lr_pair_port_ops && !lr_kind_is_host(r->kind);
}

static int ring_open(struct lr_nic *nic, struct lr_ring *r, struct lr_why *why)
{
	struct lr_xmit *x;
	int err;

	if (ring_native(r))
		return lr_native_ring_open(nic->native, r, why);
	if (ring_inlet(r))
		lr_inlet_open(ring_inlet(r));
	if (r->kind == LR_TX) {
		err = lr_xmit_create(&x, r, nic->dev, r->index, why);
		if (err)
			return err;
		r->priv = x;
	}
	if (ring_paired(nic, r))
		lr_pair_switch(nic->native, r, true);
	return 0;
}

static void ring_close(struct lr_nic *nic, struct lr_ring *r)
{
	if (ring_native(r)) {
		lr_native_ring_close(nic->native, r);
		return;
	}
	if (ring_paired(nic, r))
		lr_pair_switch(nic->native, r, false);
	if (ring_inlet(r))
		lr_inlet_close(ring_inlet(r));
	if (r->kind != LR_TX)
		return;
	lr_xmit_destroy(r->priv);
	r->priv = NULL;
}

int lr_nic_ring_start(struct lr_ring *r, struct lr_why *why)
{
	struct lr_nic *nic = r->port->priv;
	int err;

	rtnl_lock();
	if (!nic->dev) {
		err = lr_why(why, -ENXIO, "%s is gone", r->port->name);
		goto out;
	}
	err = ring_open(nic, r, why);
	if (err)
		goto out;
	nic->users[r->kind]++;
	err = lr_nic_attach(nic, why);
	if (err) {
		nic->users[r->kind]--;
		lr_nic_attach(nic, NULL);
		ring_close(nic, r);
	}
out:
	rtnl_unlock();
	return err;
}

void lr_nic_ring_stop(struct lr_ring *r)
{
	struct lr_nic *nic = r->port->priv;

	rtnl_lock();
	nic->users[r->kind]--;
	lr_nic_attach(nic, NULL);
	ring_close(nic, r);
	rtnl_unlock();
}

static int nic_txsync(struct lr_ring *r, unsigned int flags)
{
	return r->kind == LR_TX ? lr_xmit_txsync(r, flags) : lr_host_txsync(r, flags);
}

/* --- The interface ------------------------------------------------------------------------------------- */

int lr_nic_admit(struct lr_port *p, struct lr_why *why)
{
	const struct lr_nic *nic = p->priv;
	bool may = true;

	rtnl_lock();
	if (nic->dev)
		may = ns_capable(dev_net(nic->dev)->user_ns, CAP_NET_ADMIN);
	rtnl_unlock();
	return may ? 0 : lr_why(why, -EPERM, "no permission for %s: it needs CAP_NET_ADMIN", p->name);
}

/* Nothing of ours uses the interface any more. */
static void leave(struct lr_nic *nic)
{
	if (nic->native)
		lr_native_release(nic->native);
	nic->native = NULL;
	netdev_put(nic->dev, &nic->tracker);
	nic->dev = NULL;
}

void lr_nic_lose(struct lr_nic *nic)
{
	struct lr_port *p = nic->port;
	unsigned int k;
	uint32_t i;

	lr_port_set_gone(p);
	lr_nic_detach(nic);
	/* Who is in the middle of a sync has seen the port alive and uses dev; who comes now does not. */
	for (k = 0; k < LR_RING_KINDS; k++) {
		for (i = 0; i < p->num_rings[k]; i++) {
			struct lr_ring *r = &p->ring[k][i];

			os_mutex_lock(&r->lock);
			if (k == LR_TX && r->priv && !ring_native(r))
				lr_xmit_detach(r->priv);
			os_mutex_unlock(&r->lock);
		}
	}
	leave(nic);
}

void lr_nic_follow_names(void)
{
	struct lr_nic *nic;

	lr_control_assert_locked();
	list_for_each_entry(nic, &lr_nics, list)
		if (nic->dev)
			lr_text(nic->port->name, sizeof(nic->port->name), "%s", nic->dev->name);
}

void lr_nic_destroy(struct lr_port *p)
{
	struct lr_nic *nic = p->priv;

	rtnl_lock();
	list_del(&nic->list);
	if (nic->dev)
		leave(nic);
	rtnl_unlock();
	os_free(nic->inlet[0]);
	os_free(nic->inlet[1]);
	os_free(nic->pair[0]);
	os_free(nic->pair[1]);
	os_free(nic);
	lr_port_free(p);
}

static const struct lr_port_ops nic_ops = {
	.kind = "nic",
	.admit = lr_nic_admit,
	.ring_start = lr_nic_ring_start,
	.ring_stop = lr_nic_ring_stop,
	.txsync = nic_txsync,
	.rxsync = lr_inlet_rxsync,
	.idle = true,
	.forward = lr_host_forward,
	.destroy = lr_nic_destroy,
};

/* --- Finding and making ---------------------------------------------------------------------------------- */

static bool nic_match(const struct lr_port_query *q)
{
	return true;
}

static struct net_device *find(const struct lr_port_query *q, struct lr_why *why)
{
	struct net_device *dev = __dev_get_by_name(current->nsproxy->net_ns, q->name);

	if (!dev)
		lr_why(why, -ENXIO, "no network interface '%s' in this network namespace", q->name);
	return dev;
}

/* The interface's first name, also where it was asked for by another; and its port, if there is one, has that. */
static int nic_full_name(const struct lr_port_query *q, char name[NETMAP_REQ_IFNAMSIZ], struct lr_why *why)
{
	const struct net_device *dev;

	rtnl_lock();
	lr_nic_follow_names();
	dev = find(q, why);
	if (dev)
		lr_text(name, NETMAP_REQ_IFNAMSIZ, "%s", dev->name);
	rtnl_unlock();
	return dev ? 0 : -ENXIO;
}

static int suitable(const struct net_device *dev, struct lr_why *why)
{
	if (dev->type != ARPHRD_ETHER && dev->type != ARPHRD_LOOPBACK)
		return lr_why(why, -EOPNOTSUPP, "%s is no Ethernet interface (its type is %u)", dev->name, dev->type);
	return 0;
}

static const char *driver(const struct net_device *dev)
{
	if (dev->dev.parent)
		return dev_driver_string(dev->dev.parent);
	return dev->rtnl_link_ops ? dev->rtnl_link_ops->kind : "unknown";
}

static uint32_t queues(unsigned int there)
{
	uint32_t most = READ_ONCE(lr_generic_rings);

	return clamp(there, 1u, most ? min(most, QUEUES_MAX) : QUEUES_MAX);
}

static int configure(struct lr_nic *nic, const struct lr_port_query *q, const struct lr_native_info *native, const char *no,
		     struct lr_why *why)
{
	struct lr_port *p = nic->port;
	struct lr_port_config want = q->config, dflt;
	unsigned int k;
	int err;

	for (k = 0; k < LR_RING_KINDS; k++) {
		dflt.rings[k] = 1;
		dflt.slots[k] = READ_ONCE(lr_generic_ringsize);
		if (lr_kind_is_host(k) && want.rings[k] > HOST_RINGS_MAX)
			return lr_why(why, -EINVAL, "%u host rings were asked for, the limit is %u", want.rings[k], HOST_RINGS_MAX);
	}
	/* What the device has; wishes are answered with it. */
	if (native && native->dma) {
		for (k = LR_TX; k <= LR_RX; k += LR_RX - LR_TX) {
			want.rings[k] = native->rings[k];
			want.slots[k] = native->slots[k];
		}
		p->buf_len = native->buf_len;
	} else {
		want.rings[LR_TX] = queues(nic->dev->real_num_tx_queues);
		want.rings[LR_RX] = queues(nic->dev->real_num_rx_queues);
	}
	err = lr_port_config_check(&want, &dflt, why);
	if (err)
		return err;
	p->config = want;
	lr_text(p->backend, sizeof(p->backend), "%s: driver %s, %u tx and %u rx queues, %s", native ? "native" : "generic",
		driver(nic->dev), nic->dev->real_num_tx_queues, nic->dev->real_num_rx_queues,
		native && native->dma ? "its own rings" : lr_xmit_way(nic->dev));
	if (native && !native->dma)
		lr_text(p->backend + strlen(p->backend), sizeof(p->backend) - strlen(p->backend), "; to a peer with netmap by its slots");
	if (!native && no[0])
		lr_text(p->backend + strlen(p->backend), sizeof(p->backend) - strlen(p->backend), "; not native: %s", no);
	return lr_port_set_rings(p, why);
}

/* Native or not. `no`: why not. */
static int choose(struct lr_nic *nic, struct lr_native_info *info, struct lr_why *no, struct lr_why *why)
{
	unsigned int mode = READ_ONCE(lr_admode);

	if (mode != 2)
		nic->native = lr_native_find(nic->dev, nic->port->region->pool[LR_POOL_BUF].size, info, no);
	if (nic->native) {
		lr_native_hold(nic->native, nic->port);
		nic->port->ops = nic->native->ops->peer ? &lr_pair_port_ops : &lr_native_port_ops;
	} else if (mode == 1) {
		return lr_why(why, -EOPNOTSUPP, "%s cannot be driven natively (%s), and admode is 1: nothing else is allowed",
			      nic->dev->name, no->text);
	}
	return 0;
}

/* An inlet for each rx ring of kind k. */
static struct lr_inlet *make_inlets(struct lr_port *p, enum lr_ring_kind k)
{
	struct lr_inlet *in = os_zalloc(p->num_rings[k] * sizeof(*in));
	uint32_t i;

	for (i = 0; in && i < p->num_rings[k]; i++) {
		lr_inlet_init(&in[i], &p->ring[k][i]);
		p->ring[k][i].priv = &in[i];
	}
	return in;
}

/* All that lr_nic_destroy undoes, but the list. */
static int set_up(struct lr_nic *nic, const struct lr_port_query *q, struct lr_why *why)
{
	struct lr_port *p = nic->port;
	struct lr_native_info native;
	struct lr_why no = { "" };
	int err;

	p->region = lr_region_get(q->mem_id ? q->mem_id : LR_REGION_GLOBAL, &err, why);
	if (!p->region)
		return err;
	err = choose(nic, &native, &no, why);
	if (err)
		return err;
	err = configure(nic, q, nic->native ? &native : NULL, no.text, why);
	if (err)
		return err;
	if (p->ops == &lr_pair_port_ops)
		err = lr_pair_init(nic, why);
	if (err)
		return err;
	nic->inlet[0] = make_inlets(p, LR_RX);
	nic->inlet[1] = make_inlets(p, LR_HOST_RX);
	return nic->inlet[0] && nic->inlet[1] ? 0 : lr_why(why, -ENOMEM, "no memory for the rings of %s", p->name);
}

static int nic_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	struct lr_nic *nic = os_zalloc(sizeof(*nic));
	struct net_device *dev;
	struct lr_port *p;
	int err;

	if (!nic)
		return lr_why(why, -ENOMEM, "no memory for %s", q->name);
	rtnl_lock();
	dev = find(q, why);
	err = dev ? suitable(dev, why) : -ENXIO;
	if (err)
		goto err_dev;
	p = lr_port_alloc(dev->name, q->netns, &lr_nic_kind, &nic_ops);
	if (!p) {
		err = lr_why(why, -ENOMEM, "no memory for %s", q->name);
		goto err_dev;
	}
	p->priv = nic;
	nic->port = p;
	nic->dev = dev;
	nic->queue_of_peer = dev->rtnl_link_ops && strcmp(dev->rtnl_link_ops->kind, "veth") == 0;
	netdev_hold(dev, &nic->tracker, GFP_KERNEL);
	list_add(&nic->list, &lr_nics);
	err = set_up(nic, q, why);
	rtnl_unlock();
	if (err)
		lr_nic_destroy(p);
	else
		*out = p;
	return err;

err_dev:
	rtnl_unlock();
	os_free(nic);
	return err;
}

const struct lr_port_kind lr_nic_kind = {
	.match = nic_match,
	.full_name = nic_full_name,
	.create = nic_create,
};

int lr_nic_init(void)
{
	lr_vale_if_init();
	return lr_event_init();
}

void lr_nic_fini(void)
{
	lr_event_fini();
}
