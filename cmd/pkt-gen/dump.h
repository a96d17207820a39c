/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets in hexadecimal. */
#ifndef PKT_GEN_DUMP_H
#define PKT_GEN_DUMP_H

#include <stdint.h>

struct netmap_ring;

/* Prints the slot at this position of the ring, and its bytes. */
void dump_slot(const struct netmap_ring *ring, uint32_t position);

#endif
