/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for network interfaces, and handing them on: sleepers are woken by packets, whichever call they sleep
 * in; a child goes on with what its parent has opened; without privileges nothing is opened. SEMANTICS 2 and 6.
 */
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "wire.h"

static struct port p;
static int sock;

static void open_near(void)
{
	wire_near();
	sock = wire_socket();
	p = port_open(wire_near(), NULL);
}

/* The next packet of ours, if it is there: its number. */
static int take(void)
{
	for (unsigned int i = 0; i < p.nifp->ni_rx_rings; i++) {
		struct netmap_ring *r = rx_ring(&p, i);

		while (!nm_ring_empty(r)) {
			const struct netmap_slot *s = &r->slot[r->head];
			int seq = frame_check(NETMAP_BUF(r, s->buf_idx), s->len);

			r->head = r->cur = nm_ring_next(r, r->head);
			if (seq >= 0)
				return seq;
		}
	}
	return -1;
}

static void send_one(uint32_t seq)
{
	struct netmap_ring *r = tx_ring(&p, 0);

	frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, 100);
	r->slot[r->head].len = 100;
	r->slot[r->head].flags = NS_REPORT;
	r->head = r->cur = nm_ring_next(r, r->head);
	txsync(&p);
}

static void *send_later(void *arg)
{
	usleep(30000);
	wire_send(sock, *(uint32_t *)arg, 200);
	return NULL;
}

/* Each way to sleep: 0 poll, 1 select, 2 epoll, 3 epoll with EPOLLET. True: woken, and ready to read. */
static bool sleep_in(int way, int ep)
{
	struct pollfd pfd = { .fd = p.fd, .events = POLLIN };
	struct timeval tv = { .tv_sec = 5 };
	struct epoll_event e;
	fd_set r;

	if (way == 0)
		return poll(&pfd, 1, 5000) == 1 && pfd.revents == POLLIN;
	if (way == 1) {
		FD_ZERO(&r);
		FD_SET(p.fd, &r);
		return select(p.fd + 1, &r, NULL, NULL, &tv) == 1 && FD_ISSET(p.fd, &r);
	}
	return epoll_wait(ep, &e, 1, 5000) == 1 && e.events == EPOLLIN;
}

static void wakes(int way)
{
	struct epoll_event e = { .events = EPOLLIN | (way == 3 ? EPOLLET : 0) };
	int ep = epoll_create1(0);

	open_near();
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &e));
	for (uint32_t seq = 0; seq < 10; seq++) {
		int got = -1;
		pthread_t t;

		CHECK_EQ(pthread_create(&t, NULL, send_later, &seq), 0);
		/* Packets of others wake, too. */
		while (got < 0) {
			CHECK_MSG(sleep_in(way, ep), "not woken by packet %u", seq);
			got = take();
		}
		CHECK_EQ(got, seq);
		CHECK_EQ(pthread_join(t, NULL), 0);
	}
	close(ep);
	port_close(&p);
}

CASE(packets_wake_poll)
{
	wakes(0);
}

CASE(packets_wake_select)
{
	wakes(1);
}

CASE(packets_wake_epoll)
{
	wakes(2);
}

CASE(packets_wake_epoll_edge)
{
	wakes(3);
}

/* Two interfaces and an ordinary descriptor in one call. */
CASE(poll_of_two_interfaces)
{
	struct pollfd pfd[3];
	int pipes[2];
	struct port far;

	open_near();
	far = port_open(wire_far(), NULL);
	CHECK_OK(pipe(pipes));
	pfd[0] = (struct pollfd){ .fd = p.fd, .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = far.fd, .events = POLLIN };
	pfd[2] = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	for (uint32_t seq = 0; seq < 20; seq++) {
		send_one(seq);
		do
			CHECK(poll(pfd, 3, 5000) >= 1);
		while (!(pfd[1].revents & POLLIN));
		for (unsigned int i = 0; i < far.nifp->ni_rx_rings; i++)
			rx_ring(&far, i)->head = rx_ring(&far, i)->cur = rx_ring(&far, i)->tail;
	}
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK(poll(pfd, 3, 5000) >= 1);
	CHECK_EQ(pfd[2].revents, POLLIN);
	port_close(&far);
	port_close(&p);
}

/* --- fork ------------------------------------------------------------------------------- */

/* Both directions work in this process. */
static void works(void *arg)
{
	uint32_t seq = *(uint32_t *)arg;

	for (int i = 0; i < 50; i++, seq++) {
		int got = -1;

		send_one(seq);
		CHECK_EQ(wire_receive(sock, 2000, NULL), seq);
		wire_send(sock, seq, 100);
		while (got < 0) {
			CHECK_EQ(poll_port(&p, POLLIN, 2000), POLLIN);
			got = take();
		}
		CHECK_EQ(got, seq);
	}
}

CASE(child_goes_on)
{
	uint32_t seq = 0;

	open_near();
	works(&seq);
	seq = 100;
	check_in_child(works, &seq);
	port_close(&p);
}

static void goes_away(void *arg)
{
	(void)arg;
	close(p.fd);
}

CASE(parent_goes_on)
{
	uint32_t seq = 0;

	open_near();
	works(&seq);
	check_in_child(goes_away, NULL);
	seq = 100;
	works(&seq);
	port_close(&p);
}

/* As daemons do it: the parent is done with it, and says so, before the child begins. */
CASE(handed_to_a_child)
{
	uint32_t seq = 0;
	int pipes[2];
	pid_t pid;
	char c;

	open_near();
	CHECK_OK(pipe(pipes));
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		CHECK_EQ(read(pipes[0], &c, 1), 1);
		works(&seq);
		_exit(0);
	}
	CHECK_OK(close(p.fd));
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	check_wait_child(pid);
}

/* --- Privileges ---------------------------------------------------------------------------- */

CASE(without_privileges)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	const char *name = wire_near();
	int fd;

	CHECK_OK(setgroups(0, NULL));
	CHECK_OK(setresgid(65534, 65534, 65534));
	CHECK_OK(setresuid(65534, 65534, 65534));
	fd = open(NETMAP_DEVICE_NAME, O_RDWR);
	if (fd < 0) {
		CHECK(errno == EPERM || errno == EACCES);	/* a device that is not for everybody */
		return;
	}
	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_REGISTER, name, &reg), EPERM, EACCES);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, unique("{1"), &reg));
	close(fd);
}
