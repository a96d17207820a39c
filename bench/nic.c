/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nic: netmap on one ring pair of a network interface, to be compared with the bare AF_XDP program (xsk.c): same
 * batch, same frame, same clock.
 *
 * tx: the frames are written before the clock starts. Measured: setting each slot's length, and the syncs with all
 * that is beneath them. The count is of slots that were sent, and the clock stops when the last of them has come
 * back.
 * rx: the clock starts with the first packet. Measured: the syncs, adding up the lengths, giving the slots back.
 */
#include "port.h"

#include <poll.h>

static const char letters[] = "i:b:l:t:c:wS:D:s:d:h";
static const char purpose[] =
	"nic tx|rx -i NAME [options]: send or receive over a netmap port, its first ring\n"
	"  NAME as libnetmap takes it, e.g. eth0-0; queue and ring size are part of it\n";

struct nic {
	struct args args;
	struct nmport_d *port;
	uint64_t syncs, sync_errors;
};

/* One sync of the ring: by poll when asked to sleep, else by ioctl. */
static void sync_ring(struct nic *n, short events)
{
	struct pollfd p = { .fd = n->port->fd, .events = events };

	n->syncs++;
	if (n->args.wait)
		n->sync_errors += poll(&p, 1, 100) > 0 && p.revents & POLLERR;
	else
		n->sync_errors += ioctl(p.fd, events == POLLOUT ? NIOCTXSYNC : NIOCRXSYNC, NULL) < 0;
}

static int run_tx(struct nic *n)
{
	struct netmap_ring *ring = port_tx(n->port);
	uint64_t sent = 0, end, now, deadline;
	unsigned missing;
	struct measure m;

	for (uint32_t i = 0; i < ring->num_slots; i++)
		args_frame(&n->args, NETMAP_BUF(ring, ring->slot[i].buf_idx));
	measure_pin(n->args.core);
	measure_start(&m);
	end = m.nsec + (uint64_t)(n->args.seconds * 1e9);
	do {
		sent += port_fill(ring, n->args.batch, (uint16_t)n->args.length);
		sync_ring(n, POLLOUT);
		now = measure_nsec();
	} while (now < end && !measure_interrupted);
	for (deadline = now + 200000000u; nm_tx_pending(ring) && measure_nsec() < deadline; )
		ioctl(n->port->fd, NIOCTXSYNC, NULL);
	missing = ring->num_slots - 1 - nm_ring_space(ring);
	measure_stop(&m);
	measure_print(&m, "nic-tx", sent - missing, " syncs=%" PRIu64 " errors=%" PRIu64 " missing=%u", n->syncs,
		      n->sync_errors, missing);
	return 0;
}

static int run_rx(struct nic *n)
{
	struct netmap_ring *ring = port_rx(n->port);
	uint64_t packets = 0, bytes = 0, end, deadline;
	struct measure m;

	measure_pin(n->args.core);
	puts("nic-rx ready");
	fflush(stdout);
	for (deadline = measure_nsec() + 10000000000u; nm_ring_empty(ring); sync_ring(n, POLLIN)) {
		if (measure_interrupted || measure_nsec() > deadline) {
			fprintf(stderr, "nothing arrived\n");
			return 1;
		}
	}
	port_take(ring, n->args.batch, &bytes);
	bytes = n->syncs = 0;
	measure_start(&m);
	end = m.nsec + (uint64_t)(n->args.seconds * 1e9);
	do {
		sync_ring(n, POLLIN);
		packets += port_take(ring, n->args.batch, &bytes);
	} while (measure_nsec() < end && !measure_interrupted);
	measure_stop(&m);
	measure_print(&m, "nic-rx", packets, " bytes=%" PRIu64 " syncs=%" PRIu64 " errors=%" PRIu64, bytes, n->syncs,
		      n->sync_errors);
	return 0;
}

int main(int argc, char **argv)
{
	struct nic n = { .syncs = 0 };
	bool tx;
	int ret;

	args_parse(&n.args, argc, argv, letters, purpose);
	tx = n.args.rest == argc - 1 && !strcmp(argv[n.args.rest], "tx");
	if (!tx && (n.args.rest != argc - 1 || strcmp(argv[n.args.rest], "rx"))) {
		args_help(stderr, purpose, letters);
		return 2;
	}
	measure_catch_signals();
	n.port = port_open(n.args.ifname);
	if (!n.port)
		return 1;
	port_describe(n.port, tx ? "nic-tx" : "nic-rx");
	ret = tx ? run_tx(&n) : run_rx(&n);
	nmport_close(n.port);
	return ret;
}
