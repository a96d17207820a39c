/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and ports of the soak: by hand, as a library would say too much when things fail that are to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"

#define RINGS 8

char why[256];

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int ask(int fd, uint16_t type, const char *name, void *body)
{
	struct nmreq_opt_reason reason = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = (uintptr_t)why, .nro_len = sizeof(why)
	};
	struct nmreq_header h = {
		.nr_version = NETMAP_API, .nr_reqtype = type, .nr_options = (uintptr_t)&reason, .nr_body = (uintptr_t)body
	};

	snprintf(h.nr_name, sizeof(h.nr_name), "%s", name);
	__atomic_add_fetch(&soak->requests, 1, __ATOMIC_RELAXED);
	return ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
}

int device(void)
{
	int fd = -1, i;

	for (i = 0; fd < 0 && i < 50; i++) {
		if (i)
			usleep(20000);
		fd = open(NETMAP_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	}
	return fd;
}

int port_open(struct port *p, const char *name, struct nmreq_register *reg)
{
	int err = 0;

	*p = (struct port){ .fd = open(NETMAP_DEVICE_NAME, O_RDWR | O_CLOEXEC) };
	why[0] = '\0';
	if (p->fd < 0)
		err = errno;
	else
		err = ask(p->fd, NETMAP_REQ_REGISTER, name, reg);
	__atomic_add_fetch(err ? &soak->refused : &soak->opens, 1, __ATOMIC_RELAXED);
	if (!err) {
		p->size = reg->nr_memsize;
		p->mem = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
		if (p->mem == MAP_FAILED) {
			err = errno;
			p->mem = NULL;
		} else {
			p->nifp = NETMAP_IF(p->mem, reg->nr_offset);
		}
	}
	if (err)
		port_close(p);
	return err;
}

void port_close(struct port *p)
{
	if (p->mem)
		munmap(p->mem, p->size);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct port){ .fd = -1 };
}

bool port_stats(int fd, const char *name, struct nm_ring_stats *tx, struct nm_ring_stats *rx)
{
	struct nm_ring_stats ring[RINGS];
	struct nmreq_port_stats s = { .nr_rings = (uintptr_t)ring, .nr_count = RINGS };
	bool have_tx = false, have_rx = false;
	uint32_t i;

	if (ask(fd, NETMAP_REQ_PORT_STATS_GET, name, &s))
		return false;
	for (i = 0; i < s.nr_count && i < RINGS; i++) {
		if (ring[i].ring || ring[i].host)
			continue;
		*(ring[i].dir ? rx : tx) = ring[i];
		*(ring[i].dir ? &have_rx : &have_tx) = true;
	}
	return have_tx && have_rx;
}
