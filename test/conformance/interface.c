/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to a network interface while it is open: down and up, renamed,
 * another MTU, gone; and what is left of us after close. An error or a clean
 * continuation is right, a hang never. Also: packets of several slots. SEMANTICS 5
 * and the list of events in the design.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

/* One packet out, and seen at the far end. */
static bool sends(struct port *p, int sock, uint32_t seq)
{
	struct netmap_ring *r = tx_ring(p, 0);

	if (nm_ring_empty(r))
		return false;
	frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, 100);
	r->slot[r->head].len = 100;
	r->slot[r->head].flags = 0;
	r->head = r->cur = nm_ring_next(r, r->head);
	if (ioctl(p->fd, NIOCTXSYNC, NULL) < 0)
		return false;
	/* Others may come first, sent long ago. */
	for (uint64_t end = check_now_ms() + (uint64_t)wire_patience(1000); check_now_ms() < end;) {
		int got = wire_receive(sock, 50, NULL);

		if (got == (int)seq)
			return true;
		if (got < 0)
			ioctl(p->fd, NIOCTXSYNC, NULL);
	}
	return false;
}

/* One packet in. */
static bool receives(struct port *p, int sock, uint32_t seq)
{
	bool found = false;

	wire_send(sock, seq, 100);
	for (int tries = 0; tries < 20 && !found; tries++) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

		if (poll(&pfd, 1, wire_patience(50)) > 0 && (pfd.revents & POLLERR))
			return false;
		for (unsigned int i = 0; i < p->nifp->ni_rx_rings; i++) {
			struct netmap_ring *r = rx_ring(p, i);

			for (; !nm_ring_empty(r); r->head = r->cur = nm_ring_next(r, r->head)) {
				const struct netmap_slot *s = &r->slot[r->head];

				if (frame_check(NETMAP_BUF(r, s->buf_idx), s->len) == (int)seq)
					found = true;
			}
		}
	}
	return found;
}

/* Every call returns; an error is fine. */
static void calls_return(struct port *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN | POLLOUT };
	struct nmreq_port_stats body = { 0 };

	for (int i = 0; i < 3; i++) {
		ioctl(p->fd, NIOCTXSYNC, NULL);
		ioctl(p->fd, NIOCRXSYNC, NULL);
		CHECK_OK(poll(&pfd, 1, 20));
		ctrl(p->fd, NETMAP_REQ_PORT_STATS_GET, p->name, &body);
	}
}

/* Sends and receives within a few seconds: the kernel takes its time to see that a link is up. */
static bool works(struct port *p, int sock)
{
	for (uint32_t i = 0; i < 4; i++)
		if (sends(p, sock, 100 + i))
			return receives(p, sock, 200) || receives(p, sock, 201);
	return false;
}

/* The port works: after a while, or when it is opened again. */
static void works_again(struct port *p, int sock)
{
	struct port q;

	if (works(p, sock))
		return;
	port_close(p);
	q = port_open(p->name, NULL);
	*p = q;
	CHECK_MSG(works(p, sock), "does not work, not even when opened again");
}

CASE(down_and_up)
{
	struct port p = port_open(wire_near(), NULL);
	int sock = wire_socket();

	CHECK(sends(&p, sock, 1) && receives(&p, sock, 2));
	for (int i = 0; i < 3; i++) {
		wire_ip("link set %s down", wire_near());
		calls_return(&p);
		wire_ip("link set %s up", wire_near());
		calls_return(&p);
		works_again(&p, sock);
	}
	port_close(&p);
}

/* Down and up before anything is sent, too. */
CASE(opened_while_down)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	int sock = wire_socket(), fd, err;
	struct port p;

	wire_ip("link set %s down", wire_near());
	fd = dev_open();
	err = ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg);
	CHECK_MSG(!err || why[0], "refused without a reason");
	close(fd);
	wire_ip("link set %s up", wire_near());
	p = port_open(wire_near(), NULL);
	CHECK(sends(&p, sock, 1) && receives(&p, sock, 2));
	port_close(&p);
}

CASE(peer_down_and_up)
{
	struct port p = port_open(wire_near(), NULL);
	int sock;

	wire_ip("link set %s down", wire_far());
	for (int i = 0; i < 10; i++) {
		struct netmap_ring *r = tx_ring(&p, 0);

		while (!nm_ring_empty(r)) {
			frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), 1, 100);
			r->slot[r->head].len = 100;
			r->head = r->cur = nm_ring_next(r, r->head);
		}
		calls_return(&p);
	}
	wire_ip("link set %s up", wire_far());
	sock = wire_socket();
	for (int i = 0; i < 100 && nm_ring_empty(tx_ring(&p, 0)); i++) {
		txsync(&p);
		usleep(10000);
	}
	works_again(&p, sock);
	port_close(&p);
}

