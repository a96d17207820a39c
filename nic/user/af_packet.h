/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET back end, private parts. See Documentation/networking/packet_mmap.rst in the kernel's sources.
 *
 * One socket with a ring of frames for each direction, TPACKET_V2: a frame is handed over as soon as it is complete,
 * where V3 would hold it back for up to a millisecond. Packets are copied between frames and netmap buffers. A packet
 * too long for a frame is fetched from the socket's queue (PACKET_COPY_THRESH). One that the kernel keeps in one piece for
 * several segments of TCP is cut: programs see what would be on a wire.
 *
 *	done |######| prod		frames of the tx ring that the kernel has; as many as slots
 *
 * Locks: the control lock, and the ring's for each direction.
 */
#ifndef LR_AF_PACKET_H
#define LR_AF_PACKET_H

#include <linux/if_packet.h>

#include "core/port.h"
#include "core/segment.h"
#include "nap.h"
#include "netdev.h"

#define LR_PACKET_MAX 65600u	/* the longest packet there is, with its headers */
#define LR_PACKET_VNET 10u	/* struct virtio_net_hdr: comes before each packet that is received */
#define LR_PACKET_TAG 4u	/* a VLAN tag */

/* A packet as the kernel gives it: the VLAN tag, if it had one, is apart. */
struct lr_packet {
	uint8_t *data;
	uint32_t len;
	uint32_t tag_len; /* 0 or LR_PACKET_TAG */
	uint8_t tag[LR_PACKET_TAG];
};

/* The packet of a frame, on its way into slots. */
struct lr_packet_in {
	bool taken;		/* there is one */
	bool cut;		/* it goes by segments */
	struct lr_packet whole;
	struct lr_segment seg;
	uint32_t ofs;		/* of the next segment in the data */
	uint8_t longer[LR_PACKET_VNET + LR_PACKET_MAX];	/* room for a packet too long for a frame */
	uint8_t piece[LR_PACKET_MAX];			/* for a segment */
};

struct lr_packet_ring {
	int fd;			/* -1: not started */
	uint8_t *map;
	size_t len;
	uint32_t frame_size;
	uint32_t mask;		/* number of frames - 1 */
	uint32_t prod, done;	/* tx; rx has only done: the next frame to look at */
	uint16_t *slots;	/* tx: how many slots the frame frees */
	bool discard;		/* tx: the rest of a packet that began badly is still to come */
	uint32_t idle;		/* rx: syncs that found nothing */
	uint32_t seen;		/* by who slept last */
	struct lr_packet_in *in; /* rx */
	struct lr_nap nap;	/* tx */
};

struct lr_packet_nic {
	struct lr_netdev *dev;
	struct lr_packet_ring ring[2];	/* tx, rx */
};

static inline struct tpacket2_hdr *lr_packet_frame(const struct lr_packet_ring *k, uint32_t i)
{
	return (struct tpacket2_hdr *)(void *)(k->map + (size_t)(i & k->mask) * k->frame_size);
}

static inline bool lr_packet_in_flight(const struct lr_packet_ring *k)
{
	return os_load(&k->prod) != os_load(&k->done);
}

/* af_packet_sync.c */
int lr_packet_txsync(struct lr_ring *r, unsigned int flags);
int lr_packet_rxsync(struct lr_ring *r, unsigned int flags);
void lr_packet_tx_reclaim(struct lr_ring *r);

#endif
