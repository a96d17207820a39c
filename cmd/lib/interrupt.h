/* SPDX-License-Identifier: BSD-2-Clause */
/* Ctrl-C: the first one asks the program to finish, the second one ends it. */
#ifndef CMD_INTERRUPT_H
#define CMD_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

extern atomic_bool interrupt_pending;

void interrupt_catch(void);

static inline bool interrupt_seen(void)
{
	return atomic_load_explicit(&interrupt_pending, memory_order_relaxed);
}

#endif
