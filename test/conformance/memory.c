/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: what a mapping shows, which mappings are allowed, region ids, extra
 * buffers and what programs leave in their list. SEMANTICS 1 and 4.
 */
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

/* --- Mapping ------------------------------------------------------------------ */

static void *map(int fd, size_t len, off_t ofs)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ofs);
}

CASE(map_past_the_region)
{
	struct port p = port_open(unique("{1"), NULL);
	size_t size = (p.reg.nr_memsize + 4095) & ~4095ul;

	CHECK_ERRNO(map(p.fd, size + 4096, 0), EINVAL);
	CHECK_ERRNO(map(p.fd, size, 4096), EINVAL);
	CHECK_ERRNO(map(p.fd, 4096, (off_t)size), EINVAL);
	CHECK_ERRNO(map(p.fd, 4096, (off_t)1 << 40), EINVAL);
	CHECK(map(p.fd, SIZE_MAX - 4095, 0) == MAP_FAILED);
	CHECK_MSG(errno == EINVAL || errno == ENOMEM, "%s", strerror(errno));
	port_close(&p);
}

CASE(map_a_part)
{
	struct port p = port_open(unique("{1"), NULL);
	char *part = map(p.fd, 4096, 0);

	CHECK(part != MAP_FAILED);
	CHECK_OK(munmap(part, 4096));
	port_close(&p);
}

CASE(map_twice)
{
	struct port p = port_open(unique("{1"), NULL);
	char *other = map(p.fd, p.reg.nr_memsize, 0);

	CHECK(other != MAP_FAILED && other != p.mem);
	tx_ring(&p, 0)->sem[0] = 77;
	CHECK_EQ(NETMAP_TXRING(NETMAP_IF(other, p.reg.nr_offset), 0)->sem[0], 77);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
	port_map(&p);
	CHECK_EQ(tx_ring(&p, 0)->sem[0], 77);
	CHECK_OK(munmap(other, p.reg.nr_memsize));
	txsync(&p);
	port_close(&p);
}

CASE(map_read_only)
{
	struct port p = port_open(unique("{1"), NULL);
	char *ro = mmap(NULL, p.reg.nr_memsize, PROT_READ, MAP_SHARED, p.fd, 0);

	CHECK(ro != MAP_FAILED);
	CHECK_STREQ(NETMAP_IF(ro, p.reg.nr_offset)->ni_name, p.nifp->ni_name);
	CHECK_OK(munmap(ro, p.reg.nr_memsize));
	port_close(&p);
}

CASE(map_at_a_fixed_address)
{
	struct port p = port_open(unique("{1"), NULL);
	size_t size = p.reg.nr_memsize;
	char *hole = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(hole != MAP_FAILED);
	CHECK_EQ(mmap(hole, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, p.fd, 0) == hole, 1);
	CHECK_EQ(NETMAP_IF(hole, p.reg.nr_offset)->ni_version, NETMAP_API);
	CHECK_OK(munmap(hole, size));
	port_close(&p);
}

/* What is mapped stays readable and writable, and is nobody's any more. */
CASE(mapping_outlives_the_descriptor)
{
	struct port p = port_open(unique("{1"), NULL);
	struct netmap_ring *r = tx_ring(&p, 0);

	CHECK_OK(close(p.fd));
	r->head = 3;
	CHECK_EQ(r->head, 3);
	packet_fill(r, 0, 1, 1500);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
}

/* One mapping serves all descriptors of the region. */
CASE(one_mapping_for_two_descriptors)
{
	struct port p[2];
	struct port q;
	uint32_t out = 0, in = 0;

	pipe_open(p, unique(""), 0);
	CHECK_EQ(p[0].reg.nr_mem_id, p[1].reg.nr_mem_id);
	CHECK_EQ(p[0].reg.nr_memsize, p[1].reg.nr_memsize);
	q = p[1];
	q.nifp = NETMAP_IF(p[0].mem, p[1].reg.nr_offset);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 5, &out), 5);
	txsync(&p[0]);
	rxsync(&q);
	CHECK_EQ(take_packets(rx_ring(&q, 0), 9, &in), 5);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* --- What is in it -------------------------------------------------------------- */

