/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll on the device: level, edge, oneshot, exclusive, nested, over a fork, before the binding, in mixed sets. And that no
 * wake-up is lost: two processes throw a packet back and forth, and each sleeps until it comes.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "kernel.h"

static struct port p[2];
static uint32_t out, in;

static void setup(void)
{
	pipe_open(p, unique(""), 16);
	out = in = 0;
}

static void teardown(void)
{
	port_close(&p[0]);
	port_close(&p[1]);
}

static void send_packets(uint32_t n)
{
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), n, &out), n);
	txsync(&p[0]);
}

static void receive_packets(uint32_t n)
{
	rxsync(&p[1]);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 99, &in), n);
	rxsync(&p[1]);
}

static void add(int ep, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
}

static int epoll_of(int fd, uint32_t events)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	CHECK_OK(ep);
	add(ep, fd, events);
	return ep;
}

/* Exactly this descriptor has exactly this to say. */
static void expect(int ep, int fd, uint32_t events)
{
	struct epoll_event e[8];

	CHECK_EQ(epoll_wait(ep, e, 8, 5000), 1);
	CHECK_EQ(e[0].data.fd, fd);
	CHECK_EQ(e[0].events, events);
}

static void expect_nothing(int ep)
{
	struct epoll_event e[8];

	CHECK_EQ(epoll_wait(ep, e, 8, 20), 0);
}

/* --- The ways to be told ------------------------------------------------------------------------- */

CASE(level)
{
	int ep;

	setup();
	ep = epoll_of(p[1].fd, EPOLLIN | EPOLLRDNORM);
	expect_nothing(ep);
	send_packets(3);
	for (int i = 0; i < 3; i++)
		expect(ep, p[1].fd, EPOLLIN | EPOLLRDNORM);
	receive_packets(3);
	expect_nothing(ep);
	close(ep);
	teardown();
}

/* News once; more news, told once more, also when the first was not taken. */
CASE(edge)
{
	int ep;

	setup();
	ep = epoll_of(p[1].fd, EPOLLIN | EPOLLET);
	for (int i = 0; i < 5; i++) {
		send_packets(1);
		expect(ep, p[1].fd, EPOLLIN);
		expect_nothing(ep);
	}
	receive_packets(5);
	expect_nothing(ep);
	send_packets(2);
	expect(ep, p[1].fd, EPOLLIN);
	receive_packets(2);
	close(ep);
	teardown();
}

/* A full ring that gets room is an edge. */
CASE(edge_of_room)
{
	int ep;

	setup();
	ep = epoll_of(p[0].fd, EPOLLOUT | EPOLLET);
	expect(ep, p[0].fd, EPOLLOUT);
	expect_nothing(ep);
	send_packets(15);
	/* The other side's ring is full, and so is this one then. */
	put_packets(tx_ring(&p[0], 0), 99, &out);
	txsync(&p[0]);
	while (nm_ring_space(tx_ring(&p[0], 0))) {
		put_packets(tx_ring(&p[0], 0), 99, &out);
		txsync(&p[0]);
	}
	while (epoll_wait(ep, &(struct epoll_event){ 0 }, 1, 0) > 0)
		;
	rxsync(&p[1]);
	CHECK(take_packets(rx_ring(&p[1], 0), 5, &in) == 5);
	rxsync(&p[1]);
	expect(ep, p[0].fd, EPOLLOUT);
	close(ep);
	teardown();
}

CASE(oneshot)
{
	struct epoll_event e;
	int ep;

	setup();
	ep = epoll_of(p[1].fd, EPOLLIN | EPOLLONESHOT);
	for (int i = 0; i < 4; i++) {
		send_packets(1);
		expect(ep, p[1].fd, EPOLLIN);
		send_packets(1);
		expect_nothing(ep);
		if (i & 1)
			receive_packets(4);
		e = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.fd = p[1].fd };
		CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[1].fd, &e));
		if (!(i & 1)) {
			expect(ep, p[1].fd, EPOLLIN);
			CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[1].fd, &e));
		}
	}
	close(ep);
	teardown();
}

/* Of several who wait exclusively at least one is woken; of the others each. */
CASE(exclusive)
{
	int ep[3];

	setup();
	ep[0] = epoll_of(p[1].fd, EPOLLIN | EPOLLEXCLUSIVE);
	ep[1] = epoll_of(p[1].fd, EPOLLIN | EPOLLEXCLUSIVE);
	ep[2] = epoll_of(p[1].fd, EPOLLIN);
	for (int round = 0; round < 10; round++) {
		send_packets(1);
		expect(ep[2], p[1].fd, EPOLLIN);
		CHECK(epoll_wait(ep[0], &(struct epoll_event){ 0 }, 1, 0) + epoll_wait(ep[1], &(struct epoll_event){ 0 }, 1, 0) > 0);
		receive_packets(1);
	}
	for (int i = 0; i < 3; i++)
		close(ep[i]);
	teardown();
}

