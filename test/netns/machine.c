/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine PORT TAP [HEADER]: the network card of a virtual machine without the machine: a tap interface, whose packets go to
 * a VALE port and back. With virtio-net headers of HEADER bytes (10 or 12) the port has them and the interface all offloads,
 * as in a machine whose packets leave it without checksums and unsegmented. Says "ready" when both are there, and at the
 * end how much went each way. The interface is gone with the program, in whichever namespace it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libnetmap.h>

#define PACKET_MAX (NETMAP_MAX_FRAGS * 2048)

static char packet[PACKET_MAX];
static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "machine: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int tap_open(const char *name, int header)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (header ? IFF_VNET_HDR : 0)) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		fail(name);
	if (header && (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0))
		fail("offloads");
	return fd;
}

static struct nmport_d *port_open(const char *name, int header)
{
	struct nmport_d *d = nmport_open(name);
	struct nmreq_port_hdr hdr = { .nr_hdr_len = (uint32_t)header };
	struct nmreq_header h = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_PORT_HDR_SET, .nr_body = (uintptr_t)&hdr };

	if (!d)
		exit(1);	/* libnetmap has said why */
	snprintf(h.nr_name, sizeof(h.nr_name), "%s", d->hdr.nr_name);
	if (header && ioctl(d->fd, NIOCCTRL, &h) < 0)
		fail("virtio-net headers");
	return d;
}

/* From the switch to the machine: a packet may be in several slots. A machine that is busy loses packets, as a real one. */
static uint64_t receive(struct netmap_ring *r, int tap)
{
	uint32_t at = r->head, len = 0;
	uint64_t n = 0;

	while (at != r->tail) {
		struct netmap_slot *s = &r->slot[at];

		if (len + s->len <= PACKET_MAX)
			memcpy(packet + len, NETMAP_BUF(r, s->buf_idx), s->len);
		len += s->len;
		at = nm_ring_next(r, at);
		if (s->flags & NS_MOREFRAG)
			continue;
		if (len <= PACKET_MAX && write(tap, packet, len) == (ssize_t)len)
			n++;
		len = 0;
	}
	r->head = r->cur = at;
	return n;
}

static uint64_t transmit(struct nmport_d *d, int tap)
{
	unsigned int i;
	uint64_t n = 0;
	ssize_t len;

	for (i = 0; i < 256; i++) {
		len = read(tap, packet, sizeof(packet));
		if (len <= 0)
			break;
		n += nmport_inject(d, packet, (size_t)len) != 0;
	}
	if (n)
		ioctl(d->fd, NIOCTXSYNC, NULL);
	return n;
}

int main(int argc, char **argv)
{
	int header = argc == 4 ? atoi(argv[3]) : 0;
	uint64_t in = 0, out = 0;
	struct nmport_d *d;
	int tap;

	if (argc < 3 || argc > 4) {
		fputs("usage: machine PORT TAP [HEADER]\n", stderr);
		return argc == 2 && strcmp(argv[1], "-h") == 0 ? 0 : 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	d = port_open(argv[1], header);
	tap = tap_open(argv[2], header);
	puts("ready");
	fflush(stdout);
	while (!ended) {
		struct pollfd p[2] = { { .fd = d->fd, .events = POLLIN }, { .fd = tap, .events = POLLIN } };

		if (poll(p, 2, 500) < 0 && errno != EINTR)
			fail("poll");
		if (p[0].revents & POLLERR)
			return 3;	/* the switch is gone */
		in += receive(NETMAP_RXRING(d->nifp, 0), tap);
		out += transmit(d, tap);
	}
	printf("%llu in, %llu out\n", (unsigned long long)in, (unsigned long long)out);
	nmport_close(d);
	return 0;
}
