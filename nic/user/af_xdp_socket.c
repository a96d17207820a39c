/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AF_XDP socket of a queue: the UMEM, the four rings, the binding, and the words for all that can go wrong with
 * them.
 *
 * libxdp's umem object keeps its first socket for ever and registers memory once; we register again as the region
 * grows, while queues come and go. So these are the plain system calls.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "af_xdp.h"
#include "holder.h"
#include "os/user/waiter.h"

/* What may be in flight in copy mode, in bytes of the kernel's packets; the default is enough for 270 small ones. */
#define SEND_SPACE (64 << 20)
/* How long a queue may stay busy after somebody closed it: the kernel lets go of it in the background. */
#define BUSY_MSEC 500u
/* ... and how much longer where nobody says that he has it. */
#define LEFT_MSEC 3000u
/*
 * Slots a sent packet may take. Copy mode: MAX_SKB_FRAGS, 17 unless the kernel was built with more. Zero-copy: the
 * drivers that can do it take at least 8.
 */
#define MAX_FRAGS_COPY 17u
#define MAX_FRAGS_ZC 8u

enum { MAP_RX, MAP_TX, MAP_FILL, MAP_COMP };

/* Memory for the kernel to pin, and how the rings over it are to be. */
struct plan {
	void *mem;
	uint64_t len;
	uint32_t chunk;
	uint32_t rx_size, tx_size; /* powers of two */
};

static uint32_t ring_size(const struct lr_port *p, enum lr_ring_kind kind)
{
	uint32_t n = LR_XDP_MIN_RING;

	while (n < p->config.slots[kind])
		n *= 2;
	return n;
}

static void make_plan(struct lr_xdp_nic *nic, struct plan *plan)
{
	const struct lr_pool *pool = &nic->port->region->pool[LR_POOL_BUF];

	plan->mem = (char *)os_mem_base(nic->port->region->mem) + pool->offset;
	plan->len = (uint64_t)nic->bufs * pool->size;
	plan->chunk = pool->size;
	plan->rx_size = ring_size(nic->port, LR_RX);
	plan->tx_size = ring_size(nic->port, LR_TX);
}

static int umem_register(int fd, const struct plan *plan, struct lr_why *why)
{
	struct xdp_umem_reg reg = { .addr = (uintptr_t)plan->mem, .len = plan->len, .chunk_size = plan->chunk };

	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) == 0)
		return 0;
	if (errno == ENOBUFS)
		return lr_why(why, -ENOMEM,
			      "the limit of locked memory is too low: %llu KiB more are needed; raise it (ulimit -l)",
			      (unsigned long long)plan->len >> 10);
	return lr_why(why, -errno, "the kernel does not take %llu KiB as packet buffers: %s",
		      (unsigned long long)plan->len >> 10, strerror(errno));
}

static int set_rings(int fd, const struct plan *plan, struct lr_why *why)
{
	const struct {
		int option;
		uint32_t size;
	} rings[] = {
		{ XDP_UMEM_FILL_RING, plan->rx_size },
		{ XDP_UMEM_COMPLETION_RING, plan->tx_size },
		{ XDP_RX_RING, plan->rx_size },
		{ XDP_TX_RING, plan->tx_size },
	};
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(rings); i++)
		if (setsockopt(fd, SOL_XDP, rings[i].option, &rings[i].size, sizeof(rings[i].size)) < 0)
			return lr_why(why, -errno, "no AF_XDP ring of %u entries: %s", rings[i].size, strerror(errno));
	return 0;
}

/* A socket with all but the binding. share: an open queue whose UMEM it is going to use; NULL: it brings one. */
static int socket_make(const struct plan *plan, const struct lr_xdp_queue *share, struct lr_why *why)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return lr_why(why, -errno, "no AF_XDP socket: %s", strerror(errno));
	err = share ? 0 : umem_register(fd, plan, why);
	if (!err)
		err = set_rings(fd, plan, why);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* How long to wait for a queue that is busy, after the first BUSY_MSEC: not for one that somebody has. */
static unsigned int patience(const struct sockaddr_xdp *addr)
{
	char who[64];

	return lr_holder_find(addr->sxdp_ifindex, addr->sxdp_queue_id, who, sizeof(who)) ? 0 : LEFT_MSEC;
}

