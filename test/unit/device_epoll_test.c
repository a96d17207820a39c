/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-process host: epoll sets with netmap members. Level, edge and one-shot; members that come, go and close; sets that are
 * copied, closed and polled; several threads on one set.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "device_port.h"
#include "test/lib/check.c"	/* has main() */

#define ROOM 16

static struct port a, b;
static int ep, event_fd;
static struct epoll_event events[ROOM];

static void setup(void)
{
	a = port_open("p{1");
	b = port_open("p}1");
	CHECK_OK(ep = epoll_create1(EPOLL_CLOEXEC));
	CHECK_OK(event_fd = eventfd(0, EFD_NONBLOCK));
}

static int ctl(int op, int fd, uint32_t mode)
{
	struct epoll_event event = { .events = mode, .data.u64 = 1000u + (unsigned int)fd };

	return epoll_ctl(ep, op, fd, &event);
}

static void member(int fd, uint32_t mode)
{
	CHECK_OK(ctl(EPOLL_CTL_ADD, fd, mode));
}

static void expect(int n, int fd, uint32_t mode)
{
	CHECK(events[n].data.u64 == 1000u + (unsigned int)fd);
	CHECK_EQ(events[n].events, mode);
}

static void expect_only(int fd, uint32_t mode)
{
	CHECK_EQ(epoll_wait(ep, events, ROOM, 0), 1);
	expect(0, fd, mode);
}

static void expect_nothing(void)
{
	CHECK_EQ(epoll_wait(ep, events, ROOM, 0), 0);
}

static void raise_event(void)
{
	CHECK_EQ(write(event_fd, &(uint64_t){ 1 }, 8), 8);
}

