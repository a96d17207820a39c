/* SPDX-License-Identifier: BSD-2-Clause */
/* What pkt-gen prints while it runs and at its end. Scripts read these lines: pkt-gen(8) describes them. */
#include "report.h"

#include "latency.h"
#include "options.h"
#include "worker.h"
#include "../lib/clock.h"
#include "../lib/port.h"

#include <inttypes.h>
#include <net/netmap_linerate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct number_text {
	char text[40];
};

/* 1234567 pps as "1.235 Mpps", or with -N as "1234567 pps". */
static struct number_text with_unit(const struct options *options, double value, const char *unit)
{
	static const char *const prefixes[] = { "", "K", "M", "G", "T" };
	struct number_text result;
	unsigned int i = 0;

	if (options->plain_units) {
		snprintf(result.text, sizeof(result.text), "%.0f %s", value, unit);
		return result;
	}
	for (; value >= 1000 && i < 4; i++)
		value /= 1000;
	snprintf(result.text, sizeof(result.text), "%.3f %s%s", value, prefixes[i], unit);
	return result;
}

void sample_take(struct sample *sample, const struct worker *workers, unsigned int count)
{
	memset(sample, 0, sizeof(*sample));
	sample->time = clock_now();
	for (unsigned int i = 0; i < count; i++) {
		const struct tally *tally = &workers[i].tally;

		sample->packets += atomic_load_explicit(&tally->packets, memory_order_relaxed);
		sample->bytes += atomic_load_explicit(&tally->bytes, memory_order_relaxed);
		sample->batches += atomic_load_explicit(&tally->batches, memory_order_relaxed);
	}
}

static void rates_print(const struct options *options, const char *title, uint64_t packets, uint64_t bytes,
			uint64_t batches, double seconds)
{
	printf("%s%s, %s, %.1f packets a batch", title, with_unit(options, packets / seconds, "pps").text,
	       with_unit(options, bytes * 8 / seconds, "bps").text, batches ? (double)packets / batches : 0.0);
}

void report_interval(const struct options *options, const struct sample *from, const struct sample *to)
{
	uint64_t packets = to->packets - from->packets;
	double seconds = (double)(to->time - from->time) / CLOCK_SECOND;

	rates_print(options, "", packets, to->bytes - from->bytes, to->batches - from->batches, seconds);
	printf(", %" PRIu64 " packets in %.3f s\n", packets, seconds);
	fflush(stdout);
}

static void latency_print(const struct latency *latency)
{
	static const struct {
		const char *name;
		unsigned int tenths;
	} percentiles[] = { { "p50", 500 }, { "p90", 900 }, { "p99", 990 }, { "p99.9", 999 } };

	if (!latency || !latency->count)
		return;
	printf("latency us: min %.3f, avg %.3f", latency->min / 1e3, (double)latency->sum / latency->count / 1e3);
	for (unsigned int i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		printf(", %s %.3f", percentiles[i].name, latency_percentile(latency, percentiles[i].tenths) / 1e3);
	printf(", max %.3f\n", latency->max / 1e3);
}

static void ping_print(const struct worker *worker, uint64_t answers, double seconds)
{
	uint64_t lost = worker->pings - answers;

	printf("sent %" PRIu64 " requests, received %" PRIu64 " answers, lost %" PRIu64 " (%.2f %%), repeated %" PRIu64
	       ", in %.3f s\n",
	       worker->pings, answers, lost, worker->pings ? 100.0 * lost / worker->pings : 0.0, worker->repeated,
	       seconds);
	latency_print(worker->latency);
}

void report_summary(const struct options *options, const struct worker *workers, unsigned int count)
{
	static const char *const verbs[] = { "sent", "received", "", "answered" };
	uint64_t began = UINT64_MAX, ended = 0, unsent = 0;
	struct sample total;
	double seconds;

	sample_take(&total, workers, count);
	for (unsigned int i = 0; i < count; i++) {
		if (workers[i].began && workers[i].began < began)
			began = workers[i].began;
		if (workers[i].ended > ended)
			ended = workers[i].ended;
		unsent += workers[i].unsent;
		if (options->verbose && count > 1)
			printf("thread %u: %" PRIu64 " packets\n", i, atomic_load(&workers[i].tally.packets));
	}
	seconds = ended > began ? (double)(ended - began) / CLOCK_SECOND : 0;
	if (options->role == ROLE_PING) {
		ping_print(&workers[0], total.packets, seconds);
	} else {
		printf("%s %" PRIu64 " packets, %" PRIu64 " bytes, in %.6f s\n", verbs[options->role], total.packets,
		       total.bytes, seconds);
		/* What came in a single batch took no time that could be told. */
		if (seconds > 0) {
			rates_print(options, "average ", total.packets, total.bytes, total.batches, seconds);
			putchar('\n');
		}
	}
	if (unsent)
		printf("not taken by the port: %" PRIu64 " slots\n", unsent);
}

static void ring_print(const struct nm_ring_stats *ring)
{
	printf("%s%s ring %u: %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " dropped, %" PRIu64 " kicks, %" PRIu64
	       " syncs, %" PRIu64 " bad slots, %" PRIu64 " resets\n",
	       ring->dir ? "rx" : "tx", ring->host ? " host" : "", ring->ring, ring->packets, ring->bytes, ring->drops,
	       ring->kicks, ring->syncs, ring->bad_slots, ring->resets);
}

void report_counters(const struct options *options, const struct nmport_d *port)
{
	struct nmreq_port_stats stats;
	struct nm_ring_stats *rings = port_counters(port, &stats);
	uint64_t drops = 0, bad = 0, resets = 0;

	if (!rings)
		return;
	for (uint32_t i = 0; i < stats.nr_count; i++) {
		if (options->verbose)
			ring_print(&rings[i]);
		drops += rings[i].drops;
		bad += rings[i].bad_slots;
		resets += rings[i].resets;
	}
	printf("port counters: %" PRIu64 " dropped, %" PRIu64 " bad slots, %" PRIu64 " resets\n", drops, bad, resets);
	free(rings);
}
