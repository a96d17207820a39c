/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of times. Below LATENCY_STEPS ns each value has its own bucket; above, each power of two has
 * LATENCY_STEPS buckets of equal width.
 */
#include "latency.h"

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < LATENCY_STEPS)
		return ns;
	shift = 63 - __builtin_clzll(ns) - LATENCY_STEPS_LOG;
	return shift * LATENCY_STEPS + (ns >> shift);
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < LATENCY_STEPS)
		return bucket;
	shift = bucket / LATENCY_STEPS - 1;
	return ((uint64_t)(bucket - shift * LATENCY_STEPS) << shift) + ((1ull << shift) >> 1);
}

void latency_add(struct latency *latency, uint64_t ns)
{
	if (!latency->count || ns < latency->min)
		latency->min = ns;
	if (ns > latency->max)
		latency->max = ns;
	latency->count++;
	latency->sum += ns;
	latency->buckets[bucket_of(ns)]++;
}

uint64_t latency_percentile(const struct latency *latency, unsigned int tenths)
{
	uint64_t wanted = (uint64_t)(((unsigned __int128)latency->count * tenths + 999) / 1000), seen = 0, value;
	unsigned int bucket = 0;

	while (bucket < LATENCY_BUCKETS - 1 && (seen += latency->buckets[bucket]) < wanted)
		bucket++;
	value = bucket_value(bucket);
	/* The middle of the outermost buckets may lie beyond what was measured. */
	if (value < latency->min)
		return latency->min;
	return value > latency->max ? latency->max : value;
}