static void take_all(struct port *p)
{
	while (!nm_ring_empty(p->rx))
		take(p);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static void join(pthread_t t)
{
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void *send_later(void *arg)
{
	usleep(100000);
	send_one(arg, 60);
	return NULL;
}

static void *raise_later(void *arg)
{
	(void)arg;
	usleep(100000);
	raise_event();
	return NULL;
}

/* --- Modes ------------------------------------------------------------------------------------------ */

CASE(level)
{
	setup();
	member(b.fd, EPOLLIN);
	member(a.fd, EPOLLIN);
	expect_nothing();
	send_one(&a, 60);
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	take(&b);
	expect_only(b.fd, EPOLLIN);
	take(&b);
	expect_nothing();
	CHECK_OK(ctl(EPOLL_CTL_MOD, b.fd, EPOLLIN | EPOLLOUT));
	expect_only(b.fd, EPOLLOUT);
	CHECK_OK(ctl(EPOLL_CTL_DEL, b.fd, 0));
	expect_nothing();
}

CASE(edge)
{
	setup();
	member(b.fd, EPOLLIN | EPOLLET);
	expect_nothing();
	send_one(&a, 60);
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	expect_nothing();
	take(&b);
	expect_nothing();
	/* More of it is news. */
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	expect_nothing();
	take_all(&b);
	expect_nothing();
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	CHECK_OK(ctl(EPOLL_CTL_MOD, b.fd, EPOLLIN | EPOLLET));
	expect_only(b.fd, EPOLLIN);
	expect_nothing();
}

/* Writable all the time must not be reported all the time. */
CASE(edge_both_ways)
{
	setup();
	member(b.fd, EPOLLIN | EPOLLOUT | EPOLLET);
	expect_only(b.fd, EPOLLOUT);
	expect_nothing();
	expect_nothing();
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN | EPOLLOUT);
	expect_nothing();
}

/* Between two looks the ring goes round exactly once: its positions are the same, and yet there is news. */
CASE(edge_after_a_full_circle)
{
	uint32_t n, i;

	setup();
	n = b.rx->num_slots;
	member(b.fd, EPOLLIN | EPOLLET);
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	for (i = 0; i < n; i++) {
		take(&b);
		CHECK_OK(ioctl(b.fd, NIOCRXSYNC));
		CHECK(nm_ring_empty(b.rx));
		send_one(&a, 60);
		if (i < n - 1)
			CHECK_OK(ioctl(b.fd, NIOCRXSYNC));
	}
	expect_only(b.fd, EPOLLIN);
}

CASE(oneshot)
{
	setup();
	member(b.fd, EPOLLIN | EPOLLONESHOT);
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	expect_nothing();
	send_one(&a, 60);
	expect_nothing();
	CHECK_OK(ctl(EPOLL_CTL_MOD, b.fd, EPOLLIN | EPOLLONESHOT));
	expect_only(b.fd, EPOLLIN);
	expect_nothing();
}

CASE(error_is_reported_unasked)
{
	int fd = device_open();

	setup();
	member(fd, 0);
	expect_only(fd, EPOLLERR);
}

/* --- Errors ------------------------------------------------------------------------------------------ */

CASE(errors)
{
	struct timespec bad = { 0, -1 };
	volatile int negative = -1;
	int null = open("/dev/null", O_RDONLY);

	setup();
	CHECK_ERRNO(ctl(EPOLL_CTL_DEL, b.fd, 0), ENOENT);
	CHECK_ERRNO(ctl(EPOLL_CTL_MOD, b.fd, EPOLLIN), ENOENT);
	member(b.fd, EPOLLIN);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, b.fd, EPOLLIN), EEXIST);
	CHECK_ERRNO(ctl(EPOLL_CTL_MOD, a.fd, EPOLLIN), ENOENT);
	CHECK_ERRNO(ctl(7, b.fd, EPOLLIN), EINVAL);
	CHECK_ERRNO(ctl(EPOLL_CTL_MOD, b.fd, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, b.fd, NULL), EFAULT);
	CHECK_ERRNO(epoll_ctl(null, EPOLL_CTL_ADD, b.fd, events), EINVAL);
	CHECK_ERRNO(epoll_ctl(180, EPOLL_CTL_ADD, b.fd, events), EBADF);
	CHECK_ERRNO(epoll_ctl(a.fd, EPOLL_CTL_ADD, b.fd, events), EINVAL);
	CHECK_ERRNO(epoll_wait(a.fd, events, ROOM, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(ep, events, 0, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(ep, events, negative, 0), EINVAL);
	CHECK_ERRNO(epoll_pwait2(ep, events, ROOM, &bad, NULL), EINVAL);
	CHECK_OK(close(a.fd));
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, a.fd, EPOLLIN), EBADF);
	expect_nothing();
}

/* --- With others ------------------------------------------------------------------------------------- */

CASE(both_kinds)
{
	setup();
	member(event_fd, EPOLLIN);
	member(b.fd, EPOLLIN);
	expect_nothing();
	raise_event();
	expect_only(event_fd, EPOLLIN);
	send_one(&a, 60);
	CHECK_EQ(epoll_wait(ep, events, ROOM, -1), 2);
	expect(0, event_fd, EPOLLIN);
	expect(1, b.fd, EPOLLIN);
}

/* However little room there is, each of them gets its turn. */
CASE(nobody_starves)
{
	int seen[4] = { 0 }, fd[4], room, i, k, n;
	struct port c;

	setup();
	c = port_open("q{1");
	fd[0] = a.fd;
	fd[1] = b.fd;
	fd[2] = c.fd;
	fd[3] = event_fd;
	for (i = 0; i < 3; i++)
		member(fd[i], EPOLLOUT);
	member(event_fd, EPOLLIN);
	raise_event();
	for (room = 1; room < 5; room++) {
		for (i = 0; i < 40; i++) {
			n = epoll_wait(ep, events, room, 0);
			CHECK(n > 0 && n <= room);
			while (n--)
				for (k = 0; k < 4; k++)
					seen[k] += events[n].data.u64 == 1000u + (unsigned int)fd[k];
		}
		for (k = 0; k < 4; k++)
			CHECK_MSG(seen[k] >= 8, "room for %d: member %d had %d turns of 40", room, k, seen[k]);
		memset(seen, 0, sizeof(seen));
	}
}

