/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libc functions behind those that intercept*.c takes over: whatever comes after us in the lookup order, be
 * it the C library, a sanitizer, or another copy of this library.
 */
#ifndef LR_DEVICE_LIBC_H
#define LR_DEVICE_LIBC_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#define LR_LIBC_CALLS(X)								\
	X(int, open, (const char *, int, ...))						\
	X(int, open64, (const char *, int, ...))					\
	X(int, openat, (int, const char *, int, ...))					\
	X(int, openat64, (int, const char *, int, ...))					\
	X(int, __open_2, (const char *, int))						\
	X(int, __open64_2, (const char *, int))						\
	X(int, __openat_2, (int, const char *, int))					\
	X(int, __openat64_2, (int, const char *, int))					\
	X(int, access, (const char *, int))						\
	X(int, stat, (const char *, struct stat *))					\
	X(int, stat64, (const char *, struct stat64 *))					\
	X(int, close, (int))								\
	X(int, close_range, (unsigned int, unsigned int, int))				\
	X(void, closefrom, (int))							\
	X(int, dup, (int))								\
	X(int, dup2, (int, int))							\
	X(int, dup3, (int, int, int))							\
	X(int, fcntl, (int, int, ...))							\
	X(int, fcntl64, (int, int, ...))						\
	X(int, ioctl, (int, unsigned long, ...))					\
	X(void *, mmap, (void *, size_t, int, int, int, off_t))				\
	X(int, poll, (struct pollfd *, nfds_t, int))					\
	X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *)) \
	X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))		\
	X(int, pselect, (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *)) \
	X(int, epoll_ctl, (int, int, int, struct epoll_event *))			\
	X(int, epoll_wait, (int, struct epoll_event *, int, int))			\
	X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))	\
	X(int, epoll_pwait2, (int, struct epoll_event *, int, const struct timespec *, const sigset_t *))

#define LR_LIBC_POINTER(type, name, args) type (*name) args;
struct lr_libc {
	LR_LIBC_CALLS(LR_LIBC_POINTER)
};
#undef LR_LIBC_POINTER

extern struct lr_libc lr_libc_calls;
extern int lr_libc_known;
void lr_libc_find(void);

/* Works from the first instruction of the process on, and in signal handlers. */
static inline const struct lr_libc *lr_libc(void)
{
	if (__builtin_expect(!__atomic_load_n(&lr_libc_known, __ATOMIC_ACQUIRE), 0))
		lr_libc_find();
	return &lr_libc_calls;
}

#endif
