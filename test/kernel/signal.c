/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals: calls that wait are interrupted, stopped and continued, or go on; no packet is lost by it.
 */
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "kernel.h"

static struct port p[2];
static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals = signals + 1;
}

static void setup(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	pipe_open(p, unique(""), 64);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
}

static void teardown(void)
{
	pipe_flow(p, 100);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* Signals every so many microseconds: the first may come before the call that it is for. 0: no more. */
static void signals_every(long us)
{
	static timer_t timer;
	static bool made;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec t = { { 0, us * 1000 }, { 0, us * 1000 } };

	if (!made)
		CHECK_OK(timer_create(CLOCK_MONOTONIC, &ev, &timer));
	made = true;
	CHECK_OK(timer_settime(timer, 0, &t, NULL));
}

/* --- Each call that waits --------------------------------------------------------------------------- */

static int wait_poll(short events)
{
	struct pollfd pfd = { .fd = p[1].fd, .events = events };

	return poll(&pfd, 1, 10000);
}

static int wait_ppoll(short events)
{
	struct pollfd pfd = { .fd = p[1].fd, .events = events };
	struct timespec ten = { .tv_sec = 10 };
	sigset_t open;

	sigemptyset(&open);
	return ppoll(&pfd, 1, &ten, &open);
}

static int wait_select(short events)
{
	struct timeval ten = { .tv_sec = 10 };
	fd_set set;

	(void)events;
	FD_ZERO(&set);
	FD_SET(p[1].fd, &set);
	return select(p[1].fd + 1, &set, NULL, NULL, &ten);
}

static int wait_pselect(short events)
{
	struct timespec ten = { .tv_sec = 10 };
	sigset_t open;
	fd_set set;

	(void)events;
	sigemptyset(&open);
	FD_ZERO(&set);
	FD_SET(p[1].fd, &set);
	return pselect(p[1].fd + 1, &set, NULL, NULL, &ten, &open);
}

static int wait_epoll(short events)
{
	struct epoll_event e = { .events = (uint32_t)events };
	int ep = epoll_create1(0), n;

	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[1].fd, &e));
	n = epoll_wait(ep, &e, 1, 10000);
	if (n < 0) {
		int err = errno;

		close(ep);
		errno = err;
		return n;
	}
	close(ep);
	return n;
}

static int (*const waits[])(short) = { wait_poll, wait_ppoll, wait_select, wait_pselect, wait_epoll };

#define WAITS (sizeof(waits) / sizeof(waits[0]))

static void interrupted(int flags)
{
	setup(flags);
	for (unsigned int i = 0; i < WAITS; i++) {
		for (int round = 0; round < 10; round++) {
			int before = signals, n, err;

			signals_every(3000 + round * 1000);
			n = waits[i](POLLIN);
			err = errno;
			signals_every(0);
			CHECK_MSG(n == -1, "wait %u was not interrupted", i);
			CHECK_EQ(err, EINTR);
			CHECK(signals > before);
		}
	}
	teardown();
}

CASE(interrupted_by_a_handler)
{
	interrupted(0);
}

/* These calls are not among those that SA_RESTART restarts. */
CASE(interrupted_with_restart)
{
	interrupted(SA_RESTART);
}

/* Something ready wins over a signal that came before. */
CASE(ready_before_the_signal)
{
	uint32_t out = 0;

	setup(0);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 1, &out), 1);
	txsync(&p[0]);
	for (unsigned int i = 0; i < WAITS; i++)
		CHECK_EQ(waits[i](POLLIN), 1);
	out = 0;
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 1, &out), 1);
	rxsync(&p[1]);
	teardown();
}

/* --- Masks ----------------------------------------------------------------------------------------------- */

CASE(ppoll_opens_the_mask_while_it_waits)
{
	struct pollfd pfd;
	struct timespec ten = { .tv_sec = 10 }, now = { 0 };
	sigset_t blocked, open;

	setup(0);
	pfd = (struct pollfd){ .fd = p[1].fd, .events = POLLIN };
	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &blocked, NULL));
	for (int i = 0; i < 20; i++) {
		signals = 0;
		raise(SIGUSR1);
		CHECK_EQ(ppoll(&pfd, 1, &now, &blocked), 0);
		CHECK_EQ(signals, 0);
		CHECK_ERRNO(ppoll(&pfd, 1, &ten, &open), EINTR);
		CHECK_EQ(signals, 1);
	}
	teardown();
}

/* --- In the same set -------------------------------------------------------------------------------------- */

