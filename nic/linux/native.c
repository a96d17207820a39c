/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Native NICs: between ports and drivers that know netmap. See native.h.
 *
 * Buffers are mapped for the device once, by the cluster where its pages are contiguous, else page by page: when a ring is
 * bound, and when the region has grown. They stay mapped until the last ring is unbound or the interface goes.
 *
 * Devices share buffers, so a page may be mapped for several at once. Only devices whose writes processors see by themselves are
 * taken, and the mappings say that nobody is to bring caches in line for them.
 */
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/rtnetlink.h>

#include "core/control.h"
#include "host.h"
#include "inlet.h"
#include "native.h"
#include "nic.h"
#include "pair.h"
#include "param.h"

/* What the loops of nic/native use, which are part of each driver. */
EXPORT_SYMBOL_GPL(lr_ring_mend_slot);
EXPORT_SYMBOL_GPL(lr_ring_new_buf);
EXPORT_SYMBOL_GPL(lr_region_give);
EXPORT_SYMBOL_GPL(lr_why);
EXPORT_SYMBOL_GPL(os_zalloc);
EXPORT_SYMBOL_GPL(os_free);
EXPORT_SYMBOL_GPL(os_log);

/* All that drivers have registered; rtnl. */
static LIST_HEAD(natives);

/* --- Buffers for the device ------------------------------------------------------------------------------ */

static const struct lr_pool *buf_pool(const struct lr_native *n)
{
	return &n->port->region->pool[LR_POOL_BUF];
}

/* One entry of the table is so many buffers, as a power of two. */
static unsigned int piece_shift(const struct lr_pool *p)
{
	return PAGE_SIZE % p->size ? p->shift : ilog2(PAGE_SIZE / p->size);
}

/* The bytes of cluster c, and in how many of them at a time it is mapped. */
static void cluster_extent(const struct lr_pool *p, uint32_t c, size_t *len, size_t *step)
{
	uint32_t bufs = min(p->num - (c << p->shift), 1u << p->shift);

	*len = PAGE_ALIGN((size_t)bufs * p->size);
	*step = is_vmalloc_addr(p->cluster[c]) ? PAGE_SIZE : *len;
}

static struct page *page_at(const char *addr)
{
	return is_vmalloc_addr(addr) ? vmalloc_to_page(addr) : virt_to_page(addr);
}

/* Where byte `at` of cluster c is for the device, by the table. */
static uint64_t *entry(const struct lr_native *n, uint32_t c, size_t at)
{
	const struct lr_pool *p = buf_pool(n);

	return &n->piece[((size_t)c << (p->shift - n->dma.shift)) + at / ((size_t)p->size << n->dma.shift)];
}

