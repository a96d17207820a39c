/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several processes and one netmapd: they meet, whoever comes first; they die, and what they had is free; users are kept apart;
 * the daemon goes, and nobody hangs.
 */
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "port.h"

#define PACKETS 5000

/* --- Meeting ---------------------------------------------------------------------------------------- */

static void send_all(const char *name)
{
	struct port p = port_open(name, NULL);
	struct netmap_ring *tx = tx_ring(&p, 0);
	uint32_t seq = 0;

	while (seq < PACKETS) {
		CHECK_EQ(poll_port(&p, POLLOUT, 10000), POLLOUT);
		put_packets(tx, PACKETS - seq < 100 ? PACKETS - seq : 100, &seq);
		txsync(&p);
	}
	/* All taken before we leave. */
	while (nm_ring_space(tx) < tx->num_slots - 1) {
		usleep(1000);
		txsync(&p);
	}
	port_close(&p);
}

static void receive_all(const char *name)
{
	struct port p = port_open(name, NULL);
	uint32_t seq = 0;

	while (seq < PACKETS) {
		CHECK_EQ(poll_port(&p, POLLIN, 10000), POLLIN);
		take_packets(rx_ring(&p, 0), PACKETS, &seq);
	}
	rxsync(&p);
	usleep(100000);	/* until the sender has seen it */
	port_close(&p);
}

static void sender(void *arg)
{
	send_all(arg);
}

static void receiver(void *arg)
{
	receive_all(arg);
}

static pid_t start(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

static void meet(const char *from, const char *to, bool sender_first)
{
	char a[NETMAP_REQ_IFNAMSIZ], b[NETMAP_REQ_IFNAMSIZ];
	pid_t first, second;

	snprintf(a, sizeof(a), "%s", from);
	snprintf(b, sizeof(b), "%s", to);
	first = sender_first ? start(sender, a) : start(receiver, b);
	usleep(100000);
	second = sender_first ? start(receiver, b) : start(sender, a);
	check_wait_child(first);
	check_wait_child(second);
}

CASE(pipe_sender_first)
{
	char a[64];

	strcpy(a, unique("{1"));
	meet(a, unique("}1"), true);
}

CASE(pipe_receiver_first)
{
	char a[64];

	strcpy(a, unique("{1"));
	meet(a, unique("}1"), false);
}

/* A switch may drop; so only that what comes is whole, and that it comes. */
static void receive_any(void *arg)
{
	struct port p = port_open(arg, NULL);
	struct netmap_ring *rx = rx_ring(&p, 0);
	uint32_t got = 0;

	while (got < 1000) {
		CHECK_EQ(poll_port(&p, POLLIN, 10000), POLLIN);
		for (; !nm_ring_empty(rx); got++) {
			packet_check(rx, rx->head, packet_seq(rx, rx->head), rx->slot[rx->head].len);
			rx->head = rx->cur = nm_ring_next(rx, rx->head);
		}
	}
	port_close(&p);
}

static void send_on(void *arg)
{
	struct port p = port_open(arg, NULL);
	uint32_t seq = 0;

	for (;;) {
		CHECK_EQ(poll_port(&p, POLLOUT, 10000), POLLOUT);
		put_packets(tx_ring(&p, 0), 100, &seq);
		txsync(&p);
	}
}

static void meet_at_a_switch(bool sender_first)
{
	pid_t first, second;

	first = sender_first ? start(send_on, "valeT:1") : start(receive_any, "valeT:2");
	usleep(100000);
	second = sender_first ? start(receive_any, "valeT:2") : start(send_on, "valeT:1");
	check_wait_child(sender_first ? second : first);
	kill(sender_first ? first : second, SIGKILL);
}

CASE(switch_sender_first)
{
	meet_at_a_switch(true);
}

CASE(switch_receiver_first)
{
	meet_at_a_switch(false);
}

/* --- Death ------------------------------------------------------------------------------------------------ */

static int told[2];

static void hold(void *arg)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	struct port p = port_open(arg, &reg);

	CHECK_EQ(write(told[1], "x", 1), 1);
	for (;;)
		poll_port(&p, POLLIN, 1000);
}

