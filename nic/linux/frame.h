/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Whole frames: what a program sees is what would be on the wire, in pieces no longer than the MTU, with its checksum
 * and its VLAN tag. The stack and drivers have them often otherwise.
 */
#ifndef LR_FRAME_H
#define LR_FRAME_H

#include <linux/if_vlan.h>
#include <linux/skbuff.h>

/* A frame in one piece, as it would be on the wire. */
static inline bool lr_frame_plain(const struct sk_buff *skb)
{
	return likely(!skb->data_len && skb->ip_summed != CHECKSUM_PARTIAL && !skb_vlan_tag_present(skb) &&
		      !skb_is_gso(skb));
}

/*
 * Turns a packet into a list (through skb->next) of whole frames, each with its data at the MAC header; not always in one
 * piece. `pulled` bytes of the packet lie before its data. `out`: it comes from the stack, not from a driver. The packet
 * is consumed; NULL: it could not be done.
 */
struct sk_buff *lr_frame_make(struct sk_buff *skb, unsigned int pulled, bool out);

#endif
