/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks in a packet's way through an interface: chains of nf_tables (include/uapi/linux/netfilter/nf_tables.h), each in a table of
 * its own that is owned by our socket (NFT_TABLE_F_OWNER). Nobody else can change it, and it goes with the last descriptor of the
 * socket, however the process ends. CAP_NET_ADMIN in the network namespace is all it takes, so root of a user namespace can
 * have it.
 */
#ifndef LR_HOOK_H
#define LR_HOOK_H

#include "core/why.h"
#include "os/os.h"

/*
 * How hooks know our packets: by a mark those on their way to the stack, which have none before and after; by a priority those that
 * go to the wire, which lose it at the other end of a veth pair as they would on a cable.
 */
#define LR_HOOK_MARK 0x6e6d6c70u
#define LR_HOOK_PRIORITY 0x6e6d6c70u

enum lr_hook_do {
	LR_HOOK_DIVERT,	/* egress: all but our own go to interface `to` */
	LR_HOOK_CUT,	/* egress: all but our own are dropped, and counted */
	LR_HOOK_MARK_TO, /* ingress: marked as ours, and to be sent by interface `to` */
	LR_HOOK_UNMARK,	/* ingress: ours lose their mark */
	LR_HOOK_KEEP,	/* ingress: ours lose their mark, all others are dropped */
	LR_HOOKS
};

/* The socket, to be opened in the interface's namespace; or -errno. */
int lr_hook_open(void);
/*
 * One at a time of each sort by one socket for one interface. Of LR_HOOK_DIVERT there is only one for an interface in all of the
 * system: -EBUSY.
 */
int lr_hook_add(int sock, enum lr_hook_do what, unsigned int index, const char *name, unsigned int to, struct lr_why *why);
void lr_hook_del(int sock, enum lr_hook_do what, unsigned int index);
/* How many packets LR_HOOK_CUT has dropped. */
uint64_t lr_hook_dropped(int sock, unsigned int index);

#endif
