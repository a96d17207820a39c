/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: our memory, and what is shared.
 *
 * Shared memory is one memfd as large as the region can become, mapped once by us and again by each program. It is sparse:
 * pages come with os_mem_commit, so that lack of memory is an error there and not a SIGBUS later. It is sealed: nobody who
 * has it can make it shorter under the others.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
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
	mem->fd = memfd_create("netmap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem->fd < 0 || ftruncate(mem->fd, (off_t)size) < 0 ||
	    fcntl(mem->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
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
