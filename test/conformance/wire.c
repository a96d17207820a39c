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
#define ETHERTYPE_PROBE 0x88b6	/* the same, the second one */

/* The near end's is the second one. */
static const uint8_t addresses[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

static bool carries(const char *ifname)
{
	char path[64], up = '0';
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", ifname);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, &up, 1) < 0)
		up = '0';
	if (fd >= 0)
		close(fd);
	return up == '1';
}

/* What the kernel answers about an interface to one of the SIOCGIF requests; nothing if there is none. */
static struct ifreq ask(const char *ifname, unsigned long request)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct ifreq ifr = { .ifr_flags = 0 };

	CHECK_OK(sock);
	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(sock, request, &ifr) < 0)
		memset(&ifr, 0, sizeof(ifr));
	close(sock);
	return ifr;
}

/* An end that is up has a carrier after a while: a NIC takes seconds to find one, and again after a new MTU. */
static void wait_carrier(const char *ifname)
{
	uint64_t end = check_now_ms() + 20000;

	if (!(ask(ifname, SIOCGIFFLAGS).ifr_flags & IFF_UP))
		return;
	while (!carries(ifname) && check_now_ms() < end)
		usleep(20000);
}

void wire_ip(const char *fmt, ...)
{
	char cmd[512] = "ip ";
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(cmd + 3, sizeof(cmd) - 3, fmt, ap);
	va_end(ap);
	if (getenv("LR_WIRE") && strncmp(fmt, "link del", 8) == 0)
		SKIP("a NIC of LR_WIRE=%s cannot be deleted", getenv("LR_WIRE"));
	rc = system(cmd);
	if (rc)
		FAIL("%s: code %d", cmd, rc);
	if (getenv("LR_WIRE") && (strstr(cmd, " up") || strstr(cmd, " mtu"))) {
		wait_carrier(NEAR);
		wait_carrier(FAR);
	}
}

/* Of one interface, or `default`: those to come. */
static void quiet_ipv6(const char *which)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", which);
	fd = open(path, O_WRONLY);
	if (fd >= 0 && write(fd, "1", 1) < 0)
		FAIL("disable_ipv6: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * An end that is there gets what one has that we make; often it has it already. To the far end tests send frames that
 * are not addressed to it.
 */
static void prepare(const char *ifname, const uint8_t address[6], short flags)
{
	short has = ask(ifname, SIOCGIFFLAGS).ifr_flags;

	quiet_ipv6(ifname);
	if ((has & flags) == flags && ask(ifname, SIOCGIFMTU).ifr_mtu == 1500 &&
	    memcmp(ask(ifname, SIOCGIFHWADDR).ifr_hwaddr.sa_data, address, 6) == 0)
		return;
	wire_ip("link set %s address 02:00:00:00:00:%02x mtu 1500 %s up", ifname, address[5],
		flags & IFF_PROMISC ? "promisc on" : "");
}

static int socket_at(const char *ifname, uint16_t type)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(type),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int sock = socket(AF_PACKET, SOCK_RAW, htons(type)), size = 1 << 22;

	CHECK_OK(sock);
	CHECK_OK(setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	CHECK_OK(bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	return sock;
}

/* Until what is sent here arrives there, and with it all that was sent before. */
static void probe(int here, int there)
{
	char frame[60] = "\xff\xff\xff\xff\xff\xff" "\2probe";
	uint16_t type = htons(ETHERTYPE_PROBE);
	struct pollfd pfd = { .fd = there, .events = POLLIN };
	uint64_t end = check_now_ms() + 20000;

	memcpy(frame + 12, &type, sizeof(type));
	do {
		CHECK_MSG(check_now_ms() < end, "nothing crosses the wire between " NEAR " and " FAR);
		if (send(here, frame, sizeof(frame), 0) < 0)
			usleep(20000);
	} while (poll(&pfd, 1, 100) <= 0);
	while (poll(&pfd, 1, 20) > 0 && recv(there, frame, sizeof(frame), 0) > 0)
		;
}

/* A cable may be full of what an earlier case has sent, and its ends deaf for the moment. */
static void wait_for_cable(void)
{
	int near = socket_at(NEAR, ETHERTYPE_PROBE), far = socket_at(FAR, ETHERTYPE_PROBE);

	probe(far, near);
	probe(near, far);
	close(near);
	close(far);
}

/*
 * A cable that is there, and may be as an earlier case left it: with another name, with other interfaces beside it. Ends
 * come back from a namespace after a while.
 */
static void take_over(const char *kind)
{
	uint64_t end = check_now_ms() + 20000;

	if (if_nametoindex("lr9") && if_nametoindex(NEAR))
		CHECK_EQ(system("ip link del lr9"), 0);
	else if (if_nametoindex("lr9") && system("ip link set lr9 down; ip link set lr9 name " NEAR))
		FAIL("lr9 does not become " NEAR);
	if (if_nametoindex("lr2"))
		CHECK_EQ(system("ip link del lr2"), 0);
	if (if_nametoindex("lr0.5"))
		CHECK_EQ(system("ip link del lr0.5"), 0);
	while (!if_nametoindex(NEAR) || !if_nametoindex(FAR)) {
		CHECK_MSG(check_now_ms() < end, "LR_WIRE=%s, but there is no " NEAR " or " FAR, kind);
		usleep(20000);
	}
	quiet_ipv6("default");
	prepare(NEAR, addresses + 6, IFF_UP);
	prepare(FAR, addresses, IFF_UP | IFF_PROMISC);
	wait_for_cable();
}

static void make(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	if (getenv("LR_WIRE")) {
		take_over(getenv("LR_WIRE"));
		return;
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		SKIP("no namespace of our own: %s", strerror(errno));
	/* sysfs shows the namespace it was mounted in. */
	if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL) == 0)
		if (mount("lr", "/sys", "sysfs", 0, NULL) < 0)
			FAIL("mount /sys: %s", strerror(errno));
	quiet_ipv6("default");
	wire_ip("link add " NEAR " address 02:00:00:00:00:01 numrxqueues 2 numtxqueues 2 type veth "
		"peer name " FAR " address 02:00:00:00:00:02 numrxqueues 2 numtxqueues 2");
	wire_ip("link set " NEAR " up");
	wire_ip("link set " FAR " up");
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
	return socket_at(ifname, ETHERTYPE_TEST);
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

static ssize_t send_frame(int sock, uint32_t seq, uint16_t len, int flags)
{
	char frame[65536];

	frame_fill(frame, seq, len);
	/* From the far end: the other way round. */
	memcpy(frame, addresses + 6, 6);
	memcpy(frame + 6, addresses, 6);
	return send(sock, frame, len, flags);
}

void wire_send(int sock, uint32_t seq, uint16_t len)
{
	CHECK_EQ(send_frame(sock, seq, len, 0), len);
}

void wire_offer(int sock, uint32_t seq, uint16_t len)
{
	ssize_t n = send_frame(sock, seq, len, MSG_DONTWAIT);

	CHECK(n == len || errno == EAGAIN || errno == ENOBUFS);
}

int wire_patience(int ms)
{
	const char *n = getenv("LR_SLOW");

	return n && atoi(n) > 0 ? ms * atoi(n) : ms;
}

int wire_receive(int sock, int timeout_ms, uint16_t *len)
{
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(timeout_ms);
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
