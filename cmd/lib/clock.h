/* SPDX-License-Identifier: BSD-2-Clause */
/* Time in nanoseconds, on a clock that only goes forward. */
#ifndef CMD_CLOCK_H
#define CMD_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND 1000000000ull

static inline uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

static inline struct timespec clock_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = ns / CLOCK_SECOND, .tv_nsec = ns % CLOCK_SECOND };
}

#endif
