/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up device: open, ioctl, mmap and close of the library's own sources, and of
 * nm_open(), become the ones here, each of which can be told to fail.
 *
 * It has one port, eth9: 4 NIC ring pairs, 1 host ring pair, 8 slots.
 */
#ifndef TEST_UNIT_NMREQ_DEVICE_H
#define TEST_UNIT_NMREQ_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define open	fake_open
#define ioctl	fake_ioctl
#define mmap	fake_mmap
#define munmap	fake_munmap
#define close	fake_close

static int fake_open(const char *path, int flags, ...);
static int fake_ioctl(int fd, unsigned long request, ...);
static void *fake_mmap(void *at, size_t size, int prot, int flags, int fd, long ofs);
static int fake_munmap(void *mem, size_t size);
static int fake_close(int fd);

#define NETMAP_WITH_LIBS
#include "../../lib/nmctx.c"
#include "../../lib/nmport_inject.c"
#include "../../lib/nmport.c"
#include "../../lib/nmport_options.c"
#include "../../lib/nmport_register.c"
#include "../../lib/nmreq.c"
#include "../../lib/nmreq_ask.c"
#include "../../lib/nmreq_options.c"
#include "nmreq_check.h"

#define NIC_RINGS	4
#define RINGS		(2 * (NIC_RINGS + 1))
#define SLOTS		8
#define BUF_SIZE	2048
#define RING_OFS	4096
#define RING_SIZE	(sizeof(struct netmap_ring) + SLOTS * sizeof(struct netmap_slot))
#define BUFS_OFS	16384
#define MEMSIZE		(BUFS_OFS + (2 + RINGS * SLOTS) * BUF_SIZE)
#define REGION		7

/* What is in use. */
static _Atomic int fds, maps, syncs;
static int knows_reason = 1;

static int
fake_open(const char *path, int flags, ...)
{
	if (fails(EMFILE))
		return -1;
	if (strcmp(path, NETMAP_DEVICE_NAME) && strncmp(path, "/proc/self/fd/", 14)) {
		errno = ENOENT;
		return -1;
	}
	fds++;
	return (flags & O_ACCMODE) == O_RDWR ? 1000 : -1;
}

static int
fake_close(int fd)
{
	fds--;
	errno = EBADF;		/* callers must keep their own errno */
	return fd == 1000 ? 0 : -1;
}

/* The shared memory: one netmap_if, all rings, each slot with its buffer. */
static void
fill_memory(char *mem)
{
	struct netmap_if *nifp = (void *)mem;
	uint32_t i, s;

	nifp->ni_tx_rings = nifp->ni_rx_rings = NIC_RINGS;
	nifp->ni_host_tx_rings = nifp->ni_host_rx_rings = 1;
	for (i = 0; i < RINGS; i++) {
		struct netmap_ring *ring = (void *)(mem + RING_OFS + i * RING_SIZE);

		nifp->ring_ofs[i] = (char *)ring - (char *)nifp;
		ring->buf_ofs = mem + BUFS_OFS - (char *)ring;
		ring->num_slots = SLOTS;
		ring->nr_buf_size = BUF_SIZE;
		ring->tail = i <= NIC_RINGS ? SLOTS - 1 : 0;
		for (s = 0; s < SLOTS; s++)
			ring->slot[s].buf_idx = 2 + i * SLOTS + s;
	}
}

static void *
fake_mmap(void *at, size_t size, int prot, int flags, int fd, long ofs)
{
	char *mem;

	if (fails(EAGAIN))
		return MAP_FAILED;
	if (at || fd != 1000 || ofs || size != MEMSIZE || flags != MAP_SHARED ||
	    prot != (PROT_READ | PROT_WRITE)) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	mem = calloc(1, size);
	fill_memory(mem);
	maps++;
	return mem;
}

static int
fake_munmap(void *mem, size_t size)
{
	memset(mem, 0xee, size);
	free(mem);
	maps--;
	return 0;
}

/* The options of a request: -1 if one of them can't be done. */
static int
take_options(struct nmreq_header *hdr, struct nmreq_opt_reason **reason)
{
	struct nmreq_option *o;
	int rc = 0;

	nmreq_foreach_option(hdr, o) {
		o->nro_status = 0;
		if (o->nro_reqtype == NETMAP_REQ_OPT_REASON && knows_reason)
			*reason = (void *)o;
		else if (o->nro_reqtype != NETMAP_REQ_OPT_OFFSETS) {
			o->nro_status = EOPNOTSUPP;
			errno = EOPNOTSUPP;
			rc = -1;
		}
	}
	return rc;
}

static int
take_request(struct nmreq_header *hdr)
{
	struct nmreq_register *reg = (void *)(uintptr_t)hdr->nr_body;
	struct nmreq_port_info_get *info = (void *)(uintptr_t)hdr->nr_body;
	struct nmreq_opt_reason *reason = NULL;
	const char *why = "";
	int err = 0;

	if (take_options(hdr, &reason))
		return -1;
	if (strcmp(hdr->nr_name, "eth9")) {
		why = "nowhere to be seen";
		err = ENXIO;
	} else if (hdr->nr_reqtype == NETMAP_REQ_PORT_INFO_GET) {
		info->nr_mem_id = REGION;
	} else if (reg->nr_mode == NR_REG_ONE_NIC && reg->nr_ringid >= NIC_RINGS) {
		why = "eth9 has 4 ring pairs, another one was asked for";
		err = EINVAL;
	} else if (reg->nr_mem_id && reg->nr_mem_id != REGION) {
		err = EBUSY;
	} else {
		reg->nr_memsize = MEMSIZE;
		reg->nr_mem_id = REGION;
		reg->nr_tx_rings = reg->nr_rx_rings = NIC_RINGS;
		reg->nr_extra_bufs = 0;
	}
	if (reason)
		snprintf((char *)(uintptr_t)reason->nro_text, reason->nro_len, "%s", why);
	errno = err;
	return err ? -1 : 0;
}

static int
fake_ioctl(int fd, unsigned long request, ...)
{
	struct nmreq *legacy;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = request == NIOCTXSYNC ? NULL : va_arg(ap, void *);
	va_end(ap);
	if (fails(ENOMEM))
		return -1;
	if (fd != 1000) {
		errno = EBADF;
		return -1;
	}
	switch (request) {
	case NIOCCTRL:
		return take_request(arg);
	case NIOCREGIF:
		legacy = arg;
		errno = ENXIO;
		if (strcmp(legacy->nr_name, "eth9") || legacy->nr_version != NETMAP_API)
			return -1;
		errno = EINVAL;
		if ((legacy->nr_flags & NR_REG_MASK) == NR_REG_ONE_NIC &&
		    (legacy->nr_ringid & NETMAP_RING_MASK) >= NIC_RINGS)
			return -1;
		legacy->nr_memsize = MEMSIZE;
		legacy->nr_arg2 = REGION;
		return 0;
	case NIOCTXSYNC:
		syncs++;
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}

#endif /* TEST_UNIT_NMREQ_DEVICE_H */
