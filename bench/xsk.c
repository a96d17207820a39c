/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Xsk: a bare AF_XDP sender and receiver, as fast as a careful programmer makes it. It is what netmap over AF_XDP is
 * compared with.
 *
 * tx: the frames are written before the clock starts. Measured: taking back completed chunks, writing descriptors,
 * submitting, and the kicks; that is, everything that the kernel does for a sender in its own context, which over
 * veth includes much of the receiver's share. The count is of descriptors that the kernel took, and the clock stops
 * when the last of them has come back.
 * rx: the clock starts with the first packet. Measured: reading descriptors, adding up the lengths, giving the chunks
 * back to the fill ring.
 *
 * Copy mode sends 32 packets a kick unless told otherwise (XDP_MAX_TX_SKB_BUDGET, Linux 6.17); where the option is
 * missing the kick is repeated. The socket and the program's link belong to this process alone: nothing stays behind
 * when it ends, however that comes.
 */
#include "args.h"
#include "xdp.h"
#include "xskring.h"

#include <poll.h>
#include <sys/resource.h>

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

#define CHUNK 2048u

static const char letters[] = "i:q:b:r:l:t:c:wS:D:s:d:h";
static const char purpose[] =
	"xsk tx|rx|open -i NAME [options]: send or receive over a bare AF_XDP socket; open: say how long opening takes\n";

struct xsk {
	struct args args;
	struct xskring fill, comp, tx, rx;
	char *area;
	size_t area_size;
	uint64_t *free;		/* chunks that are ours, a stack */
	unsigned free_count;
	unsigned chunks;
	int fd;
	int map, link;		/* -1 without a program */
	uint64_t kicks, errors;
};

/* A kick sends as much as the ring holds, where the kernel can be told so; and the socket may have as much in flight. */
static void widen(struct xsk *x)
{
	int budget = (int)x->args.ring, space = 64 << 20;

	setsockopt(x->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
}

static int make_area(struct xsk *x)
{
	x->chunks = x->args.ring;
	x->area_size = (size_t)x->chunks * CHUNK;
	x->free = calloc(x->chunks, sizeof(*x->free));
	x->area = mmap(NULL, x->area_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->free && x->area != MAP_FAILED)
		return 0;
	fprintf(stderr, "no memory for %u chunks\n", x->chunks);
	return -1;
}

/* The kernel lets go of a queue some milliseconds after its socket was closed; whoever had it last may be just gone. */
static int bind_queue(struct xsk *x)
{
	struct sockaddr_xdp to = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_USE_NEED_WAKEUP,
				   .sxdp_ifindex = if_nametoindex(x->args.ifname), .sxdp_queue_id = x->args.queue };

	for (unsigned tries = 0; bind(x->fd, (struct sockaddr *)&to, sizeof(to)); tries++) {
		if (errno != EBUSY || tries == 1000)
			return -errno;
		usleep(1000);
	}
	return 0;
}

/* The memory, the rings, the queue. All rings have the same size, and there are as many chunks as fit into one. */
static int open_socket(struct xsk *x, bool receive)
{
	struct xdp_umem_reg umem = { .chunk_size = CHUNK };
	int err;

	if (make_area(x))
		return -1;
	umem.addr = (uintptr_t)x->area;
	umem.len = x->area_size;
	x->fd = socket(AF_XDP, SOCK_RAW, 0);
	if (x->fd < 0 || setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem))) {
		fprintf(stderr, "cannot register memory with an AF_XDP socket: %s\n", strerror(errno));
		return -1;
	}
	err = xskring_create(&x->fill, x->fd, XDP_UMEM_FILL_RING, x->args.ring);
	if (!err)
		err = xskring_create(&x->comp, x->fd, XDP_UMEM_COMPLETION_RING, x->args.ring);
	if (!err)
		err = receive ? xskring_create(&x->rx, x->fd, XDP_RX_RING, x->args.ring) :
				xskring_create(&x->tx, x->fd, XDP_TX_RING, x->args.ring);
	if (!err)
		err = bind_queue(x);
	if (err) {
		fprintf(stderr, "cannot use queue %u of %s: %s\n", x->args.queue, x->args.ifname, strerror(-err));
		return -1;
	}
	widen(x);
	return 0;
}