/* A set in a set in a set. */
CASE(nested)
{
	int ep[3];
	struct pollfd pfd;

	setup();
	ep[0] = epoll_of(p[1].fd, EPOLLIN);
	ep[1] = epoll_of(ep[0], EPOLLIN);
	ep[2] = epoll_of(ep[1], EPOLLIN | EPOLLET);
	pfd = (struct pollfd){ .fd = ep[1], .events = POLLIN };
	for (int round = 0; round < 5; round++) {
		expect_nothing(ep[1]);
		send_packets(1);
		CHECK_EQ(poll(&pfd, 1, 5000), 1);
		expect(ep[2], ep[1], EPOLLIN);
		expect(ep[1], ep[0], EPOLLIN);
		expect(ep[0], p[1].fd, EPOLLIN);
		receive_packets(1);
	}
	for (int i = 3; i--; )
		close(ep[i]);
	teardown();
}

/* --- Life of the set and of what is in it ----------------------------------------------------------- */

/* Added when it was bound to nothing; then it is bound and has packets. */
CASE(added_before_the_binding)
{
	int fd = dev_open(), ep = epoll_of(fd, EPOLLIN);
	struct port *q = &p[1];

	setup();
	expect(ep, fd, EPOLLERR);
	CHECK_OK(close(q->fd));
	CHECK_OK(munmap(q->mem, q->reg.nr_memsize));
	q->fd = fd;
	CHECK_GRANTED(port_register(q));
	port_map(q);
	expect_nothing(ep);
	send_packets(2);
	/* Nobody promised to tell a set that slept through the binding: looking again does. */
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd }));
	expect(ep, fd, EPOLLIN);
	receive_packets(2);
	close(ep);
	teardown();
}

CASE(closed_while_in_a_set)
{
	int ep;

	setup();
	ep = epoll_of(p[0].fd, EPOLLOUT);
	add(ep, p[1].fd, EPOLLIN | EPOLLET);
	send_packets(1);
	port_close(&p[1]);
	expect(ep, p[0].fd, EPOLLOUT);
	port_close(&p[0]);
	expect_nothing(ep);
	close(ep);
}

/* A copy keeps the file in the set, as epoll has it. */
CASE(closed_with_a_copy_left)
{
	int ep, copy, fd;

	setup();
	fd = p[1].fd;
	ep = epoll_of(fd, EPOLLIN);
	copy = dup(fd);
	CHECK_OK(close(fd));
	send_packets(1);
	expect(ep, fd, EPOLLIN);
	p[1].fd = copy;
	receive_packets(1);
	expect_nothing(ep);
	teardown();
	expect_nothing(ep);
	close(ep);
}

static void wait_in_child(void *arg)
{
	expect(*(int *)arg, p[1].fd, EPOLLIN);
}

/* The set is shared, and so is what it says. */
CASE(over_a_fork)
{
	pid_t pid;
	int ep;

	setup();
	ep = epoll_of(p[1].fd, EPOLLIN);
	for (int i = 0; i < 5; i++) {
		pid = spawn(wait_in_child, &ep);
		usleep(5000);
		send_packets(1);
		expect(ep, p[1].fd, EPOLLIN);
		check_wait_child(pid);
		receive_packets(1);
	}
	close(ep);
	teardown();
}

/* Ports, sockets, eventfds and timers in one set: each is heard, none is heard for another. */
CASE(mixed_company)
{
	enum { PIPES = 6 };
	static struct port q[PIPES][2];
	uint32_t seq_out[PIPES] = { 0 }, seq_in[PIPES] = { 0 };
	int ep = epoll_create1(0), ev = eventfd(0, 0), tm = timerfd_create(CLOCK_MONOTONIC, 0), sock[2];
	struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	uint64_t word = 1;
	char byte;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	add(ep, ev, EPOLLIN);
	add(ep, tm, EPOLLIN);
	add(ep, sock[1], EPOLLIN);
	for (int i = 0; i < PIPES; i++) {
		pipe_open(q[i], unique((char[]){ (char)('a' + i), 0 }), 16);
		add(ep, q[i][1].fd, EPOLLIN | (i & 1 ? EPOLLET : 0));
	}
	for (uint32_t round = 0; round < scaled(200); round++) {
		uint32_t k = round % (PIPES + 3);

		if (k < PIPES) {
			CHECK_EQ(put_packets(tx_ring(&q[k][0], 0), 3, &seq_out[k]), 3);
			txsync(&q[k][0]);
			expect(ep, q[k][1].fd, EPOLLIN);
			CHECK_EQ(take_packets(rx_ring(&q[k][1], 0), 9, &seq_in[k]), 3);
			rxsync(&q[k][1]);
		} else if (k == PIPES) {
			CHECK_EQ(write(ev, &word, 8), 8);
			expect(ep, ev, EPOLLIN);
			CHECK_EQ(read(ev, &word, 8), 8);
		} else if (k == PIPES + 1) {
			CHECK_OK(timerfd_settime(tm, 0, &soon, NULL));
			expect(ep, tm, EPOLLIN);
			CHECK_EQ(read(tm, &word, 8), 8);
		} else {
			CHECK_EQ(write(sock[0], "x", 1), 1);
			expect(ep, sock[1], EPOLLIN);
			CHECK_EQ(read(sock[1], &byte, 1), 1);
		}
		word = 1;
	}
	for (int i = 0; i < PIPES; i++) {
		port_close(&q[i][0]);
		port_close(&q[i][1]);
	}
	close(ep);
}

