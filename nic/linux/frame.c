/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Whole frames out of whatever the stack or a driver has. See frame.h.
 */
#include "os_compat.h"
#include "frame.h"

/* One frame: checksum and VLAN tag where they belong. NULL: consumed. */
static struct sk_buff *finish(struct sk_buff *skb)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_csum_hwoffload_help(skb, 0)) {
		kfree_skb(skb);
		return NULL;
	}
	/* Frees it when it fails. */
	return skb_vlan_tag_present(skb) ? __vlan_hwaccel_push_inside(skb) : skb;
}

/* Pieces of what is longer than the wire carries. Their data may stay in pages; the checksum is finished here. */
static struct sk_buff *split(struct sk_buff *skb, bool out)
{
	struct sk_buff *list = __skb_gso_segment(skb, NETIF_F_SG, out);

	if (!list)	/* it needs no splitting after all */
		return skb;
	if (IS_ERR(list)) {
		kfree_skb(skb);
		return NULL;
	}
	consume_skb(skb);
	return list;
}

struct sk_buff *lr_frame_make(struct sk_buff *skb, unsigned int pulled, bool out)
{
	struct sk_buff *list = NULL, **end = &list, *next;

	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return NULL;
	__skb_push(skb, pulled);
	if (skb_is_gso(skb))
		skb = split(skb, out);
	for (; skb; skb = next) {
		next = skb->next;
		skb_mark_not_on_list(skb);
		skb = finish(skb);
		if (!skb)
			continue;
		*end = skb;
		end = &skb->next;
	}
	return list;
}
