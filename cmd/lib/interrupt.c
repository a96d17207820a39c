/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ctrl-C: the first one asks the program to finish, the second one ends it. SIGTERM and SIGHUP are taken the same
 * way.
 */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

atomic_bool interrupt_pending;

static void note(int number)
{
	(void)number;
	atomic_store_explicit(&interrupt_pending, true, memory_order_relaxed);
}

void interrupt_catch(void)
{
	/* No SA_RESTART: a sleeping call must return. After the first signal the default action is back. */
	struct sigaction action = { .sa_handler = note, .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}
