/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that want to do harm: they speak the protocol by hand, and badly. After each the daemon is there, and serves
 * others at once.
 */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "daemon/message.h"
#include "port.h"

/* --- By hand ------------------------------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK_OK(sock);
	strcpy(addr.sun_path, getenv("NETMAP_SOCKET"));
	CHECK_OK(connect(sock, (struct sockaddr *)&addr, sizeof(addr)));
	return sock;
}

/* A connection as it should be; fds: door, bell, chimes. */
static int enter(int fds[LRD_FDS_MAX])
{
	struct lrd_msg m = { .type = LRD_HELLO, .cmd = LRD_VERSION, .word = 8 };
	int sock = dial();
	unsigned int n;

	CHECK_EQ(lr_message_send(sock, -1, &m, NULL, 0), 0);
	CHECK_EQ(lr_message_receive(sock, -1, &m, fds, &n, 5000), 0);
	CHECK_EQ(m.type, LRD_WELCOME);
	CHECK_EQ(n, LRD_FDS_MAX);
	return sock;
}

static struct lrd_door *map_door(int fd)
{
	struct lrd_door *d = mmap(NULL, LRD_DOOR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(d != MAP_FAILED);
	return d;
}

/* Begins an ioctl; the line is ours. */
static int begin_call(int sock, unsigned long cmd, uint64_t arg)
{
	struct lrd_msg m = { .type = LRD_CALL, .cmd = (uint32_t)cmd, .addr = arg };
	int line[2], fds[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line));
	fds[0] = line[1];
	fds[1] = open("/proc/self/ns/net", O_RDONLY);
	CHECK_EQ(lr_message_send(sock, -1, &m, fds, 2), 0);
	close(line[1]);
	close(fds[1]);
	return line[0];
}

/* An honest program is served, and soon. */
static void others_are_served(void)
{
	uint64_t begin = check_now_ms();
	struct port p[2];
	uint32_t out = 0, in = 0;

	pipe_open(p, unique("other"), 0);
	put_packets(tx_ring(&p[0], 0), 5, &out);
	txsync(&p[0]);
	CHECK_EQ(poll_port(&p[1], POLLIN, 5000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 5, &in), 5);
	port_close(&p[0]);
	port_close(&p[1]);
	CHECK_MSG(check_now_ms() - begin < 5000, "others were served only after %u ms", (unsigned int)(check_now_ms() - begin));
}

/* The daemon ends the connection. */
static void is_thrown_out(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char c[8192];

	for (;;) {
		CHECK_EQ(poll(&p, 1, 8000), 1);
		if (recv(sock, c, sizeof(c), MSG_DONTWAIT) <= 0)
			break;
	}
	close(sock);
	others_are_served();
}

/* --- Messages -------------------------------------------------------------------------------------------- */

CASE(garbage_instead_of_hello)
{
	for (size_t len = 1; len < 5000; len += 311) {
		char bytes[5000];
		int sock = dial();

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(i * 7 + len);
		CHECK_OK(send(sock, bytes, len, MSG_NOSIGNAL));
		is_thrown_out(sock);
	}
}

CASE(another_version)
{
	struct lrd_msg m = { .type = LRD_HELLO, .cmd = LRD_VERSION + 1 };
	int sock = dial();

	CHECK_EQ(lr_message_send(sock, -1, &m, NULL, 0), 0);
	CHECK_EQ(lr_message_receive(sock, -1, &m, NULL, NULL, 5000), 0);
	CHECK_EQ(m.type, LRD_REFUSED);
	CHECK(m.len > 0 && m.result < 0);
	is_thrown_out(sock);
}

/* Who says nothing keeps nobody waiting. */
CASE(silence)
{
	int socks[50];

	for (int i = 0; i < 50; i++)
		socks[i] = dial();
	others_are_served();
	for (int i = 0; i < 50; i++)
		close(socks[i]);
	others_are_served();
}

