/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * One open descriptor of /dev/netmap: the port and the ring ranges it bound. The entry points are the same for
 * every host; a host keeps a descriptor alive while a call on it runs (struct file in the kernel, a
 * reference in the fd table in user space), so close never meets another call.
 */
#ifndef LR_FILE_H
#define LR_FILE_H

#include "core/port.h"
#include "core/why.h"

struct lr_file {
	/* Set by a register request, with release, when all else is; read with acquire. NULL: not bound. */
	struct lr_port *port;
	bool binding;	/* a register request has bound it and is not at its end; control lock */
	/* The bound rings: [0, num_tx) to send, [num_tx, num_rings) to receive. */
	struct lr_ring **ring;
	unsigned int num_tx, num_rings;
	/* The same by kind: [first, first + n). */
	uint16_t first[LR_RING_KINDS], n[LR_RING_KINDS];
	uint64_t flags;		/* NR_* of the register request */
	unsigned int sync_flags;	/* LR_SYNC_* */
	uint32_t nifp_object;	/* in the if pool */
	struct netmap_if *nifp;
	uint32_t extra_bufs;	/* how many it was given */
	struct lr_why why;	/* of the last failed request; guarded by the control lock */
};

/* Poll events, the values poll(2) uses. */
#define LR_POLLIN 0x0001u
#define LR_POLLOUT 0x0004u
#define LR_POLLERR 0x0008u

/* A descriptor that is not bound yet; NULL without memory. */
struct lr_file *lr_file_open(void);
/* Unbinds, gives back rings and extra buffers, and frees. */
void lr_file_close(struct lr_file *f);

/* Any ioctl; arg is the caller's address. 0 or -errno. */
int lr_file_ioctl(struct lr_file *f, unsigned long cmd, uint64_t arg);

/* Records what to sleep on for these events, and nothing else: for a host that only passes on that there is news. */
void lr_file_record(struct lr_file *f, unsigned int events, struct os_waiter *w);

/*
 * Syncs as poll wants it and says what is ready, of LR_POLLIN | LR_POLLOUT | LR_POLLERR. With a waiter, what to sleep
 * on is recorded before the look. A host in user space asks without a waiter first, and with one before it sleeps.
 */
unsigned int lr_file_poll(struct lr_file *f, unsigned int events, struct os_waiter *w);

/* A number that changes whenever the bound rings of these directions get something for the program. */
uint64_t lr_file_stamp(const struct lr_file *f, unsigned int events);

/* The region to map, for as long as the descriptor is open; NULL before it is bound. */
struct lr_region *lr_file_region(struct lr_file *f);

/* The sentence for the last request on this descriptor that failed; "" when the last one succeeded. */
void lr_file_why(struct lr_file *f, char *buf, size_t size);

#endif
