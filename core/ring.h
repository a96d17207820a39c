/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A ring: our private view, next to the struct netmap_ring that we share with programs.
 *
 *	            hwtail                hwcur       head        (cur)       tail
 *	tx   ...free >|< in flight, ours   >|< pending >|< program's slots     >|< one stays empty
 *	rx   ...      head .. tail: received packets, the program's; the rest is ours to fill
 *
 * Of the shared ring only head and cur are read, once a sync; they are checked against our own books and never
 * read again. Everything else there is only written. A program may rewrite all of it at any moment: that harms
 * its own packets and nothing else.
 *
 * Between syncs: tail == hwtail as last published, and head == the last head that passed the check.
 * Locks: `lock` guards the private view; txsync and rxsync run under it. A pipe's two rings share hwcur and hwtail
 * by acquire and release instead (pipe.c). Order: control lock, then ring locks, then the region's.
 */
#ifndef LR_RING_H
#define LR_RING_H

#include <net/netmap.h>

#include "os/os.h"
#include "core/region.h"

struct lr_port;
struct lr_port_ops;
struct nm_ring_stats;

/* In the order of netmap_if.ring_ofs. */
enum lr_ring_kind { LR_TX, LR_HOST_TX, LR_RX, LR_HOST_RX, LR_RING_KINDS };

static inline bool lr_kind_is_tx(enum lr_ring_kind k)
{
	return k <= LR_HOST_TX;
}

static inline bool lr_kind_is_host(enum lr_ring_kind k)
{
	return k == LR_HOST_TX || k == LR_HOST_RX;
}

/*
 * Written under the ring's lock; read by anybody, any time. Change them with lr_count. The sender of a pipe counts in the
 * receiver's too, and syncs of a ring at rest count without the lock: where two do so at once (bad slots, syncs), one may be lost.
 */
struct lr_counters {
	uint64_t packets, bytes;
	uint64_t drops;		/* were ours to deliver and were not */
	uint64_t kicks;		/* times the device had to be woken: system calls, doorbells */
	uint64_t wakeups;	/* times sleepers were woken */
	uint64_t syncs;
	uint64_t bad_slots;	/* refused: buffer index or length */
	uint64_t resets;	/* head or cur made no sense */
};

static inline void lr_count(uint64_t *counter, uint64_t n)
{
	os_count(counter, n);
}

struct lr_ring {
	/* The hot part: what a sync touches. */
	struct netmap_slot *slot;
	struct netmap_ring *shared;	/* NULL: no memory */
	uint32_t num_slots;
	uint32_t head, cur;	/* the program's, checked */
	uint32_t tail;		/* as published */
	uint32_t hwcur, hwtail;
	uint32_t buf_len;	/* bytes one slot may carry */
	uint32_t buf_num;	/* copies from the region, for lr_buf_ok */
	const uint8_t *buf_used;
	int (*sync)(struct lr_ring *r, unsigned int flags);	/* the port's txsync or rxsync */
	bool idle;		/* as the port's operations say; taken back for a while, or when the port is gone */
	const struct lr_port_ops *ops;
	void *priv;		/* the back end's */
	struct lr_counters count;
	struct os_mutex lock;
	struct os_waitq wq;

	/* The rest: changes under the control lock. */
	struct lr_port *port;
	enum lr_ring_kind kind;
	uint16_t index;
	uint32_t object;	/* in the ring pool */
	uint32_t mended;	/* slots that got a new buffer; like the counters */
	bool skip;		/* of a packet that was dropped the rest is still to come; guarded by lock */
	unsigned int mem_refs;	/* lr_ring_mem_get */
	unsigned int users;	/* descriptors that bound it */
	bool exclusive;
};

/* Set by a host that wants no time stamps, whatever programs ask for. */
extern bool lr_no_timestamp;

/* Flags of a sync. */
#define LR_SYNC_CLASSIC 1u	/* the descriptor speaks the classic interface: head := cur, avail comes back */

#define LR_SYNC_TELL 2u		/* the caller wants to know when the ring was reset: poll does, the ioctls do not */

/* What a sync returns beside 0, if told to: the ring was reset. */
#define LR_SYNC_RESET 1

/* i + 1, modulo n. */
static inline uint32_t lr_pos_next(uint32_t i, uint32_t n)
{
	return os_unlikely(i + 1 == n) ? 0 : i + 1;
}

