/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legacy ioctls on struct nmreq, as programs older than NIOCCTRL use them.
 * SEMANTICS 1.
 */
#include <stdio.h>

#include "wire.h"

static struct nmreq request(const char *name)
{
	struct nmreq r = { .nr_version = NETMAP_API };

	memcpy(r.nr_name, name, strnlen(name, sizeof(r.nr_name)));
	return r;
}

/* A pipe of this process, in 15 characters. */
static struct nmreq pipe_request(char end)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%c1", unique(""), end);
	return request(name);
}

CASE(info_of_nothing)
{
	struct nmreq r = request("");
	int fd = dev_open();

	CHECK_OK(ioctl(fd, NIOCGINFO, &r));
	CHECK(r.nr_memsize > 0);
	CHECK_EQ(r.nr_arg2, 1);
	close(fd);
}

CASE(info_versions)
{
	int fd = dev_open();

	for (uint32_t v = 0; v < 20; v++) {
		struct nmreq r = request("");

		r.nr_version = v;
		if (v >= 11 && v <= 15) {
			CHECK_OK(ioctl(fd, NIOCGINFO, &r));
		} else {
			CHECK_ERRNO(ioctl(fd, NIOCGINFO, &r), EINVAL);
			CHECK_EQ(r.nr_version, NETMAP_API);
		}
	}
	close(fd);
}

CASE(register_versions)
{
	for (uint32_t v = 9; v < 18; v++) {
		struct nmreq r = pipe_request('{');
		int fd = dev_open();

		r.nr_version = v;
		if (v >= 11 && v <= 15) {
			CHECK_OK(ioctl(fd, NIOCREGIF, &r));
		} else {
			CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), EINVAL);
			CHECK_EQ(r.nr_version, NETMAP_API);
		}
		close(fd);
	}
}

CASE(info_of_an_unknown_interface)
{
	struct nmreq r = request("lrnosuch0");
	int fd = dev_open();

	CHECK_ERRNO(ioctl(fd, NIOCGINFO, &r), ENXIO);
	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), ENXIO);
	close(fd);
}

CASE(info_of_an_interface)
{
	struct nmreq r = request(wire_near());
	int fd = dev_open();

	CHECK_OK(ioctl(fd, NIOCGINFO, &r));
	CHECK(r.nr_tx_rings >= 1 && r.nr_rx_rings >= 1);
	CHECK(r.nr_tx_slots >= 4 && r.nr_rx_slots >= 4);
	CHECK(r.nr_memsize > 0);
	CHECK_EQ(r.nr_arg2, 1);
	close(fd);
}

/* Both ends of a pipe, by name, map and send. */
CASE(register_and_send)
{
	struct nmreq r = pipe_request('{');
	struct port p[2] = { { .fd = dev_open() }, { .fd = dev_open() } };
	uint32_t out = 0, in = 0;

	for (int i = 0; i < 2; i++) {
		if (i)
			r = pipe_request('}');
		CHECK_OK(ioctl(p[i].fd, NIOCREGIF, &r));
		CHECK_EQ(r.nr_tx_rings, 1);
		CHECK_EQ(r.nr_rx_rings, 1);
		CHECK(r.nr_tx_slots > 3);
		CHECK(r.nr_arg2 > 1);
		p[i].reg.nr_memsize = r.nr_memsize;
		p[i].reg.nr_offset = r.nr_offset;
		port_map(&p[i]);
	}
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 3, &out), 3);
	txsync(&p[0]);
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 3);
	port_close(&p[0]);
	port_close(&p[1]);
}

CASE(register_twice)
{
	struct nmreq r = pipe_request('{');
	int fd = dev_open();

	CHECK_OK(ioctl(fd, NIOCREGIF, &r));
	r = pipe_request('}');
	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), EBUSY);
	close(fd);
}

