/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: locks. Debug builds check for errors of use.
 */
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

void os_mutex_init(struct os_mutex *m)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
#ifdef LR_DEBUG
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
#endif
	pthread_mutex_init(&m->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

void os_mutex_fini(struct os_mutex *m)
{
	pthread_mutex_destroy(&m->mutex);
}

#ifdef LR_DEBUG
void os_assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
	abort();
}
#endif
