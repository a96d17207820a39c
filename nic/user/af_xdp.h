/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP back end, private parts. See Documentation/networking/af_xdp.rst in the kernel's sources.
 *
 * A queue of the NIC is served by one AF_XDP socket, which carries tx ring i and rx ring i of the port. Chunk i of
 * the UMEM is buffer i of the region: [i * size, (i + 1) * size) from the start of the buffer pool. What programs see
 * as the buffer begins OS_BUF_HEADROOM bytes into it, just where the kernel puts a received packet.
 *
 *	      tx ring of the socket                      fill ring and rx ring
 *	done |#########| prod                     cons |=============| posted
 *	   sent, buffer not back                     buffers that the kernel has
 *
 * The socket's rings are our memory of what the kernel has: a descriptor stays in the tx ring until another one is
 * written over it, and an address in the fill ring. Neither happens before its buffer is back, as no ring is smaller
 * than netmap's. So the oldest entry is what we expect back next; another one coming first changes places with it.
 *
 * Why one UMEM for each interface, over the same memory: a UMEM ties its sockets to one mode (copy or zero-copy) and
 * to the life of its first socket's binding. NICs of one region shall come and go on their own, and one that can do
 * zero-copy shall not be held back by one that cannot. A buffer has the same number in all UMEMs, so packets still
 * move from NIC to NIC by a swap of indexes. The price: the pages are pinned, and counted against RLIMIT_MEMLOCK,
 * once for each.
 *
 * All that we do to the interface hangs on descriptors: sockets, map and link. It ends with the last of them, however
 * the process ends; and a forked child keeps it alive when the parent closes.
 *
 * Locks: the control lock guards all of this but tx and rx parts of a queue, which belong to the lock of the netmap
 * ring.
 */
#ifndef LR_AF_XDP_H
#define LR_AF_XDP_H

#include <linux/if_xdp.h>

#include "core/port.h"
#include "nap.h"
#include "netdev.h"

/* Newer than the headers of some of the systems we compile on. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#define XDP_PKT_CONTD (1 << 0)
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

/* Marks a descriptor whose buffer is back while older ones are not. No address has this bit. */
#define LR_XDP_EARLY (1ull << 63)
#define LR_XDP_MIN_RING 64u	/* the kernel sends in batches of 32 and wants rings of at least that */
#define LR_XDP_MIN_FRAME 14u	/* an Ethernet header; the kernel relies on finding it in the first piece */

struct lr_xdp_nic;

struct lr_xdp_tx {
	struct xdp_desc *desc;
	const uint64_t *comp;
	uint32_t *producer;
	const uint32_t *consumer, *flags, *comp_producer;
	uint32_t *comp_consumer;
	uint32_t mask;		/* of both rings */
	uint32_t prod, done, comp_cons;
	uint32_t early;		/* how many in [done, prod) are marked LR_XDP_EARLY */
	uint32_t skips;		/* how many of skip[] are set */
	uint8_t *skip;		/* slots that were taken from the program and not sent */
	bool discard;		/* the rest of a packet that began badly is still to come */
	struct lr_nap nap;
	uint32_t seen;		/* by who slept last */
};

struct lr_xdp_rx {
	const struct xdp_desc *desc;
	uint64_t *fill;
	const uint32_t *producer;
	uint32_t *consumer;
	uint32_t *fill_producer;
	const uint32_t *fill_flags;
	uint32_t mask;		/* of both rings */
	uint32_t cons, posted;
	uint32_t missing;	/* slots whose buffer the program lost */
	uint32_t idle;		/* syncs that found nothing */
	uint32_t seen;		/* by who slept last */
	uint64_t kernel_drops;	/* of this socket, as far as counted */
};

struct lr_xdp_queue {
	struct lr_xdp_nic *nic;
	uint32_t index;
	int fd;			/* the same number from first start to last stop; -1: neither */
	int mark;		/* with it: tells others who has the queue; -1: there is none */
	bool open;		/* it is a socket; or it stands for the one that is to come, and is ready for anything */
	bool zc;		/* copies of the NIC's, for the hot paths */
	uint32_t budget;	/* packets that a kick sends at most; 0: all there are */
	uint32_t bufs;		/* buffers [0, bufs) are in the UMEM */
	uint32_t max_frags;	/* slots a packet may take when sent */
	unsigned int shift;	/* of the buffer size */
	bool unfinished;	/* packets may come with checksums that the sender left to hardware */
	char *base;		/* of the UMEM */
	struct lr_ring *tx_ring, *rx_ring;	/* those started */
	struct {
		void *base;
		size_t len;
	} map[4];
	struct lr_xdp_tx tx __attribute__((aligned(64)));
	struct lr_xdp_rx rx __attribute__((aligned(64)));
};

