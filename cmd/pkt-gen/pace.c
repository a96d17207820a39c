/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps a sender to its rate. Packet n is due at start + n / rate; the sender asks once per batch how many are due,
 * so that the packets themselves cost nothing.
 */
#include "pace.h"

#include "../lib/clock.h"

/* A batch takes this long at low rates, so that packets stay evenly spread. */
#define BATCHES_PER_SECOND 2000
/* Longest sleep: Ctrl-C must be seen. */
#define SLEEP_MAX (CLOCK_SECOND / 20)
/* A sender that was held up for longer than this does not catch up. */
#define LAG_MAX (CLOCK_SECOND / 10)

static uint64_t due_at(const struct pace *pace, uint64_t packet)
{
	return pace->start + (uint64_t)((unsigned __int128)packet * CLOCK_SECOND / pace->rate);
}

void pace_init(struct pace *pace, uint64_t rate, uint64_t burst)
{
	uint64_t batch = rate / BATCHES_PER_SECOND;

	pace->rate = rate;
	pace->start = clock_now();
	pace->spent = 0;
	pace->batch = batch > burst ? burst : batch ? batch : 1;
}

uint64_t pace_grant(struct pace *pace, uint64_t most)
{
	uint64_t now = clock_now(), wake, due;

	wake = due_at(pace, pace->spent + pace->batch - 1);
	if (now < wake) {
		struct timespec until = clock_timespec(wake - now < SLEEP_MAX ? wake : now + SLEEP_MAX);

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		return 0;
	}
	if (now - wake > LAG_MAX)
		pace->start += now - wake - LAG_MAX;
	due = (uint64_t)((unsigned __int128)(now - pace->start) * pace->rate / CLOCK_SECOND) + 1;
	if (due <= pace->spent)
		return 0;
	return due - pace->spent < most ? due - pace->spent : most;
}
