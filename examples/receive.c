/* SPDX-License-Identifier: BSD-2-Clause */
/* Receives packets: receive netmap:eth0 [count]. Everything it uses is in one header. */
#define NETMAP_WITH_LIBS
#include <net/netmap_user.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	unsigned long left = argc > 2 ? strtoul(argv[2], NULL, 0) : 0, packets = 0;
	struct nm_desc *port;
	struct nm_pkthdr header;
	struct pollfd wait = { .events = POLLIN };
	const unsigned char *bytes;

	if (argc < 2 || argv[1][0] == '-') {
		fprintf(argc > 1 ? stdout : stderr, "usage: receive netmap:NAME [count]\n");
		return argc > 1 ? 0 : 2;
	}
	port = nm_open(argv[1], NULL, 0, NULL);
	if (!port) {
		fprintf(stderr, "receive: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	wait.fd = NETMAP_FD(port);
	while (!left || packets < left) {
		if (poll(&wait, 1, -1) < 0 || (wait.revents & POLLERR)) {
			fprintf(stderr, "receive: %s was lost\n", argv[1]);
			return 1;
		}
		while ((!left || packets < left) && (bytes = nm_nextpkt(port, &header))) {
			packets++;
			printf("packet %lu: %u bytes, first is %02x\n", packets, header.len, header.len ? bytes[0] : 0);
		}
	}
	nm_close(port);
	return 0;
}
