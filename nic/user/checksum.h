/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums that the sending stack left to a NIC which is not there: TCP and UDP packets from a local peer carry only
 * the sum of the pseudo header. Programs see what would be on a wire.
 */
#ifndef LR_CHECKSUM_H
#define LR_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the segment is in the frame, and the checksum in it. */
struct lr_checksum {
	size_t start, end, field;
	uint16_t pseudo; /* sum of the pseudo header, in the byte order of the packet */
	bool udp;
};

/*
 * A TCP or UDP segment over IPv4 or IPv6, VLAN tags allowed, in an Ethernet frame of frame_len bytes, of which len are
 * at head. False when it is none, or does not hold together.
 */
bool lr_checksum_find(const uint8_t *head, size_t len, size_t frame_len, struct lr_checksum *c);

/*
 * The same, and the field holds no more than the sum of the pseudo header. By chance that is so for one finished packet
 * in 65536, too, which completing leaves as it is.
 */
bool lr_checksum_unfinished(const uint8_t *head, size_t len, size_t frame_len, struct lr_checksum *c);

/* Sums the pieces of the segment one after the other; at: the piece's offset in the frame. Then completes the field. */
uint64_t lr_checksum_add(uint64_t sum, const struct lr_checksum *c, const uint8_t *piece, size_t at, size_t len);
void lr_checksum_finish(uint8_t *head, const struct lr_checksum *c, uint64_t sum);

/* All of it, for a frame in one piece. */
bool lr_checksum_complete(uint8_t *frame, size_t len);

#endif
