/* SPDX-License-Identifier: BSD-2-Clause */
/* A histogram of times, for percentiles. */
#ifndef PKT_GEN_LATENCY_H
#define PKT_GEN_LATENCY_H

#include <stdint.h>

/* Each power of two is cut into so many buckets: percentiles are right to 1 %. */
#define LATENCY_STEPS_LOG 6
#define LATENCY_STEPS (1u << LATENCY_STEPS_LOG)
#define LATENCY_BUCKETS ((65 - LATENCY_STEPS_LOG) * LATENCY_STEPS)

struct latency {
	uint64_t count;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ns);

/* The time that so many tenths of a percent of all stay within. Something must have been added. */
uint64_t latency_percentile(const struct latency *latency, unsigned int tenths);

#endif
