/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: our memory, the caller's, and what is shared.
 *
 * Shared memory is one memfd as large as the region can become, mapped once by us and again by each program. It is sparse:
 * pages come with os_mem_commit, so that lack of memory is an error there and not a SIGBUS later.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/os.h"
#include "waiter.h"

struct os_mem {
	int fd;
	uint64_t size;
	char *base;
};

void *os_zalloc(size_t size)
{
	return calloc(1, size);
}

void os_free(void *p)
{
	free(p);
}

/*
 * The program is ourselves, but its addresses are not to be trusted: the kernel copies and tells of a bad one. Where a
 * sandbox forbids that call, a plain copy has to do.
 */
static int copy(uint64_t uaddr, void *ours, size_t len, bool in)
{
	struct iovec local = { ours, len };
	struct iovec remote = { (void *)(uintptr_t)uaddr, len };
	ssize_t n;

	if (len == 0)
		return 0;
	if (uaddr == 0)
		return -EFAULT;
	if (in)
		n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	else
		n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	if (n == (ssize_t)len)
		return 0;
	if (n >= 0 || errno == EFAULT)
		return -EFAULT;
	if (in)
		memcpy(ours, remote.iov_base, len);
	else
		memcpy(remote.iov_base, ours, len);
	return 0;
}

int os_copyin(void *dst, uint64_t uaddr, size_t len)
{
	return copy(uaddr, dst, len, true);
}

int os_copyout(uint64_t uaddr, const void *src, size_t len)
{
	return copy(uaddr, (void *)(uintptr_t)src, len, false);
}

int os_mem_create(struct os_mem **out, uint64_t size)
{
	struct os_mem *mem;
	struct rlimit limit;
	int err;

	/* To go past this one is no error, but a signal. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size)
		return -ENOMEM;
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return -ENOMEM;
	mem->size = size;
	mem->fd = memfd_create("netmap", MFD_CLOEXEC);
	if (mem->fd < 0 || ftruncate(mem->fd, (off_t)size) < 0)
		goto err_fd;
	mem->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, mem->fd, 0);
	if (mem->base == MAP_FAILED)
		goto err_fd;
	*out = mem;
	return 0;

err_fd:
	err = -errno;
	if (mem->fd >= 0)
		close(mem->fd);
	free(mem);
	return err;
}

void *os_mem_commit(struct os_mem *mem, uint64_t offset, size_t len)
{
	int r;

	os_assert(offset + len <= mem->size);
	do
		r = fallocate(mem->fd, 0, (off_t)offset, (off_t)len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? NULL : mem->base + offset;
}

void os_mem_destroy(struct os_mem *mem)
{
	munmap(mem->base, mem->size);
	close(mem->fd);
	free(mem);
}

int os_mem_fd(const struct os_mem *mem)
{
	return mem->fd;
}

void *os_mem_base(const struct os_mem *mem)
{
	return mem->base;
}
