/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink messages: built in a buffer of fixed size, one or several, sent at once and their answers awaited. See netlink(7).
 */
#ifndef LR_NETLINK_H
#define LR_NETLINK_H

#include <linux/netlink.h>

#include "os/os.h"

#define LR_NETLINK_ROOM 4096u

struct lr_netlink {
	union {
		struct nlmsghdr align;
		char buf[LR_NETLINK_ROOM];
	};
	uint32_t len, at;	/* in buf: used, and where the last message begins */
	bool full;		/* something had no room */
};

void lr_netlink_init(struct lr_netlink *m);
/* Another message; its fixed part is `body`, attributes follow. */
void lr_netlink_begin(struct lr_netlink *m, unsigned int type, unsigned int flags, const void *body, uint32_t len);
void lr_netlink_put(struct lr_netlink *m, unsigned int type, const void *data, uint32_t len);
void lr_netlink_text(struct lr_netlink *m, unsigned int type, const char *text);
void lr_netlink_u32(struct lr_netlink *m, unsigned int type, uint32_t v);
/* As nf_tables has its numbers. */
void lr_netlink_be32(struct lr_netlink *m, unsigned int type, uint32_t v);
/* Attributes within one; the answer goes to lr_netlink_unnest. */
uint32_t lr_netlink_nest(struct lr_netlink *m, unsigned int type);
void lr_netlink_unnest(struct lr_netlink *m, uint32_t nest);

/*
 * Sends all of it and waits for the acknowledgement of the message that has NLM_F_ACK, which must be there. 0, or the first
 * error that came. For a message without NLM_F_ACK that is answered by another one, that one is left in m.
 */
int lr_netlink_ask(int sock, struct lr_netlink *m);

/* The attribute `type` of those in [p, p + len), or NULL. */
const struct nlattr *lr_netlink_find(const void *p, uint32_t len, unsigned int type);

static inline const void *lr_netlink_data(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}

static inline uint32_t lr_netlink_len(const struct nlattr *a)
{
	return (uint32_t)a->nla_len - NLA_HDRLEN;
}

#endif
