/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that only ask: PORT_INFO_GET, POOLS_INFO_GET and the counters of a
 * port. SEMANTICS 2, netmap_linerate.h.
 */
#include <stdio.h>

#include "wire.h"

/* --- PORT_INFO_GET ------------------------------------------------------------ */

CASE(port_info_of_a_bound_port)
{
	struct nmreq_register want = { .nr_tx_slots = 33, .nr_rx_slots = 44 };
	struct port p = port_open(unique("{1"), &want);
	struct nmreq_port_info_get info = { 0 };
	int unbound = dev_open();

	CHECK_GRANTED(ctrl(unbound, NETMAP_REQ_PORT_INFO_GET, p.name, &info));
	CHECK_EQ(info.nr_memsize, p.reg.nr_memsize);
	CHECK_EQ(info.nr_tx_slots, 33);
	CHECK_EQ(info.nr_rx_slots, 44);
	CHECK_EQ(info.nr_tx_rings, 1);
	CHECK_EQ(info.nr_rx_rings, 1);
	CHECK_EQ(info.nr_mem_id, p.reg.nr_mem_id);
	info = (struct nmreq_port_info_get){ 0 };
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_INFO_GET, p.name, &info));
	CHECK_EQ(info.nr_tx_slots, 33);
	close(unbound);
	port_close(&p);
}

/* Asking binds nothing: the NIC goes on working, the descriptor can be bound. */
CASE(port_info_of_an_interface)
{
	struct nmreq_port_info_get info = { 0 };
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL };
	int fd = dev_open();

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_PORT_INFO_GET, wire_near(), &info));
	CHECK(info.nr_tx_rings >= 1 && info.nr_rx_rings >= 1);
	CHECK(info.nr_tx_slots >= 4 && info.nr_rx_slots >= 4);
	CHECK_EQ(info.nr_mem_id, 1);
	CHECK(info.nr_memsize > 0);
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, unique("n"), &reg));
	close(fd);
}

/* --- POOLS_INFO_GET ----------------------------------------------------------- */

static void pools_sane(const struct nmreq_pools_info *i)
{
	uint64_t if_end = i->nr_if_pool_offset + (uint64_t)i->nr_if_pool_objtotal * i->nr_if_pool_objsize;
	uint64_t ring_end = i->nr_ring_pool_offset +
		(uint64_t)i->nr_ring_pool_objtotal * i->nr_ring_pool_objsize;
	uint64_t buf_end = i->nr_buf_pool_offset +
		(uint64_t)i->nr_buf_pool_objtotal * i->nr_buf_pool_objsize;

	CHECK(i->nr_if_pool_objtotal > 0 && i->nr_ring_pool_objtotal > 0 && i->nr_buf_pool_objtotal > 2);
	CHECK(if_end <= i->nr_ring_pool_offset);
	CHECK(ring_end <= i->nr_buf_pool_offset);
	CHECK(buf_end <= i->nr_memsize);
	CHECK(i->nr_if_pool_objsize >= sizeof(struct netmap_if));
	CHECK(i->nr_ring_pool_objsize >= sizeof(struct netmap_ring));
	CHECK(i->nr_buf_pool_objsize >= 64);
}

CASE(pools_of_the_global_region_before_use)
{
	struct nmreq_pools_info pools = { .nr_mem_id = 1 };
	int fd = dev_open();

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &pools));
	CHECK_EQ(pools.nr_mem_id, 1);
	CHECK_EQ(pools.nr_buf_pool_objsize, 2048);
	pools_sane(&pools);
	close(fd);
}

CASE(pools_of_a_private_region)
{
	struct port p = port_open(unique("{1"), NULL);
	struct nmreq_pools_info pools = { .nr_mem_id = p.reg.nr_mem_id }, named = { 0 };
	const struct netmap_ring *r = tx_ring(&p, 0);
	uint64_t nifp = p.reg.nr_offset, ring = (uint64_t)((const char *)r - p.mem);
	uint64_t buf = (uint64_t)(NETMAP_BUF(r, r->slot[0].buf_idx) - p.mem);

	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_POOLS_INFO_GET, "", &pools));
	pools_sane(&pools);
	CHECK_EQ(pools.nr_memsize, p.reg.nr_memsize);
	CHECK_EQ(pools.nr_mem_id, p.reg.nr_mem_id);
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_POOLS_INFO_GET, p.name, &named));
	CHECK(memcmp(&pools, &named, sizeof(pools)) == 0);
	/* Things are where the pools say. */
	CHECK(nifp >= pools.nr_if_pool_offset && nifp < pools.nr_ring_pool_offset);
	CHECK(ring >= pools.nr_ring_pool_offset && ring < pools.nr_buf_pool_offset);
	CHECK((ring - pools.nr_ring_pool_offset) % pools.nr_ring_pool_objsize == 0);
	CHECK(buf >= pools.nr_buf_pool_offset && buf < pools.nr_memsize);
	CHECK_EQ((buf - pools.nr_buf_pool_offset) / pools.nr_buf_pool_objsize, r->slot[0].buf_idx);
	CHECK_EQ(pools.nr_buf_pool_objsize, r->nr_buf_size);
	port_close(&p);
}