/* --- No wake-up is lost ----------------------------------------------------------------------------------- */

enum how { BY_POLL, BY_SELECT, BY_EPOLL_LEVEL, BY_EPOLL_EDGE };

static void sleep_until_readable(const struct port *q, enum how how, int ep)
{
	struct pollfd pfd = { .fd = q->fd, .events = POLLIN };
	struct epoll_event e;
	fd_set set;
	int n;

	switch (how) {
	case BY_POLL:
		n = poll(&pfd, 1, 20000);
		break;
	case BY_SELECT:
		FD_ZERO(&set);
		FD_SET(q->fd, &set);
		n = select(q->fd + 1, &set, NULL, NULL, &(struct timeval){ .tv_sec = 20 });
		break;
	default:
		n = epoll_wait(ep, &e, 1, 20000);
	}
	CHECK_MSG(n == 1, "a packet was sent and nobody woke up");
}

/* Takes the ball and throws it back, so many times; first: has it at the start. */
static void play(const struct port *q, enum how how, uint32_t rounds, bool first)
{
	uint32_t mine = 0, theirs = 0;
	int ep = how >= BY_EPOLL_LEVEL ? epoll_of(q->fd, EPOLLIN | (how == BY_EPOLL_EDGE ? EPOLLET : 0)) : -1;

	while (mine < rounds || theirs < rounds) {
		if (first ? mine == theirs : theirs > mine) {
			CHECK_EQ(put_packets(tx_ring(q, 0), 1, &mine), 1);
			txsync(q);
			continue;
		}
		sleep_until_readable(q, how, ep);
		/* All that is there, or an edge is missed by our own fault. */
		rxsync(q);
		take_packets(rx_ring(q, 0), 9, &theirs);
		rxsync(q);
		if (theirs % 500 == 0)
			check_progress();
	}
}

static enum how childs;
static uint32_t rounds;

static void play_second(void *arg)
{
	(void)arg;
	play(&p[1], childs, rounds, false);
}

static void game(enum how parent, enum how child)
{
	pid_t pid;

	setup();
	childs = child;
	rounds = scaled(5000);
	pid = spawn(play_second, NULL);
	play(&p[0], parent, rounds, true);
	check_wait_child(pid);
	teardown();
}

CASE(ping_pong_by_poll)
{
	game(BY_POLL, BY_POLL);
}

CASE(ping_pong_by_select)
{
	game(BY_SELECT, BY_POLL);
}

CASE(ping_pong_by_epoll)
{
	game(BY_EPOLL_LEVEL, BY_EPOLL_LEVEL);
}

CASE(ping_pong_by_epoll_edges)
{
	game(BY_EPOLL_EDGE, BY_EPOLL_EDGE);
}

CASE(ping_pong_mixed)
{
	game(BY_EPOLL_EDGE, BY_SELECT);
}

/* A stream over a small ring: sender and receiver sleep on each other all the time. */
static void receive_slowly(void *arg)
{
	uint32_t got = 0;

	(void)arg;
	while (got < rounds) {
		CHECK_EQ(poll_port(&p[1], POLLIN, 20000), POLLIN);
		take_packets(rx_ring(&p[1], 0), 1 + any(15), &got);
	}
}

CASE(full_and_empty_all_the_time)
{
	uint32_t sent = 0;
	pid_t pid;

	setup();
	rounds = scaled(40000);
	pid = spawn(receive_slowly, NULL);
	while (sent < rounds) {
		CHECK_EQ(poll_port(&p[0], POLLOUT, 20000), POLLOUT);
		put_packets(tx_ring(&p[0], 0), rounds - sent < 9 ? rounds - sent : 1 + any(9), &sent);
		if (any(3) == 0)
			txsync(&p[0]);
		if (sent % 1000 < 9)
			check_progress();
	}
	while (nm_tx_pending(tx_ring(&p[0], 0))) {
		int status;

		txsync(&p[0]);
		usleep(1000);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			CHECK_EQ(status, 0);
			teardown();
			return;
		}
	}
	check_wait_child(pid);
	teardown();
}
