/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Naps. See nap.h.
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include "nap.h"
#include "os/user/waiter.h"

#define USEC_MIN 32u
#define USEC_MAX 8192u

int lr_nap_init(struct lr_nap *nap)
{
	*nap = (struct lr_nap){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), .usec = USEC_MIN };
	return nap->fd < 0 ? -errno : 0;
}

void lr_nap_fini(struct lr_nap *nap)
{
	if (nap->fd >= 0)
		close(nap->fd);
	nap->fd = -1;
}

/* Several threads may be here; whichever sets the timer last, all of them wake. */
void lr_nap_take(struct lr_nap *nap, uint32_t at, struct os_waiter *w)
{
	uint32_t usec = os_load(&nap->usec);
	struct itimerspec its = { 0 };

	if (os_load(&nap->seen) != at)
		usec = USEC_MIN;
	its.it_value.tv_nsec = (long)usec * 1000;
	timerfd_settime(nap->fd, 0, &its, NULL);
	os_waiter_add(w, nap->fd, POLLIN);
	os_store(&nap->seen, at);
	os_store(&nap->usec, usec < USEC_MAX ? 2 * usec : usec);
}