CASE(sleeps_for_a_packet)
{
	struct timespec ts = { 20, 0 };
	pthread_t t;

	setup();
	member(event_fd, EPOLLIN);
	member(b.fd, EPOLLIN | EPOLLET);
	t = start(send_later, &a);
	CHECK_EQ(epoll_wait(ep, events, ROOM, -1), 1);
	expect(0, b.fd, EPOLLIN);
	join(t);
	t = start(raise_later, NULL);
	CHECK_EQ(epoll_pwait(ep, events, ROOM, 20000, NULL), 1);
	expect(0, event_fd, EPOLLIN);
	join(t);
	CHECK_EQ(read(event_fd, events, 8), 8);
	t = start(send_later, &a);
	CHECK_EQ(epoll_pwait2(ep, events, ROOM, &ts, NULL), 1);
	expect(0, b.fd, EPOLLIN);
	join(t);
}

CASE(times_out)
{
	uint64_t t = check_now_ms();

	setup();
	member(b.fd, EPOLLIN);
	CHECK_EQ(epoll_wait(ep, events, ROOM, 120), 0);
	t = check_now_ms() - t;
	CHECK_MSG(t >= 119 && t < 5000, "%d ms", (int)t);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

CASE(signal_with_mask)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t usr1, empty;

	setup();
	member(b.fd, EPOLLIN);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	sigemptyset(&empty);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	expect_nothing();
	CHECK_EQ(signals, 0);
	CHECK_ERRNO(epoll_pwait(ep, events, ROOM, 20000, &empty), EINTR);
	CHECK_EQ(signals, 1);
	raise(SIGUSR1);
	CHECK_ERRNO(epoll_pwait(ep, events, ROOM, 0, &empty), EINTR);
	CHECK_EQ(signals, 2);
}

/* --- Coming and going ---------------------------------------------------------------------------------- */

CASE(closing_a_member_removes_it)
{
	int fd;

	setup();
	member(b.fd, EPOLLIN);
	send_one(&a, 60);
	expect_only(b.fd, EPOLLIN);
	CHECK_OK(close(b.fd));
	expect_nothing();
	/* The number again, but another descriptor. */
	fd = device_open();
	CHECK_EQ(fd, b.fd);
	expect_nothing();
	CHECK_ERRNO(ctl(EPOLL_CTL_DEL, fd, 0), ENOENT);
	member(fd, EPOLLIN);
	expect_only(fd, EPOLLERR);
}

/* As in the kernel: a member goes with the last number of what it stands for. */
CASE(copies_of_a_member)
{
	int copy;

	setup();
	member(b.fd, EPOLLIN);
	CHECK_OK(copy = dup(b.fd));
	member(copy, EPOLLIN);
	send_one(&a, 60);
	CHECK_EQ(epoll_wait(ep, events, ROOM, 0), 2);
	CHECK_OK(close(b.fd));
	CHECK_EQ(epoll_wait(ep, events, ROOM, 0), 2);
	CHECK_OK(close(copy));
	expect_nothing();
}

CASE(copies_of_a_set)
{
	int copy;

	setup();
	member(b.fd, EPOLLIN);
	CHECK_OK(copy = dup(ep));
	send_one(&a, 60);
	CHECK_OK(close(ep));
	CHECK_EQ(epoll_wait(copy, events, ROOM, 0), 1);
	CHECK_OK(close(copy));
	CHECK_ERRNO(epoll_wait(copy, events, ROOM, 0), EBADF);
	CHECK_EQ(epoll_create1(0), ep);
	CHECK_EQ(epoll_wait(ep, events, ROOM, 0), 0);
}

