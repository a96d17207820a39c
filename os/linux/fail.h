/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Debug builds only: allocations that fail when a test wants it. Every place that allocates asks here first.
 */
#ifndef LR_OS_FAIL_H
#define LR_OS_FAIL_H

#include <linux/atomic.h>
#include <linux/types.h>

#ifdef LR_DEBUG
/* Allocations from now to the one that fails, which is the last of them; 0: none will. */
extern atomic_t os_fail_countdown;

static inline bool os_fail_alloc(void)
{
	return atomic_read(&os_fail_countdown) > 0 && atomic_dec_return(&os_fail_countdown) == 0;
}
#else
static inline bool os_fail_alloc(void)
{
	return false;
}
#endif

#endif