CASE(messages_out_of_place)
{
	static const uint32_t types[] = { 0, LRD_HELLO, LRD_WELCOME, LRD_REFUSED, LRD_CALL, LRD_READ, LRD_WRITE, LRD_DATA, LRD_DONE, LRD_LEAVE, 77, UINT32_MAX };

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct lrd_msg m = { .type = types[i] };
		int fds[LRD_FDS_MAX], sock = enter(fds);

		CHECK_EQ(lr_message_send(sock, -1, &m, NULL, 0), 0);
		for (int k = 0; k < LRD_FDS_MAX; k++)
			close(fds[k]);
		is_thrown_out(sock);
	}
}

CASE(descriptors_out_of_place)
{
	for (unsigned int n = 1; n <= LRD_FDS_MAX; n++) {
		struct lrd_msg m = { .type = n == 1 ? LRD_HELLO : LRD_CALL, .cmd = NIOCCTRL };
		int fds[LRD_FDS_MAX], sock = enter(fds);

		/* No line, but whatever: a door, a bell, pipes. */
		CHECK_EQ(lr_message_send(sock, -1, &m, fds, n), 0);
		if (n == 2)
			close(sock);
		else
			is_thrown_out(sock);
		others_are_served();
	}
}

/* --- Calls -------------------------------------------------------------------------------------------------- */

/* Never answers what the daemon asks. */
CASE(stalled_call)
{
	int fds[LRD_FDS_MAX], sock = enter(fds), line = begin_call(sock, NIOCCTRL, 4096);

	others_are_served();
	close(sock);
	others_are_served();
	close(line);
	others_are_served();
}

CASE(line_closed_during_a_call)
{
	for (int i = 0; i < 100; i++) {
		int fds[LRD_FDS_MAX], sock = enter(fds);

		close(begin_call(sock, i & 1 ? NIOCCTRL : NIOCREGIF, 4096));
		for (int k = 0; k < LRD_FDS_MAX; k++)
			close(fds[k]);
		close(sock);
	}
	others_are_served();
}

/* A request that is another one each time it is looked at, in answers of all lengths. */
static void answer_nonsense(int line, uint64_t *seed)
{
	for (int i = 0; i < 50; i++) {
		struct lrd_msg m;

		if (lr_message_receive(line, -1, &m, NULL, NULL, 1000) || m.type == LRD_DONE)
			return;
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		if (m.type == LRD_WRITE)
			m.len = 0;
		else if (*seed >> 61 == 0)
			m.len = (uint32_t)(*seed >> 33) % (LRD_DATA_MAX + 1);
		for (uint32_t k = 0; k < m.len; k++)
			m.data[k] = (unsigned char)(*seed >> (k % 50) & (*seed >> 60 < 8 ? 0xf : 0xff));
		if (m.len >= 8)	/* mostly of the right version, so that it goes further than that */
			memcpy(m.data, &(uint16_t){ NETMAP_API }, 2);
		m.type = *seed >> 59 == 1 ? (uint32_t)(*seed >> 40) % 12 : LRD_DATA;
		m.result = *seed >> 58 == 2 ? -EFAULT : 0;
		if (lr_message_send(line, -1, &m, NULL, 0))
			return;
	}
}

CASE(nonsense_in_calls)
{
	uint64_t seed = 1;

	for (int i = 0; i < 300; i++) {
		int fds[LRD_FDS_MAX], sock = enter(fds);

		for (int k = 0; k < 4; k++) {
			int line = begin_call(sock, k == 3 ? NIOCREGIF : NIOCCTRL, 4096);

			answer_nonsense(line, &seed);
			close(line);
		}
		for (int k = 0; k < LRD_FDS_MAX; k++)
			close(fds[k]);
		close(sock);
	}
	others_are_served();
}

/* --- The door ------------------------------------------------------------------------------------------------- */

