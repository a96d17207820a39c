/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netmap: rings of an interface, both ends of a pair, host rings, a null port, a pipe, a VALE switch.
 *
 * Sending sets each slot's length; the frames are in the buffers before. Receiving looks at each slot's length. A sync is
 * one ioctl for each batch; poll() only when there is nothing to do but wait.
 *
 * Host rings: while all NIC rings are bound and no host ring is, what the host sends is dropped where the host ring would
 * take it. So that is what the injector of the host's packets is measured with alone.
 */
#include "load.h"
#include "bench/port.h"

#include <net/if.h>
#include <poll.h>

struct netmap {
	struct nmport_d *port, *peer;	/* peer: the other end of a pipe, the other port of a switch */
	struct netmap_ring *tx, *rx;
};

static int open_spec(struct load *l, const char *spec, uint32_t mode)
{
	struct netmap *n = l->own = calloc(1, sizeof(*n));

	if (!n)
		return load_fail("no memory");
	n->port = nmport_prepare(spec);
	if (!n->port)
		return -1;
	n->port->reg.nr_tx_slots = l->args.ring;
	/* What was taken goes back with the next sync, after the next batch has come. */
	n->port->reg.nr_rx_slots = 2 * l->args.ring;
	if (mode) {
		n->port->reg.nr_mode = mode;
		n->port->reg.nr_tx_rings = n->port->reg.nr_rx_rings = 1;
	}
	if (nmport_open_desc(n->port))
		return -1;
	n->tx = port_tx(n->port);
	n->rx = port_rx(n->port);
	for (uint32_t i = 0; i < n->tx->num_slots; i++)
		args_frame(&l->args, NETMAP_BUF(n->tx, n->tx->slot[i].buf_idx));
	return 0;
}

static int open_port(struct load *l, const char *prefix, const char *suffix, uint32_t mode)
{
	char spec[128];

	snprintf(spec, sizeof(spec), "netmap:%s%s%s", prefix, l->args.ifname, suffix);
	return open_spec(l, spec, mode);
}

static int open_nic(struct load *l)
{
	return open_port(l, "", "", 0);
}

static int open_host(struct load *l)
{
	return open_port(l, "", "^", 0);
}

static int open_null(struct load *l)
{
	return open_port(l, "null-", "", NR_REG_NULL);
}

static int open_pipe(struct load *l)
{
	char spec[128];
	struct netmap *n;

	if (open_port(l, "pipe-", "{1", 0))
		return -1;
	n = l->own;
	snprintf(spec, sizeof(spec), "netmap:pipe-%s}1", l->args.ifname);
	n->peer = nmport_open(spec);
	if (!n->peer)
		return -1;
	n->rx = port_rx(n->peer);
	return 0;
}

/* The other end of a veth pair is in the same namespace. */
static int open_pair(struct load *l)
{
	char path[128], name[IF_NAMESIZE], spec[128];
	unsigned int index = 0;
	struct netmap *n;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/iflink", l->args.ifname);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%u", &index) != 1 || !if_indextoname(index, name)) {
		if (f)
			fclose(f);
		return load_fail(path);
	}
	fclose(f);
	if (open_nic(l))
		return -1;
	n = l->own;
	snprintf(spec, sizeof(spec), "netmap:%s", name);
	n->peer = nmport_open(spec);
	if (!n->peer)
		return -1;
	n->rx = port_rx(n->peer);
	return 0;
}

static int open_sink(struct load *l)
{
	return open_spec(l, "valeload:a", 0);
}

/* The other port says where it is: a packet, which nobody takes. */
static int open_vale(struct load *l)
{
	struct args back = l->args;
	struct netmap_ring *tx;
	struct netmap *n;

	if (open_sink(l))
		return -1;
	n = l->own;
	n->peer = nmport_open("valeload:b");
	if (!n->peer)
		return -1;
	n->rx = port_rx(n->peer);
	back.source = l->args.target;
	back.target = l->args.source;
	tx = port_tx(n->peer);
	args_frame(&back, NETMAP_BUF(tx, tx->slot[0].buf_idx));
	port_fill(tx, 1, (uint16_t)back.length);
	return ioctl(n->peer->fd, NIOCTXSYNC, NULL) ? load_fail("NIOCTXSYNC") : 0;
}

static int wait_port(struct netmap *n, short events)
{
	struct pollfd p = { .fd = n->port->fd, .events = events };

	if (poll(&p, 1, LOAD_PATIENCE) < 0)
		return load_fail("poll");
	if (p.revents & POLLERR) {
		fprintf(stderr, "poll reports an error of the port\n");
		return -1;
	}
	return 0;
}

static int send_batch(struct load *l)
{
	struct netmap *n = l->own;
	unsigned sent = port_fill(n->tx, l->args.batch, (uint16_t)l->args.length);

	if (!sent)
		return wait_port(n, POLLOUT);
	return ioctl(n->port->fd, NIOCTXSYNC, NULL) ? load_fail("NIOCTXSYNC") : (int)sent;
}

