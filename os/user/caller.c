/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: the caller, where it is the process that we are in. (In netmapd it is another one:
 * daemon/caller.c.)
 */
#include <sys/uio.h>
#include <unistd.h>

#include "os/os.h"

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

/* The program is the process we are in. */
bool os_caller_is_32bit(void)
{
	return false;
}

const char *os_host_name(void)
{
	return "in-process";
}