static void ring_sane(const struct port *p, const struct netmap_ring *r, unsigned int dir,
		      unsigned int index, uint32_t slots, uint8_t *seen)
{
	CHECK_EQ(r->dir, dir);
	CHECK_EQ(r->ringid, index);
	CHECK_EQ(r->num_slots, slots);
	CHECK_EQ(r->nr_buf_size, 2048);
	CHECK_EQ(r->flags, 0);
	CHECK_EQ(r->head, 0);
	CHECK_EQ(r->cur, 0);
	CHECK_EQ(r->tail, dir ? 0 : slots - 1);
	for (uint32_t i = 0; i < slots; i++) {
		uint32_t idx = r->slot[i].buf_idx;
		const char *buf = NETMAP_BUF(r, idx);

		CHECK_MSG(idx > 1, "slot %u has buffer %u", i, idx);
		CHECK(buf >= p->mem && buf + 1500 <= p->mem + p->reg.nr_memsize);
		CHECK_EQ(NETMAP_BUF_IDX(r, buf), idx);
		CHECK_MSG(!seen[idx], "buffer %u is in two slots", idx);
		seen[idx] = 1;
		CHECK_EQ(r->slot[i].flags, 0);
	}
}

CASE(netmap_if_and_rings)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 3, .nr_rx_rings = 2,
		.nr_tx_slots = 17, .nr_rx_slots = 32 };
	struct port p = port_open(unique("n"), &want);
	uint8_t *seen = calloc(1, p.reg.nr_memsize / 2048 + 1);

	CHECK_STREQ(p.nifp->ni_name, p.name);
	CHECK_EQ(p.nifp->ni_version, NETMAP_API);
	CHECK_EQ(p.nifp->ni_tx_rings, 3);
	CHECK_EQ(p.nifp->ni_rx_rings, 2);
	CHECK_EQ(p.nifp->ni_bufs_head, 0);
	CHECK_EQ(p.nifp->ni_host_tx_rings, p.reg.nr_host_tx_rings);
	CHECK_EQ(p.nifp->ni_host_rx_rings, p.reg.nr_host_rx_rings);
	for (unsigned int i = 0; i < 3; i++)
		ring_sane(&p, tx_ring(&p, i), 0, i, 17, seen);
	for (unsigned int i = 0; i < 2; i++)
		ring_sane(&p, rx_ring(&p, i), 1, i, 32, seen);
	free(seen);
	port_close(&p);
}

CASE(private_region_is_marked)
{
	struct port p = port_open(unique("{1"), NULL);

	CHECK(p.nifp->ni_flags & NI_PRIV_MEM);
	port_close(&p);
}

/* A name longer than ni_name is cut there, and still works. */
CASE(long_name)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL };
	struct port p = port_open("a-name-that-is-longer-than-what-netmap_if-holds", &want);

	CHECK_EQ(strlen(p.nifp->ni_name), sizeof(p.nifp->ni_name) - 1);
	CHECK(strncmp(p.nifp->ni_name, p.name, sizeof(p.nifp->ni_name) - 1) == 0);
	port_close(&p);
}

/* --- Region ids --------------------------------------------------------------- */

static int try_region(const char *name, uint16_t id)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_mem_id = id };
	int fd = dev_open(), err = ctrl(fd, NETMAP_REQ_REGISTER, name, &reg);

	if (!err && id)
		CHECK_EQ(reg.nr_mem_id, id);
	close(fd);
	return err;
}

CASE(global_region)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_tx_rings = 1,
		.nr_tx_slots = 8 };
	struct port p = port_open(unique("a"), &want), q = port_open(unique("b"), &want);

	CHECK_EQ(p.reg.nr_mem_id, 1);
	CHECK_EQ(p.reg.nr_memsize, q.reg.nr_memsize);
	CHECK(!(p.nifp->ni_flags & NI_PRIV_MEM));
	tx_ring(&q, 0)->sem[5] = 55;
	CHECK_EQ(NETMAP_TXRING(NETMAP_IF(p.mem, q.reg.nr_offset), 0)->sem[5], 55);
	CHECK(tx_ring(&p, 0)->slot[0].buf_idx != tx_ring(&q, 0)->slot[0].buf_idx);
	port_close(&p);
	port_close(&q);
}

