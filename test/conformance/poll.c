/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll, select and epoll of netmap descriptors: readiness, what each call
 * syncs, timeouts, signals, company of other descriptors, fork. SEMANTICS 6.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "port.h"

static struct port p[2];
static uint32_t out, in;

static void open_pipe(void)
{
	pipe_open(p, unique(""), 64);
	out = in = 0;
}

static void close_pipe(void)
{
	port_close(&p[0]);
	port_close(&p[1]);
}

static void send_packets(uint32_t n)
{
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), n, &out), n);
	txsync(&p[0]);
}

/* Until the rings of both ends are full. */
static void fill_up(void)
{
	while (put_packets(tx_ring(&p[0], 0), 64, &out) > 0)
		txsync(&p[0]);
}

static void *send_later(void *arg)
{
	(void)arg;
	usleep(50000);
	send_packets(1);
	return NULL;
}

CASE(poll_out_is_ready)
{
	open_pipe();
	CHECK_EQ(poll_port(&p[0], POLLOUT, -1), POLLOUT);
	CHECK_EQ(poll_port(&p[0], POLLIN | POLLOUT, -1), POLLOUT);
	close_pipe();
}

CASE(poll_in_is_level_triggered)
{
	open_pipe();
	CHECK_EQ(poll_port(&p[1], POLLIN, 0), 0);
	send_packets(3);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(poll_port(&p[1], POLLIN, -1), POLLIN);
	take_packets(rx_ring(&p[1], 0), 2, &in);
	CHECK_EQ(poll_port(&p[1], POLLIN, -1), POLLIN);
	take_packets(rx_ring(&p[1], 0), 1, &in);
	CHECK_EQ(poll_port(&p[1], POLLIN, 0), 0);
	close_pipe();
}

/* Packets already in sight make poll ready at once, whatever the syncs do. */
CASE(poll_asks_for_nothing)
{
	open_pipe();
	CHECK_EQ(poll_port(&p[1], 0, 0), 0);
	send_packets(1);
	CHECK_EQ(poll_port(&p[1], 0, 20), 0);
	close_pipe();
}

CASE(poll_timeout)
{
	uint64_t start;

	open_pipe();
	start = check_now_ms();
	CHECK_EQ(poll_port(&p[1], POLLIN, 100), 0);
	CHECK(check_now_ms() - start >= 99);
	CHECK(check_now_ms() - start < 5000);
	start = check_now_ms();
	CHECK_EQ(poll_port(&p[1], POLLIN, 0), 0);
	CHECK(check_now_ms() - start < 1000);
	close_pipe();
}

CASE(poll_out_waits_for_room)
{
	open_pipe();
	fill_up();
	CHECK_EQ(poll_port(&p[0], POLLOUT, 20), 0);
	rxsync(&p[1]);
	take_packets(rx_ring(&p[1], 0), 10, &in);
	rxsync(&p[1]);
	CHECK_EQ(poll_port(&p[0], POLLOUT, -1), POLLOUT);
	close_pipe();
}

static void *receive_later(void *arg)
{
	(void)arg;
	usleep(50000);
	rxsync(&p[1]);
	take_packets(rx_ring(&p[1], 0), 10, &in);
	rxsync(&p[1]);
	return NULL;
}

CASE(poll_out_is_woken)
{
	pthread_t t;

	open_pipe();
	fill_up();
	CHECK_EQ(pthread_create(&t, NULL, receive_later, NULL), 0);
	CHECK_EQ(poll_port(&p[0], POLLOUT, -1), POLLOUT);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pipe();
}

CASE(poll_in_is_woken)
{
	pthread_t t;

	open_pipe();
	CHECK_EQ(pthread_create(&t, NULL, send_later, NULL), 0);
	CHECK_EQ(poll_port(&p[1], POLLIN, -1), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 1);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pipe();
}

/* --- What a poll syncs --------------------------------------------------------------- */

CASE(poll_in_pushes_pending_tx)
{
	open_pipe();
	put_packets(tx_ring(&p[0], 0), 4, &out);
	CHECK_EQ(poll_port(&p[0], POLLIN, 0), 0);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx_ring(&p[1], 0)), 4);
	close_pipe();
}

static void open_master_with(uint64_t flags)
{
	struct nmreq_register want = { .nr_flags = flags };

	p[0] = port_open(unique("{1"), &want);
	p[1] = port_open(unique("}1"), NULL);
	out = in = 0;
}

CASE(no_tx_poll)
{
	open_master_with(NR_NO_TX_POLL);
	put_packets(tx_ring(&p[0], 0), 4, &out);
	CHECK_EQ(poll_port(&p[0], POLLIN, 0), 0);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx_ring(&p[1], 0)), 0);
	CHECK_EQ(poll_port(&p[0], POLLOUT, 0), POLLOUT);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx_ring(&p[1], 0)), 4);
	close_pipe();
}

