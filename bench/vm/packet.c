/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet: AF_PACKET sockets: send() and recv() for each packet, or sendmmsg() and recvmmsg() for a batch.
 * They send past the queueing discipline, but for packet-stack, whose packets are like the host's own.
 */
#include "packet.h"

#define ROOM 2048u

struct packet {
	char *frames;		/* a batch of them, ROOM apart */
	struct iovec *iov;
	struct mmsghdr *messages;
	int fd;
};

static int open_socket(struct load *l, uint16_t protocol, int bypass)
{
	struct packet *p = l->own = calloc(1, sizeof(*p));
	unsigned n = l->args.batch;

	if (!p)
		return load_fail("no memory");
	p->frames = calloc(n, ROOM);
	p->iov = calloc(n, sizeof(*p->iov));
	p->messages = calloc(n, sizeof(*p->messages));
	if (!p->frames || !p->iov || !p->messages)
		return load_fail("no memory");
	for (unsigned i = 0; i < n; i++) {
		args_frame(&l->args, p->frames + (size_t)i * ROOM);
		p->iov[i] = (struct iovec){ p->frames + (size_t)i * ROOM, protocol ? ROOM : l->args.length };
		p->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &p->iov[i], .msg_iovlen = 1 };
	}
	p->fd = packet_socket(bypass);
	return p->fd < 0 ? -1 : packet_bind(p->fd, l->args.ifname, protocol);
}

static int open_tx(struct load *l)
{
	return open_socket(l, 0, 1);
}

static int open_stack(struct load *l)
{
	return open_socket(l, 0, 0);
}

/* Whoever waits forgets to give up: recv() has a time limit. */
static int open_rx(struct load *l)
{
	struct timeval patience = { .tv_usec = LOAD_PATIENCE * 1000 };
	const struct packet *p;

	if (open_socket(l, ETH_P_ALL, 0))
		return -1;
	p = l->own;
	return setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ? load_fail("SO_RCVTIMEO") : 0;
}

static int send_each(struct load *l)
{
	const struct packet *p = l->own;

	for (unsigned i = 0; i < l->args.batch; i++)
		while (send(p->fd, p->iov[i].iov_base, l->args.length, 0) < 0)
			if (!load_full())
				return load_fail("send");
	return (int)l->args.batch;
}

static int send_many(struct load *l)
{
	const struct packet *p = l->own;
	int n = sendmmsg(p->fd, p->messages, l->args.batch, 0);

	if (n < 0)
		return load_full() ? 0 : load_fail("sendmmsg");
	return n;
}

static int receive_each(struct load *l)
{
	const struct packet *p = l->own;

	for (unsigned i = 0; i < l->args.batch; i++)
		if (recv(p->fd, p->iov[i].iov_base, ROOM, 0) < 0)
			return errno == EAGAIN ? (int)i : load_fail("recv");
	return (int)l->args.batch;
}

static int receive_many(struct load *l)
{
	const struct packet *p = l->own;
	int n = recvmmsg(p->fd, p->messages, l->args.batch, MSG_WAITFORONE, NULL);

	if (n < 0)
		return errno == EAGAIN ? 0 : load_fail("recvmmsg");
	return n;
}

static void close_socket(struct load *l)
{
	struct packet *p = l->own;

	close(p->fd);
	free(p->messages);
	free(p->iov);
	free(p->frames);
	free(p);
}

const struct load_method load_packet = {
	.name = "packet", .what = "AF_PACKET, send() or recv() for each packet", .open_tx = open_tx, .open_rx = open_rx,
	.send = send_each, .receive = receive_each, .close = close_socket,
};

const struct load_method load_packet_mmsg = {
	.name = "packet-mmsg", .what = "AF_PACKET, sendmmsg() or recvmmsg()", .open_tx = open_tx, .open_rx = open_rx,
	.send = send_many, .receive = receive_many, .close = close_socket,
};

const struct load_method load_packet_stack = {
	.name = "packet-stack", .what = "AF_PACKET through the queueing discipline, sendmmsg()", .open_tx = open_stack,
	.send = send_many, .close = close_socket,
};
