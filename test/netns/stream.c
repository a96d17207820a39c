/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCP connection that lives for some seconds and must not lose a byte: the client sends a stream, the server sends it
 * back, the client checks it. Under it networks may be bridged, cut for a moment, and joined again.
 *
 *	stream -s PORT			serves one connection; says "ready" when it listens
 *	stream -c ADDRESS PORT SECONDS [PAUSE]	PAUSE: milliseconds after each piece, to be slow; 0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536
#define WINDOW (1u << 20)	/* most bytes on their way */
#define PATIENCE_MS 30000	/* for the next byte */

static char piece[PIECE];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Byte number n of the stream. */
static char byte_at(uint64_t n)
{
	return (char)(n ^ n >> 8 ^ n >> 16);
}

static int serve(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sock = socket(AF_INET, SOCK_STREAM, 0), on = 1, c;
	ssize_t n;

	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(sock, 1) < 0)
		fail("listen");
	puts("ready");
	fflush(stdout);
	c = accept(sock, NULL, NULL);
	while ((n = read(c, piece, sizeof(piece))) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t m = write(c, piece + done, (size_t)(n - done));

			if (m < 0)
				fail("write");
			done += m;
		}
	if (n < 0)
		fail("read");
	return 0;
}

static void check(uint64_t from, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] == byte_at(from + (uint64_t)i))
			continue;
		fprintf(stderr, "stream: byte %llu is not as it was sent\n", (unsigned long long)from + (unsigned long long)i);
		exit(1);
	}
}

static int go(const char *address, uint16_t port, unsigned int seconds, unsigned int pause_ms)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t end = now_ms() + seconds * 1000, sent = 0, got = 0;

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		fail("connect");
	while (got < sent || now_ms() < end) {
		bool may = now_ms() < end && sent - got < WINDOW;
		struct pollfd pfd = { .fd = sock, .events = (short)(POLLIN | (may ? POLLOUT : 0)) };
		ssize_t n;

		if (poll(&pfd, 1, PATIENCE_MS) <= 0)
			fail("no byte for half a minute");
		if (pfd.revents & POLLOUT) {
			for (size_t i = 0; i < PIECE; i++)
				piece[i] = byte_at(sent + i);
			n = send(sock, piece, PIECE, MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN)
				fail("send");
			sent += n > 0 ? (uint64_t)n : 0;
			usleep(pause_ms * 1000);
		}
		if (!(pfd.revents & ~POLLOUT))
			continue;
		n = recv(sock, piece, PIECE, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			fail("recv");
		if (n > 0)
			check(got, n);
		got += n > 0 ? (uint64_t)n : 0;
	}
	printf("%llu bytes and back\n", (unsigned long long)got);
	return got < 100000;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-s") == 0)
		return serve((uint16_t)atoi(argv[2]));
	if (argc >= 5 && strcmp(argv[1], "-c") == 0)
		return go(argv[2], (uint16_t)atoi(argv[3]), (unsigned int)atoi(argv[4]), argc > 5 ? (unsigned int)atoi(argv[5]) : 0);
	fputs("usage: stream -s PORT | stream -c ADDRESS PORT SECONDS [PAUSE]\n", stderr);
	return argc == 2 && strcmp(argv[1], "-h") == 0 ? 0 : 2;
}