CASE(do_rx_poll)
{
	for (int flag = 0; flag < 2; flag++) {
		uint32_t seq = 0;

		open_master_with(flag ? NR_DO_RX_POLL : 0);
		put_packets(tx_ring(&p[1], 0), 4, &seq);
		txsync(&p[1]);
		CHECK_EQ(poll_port(&p[0], POLLOUT, 0), POLLOUT);
		CHECK_EQ(nm_ring_space(rx_ring(&p[0], 0)), flag ? 4 : 0);
		close_pipe();
	}
}

/* --- Signals --------------------------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals = signals + 1;
}

static void *kill_later(void *arg)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

CASE(poll_is_interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t self = pthread_self(), t;
	struct pollfd pfd;

	open_pipe();
	pfd = (struct pollfd){ .fd = p[1].fd, .events = POLLIN };
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK_EQ(pthread_create(&t, NULL, kill_later, &self), 0);
	CHECK_ERRNO(poll(&pfd, 1, 10000), EINTR);
	CHECK_EQ(signals, 1);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pipe();
}

/* ppoll opens the mask only while it waits. */
CASE(ppoll_mask)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct timespec second = { .tv_sec = 1 };
	struct pollfd pfd;
	sigset_t block, open;

	open_pipe();
	pfd = (struct pollfd){ .fd = p[1].fd, .events = POLLIN };
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	sigemptyset(&open);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &block, NULL), 0);
	raise(SIGUSR1);
	CHECK_EQ(signals, 0);
	CHECK_ERRNO(ppoll(&pfd, 1, &second, &open), EINTR);
	CHECK_EQ(signals, 1);
	second = (struct timespec){ .tv_nsec = 20000000 };
	CHECK_EQ(ppoll(&pfd, 1, &second, NULL), 0);
	send_packets(1);
	CHECK_EQ(ppoll(&pfd, 1, NULL, NULL), 1);
	CHECK_EQ(pfd.revents, POLLIN);
	close_pipe();
}

/* --- In company ------------------------------------------------------------------------ */