CASE(extra_buffers)
{
	struct nmreq r = pipe_request('{');
	struct port p = { .fd = dev_open() };
	uint32_t list[16];

	r.nr_arg3 = 10;
	CHECK_OK(ioctl(p.fd, NIOCREGIF, &r));
	CHECK_EQ(r.nr_arg3, 10);
	p.reg.nr_memsize = r.nr_memsize;
	p.reg.nr_offset = r.nr_offset;
	port_map(&p);
	CHECK_EQ(list_walk(&p, p.mem, p.nifp->ni_bufs_head, list, 16), 10);
	port_close(&p);
}

/* Slots and rings asked for come back as they are. */
CASE(sizes)
{
	struct nmreq r = pipe_request('{');
	int fd = dev_open();

	r.nr_tx_slots = 30;
	r.nr_rx_slots = 50;
	CHECK_OK(ioctl(fd, NIOCREGIF, &r));
	CHECK_EQ(r.nr_tx_slots, 30);
	CHECK_EQ(r.nr_rx_slots, 50);
	close(fd);
}

/* The bits in nr_ringid from before nr_flags had modes. */
CASE(ring_bits)
{
	struct nmreq r = request(wire_near());
	int fd = dev_open();
	struct netmap_if *nifp;
	char *mem;

	r.nr_ringid = NETMAP_HW_RING | 0 | NETMAP_NO_TX_POLL;
	CHECK_OK(ioctl(fd, NIOCREGIF, &r));
	mem = mmap(NULL, r.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mem != MAP_FAILED);
	nifp = NETMAP_IF(mem, r.nr_offset);
	for (uint32_t i = 0; i < nifp->ni_tx_rings; i++)
		CHECK_EQ(nifp->ring_ofs[i] != 0, i == 0);
	close(fd);
	fd = dev_open();
	r = request(wire_near());
	r.nr_ringid = NETMAP_HW_RING | 4000;
	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), EINVAL);
	close(fd);
}

CASE(ring_out_of_range)
{
	struct nmreq r = pipe_request('{');
	int fd = dev_open();

	r.nr_flags = NR_REG_ONE_NIC;
	r.nr_ringid = 7;
	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), EINVAL);
	r = pipe_request('{');
	r.nr_flags = NR_REG_MASK;
	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), EINVAL);
	close(fd);
}

/* A name without its NUL, and bytes that no field expects. */
CASE(garbage)
{
	struct nmreq r;
	int fd = dev_open();

	for (int fill = 1; fill < 256; fill++) {
		memset(&r, fill, sizeof(r));
		CHECK_EQ(ioctl(fd, NIOCREGIF, &r), -1);
		memset(&r, fill, sizeof(r));
		CHECK_EQ(ioctl(fd, NIOCGINFO, &r), -1);
		memset(&r, fill, sizeof(r));
		r.nr_version = NETMAP_API;
		CHECK_EQ(ioctl(fd, NIOCREGIF, &r), -1);
	}
	close(fd);
}

/* The old spelling of pipes: the mode says which end, nr_ringid which pipe. */
CASE(pipe_by_mode)
{
	struct nmreq r = request(unique(""));
	struct port p[2] = { { .fd = dev_open() }, { .fd = dev_open() } };
	uint32_t out = 0, in = 0;

	for (int i = 0; i < 2; i++) {
		r = request(unique(""));
		r.nr_flags = i ? NR_REG_PIPE_SLAVE : NR_REG_PIPE_MASTER;
		r.nr_ringid = 5;
		CHECK_OK(ioctl(p[i].fd, NIOCREGIF, &r));
		p[i].reg.nr_memsize = r.nr_memsize;
		p[i].reg.nr_offset = r.nr_offset;
		port_map(&p[i]);
	}
	CHECK_EQ(put_packets(tx_ring(&p[1], 0), 3, &out), 3);
	txsync(&p[1]);
	rxsync(&p[0]);
	CHECK_EQ(take_packets(rx_ring(&p[0], 0), 9, &in), 3);
	port_close(&p[0]);
	port_close(&p[1]);
}
