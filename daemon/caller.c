/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OS contract in netmapd: the caller is a program at the other end of a line. It may answer slowly, wrongly or not at all;
 * nobody but its own connection waits for that, as the core makes no such access under the control lock.
 */
#include "daemon/caller.h"
#include "daemon/message.h"

static __thread const struct lr_caller *caller;

void lr_caller_set(const struct lr_caller *c)
{
	caller = c;
}

/* One message there, one back. */
static int exchange(struct lrd_msg *m, uint32_t want)
{
	int err = lr_message_send(caller->line, caller->alive, m, NULL, 0);

	if (!err)
		err = lr_message_receive(caller->line, caller->alive, m, NULL, NULL, -1);
	return !err && m->type == LRD_DATA && m->len == want && m->result == 0 ? 0 : -EFAULT;
}

static int copy(uint64_t uaddr, char *ours, size_t len, bool in)
{
	struct lrd_msg m;

	if (!caller || (len && !uaddr))
		return -EFAULT;
	while (len) {
		uint32_t n = len < LRD_DATA_MAX ? (uint32_t)len : LRD_DATA_MAX;

		memset(&m, 0, LRD_HEAD);
		m.type = in ? LRD_READ : LRD_WRITE;
		m.addr = uaddr;
		m.len = n;
		if (!in)
			memcpy(m.data, ours, n);
		if (exchange(&m, in ? n : 0))
			return -EFAULT;
		if (in)
			memcpy(ours, m.data, n);
		uaddr += n;
		ours += n;
		len -= n;
	}
	return 0;
}

int os_copyin(void *dst, uint64_t uaddr, size_t len)
{
	return copy(uaddr, dst, len, true);
}

int os_copyout(uint64_t uaddr, const void *src, size_t len)
{
	return copy(uaddr, (char *)(uintptr_t)src, len, false);
}

bool os_caller_is_32bit(void)
{
	return caller && caller->narrow;
}

const char *os_host_name(void)
{
	return "netmapd";
}