/* Receiving needs a program that redirects to the socket of the queue; what is on other queues goes on to the host. */
static int attach(struct xsk *x)
{
	bool generic;

	x->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "bench_xsk", sizeof(int), sizeof(int), 1024, NULL);
	if (x->map < 0) {
		fprintf(stderr, "cannot create a BPF map: %s\n", strerror(errno));
		return -1;
	}
	const struct bpf_insn insns[] = {
		XDP_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, rx_queue_index)),
		XDP_LOAD_MAP(BPF_REG_1, x->map),
		XDP_MOV_IMM(BPF_REG_3, XDP_PASS),
		XDP_CALL(BPF_FUNC_redirect_map),
		XDP_EXIT(),
	};
	x->link = xdp_attach(x->args.ifname, "bench_xsk", insns, sizeof(insns) / sizeof(insns[0]), &generic);
	return x->link < 0 ? -1 : 0;
}

static int enter_map(struct xsk *x)
{
	int key = (int)x->args.queue;

	if (!bpf_map_update_elem(x->map, &key, &x->fd, 0))
		return 0;
	fprintf(stderr, "cannot enter the socket into the map: %s\n", strerror(errno));
	return -1;
}

static void close_all(struct xsk *x)
{
	if (x->link >= 0)
		close(x->link);
	if (x->map >= 0)
		close(x->map);
	xskring_destroy(&x->rx);
	xskring_destroy(&x->tx);
	xskring_destroy(&x->comp);
	xskring_destroy(&x->fill);
	if (x->fd >= 0)
		close(x->fd);
	if (x->area && x->area != MAP_FAILED)
		munmap(x->area, x->area_size);
	free(x->free);
}

static void reclaim(struct xsk *x)
{
	uint32_t at, n = xskring_look(&x->comp, x->args.ring, &at);

	for (uint32_t i = 0; i < n; i++)
		x->free[x->free_count++] = *xskring_addr(&x->comp, at + i);
	if (n)
		xskring_publish(&x->comp, n);
}

/* Descriptors that the kernel has not taken. */
static uint32_t tx_pending(const struct xsk *x)
{
	return x->tx.next - xskring_theirs(&x->tx);
}

/*
 * Kick until the kernel has taken all, or says that it cannot now. EAGAIN with progress means that the budget of one
 * call is used up; EBUSY that the interface dropped a packet, after which it goes on.
 */
static void kick(struct xsk *x)
{
	if (!xskring_wants_wakeup(&x->tx))
		return;
	do {
		uint32_t before = xskring_theirs(&x->tx);

		x->kicks++;
		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			continue;
		x->errors++;
		if (errno != EBUSY && xskring_theirs(&x->tx) == before)
			return;
	} while (tx_pending(x));
}

/* How many descriptors were handed over. */
static uint32_t submit(struct xsk *x)
{
	uint32_t at, n = x->free_count < x->args.batch ? x->free_count : x->args.batch;

	n = xskring_look(&x->tx, n, &at);
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc *desc = xskring_desc(&x->tx, at + i);

		desc->addr = x->free[--x->free_count];
		desc->len = x->args.length;
		desc->options = 0;
	}
	xskring_publish(&x->tx, n);
	return n;
}

static int run_tx(struct xsk *x)
{
	uint64_t end = (uint64_t)(x->args.seconds * 1e9), submitted = 0, now, deadline;
	struct measure m;

	if (open_socket(x, false))
		return 1;
	for (unsigned i = 0; i < x->chunks; i++) {
		x->free[x->free_count++] = (uint64_t)i * CHUNK;
		args_frame(&x->args, x->area + (size_t)i * CHUNK);
	}
	measure_pin(x->args.core);
	measure_start(&m);
	end += m.nsec;
	do {
		reclaim(x);
		submitted += submit(x);
		kick(x);
		now = measure_nsec();
	} while (now < end && !measure_interrupted);
	for (deadline = now + 200000000u; x->free_count < x->chunks && measure_nsec() < deadline; reclaim(x))
		kick(x);
	submitted -= tx_pending(x);
	measure_stop(&m);
	measure_print(&m, "xsk-tx", submitted, " kicks=%" PRIu64 " errors=%" PRIu64 " missing=%u", x->kicks, x->errors,
		      x->chunks - x->free_count);
	return 0;
}

