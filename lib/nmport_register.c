/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registering a port, and mapping its region. Ports of one context and the same
 * region share one mapping: ctx->mem_descs, under the context's lock, lists them
 * with a count of their users.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nmlib.h"

static struct lr_nmport *
port_of(struct nmport_d *d)
{
	return (struct lr_nmport *)((char *)d - offsetof(struct lr_nmport, d));
}

int
nmport_register(struct nmport_d *d)
{
	struct nmreq_register asked = d->reg;
	int err;

	if (d->register_done) {
		errno = EBUSY;
		nmctx_ferror(d->ctx, "%s: already registered", d->hdr.nr_name);
		return -1;
	}
	d->fd = lr_nmreq_device_open(d->ctx);
	if (d->fd < 0)
		return -1;
	d->hdr.nr_body = (uintptr_t)&d->reg;
	if (lr_nmreq_ask(d->fd, &d->hdr, d->ctx)) {
		err = errno;
		close(d->fd);
		d->fd = -1;
		d->reg = asked;
		errno = err;
		return -1;
	}
	port_of(d)->asked = asked;
	d->register_done = 1;
	return 0;
}

void
nmport_undo_register(struct nmport_d *d)
{
	if (!d->register_done)
		return;
	/* Without the port, the region may be gone and its number reused. */
	nmport_undo_mmap(d);
	close(d->fd);
	d->fd = -1;
	d->register_done = 0;
	d->reg = port_of(d)->asked;
}

/* The rings of one direction that a mode binds: *first to *last. */
static void
bound_rings(const struct nmreq_register *reg, uint32_t nic, uint32_t host,
	    uint16_t *first, uint16_t *last)
{
	uint32_t from = 0, n = nic;

	switch (reg->nr_mode) {
	case NR_REG_SW:
		from = nic;
		n = host;
		break;
	case NR_REG_NIC_SW:
		n = nic + host;
		break;
	case NR_REG_ONE_NIC:
		from = reg->nr_ringid;
		n = reg->nr_ringid < nic;
		break;
	case NR_REG_ONE_SW:
		from = nic + reg->nr_ringid;
		n = reg->nr_ringid < host;
		break;
	}
	*first = n ? (uint16_t)from : 1;
	*last = n ? (uint16_t)(from + n - 1) : 0;
}

static void
set_rings(struct nmport_d *d)
{
	const struct netmap_if *nifp = d->nifp;

	d->first_tx_ring = d->first_rx_ring = 1;
	d->last_tx_ring = d->last_rx_ring = 0;
	if (!(d->reg.nr_flags & NR_RX_RINGS_ONLY))
		bound_rings(&d->reg, nifp->ni_tx_rings, nifp->ni_host_tx_rings,
			    &d->first_tx_ring, &d->last_tx_ring);
	if (!(d->reg.nr_flags & NR_TX_RINGS_ONLY))
		bound_rings(&d->reg, nifp->ni_rx_rings, nifp->ni_host_rx_rings,
			    &d->first_rx_ring, &d->last_rx_ring);
	d->cur_tx_ring = d->first_tx_ring;
	d->cur_rx_ring = d->first_rx_ring;
}

/* External memory is mapped already. 0, or -1 with errno and the sentence. */
static int
map_region(struct nmport_d *d, struct nmem_d *m)
{
	if (d->extmem) {
		m->mem = (void *)(uintptr_t)d->extmem->nro_usrptr;
		m->size = d->extmem->nro_info.nr_memsize;
		m->is_extmem = 1;
		return 0;
	}
	m->size = d->reg.nr_memsize;
	m->mem = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
	if (m->mem != MAP_FAILED)
		return 0;
	nmctx_ferror(d->ctx, "%s: mmap of %zu bytes: %s", d->hdr.nr_name, m->size,
		     strerror(errno));
	return -1;
}

/* A mapping for d, counted; under the lock. */
static struct nmem_d *
get_mapping(struct nmport_d *d)
{
	struct nmctx *ctx = d->ctx;
	struct nmem_d *m;
	int err;

	for (m = ctx->mem_descs; m; m = m->next) {
		if (m->mem_id == d->reg.nr_mem_id) {
			m->refcount++;
			return m;
		}
	}
	m = lr_nmctx_zalloc(ctx, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->mem_id = d->reg.nr_mem_id;
	m->refcount = 1;
	if (map_region(d, m)) {
		err = errno;
		nmctx_free(ctx, m);
		errno = err;
		return NULL;
	}
	m->next = ctx->mem_descs;
	if (m->next)
		m->next->prev = m;
	ctx->mem_descs = m;
	return m;
}

int
nmport_mmap(struct nmport_d *d)
{
	if (!d->register_done || d->mmap_done) {
		errno = d->mmap_done ? EBUSY : EINVAL;
		nmctx_ferror(d->ctx, "%s: %s", d->hdr.nr_name, d->mmap_done ?
			     "already mapped" : "can't be mapped, not registered");
		return -1;
	}
	nmctx_lock(d->ctx);
	d->mem = get_mapping(d);
	nmctx_unlock(d->ctx);
	if (d->mem == NULL)
		return -1;
	d->nifp = NETMAP_IF(d->mem->mem, d->reg.nr_offset);
	set_rings(d);
	d->mmap_done = 1;
	return 0;
}

void
nmport_undo_mmap(struct nmport_d *d)
{
	struct nmem_d *m = d->mem;

	if (!d->mmap_done)
		return;
	nmctx_lock(d->ctx);
	if (--m->refcount == 0) {
		if (m->prev)
			m->prev->next = m->next;
		else
			d->ctx->mem_descs = m->next;
		if (m->next)
			m->next->prev = m->prev;
		if (!m->is_extmem)
			munmap(m->mem, m->size);
		nmctx_free(d->ctx, m);
	}
	nmctx_unlock(d->ctx);
	d->mem = NULL;
	d->nifp = NULL;
	d->first_tx_ring = d->last_tx_ring = d->cur_tx_ring = 0;
	d->first_rx_ring = d->last_rx_ring = d->cur_rx_ring = 0;
	d->mmap_done = 0;
}