/* Binds; a queue that was just closed is busy for a moment: until the kernel has its lock on all interfaces, which may take. */
static int bind_patiently(struct lr_xdp_nic *nic, int fd, struct sockaddr_xdp *addr)
{
	struct timespec nap = { .tv_nsec = 100000 };
	unsigned int msec = BUSY_MSEC;
	long waited = 0;

	for (;;) {
		if (bind(fd, (struct sockaddr *)addr, sizeof(*addr)) == 0)
			return 0;
		if (errno != EBUSY)
			return -errno;
		if (waited >= (long)msec * 1000000 && msec == BUSY_MSEC)
			msec += patience(addr);
		if (waited >= (long)msec * 1000000)
			return -EBUSY;
		/* Who sleeps on the old socket keeps it open. */
		lr_netdev_stir(nic->dev);
		nanosleep(&nap, NULL);
		waited += nap.tv_nsec;
		if (nap.tv_nsec < 10000000)
			nap.tv_nsec *= 2;
	}
}

static const char *no_zc(int err)
{
	return err == -EOPNOTSUPP ? "not supported by " : strerror(-err);
}

static int bind_why(const struct lr_xdp_queue *q, int err, struct lr_why *why)
{
	const char *dev = q->nic->dev->name;
	char who[64];

	if (err == -EBUSY) {
		lr_holder_find(q->nic->dev->index, q->index, who, sizeof(who));
		return lr_why(why, err, "queue %u of %s is in use by %s, through netmap or AF_XDP; end it, open another ring, or "
			      "share the interface through netmapd", q->index, dev, who);
	}
	if (err == -ENODEV)
		return lr_why(why, -ENXIO, "%s is gone", dev);
	return lr_why(why, err, "cannot bind to queue %u of %s: %s. NETMAP_NIC=af_packet does without AF_XDP", q->index,
		      dev, strerror(-err));
}

static int map_ring(struct lr_xdp_queue *q, int fd, unsigned int which, off_t at, const struct xdp_ring_offset *off,
		    uint32_t entries, uint32_t entry)
{
	size_t len = off->desc + (size_t)entries * entry;
	void *base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);

	if (base == MAP_FAILED)
		return -errno;
	q->map[which].base = base;
	q->map[which].len = len;
	return 0;
}

static void *in_ring(const struct lr_xdp_queue *q, unsigned int which, uint64_t offset)
{
	return (char *)q->map[which].base + offset;
}

static void unmap_rings(struct lr_xdp_queue *q)
{
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(q->map); i++)
		if (q->map[i].base)
			munmap(q->map[i].base, q->map[i].len);
	memset(q->map, 0, sizeof(q->map));
}

static void set_pointers(struct lr_xdp_queue *q, const struct plan *plan, const struct xdp_mmap_offsets *off)
{
	struct lr_xdp_tx *t = &q->tx;
	struct lr_xdp_rx *x = &q->rx;

	t->desc = in_ring(q, MAP_TX, off->tx.desc);
	t->producer = in_ring(q, MAP_TX, off->tx.producer);
	t->consumer = in_ring(q, MAP_TX, off->tx.consumer);
	t->flags = in_ring(q, MAP_TX, off->tx.flags);
	t->comp = in_ring(q, MAP_COMP, off->cr.desc);
	t->comp_producer = in_ring(q, MAP_COMP, off->cr.producer);
	t->comp_consumer = in_ring(q, MAP_COMP, off->cr.consumer);
	t->mask = plan->tx_size - 1;
	os_store(&t->prod, 0u);
	os_store(&t->done, 0u);
	t->comp_cons = t->early = 0;
	x->desc = in_ring(q, MAP_RX, off->rx.desc);
	x->producer = in_ring(q, MAP_RX, off->rx.producer);
	x->consumer = in_ring(q, MAP_RX, off->rx.consumer);
	x->fill = in_ring(q, MAP_FILL, off->fr.desc);
	x->fill_producer = in_ring(q, MAP_FILL, off->fr.producer);
	x->fill_flags = in_ring(q, MAP_FILL, off->fr.flags);
	x->mask = plan->rx_size - 1;
	x->cons = x->posted = 0;
	x->kernel_drops = 0;
}