/* An honest call on a connection made by hand. */
static int honest_register(int sock, const char *name, int *memory)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, name, &reg);
	int line = begin_call(sock, NIOCCTRL, PTR(&h)), fds[LRD_FDS_MAX];
	struct lrd_msg m;
	unsigned int n;

	for (;;) {
		CHECK_EQ(lr_message_receive(line, -1, &m, fds, &n, 5000), 0);
		if (m.type == LRD_DONE)
			break;
		if (m.type == LRD_READ)
			memcpy(m.data, (void *)(uintptr_t)m.addr, m.len);
		else
			memcpy((void *)(uintptr_t)m.addr, m.data, m.len);
		m.len = m.type == LRD_READ ? m.len : 0;
		m.type = LRD_DATA;
		m.result = 0;
		CHECK_EQ(lr_message_send(line, -1, &m, NULL, 0), 0);
	}
	close(line);
	if (n)
		*memory = fds[0];
	return m.result;
}

static void *scribble(void *arg)
{
	volatile uint32_t *w = arg;
	uint64_t seed = 7;

	for (unsigned int i = 0; i < 3000000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		w[(seed >> 33) % (sizeof(struct lrd_door) / 4)] = (uint32_t)(seed >> 20);
	}
	return NULL;
}

/* Doors and rings rewritten at random, holes punched into the memory, bells that ring all the time. */
CASE(scribbled_doors)
{
	int fds[2][LRD_FDS_MAX], sock[2], memory[2];
	struct lrd_door *door[2];
	pthread_t t[2];

	for (int i = 0; i < 2; i++) {
		sock[i] = enter(fds[i]);
		CHECK_EQ(honest_register(sock[i], i ? unique("}1") : unique("{1"), &memory[i]), 0);
		door[i] = map_door(fds[i][0]);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, scribble, door[i]), 0);
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(write(fds[i % 2][1], &(uint64_t){ UINT64_MAX - 1 }, 8) == 8 || errno == EAGAIN, 1);
		fallocate(memory[i % 2], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (i % 64) * INT64_C(65536), 65536);
		fallocate(fds[i % 2][0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
		if (i % 100 == 0)
			others_are_served();
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		CHECK_ERRNO(ftruncate(fds[i][0], 0), EPERM);
		CHECK_ERRNO(ftruncate(memory[i], 0), EPERM);
		close(sock[i]);
	}
	others_are_served();
}

/* The bell is made to block, and the chimes are read away. */
CASE(blocking_bell)
{
	int fds[LRD_FDS_MAX], sock = enter(fds), memory;
	struct lrd_door *door = map_door(fds[0]);
	char c[100];

	CHECK_EQ(honest_register(sock, unique("{1"), &memory), 0);
	CHECK_OK(fcntl(fds[1], F_SETFL, 0));
	for (int i = 0; i < 2000; i++) {
		uint64_t v;

		__atomic_add_fetch(&door->lane[LRD_POLL_IN].ask, 1, __ATOMIC_SEQ_CST);
		CHECK_OK(write(fds[1], &(uint64_t){ 1 }, 8));
		CHECK_OK(fcntl(fds[1], F_SETFL, O_NONBLOCK));
		if (read(fds[1], &v, 8) < 0)
			CHECK_EQ(errno, EAGAIN);
		CHECK_OK(fcntl(fds[1], F_SETFL, 0));
		door->lane[LRD_POLL_IN].arm = 1;
		if (read(fds[2], c, sizeof(c)) < 0)
			CHECK_EQ(errno, EAGAIN);
	}
	others_are_served();
	/* Our connection is still served, too. */
	CHECK_EQ(honest_register(sock, unique("{1"), &memory), -EBUSY);
	close(sock);
}

/* --- Too much ----------------------------------------------------------------------------------------------- */

/* Connections that come and go, and messages nobody reads. */
static void flood(void *arg)
{
	struct lrd_msg m = { .type = LRD_HELLO, .cmd = LRD_VERSION };

	(void)arg;
	for (int i = 0; i < 1500; i++) {
		int sock = dial();

		if (i % 3)
			lr_message_send(sock, -1, &m, NULL, 0);
		close(sock);
	}
}

CASE(flood_of_connections)
{
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		CHECK_OK(pid[i]);
		if (pid[i] == 0) {
			flood(NULL);
			_exit(0);
		}
	}
	for (int i = 0; i < 5; i++)
		others_are_served();
	for (int i = 0; i < 3; i++)
		check_wait_child(pid[i]);
	others_are_served();
}

