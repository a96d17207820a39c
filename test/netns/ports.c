/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports SWITCH COUNT: fills a switch: opens COUNT ports of it (some to a memory region), and says "full" when one more is refused
 * for lack of room, with the reason. From each port a broadcast goes to all others, and a packet to the next one, which
 * must get exactly that. Packets of others on the switch (an Ethernet type that is not ours) are left alone. Then it keeps the
 * ports until SIGINT.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <net/netmap.h>
#include <net/netmap_linerate.h>
#include <net/netmap_user.h>

#define PORTS_MAX 255
#define GROUP 31	/* ports that a memory region has rings for */
#define SLOTS 512	/* room for a broadcast of each, and what others send */
#define ETHERTYPE 0x88b5

struct frame {
	uint8_t to[6], from[6];
	uint8_t type[2];
	uint16_t sender, one;	/* one: to a single port */
	uint8_t zero[42];
};

static struct {
	int fd;
	struct netmap_if *nifp;
	unsigned int all, mine;	/* what came */
} port[PORTS_MAX];
static char *memory;
static uint16_t region;	/* of the first of GROUP ports; the others join it */
static char why[256];

/* 0 or an errno; why in words. */
static int register_port(int fd, const char *name, struct nmreq_register *reg)
{
	struct nmreq_opt_reason reason = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = (uintptr_t)why, .nro_len = sizeof(why)
	};
	struct nmreq_header h = {
		.nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER, .nr_options = (uintptr_t)&reason, .nr_body = (uintptr_t)reg
	};

	snprintf(h.nr_name, sizeof(h.nr_name), "%s", name);
	return ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
}

static int port_open(const char *vale, unsigned int i)
{
	struct nmreq_register reg = {
		.nr_mode = NR_REG_ALL_NIC, .nr_mem_id = i % GROUP ? region : 0, .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS
	};
	char name[NETMAP_REQ_IFNAMSIZ];
	int err;

	port[i].fd = open(NETMAP_DEVICE_NAME, O_RDWR);
	if (port[i].fd < 0)
		return errno;
	snprintf(name, sizeof(name), "%s:q%u", vale, i);
	err = register_port(port[i].fd, name, &reg);
	if (err)
		return err;
	if (reg.nr_mem_id != region)
		memory = mmap(NULL, reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, port[i].fd, 0);
	if (memory == MAP_FAILED)
		return errno;
	region = reg.nr_mem_id;
	port[i].nifp = NETMAP_IF(memory, reg.nr_offset);
	return 0;
}

static void address(uint8_t mac[6], unsigned int i)
{
	memcpy(mac, (uint8_t[6]){ 2, 0x50, 0, 0, 0, (uint8_t)i }, 6);
}

static void send_one(unsigned int from, int to)
{
	struct netmap_ring *r = NETMAP_TXRING(port[from].nifp, 0);
	struct frame *f = (void *)NETMAP_BUF(r, r->slot[r->head].buf_idx);

	memset(f, 0, sizeof(*f));
	memset(f->to, 0xff, 6);
	if (to >= 0)
		address(f->to, (unsigned int)to);
	address(f->from, from);
	f->type[0] = ETHERTYPE >> 8;
	f->type[1] = ETHERTYPE & 0xff;
	f->sender = (uint16_t)from;
	f->one = to >= 0;
	r->slot[r->head].len = sizeof(*f);
	r->head = r->cur = nm_ring_next(r, r->head);
	ioctl(port[from].fd, NIOCTXSYNC, NULL);
}

static void receive(unsigned int i)
{
	struct netmap_ring *r = NETMAP_RXRING(port[i].nifp, 0);

	ioctl(port[i].fd, NIOCRXSYNC, NULL);
	for (; r->head != r->tail; r->head = r->cur = nm_ring_next(r, r->head)) {
		const struct frame *f = (const void *)NETMAP_BUF(r, r->slot[r->head].buf_idx);

		if (r->slot[r->head].len != sizeof(*f) || (f->type[0] << 8 | f->type[1]) != ETHERTYPE)
			continue;
		port[i].all += !f->one;
		port[i].mine += f->one;
	}
	ioctl(port[i].fd, NIOCRXSYNC, NULL);
}

static int exchange(unsigned int count)
{
	unsigned int i;
	int bad = 0;

	for (i = 0; i < count; i++)
		send_one(i, -1);
	for (i = 0; i < count; i++)
		send_one(i, (int)((i + 1) % count));
	for (i = 0; i < count; i++) {
		receive(i);
		if (port[i].all == count - 1 && port[i].mine == 1)
			continue;
		printf("port %u got %u broadcasts and %u packets of its own\n", i, port[i].all, port[i].mine);
		bad = 1;
	}
	return bad;
}

int main(int argc, char **argv)
{
	unsigned int count = argc == 3 ? (unsigned int)atoi(argv[2]) : 0, i;
	sigset_t ends;
	int err, sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (!count || count >= PORTS_MAX) {
		fputs("usage: ports SWITCH COUNT\n", stderr);
		return argc == 2 && strcmp(argv[1], "-h") == 0 ? 0 : 2;
	}
	for (i = 0; i < count; i++) {
		err = port_open(argv[1], i);
		if (err) {
			fprintf(stderr, "ports: port %u: %s (%s)\n", i, strerror(err), why);
			return 1;
		}
	}
	err = port_open(argv[1], count);
	if (err != ENOSPC || !why[0]) {
		fprintf(stderr, "ports: one more: %s (%s)\n", err ? strerror(err) : "success", why);
		return 1;
	}
	if (exchange(count))
		return 1;
	printf("full: %s\n", why);
	fflush(stdout);
	sigwait(&ends, &sig);
	return 0;
}
