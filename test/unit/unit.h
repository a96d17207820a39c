/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A harness in one header for tests that look inside: a table of cases, one line of output for each, the first check that
 * fails is its reason. A case goes on after a failed check, and may make checks in any thread.
 *
 *	static const struct unit_case cases[] = { { "a ring starts empty", ring_starts_empty }, ... };
 *	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
 */
#ifndef TEST_UNIT_UNIT_H
#define TEST_UNIT_UNIT_H

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIT_ALARM 200	/* seconds a case may take, sanitizers included */

struct unit_case {
	const char *name;
	void (*run)(void);
};

static char unit_why[400];	/* the first failure of the running case */
static const char *unit_name;
static pthread_mutex_t unit_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void __attribute__((format(printf, 3, 4))) unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	int n;

	pthread_mutex_lock(&unit_lock);
	if (!unit_why[0]) {
		n = snprintf(unit_why, sizeof(unit_why), "%s:%d: ", file, line);
		va_start(ap, fmt);
		vsnprintf(unit_why + n, sizeof(unit_why) - (size_t)n, fmt, ap);
		va_end(ap);
	}
	pthread_mutex_unlock(&unit_lock);
}

static inline bool unit_failed(void)
{
	bool failed;

	pthread_mutex_lock(&unit_lock);
	failed = unit_why[0];
	pthread_mutex_unlock(&unit_lock);
	return failed;
}

#define FAIL(...) unit_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(c) ((c) ? (void)0 : FAIL("%s", #c))
#define CHECK_EQ(a, b)											\
	do {												\
		long long a_ = (long long)(a), b_ = (long long)(b);					\
		if (a_ != b_)										\
			FAIL("%s == %s: %lld, not %lld", #a, #b, a_, b_);				\
	} while (0)
/* A sentence must have this in it. */
#define CHECK_HAS(text, part)										\
	do {												\
		const char *t_ = (text), *p_ = (part);							\
		if (!strstr(t_, p_))									\
			FAIL("\"%s\" says nothing of \"%s\"", t_, p_);					\
	} while (0)

static inline void unit_hangs(int sig)
{
	static const char text[] = ": it hangs\n";
	ssize_t n;

	(void)sig;
	n = write(1, "not ok ", 7);
	n = write(1, unit_name, strlen(unit_name));
	n = write(1, text, sizeof(text) - 1);
	(void)n;
	_exit(1);
}

static inline int unit_main(const struct unit_case *cases, size_t n, int argc, char **argv)
{
	int failures = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, unit_hangs);
	for (i = 0; i < n; i++) {
		if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
			continue;
		unit_name = cases[i].name;
		unit_why[0] = '\0';
		alarm(UNIT_ALARM);
		cases[i].run();
		alarm(0);
		if (unit_why[0])
			printf("not ok %s: %s\n", cases[i].name, unit_why);
		else
			printf("ok %s\n", cases[i].name);
		failures += unit_why[0] != '\0';
	}
	return failures ? 1 : 0;
}

/* A small generator, the same numbers in each run. */
static inline uint32_t unit_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

#endif
