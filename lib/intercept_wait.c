/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libc functions that wait for descriptors. While the process has no netmap descriptor they go straight on to
 * the real function.
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include <sys/time.h>
#include <unistd.h>

#include "device.h"
#include "device_libc.h"
#include "device_wait.h"
#include "intercept.h"

/* Is there any netmap descriptor in this process? */
static inline bool any(void)
{
	return os_unlikely(os_load(&lr_fd_count) != 0);
}

/* --- poll ----------------------------------------------------------------------------------------- */

LR_TAKEN_OVER int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec t;

	if (!any())
		return lr_libc()->poll(fds, n, ms);
	return lr_device_poll(fds, n, lr_timespec_ms(&t, ms), NULL);
}

LR_TAKEN_OVER int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (!any())
		return lr_libc()->ppoll(fds, n, timeout, mask);
	return lr_device_poll(fds, n, timeout, mask);
}

/* What they are in programs built with _FORTIFY_SOURCE, with the size of the array. */
int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t size);
void __chk_fail(void) __attribute__((noreturn));

LR_TAKEN_OVER int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return poll(fds, n, ms);
}

LR_TAKEN_OVER int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return ppoll(fds, n, timeout, mask);
}

/* --- select --------------------------------------------------------------------------------------- */

/* What is left of the timeout, as select leaves it. */
static void time_left(struct timeval *tv, const struct timespec *timeout, const struct timespec *start)
{
	struct timespec now;
	int64_t us;

	clock_gettime(CLOCK_MONOTONIC, &now);
	us = (timeout->tv_sec - (now.tv_sec - start->tv_sec)) * INT64_C(1000000) +
	     (timeout->tv_nsec - (now.tv_nsec - start->tv_nsec)) / 1000;
	if (us < 0)
		us = 0;
	*tv = (struct timeval){ us / 1000000, us % 1000000 };
}

LR_TAKEN_OVER int select(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except, struct timeval *restrict tv)
{
	struct timespec timeout, start;
	int ready;

	/* A timeout that is no good, or is for ever: the real one knows what to do. */
	if (!any())
		return lr_libc()->select(n, in, out, except, tv);
	if (!tv)
		return lr_device_select(n, in, out, except, NULL, NULL);
	if (tv->tv_sec < 0 || tv->tv_usec < 0) {
		errno = EINVAL;
		return -1;
	}
	timeout = (struct timespec){ tv->tv_sec, tv->tv_usec % 1000000 * 1000 };
	if (timeout.tv_sec > INT32_MAX)
		timeout.tv_sec = INT32_MAX;
	timeout.tv_sec += tv->tv_usec / 1000000;
	clock_gettime(CLOCK_MONOTONIC, &start);
	ready = lr_device_select(n, in, out, except, &timeout, NULL);
	time_left(tv, &timeout, &start);
	return ready;
}

LR_TAKEN_OVER int pselect(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
			  const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
	if (!any())
		return lr_libc()->pselect(n, in, out, except, timeout, mask);
	return lr_device_select(n, in, out, except, timeout, mask);
}

/* --- epoll ----------------------------------------------------------------------------------------- */

LR_TAKEN_OVER int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (os_unlikely(lr_fd_peek(fd) != NULL))
		return lr_device_epoll_ctl(epfd, op, fd, event);
	return lr_libc()->epoll_ctl(epfd, op, fd, event);
}

/*
 * The real call was made on a set that was not ours. If it was ended because the set is ours now, the caller goes on
 * to wait with us (once more as long as he wanted to, at the most).
 */
static bool became_ours(struct epoll_event *events, int *n)
{
	if (*n <= 0 || !any())
		return false;
	*n = lr_device_epoll_filter(events, *n);
	return *n == 0;
}

LR_TAKEN_OVER int epoll_wait(int epfd, struct epoll_event *events, int max, int ms)
{
	struct timespec t;
	int n;

	if (!lr_fd_peek(epfd)) {
		n = lr_libc()->epoll_wait(epfd, events, max, ms);
		if (!became_ours(events, &n))
			return n;
	}
	return lr_device_epoll_wait(epfd, events, max, lr_timespec_ms(&t, ms), NULL);
}

LR_TAKEN_OVER int epoll_pwait(int epfd, struct epoll_event *events, int max, int ms, const sigset_t *mask)
{
	struct timespec t;
	int n;

	if (!lr_fd_peek(epfd)) {
		n = lr_libc()->epoll_pwait(epfd, events, max, ms, mask);
		if (!became_ours(events, &n))
			return n;
	}
	return lr_device_epoll_wait(epfd, events, max, lr_timespec_ms(&t, ms), mask);
}

LR_TAKEN_OVER int epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
			       const sigset_t *mask)
{
	int n;

	if (!lr_fd_peek(epfd)) {
		n = lr_libc()->epoll_pwait2(epfd, events, max, timeout, mask);
		if (!became_ours(events, &n))
			return n;
	}
	return lr_device_epoll_wait(epfd, events, max, timeout, mask);
}
