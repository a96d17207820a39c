/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which descriptor numbers are ours, and what they stand for.
 *
 * A description is what several numbers may share after dup: an open /dev/netmap, or an epoll set that has netmap
 * members. Numbers are found in a table of two levels without a lock. A description is kept alive by its
 * numbers and by the calls that run on it; its memory is never given back, only used again, so that a
 * reader who comes too late finds a description (maybe another one) and not freed memory.
 *
 * Locks: the table's own guards numbers, the list of all descriptions and the spare ones; it is a leaf, apart from
 * fork (device_fork.c), which takes all of them: table, then every description's, then the core's control lock.
 */
#ifndef LR_DEVICE_TABLE_H
#define LR_DEVICE_TABLE_H

#include "os/os.h"

struct lr_desc;
struct lr_wait;

struct lr_desc_ops {
	/*
	 * What is ready, in poll's bits; errors are reported unasked. With a waiter, what to sleep on is added to it.
	 * References needed until the sleep is over are held through wait (device_wait.h). fd: the number the program used.
	 */
	int (*ask)(struct lr_desc *d, int fd, int events, struct lr_wait *wait, struct os_waiter *waiter);
	/* The last reference went. */
	void (*destroy)(struct lr_desc *d);
};

struct lr_desc {
	unsigned int refs;		/* numbers, and calls under way; 0: spare */
	unsigned int generation;	/* which life of this memory it is */
	unsigned int calls;		/* grows when a program syncs by ioctl or poll; epoll wants to know */
	bool closed;			/* has no number any more: calls under way should end */
	bool shared;			/* another process has it too since a fork, and it was not used since */
	bool undecided;			/* nobody has said which host; it may go to a daemon yet */
	bool exposed;			/* the NIC's descriptors are in the epoll set */
	int wake;			/* an eventfd: readable since it was closed */
	const struct lr_desc_ops *ops;
	struct lr_file *file;		/* device.c; NULL where the daemon has it */
	struct lr_remote *remote;	/* the daemon's; with release, read with acquire */
	struct lr_epoll *epoll;		/* device_epoll.c */
	pthread_mutex_t lock;		/* guards what epoll points to */
	unsigned int numbers;		/* guarded by the table's lock, as the rest */
	struct lr_desc *next;		/* of all there ever were */
	struct lr_desc *spare;
};

#define LR_FD_SHIFT 10
#define LR_FD_PAGE (1u << LR_FD_SHIFT)
#define LR_FD_PAGES 1024u

struct lr_fd_page {
	struct lr_desc *desc[LR_FD_PAGE];
};

extern struct lr_fd_page *lr_fd_pages[LR_FD_PAGES];
extern unsigned int lr_fd_count;	/* numbers that are ours */

/* What fd stands for, NULL when it is not ours. Only good for that test: it may be gone at once. */
static inline struct lr_desc *lr_fd_peek(int fd)
{
	struct lr_fd_page *page;

	if (os_unlikely((unsigned int)fd >= LR_FD_PAGE * LR_FD_PAGES))
		return NULL;
	page = os_load_acquire(&lr_fd_pages[(unsigned int)fd >> LR_FD_SHIFT]);
	if (os_likely(!page))
		return NULL;
	return os_load_acquire(&page->desc[(unsigned int)fd & (LR_FD_PAGE - 1)]);
}

/* One reference more, unless there is none. What was found may be in another life: check that after. */
static inline bool lr_desc_hold(struct lr_desc *d)
{
	unsigned int refs = os_load(&d->refs);

	do {
		if (!refs)
			return false;
	} while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

void lr_desc_destroy(struct lr_desc *d);

static inline void lr_desc_put(struct lr_desc *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0)
		lr_desc_destroy(d);
}

/* What fd stands for, with a reference; NULL when it is not ours. */
static inline struct lr_desc *lr_fd_get(int fd)
{
	struct lr_desc *d;

	while ((d = lr_fd_peek(fd)) != NULL) {
		if (!lr_desc_hold(d))
			continue;
		if (os_likely(lr_fd_peek(fd) == d))
			return d;
		lr_desc_put(d);
	}
	return NULL;
}

/* A description with one reference and no number. NULL with errno. */
struct lr_desc *lr_desc_create(const struct lr_desc_ops *ops);

/* fd stands for d from now on, or with NULL for nothing of ours; what it stood for loses a number. 0 or -errno. */
int lr_fd_set(int fd, struct lr_desc *d);
/* The same, but -EEXIST when it stands for something. */
int lr_fd_add(int fd, struct lr_desc *d);
/* Forgets all numbers in [first, last]. */
void lr_fd_forget_range(unsigned int first, unsigned int last);

/* False in a child that borrows its parent's memory (vfork): the table must stay as it is. */
bool lr_table_mine(void);
void lr_table_adopt(void);

/* For fork. */
void lr_table_lock(void);
void lr_table_unlock(void);
struct lr_desc *lr_desc_first(void);

/* How deep the calling thread is in calls on our descriptors. */
extern __thread unsigned int lr_call_depth __attribute__((tls_model("initial-exec")));

/* Around every call into the core: it must not be cancelled half-way, with a ring's lock held. */
static inline int lr_call_begin(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	lr_call_depth++;
	return state;
}

static inline void lr_call_end(int state)
{
	lr_call_depth--;
	pthread_setcancelstate(state, NULL);
}

#endif