/* --- Limits ---------------------------------------------------------------------------------------------------- */

/* A netmapd of the case's own with this configuration. */
static void own_daemon(const char *config)
{
	static char path[100], file[120];
	const char *program = getenv("LR_NETMAPD");
	FILE *f;

	if (!program)
		SKIP("LR_NETMAPD does not say where netmapd is");
	snprintf(path, sizeof(path), "%s.%d", getenv("NETMAP_SOCKET"), getpid());
	snprintf(file, sizeof(file), "%s.conf", path);
	CHECK_OK(setenv("NETMAP_SOCKET", path, 1));
	f = fopen(file, "w");
	CHECK(f && fputs(config, f) >= 0 && fclose(f) == 0);
	if (fork() == 0) {
		execl(program, program, "-c", file, "-s", path, NULL);
		_exit(127);
	}
	for (int i = 0; access(path, W_OK) < 0; i++) {
		CHECK_MSG(i < 1000, "%s does not listen", program);
		usleep(10000);
	}
}

CASE(limit_of_descriptors)
{
	int fd[4];

	own_daemon("limits = { descriptors = 4; };");
	for (int i = 0; i < 4; i++)
		fd[i] = dev_open();
	CHECK_ERRNO(open(NETMAP_DEVICE_NAME, O_RDWR), EMFILE);
	close(fd[0]);
	fd[0] = dev_open();
	for (int i = 0; i < 4; i++)
		close(fd[i]);
}

CASE(limit_of_rings)
{
	const struct nmreq_register want = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_rings = 4, .nr_rx_rings = 4, .nr_tx_slots = 16, .nr_rx_slots = 16 };
	struct nmreq_register reg = want;
	int a, b;

	own_daemon("limits = { rings = 10; };");
	a = dev_open();
	b = dev_open();
	CHECK_GRANTED(ctrl(a, NETMAP_REQ_REGISTER, unique("{1"), &reg));
	reg = want;
	CHECK_REFUSED(ctrl(b, NETMAP_REQ_REGISTER, unique("{2"), &reg), ENOMEM);
	CHECK_MSG(strstr(why, "limit"), "%s", why);
	close(a);
	reg = want;
	CHECK_GRANTED(ctrl(b, NETMAP_REQ_REGISTER, unique("{2"), &reg));
	close(b);
}

CASE(limit_of_memory)
{
	const struct nmreq_register want = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 4096, .nr_rx_slots = 4096 };
	struct nmreq_register reg = want;
	int a, b;

	own_daemon("limits = { memory = 20; };");
	a = dev_open();
	b = dev_open();
	CHECK_GRANTED(ctrl(a, NETMAP_REQ_REGISTER, unique("{1"), &reg));
	reg = want;
	CHECK_REFUSED(ctrl(b, NETMAP_REQ_REGISTER, unique("{2"), &reg), ENOMEM);
	CHECK_MSG(strstr(why, "MiB"), "%s", why);
	close(a);
	close(b);
}

static int want_extra(int fd, uint32_t extra)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_extra_bufs = extra };
	int err = ctrl(fd, NETMAP_REQ_REGISTER, unique("extra"), &reg);

	CHECK_MSG(err || reg.nr_extra_bufs == extra, "%u extra buffers instead of %u", reg.nr_extra_bufs, extra);
	return err;
}

/* Extra buffers count as the buffers of rings do: 2048 bytes each. */
CASE(limit_of_extra_buffers)
{
	int a, b;

	own_daemon("limits = { memory = 10; };");
	a = dev_open();
	b = dev_open();
	CHECK_GRANTED(want_extra(a, 3000));
	CHECK_REFUSED(want_extra(b, 3000), ENOMEM);
	CHECK_MSG(strstr(why, "5 MiB in use") && strstr(why, "limit is 10"), "%s", why);
	CHECK_REFUSED(want_extra(b, UINT32_MAX), ENOMEM);
	CHECK_GRANTED(want_extra(b, 2000));
	close(a);
	a = dev_open();
	CHECK_GRANTED(want_extra(a, 3000));
	close(a);
	close(b);
}

