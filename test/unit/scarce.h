/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that runs out on demand: the OS contract's own memory.c, compiled into the test with calls below it that count,
 * and fail when they are told to. The library's copy of that file is then not linked.
 */
#ifndef TEST_UNIT_SCARCE_H
#define TEST_UNIT_SCARCE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic long scarce_calls;	/* of all that can fail, so far */
static _Atomic long scarce_fail_at;	/* the call that is to; the first is 1, 0 is none */
static _Atomic long scarce_fail_after;	/* if not 0, all calls after that one too */
static _Atomic long scarce_commits;	/* calls of fallocate */
static _Atomic long scarce_live;	/* blocks of memory that are out, and shared ones */

static inline bool scarce_now(void)
{
	long n = ++scarce_calls;

	return n == scarce_fail_at || (scarce_fail_after && n > scarce_fail_after);
}

static inline void scarce_reset(long fail_at, long fail_after)
{
	scarce_calls = 0;
	scarce_fail_at = fail_at;
	scarce_fail_after = fail_after;
}

static inline void *scarce_calloc(size_t n, size_t size)
{
	void *p = scarce_now() ? NULL : calloc(n, size);

	scarce_live += p != NULL;
	return p;
}

static inline void scarce_free(void *p)
{
	scarce_live -= p != NULL;
	free(p);
}

static inline int scarce_memfd(const char *name, unsigned int flags)
{
	errno = ENOMEM;
	return scarce_now() ? -1 : memfd_create(name, flags);
}

static inline int scarce_fallocate(int fd, int mode, off_t offset, off_t len)
{
	scarce_commits++;
	errno = ENOSPC;
	return scarce_now() ? -1 : fallocate(fd, mode, offset, len);
}

#define calloc scarce_calloc
#define free scarce_free
#define memfd_create scarce_memfd
#define fallocate scarce_fallocate
#include "os/user/memory.c"
#undef calloc
#undef free
#undef memfd_create
#undef fallocate

#endif
