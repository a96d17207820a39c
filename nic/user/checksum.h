/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums that the sending stack left to a NIC which is not there: packets from a local peer carry only the sum of
 * the pseudo header. Programs see what would be on a wire.
 */
#ifndef LR_CHECKSUM_H
#define LR_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Completes the TCP or UDP checksum of an Ethernet frame over IPv4 or IPv6, VLAN tags allowed. False, and nothing
 * done, when it is none of these or does not hold together.
 */
bool lr_checksum_complete(uint8_t *frame, size_t len);

#endif
