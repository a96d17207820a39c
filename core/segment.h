/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Segmentation of TCP: what a NIC with that offload does to a packet, for receivers that cannot be told of it. Here are the
 * headers; data stays where it is, and whoever has it says what its sum is. (Virtual I/O Device specification, 5.1.6: the
 * fields of struct virtio_net_hdr that are named here.)
 */
#ifndef LR_SEGMENT_H
#define LR_SEGMENT_H

#include "core/sum.h"

#define LR_GSO_TCPV4 1u		/* gso_type */
#define LR_GSO_TCPV6 4u
#define LR_GSO_ECN 0x80u
#define LR_SEGMENT_HEAD 256u	/* headers are no longer */

/* A packet to be cut. */
struct lr_segment {
	uint32_t ip, tcp;		/* where these headers begin */
	uint32_t head_len;		/* of all headers */
	uint32_t size;			/* bytes of data in each segment */
	bool v6;
	uint8_t head[LR_SEGMENT_HEAD];	/* the headers as the sender wrote them */
};

/*
 * The packet's first n bytes, at most LR_SEGMENT_HEAD, are at head; gso_type, gso_size and csum_start (where TCP's header
 * begins) are what is said of it. False: they do not agree, or it is not TCP.
 */
bool lr_segment_find(struct lr_segment *s, const uint8_t *head, uint32_t n, uint32_t gso_type, uint32_t gso_size,
		     uint32_t csum_start);

/* Makes the headers of the segment with bytes [ofs, ofs + n) of the data, of which `sum` is the sum. last: none comes after. */
void lr_segment_make(const struct lr_segment *s, uint8_t *head, uint32_t ofs, uint32_t n, bool last, uint64_t sum);

#endif
