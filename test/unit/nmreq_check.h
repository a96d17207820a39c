/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of libnetmap share: one line per check, and a context that keeps
 * the last message, counts memory, and fails at the call it is told to.
 */
#ifndef TEST_UNIT_NMREQ_CHECK_H
#define TEST_UNIT_NMREQ_CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnetmap.h>

#ifndef ARRAY_LEN
#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#endif

static int checks, failures;

static void __attribute__((format(printf, 2, 3)))
check(int good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d ", good ? "" : "not ", ++checks);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	failures += !good;
}

/* Calls that can fail, and the one that is to (the first is 1). */
static _Atomic long calls;
static long fail_at;

static int
fails(int err)
{
	if (++calls != fail_at)
		return 0;
	errno = err;
	return 1;
}

static _Atomic int blocks;
static char message[1200];
static int messages;

/* Callbacks spoil errno: the library must not mind. */
static void
keep_message(struct nmctx *ctx, const char *text)
{
	(void)ctx;
	messages++;
	snprintf(message, sizeof(message), "%s", text);
	errno = EDOM;
}

static void *
count_malloc(struct nmctx *ctx, size_t size)
{
	(void)ctx;
	if (fails(ENOMEM))
		return NULL;
	blocks++;
	return malloc(size);
}

static void
count_free(struct nmctx *ctx, void *p)
{
	(void)ctx;
	blocks--;
	free(p);
	errno = EBADF;
}

static struct nmctx test_ctx = {
	.error = keep_message,
	.malloc = count_malloc,
	.free = count_free,
};

#endif /* TEST_UNIT_NMREQ_CHECK_H */
