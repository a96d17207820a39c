/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load: what a way of sending and receiving packets is to the meter. One file for each family of them.
 */
#ifndef BENCH_VM_LOAD_H
#define BENCH_VM_LOAD_H

#include "bench/args.h"

struct load {
	struct args args;
	void *own;	/* of the method */
};

struct load_method {
	const char *name, *what;
	/* Ready to send, or to receive, on args.ifname. 0, or -1 after a message. */
	int (*open_tx)(struct load *l);
	int (*open_rx)(struct load *l);
	/* Hand over up to a batch, sleeping if there is no room. How many, or -1 after a message. */
	int (*send)(struct load *l);
	/* Sleep until what was handed over is with the interface; NULL: it always is. */
	int (*finish)(struct load *l);
	/* Take up to a batch, sleeping until there is one packet. How many, 0 when none came for long, -1 after a message. */
	int (*receive)(struct load *l);
	void (*close)(struct load *l);
	const struct load_method *rival;	/* has the interface while the injector's own cost is measured */
	bool silent;	/* sends nothing that the interface's own counter sees */
};

extern const struct load_method load_udp, load_udp_mmsg;
extern const struct load_method load_packet, load_packet_mmsg, load_packet_stack, load_packet_mmap;
extern const struct load_method load_xsk, load_pktgen, load_pktgen_best;
extern const struct load_method load_netmap, load_native, load_native_pair, load_netmap_idle, load_netmap_host;
extern const struct load_method load_null, load_null_idle, load_pipe;
extern const struct load_method load_vale, load_vale_sink;

#define LOAD_PATIENCE 200	/* ms until a receiver gives up */

/* A message with errno; -1. */
static inline int load_fail(const char *doing)
{
	fprintf(stderr, "%s: %s\n", doing, strerror(errno));
	return -1;
}

/* The interface is full: true after a sleep, false when the error is another. */
static inline bool load_full(void)
{
	if (errno != ENOBUFS && errno != EAGAIN && errno != EBUSY)
		return false;
	usleep(100);
	return true;
}

#endif
