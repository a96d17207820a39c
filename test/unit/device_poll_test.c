/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-process host: poll, ppoll, select and pselect with netmap and other descriptors together; timeouts, signals,
 * threads, cancellation.
 */
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "device_port.h"
#include "test/lib/check.c"	/* has main() */

/* A pipe of netmap's, and one of the kernel's. */
static struct port a, b;
static int in, out;

static void setup(void)
{
	int fd[2];

	a = port_open("p{1");
	b = port_open("p}1");
	CHECK_OK(pipe(fd));
	in = fd[0];
	out = fd[1];
}

static void *send_later(void *arg)
{
	usleep(50000);
	send_one(arg, 60);
	return NULL;
}

static void *write_later(void *arg)
{
	(void)arg;
	usleep(50000);
	CHECK_EQ(write(out, "x", 1), 1);
	return NULL;
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

/* --- poll ----------------------------------------------------------------------------------------- */

CASE(poll_at_once)
{
	struct pollfd p[3];

	setup();
	p[0] = (struct pollfd){ .fd = a.fd, .events = POLLIN | POLLOUT | POLLWRNORM };
	p[1] = (struct pollfd){ .fd = -1, .events = POLLIN, .revents = 7 };
	p[2] = (struct pollfd){ .fd = b.fd, .events = POLLIN | POLLRDNORM };
	CHECK_EQ(poll(p, 3, 0), 1);
	CHECK_EQ(p[0].revents, POLLOUT | POLLWRNORM);
	CHECK_EQ(p[1].revents, 0);
	CHECK_EQ(p[2].revents, 0);
	send_one(&a, 60);
	CHECK_EQ(poll(p, 3, -1), 2);
	CHECK_EQ(p[2].revents, POLLIN | POLLRDNORM);
	p[0].events = p[2].events = 0;
	CHECK_EQ(poll(p, 3, 0), 0);
	CHECK_EQ(poll(NULL, 0, 1), 0);
}

CASE(poll_pushes_what_is_pending)
{
	struct pollfd p;

	setup();
	put(&a, 66);
	p = (struct pollfd){ .fd = a.fd, .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 0), 0);
	p.fd = b.fd;
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(take(&b), 66);
}

CASE(poll_times_out)
{
	struct pollfd p;
	uint64_t t;

	setup();
	p = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	t = check_now_ms();
	CHECK_EQ(poll(&p, 1, 100), 0);
	t = check_now_ms() - t;
	CHECK_MSG(t >= 99 && t < 5000, "%d ms", (int)t);
}

CASE(poll_wakes_for_a_packet)
{
	struct pollfd p[2];
	pthread_t t;

	setup();
	t = start(send_later, &a);
	p[0] = (struct pollfd){ .fd = in, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	CHECK_EQ(poll(p, 2, 20000), 1);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[1].revents, POLLIN);
	join(t);
}

CASE(poll_wakes_for_others)
{
	struct pollfd p[2];
	pthread_t t;

	setup();
	t = start(write_later, NULL);
	p[0] = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = in, .events = POLLIN };
	CHECK_EQ(poll(p, 2, -1), 1);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[1].revents, POLLIN);
	join(t);
}

CASE(poll_reports_both_kinds)
{
	struct pollfd p[4];

	setup();
	send_one(&a, 60);
	CHECK_EQ(write(out, "x", 1), 1);
	p[0] = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = in, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = 190, .events = POLLIN };
	p[3] = (struct pollfd){ .fd = b.fd, .events = POLLOUT };
	CHECK_EQ(poll(p, 4, -1), 4);
	CHECK_EQ(p[0].revents, POLLIN);
	CHECK_EQ(p[1].revents, POLLIN);
	CHECK_EQ(p[2].revents, POLLNVAL);
	CHECK_EQ(p[3].revents, POLLOUT);
}

static void *take_later(void *arg)
{
	struct port *p = arg;

	usleep(50000);
	CHECK_OK(ioctl(p->fd, NIOCRXSYNC));
	while (!nm_ring_empty(p->rx))
		take(p);
	CHECK_OK(ioctl(p->fd, NIOCRXSYNC));
	return NULL;
}