/* As if somebody had it open, though nobody has, until it is removed. */
static int want_persistent(const char *name, unsigned int rings)
{
	struct nmreq_vale_newif newif = { .nr_tx_rings = (uint16_t)rings, .nr_rx_rings = (uint16_t)rings };
	int fd = dev_open(), err = ctrl(fd, NETMAP_REQ_VALE_NEWIF, name, &newif);

	close(fd);
	return err;
}

static int remove_persistent(const char *name)
{
	int fd = dev_open(), err = ctrl(fd, NETMAP_REQ_VALE_DELIF, name, NULL);

	close(fd);
	return err;
}

CASE(limit_of_persistent_ports)
{
	own_daemon("limits = { rings = 10; memory = 40; };");
	CHECK_GRANTED(want_persistent("p1", 2));
	CHECK_GRANTED(want_persistent("p2", 2));
	CHECK_REFUSED(want_persistent("p3", 2), ENOMEM);
	CHECK_MSG(strstr(why, "8 rings in use"), "%s", why);
	CHECK_GRANTED(want_persistent("p3", 1));
	CHECK_REFUSED(want_persistent("p4", 1), ENOMEM);
	/* What failed for another reason is not charged. */
	CHECK_REFUSED(want_persistent("p3", 1), EEXIST);
	CHECK_GRANTED(remove_persistent("p2"));
	CHECK_GRANTED(remove_persistent("p1"));
	CHECK_REFUSED(want_persistent("p4", 5), ENOMEM);
	CHECK_GRANTED(want_persistent("p4", 4));
	CHECK_GRANTED(remove_persistent("p3"));
	CHECK_GRANTED(remove_persistent("p4"));
	CHECK_GRANTED(want_persistent("p5", 5));
}

CASE(limit_of_persistent_memory)
{
	own_daemon("limits = { memory = 10; };");
	CHECK_GRANTED(want_persistent("p1", 1));
	CHECK_GRANTED(want_persistent("p2", 1));
	CHECK_REFUSED(want_persistent("p3", 1), ENOMEM);
	CHECK_MSG(strstr(why, "8 MiB in use"), "%s", why);
	CHECK_GRANTED(remove_persistent("p2"));
	CHECK_GRANTED(want_persistent("p3", 1));
}

/* 120 requests, 20 at once and then 50 a second: two seconds. */
CASE(limit_of_requests)
{
	struct nmreq_pools_info info;
	uint64_t begin;
	int fd;

	own_daemon("limits = { requests = 50; };");
	fd = dev_open();
	begin = check_now_ms();
	for (int i = 0; i < 120; i++) {
		info = (struct nmreq_pools_info){ .nr_mem_id = 1 };
		CHECK_GRANTED(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &info));
	}
	CHECK_MSG(check_now_ms() - begin >= 1200, "120 requests took %u ms", (unsigned int)(check_now_ms() - begin));
	close(fd);
}

CASE(configuration_with_errors)
{
	static const char *const bad[] = {
		"limits = { desciptors = 4; };", "limits = { rings = 0; };", "limits = 5;", "frobnicate = 1;", "busy = 3;",
		"nics = ( { users = [ \"root\" ]; } );", "nics = ( { name = \"eth0\"; users = [ \"no-such-user-here\" ]; } );",
		"socket = \"relative\";", "region = { buf_size = 3; };", "region = { buf_num = \"x\"; };", "limits = {", "share_nic_memory = 1;",
	};
	const char *program = getenv("LR_NETMAPD");
	char file[100];

	if (!program)
		SKIP("LR_NETMAPD does not say where netmapd is");
	snprintf(file, sizeof(file), "%s.%d.conf", getenv("NETMAP_SOCKET"), getpid());
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *f = fopen(file, "w");
		int status;
		pid_t pid;

		CHECK(f && fputs(bad[i], f) >= 0 && fclose(f) == 0);
		pid = fork();
		if (pid == 0) {
			close(2);
			execl(program, program, "-c", file, "-i", "0", NULL);
			_exit(127);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%s: status %x", bad[i], status);
	}
}