struct lr_xdp_nic {
	struct lr_netdev *dev;
	struct lr_port *port;
	struct lr_xdp_queue *queue;
	uint32_t queues;
	int map, prog, link;	/* -1: none */
	int their_map;		/* of sockets, when the program is another process's; -1: ours is */
	int hole;		/* an event descriptor that is always ready */
	bool generic;		/* XDP runs in the stack instead of the driver */
	bool frags;		/* the program takes packets of several buffers */
	bool zc, sg;		/* how the first socket was bound */
	uint32_t bufs;		/* the UMEM's */
	unsigned int shift;
	char no_native[64];	/* why not */
	char no_zc[64];
};

/* af_xdp_program.c: the XDP program that hands packets to the sockets. */
int lr_xdp_program_load(struct lr_xdp_nic *nic, struct lr_why *why);
void lr_xdp_program_unload(struct lr_xdp_nic *nic);
int lr_xdp_attach(struct lr_xdp_nic *nic, struct lr_why *why);
void lr_xdp_detach(struct lr_xdp_nic *nic);
/* From now on the queue's packets come to its socket. */
int lr_xdp_redirect(struct lr_xdp_queue *q, struct lr_why *why);

/*
 * af_xdp_socket.c: the socket of a queue, with empty rings, over nic->bufs buffers; the thread must be in the
 * interface's namespace.
 */
int lr_xdp_socket_open(struct lr_xdp_queue *q, struct lr_why *why);
/* A queue of the NIC that has a socket, whose UMEM others can use; or NULL. */
const struct lr_xdp_queue *lr_xdp_any_open(const struct lr_xdp_nic *nic);
/* q->fd keeps its number and wakes whoever sleeps on it. */
void lr_xdp_socket_close(struct lr_xdp_queue *q);
/* The NIC may write to its buffers for a moment after the socket is closed: sleeps until it does not. */
void lr_xdp_socket_settle(struct lr_xdp_queue *q);

/*
 * af_xdp_reopen.c: queues [first, first + n) get new sockets. The locks of their rings are held, or nobody syncs them.
 */
void lr_xdp_reopen(struct lr_xdp_nic *nic, uint32_t first, uint32_t n);
/* All of them, when the region has outgrown the UMEM. All ring locks are held; lr_xdp_grow takes them itself. */
void lr_xdp_region_grown(struct lr_port *p);
void lr_xdp_grow(struct lr_xdp_nic *nic);
/* Waits for packets in flight, as long as there is some movement. */
void lr_xdp_tx_drain(struct lr_ring *r, int msec);
/* The slots in flight have their own buffers again, whatever the program has written there. */
void lr_xdp_tx_restore(struct lr_ring *r);
/* What the kernel has of the ring's buffers goes back to its slots. The socket is of no use to the ring then. */
void lr_xdp_rx_empty(struct lr_ring *r);
/* The socket's own count of what it lost goes into the ring's. */
void lr_xdp_rx_count_drops(struct lr_ring *r);

/* af_xdp_sync.c: the hot paths. */
int lr_xdp_txsync(struct lr_ring *r, unsigned int flags);
int lr_xdp_rxsync(struct lr_ring *r, unsigned int flags);
/* Has the kernel send what is in the socket's tx ring, as far as there is room. The ring's lock is held. */
void lr_xdp_tx_kick(struct lr_ring *r);
/* Moves hwtail over slots whose buffers are back; over received packets. The ring's lock is held. */
void lr_xdp_tx_reclaim(struct lr_ring *r);
void lr_xdp_rx_receive(struct lr_ring *r);
/* hwtail goes on by `freed` slots that were sent, and over those that were skipped. */
void lr_xdp_tx_advance(struct lr_ring *r, uint32_t freed);
/* Gives the kernel the buffers in slots [hwcur, end). */
void lr_xdp_rx_post(struct lr_ring *r, uint32_t end);

/* Shows the kernel what is to be sent; kicks do so bit by bit when they have a budget. */
static inline void lr_xdp_tx_publish(struct lr_xdp_queue *q)
{
	if (!q->budget)
		os_store_release(q->tx.producer, q->tx.prod);
}

static inline bool lr_xdp_tx_in_flight(const struct lr_xdp_tx *t)
{
	return os_load(&t->prod) != os_load(&t->done);
}

#endif