/* Wait for packets: asleep, or awake; a kernel that wants to be woken for its fill ring is. */
static void rx_wait(struct xsk *x)
{
	struct pollfd p = { .fd = x->fd, .events = POLLIN };

	if (x->args.wait) {
		x->kicks++;
		poll(&p, 1, 100);
	} else if (xskring_wants_wakeup(&x->fill)) {
		x->kicks++;
		recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	}
}

/*
 * Take up to a batch: returns packets, adds to bytes. There are as many chunks as fit into the fill ring, so there is
 * always room for those that go back.
 */
static uint32_t receive(struct xsk *x, uint64_t *bytes)
{
	uint32_t at, to, n = xskring_look(&x->rx, x->args.batch, &at);

	if (!n)
		return 0;
	xskring_look(&x->fill, n, &to);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = xskring_desc(&x->rx, at + i);

		*bytes += desc->len;
		*xskring_addr(&x->fill, to + i) = desc->addr & ~(uint64_t)(CHUNK - 1);
	}
	xskring_publish(&x->rx, n);
	xskring_publish(&x->fill, n);
	return n;
}

static int run_rx(struct xsk *x)
{
	uint64_t packets = 0, bytes = 0, batches = 0, end, deadline;
	struct xdp_statistics stats;
	socklen_t size = sizeof(stats);
	struct measure m;

	if (attach(x) || open_socket(x, true) || enter_map(x))
		return 1;
	for (unsigned i = 0; i < x->chunks; i++)
		*xskring_addr(&x->fill, i) = (uint64_t)i * CHUNK;
	xskring_publish(&x->fill, x->chunks);
	measure_pin(x->args.core);
	puts("xsk-rx ready");
	fflush(stdout);
	for (deadline = measure_nsec() + 10000000000u; !receive(x, &bytes); rx_wait(x)) {
		if (measure_interrupted || measure_nsec() > deadline) {
			fprintf(stderr, "nothing arrived\n");
			return 1;
		}
	}
	bytes = 0;
	measure_start(&m);
	end = m.nsec + (uint64_t)(x->args.seconds * 1e9);
	do {
		uint32_t n = receive(x, &bytes);

		if (n) {
			packets += n;
			batches++;
		} else {
			rx_wait(x);
		}
	} while (measure_nsec() < end && !measure_interrupted);
	measure_stop(&m);
	memset(&stats, 0, sizeof(stats));
	getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &stats, &size);
	measure_print(&m, "xsk-rx", packets, " bytes=%" PRIu64 " batches=%" PRIu64 " kicks=%" PRIu64 " full=%" PRIu64 " starved=%" PRIu64,
		      bytes, batches, x->kicks, (uint64_t)stats.rx_ring_full, (uint64_t)stats.rx_fill_ring_empty_descs);
	return 0;
}

/* What the kernel takes to load and attach the program, and to make and bind a socket. */
static int run_open(struct xsk *x)
{
	struct measure program, bind;
	int err;

	measure_start(&program);
	err = attach(x);
	measure_stop(&program);
	if (err)
		return 1;
	measure_start(&bind);
	err = open_socket(x, true) || enter_map(x);
	measure_stop(&bind);
	if (err)
		return 1;
	printf("xsk-open program_ms=%.3f socket_ms=%.3f\n", (double)program.nsec / 1e6, (double)bind.nsec / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct xsk x = { .map = -1, .link = -1, .fd = -1 };
	const char *what;
	int ret;

	args_parse(&x.args, argc, argv, letters, purpose);
	what = argc - x.args.rest == 1 ? argv[x.args.rest] : "";
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	measure_catch_signals();
	if (!strcmp(what, "tx")) {
		ret = run_tx(&x);
	} else if (!strcmp(what, "rx")) {
		ret = run_rx(&x);
	} else if (!strcmp(what, "open")) {
		ret = run_open(&x);
	} else {
		args_help(stderr, purpose, letters);
		return 2;
	}
	close_all(&x);
	return ret;
}
