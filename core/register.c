/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Binding a descriptor to a port: which rings, their memory, the netmap_if, the extra buffers; and back. All of it
 * under the control lock, each step undone in reverse when a later one fails.
 */
#include <net/netmap.h>

#include "core/control.h"

#define ALL_RINGS UINT32_MAX

/* The rings of one kind that the request wants: [*first, *first + *n). */
static int pick(const struct lr_port *p, enum lr_ring_kind k, bool wanted, uint32_t which, uint16_t *first, uint16_t *n,
		struct lr_why *why)
{
	const char *host = lr_kind_is_host(k) ? "host " : "";

	*first = *n = 0;
	if (!wanted)
		return 0;
	if (which == ALL_RINGS) {
		*n = (uint16_t)p->num_rings[k];
		return 0;
	}
	if (which >= p->num_rings[k])
		return lr_why(why, -EINVAL, "%s has %u %s%s rings, ring %u was asked for", p->name, p->num_rings[k], host,
			      lr_kind_is_tx(k) ? "tx" : "rx", which);
	*first = (uint16_t)which;
	*n = 1;
	return 0;
}

/* Mode and flags become ranges of rings. */
static int pick_rings(struct lr_file *f, const struct lr_port *p, const struct nmreq_register *reg, struct lr_why *why)
{
	bool nic = reg->nr_mode != NR_REG_SW && reg->nr_mode != NR_REG_ONE_SW;
	bool host = reg->nr_mode == NR_REG_SW || reg->nr_mode == NR_REG_NIC_SW || reg->nr_mode == NR_REG_ONE_SW;
	bool one = reg->nr_mode == NR_REG_ONE_NIC || reg->nr_mode == NR_REG_ONE_SW;
	uint32_t which = one ? reg->nr_ringid : ALL_RINGS;
	unsigned int k;

	if (host && !p->num_rings[LR_HOST_TX] && !p->num_rings[LR_HOST_RX])
		return lr_why(why, -EOPNOTSUPP, "%s (%s) has no host rings here", p->name, p->ops->kind);
	for (k = 0; k < LR_RING_KINDS; k++) {
		bool wanted = (lr_kind_is_host(k) ? host : nic) &&
			      !(reg->nr_flags & (lr_kind_is_tx(k) ? NR_RX_RINGS_ONLY : NR_TX_RINGS_ONLY));
		int err = pick(p, k, wanted, which, &f->first[k], &f->n[k], why);

		if (err)
			return err;
	}
	return 0;
}

/* The rings that were picked, one after the other. */
static int list_rings(struct lr_file *f, const struct lr_port *p, struct lr_why *why)
{
	unsigned int n = (unsigned int)f->n[LR_TX] + f->n[LR_HOST_TX] + f->n[LR_RX] + f->n[LR_HOST_RX], k;
	uint32_t i;

	f->num_tx = (unsigned int)f->n[LR_TX] + f->n[LR_HOST_TX];
	f->num_rings = 0;
	/* A list also where there are no rings (one direction of a port that has none there): sync looks into it unasked. */
	f->ring = os_zalloc((n ? n : 1) * sizeof(*f->ring));
	if (!f->ring)
		return lr_why(why, -ENOMEM, "no memory for a list of %u rings", n);
	for (k = 0; k < LR_RING_KINDS; k++)
		for (i = 0; i < f->n[k]; i++)
			f->ring[f->num_rings++] = &p->ring[k][f->first[k] + i];
	return 0;
}

static void put_rings_mem(struct lr_file *f, unsigned int n)
{
	while (n--)
		lr_ring_mem_put(f->ring[n]);
}

static int get_rings_mem(struct lr_file *f, struct lr_why *why)
{
	unsigned int i;

	for (i = 0; i < f->num_rings; i++) {
		int err = lr_ring_mem_get(f->ring[i], why);

		if (err) {
			put_rings_mem(f, i);
			return err;
		}
	}
	return 0;
}

/* Tx first: a NIC has most to do when a rx ring goes while its tx ring stays. */
static void unuse_rings(struct lr_file *f, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		lr_port_unuse_ring(f->ring[i]);
}

static int use_rings(struct lr_file *f, struct lr_port *p, bool exclusive, struct lr_why *why)
{
	unsigned int i;

	for (i = 0; i < f->num_rings; i++) {
		int err = lr_port_use_ring(f->ring[i], exclusive, why);

		if (err) {
			unuse_rings(f, i);
			return err;
		}
	}
	if (i)
		return 0;
	/* A port without rings is had as a whole. */
	if (p->bound > 1 && (exclusive || p->exclusive))
		return lr_why(why, -EBUSY, p->exclusive ? "%s is held exclusively by another descriptor" :
			      "%s is in use by another descriptor, it cannot be had exclusively", p->name);
	p->exclusive = exclusive;
	return 0;
}

