/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Udp: what an ordinary program does to send packets: sendto() on a UDP socket for each, or sendmmsg() for a batch, the
 * best that sockets can do. The payload is such that the frame has the length asked for. Routes and neighbours are the
 * caller's to set up.
 */
#include "load.h"

#include <sys/socket.h>

struct udp {
	struct sockaddr_in to;
	struct iovec payload;
	struct mmsghdr *messages;
	int fd;
};

static int udp_open(struct load *l)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(ARGS_DISCARD), .sin_addr = l->args.source_ip };
	struct udp *u = l->own = calloc(1, sizeof(*u));
	int space = 64 << 20;

	if (!u)
		return load_fail("no memory");
	u->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(ARGS_DISCARD), .sin_addr = l->args.target_ip };
	u->payload.iov_len = l->args.length - ARGS_HEADERS;
	u->payload.iov_base = calloc(1, u->payload.iov_len);
	u->messages = calloc(l->args.batch, sizeof(*u->messages));
	u->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!u->payload.iov_base || !u->messages || u->fd < 0)
		return load_fail("cannot make a UDP socket");
	setsockopt(u->fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
	if (bind(u->fd, (struct sockaddr *)&from, sizeof(from)))
		return load_fail("cannot bind a UDP socket");
	for (unsigned i = 0; i < l->args.batch; i++) {
		u->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &u->to, .msg_namelen = sizeof(u->to), .msg_iov = &u->payload, .msg_iovlen = 1,
		};
	}
	return 0;
}

static int udp_send(struct load *l)
{
	const struct udp *u = l->own;

	for (unsigned i = 0; i < l->args.batch; i++)
		if (sendto(u->fd, u->payload.iov_base, u->payload.iov_len, 0, (const struct sockaddr *)&u->to, sizeof(u->to)) < 0)
			return load_fail("sendto");
	return (int)l->args.batch;
}

static int udp_send_many(struct load *l)
{
	const struct udp *u = l->own;
	int n = sendmmsg(u->fd, u->messages, l->args.batch, 0);

	return n < 0 ? load_fail("sendmmsg") : n;
}

static void udp_close(struct load *l)
{
	struct udp *u = l->own;

	close(u->fd);
	free(u->messages);
	free(u->payload.iov_base);
	free(u);
}

const struct load_method load_udp = {
	.name = "udp", .what = "UDP, sendto() for each packet", .open_tx = udp_open, .send = udp_send, .close = udp_close,
};

const struct load_method load_udp_mmsg = {
	.name = "udp-mmsg", .what = "UDP, sendmmsg()", .open_tx = udp_open, .send = udp_send_many, .close = udp_close,
};