static int finish(struct load *l)
{
	const struct netmap *n = l->own;

	for (unsigned patience = 10 * LOAD_PATIENCE; nm_tx_pending(n->tx) && patience; patience--) {
		if (ioctl(n->port->fd, NIOCTXSYNC, NULL))
			return load_fail("NIOCTXSYNC");
		usleep(100);
	}
	return 0;
}

static int receive_batch(struct load *l)
{
	struct netmap *n = l->own;
	uint64_t bytes = 0;
	unsigned came;

	if (wait_port(n, POLLIN))
		return -1;
	came = port_take(n->rx, l->args.batch, &bytes);
	if (bytes == (uint64_t)came * l->args.length)
		return (int)came;
	fprintf(stderr, "%u packets of together %llu bytes were received\n", came, (unsigned long long)bytes);
	return -1;
}

/* Both ends in one program. What finds no room at the other end, if that has fewer slots, goes with the next batch. */
static int pipe_batch(struct load *l)
{
	struct netmap *n = l->own;
	uint64_t bytes = 0;
	unsigned came;

	port_fill(n->tx, l->args.batch, (uint16_t)l->args.length);
	if (ioctl(n->port->fd, NIOCTXSYNC, NULL) || ioctl(n->peer->fd, NIOCRXSYNC, NULL))
		return load_fail("sync");
	came = port_take(n->rx, l->args.batch, &bytes);
	if (came && bytes == (uint64_t)came * l->args.length)
		return (int)came;
	fprintf(stderr, "%u packets of together %llu bytes came through\n", came, (unsigned long long)bytes);
	return -1;
}

/* What counts is not packets but calls. */
static int idle_batch(struct load *l)
{
	const struct netmap *n = l->own;
	int fd = n->port->fd;

	for (unsigned i = l->args.batch / 2; i; i--)
		if (ioctl(fd, NIOCTXSYNC, NULL) || ioctl(fd, NIOCRXSYNC, NULL))
			return load_fail("sync");
	return (int)(l->args.batch & ~1u);
}

static void close_port(struct load *l)
{
	struct netmap *n = l->own;

	nmport_close(n->peer);
	nmport_close(n->port);
	free(n);
}

const struct load_method load_netmap = {
	.name = "netmap", .what = "netmap on the interface's rings", .open_tx = open_nic, .open_rx = open_nic,
	.send = send_batch, .finish = finish, .receive = receive_batch, .close = close_port,
};

/* Drivers whose own rings they are count late, or not at all: that all was sent is what the rings say. */
static int finish_native(struct load *l)
{
	const struct netmap *n = l->own;

	if (finish(l))
		return -1;
	if (!nm_tx_pending(n->tx))
		return 0;
	fprintf(stderr, "not all was sent\n");
	return -1;
}

const struct load_method load_native = {
	.name = "native", .what = "netmap on the interface's rings, whose driver knows netmap", .open_tx = open_nic, .open_rx = open_nic,
	.send = send_batch, .finish = finish_native, .receive = receive_batch, .close = close_port, .silent = true,
};

const struct load_method load_native_pair = {
	.name = "native-pair", .what = "netmap on both ends of a veth pair, whose driver knows netmap", .open_tx = open_pair,
	.send = pipe_batch, .close = close_port, .silent = true,
};

const struct load_method load_netmap_host = {
	.name = "netmap-host", .what = "netmap on the host rings", .open_tx = open_host, .open_rx = open_host,
	.send = send_batch, .receive = receive_batch, .close = close_port, .rival = &load_netmap, .silent = true,
};

const struct load_method load_netmap_idle = {
	.name = "netmap-idle", .what = "netmap on the interface's rings, syncs that move nothing", .open_tx = open_nic,
	.send = idle_batch, .close = close_port, .silent = true,
};

const struct load_method load_null = {
	.name = "null", .what = "netmap, null port", .open_tx = open_null, .send = send_batch, .close = close_port,
	.silent = true,
};

const struct load_method load_null_idle = {
	.name = "null-idle", .what = "netmap, null port, syncs that move nothing", .open_tx = open_null,
	.send = idle_batch, .close = close_port, .silent = true,
};

const struct load_method load_pipe = {
	.name = "pipe", .what = "netmap pipe, both ends", .open_tx = open_pipe, .send = pipe_batch, .close = close_port,
	.silent = true,
};

const struct load_method load_vale = {
	.name = "vale", .what = "VALE switch, from port to port, both ends", .open_tx = open_vale, .send = pipe_batch,
	.close = close_port, .silent = true,
};

const struct load_method load_vale_sink = {
	.name = "vale-sink", .what = "VALE switch without another port", .open_tx = open_sink, .send = send_batch,
	.close = close_port, .silent = true,
};
