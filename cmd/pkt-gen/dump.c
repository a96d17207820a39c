/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets in hexadecimal, 16 bytes to the line and what is printable of them behind. */
#include "dump.h"

#include <net/netmap_user.h>
#include <stdio.h>

static void line_print(const uint8_t *bytes, uint32_t offset, uint32_t length)
{
	char line[96];
	int used = snprintf(line, sizeof(line), "%5u: ", offset);

	for (uint32_t i = 0; i < 16; i++)
		used += i < length ? sprintf(line + used, "%02x ", bytes[i]) : sprintf(line + used, "   ");
	for (uint32_t i = 0; i < length; i++)
		line[used++] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.';
	line[used] = '\0';
	puts(line);
}

void dump_slot(const struct netmap_ring *ring, uint32_t position)
{
	const struct netmap_slot *slot = &ring->slot[position];
	const uint8_t *bytes = (const uint8_t *)NETMAP_BUF_OFFSET(ring, slot);
	uint32_t length = slot->len <= ring->nr_buf_size ? slot->len : ring->nr_buf_size;

	/* The lines of one slot stay together when several threads print. */
	flockfile(stdout);
	printf("%s ring %u slot %u buffer %u length %u%s\n", ring->dir ? "rx" : "tx", ring->ringid, position,
	       slot->buf_idx, slot->len, slot->flags & NS_MOREFRAG ? " and more" : "");
	for (uint32_t at = 0; at < length; at += 16)
		line_print(bytes + at, at, length - at < 16 ? length - at : 16);
	funlockfile(stdout);
}
