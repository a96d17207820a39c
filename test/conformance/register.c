/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register request: modes, flags, ring and slot counts, exclusive use, what
 * comes back, and what is refused. SEMANTICS 2. Pipes and null ports; NICs are
 * in nic.c.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "port.h"

/* Registers name with this on a descriptor of its own: 0 or the errno. */
static int try(const char *name, struct nmreq_register *reg)
{
	int fd = dev_open(), err = ctrl(fd, NETMAP_REQ_REGISTER, name, reg);

	close(fd);
	return err;
}

CASE(register_defaults)
{
	struct port p = port_open(unique("{1"), NULL);

	CHECK_EQ(p.reg.nr_tx_rings, 1);
	CHECK_EQ(p.reg.nr_rx_rings, 1);
	CHECK(p.reg.nr_tx_slots >= 4);
	CHECK(p.reg.nr_rx_slots >= 4);
	CHECK(p.reg.nr_mem_id > 1);
	CHECK(p.reg.nr_memsize > 0);
	CHECK(p.reg.nr_offset < p.reg.nr_memsize);
	CHECK_EQ(p.reg.nr_extra_bufs, 0);
	CHECK_EQ(p.reg.nr_mode, NR_REG_ALL_NIC);
	port_close(&p);
}

CASE(register_mode_default)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_DEFAULT };

	CHECK_REFUSED(try(unique("{1"), &reg), EINVAL);
}

CASE(register_mode_unknown)
{
	static const uint32_t modes[] = { 9, 10, 15, 16, 255, 0x80000001, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct nmreq_register reg = { .nr_mode = modes[i] };

		CHECK_REFUSED(try(unique("{1"), &reg), EINVAL);
	}
}

CASE(register_flags_contradict)
{
	struct nmreq_register reg = {
		.nr_mode = NR_REG_ALL_NIC,
		.nr_flags = NR_RX_RINGS_ONLY | NR_TX_RINGS_ONLY,
	};

	CHECK_REFUSED(try(unique("{1"), &reg), EINVAL);
	reg.nr_flags = NR_ZCOPY_MON;
	CHECK_REFUSED_ANY(try(unique("{1"), &reg), EINVAL, EOPNOTSUPP);
}

CASE(ring_out_of_range)
{
	static const uint16_t rings[] = { 1, 2, 255, 0x7fff, 0xffff };

	for (unsigned int i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = rings[i] };
		char number[16];

		CHECK_REFUSED(try(unique("{1"), &reg), EINVAL);
		snprintf(number, sizeof(number), "%u", rings[i]);
		CHECK_MSG(strstr(why, number), "the reason does not name ring %s: %s", number, why);
	}
}

CASE(slots_as_asked)
{
	static const uint32_t slots[] = { 4, 5, 7, 16, 100, 1000, 1023, 4096 };

	for (unsigned int i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		struct port p[2];

		pipe_open(p, unique(""), slots[i]);
		for (int e = 0; e < 2; e++) {
			CHECK_EQ(p[e].reg.nr_tx_slots, slots[i]);
			CHECK_EQ(p[e].reg.nr_rx_slots, slots[i]);
			CHECK_EQ(tx_ring(&p[e], 0)->num_slots, slots[i]);
			CHECK_EQ(rx_ring(&p[e], 0)->num_slots, slots[i]);
			port_close(&p[e]);
		}
	}
}

CASE(slots_absurd)
{
	static const uint32_t slots[] = { 1, 1 << 20, 1u << 31, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = slots[i] };

		CHECK_REFUSED_ANY(try(unique("{1"), &reg), EINVAL, ENOMEM);
		reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_rx_slots = slots[i],
			.nr_rx_rings = 1 };
		CHECK_REFUSED_ANY(try(unique("n"), &reg), EINVAL, ENOMEM);
	}
}

CASE(rings_absurd)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_rings = 0xffff,
		.nr_rx_rings = 0xffff };

	CHECK_REFUSED_ANY(try(unique("{1"), &reg), EINVAL, ENOMEM);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 0xffff,
		.nr_rx_rings = 0xffff, .nr_host_tx_rings = 0xffff, .nr_host_rx_rings = 0xffff,
		.nr_tx_slots = 0xffff, .nr_rx_slots = 0xffff };
	CHECK_REFUSED_ANY(try(unique("n"), &reg), EINVAL, ENOMEM);
}

