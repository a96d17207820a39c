/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opens INTERFACE COUNT: opens an interface's port so often, with all rings, with the first, with those of the host too,
 * sends a packet, takes what comes for a moment, and closes it. Tells how long that took, and how many packets came.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <libnetmap.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void send_one(struct nmport_d *d)
{
	struct netmap_ring *r = NETMAP_TXRING(d->nifp, d->first_tx_ring);
	uint8_t *frame;

	if (nm_ring_empty(r))
		return;
	frame = (uint8_t *)NETMAP_BUF(r, r->slot[r->head].buf_idx);
	memset(frame, 0xff, 6);
	memset(frame + 6, 0, 54);
	memcpy(frame + 6, "\2open\0\x88\xb5", 8);
	r->slot[r->head].len = 60;
	r->slot[r->head].flags = 0;
	r->head = r->cur = nm_ring_next(r, r->head);
	ioctl(d->fd, NIOCTXSYNC, NULL);
}

static unsigned long take_all(struct nmport_d *d)
{
	unsigned long n = 0;

	for (unsigned int i = d->first_rx_ring; i <= d->last_rx_ring; i++) {
		struct netmap_ring *r = NETMAP_RXRING(d->nifp, i);

		n += nm_ring_space(r);
		r->head = r->cur = r->tail;
	}
	return n;
}

int main(int argc, char **argv)
{
	static const char *const rings[] = { "", "-0", "*" };
	unsigned long count, packets = 0;
	double start = now();

	if (argc != 3) {
		fputs("usage: opens INTERFACE COUNT\n", stderr);
		return argc == 2 && strcmp(argv[1], "-h") == 0 ? 0 : 2;
	}
	count = strtoul(argv[2], NULL, 10);
	for (unsigned long i = 0; i < count; i++) {
		char name[64];
		struct nmport_d *d;
		struct pollfd pfd = { .events = POLLIN };

		snprintf(name, sizeof(name), "netmap:%s%s", argv[1], rings[i % 3]);
		d = nmport_open(name);
		if (!d) {
			fprintf(stderr, "opens: %s cannot be opened, after %lu times\n", name, i);
			return 1;
		}
		send_one(d);
		pfd.fd = d->fd;
		/* Now and then long enough for a device to begin to receive. */
		if (poll(&pfd, 1, i % 50 == 49 ? 1500 : 2) < 0 || (pfd.revents & POLLERR)) {
			fprintf(stderr, "opens: %s: an error, at number %lu\n", name, i);
			return 1;
		}
		packets += take_all(d);
		nmport_close(d);
	}
	printf("opened %lu times, %.0f ms each, received %lu packets\n", count, (now() - start) * 1e3 / (double)(count ? count : 1), packets);
	return packets ? 0 : 1;
}
