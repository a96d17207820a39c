/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measure: the one clock, the one way of counting and the one kind of result line of all bench programs.
 *
 * A measurement is a span between start and stop with a number of packets. Cycles are those of the time stamp counter
 * (constant rate, so "cycles" are cycles of the core's nominal frequency, which is printed with them); where there is
 * no such counter, nanoseconds stand in and the frequency says 1000.
 *
 * A result line is "NAME packets=N seconds=S pps=R cycles=C mhz=F" (cycles per packet), then whatever the program
 * adds as key=value. Awk reads it.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* core affinity; so this header goes first */
#endif

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct measure {
	uint64_t cycles;
	uint64_t nsec;
};

/* Set by SIGINT and SIGTERM; every loop looks at it. */
static volatile sig_atomic_t measure_interrupted;

static inline uint64_t measure_nsec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t measure_cycles(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
	return count;
#else
	return measure_nsec();
#endif
}

static inline void measure_start(struct measure *m)
{
	m->nsec = measure_nsec();
	m->cycles = measure_cycles();
}

static inline void measure_stop(struct measure *m)
{
	m->cycles = measure_cycles() - m->cycles;
	m->nsec = measure_nsec() - m->nsec;
}

/* Frequency of the counter in MHz, from the span itself. */
static inline double measure_mhz(const struct measure *m)
{
	return m->nsec ? (double)m->cycles * 1000.0 / (double)m->nsec : 0;
}

/* Print the result line of a stopped measurement; fmt adds " key=value" pairs. */
__attribute__((format(printf, 4, 5)))
static inline void measure_print(const struct measure *m, const char *name, uint64_t packets, const char *fmt, ...)
{
	double seconds = (double)m->nsec / 1e9;
	va_list args;

	printf("%s packets=%" PRIu64 " seconds=%.6f pps=%.0f cycles=%.2f mhz=%.0f", name, packets, seconds,
	       seconds > 0 ? (double)packets / seconds : 0, packets ? (double)m->cycles / (double)packets : 0, measure_mhz(m));
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/*
 * One of many short measurements of the same thing. The figure is the lower quartile of cycles per packet: other work on
 * the machine interrupts some of the rounds, or slows many of them by sharing the core, and never makes one faster.
 */
#define MEASURE_ROUNDS 32768
#define MEASURE_TURNS 64	/* batches in a round: well under a millisecond */

struct measure_round {
	struct measure m;
	uint64_t packets;
};

static inline int measure_compare(const void *a, const void *b)
{
	const struct measure_round *x = a, *y = b;
	double dx = (double)x->m.cycles / (double)x->packets, dy = (double)y->m.cycles / (double)y->packets;

	return (dx > dy) - (dx < dy);
}

/* Print the result line of the lower quartile of n rounds, with the best and the median beside it. Sorts them. */
static inline void measure_print_rounds(struct measure_round *rounds, unsigned n, const char *name, unsigned batch)
{
	const struct measure_round *best = &rounds[0], *middle = &rounds[n / 2], *chosen = &rounds[n / 4];

	qsort(rounds, n, sizeof(*rounds), measure_compare);
	measure_print(&chosen->m, name, chosen->packets, " best=%.2f median=%.2f rounds=%u batch=%u",
		      (double)best->m.cycles / (double)best->packets, (double)middle->m.cycles / (double)middle->packets, n,
		      batch);
}

/* Keep the calling thread on one core; core < 0 leaves it where it is. */
static inline void measure_pin(int core)
{
	cpu_set_t set;

	if (core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fprintf(stderr, "cannot stay on core %d: %s\n", core, strerror(errno));
}

static inline void measure_on_signal(int signo)
{
	(void)signo;
	measure_interrupted = 1;
}

/* Ctrl-C and kill end the measurement, not the program: no SA_RESTART, so that a blocking call returns. */
static inline void measure_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = measure_on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

#endif