/* More than any region has: everything taken on the way is given back. */
CASE(rings_without_memory)
{
	struct port p[2];
	uint32_t before;

	pipe_open(p, unique("keep"), 16);
	before = bufs_free(&p[0]);
	for (int i = 0; i < 3; i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1000,
			.nr_rx_rings = 1000, .nr_tx_slots = 16384, .nr_rx_slots = 16384,
			.nr_mem_id = p[0].reg.nr_mem_id };

		CHECK_REFUSED(try(unique("big"), &reg), ENOMEM);
		CHECK_EQ(bufs_free(&p[0]), before);
	}
	port_close(&p[0]);
	port_close(&p[1]);
}

CASE(null_port_without_rings)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL };
	struct port p = port_open(unique("n"), &want);

	CHECK_EQ(p.reg.nr_tx_rings, 0);
	CHECK_EQ(p.reg.nr_rx_rings, 0);
	CHECK_EQ(p.nifp->ni_tx_rings, 0);
	CHECK_EQ(p.nifp->ni_rx_rings, 0);
	txsync(&p);
	rxsync(&p);
	port_close(&p);
}

CASE(null_port_with_rings)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 3, .nr_rx_rings = 2,
		.nr_tx_slots = 10, .nr_rx_slots = 20 };
	struct port p = port_open(unique("n"), &want);

	CHECK_EQ(p.reg.nr_tx_rings, 3);
	CHECK_EQ(p.reg.nr_rx_rings, 2);
	CHECK_EQ(p.nifp->ni_tx_rings, 3);
	CHECK_EQ(p.nifp->ni_rx_rings, 2);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(tx_ring(&p, i)->num_slots, 10);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(rx_ring(&p, i)->num_slots, 20);
	txsync(&p);
	rxsync(&p);
	poll_port(&p, POLLIN | POLLOUT, 0);
	port_close(&p);
}

CASE(tx_rings_only)
{
	struct nmreq_register want = { .nr_flags = NR_TX_RINGS_ONLY };
	struct port p = port_open(unique("{1"), &want);

	CHECK(p.nifp->ring_ofs[0] != 0);
	CHECK_EQ(p.nifp->ring_ofs[p.nifp->ni_tx_rings + p.nifp->ni_host_tx_rings], 0);
	txsync(&p);
	rxsync(&p);
	CHECK_EQ(poll_port(&p, POLLOUT, 0), POLLOUT);
	CHECK(!(poll_port(&p, POLLIN | POLLOUT, 0) & POLLIN));
	port_close(&p);
}

CASE(rx_rings_only)
{
	struct nmreq_register want = { .nr_flags = NR_RX_RINGS_ONLY };
	struct port p = port_open(unique("{1"), &want);

	CHECK_EQ(p.nifp->ring_ofs[0], 0);
	CHECK(p.nifp->ring_ofs[p.nifp->ni_tx_rings + p.nifp->ni_host_tx_rings] != 0);
	txsync(&p);
	rxsync(&p);
	CHECK(!(poll_port(&p, POLLIN | POLLOUT, 0) & POLLOUT));
	port_close(&p);
}

/* One descriptor sends, another one receives, on the same port. */
CASE(tx_and_rx_apart)
{
	const char *name = unique("");
	struct nmreq_register tx = { .nr_flags = NR_TX_RINGS_ONLY },
		rx = { .nr_flags = NR_RX_RINGS_ONLY };
	struct port m[2], s;
	char full[64];
	uint32_t out = 0, in = 0;

	snprintf(full, sizeof(full), "%s{1", name);
	m[0] = port_open(full, &tx);
	m[1] = port_open(full, &rx);
	snprintf(full, sizeof(full), "%s}1", name);
	s = port_open(full, NULL);
	CHECK_EQ(put_packets(tx_ring(&m[0], 0), 5, &out), 5);
	txsync(&m[0]);
	rxsync(&s);
	CHECK_EQ(take_packets(rx_ring(&s, 0), 9, &in), 5);
	out = in = 0;
	CHECK_EQ(put_packets(tx_ring(&s, 0), 5, &out), 5);
	txsync(&s);
	rxsync(&m[1]);
	CHECK_EQ(take_packets(rx_ring(&m[1], 0), 9, &in), 5);
	port_close(&m[0]);
	port_close(&m[1]);
	port_close(&s);
}

