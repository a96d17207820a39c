/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A netmap program that knows nothing of this library: built with the headers of net/ only. Sends through a pipe from one
 * descriptor to another and waits in all ways there are. Prints "works", or what did not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include <net/netmap.h>
#include <net/netmap_user.h>

#define CHECK(c) ((c) ? (void)0 : fail(__LINE__, #c))

static void fail(int line, const char *what)
{
	printf("line %d: %s (%s)\n", line, what, strerror(errno));
	exit(1);
}

/* Not known to the compiler, as in most programs: so that it calls the functions that check. */
static int flags = O_RDWR;
static nfds_t num = 2;

struct end {
	int fd;
	struct netmap_ring *tx, *rx;
};

static struct end end_open(const char *name)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_header hdr = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER, .nr_body = (uintptr_t)&reg };
	struct end e = { .fd = open("/dev/netmap", flags) };
	struct netmap_if *nifp;
	char *mem;

	CHECK(e.fd >= 0);
	strcpy(hdr.nr_name, name);
	CHECK(ioctl(e.fd, NIOCCTRL, &hdr) == 0);
	mem = mmap(NULL, reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, e.fd, 0);
	CHECK(mem != MAP_FAILED);
	nifp = NETMAP_IF(mem, reg.nr_offset);
	e.tx = NETMAP_TXRING(nifp, 0);
	e.rx = NETMAP_RXRING(nifp, 0);
	return e;
}

static void transmit(struct end *e)
{
	strcpy(NETMAP_BUF(e->tx, e->tx->slot[e->tx->cur].buf_idx), "hello");
	e->tx->slot[e->tx->cur].len = 60;
	e->tx->head = e->tx->cur = nm_ring_next(e->tx, e->tx->cur);
	CHECK(ioctl(e->fd, NIOCTXSYNC) == 0);
}

static void receive(struct end *e)
{
	CHECK(nm_ring_space(e->rx) == 1);
	CHECK(e->rx->slot[e->rx->cur].len == 60);
	CHECK(strcmp(NETMAP_BUF(e->rx, e->rx->slot[e->rx->cur].buf_idx), "hello") == 0);
	e->rx->head = e->rx->cur = nm_ring_next(e->rx, e->rx->cur);
}

static void by_poll(struct end *a, struct end *b)
{
	struct pollfd p[2] = { { .fd = b->fd, .events = POLLIN }, { .fd = 0, .events = 0 } };
	struct timespec ts = { 5, 0 };

	CHECK(poll(p, num, 10) == 0);
	transmit(a);
	CHECK(poll(p, num, -1) == 1 && p[0].revents == POLLIN);
	CHECK(ppoll(p, num, &ts, NULL) == 1);
	receive(b);
}

static void by_select(struct end *a, struct end *b)
{
	struct timeval tv = { 0, 10000 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(b->fd, &in);
	CHECK(select(b->fd + 1, &in, NULL, NULL, &tv) == 0 && !FD_ISSET(b->fd, &in));
	transmit(a);
	FD_SET(b->fd, &in);
	CHECK(select(b->fd + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(b->fd, &in));
	receive(b);
}

static void by_epoll(struct end *a, struct end *b)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 7 };
	int ep = epoll_create1(0);

	CHECK(ep >= 0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, b->fd, &event) == 0);
	CHECK(epoll_wait(ep, &event, 1, 10) == 0);
	transmit(a);
	CHECK(epoll_wait(ep, &event, 1, -1) == 1 && event.events == EPOLLIN && event.data.u32 == 7);
	receive(b);
	CHECK(close(ep) == 0);
}

int main(int argc, char **argv)
{
	struct end a, b;
	int status, fd;

	if (argc > 2) {
		flags = atoi(argv[1]);
		num = (nfds_t)atoi(argv[2]);
	}
	a = end_open("raw{1");
	b = end_open("raw}1");
	by_poll(&a, &b);
	by_select(&a, &b);
	by_epoll(&a, &b);
	CHECK((fd = dup(b.fd)) >= 0 && close(b.fd) == 0);
	b.fd = fd;
	by_poll(&a, &b);
	if (fork() == 0) {
		by_poll(&a, &b);
		exit(0);
	}
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(close(a.fd) == 0 && close(b.fd) == 0);
	CHECK(ioctl(a.fd, NIOCTXSYNC) == -1 && errno == EBADF);
	puts("works");
	return 0;
}
