/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The namespace and the far end of wire.h.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "wire.h"

#define NEAR "lr0"
#define FAR "lr1"
#define ETHERTYPE_TEST 0x88b5	/* for local experiments */

static const uint8_t addresses[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

void wire_ip(const char *fmt, ...)
{
	char cmd[512] = "ip ";
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(cmd + 3, sizeof(cmd) - 3, fmt, ap);
	va_end(ap);
	rc = system(cmd);
	if (rc)
		FAIL("%s: code %d", cmd, rc);
}

static void quiet_ipv6(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);

	if (fd >= 0 && write(fd, "1", 1) < 0)
		FAIL("disable_ipv6: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void make(void)
{
	static bool made;

	if (made)
		return;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		SKIP("no namespace of our own: %s", strerror(errno));
	/* sysfs shows the namespace it was mounted in. */
	if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL) == 0)
		if (mount("lr", "/sys", "sysfs", 0, NULL) < 0)
			FAIL("mount /sys: %s", strerror(errno));
	quiet_ipv6();
	wire_ip("link add " NEAR " address 02:00:00:00:00:01 numrxqueues 2 numtxqueues 2 type veth "
		"peer name " FAR " address 02:00:00:00:00:02 numrxqueues 2 numtxqueues 2");
	wire_ip("link set " NEAR " up");
	wire_ip("link set " FAR " up");
	made = true;
}

const char *wire_near(void)
{
	make();
	return NEAR;
}

const char *wire_far(void)
{
	make();
	return FAR;
}

int wire_socket_at(const char *ifname)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_TEST),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int sock = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE_TEST)), size = 1 << 22;

	CHECK_OK(sock);
	CHECK_OK(setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	CHECK_OK(bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	return sock;
}

int wire_socket(void)
{
	return wire_socket_at(wire_far());
}

void frame_fill(char *frame, uint32_t seq, uint16_t len)
{
	uint16_t type = htons(ETHERTYPE_TEST);

	memcpy(frame, addresses, sizeof(addresses));
	memcpy(frame + 12, &type, sizeof(type));
	memcpy(frame + 14, &seq, sizeof(seq));
	for (unsigned int i = 18; i < len; i++)
		frame[i] = (char)(seq * 13 + i * 7);
}

int frame_check(const char *frame, uint16_t len)
{
	uint16_t type;
	uint32_t seq;

	memcpy(&type, frame + 12, sizeof(type));
	if (len < 18 || type != htons(ETHERTYPE_TEST))
		return -1;
	memcpy(&seq, frame + 14, sizeof(seq));
	for (unsigned int i = 18; i < len; i++)
		if (frame[i] != (char)(seq * 13 + i * 7))
			FAIL("packet %u is damaged at byte %u of %u", seq, i, len);
	return (int)seq;
}

void wire_send(int sock, uint32_t seq, uint16_t len)
{
	char frame[65536];

	frame_fill(frame, seq, len);
	/* From the far end: the other way round. */
	memcpy(frame, addresses + 6, 6);
	memcpy(frame + 6, addresses, 6);
	CHECK_EQ(send(sock, frame, len, 0), len);
}

int wire_receive(int sock, int timeout_ms, uint16_t *len)
{
	uint64_t end = check_now_ms() + (uint64_t)timeout_ms;
	char frame[65536];

	for (;;) {
		struct pollfd pfd = { .fd = sock, .events = POLLIN };
		uint64_t now = check_now_ms();
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t n;

		if (now > end || poll(&pfd, 1, (int)(end - now)) <= 0)
			return -1;
		n = recvfrom(sock, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);
		CHECK_OK(n);
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (len)
			*len = (uint16_t)n;
		return frame_check(frame, (uint16_t)n);
	}
}