/* How long until the port can be had, in ms. */
static uint64_t until_free(const char *name)
{
	uint64_t begin = check_now_ms();
	int err;

	do {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
		int fd = dev_open();

		err = ctrl(fd, NETMAP_REQ_REGISTER, name, &reg);
		close(fd);
		CHECK_MSG(!err || err == EBUSY, "%s (%s)", strerror(err), why);
	} while (err && check_now_ms() - begin < 5000);
	CHECK_EQ(err, 0);
	return check_now_ms() - begin;
}

CASE(killed)
{
	char name[64], c;

	strcpy(name, unique("{1"));
	CHECK_OK(pipe(told));
	for (int i = 0; i < 10; i++) {
		pid_t pid = start(hold, name);
		uint64_t ms;

		CHECK_EQ(read(told[0], &c, 1), 1);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ms = until_free(name);
		CHECK_MSG(ms < 1000, "the port of a process that was killed is free after %u ms", (unsigned int)ms);
	}
}

/* The other end goes on, and a new one may come. */
CASE(killed_while_sending)
{
	char a[64], b[64];
	struct port p;

	strcpy(a, unique("{1"));
	strcpy(b, unique("}1"));
	p = port_open(b, NULL);
	for (int i = 0; i < 5; i++) {
		pid_t pid = start(sender, a);

		for (int n = 0; n < 3; n++) {
			CHECK_EQ(poll_port(&p, POLLIN, 10000), POLLIN);
			rx_ring(&p, 0)->head = rx_ring(&p, 0)->cur = rx_ring(&p, 0)->tail;
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (poll_port(&p, POLLIN, 200) == POLLIN)
			rx_ring(&p, 0)->head = rx_ring(&p, 0)->cur = rx_ring(&p, 0)->tail;
	}
	port_close(&p);
}

/* --- A descriptor in two processes ---------------------------------------------------------------------- */

/* The child asks all the time, without poll; that must not keep its parent asleep. */
CASE(child_asks_while_parent_polls)
{
	uint32_t out = 0, in = 0;
	struct port p[2];
	pid_t asker;

	pipe_open(p, unique("ask"), 64);
	asker = fork();
	CHECK_OK(asker);
	if (asker == 0)
		for (;;)
			rxsync(&p[1]);
	for (unsigned int i = 0; i < 200; i++) {
		pid_t sender = fork();

		if (sender == 0) {
			usleep(2000);
			_exit(put_packets(tx_ring(&p[0], 0), 1, &out) != 1 || ioctl(p[0].fd, NIOCTXSYNC, NULL) < 0);
		}
		CHECK_EQ(poll_port(&p[1], POLLIN, 2000), POLLIN);
		check_wait_child(sender);
		out++;
		CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 1);
	}
	CHECK_OK(kill(asker, SIGKILL));
	CHECK_EQ(waitpid(asker, NULL, 0), asker);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* --- The daemon goes ------------------------------------------------------------------------------------- */

/* A netmapd of the case's own. */
static pid_t own_daemon(void)
{
	static char path[100];
	const char *program = getenv("LR_NETMAPD");
	pid_t pid;

	if (!program)
		SKIP("LR_NETMAPD does not say where netmapd is");
	snprintf(path, sizeof(path), "%s.%d", getenv("NETMAP_SOCKET"), getpid());
	CHECK_OK(setenv("NETMAP_SOCKET", path, 1));
	pid = fork();
	if (pid == 0) {
		execl(program, program, "-s", path, NULL);
		_exit(127);
	}
	for (int i = 0; access(path, W_OK) < 0; i++) {
		CHECK_MSG(i < 1000, "%s does not listen", program);
		usleep(10000);
	}
	return pid;
}

static void daemon_goes(int signal)
{
	pid_t pid = own_daemon(), killer;
	struct nmreq_port_info_get info = { 0 };
	struct nmreq_header h;
	char name[64];
	struct port p;
	int status;

	strcpy(name, unique("{1"));
	p = port_open(name, NULL);
	killer = fork();
	if (killer == 0) {
		usleep(300000);
		kill(pid, signal);
		_exit(0);
	}
	CHECK_EQ(poll_port(&p, POLLIN, 10000), POLLERR);
	CHECK_ERRNO(ioctl(p.fd, NIOCTXSYNC, NULL), ENXIO);
	CHECK_EQ(poll_port(&p, POLLIN | POLLOUT, 1000), POLLERR);
	/* What is mapped stays. */
	tx_ring(&p, 0)->slot[0].len = 60;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (signal == SIGTERM)
		CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "netmapd ended with status %x", status);
	h = header(NETMAP_REQ_PORT_INFO_GET, name, &info);
	CHECK_ERRNO(ioctl(p.fd, NIOCCTRL, &h), ENXIO);
	port_close(&p);
	CHECK_ERRNO(open(NETMAP_DEVICE_NAME, O_RDWR), ENOENT);
	check_wait_child(killer);
	/* Another one comes in its place. */
	own_daemon();
	p = port_open(name, NULL);
	txsync(&p);
	port_close(&p);
}