CASE(pools_of_no_region)
{
	static const uint16_t ids[] = { 2, 77, 0x7fff, 0xffff };
	int fd = dev_open();

	for (unsigned int i = 0; i < 4; i++) {
		struct nmreq_pools_info pools = { .nr_mem_id = ids[i] };

		CHECK_MSG(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &pools) != 0, "region %u", ids[i]);
		CHECK(why[0]);
	}
	close(fd);
}

/* Only ports of switches have packets with such a header. */
CASE(header_length)
{
	struct port p = port_open(unique("{1"), NULL);
	struct nmreq_port_hdr hdr = { .nr_hdr_len = 77 };

	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_HDR_GET, p.name, &hdr));
	CHECK_EQ(hdr.nr_hdr_len, 0);
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_HDR_SET, p.name, &hdr));
	hdr.nr_hdr_len = 12;
	CHECK_REFUSED_ANY(ctrl(p.fd, NETMAP_REQ_PORT_HDR_SET, p.name, &hdr), EOPNOTSUPP, EINVAL);
	hdr.nr_hdr_len = 13;
	CHECK_REFUSED_ANY(ctrl(p.fd, NETMAP_REQ_PORT_HDR_SET, p.name, &hdr), EOPNOTSUPP, EINVAL);
	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_PORT_HDR_GET, "lrnosuch0", &hdr), ENXIO);
	port_close(&p);
}

/* --- Counters ------------------------------------------------------------------ */

CASE(stats_count_packets)
{
	struct port p[2];
	uint32_t out = 0, in = 0;
	uint64_t bytes = 0;
	struct nm_ring_stats tx, rx;

	pipe_open(p, unique(""), 64);
	while (in < 1000) {
		put_packets(tx_ring(&p[0], 0), 50, &out);
		txsync(&p[0]);
		rxsync(&p[1]);
		take_packets(rx_ring(&p[1], 0), 64, &in);
		rxsync(&p[1]);
	}
	CHECK_EQ(in, out);
	for (uint32_t i = 0; i < in; i++)
		bytes += 60 + i % 97;
	tx = ring_stats(p[0].fd, p[0].name, 0, 0);
	rx = ring_stats(p[0].fd, p[1].name, 1, 0);
	CHECK_EQ(tx.packets, out);
	CHECK_EQ(rx.packets, in);
	CHECK_EQ(tx.bytes, bytes);
	CHECK_EQ(rx.bytes, bytes);
	CHECK_EQ(tx.num_slots, 64);
	CHECK(tx.syncs >= out / 50);
	CHECK(rx.syncs >= out / 50);
	CHECK_EQ(tx.drops, 0);
	CHECK_EQ(rx.drops, 0);
	CHECK_EQ(tx.bad_slots, 0);
	CHECK_EQ(tx.resets, 0);
	/* The other direction was still. */
	CHECK_EQ(ring_stats(p[0].fd, p[1].name, 0, 0).packets, 0);
	CHECK_EQ(ring_stats(p[0].fd, p[0].name, 1, 0).packets, 0);
	port_close(&p[0]);
	port_close(&p[1]);
}

CASE(stats_array_too_small)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 3, .nr_rx_rings = 2,
		.nr_tx_slots = 8, .nr_rx_slots = 8 };
	struct port p = port_open(unique("n"), &want);
	struct nm_ring_stats rings[8];
	struct nmreq_port_stats body = { .nr_rings = PTR(rings), .nr_count = 4 };

	memset(rings, 0xa5, sizeof(rings));
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, p.name, &body));
	CHECK_EQ(body.nr_count, 5);
	CHECK_EQ(body.nr_users, 1);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(rings[i].dir, i >= 3);
		CHECK_EQ(rings[i].ring, i % 3);
		CHECK_EQ(rings[i].host, 0);
		CHECK_EQ(rings[i].num_slots, 8);
	}
	CHECK_EQ(rings[4].num_slots, 0xa5a5a5a5);
	/* No array at all, to learn how many. */
	body = (struct nmreq_port_stats){ .nr_count = 0 };
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, p.name, &body));
	CHECK_EQ(body.nr_count, 5);
	CHECK(memchr(body.nr_backend, 0, sizeof(body.nr_backend)));
	port_close(&p);
}

CASE(stats_with_a_bad_array)
{
	struct port p = port_open(unique("{1"), NULL);
	struct nmreq_port_stats body = { .nr_rings = 8, .nr_count = 2 };

	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, p.name, &body), EFAULT);
	body = (struct nmreq_port_stats){ .nr_rings = UINT64_MAX - 10, .nr_count = 0xffffffff };
	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, p.name, &body), EFAULT);
	port_close(&p);
}

CASE(stats_of_an_unknown_port)
{
	struct nmreq_port_stats body = { 0 };
	int fd = dev_open();

	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_PORT_STATS_GET, "lrnosuch0", &body), ENXIO);
	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_PORT_STATS_GET, "", &body), ENXIO, EINVAL);
	close(fd);
}

CASE(stats_users)
{
	const char *name = unique("{1");
	struct port p = port_open(name, NULL), q = port_open(name, NULL);
	struct nmreq_port_stats body = { 0 };

	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, name, &body));
	CHECK_EQ(body.nr_users, 2);
	port_close(&q);
	body = (struct nmreq_port_stats){ 0 };
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, name, &body));
	CHECK_EQ(body.nr_users, 1);
	port_close(&p);
}