static int map_rings(struct lr_xdp_queue *q, int fd, const struct plan *plan, struct lr_why *why)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	int err = -EINVAL;

	memset(&off, 0, sizeof(off));
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return lr_why(why, -errno, "AF_XDP does not say where its rings are: %s", strerror(errno));
	/* Linux before 5.4 has no flags in its rings: it answers with a shorter struct. */
	if (len == sizeof(off))
		err = map_ring(q, fd, MAP_RX, XDP_PGOFF_RX_RING, &off.rx, plan->rx_size, sizeof(struct xdp_desc));
	if (!err)
		err = map_ring(q, fd, MAP_TX, XDP_PGOFF_TX_RING, &off.tx, plan->tx_size, sizeof(struct xdp_desc));
	if (!err)
		err = map_ring(q, fd, MAP_FILL, (off_t)XDP_UMEM_PGOFF_FILL_RING, &off.fr, plan->rx_size,
			       sizeof(uint64_t));
	if (!err)
		err = map_ring(q, fd, MAP_COMP, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, &off.cr, plan->tx_size,
			       sizeof(uint64_t));
	if (!err) {
		set_pointers(q, plan, &off);
		return 0;
	}
	unmap_rings(q);
	return lr_why(why, err, "cannot map the rings of an AF_XDP socket: %s", strerror(-err));
}

/* A socket that is ready to be bound. Its rings are mapped: Linux 6.1 does not map those of a bound one. */
static int socket_prepare(struct lr_xdp_queue *q, const struct plan *plan, const struct lr_xdp_queue *share,
			  struct lr_why *why)
{
	int fd = socket_make(plan, share, why), err;

	if (fd < 0)
		return fd;
	err = map_rings(q, fd, plan, why);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static void socket_drop(struct lr_xdp_queue *q, int fd)
{
	unmap_rings(q);
	close(fd);
}

/* Another socket in the place of fd. The memory of a closed one counts against the limit for a moment longer. */
static int socket_again(struct lr_xdp_queue *q, int fd, const struct plan *plan, struct lr_why *why)
{
	struct timespec nap = { .tv_nsec = 5000000 };
	unsigned int msec = 0;

	socket_drop(q, fd);
	for (;;) {
		fd = socket_prepare(q, plan, NULL, why);
		if (fd != -ENOMEM || msec >= BUSY_MSEC)
			return fd;
		nanosleep(&nap, NULL);
		msec += 5;
	}
}

/*
 * The first socket tries the ways of binding from the best on; the UMEM keeps to the one that worked. XDP_USE_SG
 * stays with a UMEM even when the attempt fails, and sockets that share it would be bound so: then it takes another
 * one. Returns the socket.
 */
static int open_first(struct lr_xdp_queue *q, const struct plan *plan, struct sockaddr_xdp *addr, struct lr_why *why)
{
	static const uint16_t ways[] = { XDP_ZEROCOPY | XDP_USE_SG, XDP_ZEROCOPY, XDP_COPY | XDP_USE_SG, XDP_COPY };
	struct lr_xdp_nic *nic = q->nic;
	int fd = socket_prepare(q, plan, NULL, why), err = -EOPNOTSUPP;
	bool sg_before = false;
	unsigned int i;

	if (fd < 0)
		return fd;
	for (i = 0; i < LR_ARRAY_SIZE(ways); i++) {
		bool zc = ways[i] & XDP_ZEROCOPY, sg = ways[i] & XDP_USE_SG;

		if ((zc && nic->generic) || (sg && !nic->frags))
			continue;
		if (sg_before && !sg)
			fd = socket_again(q, fd, plan, why);
		if (fd < 0)
			return fd;
		sg_before = sg;
		addr->sxdp_flags = (uint16_t)(ways[i] | XDP_USE_NEED_WAKEUP);
		err = bind_patiently(nic, fd, addr);
		if (!err) {
			nic->zc = zc;
			nic->sg = sg;
			return fd;
		}
		if (err == -EBUSY || err == -ENODEV)
			break;
		if (zc) {
			lr_text(nic->no_zc, sizeof(nic->no_zc), "%s", no_zc(err));
			if (err == -EOPNOTSUPP)
				lr_netdev_driver(nic->dev, nic->no_zc + strlen(nic->no_zc),
						 sizeof(nic->no_zc) - strlen(nic->no_zc));
		}
	}
	socket_drop(q, fd);
	return bind_why(q, err, why);
}

/* Another one, over the UMEM of an open queue. Returns the socket. */
static int open_sharing(struct lr_xdp_queue *q, const struct plan *plan, const struct lr_xdp_queue *share,
			struct sockaddr_xdp *addr, struct lr_why *why)
{
	int fd = socket_prepare(q, plan, share, why), err;