CASE(signalfd_in_the_same_epoll)
{
	struct epoll_event e[3] = { { .events = EPOLLIN, .data.u32 = 1 }, { .events = EPOLLIN, .data.u32 = 2 } };
	struct signalfd_siginfo info;
	uint32_t out = 0, in = 0;
	sigset_t blocked;
	int ep = epoll_create1(0), sfd;

	setup(0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &blocked, NULL));
	sfd = signalfd(-1, &blocked, SFD_NONBLOCK);
	CHECK_OK(sfd);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[1].fd, &e[0]));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, sfd, &e[1]));
	for (int i = 0; i < 50; i++) {
		CHECK_OK(kill(getpid(), SIGUSR1));
		CHECK_EQ(epoll_wait(ep, e, 3, 10000), 1);
		CHECK_EQ(e[0].data.u32, 2);
		CHECK_EQ(put_packets(tx_ring(&p[0], 0), 1, &out), 1);
		txsync(&p[0]);
		CHECK_EQ(epoll_wait(ep, e, 3, 10000), 2);
		CHECK_EQ(read(sfd, &info, sizeof(info)), sizeof(info));
		CHECK_EQ(epoll_wait(ep, e, 3, 10000), 1);
		CHECK_EQ(e[0].data.u32, 1);
		CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 1);
	}
	CHECK_EQ(signals, 0);
	close(sfd);
	close(ep);
	rxsync(&p[1]);
	teardown();
}

/* --- Under fire --------------------------------------------------------------------------------------------- */

/* Signals all the time, in the middle of syncs and polls: every packet arrives, once and in order. */
CASE(storm_of_signals)
{
	uint32_t out = 0, in = 0, want = scaled(20000);

	setup(SA_RESTART);
	signals_every(700);
	while (in < want || signals < 5) {
		struct pollfd pfd = { .fd = p[1].fd, .events = POLLIN };
		int n;

		put_packets(tx_ring(&p[0], 0), 16, &out);
		txsync(&p[0]);
		n = poll(&pfd, 1, 1000);
		if (n < 0) {
			CHECK_EQ(errno, EINTR);
			continue;
		}
		CHECK_EQ(n, 1);
		CHECK(take_packets(rx_ring(&p[1], 0), 64, &in) > 0);
	}
	signals_every(0);
	while (rxsync(&p[1]), take_packets(rx_ring(&p[1], 0), 64, &in))
		;
	CHECK_EQ(in, out);
	rxsync(&p[1]);
	teardown();
}

/* --- Stopped, continued, killed --------------------------------------------------------------------------- */

static void wait_for_one(void *arg)
{
	struct pollfd pfd = { .fd = p[1].fd, .events = POLLIN };
	int *report = arg;
	char byte = 'r';

	CHECK_EQ(write(report[1], &byte, 1), 1);
	CHECK_EQ(poll(&pfd, 1, -1), 1);
	CHECK_EQ(pfd.revents, POLLIN);
	_exit(0);
}

/* A poll that is stopped and continued waits on. */
CASE(stopped_and_continued)
{
	int report[2], status;
	uint32_t out = 0;
	char byte;
	pid_t pid;

	setup(0);
	CHECK_OK(pipe(report));
	pid = spawn(wait_for_one, report);
	CHECK_EQ(read(report[0], &byte, 1), 1);
	for (int i = 0; i < 10; i++) {
		usleep(3000);
		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		CHECK_OK(kill(pid, SIGCONT));
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 1, &out), 1);
	txsync(&p[0]);
	check_wait_child(pid);
	out = 0;
	rxsync(&p[1]);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &out), 1);
	rxsync(&p[1]);
	teardown();
}

static void wait_in(void *arg)
{
	int (*wait_how)(short) = *(int (*const *)(short))arg;

	wait_how(POLLIN);
	_exit(0);
}

/* Who sleeps in any of the calls dies at once. */
CASE(killed_in_its_sleep)
{
	setup(0);
	for (unsigned int i = 0; i < WAITS; i++) {
		pid_t pid = spawn(wait_in, (void *)(uintptr_t)&waits[i]);
		uint64_t start;

		usleep(20000);
		start = check_now_ms();
		reap_killed(pid, SIGKILL);
		CHECK_MSG(check_now_ms() - start < 2000, "the killed one lived on for %llu ms",
			  (unsigned long long)(check_now_ms() - start));
	}
	teardown();
}

static volatile sig_atomic_t synced;

static void sync_in_handler(int sig)
{
	(void)sig;
	synced = synced + (ioctl(p[0].fd, NIOCTXSYNC, NULL) == 0 && ioctl(p[1].fd, NIOCRXSYNC, NULL) == 0);
}

/* A handler may sync, too: the call it interrupted holds nothing. */
CASE(sync_in_a_handler)
{
	struct sigaction sa = { .sa_handler = sync_in_handler };

	setup(0);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	for (unsigned int i = 0; i < WAITS; i++) {
		signals_every(5000);
		CHECK_ERRNO(waits[i](POLLIN), EINTR);
		signals_every(0);
	}
	CHECK(synced >= (int)WAITS);
	teardown();
}