CASE(a_set_can_be_polled)
{
	struct pollfd p;
	pthread_t t;

	setup();
	member(event_fd, EPOLLIN);
	member(b.fd, EPOLLIN | EPOLLET);
	/* Past the time in which the set is readable while it becomes ours. */
	usleep(30000);
	expect_nothing();
	p = (struct pollfd){ .fd = ep, .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 0), 0);
	t = start(send_later, &a);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK_EQ(poll(&p, 1, 0), 1);
	join(t);
	expect_only(b.fd, EPOLLIN);
	CHECK_EQ(poll(&p, 1, 0), 0);
	t = start(raise_later, NULL);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	expect_only(event_fd, EPOLLIN);
	join(t);
}

/* --- Threads ---------------------------------------------------------------------------------------------- */

static void *wait_once(void *arg)
{
	struct epoll_event event;

	(void)arg;
	CHECK_EQ(epoll_wait(ep, &event, 1, 20000), 1);
	CHECK(event.data.u64 == 1000u + (unsigned int)b.fd);
	return NULL;
}

/* Threads sleep in a set that has no netmap member yet. */
CASE(first_member_comes_while_others_wait)
{
	pthread_t t[3];
	int i;

	setup();
	member(event_fd, EPOLLIN);
	for (i = 0; i < 3; i++)
		t[i] = start(wait_once, NULL);
	usleep(50000);
	send_one(&a, 60);
	member(b.fd, EPOLLIN);
	for (i = 0; i < 3; i++)
		join(t[i]);
}

CASE(members_come_while_others_wait)
{
	pthread_t t[3];
	int round, i;

	setup();
	member(a.fd, EPOLLIN);
	send_one(&a, 60);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 3; i++)
			t[i] = start(wait_once, NULL);
		usleep(20000);
		member(b.fd, EPOLLIN);
		for (i = 0; i < 3; i++)
			join(t[i]);
		CHECK_OK(ctl(EPOLL_CTL_DEL, b.fd, 0));
	}
}

static int handled;

static void *handle(void *arg)
{
	struct epoll_event event;

	(void)arg;
	while (__atomic_load_n(&handled, __ATOMIC_ACQUIRE) < 2000) {
		int n = epoll_wait(ep, &event, 1, 50);

		CHECK(n >= 0);
		if (!n)
			continue;
		/* One-shot: nobody else handles it now. */
		while (!nm_ring_empty(b.rx)) {
			CHECK_EQ(take(&b), 60 + handled % 1000);
			__atomic_fetch_add(&handled, 1, __ATOMIC_RELEASE);
		}
		CHECK_OK(ctl(EPOLL_CTL_MOD, b.fd, EPOLLIN | EPOLLONESHOT));
	}
	return NULL;
}

CASE(oneshot_is_handled_by_one)
{
	struct pollfd p;
	pthread_t t[3];
	int i, n;

	setup();
	member(b.fd, EPOLLIN | EPOLLONESHOT);
	for (i = 0; i < 3; i++)
		t[i] = start(handle, NULL);
	p = (struct pollfd){ .fd = a.fd, .events = POLLOUT };
	for (n = 0; n < 2000;) {
		CHECK_EQ(poll(&p, 1, 20000), 1);
		put(&a, (unsigned int)(60 + n++ % 1000));
		if (n % 5 == 0)
			CHECK_OK(ioctl(a.fd, NIOCTXSYNC));
	}
	flush(&a);
	for (i = 0; i < 3; i++)
		join(t[i]);
	CHECK_EQ(handled, 2000);
}

static void *stream(void *arg)
{
	struct pollfd p = { .fd = a.fd, .events = POLLOUT };
	int want = *(int *)arg, n;

	for (n = 0; n < want;) {
		int burst = n % 5 + 1;

		CHECK_EQ(poll(&p, 1, 20000), 1);
		for (; burst && n < want && !nm_ring_empty(a.tx); burst--, n++)
			put(&a, (unsigned int)(60 + n % 1000));
		CHECK_OK(ioctl(a.fd, NIOCTXSYNC));
	}
	flush(&a);
	return NULL;
}

