/* SPDX-License-Identifier: BSD-2-Clause */
/* What pkt-gen prints while it runs and at its end. */
#ifndef PKT_GEN_REPORT_H
#define PKT_GEN_REPORT_H

#include <stdint.h>

struct nmport_d;
struct options;
struct worker;

/* What the workers have done together, at one moment. */
struct sample {
	uint64_t time;		/* ns */
	uint64_t packets;
	uint64_t bytes;
	uint64_t batches;
};

void sample_take(struct sample *sample, const struct worker *workers, unsigned int count);

/* One line about the time between two samples. */
void report_interval(const struct options *options, const struct sample *from, const struct sample *to);

/* The last lines: totals, averages, and for ping the latency. */
void report_summary(const struct options *options, const struct worker *workers, unsigned int count);

/* What the port itself has counted, ring by ring with -v. Silent where ports do not count. */
void report_counters(const struct options *options, const struct nmport_d *port);

#endif
