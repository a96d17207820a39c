/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ctrl-C: the first one asks the program to finish, another one half a second later or more ends it. SIGTERM and SIGHUP are
 * taken the same way. Sooner than that it is the same one: timeout(1), for instance, signals its child and then the
 * child's group.
 */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#define SAME_NS 500000000

atomic_bool interrupt_pending;
static atomic_llong first_ns;

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);	/* safe in a signal handler */
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void note(int number)
{
	long long now = now_ns();

	if (!atomic_exchange_explicit(&interrupt_pending, true, memory_order_relaxed)) {
		atomic_store(&first_ns, now);
		return;
	}
	if (now - atomic_load(&first_ns) < SAME_NS)
		return;
	signal(number, SIG_DFL);
	raise(number);
}

void interrupt_catch(void)
{
	/* No SA_RESTART: a sleeping call must return. The other signals wait until the first is noted. */
	struct sigaction action = { .sa_handler = note };

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGINT);
	sigaddset(&action.sa_mask, SIGTERM);
	sigaddset(&action.sa_mask, SIGHUP);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}
