/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults on demand: what os/user, the core and the daemon ask of the system fails now and then. Linked into a netmapd for
 * the soak only: the linker leads calls of our objects (--wrap, in soak.mk) here, and none of the system's libraries.
 */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct faults *faults;

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);

/* The address sanitizer's count, in its allocator; without it malloc's own. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* Resident memory says little: an allocator keeps what was freed, and the sanitizer's spreads it. */
static void *weigh(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);	/* they are for who waits for them */
	for (;; usleep(50000)) {
		uint64_t n = __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;

		__atomic_store_n(&faults->allocated, n, __ATOMIC_RELAXED);
	}
	return arg;
}

static void __attribute__((constructor)) find(void)
{
	const char *path = getenv("LR_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	pthread_t thread;
	void *p = fd >= 0 ? __real_mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED) {
		fputs("netmapd of the soak: LR_FAULTS names no file of faults\n", stderr);
		exit(2);
	}
	faults = p;
	if (__real_pthread_create(&thread, NULL, weigh, NULL)) {
		fputs("netmapd of the soak: no thread to be had\n", stderr);
		exit(2);
	}
	pthread_detach(thread);
}

/* The number of the call and the seed decide. */
static bool fails(enum fault_kind kind)
{
	uint32_t one_in = __atomic_load_n(&faults->one_in, __ATOMIC_RELAXED);
	uint64_t x;

	if (!one_in)
		return false;
	x = (__atomic_add_fetch(&faults->calls, 1, __ATOMIC_RELAXED) ^ (uint64_t)faults->seed << 32) * 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	if ((x >> 32) % one_in)
		return false;
	__atomic_add_fetch(&faults->failed[kind], 1, __ATOMIC_RELAXED);
	return true;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_realloc(p, size);
}

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_aligned_alloc(align, size);
}

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags)
{
	errno = EMFILE;
	return fails(FAULT_DESCRIPTOR) ? -1 : __real_memfd_create(name, flags);
}

int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len)
{
	errno = ENOSPC;
	return fails(FAULT_SHARED) ? -1 : __real_ftruncate(fd, len);
}

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	errno = ENOSPC;
	return fails(FAULT_SHARED) ? -1 : __real_fallocate(fd, mode, offset, len);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	errno = ENOMEM;
	return fails(FAULT_MAP) ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, offset);
}

int __real_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags)
{
	errno = EMFILE;
	return fails(FAULT_DESCRIPTOR) ? -1 : __real_eventfd(value, flags);
}

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags)
{
	errno = EMFILE;
	return fails(FAULT_DESCRIPTOR) ? -1 : __real_pipe2(fds, flags);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
	errno = EMFILE;
	return fails(FAULT_DESCRIPTOR) ? -1 : __real_socket(domain, type, protocol);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	return fails(FAULT_THREAD) ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}
