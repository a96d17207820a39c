/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: names, time, words.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "os/os.h"

uint64_t os_netns_id(void)
{
	struct stat st;

	/* Without /proc there is one namespace as far as we can tell. */
	return stat("/proc/thread-self/ns/net", &st) == 0 ? st.st_ino : 0;
}

void os_time_now(int64_t *sec, int64_t *usec)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*sec = ts.tv_sec;
	*usec = ts.tv_nsec / 1000;
}

uint32_t os_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)ts.tv_sec;
}

int os_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return vsnprintf(buf, size, fmt, ap);
}

void os_log(const char *fmt, ...)
{
	static int64_t second;
	static unsigned int lines, dropped;
	struct timespec ts;
	char text[300];
	va_list ap;
	unsigned int lost;

	/* Five lines a second. A race between threads lets one more through, no harm. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	if (os_load(&second) != ts.tv_sec) {
		os_store(&second, (int64_t)ts.tv_sec);
		os_store(&lines, 0u);
	}
	if (__atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED) >= 5) {
		__atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lost = __atomic_exchange_n(&dropped, 0, __ATOMIC_RELAXED);
	if (lost)
		fprintf(stderr, "netmap: %s (%u earlier messages dropped)\n", text, lost);
	else
		fprintf(stderr, "netmap: %s\n", text);
}
