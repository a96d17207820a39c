/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Meter: how many instructions the guest's one processor spent on work.
 *
 * The guest runs with `-icount shift=0`: its time stamp counter, at 1 GHz, counts instructions, those of every program,
 * system call and interrupt. Waiting is not work. So that waiting can be told from it to the instruction, the processor
 * never halts: a soaker, a process that the scheduler takes only when there is nothing else to do, counts the rounds of
 * a loop of two instructions. What the soaker's loop did not execute is work, the switch to the soaker and back included:
 *
 *	busy = time stamps - 2 * rounds
 *
 * A string instruction (rep movsb) counts once for each repetition: QEMU takes it apart.
 *
 * The beginning and the end of a span are marked by instructions that do nothing, for profile.c to see them.
 */
#ifndef BENCH_VM_METER_H
#define BENCH_VM_METER_H

#include "bench/measure.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define METER_LOOP 2	/* instructions of the soaker's loop */

struct meter {
	uint64_t stamp, rounds;
};

static volatile uint64_t *meter_rounds;	/* the soaker's, in shared memory */
static pid_t meter_soaker;

/* Long no-operations whose address nobody uses: 0x4c524d01 begins, 0x4c524d02 ends. */
#define METER_MARK_BEGIN() __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x01, 0x4d, 0x52, 0x4c" ::: "memory")
#define METER_MARK_END() __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x02, 0x4d, 0x52, 0x4c" ::: "memory")

/* Never returns. */
__attribute__((noinline)) static void meter_soak(void)
{
	struct sched_param lowest = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &lowest))
		_exit(1);
	for (;;)
		__asm__ volatile("1: incq %0\n\tjmp 1b" : "+m"(*meter_rounds));
}

/* Before anything is opened: the soaker shall hold nothing. */
static inline int meter_open(void)
{
	meter_rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (meter_rounds == MAP_FAILED)
		return -1;
	*meter_rounds = 0;
	meter_soaker = fork();
	if (!meter_soaker)
		meter_soak();
	return meter_soaker < 0 ? -1 : 0;
}

static inline void meter_close(void)
{
	kill(meter_soaker, SIGKILL);
	waitpid(meter_soaker, NULL, 0);
}

/*
 * A sleep in which what was begun comes to an end: completions, deferred freeing. At both ends of a span, and within it
 * at its end.
 */
static inline void meter_settle(void)
{
	usleep(3000);
}

/*
 * A long sleep for hardware that needs one. The soaker sleeps, too: the processor halts, and QEMU lets the time pass
 * without executing it.
 */
static inline void meter_sleep(unsigned seconds)
{
	kill(meter_soaker, SIGSTOP);
	sleep(seconds);
	kill(meter_soaker, SIGCONT);
}

static inline void meter_begin(struct meter *m)
{
	meter_settle();
	METER_MARK_BEGIN();
	m->rounds = *meter_rounds;
	m->stamp = measure_cycles();
}

/* The instructions of the span. */
static inline uint64_t meter_end(const struct meter *m)
{
	uint64_t stamp, rounds;

	meter_settle();
	stamp = measure_cycles();
	rounds = *meter_rounds;
	METER_MARK_END();
	return stamp - m->stamp - METER_LOOP * (rounds - m->rounds);
}

#endif
