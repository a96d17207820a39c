/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small test harness. A test program is a list of cases:
 *
 *	CASE(ring_starts_empty)
 *	{
 *		CHECK_EQ(ring->head, ring->tail);
 *	}
 *
 * and is linked with check.c, which has main(). Each case runs in a process of
 * its own, under an alarm, so a crash or a hang is one failed case:
 *
 *	ok ring_starts_empty
 *	not ok ring_starts_empty: ring.c:12: ring->head == ring->tail: 1, not 2
 *	skip ring_starts_empty: no interface to test with
 *
 * The first check that fails ends its case; checks may be made by any thread or
 * child of it. Program arguments: -l lists the cases, -t SECONDS sets the alarm,
 * names choose cases (a name ending in * chooses by prefix), -x NAME leaves some out.
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct check_case {
	const char *name;
	void (*run)(void);
	struct check_case *next;
};

void check_add(struct check_case *c);

#define CASE(name_)							\
	static void name_##_run(void);					\
	static struct check_case name_##_case = { #name_, name_##_run, NULL };	\
	static void __attribute__((constructor)) name_##_add(void)	\
	{								\
		check_add(&name_##_case);				\
	}								\
	static void name_##_run(void)

/* End the case. */
_Noreturn void check_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void check_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* The alarm starts anew: for long cases that do make progress. */
void check_progress(void);

/* Milliseconds of a clock that only goes forward. */
uint64_t check_now_ms(void);

/* Runs fn(arg) in a child, which must end well; returns when it has. */
void check_in_child(void (*fn)(void *), void *arg);

/* Waits for a child that must have ended well. */
void check_wait_child(int pid);

#define FAIL(...)	check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...)	check_skip(__VA_ARGS__)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			FAIL("%s", #cond);				\
	} while (0)

/* With a sentence of one's own about what was expected. */
#define CHECK_MSG(cond, ...)						\
	do {								\
		if (!(cond))						\
			FAIL(__VA_ARGS__);				\
	} while (0)

#define CHECK_EQ(a, b)							\
	do {								\
		long long a_ = (long long)(a), b_ = (long long)(b);	\
		if (a_ != b_)						\
			FAIL("%s == %s: %lld, not %lld", #a, #b, a_, b_); \
	} while (0)

#define CHECK_STREQ(a, b)						\
	do {								\
		const char *a_ = (a), *b_ = (b);			\
		if (strcmp(a_, b_) != 0)				\
			FAIL("%s: \"%s\", not \"%s\"", #a, a_, b_);	\
	} while (0)

/* A call that must return other than -1. */
#define CHECK_OK(call)							\
	do {								\
		errno = 0;						\
		if ((long)(call) == -1)					\
			FAIL("%s: %s", #call, strerror(errno));		\
	} while (0)

/* A call that must return -1 with this errno. */
#define CHECK_ERRNO(call, err)						\
	do {								\
		long r_;						\
		errno = 0;						\
		r_ = (long)(call);					\
		if (r_ != -1)						\
			FAIL("%s: %ld, not " #err, #call, r_);		\
		if (errno != (err))					\
			FAIL("%s: %s, not " #err, #call, strerror(errno)); \
	} while (0)

#endif