CASE(exclusive_twice)
{
	struct nmreq_register want = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE }, reg;
	const char *name = unique("{1");
	struct port p = port_open(name, &want);

	reg = want;
	CHECK_REFUSED(try(name, &reg), EBUSY);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	CHECK_REFUSED(try(name, &reg), EBUSY);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC };
	CHECK_REFUSED(try(name, &reg), EBUSY);
	port_close(&p);
	reg = want;
	CHECK_GRANTED(try(name, &reg));
}

CASE(exclusive_while_in_use)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	const char *name = unique("{1");
	struct port p = port_open(name, NULL);

	CHECK_REFUSED(try(name, &reg), EBUSY);
	txsync(&p);
	port_close(&p);
	CHECK_GRANTED(try(name, &reg));
}

/* The other end of a pipe is another port. */
CASE(exclusive_pipe_end)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	struct port m, s;
	const char *name = unique("");
	char full[64];

	snprintf(full, sizeof(full), "%s{1", name);
	m = port_open(full, &want);
	snprintf(full, sizeof(full), "%s}1", name);
	s = port_open(full, &want);
	port_close(&m);
	port_close(&s);
}

CASE(exclusive_null_port)
{
	const char *name = unique("n");
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 2, .nr_rx_rings = 2,
		.nr_flags = NR_EXCLUSIVE };
	struct port p = port_open(name, &reg);

	reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 2, .nr_rx_rings = 2 };
	CHECK_REFUSED(try(name, &reg), EBUSY);
	port_close(&p);
}

/* Without rings, it is the port that is had. */
CASE(exclusive_port_without_rings)
{
	const char *name = unique("n");
	struct nmreq_register shared = { .nr_mode = NR_REG_NULL };
	struct nmreq_register alone = { .nr_mode = NR_REG_NULL, .nr_flags = NR_EXCLUSIVE };
	struct nmreq_register reg = alone;
	struct port p = port_open(name, &reg);

	reg = shared;
	CHECK_REFUSED(try(name, &reg), EBUSY);
	port_close(&p);
	reg = shared;
	p = port_open(name, &reg);
	reg = alone;
	CHECK_REFUSED(try(name, &reg), EBUSY);
	port_close(&p);
}

/* Rings that nobody else has may be taken exclusively. */
CASE(exclusive_rings_apart)
{
	const char *name = unique("{1");
	struct nmreq_register reg = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 0, .nr_tx_rings = 2,
		.nr_rx_rings = 2, .nr_flags = NR_EXCLUSIVE };
	struct port p = port_open(name, &reg), q;

	CHECK_REFUSED(try(name, &reg), EBUSY);
	reg.nr_ringid = 1;
	q = port_open(name, &reg);
	CHECK_EQ(q.nifp->ni_tx_rings, 2);
	CHECK_EQ(q.nifp->ring_ofs[0], 0);
	CHECK(q.nifp->ring_ofs[1] != 0);
	port_close(&p);
	txsync(&q);
	port_close(&q);
}

CASE(failed_register_leaves_nothing)
{
	struct nmreq_register reg;
	const char *name = unique("{1");
	struct port p = port_open(name, NULL);

	for (int i = 0; i < 200; i++) {
		reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
		CHECK_EQ(try(name, &reg), EBUSY);
		reg = (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 9 };
		CHECK_EQ(try(name, &reg), EINVAL);
	}
	txsync(&p);
	port_close(&p);
}

CASE(open_and_close_many_times)
{
	const char *name = unique("");

	for (int i = 0; i < 300; i++) {
		struct port p[2];

		pipe_open(p, name, 64);
		port_close(&p[i & 1]);
		port_close(&p[!(i & 1)]);
	}
}

/* As many descriptors as the process may have. */
CASE(out_of_descriptors)
{
	struct rlimit l = { 64, 64 };
	int n = 0, fds[64];

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &l));
	while (n < 64) {
		fds[n] = open(NETMAP_DEVICE_NAME, O_RDWR);
		if (fds[n] < 0)
			break;
		n++;
	}
	CHECK(n > 4 && n < 64);
	CHECK_EQ(errno, EMFILE);
	while (n > 0)
		CHECK_OK(close(fds[--n]));
	CHECK_OK(close(dev_open()));
}
