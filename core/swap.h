/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Two slots exchange their buffers: how a packet moves between rings of one region without a copy. The rings are locked as
 * their owners say (pipe.c, nic/linux/pair.c): nobody else writes to either slot but programs, who are not trusted. So
 * each slot is read once, and what was read is what was checked and is written.
 */
#ifndef LR_SWAP_H
#define LR_SWAP_H

#include "core/ring.h"

/* Both slots have a buffer that is handed out. num and used: buf_num and buf_used of rings of the region. */
static inline bool lr_swap_ok(const uint8_t *used, uint32_t num, struct lr_slot a, struct lr_slot b)
{
	return os_likely(a.idx < num) && os_likely(b.idx < num) && os_likely(os_load(&used[a.idx]) & os_load(&used[b.idx]));
}

/* What was read from `from` goes to `to`, with these flags; `from` gets the buffer of `to`. */
static inline void lr_swap(struct netmap_slot *from, struct netmap_slot *to, struct lr_slot a, struct lr_slot b, uint16_t flags)
{
	lr_slot_write(to, a.idx, a.len, (uint16_t)(flags | NS_BUF_CHANGED));
	lr_slot_write(from, b.idx, a.len, NS_BUF_CHANGED);
}

#endif
