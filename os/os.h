/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract: all that the core may ask of its surroundings.
 *
 * os_platform.h and the other headers named here exist once per OS, in os/user and os/linux;
 * the include path picks the directory. os_platform.h brings the integer types, the string
 * functions both worlds share (memcpy, memset, memcmp, strlen, strnlen, strcmp, strncmp, strcspn), and:
 *
 *   struct os_mutex      a sleeping lock, process context only
 *   struct os_waitq      something a poller can sleep on; embedded in each ring
 *   struct os_waiter     a poller collecting what it will sleep on; opaque to the core
 *   os_likely(c) os_unlikely(c)  os_prefetch(p)  os_assert(c)
 *   os_cold os_noinline  a function that is rarely called; one that is kept out of those that call it
 *   os_load(p) os_store(p, v)                      relaxed, never torn, never repeated
 *   os_count(p, n)       *p += n, not atomic: when two do so at once one may be lost, and nothing worse
 *   os_load_acquire(p) os_store_release(p, v)      pair with each other
 *   OS_BUF_HEADROOM      bytes between a buffer's chunk and what programs see as its start
 *   OS_BUF_CLUSTER       buffers that get memory together, a power of two
 *   OS_PAGE_SIZE
 */
#ifndef LR_OS_H
#define LR_OS_H

#include "os_platform.h"

/* --- Memory of our own ------------------------------------------------------------------ */

/* Zeroed memory of `size` bytes, or NULL. Any size; may sleep. */
void *os_zalloc(size_t size);
/* Gives back what os_zalloc returned; NULL is fine. */
void os_free(void *p);

/* --- The caller's memory ----------------------------------------------------------------- */

/* Copies between us and an address the program named. 0, or -EFAULT with nothing promised about dst. */
int os_copyin(void *dst, uint64_t uaddr, size_t len);
int os_copyout(uint64_t uaddr, const void *src, size_t len);

/* --- Memory shared with programs ----------------------------------------------------------- */

struct os_mem;

/* An object of `size` bytes of address space that programs can map; none of it has memory yet. */
int os_mem_create(struct os_mem **out, uint64_t size);
/*
 * Puts zeroed memory behind [offset, offset + len), both page multiples, and returns where we see it, in
 * one piece; NULL when there is none. A range is committed once, but for a page that the one before had for the
 * OS_BUF_HEADROOM of its last buffer; it stays until os_mem_destroy.
 */
void *os_mem_commit(struct os_mem *mem, uint64_t offset, size_t len);
/* Drops our use; what programs still have mapped stays alive until they unmap it. */
void os_mem_destroy(struct os_mem *mem);

/* --- Locks ----------------------------------------------------------------------------------- */

void os_mutex_init(struct os_mutex *m);
void os_mutex_fini(struct os_mutex *m);
static inline void os_mutex_lock(struct os_mutex *m);
/* One of several of a kind that who holds `outer` takes at once. */
static inline void os_mutex_lock_under(struct os_mutex *m, struct os_mutex *outer);
/* False, at once, when somebody has it. */
static inline bool os_mutex_trylock(struct os_mutex *m);
static inline void os_mutex_unlock(struct os_mutex *m);
/* Debug builds stop when the calling thread does not hold it; otherwise nothing. */
static inline void os_mutex_assert_held(struct os_mutex *m);

/* --- Sleeping and waking ------------------------------------------------------------------- */

void os_waitq_init(struct os_waitq *wq);
void os_waitq_fini(struct os_waitq *wq);
/*
 * Wakes all who recorded themselves; true if there was somebody. Cheap when nobody waits. What the caller published
 * before is visible to those woken; and who records after this call sees it when he looks again.
 */
static inline bool os_waitq_wake(struct os_waitq *wq);
/*
 * Adds wq to what the waiter will sleep on. A caller records first and looks at the ring after, or it could
 * miss news that comes between. Never blocks.
 */
void os_waitq_record(struct os_waitq *wq, struct os_waiter *waiter);

/* --- Threads of our own ---------------------------------------------------------------------- */

struct os_thread;

/*
 * Runs fn(t, arg) in a thread, on one processor when cpu is not negative. It will sleep on at most so many queues at once.
 * 0, -EINVAL when there is no such processor, -ENOMEM and the like. From fn one returns when os_thread_stopping says so.
 */
int os_thread_start(struct os_thread **out, void (*fn)(struct os_thread *t, void *arg), void *arg, int cpu, unsigned int queues,
		    const char *name);
/* Asks it to stop, wakes it, and returns when it has. */
void os_thread_stop(struct os_thread *t);
/* By the thread itself, as those below. */
bool os_thread_stopping(struct os_thread *t);
/*
 * Before each sleep: a waiter in which nothing is recorded. Record, look, and if there is nothing to do os_thread_sleep:
 * until one of those queues is woken, or the thread is to stop; or it may return early.
 */
struct os_waiter *os_thread_waiter(struct os_thread *t);
void os_thread_sleep(struct os_thread *t);
/* Lets others run, if there are any. */
void os_thread_yield(void);

/* --- Names, time, words -------------------------------------------------------------------- */

/* A number for the calling thread's network namespace; equal numbers, equal namespaces. */
uint64_t os_netns_id(void);
/* Whether the calling program sees memory in words of 32 bits, on a system of 64. */
bool os_caller_is_32bit(void);
/* What the host is called, in a word. */
const char *os_host_name(void);
/* Wall clock, for slot timestamps. */
void os_time_now(int64_t *sec, int64_t *usec);
/* Seconds since some moment in the past; never goes back. */
uint32_t os_seconds(void);
/* printf into a buffer as the C library does it; always terminated. Returns the full length. */
int os_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
/* One line to the log, at most a few a second: the rest is dropped and counted. No newline in fmt. */
void os_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#include "os_inline.h"	/* the bodies of the static inline functions above */

#define LR_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define LR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