CASE(poll_with_other_descriptors)
{
	struct pollfd pfd[6];
	uint64_t one = 1;
	int ev = eventfd(0, EFD_NONBLOCK), pipes[2];

	open_pipe();
	CHECK_OK(ev);
	CHECK_OK(pipe(pipes));
	pfd[0] = (struct pollfd){ .fd = ev, .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = p[1].fd, .events = POLLIN };
	pfd[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
	pfd[3] = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	pfd[4] = (struct pollfd){ .fd = p[0].fd, .events = POLLIN };
	pfd[5] = (struct pollfd){ .fd = 1000, .events = POLLIN };
	CHECK_EQ(poll(pfd, 5, 20), 0);
	CHECK_EQ(write(ev, &one, sizeof(one)), sizeof(one));
	CHECK_EQ(poll(pfd, 5, -1), 1);
	CHECK_EQ(pfd[0].revents, POLLIN);
	CHECK_EQ(pfd[1].revents, 0);
	CHECK_EQ(pfd[2].revents, 0);
	send_packets(1);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(poll(pfd, 5, -1), 3);
	CHECK_EQ(pfd[1].revents, POLLIN);
	CHECK_EQ(pfd[3].revents, POLLIN);
	CHECK_EQ(pfd[4].revents, 0);
	CHECK_EQ(poll(pfd, 6, -1), 4);
	CHECK_EQ(pfd[5].revents, POLLNVAL);
	close_pipe();
}

static int wake_fd;

static void *write_later(void *arg)
{
	(void)arg;
	usleep(50000);
	CHECK_EQ(write(wake_fd, "x", 1), 1);
	return NULL;
}

/* Asleep on both kinds, woken by the ordinary one. */
CASE(poll_is_woken_by_another_descriptor)
{
	struct pollfd pfd[2];
	int pipes[2];
	pthread_t t;

	open_pipe();
	CHECK_OK(pipe(pipes));
	wake_fd = pipes[1];
	pfd[0] = (struct pollfd){ .fd = p[1].fd, .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	CHECK_EQ(pthread_create(&t, NULL, write_later, NULL), 0);
	CHECK_EQ(poll(pfd, 2, -1), 1);
	CHECK_EQ(pfd[1].revents, POLLIN);
	CHECK_EQ(pthread_join(t, NULL), 0);
	/* And without any netmap descriptor, poll is what it always was. */
	CHECK_EQ(poll(&pfd[1], 1, -1), 1);
	CHECK_EQ(poll(NULL, 0, 1), 0);
	close_pipe();
}

CASE(poll_same_descriptor_twice)
{
	struct pollfd pfd[2];

	open_pipe();
	pfd[0] = (struct pollfd){ .fd = p[1].fd, .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = p[1].fd, .events = POLLIN | POLLOUT };
	CHECK_EQ(poll(pfd, 2, 0), 1);
	CHECK_EQ(pfd[1].revents, POLLOUT);
	send_packets(1);
	CHECK_EQ(poll(pfd, 2, -1), 2);
	CHECK_EQ(pfd[0].revents, POLLIN);
	CHECK_EQ(pfd[1].revents, POLLIN | POLLOUT);
	close_pipe();
}

/* --- select --------------------------------------------------------------------------- */

CASE(select_works)
{
	struct timeval tv = { .tv_usec = 20000 };
	struct timespec ts = { .tv_nsec = 20000000 };
	int pipes[2], max;
	fd_set r, w;

	open_pipe();
	CHECK_OK(pipe(pipes));
	max = pipes[0] > p[1].fd ? pipes[0] : p[1].fd;
	FD_ZERO(&r);
	FD_SET(p[1].fd, &r);
	FD_SET(pipes[0], &r);
	CHECK_EQ(select(max + 1, &r, NULL, NULL, &tv), 0);
	CHECK(!FD_ISSET(p[1].fd, &r));
	send_packets(1);
	FD_SET(p[1].fd, &r);
	FD_SET(pipes[0], &r);
	FD_ZERO(&w);
	FD_SET(p[1].fd, &w);
	CHECK_EQ(select(max + 1, &r, &w, NULL, NULL), 2);
	CHECK(FD_ISSET(p[1].fd, &r) && FD_ISSET(p[1].fd, &w) && !FD_ISSET(pipes[0], &r));
	take_packets(rx_ring(&p[1], 0), 1, &in);
	CHECK_EQ(pselect(max + 1, &r, NULL, NULL, &ts, NULL), 0);
	close_pipe();
}

CASE(select_is_woken)
{
	pthread_t t;
	fd_set r;

	open_pipe();
	FD_ZERO(&r);
	FD_SET(p[1].fd, &r);
	CHECK_EQ(pthread_create(&t, NULL, send_later, NULL), 0);
	CHECK_EQ(select(p[1].fd + 1, &r, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(p[1].fd, &r));
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pipe();
}

/* --- epoll ---------------------------------------------------------------------------- */

static int epoll_of(const struct port *port, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = 0x123456789abcdef0 };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	CHECK_OK(ep);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, port->fd, &e));
	return ep;
}

CASE(epoll_level)
{
	struct epoll_event e;
	int ep;

	open_pipe();
	ep = epoll_of(&p[1], EPOLLIN);
	CHECK_EQ(epoll_wait(ep, &e, 1, 20), 0);
	send_packets(2);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
		CHECK_EQ(e.events, EPOLLIN);
		CHECK_EQ(e.data.u64, 0x123456789abcdef0);
	}
	take_packets(rx_ring(&p[1], 0), 9, &in);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	CHECK_EQ(in, 2);
	close(ep);
	close_pipe();
}

CASE(epoll_edge)
{
	struct epoll_event e;
	int ep;

	open_pipe();
	ep = epoll_of(&p[1], EPOLLIN | EPOLLET);
	for (int i = 0; i < 5; i++) {
		send_packets(1);
		CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
		CHECK_EQ(e.events, EPOLLIN);
		rxsync(&p[1]);
		CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 1);
		rxsync(&p[1]);
		CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	}
	close(ep);
	close_pipe();
}

CASE(epoll_is_woken)
{
	struct epoll_event e;
	pthread_t t;
	int ep;

	open_pipe();
	ep = epoll_of(&p[1], EPOLLIN);
	CHECK_EQ(pthread_create(&t, NULL, send_later, NULL), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 1);
	close(ep);
	close_pipe();
}

CASE(epoll_mod_del_and_close)
{
	struct epoll_event e = { .events = EPOLLOUT };
	int ep;

	open_pipe();
	ep = epoll_of(&p[1], EPOLLIN);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[1].fd, &e), EEXIST);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[1].fd, &e));
	CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
	CHECK_EQ(e.events, EPOLLOUT);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[1].fd, NULL));
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[1].fd, NULL), ENOENT);
	e = (struct epoll_event){ .events = EPOLLOUT };
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0].fd, &e));
	/* A closed descriptor leaves the set by itself. */
	close_pipe();
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	close(ep);
}

