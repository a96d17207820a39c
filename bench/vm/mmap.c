/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mmap: AF_PACKET with a ring in shared memory (PACKET_MMAP, TPACKET_V2, Documentation/networking/packet_mmap.rst): one
 * send() for each batch; on receive, poll() when the ring is empty.
 */
#include "packet.h"

#include <poll.h>
#include <sys/mman.h>

#define SLOT 2048u
#define BLOCK (1u << 16)
#define DATA TPACKET_ALIGN(sizeof(struct tpacket2_hdr))

struct mmap_ring {
	char *slots;
	size_t size;
	unsigned count;
	unsigned next;		/* slot to use next */
	unsigned oldest;	/* tx: first slot that is the kernel's */
	unsigned pending;	/* tx: how many slots are */
	int fd;
};

static struct tpacket2_hdr *slot(const struct mmap_ring *r, unsigned i)
{
	return (struct tpacket2_hdr *)(r->slots + (size_t)i * SLOT);
}

static int open_ring(struct load *l, int which, uint16_t protocol)
{
	struct tpacket_req req = { .tp_frame_size = SLOT, .tp_block_size = BLOCK };
	struct mmap_ring *r = l->own = calloc(1, sizeof(*r));
	int version = TPACKET_V2;

	if (!r)
		return load_fail("no memory");
	r->count = l->args.ring < BLOCK / SLOT ? BLOCK / SLOT : l->args.ring;
	r->size = (size_t)r->count * SLOT;
	req.tp_frame_nr = r->count;
	req.tp_block_nr = r->count / (BLOCK / SLOT);
	r->fd = packet_socket(1);
	if (r->fd < 0)
		return -1;
	if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(r->fd, SOL_PACKET, which, &req, sizeof(req)))
		return load_fail("cannot have a ring of AF_PACKET");
	r->slots = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, 0);
	if (r->slots == MAP_FAILED)
		return load_fail("cannot map a ring of AF_PACKET");
	return packet_bind(r->fd, l->args.ifname, protocol);
}

static int open_tx(struct load *l)
{
	const struct mmap_ring *r;

	if (open_ring(l, PACKET_TX_RING, 0))
		return -1;
	r = l->own;
	for (unsigned i = 0; i < r->count; i++)
		args_frame(&l->args, (char *)slot(r, i) + DATA);
	return 0;
}

static int open_rx(struct load *l)
{
	return open_ring(l, PACKET_RX_RING, ETH_P_ALL);
}

static int reclaim(struct mmap_ring *r)
{
	for (; r->pending; r->pending--) {
		uint32_t status = __atomic_load_n(&slot(r, r->oldest)->tp_status, __ATOMIC_ACQUIRE);

		if (status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING))
			break;
		if (status & TP_STATUS_WRONG_FORMAT) {
			fprintf(stderr, "a frame that the kernel does not take\n");
			return -1;
		}
		r->oldest = (r->oldest + 1) & (r->count - 1);
	}
	return 0;
}

static int send_batch(struct load *l)
{
	struct mmap_ring *r = l->own;
	unsigned n = 0;

	if (reclaim(r))
		return -1;
	for (; n < l->args.batch && r->pending < r->count; n++, r->pending++) {
		struct tpacket2_hdr *h = slot(r, r->next);

		h->tp_len = l->args.length;
		__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
		r->next = (r->next + 1) & (r->count - 1);
	}
	if (send(r->fd, NULL, 0, MSG_DONTWAIT) < 0 && !load_full())
		return load_fail("send");
	if (!n)
		usleep(100);
	return (int)n;
}

static int receive_batch(struct load *l)
{
	struct mmap_ring *r = l->own;
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	int n = 0;

	if (!(__atomic_load_n(&slot(r, r->next)->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) && poll(&p, 1, LOAD_PATIENCE) < 0)
		return load_fail("poll");
	for (; n < (int)l->args.batch; n++) {
		struct tpacket2_hdr *h = slot(r, r->next);

		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		if (h->tp_len != l->args.length) {
			fprintf(stderr, "a packet of %u bytes was received\n", h->tp_len);
			return -1;
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		r->next = (r->next + 1) & (r->count - 1);
	}
	return n;
}

static void close_ring(struct load *l)
{
	struct mmap_ring *r = l->own;

	munmap(r->slots, r->size);
	close(r->fd);
	free(r);
}

const struct load_method load_packet_mmap = {
	.name = "packet-mmap", .what = "AF_PACKET, rings in shared memory (PACKET_MMAP)", .open_tx = open_tx, .open_rx = open_rx,
	.send = send_batch, .receive = receive_batch, .close = close_ring,
};