CASE(poll_wakes_for_room)
{
	struct pollfd p;
	pthread_t t;

	setup();
	fill_tx(&a);
	p = (struct pollfd){ .fd = a.fd, .events = POLLOUT };
	CHECK_EQ(poll(&p, 1, 10), 0);
	t = start(take_later, &b);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLOUT);
	join(t);
}

CASE(poll_many)
{
	struct pollfd p[200];
	struct port more[40];
	char name[20];
	int i;

	setup();
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "q%d{1", i / 2);
		name[strlen(name) - 2] = i % 2 ? '}' : '{';
		more[i] = port_open(name);
	}
	for (i = 0; i < 200; i++)
		p[i] = (struct pollfd){ .fd = i < 40 ? more[i].fd : i < 120 ? in : -1, .events = POLLIN };
	CHECK_EQ(poll(p, 200, 20), 0);
	send_one(&more[30], 60);
	CHECK_EQ(poll(p, 200, 20000), 1);
	CHECK_EQ(p[31].revents, POLLIN);
	CHECK_EQ(write(out, "x", 1), 1);
	CHECK_EQ(poll(p, 200, 20000), 81);
}

CASE(poll_bad_arguments)
{
	struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 };
	nfds_t too_many = (1 << 20) + 2;
	struct pollfd p, *many = calloc(too_many, sizeof(*many));

	setup();
	p = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	CHECK_ERRNO(ppoll(&p, 1, &bad, NULL), EINVAL);
	CHECK_ERRNO(ppoll(&p, 1, &negative, NULL), EINVAL);
	if (many)
		CHECK_ERRNO(poll(many, too_many, 0), EINVAL);
	free(many);
}

/* --- Signals ------------------------------------------------------------------------------------- */

static int signals;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&signals, 1, __ATOMIC_SEQ_CST);
}

static int count_signals(void)
{
	return __atomic_load_n(&signals, __ATOMIC_SEQ_CST);
}

static void catch_signal(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
}

static void *signal_later(void *arg)
{
	usleep(50000);
	CHECK_EQ(pthread_kill(*(pthread_t *)arg, SIGUSR1), 0);
	return NULL;
}

CASE(poll_ends_with_a_signal)
{
	pthread_t me = pthread_self(), t;
	struct pollfd p;

	setup();
	catch_signal();
	t = start(signal_later, &me);
	p = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	CHECK_ERRNO(poll(&p, 1, 20000), EINTR);
	CHECK_EQ(count_signals(), 1);
	join(t);
}

/* Blocked outside, let in by the call's mask; and the mask is back after. */
CASE(ppoll_mask_is_atomic)
{
	struct timespec long_time = { 20, 0 }, none = { 0, 0 };
	sigset_t usr1, empty, now;
	struct pollfd p;

	setup();
	catch_signal();
	sigemptyset(&empty);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	p = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	raise(SIGUSR1);
	CHECK_EQ(count_signals(), 0);
	CHECK_ERRNO(ppoll(&p, 1, &long_time, &empty), EINTR);
	CHECK_EQ(count_signals(), 1);
	raise(SIGUSR1);
	CHECK_ERRNO(ppoll(&p, 1, &none, &empty), EINTR);
	CHECK_EQ(count_signals(), 2);
	raise(SIGUSR1);
	/* Something to report wins. */
	p.events = POLLOUT;
	CHECK_EQ(ppoll(&p, 1, &long_time, &empty), 1);
	CHECK_EQ(count_signals(), 2);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGTERM) == 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	CHECK_EQ(count_signals(), 3);
}

static void *wake_all_the_time(void *arg)
{
	struct port *p = arg;

	while (!count_signals()) {
		struct pollfd room = { .fd = p->fd, .events = POLLOUT };

		CHECK(poll(&room, 1, 100) >= 0);
		while (!nm_ring_empty(p->tx) && !count_signals())
			send_one(p, 60);
	}
	return NULL;
}

/* One end sleeps for an error that does not come, and is woken for nothing all the time: a signal still ends it. */
CASE(signal_among_wakeups)
{
	struct itimerval once = { { 0, 0 }, { 0, 100000 } };
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t alarm;
	pthread_t t;

	setup();
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	t = start(wake_all_the_time, &a);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	CHECK_OK(setitimer(ITIMER_REAL, &once, NULL));
	while (!count_signals()) {
		struct pollfd p = { .fd = b.fd, .events = POLLIN };

		if (poll(&p, 1, 20000) < 0) {
			CHECK_EQ(errno, EINTR);
			break;
		}
		while (!nm_ring_empty(b.rx))
			take(&b);
	}
	CHECK_EQ(count_signals(), 1);
	join(t);
}

