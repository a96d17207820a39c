/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that sends or receives, on ring pairs of its own. */
#ifndef PKT_GEN_WORKER_H
#define PKT_GEN_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct capture;
struct latency;
struct nmport_d;
struct options;

/* What a worker has done so far: written by it, read by the reports. */
struct tally {
	_Alignas(64) _Atomic uint64_t packets;
	_Atomic uint64_t bytes;
	_Atomic uint64_t batches;
};

struct worker {
	const struct options *options;
	const struct capture *capture;	/* -P, else NULL */
	struct nmport_d *port;
	unsigned int index;
	int core;			/* -1: not pinned */
	uint64_t count;			/* packets to do, UINT64_MAX: no end */
	uint64_t rate;			/* this worker's share of -R */
	uint8_t own_mac[6];

	pthread_t thread;
	struct tally tally;
	char failure[200];		/* why it gave up, "" if it did not */
	unsigned int faults;		/* errors of poll in a row */
	uint64_t began;			/* ns; both 0 if there was nothing to measure */
	uint64_t ended;
	uint64_t unsent;		/* slots that the port had not taken at the end */
	uint64_t pings;			/* ping: requests sent */
	uint64_t repeated;		/* ping: answers beyond the first one */
	struct latency *latency;	/* ping: of the answers */
};

/* One for each function. Return when the count is reached, after Ctrl-C, or with a failure. */
void tx_run(struct worker *worker);
void rx_run(struct worker *worker);
void ping_run(struct worker *worker);
void pong_run(struct worker *worker);

/* The first failure is kept. */
__attribute__((format(printf, 2, 3))) void worker_fail(struct worker *worker, const char *format, ...);

static inline bool worker_failed(const struct worker *worker)
{
	return worker->failure[0];
}

/*
 * Waits for POLLIN or POLLOUT on the worker's port, for at most so many ns and never much longer than it may take to
 * see Ctrl-C.
 */
void worker_poll(struct worker *worker, short events, uint64_t timeout);

/* NIOCTXSYNC or NIOCRXSYNC. */
void worker_sync(struct worker *worker, unsigned long request);

/*
 * Syncs until the port has taken everything, or takes nothing any more: what is left then is counted in
 * worker->unsent.
 */
void worker_flush(struct worker *worker);

static inline void tally_add(struct tally *tally, uint64_t packets, uint64_t bytes)
{
	/* One writer: no need for an atomic addition. */
	atomic_store_explicit(&tally->packets, atomic_load_explicit(&tally->packets, memory_order_relaxed) + packets,
			      memory_order_relaxed);
	atomic_store_explicit(&tally->bytes, atomic_load_explicit(&tally->bytes, memory_order_relaxed) + bytes,
			      memory_order_relaxed);
	atomic_store_explicit(&tally->batches, atomic_load_explicit(&tally->batches, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

#endif
