/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Xsk: AF_XDP, a bare socket on queue 0, in the best mode that the interface has. In copy mode a kick sends at most 32
 * packets (the budget can be set from Linux 6.17): it is repeated until all are sent.
 */
#include "load.h"
#include "bench/xdp.h"
#include "bench/xskring.h"

#include <poll.h>
#include <sys/resource.h>

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

#define CHUNK 2048u

struct xsk {
	struct xskring fill, comp, tx, rx;
	char *area;
	size_t size;
	uint64_t *free;		/* chunks that are ours, a stack */
	unsigned free_count, chunks;
	int fd, map, link;
};

static int make_area(struct xsk *x)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct xdp_umem_reg umem = { .chunk_size = CHUNK };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	x->size = (size_t)x->chunks * CHUNK;
	x->free = calloc(x->chunks, sizeof(*x->free));
	x->area = mmap(NULL, x->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (!x->free || x->area == MAP_FAILED)
		return load_fail("no memory");
	umem.addr = (uintptr_t)x->area;
	umem.len = x->size;
	x->fd = socket(AF_XDP, SOCK_RAW, 0);
	if (x->fd < 0 || setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)))
		return load_fail("cannot register memory with an AF_XDP socket");
	return 0;
}

static int bind_queue(struct xsk *x, const char *ifname)
{
	struct sockaddr_xdp to = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_USE_NEED_WAKEUP,
				   .sxdp_ifindex = if_nametoindex(ifname) };

	/* The kernel lets go of a queue some time after its last socket was closed. */
	for (unsigned tries = 0; bind(x->fd, (struct sockaddr *)&to, sizeof(to)); tries++) {
		if (errno != EBUSY || tries == 1000)
			return load_fail("cannot bind an AF_XDP socket");
		usleep(1000);
	}
	return 0;
}

static int open_socket(struct load *l, bool receive)
{
	struct xsk *x = l->own = calloc(1, sizeof(*x));
	int budget = (int)l->args.ring, space = 64 << 20;
	int err;

	if (!x)
		return load_fail("no memory");
	x->map = x->link = x->fd = -1;
	x->chunks = l->args.ring;
	if (make_area(x))
		return -1;
	err = xskring_create(&x->fill, x->fd, XDP_UMEM_FILL_RING, x->chunks);
	if (!err)
		err = xskring_create(&x->comp, x->fd, XDP_UMEM_COMPLETION_RING, x->chunks);
	if (!err)
		err = receive ? xskring_create(&x->rx, x->fd, XDP_RX_RING, x->chunks) :
				xskring_create(&x->tx, x->fd, XDP_TX_RING, x->chunks);
	if (err) {
		errno = -err;
		return load_fail("cannot have the rings of an AF_XDP socket");
	}
	setsockopt(x->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
	return bind_queue(x, l->args.ifname);
}

static int open_tx(struct load *l)
{
	struct xsk *x;

	if (open_socket(l, false))
		return -1;
	x = l->own;
	for (; x->free_count < x->chunks; x->free_count++) {
		x->free[x->free_count] = (uint64_t)x->free_count * CHUNK;
		args_frame(&l->args, x->area + (size_t)x->free_count * CHUNK);
	}
	return 0;
}

/* A program that redirects to the socket of the queue. */
static int attach(struct xsk *x, const char *ifname)
{
	bool generic;
	int key = 0;

	x->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "bench_xsk", sizeof(int), sizeof(int), 1, NULL);
	if (x->map < 0)
		return load_fail("cannot create a BPF map");
	const struct bpf_insn insns[] = {
		XDP_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, rx_queue_index)),
		XDP_LOAD_MAP(BPF_REG_1, x->map),
		XDP_MOV_IMM(BPF_REG_3, XDP_PASS),
		XDP_CALL(BPF_FUNC_redirect_map),
		XDP_EXIT(),
	};
	x->link = xdp_attach(ifname, "bench_xsk", insns, sizeof(insns) / sizeof(insns[0]), &generic);
	if (x->link < 0)
		return -1;
	printf("xsk: XDP by the %s\n", generic ? "kernel, for any interface" : "driver");
	return bpf_map_update_elem(x->map, &key, &x->fd, 0) ? load_fail("cannot enter the socket into the map") : 0;
}

static int open_rx(struct load *l)
{
	struct xsk *x;

	if (open_socket(l, true))
		return -1;
	x = l->own;
	for (unsigned i = 0; i < x->chunks; i++)
		*xskring_addr(&x->fill, i) = (uint64_t)i * CHUNK;
	xskring_publish(&x->fill, x->chunks);
	return attach(x, l->args.ifname);
}

static void reclaim(struct xsk *x)
{
	uint32_t at, n = xskring_look(&x->comp, x->chunks, &at);

	for (uint32_t i = 0; i < n; i++)
		x->free[x->free_count++] = *xskring_addr(&x->comp, at + i);
	if (n)
		xskring_publish(&x->comp, n);
}

/* Kick until the kernel has taken all, or cannot now. EAGAIN: the budget is used up; EBUSY: the interface is full. */
static int kick(struct xsk *x)
{
	while (xskring_wants_wakeup(&x->tx)) {
		uint32_t before = xskring_theirs(&x->tx);

		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && xskring_theirs(&x->tx) == before && !load_full())
			return load_fail("sendto on AF_XDP");
		if (x->tx.next == xskring_theirs(&x->tx))
			break;
	}
	return 0;
}

static int send_batch(struct load *l)
{
	struct xsk *x = l->own;
	uint32_t at, n;

	reclaim(x);
	n = xskring_look(&x->tx, x->free_count < l->args.batch ? x->free_count : l->args.batch, &at);
	for (uint32_t i = 0; i < n; i++)
		*xskring_desc(&x->tx, at + i) = (struct xdp_desc){ .addr = x->free[--x->free_count], .len = l->args.length };
	if (n)
		xskring_publish(&x->tx, n);
	else
		usleep(100);
	return kick(x) ? -1 : (int)n;
}

static int receive_batch(struct load *l)
{
	struct xsk *x = l->own;
	struct pollfd p = { .fd = x->fd, .events = POLLIN };
	uint32_t at, to, n = xskring_look(&x->rx, l->args.batch, &at);

	if (!n) {
		if (poll(&p, 1, LOAD_PATIENCE) < 0)
			return load_fail("poll");
		n = xskring_look(&x->rx, l->args.batch, &at);
	}
	xskring_look(&x->fill, n, &to);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = xskring_desc(&x->rx, at + i);

		if (desc->len != l->args.length) {
			fprintf(stderr, "a packet of %u bytes was received\n", desc->len);
			return -1;
		}
		*xskring_addr(&x->fill, to + i) = desc->addr & ~(uint64_t)(CHUNK - 1);
	}
	xskring_publish(&x->rx, n);
	xskring_publish(&x->fill, n);
	return (int)n;
}

static void close_socket(struct load *l)
{
	struct xsk *x = l->own;

	if (x->link >= 0)
		close(x->link);
	if (x->map >= 0)
		close(x->map);
	xskring_destroy(&x->rx);
	xskring_destroy(&x->tx);
	xskring_destroy(&x->comp);
	xskring_destroy(&x->fill);
	close(x->fd);
	munmap(x->area, x->size);
	free(x->free);
	free(x);
}

const struct load_method load_xsk = {
	.name = "xsk", .what = "AF_XDP, bare", .open_tx = open_tx, .open_rx = open_rx, .send = send_batch,
	.receive = receive_batch, .close = close_socket,
};