CASE(daemon_stops)
{
	daemon_goes(SIGTERM);
}

CASE(daemon_is_killed)
{
	daemon_goes(SIGKILL);
}

/* --- No daemon at all ---------------------------------------------------------------------------------------- */

/* One is started for what makes sense between processes only, and leaves when nobody needs it any more. */
CASE(started_when_needed)
{
	char path[4096], dir[4000], a[64], *end;

	if (access("/sys/module/netmap", F_OK) == 0 || !getenv("LR_NETMAPD"))
		SKIP("there is a device, or LR_NETMAPD does not say where netmapd is");
	snprintf(dir, sizeof(dir), "%s", getenv("LR_NETMAPD"));
	end = strrchr(dir, '/');
	CHECK(end);
	*end = '\0';
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
	CHECK_OK(setenv("PATH", path, 1));
	snprintf(path, sizeof(path), "%s.%d", getenv("NETMAP_SOCKET"), getpid());
	CHECK_OK(setenv("NETMAP_SOCKET", path, 1));
	CHECK_OK(unsetenv("NETMAP_HOST"));

	strcpy(a, unique("{1"));
	meet(a, unique("}1"), true);
	CHECK_OK(access(path, W_OK));
	meet(a, unique("}1"), false);
	meet_at_a_switch(false);
	for (int i = 0; access(path, F_OK) == 0; i++) {
		CHECK_MSG(i < 1000, "netmapd stays though nobody needs it");
		usleep(10000);
	}
}

/* --- Users -------------------------------------------------------------------------------------------------- */

static void become_nobody(void)
{
	CHECK_OK(setgroups(0, NULL));
	CHECK_OK(setresgid(65534, 65534, 65534));
	CHECK_OK(setresuid(65534, 65534, 65534));
}

/* The other end of somebody else's pipe: refused, and nothing happens to what is in it. */
CASE(pipe_of_another_user)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_vale_newif newif = { 0 };
	char a[64], b[64];
	struct port p, q;
	uint32_t out = 0, in = 0;
	int fd, status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root");
	strcpy(a, unique("{1"));
	strcpy(b, unique("}1"));
	p = port_open(a, NULL);
	put_packets(tx_ring(&p, 0), 9, &out);
	txsync(&p);
	pid = fork();
	if (pid == 0) {
		become_nobody();
		fd = dev_open();
		CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, b, &reg), EPERM);
		/* The global region is for those who may open a NIC. */
		reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_tx_rings = 1 };
		CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, "mine", &reg), EPERM);
		/* What is on switches is for root to say. */
		CHECK_REFUSED(ctrl(fd, NETMAP_REQ_VALE_NEWIF, "his", &newif), EPERM);
		/* His own is his own. */
		reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
		CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, "mine{1", &reg));
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	q = port_open(b, NULL);
	rxsync(&q);
	CHECK_EQ(take_packets(rx_ring(&q, 0), 9, &in), 9);
	port_close(&q);
	port_close(&p);
}

/* Whoever has the memory can neither shorten nor lengthen it. */
CASE(memory_is_sealed)
{
	struct port p = port_open(unique("{1"), NULL);
	unsigned int sealed = 0;
	char path[64], target[64];

	for (int fd = 3; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0 || strncmp(target, "/memfd:netmap", 13) != 0)
			continue;
		CHECK_ERRNO(ftruncate(fd, 0), EPERM);
		CHECK_ERRNO(ftruncate(fd, INT64_C(1) << 40), EPERM);
		sealed++;
	}
	CHECK(sealed > 0);
	port_close(&p);
}