/* --- Threads --------------------------------------------------------------------------------------- */

static void *close_later(void *arg)
{
	usleep(50000);
	CHECK_OK(close(*(int *)arg));
	return NULL;
}

CASE(close_ends_a_poll_elsewhere)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	struct pollfd p;
	pthread_t t;

	setup();
	t = start(close_later, &b.fd);
	p = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLERR);
	join(t);
	CHECK_OK(port_register(device_open(), &reg, "p}1"));
}

static int stop;

static void *poll_and_sync(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN | POLLOUT };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		poll(&p, 1, 1);
		ioctl(p.fd, NIOCTXSYNC);
		ioctl(p.fd, NIOCRXSYNC);
	}
	return NULL;
}

/* Numbers come and go and mean other things, while threads use them. */
CASE(open_and_close_under_use)
{
	pthread_t t[3];
	int fd, i;

	fd = device_open();
	for (i = 0; i < 3; i++)
		t[i] = start(poll_and_sync, &fd);
	for (i = 0; i < 300; i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
		int other;

		if (i % 3)
			CHECK_OK(port_register(fd, &reg, "p{1"));
		if (i % 7 == 0)
			usleep(500);
		CHECK_OK(other = i % 2 ? open("/dev/null", O_RDONLY) : device_open());
		CHECK_EQ(dup2(other, fd), fd);
		CHECK_OK(close(other));
		if (i % 2) {
			CHECK_OK(close(fd));
			CHECK_EQ(device_open(), fd);
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		join(t[i]);
}

static void *poll_for_ever(void *arg)
{
	struct pollfd p[2] = { { .fd = *(int *)arg, .events = POLLIN }, { .fd = in, .events = POLLIN } };

	CHECK_EQ(poll(p, 2, -1), 0);
	return NULL;
}

/* A thread cancelled in poll leaves nothing behind that keeps the port. */
CASE(cancelled_in_poll)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	void *result;
	pthread_t t;

	setup();
	t = start(poll_for_ever, &b.fd);
	usleep(50000);
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_OK(close(b.fd));
	CHECK_OK(port_register(device_open(), &reg, "p}1"));
}

static void *receive(void *arg)
{
	struct pollfd p = { .fd = b.fd, .events = POLLIN };
	int n = 0, want = *(int *)arg;

	while (n < want) {
		CHECK_EQ(poll(&p, 1, 20000), 1);
		for (; !nm_ring_empty(b.rx); n++)
			CHECK_EQ(take(&b), 60 + n % 1000);
	}
	return NULL;
}

/* Two threads that sleep for each other: no wake-up is lost. */
CASE(stream_between_threads)
{
	int want = 20000, n;
	struct pollfd p;
	pthread_t t;

	setup();
	t = start(receive, &want);
	p = (struct pollfd){ .fd = a.fd, .events = POLLOUT };
	for (n = 0; n < want;) {
		int burst = n % 7 + 1;

		CHECK_EQ(poll(&p, 1, 20000), 1);
		for (; burst && n < want && !nm_ring_empty(a.tx); burst--, n++)
			put(&a, (unsigned int)(60 + n % 1000));
	}
	flush(&a);
	join(t);
}

/* --- select ---------------------------------------------------------------------------------------- */

static int max_fd(void)
{
	int m = a.fd > b.fd ? a.fd : b.fd;

	return (out > m ? out : m) + 1;
}

CASE(select_both_kinds)
{
	fd_set r, w, e;
	struct timeval tv = { 0, 0 };

	setup();
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(b.fd, &r);
	FD_SET(in, &r);
	FD_SET(a.fd, &w);
	FD_SET(out, &w);
	FD_SET(a.fd, &e);
	CHECK_EQ(select(max_fd(), &r, &w, &e, &tv), 2);
	CHECK(!FD_ISSET(b.fd, &r) && !FD_ISSET(in, &r) && FD_ISSET(a.fd, &w) && FD_ISSET(out, &w) && !FD_ISSET(a.fd, &e));

	send_one(&a, 60);
	CHECK_EQ(write(out, "x", 1), 1);
	FD_SET(b.fd, &r);
	FD_SET(in, &r);
	FD_SET(b.fd, &w);
	CHECK_EQ(select(max_fd(), &r, &w, NULL, NULL), 5);
	CHECK(FD_ISSET(b.fd, &r) && FD_ISSET(in, &r) && FD_ISSET(b.fd, &w));
}

CASE(select_sleeps_and_tells_what_is_left)
{
	struct timeval tv = { 20, 0 };
	struct timespec ts = { 0, 50000000 };
	pthread_t t;
	fd_set r;

	setup();
	t = start(send_later, &a);
	FD_ZERO(&r);
	FD_SET(b.fd, &r);
	FD_SET(in, &r);
	CHECK_EQ(select(max_fd(), &r, NULL, NULL, &tv), 1);
	CHECK(FD_ISSET(b.fd, &r) && !FD_ISSET(in, &r));
	CHECK(tv.tv_sec < 20);
	join(t);
	take(&b);

	t = start(write_later, NULL);
	FD_SET(in, &r);
	CHECK_EQ(select(max_fd(), &r, NULL, NULL, NULL), 1);
	CHECK(!FD_ISSET(b.fd, &r) && FD_ISSET(in, &r));
	join(t);

	FD_ZERO(&r);
	FD_SET(b.fd, &r);
	CHECK_EQ(pselect(max_fd(), &r, NULL, NULL, &ts, NULL), 0);
	CHECK(!FD_ISSET(b.fd, &r));
	FD_SET(b.fd, &r);
	tv = (struct timeval){ 0, 20000 };
	CHECK_EQ(select(max_fd(), &r, NULL, NULL, &tv), 0);
	CHECK_EQ(tv.tv_usec, 0);
}

CASE(select_errors)
{
	pthread_t me = pthread_self(), t;
	struct timeval tv = { -1, 0 };
	fd_set r;

	setup();
	FD_ZERO(&r);
	FD_SET(b.fd, &r);
	CHECK_ERRNO(select(max_fd(), &r, NULL, NULL, &tv), EINVAL);
	CHECK_ERRNO(select(-1, &r, NULL, NULL, NULL), EINVAL);
	/* A sleep makes descriptors of our own: now, so that none gets the number that is to be a bad one. */
	CHECK_EQ(poll(&(struct pollfd){ .fd = b.fd, .events = POLLIN }, 1, 1), 0);
	CHECK_OK(close(out));
	CHECK_OK(fcntl(in, F_DUPFD, 50));
	FD_SET(out, &r);
	FD_SET(in, &r);
	tv = (struct timeval){ 1, 0 };
	CHECK_ERRNO(select(60, &r, NULL, NULL, &tv), EBADF);
	CHECK(FD_ISSET(b.fd, &r) && FD_ISSET(out, &r));
	CHECK_OK(close(device_open()));

	catch_signal();
	t = start(signal_later, &me);
	FD_ZERO(&r);
	FD_SET(b.fd, &r);
	CHECK_ERRNO(select(max_fd(), &r, NULL, NULL, NULL), EINTR);
	CHECK(FD_ISSET(b.fd, &r));
	join(t);
}

/* An unbound descriptor is an error, which select shows as something to read. */
CASE(select_of_an_unbound_descriptor)
{
	int fd = device_open();
	fd_set r;

	FD_ZERO(&r);
	FD_SET(fd, &r);
	CHECK_EQ(select(fd + 1, &r, NULL, NULL, NULL), 1);
}

/* Who has only hung up wakes poll, but not a select for writing. */
CASE(select_sleeps_where_poll_would_not)
{
	struct timeval tv = { 0, 30000 };
	fd_set e;

	setup();
	CHECK_OK(close(out));
	FD_ZERO(&e);
	FD_SET(in, &e);
	FD_SET(b.fd, &e);
	CHECK_EQ(select(max_fd(), NULL, NULL, &e, &tv), 0);
	CHECK(tv.tv_usec == 0 && !FD_ISSET(in, &e));
}