CASE(epoll_with_other_descriptors)
{
	struct epoll_event e[4] = { { .events = EPOLLIN, .data.fd = -5 } };
	int ep, pipes[2], n;

	open_pipe();
	CHECK_OK(pipe(pipes));
	ep = epoll_of(&p[1], EPOLLIN);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &e[0]));
	CHECK_EQ(epoll_wait(ep, e, 4, 20), 0);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(epoll_wait(ep, e, 4, -1), 1);
	CHECK_EQ(e[0].data.fd, -5);
	send_packets(1);
	/* Two are ready: one call may tell of both, or two calls of one each. */
	n = epoll_wait(ep, e, 4, -1);
	CHECK(n >= 1);
	CHECK_EQ(read(pipes[0], e, 1), 1);
	CHECK_EQ(epoll_wait(ep, e, 4, -1), 1);
	CHECK_EQ(e[0].data.u64, 0x123456789abcdef0);
	close(ep);
	close_pipe();
}

CASE(epoll_oneshot)
{
	struct epoll_event e;
	int ep;

	open_pipe();
	ep = epoll_of(&p[1], EPOLLIN | EPOLLONESHOT);
	send_packets(1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 20), 0);
	e.events = EPOLLIN | EPOLLONESHOT;
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[1].fd, &e));
	CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
	close(ep);
	close_pipe();
}

/* --- Copies of descriptors ---------------------------------------------------------------- */

CASE(dup_is_the_same)
{
	struct port q;

	open_pipe();
	q = p[1];
	q.fd = dup(p[1].fd);
	CHECK_OK(q.fd);
	CHECK_OK(close(p[1].fd));
	send_packets(1);
	CHECK_EQ(poll_port(&q, POLLIN, 1000), POLLIN);
	p[1].fd = fcntl(q.fd, F_DUPFD_CLOEXEC, 100);
	CHECK(p[1].fd >= 100);
	CHECK_OK(close(q.fd));
	rxsync(&p[1]);
	q.fd = dup2(p[1].fd, 200);
	CHECK_EQ(q.fd, 200);
	CHECK_OK(close(p[1].fd));
	CHECK_EQ(poll_port(&q, POLLIN, 0), POLLIN);
	p[1].fd = dup3(q.fd, 201, O_CLOEXEC);
	CHECK_EQ(p[1].fd, 201);
	CHECK_OK(close(q.fd));
	CHECK_EQ(poll_port(&p[1], POLLIN, 0), POLLIN);
	close_pipe();
}

/* Over a netmap descriptor: it is closed; the number belongs to the other file. */
CASE(dup_over_a_descriptor)
{
	int pipes[2];

	open_pipe();
	CHECK_OK(pipe(pipes));
	CHECK_OK(dup2(pipes[0], p[1].fd));
	CHECK_EQ(ioctl(p[1].fd, NIOCRXSYNC, NULL), -1);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	CHECK_OK(close(p[1].fd));
	p[1] = port_open(p[1].name, NULL);
	send_packets(3);
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	close_pipe();
}

static void child_receives(void *arg)
{
	(void)arg;
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 3);
	rxsync(&p[1]);
}

/* The child goes on with the descriptors it inherited. */
CASE(used_in_the_child)
{
	open_pipe();
	send_packets(3);
	check_in_child(child_receives, NULL);
	close_pipe();
}

static void child_leaves(void *arg)
{
	(void)arg;
	close(p[0].fd);
	close(p[1].fd);
}

/* The parent goes on, whatever the child does with its copies. */
CASE(used_in_the_parent)
{
	open_pipe();
	send_packets(1);
	check_in_child(child_leaves, NULL);
	send_packets(2);
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 3);
	rxsync(&p[1]);
	close_pipe();
}

static void child_opens(void *arg)
{
	struct port q[2];
	uint32_t seq = 0;

	(void)arg;
	pipe_open(q, unique("child"), 16);
	put_packets(tx_ring(&q[0], 0), 5, &seq);
	txsync(&q[0]);
	CHECK_EQ(poll_port(&q[1], POLLIN, 1000), POLLIN);
	port_close(&q[0]);
	port_close(&q[1]);
}

CASE(ports_of_the_childs_own)
{
	open_pipe();
	check_in_child(child_opens, NULL);
	send_packets(1);
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	close_pipe();
}

/* --- Threads ------------------------------------------------------------------------------- */

static void *poll_forever(void *arg)
{
	struct port *port = arg;

	CHECK_EQ(poll_port(port, POLLIN, 10000), POLLIN);
	return NULL;
}

/* Two sleep on one descriptor: both are woken. */
CASE(two_threads_on_one_descriptor)
{
	pthread_t t[2];

	open_pipe();
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, poll_forever, &p[1]), 0);
	usleep(50000);
	send_packets(1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	close_pipe();
}
