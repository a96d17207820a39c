/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in the kernel: names, time, words.
 */
#define pr_fmt(fmt) "netmap: " fmt

#include <linux/compat.h>
#include <linux/kernel.h>
#include <linux/nsproxy.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <net/net_namespace.h>

#include "os/os.h"

/*
 * The cookie, not the inode number: that one is used again after a namespace is gone. Only for calls from a program, as
 * ioctl: a task that exits may have no namespaces any more when its files are closed.
 */
uint64_t os_netns_id(void)
{
	return current->nsproxy->net_ns->net_cookie;
}

const char *os_host_name(void)
{
	return "module";
}

bool os_caller_is_32bit(void)
{
	return in_compat_syscall();
}

void os_time_now(int64_t *sec, int64_t *usec)
{
	struct timespec64 ts;

	ktime_get_real_ts64(&ts);
	*sec = ts.tv_sec;
	*usec = ts.tv_nsec / NSEC_PER_USEC;
}

uint32_t os_seconds(void)
{
	return (uint32_t)ktime_get_seconds();
}

int os_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return vsnprintf(buf, size, fmt, ap);
}

void os_log(const char *fmt, ...)
{
	/* Five lines a second. What was dropped is counted, and told when lines come through again. */
	static DEFINE_RATELIMIT_STATE(limit, HZ, 5);
	struct va_format vaf = { .fmt = fmt };
	va_list ap;

	if (!__ratelimit(&limit))
		return;
	va_start(ap, fmt);
	vaf.va = &ap;
	pr_info("%pV\n", &vaf);
	va_end(ap);
}
