/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Udp: what an ordinary program does to send packets: one sendto() on a UDP socket for each.
 *
 * The payload is such that the frame on the wire has the length asked for. Measured: the calls, with all that the
 * kernel does in them. -b is not used, except with "mmsg", which hands the kernel that many packets per sendmmsg():
 * the best that sockets can do. "recv" is the other end: one recv() for each.
 */
#include "args.h"

#include <sys/socket.h>

static const char letters[] = "b:l:t:c:s:d:h";
static const char purpose[] = "udp [mmsg|recv] [options]: send UDP packets through a socket, or receive them\n";

struct udp {
	struct args args;
	struct sockaddr_in to;
	struct iovec payload;
	struct mmsghdr *messages;
	int fd;
	uint64_t sent, failed;
};

static void send_each(struct udp *u)
{
	for (unsigned i = 0; i < u->args.batch; i++) {
		ssize_t n = sendto(u->fd, u->payload.iov_base, u->payload.iov_len, 0, (struct sockaddr *)&u->to, sizeof(u->to));

		if (n >= 0)
			u->sent++;
		else
			u->failed++;
	}
}

static void send_many(struct udp *u)
{
	int n = sendmmsg(u->fd, u->messages, u->args.batch, 0);

	if (n > 0)
		u->sent += (unsigned)n;
	else
		u->failed++;
}

static void receive_each(struct udp *u)
{
	char packet[2048];

	if (recv(u->fd, packet, sizeof(packet), 0) >= 0)
		u->sent++;
}

static int prepare(struct udp *u, bool receive)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(ARGS_DISCARD), .sin_addr = u->args.source_ip };
	struct timeval patience = { 0, 100000 };
	int space = 4 << 20;

	u->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(ARGS_DISCARD), .sin_addr = u->args.target_ip };
	u->payload.iov_len = u->args.length - ARGS_HEADERS;
	u->payload.iov_base = calloc(1, u->payload.iov_len);
	u->messages = calloc(u->args.batch, sizeof(*u->messages));
	u->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!u->payload.iov_base || !u->messages || u->fd < 0) {
		fprintf(stderr, "cannot make a socket: %s\n", strerror(errno));
		return -1;
	}
	setsockopt(u->fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
	setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof(space));
	/* The far end is where the sender sends to. */
	if (receive) {
		from.sin_addr = u->args.target_ip;
		setsockopt(u->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	}
	if (bind(u->fd, (struct sockaddr *)&from, sizeof(from))) {
		fprintf(stderr, "cannot bind: %s\n", strerror(errno));
		return -1;
	}
	for (unsigned i = 0; i < u->args.batch; i++) {
		u->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &u->to, .msg_namelen = sizeof(u->to), .msg_iov = &u->payload, .msg_iovlen = 1,
		};
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct udp u = { .fd = -1 };
	struct measure m;
	bool many, receive;
	uint64_t end;

	args_parse(&u.args, argc, argv, letters, purpose);
	many = u.args.rest < argc && !strcmp(argv[u.args.rest], "mmsg");
	receive = u.args.rest < argc && !strcmp(argv[u.args.rest], "recv");
	if (u.args.rest + (many || receive) < argc) {
		args_help(stderr, purpose, letters);
		return 2;
	}
	if (prepare(&u, receive))
		return 1;
	measure_catch_signals();
	measure_pin(u.args.core);
	measure_start(&m);
	end = m.nsec + (uint64_t)(u.args.seconds * 1e9);
	do {
		if (receive)
			receive_each(&u);
		else if (many)
			send_many(&u);
		else
			send_each(&u);
	} while (measure_nsec() < end && !measure_interrupted);
	measure_stop(&m);
	measure_print(&m, receive ? "udp-rx" : many ? "udp-mmsg" : "udp-tx", u.sent, " errors=%" PRIu64, u.failed);
	close(u.fd);
	free(u.messages);
	free(u.payload.iov_base);
	return 0;
}