/* Where the rings are, from the netmap_if. Its array is of the program's ssize_t. */
static int write_ring_offsets(struct lr_file *f, struct lr_port *p, const uint32_t *slots, struct lr_why *why)
{
	int64_t base = (int64_t)lr_region_offset(p->region, LR_POOL_IF, f->nifp_object);
	bool narrow = os_caller_is_32bit();
	uint32_t at = 0, i;
	unsigned int k;

	for (k = 0; k < LR_RING_KINDS; at += slots[k], k++) {
		for (i = f->first[k]; i < (uint32_t)f->first[k] + f->n[k]; i++) {
			int64_t ofs = (int64_t)lr_region_offset(p->region, LR_POOL_RING, p->ring[k][i].object) - base;

			if (narrow && ofs > INT32_MAX)
				return lr_why(why, -EOVERFLOW, "memory region %u is too large for a program of 32 bits: lower ring_num or if_num",
					      p->region->id);
			if (narrow)
				((int32_t *)(void *)f->nifp->ring_ofs)[at + i] = (int32_t)ofs;
			else
				f->nifp->ring_ofs[at + i] = (ssize_t)ofs;
		}
	}
	return 0;
}

/* The netmap_if: what programs find their rings by. host_hole: old programs expect room for one host ring of each direction. */
static int nifp_create(struct lr_file *f, struct lr_port *p, bool host_hole, struct lr_why *why)
{
	uint32_t slots[LR_RING_KINDS], total = 0, size;
	struct lr_region *region = p->region;
	struct netmap_if *nifp;
	unsigned int k;
	int err;

	for (k = 0; k < LR_RING_KINDS; k++) {
		slots[k] = p->num_rings[k];
		if (lr_kind_is_host(k) && !slots[k] && host_hole)
			slots[k] = 1;
		total += slots[k];
	}
	size = (uint32_t)sizeof(*nifp) + total * (uint32_t)sizeof(nifp->ring_ofs[0]);
	f->nifp_object = lr_region_take(region, LR_POOL_IF, size);
	if (!f->nifp_object)
		return lr_why(why, -ENOMEM, "memory region %u has no room for another descriptor: %u of if_num %u are in use, if_size is %u and %u are needed",
			      region->id, region->pool[LR_POOL_IF].taken, region->pool[LR_POOL_IF].num - 1,
			      region->pool[LR_POOL_IF].size, size);
	f->nifp = nifp = lr_region_object(region, LR_POOL_IF, f->nifp_object);
	lr_text(nifp->ni_name, sizeof(nifp->ni_name), "%s", p->name);
	nifp->ni_version = NETMAP_API;
	nifp->ni_flags = region->id == LR_REGION_GLOBAL ? 0 : NI_PRIV_MEM;
	nifp->ni_tx_rings = slots[LR_TX];
	nifp->ni_rx_rings = slots[LR_RX];
	nifp->ni_host_tx_rings = slots[LR_HOST_TX];
	nifp->ni_host_rx_rings = slots[LR_HOST_RX];
	err = write_ring_offsets(f, p, slots, why);
	if (err)
		lr_region_give(region, LR_POOL_IF, f->nifp_object);
	return err;
}

/* As many extra buffers as there are, up to the wish, in a list through their first words. */
static void take_extra_bufs(struct lr_file *f, struct lr_region *region, uint32_t want)
{
	uint32_t head = 0, n;

	for (n = 0; n < want; n++) {
		uint32_t idx = lr_region_take(region, LR_POOL_BUF, 0);

		if (!idx)
			break;
		os_store((uint32_t *)(void *)lr_region_buf(region, idx), head);
		head = idx;
	}
	f->nifp->ni_bufs_head = head;
	f->extra_bufs = n;
}

/* The program may have left anything in its list: it ends at what is no buffer of ours, or was given back already. */
static void give_extra_bufs(struct lr_file *f, struct lr_port *p)
{
	struct lr_region *region = p->region;
	uint32_t idx = os_load(&f->nifp->ni_bufs_head);
	uint32_t n = 0;

	while (idx && n < region->pool[LR_POOL_BUF].num) {
		uint32_t next;

		if (idx >= lr_region_bufs_committed(region))
			break;
		next = os_load((uint32_t *)(void *)lr_region_buf(region, idx));
		if (!lr_region_give(region, LR_POOL_BUF, idx))
			break;
		idx = next;
		n++;
	}
	if (n < f->extra_bufs && !p->elsewhere)
		os_log("%s: %u of %u extra buffers came back; the others return with the region's last user",
		       p->name, n, f->extra_bufs);
}

static int check_request(const struct lr_file *f, const struct nmreq_register *reg, struct lr_why *why)
{
	if (f->port)
		return lr_why(why, -EBUSY, "the descriptor is bound to %s already", f->port->name);
	if (f->binding)
		return lr_why(why, -EBUSY, "the descriptor is being bound by another thread");
	if (reg->nr_mode == NR_REG_DEFAULT || reg->nr_mode > NR_REG_ONE_SW)
		return lr_why(why, -EINVAL, "nr_mode is %u, it must be one of NR_REG_ALL_NIC (1) to NR_REG_ONE_SW (8)", reg->nr_mode);
	if (reg->nr_flags & (NR_MONITOR_TX | NR_MONITOR_RX | NR_ZCOPY_MON))
		return lr_why(why, -EOPNOTSUPP, "monitors are not in this version");
	if ((reg->nr_flags & NR_RX_RINGS_ONLY) && (reg->nr_flags & NR_TX_RINGS_ONLY))
		return lr_why(why, -EINVAL, "NR_RX_RINGS_ONLY and NR_TX_RINGS_ONLY exclude each other");
	return 0;
}