CASE(deleted)
{
	struct port p = port_open(wire_near(), NULL), q;
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	short revents = 0;
	int fd;

	wire_ip("link del %s", wire_near());
	for (int i = 0; i < 100 && !(revents & POLLERR); i++)
		revents = poll_port(&p, POLLIN, 50);
	CHECK_MSG(revents & POLLERR, "poll does not say that the interface is gone");
	CHECK_ERRNO(ioctl(p.fd, NIOCRXSYNC, NULL), ENXIO);
	calls_return(&p);
	fd = dev_open();
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, p.name, &reg), ENXIO);
	close(fd);
	port_close(&p);
	/* A new one of the same name is another interface. */
	wire_ip("link add lr0 type veth peer name lr1");
	wire_ip("link set lr0 up");
	wire_ip("link set lr1 up");
	q = port_open("lr0", NULL);
	txsync(&q);
	port_close(&q);
}

/* The new one comes while the old one is still open. */
CASE(deleted_and_made_again)
{
	struct port p = port_open(wire_near(), NULL), q;
	int sock;

	wire_ip("link del %s", wire_near());
	wire_ip("link add lr0 address 02:00:00:00:00:01 type veth peer name lr1 address 02:00:00:00:00:02");
	wire_ip("link set lr0 up");
	wire_ip("link set lr1 up");
	sock = wire_socket();
	calls_return(&p);
	q = port_open("lr0", NULL);
	CHECK(sends(&q, sock, 1) && receives(&q, sock, 2));
	port_close(&p);
	CHECK(sends(&q, sock, 3) && receives(&q, sock, 4));
	port_close(&q);
}

static void *delete_later(void *arg)
{
	usleep(100000);
	wire_ip("link del %s", (const char *)arg);
	return NULL;
}

/* Who sleeps is woken. */
CASE(deleted_under_a_poll)
{
	const char *name = wire_near();
	struct port p = port_open(name, NULL);
	uint64_t start = check_now_ms();
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, delete_later, (void *)(uintptr_t)name), 0);
	while (!(poll_port(&p, POLLIN, 10000) & POLLERR))
		CHECK_MSG(check_now_ms() - start < 10000, "not woken");
	CHECK_MSG(check_now_ms() - start < 9000, "woken by the timeout only");
	CHECK_EQ(pthread_join(t, NULL), 0);
	port_close(&p);
}

CASE(renamed)
{
	struct port p = port_open(wire_near(), NULL);
	int sock = wire_socket();

	wire_ip("link set lr0 down");
	wire_ip("link set lr0 name lr9");
	wire_ip("link set lr9 up");
	calls_return(&p);
	snprintf(p.name, sizeof(p.name), "lr9");
	works_again(&p, sock);
	port_close(&p);
}

CASE(mtu_changed)
{
	struct port p = port_open(wire_near(), NULL);
	int sock = wire_socket();
	char cmd[64];

	for (int mtu = 600; mtu <= 9000; mtu *= 2) {
		snprintf(cmd, sizeof(cmd), "ip link set lr0 mtu %d 2>/dev/null", mtu);
		/* The kernel may refuse it while a program is attached. */
		if (system(cmd) == 0)
			calls_return(&p);
		works_again(&p, sock);
	}
	port_close(&p);
}

CASE(moved_to_another_namespace)
{
	struct port p = port_open(wire_near(), NULL);

	/* With that namespace the interface goes, too, a second later. */
	CHECK_EQ(system("unshare -n sleep 60 & pid=$!;"
			"until [ \"$(readlink /proc/$pid/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do :; done;"
			"ip link set lr0 netns $pid; rc=$?; { sleep 1; kill $pid; } & exit $rc"), 0);
	calls_return(&p);
	usleep(1200000);
	calls_return(&p);
	port_close(&p);
}

/* --- After close ------------------------------------------------------------------------------------ */

static void check_clean(void)
{
	/* When a process ended without a close its host may hear of it a moment later. */
	CHECK_MSG(system("for i in 1 2 3 4 5 6 7 8 9 10; do"
			 " ip -d link show dev lr0 | grep -q xdp || exit 0; sleep 0.1; done; exit 1") == 0, "an XDP program is left");
	CHECK_MSG(system("ip -d link show dev lr0 | grep -q promiscuity.[1-9]") != 0, "left in promiscuous mode");
}

CASE(nothing_left_after_close)
{
	for (int i = 0; i < 5; i++) {
		struct port p = port_open(wire_near(), NULL), q = port_open(wire_near(), NULL);

		port_close(&p);
		txsync(&q);
		port_close(&q);
		check_clean();
	}
}