/* Who drains until there is nothing left, sometimes with syncs of his own, never waits in vain. */
static void drain_stream(uint32_t mode)
{
	int want = 20000, n = 0;
	pthread_t t;

	setup();
	member(b.fd, mode);
	t = start(stream, &want);
	while (n < want) {
		CHECK_EQ(epoll_wait(ep, events, ROOM, 20000), 1);
		do {
			for (; !nm_ring_empty(b.rx); n++)
				CHECK_EQ(take(&b), 60 + n % 1000);
			if (n % 3 == 0)
				CHECK_OK(ioctl(b.fd, NIOCRXSYNC));
		} while (!nm_ring_empty(b.rx));
	}
	join(t);
}

CASE(stream_by_level)
{
	drain_stream(EPOLLIN);
}

CASE(stream_by_edge)
{
	drain_stream(EPOLLIN | EPOLLET);
}

/* EPOLLOUT is ready all the time. */
CASE(stream_by_edge_both_ways)
{
	drain_stream(EPOLLIN | EPOLLOUT | EPOLLET);
}

static void *close_later(void *arg)
{
	usleep(50000);
	CHECK_OK(close(*(int *)arg));
	return NULL;
}

CASE(closing_under_a_wait)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	pthread_t t;

	setup();
	member(b.fd, EPOLLIN);
	t = start(close_later, &b.fd);
	CHECK_EQ(epoll_wait(ep, events, ROOM, 200), 0);
	join(t);
	CHECK_OK(port_register(device_open(), &reg, "p}1"));
}

CASE(closing_the_set_under_a_wait)
{
	pthread_t t;

#ifdef __SANITIZE_THREAD__
	SKIP("close of a descriptor in use is what thread sanitizers report");
#endif
	setup();
	member(b.fd, EPOLLIN);
	t = start(close_later, &ep);
	CHECK_ERRNO(epoll_wait(ep, events, ROOM, 20000), EBADF);
	join(t);
}

static int stop;

static void *add_and_remove(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct port p = port_open("r{1");

		member(p.fd, EPOLLIN | EPOLLOUT | EPOLLET);
		usleep(300);
		if (p.fd % 2)
			CHECK_OK(ctl(EPOLL_CTL_DEL, p.fd, 0));
		port_close(&p);
	}
	return NULL;
}

CASE(members_come_and_go_under_use)
{
	pthread_t t[2];
	int i, n;

	setup();
	member(b.fd, EPOLLIN);
	for (i = 0; i < 2; i++)
		t[i] = start(add_and_remove, NULL);
	for (i = 0; i < 500; i++) {
		n = epoll_wait(ep, events, 1 + i % 4, 1);
		CHECK(n >= 0 && n <= 1 + i % 4);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		join(t[i]);
}

/* --- fork -------------------------------------------------------------------------------------------------- */

static void wait_in_child(void *arg)
{
	pthread_t t;

	(void)arg;
	t = start(send_later, &a);
	CHECK_EQ(epoll_wait(ep, events, ROOM, 20000), 1);
	expect(0, b.fd, EPOLLIN);
	join(t);
	CHECK_OK(close(ep));
}

CASE(child_goes_on)
{
	setup();
	member(b.fd, EPOLLIN);
	expect_nothing();
	check_in_child(wait_in_child, NULL);
}

static void close_in_child(void *arg)
{
	(void)arg;
	CHECK_OK(close(ep));
	CHECK_OK(close(b.fd));
	CHECK_OK(close(a.fd));
}

CASE(parent_goes_on)
{
	pthread_t t;

	setup();
	member(event_fd, EPOLLIN);
	member(b.fd, EPOLLIN);
	expect_nothing();
	check_in_child(close_in_child, NULL);
	t = start(send_later, &a);
	CHECK_EQ(epoll_wait(ep, events, ROOM, 20000), 1);
	expect(0, b.fd, EPOLLIN);
	join(t);
}