	if (fd < 0)
		return fd;
	addr->sxdp_flags = XDP_SHARED_UMEM;
	addr->sxdp_shared_umem_fd = (uint32_t)share->fd;
	err = bind_patiently(q->nic, fd, addr);
	if (!err)
		return fd;
	socket_drop(q, fd);
	return bind_why(q, err, why);
}

/* Copy mode sends so many packets a call unless told otherwise, which Linux 6.17 allows. */
#define BUDGET 32u

static void tune(struct lr_xdp_queue *q, int fd, const struct plan *plan)
{
	int budget = (int)plan->tx_size, space = SEND_SPACE;

	q->budget = 0;
	if (setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget)) < 0 && !q->nic->zc)
		q->budget = BUDGET;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
}

/* A queue of the NIC that has a socket, whose UMEM others can use. */
const struct lr_xdp_queue *lr_xdp_any_open(const struct lr_xdp_nic *nic)
{
	uint32_t i;

	for (i = 0; i < nic->queues; i++)
		if (nic->queue[i].open)
			return &nic->queue[i];
	return NULL;
}

/* q->fd becomes the socket, under the number it has already, if it has one. */
static int install(struct lr_xdp_queue *q, int fd)
{
	if (q->fd < 0) {
		q->fd = fd;
		q->mark = lr_holder_mark(q->nic->dev->index, q->index);
	} else {
		int r = dup3(fd, q->fd, O_CLOEXEC);

		close(fd);
		if (r < 0)
			return -EMFILE;
	}
	q->open = true;
	return 0;
}

int lr_xdp_socket_open(struct lr_xdp_queue *q, struct lr_why *why)
{
	struct lr_xdp_nic *nic = q->nic;
	const struct lr_xdp_queue *share = lr_xdp_any_open(nic);
	struct sockaddr_xdp addr = { .sxdp_family = AF_XDP,
				     .sxdp_ifindex = nic->dev->index,
				     .sxdp_queue_id = q->index };
	struct plan plan;
	int fd, err;

	make_plan(nic, &plan);
	fd = share ? open_sharing(q, &plan, share, &addr, why) : open_first(q, &plan, &addr, why);
	if (fd < 0)
		return fd;
	tune(q, fd, &plan);
	q->zc = nic->zc;
	q->bufs = nic->bufs;
	q->shift = nic->shift;
	q->base = plan.mem;
	q->max_frags = !nic->sg ? 1 : nic->zc ? MAX_FRAGS_ZC : MAX_FRAGS_COPY;
	err = install(q, fd);
	if (err)
		unmap_rings(q);
	return err;
}

void lr_xdp_socket_close(struct lr_xdp_queue *q)
{
	if (!q->open)
		return;
	unmap_rings(q); /* they hold the socket too */
	dup3(q->nic->hole, q->fd, O_CLOEXEC);
	q->open = false;
}

/*
 * In zero-copy mode the driver gives up the queue's buffers when the kernel has taken the queue from it, some time
 * after the socket was closed. That is when the queue can be bound again: try, with a page of our own.
 */
void lr_xdp_socket_settle(struct lr_xdp_queue *q)
{
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = q->nic->dev->index,
		.sxdp_queue_id = q->index,
	};
	struct plan plan = {
		.len = OS_PAGE_SIZE, .chunk = 2048, .rx_size = LR_XDP_MIN_RING, .tx_size = LR_XDP_MIN_RING
	};
	int fd;

	plan.mem = mmap(NULL, plan.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (plan.mem == MAP_FAILED)
		return;
	fd = socket_make(&plan, NULL, NULL);
	if (fd >= 0) {
		bind_patiently(q->nic, fd, &addr);
		close(fd);
	}
	munmap(plan.mem, plan.len);
}