static void cluster_unmap(struct lr_native *n, uint32_t c, size_t end)
{
	size_t len, step, at;

	cluster_extent(buf_pool(n), c, &len, &step);
	for (at = 0; at < end; at += step)
		dma_unmap_page_attrs(n->dma_dev, *entry(n, c, at), step, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
}

static int cluster_map(struct lr_native *n, uint32_t c)
{
	const struct lr_pool *p = buf_pool(n);
	const size_t unit = (size_t)p->size << n->dma.shift;
	size_t len, step, at, in;

	cluster_extent(p, c, &len, &step);
	/* Buffers that cross pages which are not one behind the other. */
	if (step < len && PAGE_SIZE % p->size)
		return -EOPNOTSUPP;
	for (at = 0; at < len; at += step) {
		dma_addr_t addr = dma_map_page_attrs(n->dma_dev, page_at(p->cluster[c] + at), 0, step, DMA_BIDIRECTIONAL,
						     DMA_ATTR_SKIP_CPU_SYNC);

		if (dma_mapping_error(n->dma_dev, addr)) {
			cluster_unmap(n, c, at);
			return -ENOMEM;
		}
		for (in = 0; in < step; in += unit)
			*entry(n, c, at + in) = addr + in;
		if (dma_need_sync(n->dma_dev, addr)) {
			cluster_unmap(n, c, at + step);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/* All buffers that have memory. Control lock; rtnl, or all ring locks of a port that is not gone. */
static int map(struct lr_native *n, struct lr_why *why)
{
	const struct lr_pool *p = buf_pool(n);
	uint32_t committed = lr_region_bufs_committed(n->port->region);
	int err = 0;

	while (!err && n->mapped << p->shift < committed) {
		err = cluster_map(n, n->mapped);
		if (!err)
			n->mapped++;
		/* Syncs look at this first. Partner: their reading of entries, which depends on it. */
		smp_store_release(&n->dma.bufs, min(n->mapped << p->shift, committed));
	}
	if (err == -EOPNOTSUPP)
		return lr_why(why, err, "%s cannot reach the buffers where they are: admode 2 copies them", n->dev->name);
	return err ? lr_why(why, err, "no memory to map the buffers for %s", n->dev->name) : 0;
}

static void unmap(struct lr_native *n)
{
	size_t len, step;

	while (n->mapped) {
		cluster_extent(buf_pool(n), --n->mapped, &len, &step);
		cluster_unmap(n, n->mapped, len);
	}
	n->dma.bufs = 0;
	os_free(n->piece);
	n->piece = NULL;
}

/* --- Rings ---------------------------------------------------------------------------------------------------- */

static unsigned long *wanted(struct lr_native *n, enum lr_ring_kind kind)
{
	return kind == LR_TX ? n->want_tx : n->want_rx;
}

static unsigned long *running(struct lr_native *n, enum lr_ring_kind kind)
{
	return kind == LR_TX ? n->on_tx : n->on_rx;
}

void lr_native_fail(struct lr_native *n, const char *what)
{
	if (!n || n->failed || (bitmap_empty(n->want_tx, LR_NATIVE_QUEUES) && bitmap_empty(n->want_rx, LR_NATIVE_QUEUES)))
		return;
	os_log("%s: programs lose it: %s", n->port->name, what);
	n->failed = true;
	lr_port_set_gone(n->port);
	lr_pair_part(n);
}
EXPORT_SYMBOL_GPL(lr_native_fail);

void lr_native_want(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool want)
{
	__assign_bit(i, wanted(n, kind), want);
}
EXPORT_SYMBOL_GPL(lr_native_want);

bool lr_native_start(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, uint32_t slots)
{
	struct lr_ring *r;
	int err = 0;

	if (!n || n->failed || i >= LR_NATIVE_QUEUES || !test_bit(i, wanted(n, kind)))
		return false;
	r = &n->port->ring[kind][i];
	if (slots != r->num_slots) {
		lr_native_fail(n, "its rings have other sizes now");
		return false;
	}
	os_mutex_lock(&r->lock);
	if (!test_bit(i, running(n, kind))) {
		err = n->ops->start(n, r);
		if (!err) {
			r->sync = kind == LR_TX ? n->ops->txsync : n->ops->rxsync;
			set_bit(i, running(n, kind));
		}
	}
	os_mutex_unlock(&r->lock);
	if (err) {
		lr_native_fail(n, "no memory, or no buffers left in a ring");
		return false;
	}
	/* There may be slots to send with. */
	os_waitq_wake(&r->wq);
	return true;
}
EXPORT_SYMBOL_GPL(lr_native_start);

void lr_native_stop(struct lr_native *n, enum lr_ring_kind kind, unsigned int i)
{
	struct lr_ring *r;

	if (!lr_native_on(n, kind, i))
		return;
	r = &n->port->ring[kind][i];
	os_mutex_lock(&r->lock);
	clear_bit(i, running(n, kind));
	r->sync = kind == LR_TX ? lr_native_port_ops.txsync : lr_native_port_ops.rxsync;
	n->ops->stop(n, r);
	os_mutex_unlock(&r->lock);
}
EXPORT_SYMBOL_GPL(lr_native_stop);

void lr_native_stop_all(struct lr_native *n)
{
	unsigned int i;

	if (!n)
		return;
	for_each_set_bit(i, n->on_tx, LR_NATIVE_QUEUES)
		lr_native_stop(n, LR_TX, i);
	for_each_set_bit(i, n->on_rx, LR_NATIVE_QUEUES)
		lr_native_stop(n, LR_RX, i);
}
EXPORT_SYMBOL_GPL(lr_native_stop_all);

int lr_native_ring_open(struct lr_native *n, struct lr_ring *r, struct lr_why *why)
{
	bool tx = r->kind == LR_TX;
	int err;

	ASSERT_RTNL();
	err = map(n, why);
	if (err)
		return err;
	r->priv = os_zalloc(tx ? n->ops->tx_size : n->ops->rx_size);
	if (!r->priv)
		return lr_why(why, -ENOMEM, "no memory for a ring of %s", n->dev->name);
	err = n->ops->switch_ring(n, r->kind, r->index, true);
	if (!err && os_load(&r->port->gone))
		err = -ENOMEM;
	if (!err)
		return 0;
	lr_native_ring_close(n, r);
	return lr_why(why, err, "%s does not give up %s queue %u", n->dev->name, tx ? "tx" : "rx", r->index);
}

void lr_native_ring_close(struct lr_native *n, struct lr_ring *r)
{
	if (n)
		n->ops->switch_ring(n, r->kind, r->index, false);
	os_free(r->priv);
	r->priv = NULL;
}

/* --- The port's operations -------------------------------------------------------------------------------------- */

static int port_start(struct lr_port *p, struct lr_why *why)
{
	struct lr_nic *nic = p->priv;
	struct lr_native *n;
	int err = 0;

	rtnl_lock();
	n = nic->native;
	if (!n) {
		err = lr_why(why, -ENXIO, "%s is gone", p->name);
		goto out;
	}
	n->dma = (struct lr_dma){ .size = buf_pool(n)->size, .shift = piece_shift(buf_pool(n)) };
	n->dma.mask = (1u << n->dma.shift) - 1;
	n->piece = os_zalloc((((size_t)buf_pool(n)->num >> n->dma.shift) + 1) * sizeof(*n->piece));
	n->dma.piece = n->piece;
	if (!n->piece)
		err = lr_why(why, -ENOMEM, "no memory for the addresses of the buffers of %s", p->name);
out:
	rtnl_unlock();
	return err;
}

static void port_stop(struct lr_port *p)
{
	struct lr_nic *nic = p->priv;

	rtnl_lock();
	if (nic->native)
		unmap(nic->native);
	rtnl_unlock();
}

/* What could not be mapped is not for this device: slots with such buffers are refused. */
static void port_region_grown(struct lr_port *p)
{
	struct lr_nic *nic = p->priv;

	if (!os_load(&p->gone))
		map(nic->native, NULL);
}

/* Rings of the NIC come here while the interface is down. What is to be sent waits. */
static int port_txsync(struct lr_ring *r, unsigned int flags)
{
	return r->kind == LR_TX ? 0 : lr_host_txsync(r, flags);
}

static int port_rxsync(struct lr_ring *r, unsigned int flags)
{
	if (r->kind != LR_RX)
		return lr_inlet_rxsync(r, flags);
	os_store(&r->hwcur, r->head);
	return 0;
}

bool lr_native_runs(const struct lr_ring *r)
{
	return r->ops == &lr_native_port_ops && r->sync != port_txsync && r->sync != port_rxsync;
}

static void port_wait(struct lr_ring *r, struct os_waiter *w)
{
	struct lr_nic *nic = r->port->priv;

	os_waitq_record(&r->wq, w);
	if (lr_kind_is_host(r->kind))
		return;
	os_mutex_lock(&r->lock);
	if (lr_native_runs(r))
		nic->native->ops->arm(nic->native, r);
	os_mutex_unlock(&r->lock);
}

const struct lr_port_ops lr_native_port_ops = {
	.kind = "nic",
	.admit = lr_nic_admit,
	.start = port_start,
	.stop = port_stop,
	.ring_start = lr_nic_ring_start,
	.ring_stop = lr_nic_ring_stop,
	.txsync = port_txsync,
	.rxsync = port_rxsync,
	.forward = lr_host_forward,
	.wait = port_wait,
	.region_grown = port_region_grown,
	.destroy = lr_nic_destroy,
};

/* --- Finding ------------------------------------------------------------------------------------------------------ */

/* All of the machine's memory; else frames would be copied on their way, where nobody sees to it. */
static bool reaches_all(struct device *dma)
{
	return dma_get_mask(dma) >= dma_get_required_mask(dma);
}

struct lr_native *lr_native_find(const struct net_device *dev, uint32_t buf_size, struct lr_native_info *info, struct lr_why *why)
{
	struct lr_native *n;

	ASSERT_RTNL();
	list_for_each_entry(n, &natives, list)
		if (n->dev == dev)
			break;
	if (list_entry_is_head(n, &natives, list)) {
		lr_why(why, -EOPNOTSUPP, "its driver does not know netmap");
		return NULL;
	}
	if (n->port) {
		lr_why(why, -EBUSY, "a program still has what it was before");
		return NULL;
	}
	*info = (struct lr_native_info){ .buf_size = buf_size };
	if (n->ops->info(n, info, why))
		return NULL;
	if (max(info->rings[LR_TX], info->rings[LR_RX]) > LR_NATIVE_QUEUES) {
		lr_why(why, -EOPNOTSUPP, "it has more than %u queues", LR_NATIVE_QUEUES);
		return NULL;
	}
	if (info->dma && !reaches_all(info->dma)) {
		lr_why(why, -EOPNOTSUPP, "it reaches only a part of the memory");
		return NULL;
	}
	n->dma_dev = info->dma;
	return n;
}

void lr_native_hold(struct lr_native *n, struct lr_port *p)
{
	n->port = p;
	n->failed = false;
}

void lr_native_release(struct lr_native *n)
{
	unsigned int i;

	ASSERT_RTNL();
	/* Where the interface went from under programs. */
	if (n->ops->peer) {
		lr_pair_part(n);
		bitmap_zero(n->want_tx, LR_NATIVE_QUEUES);
		bitmap_zero(n->want_rx, LR_NATIVE_QUEUES);
	}
	for_each_set_bit(i, n->want_tx, LR_NATIVE_QUEUES)
		n->ops->switch_ring(n, LR_TX, i, false);
	for_each_set_bit(i, n->want_rx, LR_NATIVE_QUEUES)
		n->ops->switch_ring(n, LR_RX, i, false);
	if (n->piece)
		unmap(n);
	n->port = NULL;
}

struct lr_native *lr_native_attach(struct net_device *dev, const struct lr_native_ops *ops)
{
	struct lr_native *n = os_zalloc(sizeof(*n));

	ASSERT_RTNL();
	if (!n)
		return NULL;
	n->dev = dev;
	n->ops = ops;
	list_add(&n->list, &natives);
	return n;
}
EXPORT_SYMBOL_GPL(lr_native_attach);

struct lr_native *lr_native_register(struct net_device *dev, const struct lr_native_ops *ops)
{
	struct lr_native *n;

	rtnl_lock();
	n = lr_native_attach(dev, ops);
	rtnl_unlock();
	return n;
}
EXPORT_SYMBOL_GPL(lr_native_register);

void lr_native_detach(struct lr_native *n)
{
	ASSERT_RTNL();
	if (!n)
		return;
	list_del(&n->list);
	os_free(n);
}
EXPORT_SYMBOL_GPL(lr_native_detach);

void lr_native_unregister(struct lr_native *n)
{
	rtnl_lock();
	lr_native_detach(n);
	rtnl_unlock();
}
EXPORT_SYMBOL_GPL(lr_native_unregister);
