/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What calls on ordinary descriptors cost: nanoseconds each, the best of many short runs. One line, for run.sh to
 * compare without and with the library.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CALLS 2000
#define RUNS 100

static int pipe_fd[2], epoll_fd;

static void one_close(void)
{
	close(-1);
}

static void one_poll(void)
{
	struct pollfd p[2] = { { .fd = pipe_fd[0], .events = POLLIN }, { .fd = pipe_fd[1], .events = POLLOUT } };

	poll(p, 2, 0);
}

static void one_ioctl(void)
{
	int n;

	ioctl(pipe_fd[0], FIONREAD, &n);
}

static void one_epoll_wait(void)
{
	struct epoll_event event;

	epoll_wait(epoll_fd, &event, 1, 0);
}

static void one_open(void)
{
	close(open("/dev/null", O_RDONLY));
}

static double cost(void (*call)(void))
{
	double best = 1e9;
	int run, i;

	for (run = 0; run < RUNS; run++) {
		struct timespec a, b;
		double ns;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (i = 0; i < CALLS; i++)
			call();
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / CALLS;
		if (ns < best)
			best = ns;
	}
	return best;
}

int main(void)
{
	if (pipe(pipe_fd) < 0 || (epoll_fd = epoll_create1(0)) < 0)
		return 1;
	printf("close %.1f poll %.1f ioctl %.1f epoll_wait %.1f open+close %.1f\n", cost(one_close), cost(one_poll),
	       cost(one_ioctl), cost(one_epoll_wait), cost(one_open));
	return 0;
}
