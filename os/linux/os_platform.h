/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract's types and macros in the kernel. See os/os.h.
 */
#ifndef LR_OS_PLATFORM_H
#define LR_OS_PLATFORM_H

#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/prefetch.h>
#include <linux/stdarg.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <asm/barrier.h>

/* Drivers put a received packet where they are told; nothing is needed in front of it. */
#define OS_BUF_HEADROOM 0
/*
 * The least that fills whole pages whatever the size of a buffer, a multiple of 64. With 4 KiB pages it is 64 buffers;
 * of 2048 bytes: 128 KiB, often still to be had in one piece.
 */
#define OS_BUF_CLUSTER (PAGE_SIZE / 64)
#define OS_PAGE_SIZE PAGE_SIZE

/* As <stdint.h> has them. */
#define UINT16_MAX U16_MAX
#define UINT32_MAX U32_MAX
#define INT32_MAX S32_MAX
#define UINT64_MAX U64_MAX

#define os_likely(c) likely(c)
#define os_unlikely(c) unlikely(c)
#define os_prefetch(p) prefetch(p)
#define os_cold __cold noinline
#define os_noinline noinline

/* The core loads and stores 64 bits at once and must not see half of it. */
static_assert(sizeof(long) == sizeof(uint64_t), "64-bit kernels only");

#define os_load(p) READ_ONCE(*(p))
#define os_store(p, v) WRITE_ONCE(*(p), (v))
#define os_count(p, n) data_race(*(p) += (n))
#define os_load_acquire(p) smp_load_acquire(p)
#define os_store_release(p, v) smp_store_release((p), (v))

/* A warning and not a BUG: machines that test debug builds run with panic_on_warn, and all others want to live on. */
#ifdef LR_DEBUG
#define os_assert(c) ((void)WARN_ON(!(c)))
#else
#define os_assert(c) ((void)sizeof(!(c)))
#endif

struct os_mutex {
	struct mutex mutex;
};

struct os_waitq {
	struct wait_queue_head head;
};

struct file;
struct poll_table_struct;

/* What the poll operation of a file was given. */
struct os_waiter {
	struct file *file;
	struct poll_table_struct *table;
};

#endif
