/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of 32 bits on a kernel of 64: requests, the netmap_if with its narrower array, rings, packets over a pipe. Compiled
 * with -m32, and of the helpers with those of the conformance suite alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../conformance/port.h"

/* As in kernel.c. */
static void __attribute__((constructor)) device_or_skip(int argc, char **argv)
{
	struct stat st;

	if (argc > 1 && (strcmp(argv[1], "-l") == 0 || strcmp(argv[1], "-h") == 0))
		return;
	if (stat(NETMAP_DEVICE_NAME, &st) == 0 && S_ISCHR(st.st_mode))
		return;
	printf("skip narrow: %s is not a device, the module is not loaded\n", NETMAP_DEVICE_NAME);
	fflush(stdout);
	_exit(77);
}

CASE(it_is_narrow)
{
	CHECK_EQ(sizeof(void *), 4);
	CHECK_EQ(sizeof(((struct netmap_if *)NULL)->ring_ofs[0]), 4);
	/* Where the kernel has them. */
	CHECK_EQ(offsetof(struct netmap_ring, tail), 28);
	CHECK_EQ(offsetof(struct netmap_ring, offset_mask), 56);
	CHECK_EQ(offsetof(struct netmap_ring, sem), 128);
	CHECK_EQ(offsetof(struct netmap_ring, slot), 256);
}

CASE(questions)
{
	struct nmreq_pools_info pools = { 0 };
	struct nmreq_port_info_get info = { 0 };
	struct nmreq req = { .nr_version = NETMAP_API };
	int fd = dev_open();

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &pools));
	CHECK(pools.nr_memsize > 0 && pools.nr_buf_pool_objsize > 0);
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_PORT_INFO_GET, "", &info));
	CHECK_EQ(info.nr_memsize, pools.nr_memsize);
	CHECK_OK(ioctl(fd, NIOCGINFO, &req));
	CHECK_EQ(req.nr_memsize, pools.nr_memsize);
	close(fd);
}

CASE(refusals_have_reasons)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	int fd = dev_open();

	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, "lrnosuch0", &reg), ENXIO);
	CHECK_ERRNO(ioctl(fd, NIOCTXSYNC, NULL), ENXIO);
	CHECK_ERRNO(ioctl(fd, NIOCCTRL, (void *)0xfffff000), EFAULT);
	CHECK_ERRNO(ioctl(fd, NIOCCTRL, NULL), EFAULT);
	CHECK_ERRNO(ioctl(fd, 0x1234, NULL), ENOTTY);
	close(fd);
}

CASE(packets_over_a_pipe)
{
	uint32_t out = 0, in = 0;
	struct port p[2];

	pipe_open(p, unique(""), 64);
	CHECK_STREQ(p[0].nifp->ni_name, p[0].name);
	CHECK_EQ(tx_ring(&p[0], 0)->num_slots, 64);
	CHECK_EQ(rx_ring(&p[1], 0)->dir, 1);
	while (in < 5000) {
		put_packets(tx_ring(&p[0], 0), 20, &out);
		CHECK_EQ(poll_port(&p[0], POLLOUT, 1000), POLLOUT);
		CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
		take_packets(rx_ring(&p[1], 0), 64, &in);
	}
	port_close(&p[0]);
	port_close(&p[1]);
}

/* All of the array: several rings, of both directions. */
CASE(several_rings)
{
	struct nmreq_register want = { .nr_tx_rings = 3, .nr_rx_rings = 2, .nr_tx_slots = 32, .nr_rx_slots = 16, .nr_mode = NR_REG_NULL,
		.nr_extra_bufs = 5 };
	struct port p = port_open(unique("n"), &want);
	uint32_t list[5];

	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(tx_ring(&p, i)->ringid, i);
		CHECK_EQ(tx_ring(&p, i)->num_slots, 32);
	}
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(rx_ring(&p, i)->ringid, i);
		CHECK_EQ(rx_ring(&p, i)->num_slots, 16);
	}
	CHECK_EQ(list_walk(&p, p.mem, p.nifp->ni_bufs_head, list, 5), 5);
	port_close(&p);
}

CASE(legacy_register)
{
	struct nmreq req = { .nr_version = NETMAP_API, .nr_flags = NR_REG_ALL_NIC, .nr_tx_slots = 32, .nr_rx_slots = 32 };
	struct netmap_if *nifp;
	int fd = dev_open();
	char *mem;

	snprintf(req.nr_name, sizeof(req.nr_name), "%s", unique("{1"));
	CHECK_OK(ioctl(fd, NIOCREGIF, &req));
	mem = mmap(NULL, req.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mem != MAP_FAILED);
	nifp = NETMAP_IF(mem, req.nr_offset);
	CHECK_EQ(NETMAP_TXRING(nifp, 0)->num_slots, 32);
	CHECK_OK(munmap(mem, req.nr_memsize));
	close(fd);
}

CASE(counters)
{
	struct port p[2];
	uint32_t out = 0;

	pipe_open(p, unique(""), 32);
	put_packets(tx_ring(&p[0], 0), 10, &out);
	txsync(&p[0]);
	CHECK_EQ(ring_stats(p[0].fd, p[0].name, 0, 0).packets, 10);
	port_close(&p[0]);
	port_close(&p[1]);
}