/* The stack has the interface back: it answers pings of the far end. */
CASE(stack_works_after_close)
{
	struct port p = port_open(wire_near(), NULL);

	port_close(&p);
	check_clean();
	/* The far end goes into a namespace of its own, or packets would not take the wire. */
	CHECK_EQ(system("ip netns add lrw-$$ && ip link set lr1 netns lrw-$$ && ip addr add 192.0.2.1/30 dev lr0 && "
			"ip -n lrw-$$ addr add 192.0.2.2/30 dev lr1 && ip -n lrw-$$ link set lr1 up && "
			"for i in 1 2 3 4 5 6 7 8 9 10; do ping -q -c 1 -w 2 192.0.2.2 >/dev/null; rc=$?; "
			"[ $rc -ne 0 ] || break; done; ip netns del lrw-$$; exit ${rc:-1}"), 0);
}

static void child_dies(void *arg)
{
	struct port p = port_open(arg, NULL);

	txsync(&p);
	_exit(0);		/* no close */
}

CASE(nothing_left_after_exit)
{
	const char *name = wire_near();

	for (int i = 0; i < 3; i++) {
		check_in_child(child_dies, (void *)(uintptr_t)name);
		check_clean();
	}
}

/* --- Packets of several slots -------------------------------------------------------------------------- */

static void set_mtu(unsigned int mtu)
{
	wire_ip("link set %s mtu %u", wire_near(), mtu);
	wire_ip("link set %s mtu %u", wire_far(), mtu);
}

/* One packet of len bytes in pieces of at most `piece`. */
static void put_long(struct netmap_ring *r, uint32_t seq, uint16_t len, uint16_t piece)
{
	static char frame[65536];
	uint32_t i = r->head;

	frame_fill(frame, seq, len);
	for (uint32_t done = 0; done < len; i = nm_ring_next(r, i)) {
		uint16_t n = (uint16_t)(len - done < piece ? len - done : piece);

		memcpy(NETMAP_BUF(r, r->slot[i].buf_idx), frame + done, n);
		done += n;
		r->slot[i].len = n;
		r->slot[i].flags = done < len ? NS_MOREFRAG : 0;
	}
	r->head = r->cur = i;
}

CASE(long_packets_out)
{
	struct netmap_ring *r;
	struct port p;
	int sock;

	set_mtu(9000);
	sock = wire_socket();
	p = port_open(wire_near(), NULL);
	r = tx_ring(&p, 0);
	for (uint32_t seq = 0; seq < 500; seq++) {
		uint16_t len = (uint16_t)(60 + seq * 37 % 8900), got = 0;
		int n;

		if (nm_ring_space(r) < 10)
			CHECK(poll_port(&p, POLLOUT, wire_patience(1000)) & POLLOUT);
		put_long(r, seq, len, seq & 1 ? 1500 : 1792);
		txsync(&p);
		n = wire_receive(sock, 1000, &got);
		if (n < 0 && len > 1792 && seq < 100)
			SKIP("no packets of several slots here");
		CHECK_MSG(n == (int)seq, "packet %u of %u bytes: %d came", seq, len, n);
		CHECK_EQ(got, len);
	}
	port_close(&p);
}

/* The next packet that came whole, put together: its number, or -1. */
static int take_long(struct port *p, uint16_t *len)
{
	static char frame[65536];

	for (unsigned int k = 0; k < p->nifp->ni_rx_rings; k++) {
		struct netmap_ring *r = rx_ring(p, k);
		uint32_t done = 0;
		bool more = true;

		while (more && !nm_ring_empty(r)) {
			const struct netmap_slot *s = &r->slot[r->head];

			memcpy(frame + done, NETMAP_BUF(r, s->buf_idx), s->len);
			done += s->len;
			more = s->flags & NS_MOREFRAG;
			r->head = r->cur = nm_ring_next(r, r->head);
		}
		CHECK_MSG(!done || !more, "a packet of %u bytes came without its end", done);
		if (done) {
			*len = (uint16_t)done;
			return frame_check(frame, *len);
		}
	}
	return -1;
}

CASE(long_packets_in)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct port p = { .reg = reg };
	int sock;

	set_mtu(9000);
	sock = wire_socket();
	p.fd = dev_open();
	strcpy(p.name, wire_near());
	if (port_register(&p))
		SKIP("refused: %s", why);
	port_map(&p);
	for (uint32_t seq = 0; seq < 500; seq++) {
		uint16_t len = (uint16_t)(60 + seq * 37 % 8900), got = 0;
		int n = -1;

		wire_send(sock, seq, len);
		for (int i = 0; i < 20 && n < 0; i++) {
			CHECK(poll_port(&p, POLLIN, wire_patience(1000)) == POLLIN);
			n = take_long(&p, &got);
		}
		CHECK_EQ(n, seq);
		CHECK_EQ(got, len);
	}
	port_close(&p);
}
