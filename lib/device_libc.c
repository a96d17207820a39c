/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the libc functions that come after ours. All at once: by a constructor, or by the first call
 * when that comes earlier. See device_libc.h.
 */
#include "device_libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

struct lr_libc lr_libc_calls;
int lr_libc_known;

/* Stands in for what this C library does not have. */
static int missing(void)
{
	errno = ENOSYS;
	return -1;
}

static void find(void **to, const char *name)
{
	*to = dlsym(RTLD_NEXT, name);
	if (!*to)
		*to = (void *)missing;
}

static void find_all(void)
{
#define FIND(type, name, args) find((void **)&lr_libc_calls.name, #name);
	LR_LIBC_CALLS(FIND)
#undef FIND
	__atomic_store_n(&lr_libc_known, 1, __ATOMIC_RELEASE);
}

void __attribute__((constructor)) lr_libc_find(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int saved = errno;

	pthread_once(&once, find_all);
	errno = saved;
}