CASE(private_region_shared_by_id)
{
	struct port p = port_open(unique("{1"), NULL);
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_mem_id = p.reg.nr_mem_id };
	struct port q = port_open(unique("n"), &want);

	CHECK_EQ(q.reg.nr_mem_id, p.reg.nr_mem_id);
	CHECK_EQ(q.reg.nr_memsize, p.reg.nr_memsize);
	tx_ring(&p, 0)->sem[1] = 9;
	CHECK_EQ(NETMAP_TXRING(NETMAP_IF(q.mem, p.reg.nr_offset), 0)->sem[1], 9);
	port_close(&p);
	/* The region lives on with the other one. */
	CHECK_GRANTED(try_region(unique("m"), q.reg.nr_mem_id));
	port_close(&q);
}

CASE(private_regions_differ)
{
	struct port p = port_open(unique("a{1"), NULL), q = port_open(unique("b{1"), NULL);

	CHECK(p.reg.nr_mem_id != q.reg.nr_mem_id);
	port_close(&p);
	port_close(&q);
}

CASE(region_unknown)
{
	CHECK(try_region(unique("n"), 77) != 0);
	CHECK(why[0]);
	CHECK(try_region(unique("n"), 0xffff) != 0);
}

/* A port has one region; asking for another one is an error. */
CASE(region_of_another_port)
{
	struct port p = port_open(unique("{1"), NULL);
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_mem_id = 1 };
	int fd = dev_open();

	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_REGISTER, p.name, &reg), EINVAL, EBUSY);
	close(fd);
	port_close(&p);
}

/* --- Extra buffers -------------------------------------------------------------- */

/* A port with n extra buffers in the region of a holder, which stays to count what is left. */
static struct port with_extra(const struct port *holder, uint32_t n)
{
	struct nmreq_register want = { .nr_mem_id = holder->reg.nr_mem_id, .nr_extra_bufs = n,
		.nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_tx_slots = 16 };

	return port_open(unique("x"), &want);
}

static struct port holder_open(void)
{
	struct nmreq_register want = { .nr_tx_slots = 8, .nr_rx_slots = 8 };

	return port_open(unique("{1"), &want);
}

static uint32_t *word(struct port *p, uint32_t idx)
{
	return (uint32_t *)(void *)NETMAP_BUF(tx_ring(p, 0), idx);
}

CASE(extra_buffers_are_a_list)
{
	struct port h = holder_open(), p = with_extra(&h, 100);
	uint32_t list[100], before = bufs_free(&h);

	CHECK_EQ(p.reg.nr_extra_bufs, 100);
	CHECK_EQ(list_walk(&p, p.mem, p.nifp->ni_bufs_head, list, 100), 100);
	for (int i = 0; i < 100; i++) {
		CHECK(list[i] > 1);
		for (int j = 0; j < i; j++)
			CHECK(list[i] != list[j]);
		for (unsigned int j = 0; j < 16; j++)
			CHECK(list[i] != tx_ring(&p, 0)->slot[j].buf_idx);
	}
	port_close(&p);
	CHECK_EQ(bufs_free(&h), before + 100 + 16);
	port_close(&h);
}

CASE(extra_buffers_more_than_there_are)
{
	struct port h = holder_open();
	uint32_t n = bufs_free(&h);

	CHECK(n > 100);
	CHECK_EQ(bufs_free(&h), n);
	port_close(&h);
}

/* Swapped into a ring and back: it does not matter which buffers are in the list. */
CASE(extra_buffers_swapped_with_slots)
{
	struct port h = holder_open();
	uint32_t before = bufs_free(&h);
	struct port p = with_extra(&h, 8);
	struct netmap_ring *r = tx_ring(&p, 0);
	uint32_t list[8];

	list_walk(&p, p.mem, p.nifp->ni_bufs_head, list, 8);
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t idx = r->slot[i].buf_idx;

		r->slot[i].buf_idx = list[i];
		r->slot[i].flags = NS_BUF_CHANGED;
		list[i] = idx;
	}
	for (unsigned int i = 0; i < 8; i++)
		*word(&p, list[i]) = i < 7 ? list[i + 1] : 0;
	p.nifp->ni_bufs_head = list[0];
	txsync(&p);
	port_close(&p);
	CHECK_EQ(bufs_free(&h), before);
	port_close(&h);
}