static void fill_query(struct lr_port_query *q, const char *name, const struct nmreq_register *reg)
{
	memset(q, 0, sizeof(*q));
	q->name = name;
	q->netns = os_netns_id();
	q->mode = reg->nr_mode;
	q->pipe_id = reg->nr_ringid;
	q->mem_id = reg->nr_mem_id;
	q->config.rings[LR_TX] = reg->nr_tx_rings;
	q->config.rings[LR_RX] = reg->nr_rx_rings;
	q->config.rings[LR_HOST_TX] = reg->nr_host_tx_rings;
	q->config.rings[LR_HOST_RX] = reg->nr_host_rx_rings;
	q->config.slots[LR_TX] = q->config.slots[LR_HOST_TX] = reg->nr_tx_slots;
	q->config.slots[LR_RX] = q->config.slots[LR_HOST_RX] = reg->nr_rx_slots;
}

static void answer(const struct lr_file *f, const struct lr_port *p, struct nmreq_register *reg)
{
	reg->nr_offset = lr_region_offset(p->region, LR_POOL_IF, f->nifp_object);
	reg->nr_memsize = p->region->size;
	reg->nr_tx_slots = p->config.slots[LR_TX];
	reg->nr_rx_slots = p->config.slots[LR_RX];
	reg->nr_tx_rings = (uint16_t)p->num_rings[LR_TX];
	reg->nr_rx_rings = (uint16_t)p->num_rings[LR_RX];
	reg->nr_host_tx_rings = (uint16_t)p->num_rings[LR_HOST_TX];
	reg->nr_host_rx_rings = (uint16_t)p->num_rings[LR_HOST_RX];
	reg->nr_mem_id = p->region->id;
	reg->nr_extra_bufs = f->extra_bufs;
}

/* From a started port to a bound descriptor. Memory first, for all, so that a NIC registers it in one go. */
static int take_rings(struct lr_file *f, struct lr_port *p, const struct lr_register *req, struct lr_why *why)
{
	int err;

	err = pick_rings(f, p, &req->reg, why);
	if (err)
		return err;
	err = list_rings(f, p, why);
	if (err)
		return err;
	err = get_rings_mem(f, why);
	if (err)
		goto err_mem;
	err = nifp_create(f, p, req->host_hole, why);
	if (err)
		goto err_nifp;
	lr_region_reserve_bufs(p->region, req->reg.nr_extra_bufs);
	err = use_rings(f, p, req->reg.nr_flags & NR_EXCLUSIVE, why);
	if (err)
		goto err_use;
	/* Last, as fewer will do: first come the rings of a pipe's other end. */
	take_extra_bufs(f, p->region, req->reg.nr_extra_bufs);
	lr_port_region_grown(p->region);
	return 0;

err_use:
	lr_region_give(p->region, LR_POOL_IF, f->nifp_object);
err_nifp:
	put_rings_mem(f, f->num_rings);
err_mem:
	os_free(f->ring);
	f->ring = NULL;
	return err;
}

int lr_register(struct lr_file *f, struct lr_register *req, struct lr_why *why)
{
	struct lr_port_query q;
	struct lr_port *p;
	int err;

	lr_control_assert_locked();
	err = check_request(f, &req->reg, why);
	if (err)
		return err;
	fill_query(&q, req->name, &req->reg);
	err = lr_port_get(&q, &p, why);
	if (err)
		return err;
	err = p->ops->admit ? p->ops->admit(p, why) : 0;
	if (err)
		goto err_start;
	err = lr_port_start(p, req->reg.nr_extra_bufs, why);
	if (err)
		goto err_start;
	err = take_rings(f, p, req, why);
	if (err)
		goto err_bind;
	f->flags = req->reg.nr_flags;
	f->sync_flags = req->classic ? LR_SYNC_CLASSIC : 0;
	answer(f, p, &req->reg);
	f->binding = true;
	req->port = p;
	return 0;

err_bind:
	lr_port_stop(p);
err_start:
	lr_port_put(p);
	return err;
}

static void unbind(struct lr_file *f, struct lr_port *p)
{
	lr_control_assert_locked();
	unuse_rings(f, f->num_rings);
	give_extra_bufs(f, p);
	lr_region_give(p->region, LR_POOL_IF, f->nifp_object);
	put_rings_mem(f, f->num_rings);
	os_free(f->ring);
	f->ring = NULL;
	lr_port_stop(p);
	lr_port_put(p);
}

void lr_register_end(struct lr_file *f, struct lr_port *p, int err)
{
	f->binding = false;
	if (err)
		unbind(f, p);
	else
		os_store_release(&f->port, p);
}

void lr_unregister(struct lr_file *f)
{
	unbind(f, f->port);
	f->port = NULL;
}