/* i + k, modulo n; i below n, k at most n. */
static inline uint32_t lr_pos_add(uint32_t i, uint32_t k, uint32_t n)
{
	uint32_t sum = i + k;

	return sum >= n ? sum - n : sum;
}

/* i - 1, modulo n. */
static inline uint32_t lr_pos_prev(uint32_t i, uint32_t n)
{
	return (i ? i : n) - 1;
}

/* Steps from `from` forward to `to`; both below n. */
static inline uint32_t lr_pos_dist(uint32_t from, uint32_t to, uint32_t n)
{
	return to >= from ? to - from : to + n - from;
}

/* Slots [from, to) as one straight piece: how many before the ring's end. */
static inline uint32_t lr_pos_run(uint32_t from, uint32_t to, uint32_t n)
{
	return to >= from ? to - from : n - from;
}

/* The rule of every sync: head within [old_head .. tail], cur within [head .. tail], modulo n. */
bool lr_pos_valid(uint32_t n, uint32_t old_head, uint32_t tail, uint32_t head, uint32_t cur);

/* A slot in one load. */
struct lr_slot {
	uint32_t idx;
	uint16_t len, flags;
};

static inline struct lr_slot lr_slot_read(const struct netmap_slot *s)
{
	uint64_t v = os_load((const uint64_t *)(const void *)s);

	return (struct lr_slot){ (uint32_t)v, (uint16_t)(v >> 32), (uint16_t)(v >> 48) };
}

static inline void lr_slot_write(struct netmap_slot *s, uint32_t idx, uint16_t len, uint16_t flags)
{
	os_store((uint64_t *)(void *)s, (uint64_t)idx | (uint64_t)len << 32 | (uint64_t)flags << 48);
}

/* The buffer exists and is handed out. Never trust an index that has not passed here. */
static inline bool lr_buf_ok(const struct lr_ring *r, uint32_t idx)
{
	return os_likely(idx < r->buf_num) && os_likely(os_load_acquire(&r->buf_used[idx]));
}

static inline bool lr_slot_ok(const struct lr_ring *r, struct lr_slot s)
{
	return lr_buf_ok(r, s.idx) && os_likely(s.len <= r->buf_len);
}

/* One sync of the ring: reads the program's positions, runs the port's part, publishes tail. 0, -errno or LR_SYNC_RESET. */
int lr_ring_sync(struct lr_ring *r, unsigned int flags);

/*
 * The same for who holds locks that do not go together with the ring's: -EBUSY when somebody has that. It is for a ring that
 * nobody else syncs: then only the control path can have it, and that seldom.
 */
int lr_ring_try_sync(struct lr_ring *r);
/* The same for who has the ring's lock. */
int lr_ring_sync_held(struct lr_ring *r);

/* Something for the program: slots between its cur and tail. */
static inline bool lr_ring_ready(const struct lr_ring *r)
{
	return os_load(&r->cur) != os_load(&r->tail);
}

/*
 * The ring's memory: the shared netmap_ring and a buffer in every slot. Counted: the first get makes it, the last
 * put frees it, with whatever buffers are in the slots then. Control lock held; put: nobody syncs.
 */
int lr_ring_mem_get(struct lr_ring *r, struct lr_why *why);
void lr_ring_mem_put(struct lr_ring *r);

/*
 * A buffer for a slot that lost its own; 0 when there is none left. A ring gets as many as it has slots: a program
 * that goes on losing buffers shall not have those of others.
 */
uint32_t lr_ring_new_buf(struct lr_ring *r);

/*
 * A slot that was refused gets a usable buffer or length, so that the program that has it next can go on. True if there was
 * something to mend.
 */
bool lr_ring_mend_slot(struct lr_ring *r, uint32_t pos);

/* A packet at pos, or (whole false) the beginning of one, is dropped: its slots get usable again, its rest will be skipped. */
void lr_ring_refuse(struct lr_ring *r, uint32_t pos, uint32_t slots, bool whole);
/* That rest, up to its last slot, which may come with a later sync. Returns where it stopped; pos if there is nothing to skip. */
uint32_t lr_ring_skip(struct lr_ring *r, uint32_t pos);

/* A snapshot of the counters. */
void lr_ring_stats(const struct lr_ring *r, struct nm_ring_stats *out);

#endif
