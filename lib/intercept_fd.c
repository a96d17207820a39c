/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libc functions that make, copy, use and end descriptors. Those of others go straight on to the real function, after one
 * look into a table; open asks the real function first, and the path is looked at after.
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device.h"
#include "device_libc.h"
#include "intercept.h"

/* CLOSE_RANGE_CLOEXEC of linux/close_range.h: nothing is closed. */
#define CLOSES_NOTHING (1 << 2)

/* --- open ------------------------------------------------------------------------------------- */

/* The mode is there only if the flags say so. */
#define TAKE_MODE(flags, mode)								\
	do {										\
		if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {		\
			va_list ap;							\
											\
			va_start(ap, flags);						\
			mode = va_arg(ap, mode_t);					\
			va_end(ap);							\
		}									\
	} while (0)

LR_TAKEN_OVER int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(flags, mode);
	return lr_device_open(lr_libc()->open(path, flags, mode), path, flags);
}

LR_TAKEN_OVER int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(flags, mode);
	return lr_device_open(lr_libc()->open64(path, flags, mode), path, flags);
}

LR_TAKEN_OVER int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(flags, mode);
	return lr_device_open(lr_libc()->openat(dir, path, flags, mode), path, flags);
}

LR_TAKEN_OVER int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(flags, mode);
	return lr_device_open(lr_libc()->openat64(dir, path, flags, mode), path, flags);
}

/* What open is in programs built with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

LR_TAKEN_OVER int __open_2(const char *path, int flags)
{
	return lr_device_open(lr_libc()->__open_2(path, flags), path, flags);
}

LR_TAKEN_OVER int __open64_2(const char *path, int flags)
{
	return lr_device_open(lr_libc()->__open64_2(path, flags), path, flags);
}

LR_TAKEN_OVER int __openat_2(int dir, const char *path, int flags)
{
	return lr_device_open(lr_libc()->__openat_2(dir, path, flags), path, flags);
}

LR_TAKEN_OVER int __openat64_2(int dir, const char *path, int flags)
{
	return lr_device_open(lr_libc()->__openat64_2(dir, path, flags), path, flags);
}

/* --- Is it there? ------------------------------------------------------------------------------- */

LR_TAKEN_OVER int access(const char *path, int mode)
{
	int r = lr_libc()->access(path, mode);

	return r < 0 && !(mode & X_OK) && lr_device_exists(path) ? 0 : r;
}

LR_TAKEN_OVER int stat(const char *restrict path, struct stat *restrict st)
{
	int r = lr_libc()->stat(path, st);

	if (r == 0 || !lr_device_exists(path))
		return r;
	*st = (struct stat){ .st_mode = S_IFCHR | 0600, .st_nlink = 1 };
	return 0;
}

LR_TAKEN_OVER int stat64(const char *restrict path, struct stat64 *restrict st)
{
	int r = lr_libc()->stat64(path, st);

	if (r == 0 || !lr_device_exists(path))
		return r;
	*st = (struct stat64){ .st_mode = S_IFCHR | 0600, .st_nlink = 1 };
	return 0;
}

/* --- close ---------------------------------------------------------------------------------------- */

/* Forgotten before it is closed: after, the number may be somebody else's. */
LR_TAKEN_OVER int close(int fd)
{
	if (os_unlikely(lr_fd_peek(fd) != NULL))
		lr_device_forget(fd);
	return lr_libc()->close(fd);
}

LR_TAKEN_OVER int close_range(unsigned int first, unsigned int last, int flags)
{
	int r = lr_libc()->close_range(first, last, flags);

	if (r == 0 && !(flags & CLOSES_NOTHING))
		lr_device_forget_range(first, last);
	return r;
}

LR_TAKEN_OVER void closefrom(int first)
{
	lr_libc()->closefrom(first);
	lr_device_forget_range(first < 0 ? 0 : (unsigned int)first, ~0u);
}

/* --- dup -------------------------------------------------------------------------------------------- */

/* copy is a number of fd's now, or -1. */
static inline int copied(int fd, int copy)
{
	return copy >= 0 && os_unlikely(lr_fd_peek(fd) != NULL) ? lr_device_share(fd, copy) : copy;
}

/* The real function will close this number, unless fd is none or is the same. */
static void overwrite(int fd, int number)
{
	if (fd != number && os_unlikely(lr_fd_peek(number) != NULL) && lr_libc()->fcntl(fd, F_GETFD) >= 0)
		lr_device_forget(number);
}

LR_TAKEN_OVER int dup(int fd)
{
	return copied(fd, lr_libc()->dup(fd));
}

LR_TAKEN_OVER int dup2(int fd, int number)
{
	overwrite(fd, number);
	return copied(fd, lr_libc()->dup2(fd, number));
}

LR_TAKEN_OVER int dup3(int fd, int number, int flags)
{
	if (!(flags & ~O_CLOEXEC))
		overwrite(fd, number);
	return copied(fd, lr_libc()->dup3(fd, number, flags));
}

static inline bool copies(int cmd)
{
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC;
}

LR_TAKEN_OVER int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	r = lr_libc()->fcntl(fd, cmd, arg);
	return copies(cmd) ? copied(fd, r) : r;
}

LR_TAKEN_OVER int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	r = lr_libc()->fcntl64(fd, cmd, arg);
	return copies(cmd) ? copied(fd, r) : r;
}

/* --- ioctl and mmap ------------------------------------------------------------------------------- */

LR_TAKEN_OVER int ioctl(int fd, unsigned long cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (os_unlikely(lr_fd_peek(fd) != NULL))
		return lr_device_ioctl(fd, cmd, arg);
	return lr_libc()->ioctl(fd, cmd, arg);
}

/*
 * Allocators and sanitizers come here before anything else works, when not even the dynamic linker can be asked for the real
 * function: so no instrumentation before it is known.
 */
#define EARLY __attribute__((no_sanitize("thread"), no_sanitize("address")))

static void *map(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (os_unlikely(!(flags & MAP_ANONYMOUS) && lr_fd_peek(fd) != NULL))
		return lr_device_mmap(addr, len, prot, flags, fd, offset);
	return lr_libc()->mmap(addr, len, prot, flags, fd, offset);
}

LR_TAKEN_OVER EARLY void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (os_unlikely(!os_load_acquire(&lr_libc_known)))
		return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	return map(addr, len, prot, flags, fd, offset);
}

LR_TAKEN_OVER EARLY void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t offset)
{
	if (os_unlikely(!os_load_acquire(&lr_libc_known)))
		return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	return map(addr, len, prot, flags, fd, offset);
}