enum damage { HEAD_ZERO, HEAD_HUGE, HEAD_RESERVED, LOOP, LOOP_ON_ITSELF, TAIL_HUGE, TWICE, RING_BUFFER,
	FREE_BUFFER, DAMAGES };

static void damage_list(struct port *p, enum damage how)
{
	uint32_t list[16], n = list_walk(p, p->mem, p->nifp->ni_bufs_head, list, 16);

	CHECK_EQ(n, 16);
	switch (how) {
	case HEAD_ZERO:
		p->nifp->ni_bufs_head = 0;
		break;
	case HEAD_HUGE:
		p->nifp->ni_bufs_head = 0xfffffff0;
		break;
	case HEAD_RESERVED:
		p->nifp->ni_bufs_head = 1;
		break;
	case LOOP:
		*word(p, list[15]) = list[0];
		break;
	case LOOP_ON_ITSELF:
		*word(p, list[7]) = list[7];
		break;
	case TAIL_HUGE:
		*word(p, list[15]) = 0x80000000;
		break;
	case TWICE:
		*word(p, list[3]) = list[1];
		break;
	case RING_BUFFER:
		*word(p, list[15]) = tx_ring(p, 0)->slot[0].buf_idx;
		*word(p, tx_ring(p, 0)->slot[0].buf_idx) = tx_ring(p, 0)->slot[1].buf_idx;
		*word(p, tx_ring(p, 0)->slot[1].buf_idx) = 0;
		break;
	case FREE_BUFFER:
		*word(p, list[15]) = p->reg.nr_memsize / 2048 - 600;
		break;
	default:
		break;
	}
}

/*
 * Buffers that were dropped from the list may be lost while the region lives;
 * no buffer is ever handed out twice (bufs_free checks), and there are never
 * more than before.
 */
CASE(extra_list_damaged)
{
	struct port h = holder_open();
	uint32_t before = bufs_free(&h);

	for (enum damage how = 0; how < DAMAGES; how++) {
		struct port p = with_extra(&h, 16);
		uint32_t after;

		damage_list(&p, how);
		port_close(&p);
		after = bufs_free(&h);
		CHECK_MSG(after <= before, "damage %d: %u buffers of %u", how, after, before);
		CHECK_MSG(after + 16 >= before, "damage %d: %u buffers of %u", how, after, before);
		before = after;
	}
	txsync(&h);
	port_close(&h);
}

/* Slots with bad buffers at close: theirs may be lost, nobody else's. */
CASE(slots_damaged_at_close)
{
	struct port h = holder_open();
	uint32_t before = bufs_free(&h);

	for (int round = 0; round < 4; round++) {
		struct port p = with_extra(&h, 0);
		struct netmap_ring *r = tx_ring(&p, 0);
		uint32_t after;

		for (uint32_t i = 0; i < r->num_slots; i++)
			r->slot[i].buf_idx = (uint32_t[]){ 0, 1, r->slot[0].buf_idx, 0xffffffff }[round];
		port_close(&p);
		after = bufs_free(&h);
		CHECK_MSG(after <= before && after + 16 >= before, "round %d: %u of %u", round, after, before);
		before = after;
	}
	port_close(&h);
}

/* A program that opens, takes and closes for a long time loses nothing. */
CASE(extra_buffers_do_not_leak)
{
	struct port h = holder_open();
	uint32_t before = bufs_free(&h);

	for (int i = 0; i < 500; i++) {
		struct port p = with_extra(&h, 200);

		CHECK_EQ(p.reg.nr_extra_bufs, 200);
		port_close(&p);
	}
	CHECK_EQ(bufs_free(&h), before);
	port_close(&h);
}
