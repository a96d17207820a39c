/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract's types and macros in user space. See os/os.h.
 */
#ifndef LR_OS_PLATFORM_H
#define LR_OS_PLATFORM_H

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* AF_XDP wants 256 bytes in front of a received packet (linux: XDP_PACKET_HEADROOM). */
#define OS_BUF_HEADROOM 256
/* 2048 buffers of 2048 bytes: 4 MiB a step. */
#define OS_BUF_CLUSTER 2048
#define OS_PAGE_SIZE 4096

#define os_likely(c) __builtin_expect(!!(c), 1)
#define os_unlikely(c) __builtin_expect(!!(c), 0)
#define os_prefetch(p) __builtin_prefetch(p)
#define os_cold __attribute__((cold, noinline))
#define os_noinline __attribute__((noinline))

#define os_load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define os_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define os_count(p, n) os_store((p), os_load(p) + (n))
#define os_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define os_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#ifdef LR_DEBUG
void os_assert_failed(const char *expr, const char *file, int line) __attribute__((noreturn));
#define os_assert(c) ((c) ? (void)0 : os_assert_failed(#c, __FILE__, __LINE__))
#else
#define os_assert(c) ((void)sizeof(!(c)))
#endif

struct os_mutex {
	pthread_mutex_t mutex;
};

/*
 * What a poller sleeps on is a file descriptor. Either our own eventfd, made when first needed and written only
 * when somebody is armed; or one that a back end lends (an AF_XDP socket), which the kernel makes ready. There are two of
 * our own, for those who sleep and those who are still waking up: waiter.c.
 */
struct os_waitq {
	struct {
		int fd;		/* -1: none yet */
		int waiters;	/* how many have recorded and not yet released */
	} side[2];
	int now;		/* the side on which one sleeps now; a lent descriptor is side 0 */
	bool rung;		/* and it is readable */
	short events;		/* what to poll the descriptor for */
	bool lent;		/* belongs to a back end */
	int armed;		/* somebody sleeps, or is about to (own eventfd only) */
	pthread_mutex_t lock;	/* of the sides, now and rung */
};

/* One poller's list; grown by os_waitq_record, used and released by the host (lib/device*.c). */
struct os_waiter {
	struct pollfd *fds;
	struct os_waitq **wqs;	/* the queue whose own descriptor each of fds is; NULL: it is somebody else's */
	unsigned int n, room;
	int nap_ms;		/* sleep at most this long: a back end could not promise a wake-up; -1: no limit */
	int error;		/* a descriptor could not be had: do not sleep */
};

#endif
