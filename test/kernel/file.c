/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors of the device as the kernel's: thousands of them, copies, gifts to other processes, fcntl, the calls that make
 * no sense on them, closing under another thread's call.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "kernel.h"

/* --- Many --------------------------------------------------------------------------------------- */

CASE(ten_thousand_opens)
{
	long before = mem_available();

	for (uint32_t i = 0; i < scaled(10000); i++) {
		CHECK_OK(close(dev_open()));
		if (i % 1000 == 0)
			check_progress();
	}
	CHECK_MEMORY_BACK(before, 32 * 1024);
}

CASE(ten_thousand_null_ports)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL };
	long before = mem_available();

	for (uint32_t i = 0; i < scaled(10000); i++) {
		struct port p = port_open(unique("n"), &want);

		CHECK_EQ(p.nifp->ni_version, NETMAP_API);
		port_close(&p);
		if (i % 100 == 0)
			check_progress();
	}
	CHECK_MEMORY_BACK(before, 32 * 1024);
}

CASE(ten_thousand_pipe_ends)
{
	long before = mem_available();

	for (uint32_t i = 0; i < scaled(5000); i++) {
		uint32_t out = 0, in = 0;
		struct port p[2];

		pipe_open(p, unique(""), 4);
		CHECK_EQ(put_packets(tx_ring(&p[0], 0), 1, &out), 1);
		txsync(&p[0]);
		rxsync(&p[1]);
		CHECK_EQ(take_packets(rx_ring(&p[1], 0), 1, &in), 1);
		port_close(&p[i & 1]);
		port_close(&p[!(i & 1)]);
		if (i % 100 == 0)
			check_progress();
	}
	CHECK_MEMORY_BACK(before, 32 * 1024);
}

CASE(hundred_on_one_port)
{
	enum { N = 100 };
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_tx_slots = 16 };
	const char *name = unique("one");
	struct nmreq_port_stats body = { 0 };
	static struct port p[N];

	for (int i = 0; i < N; i++)
		p[i] = port_open(name, &want);
	CHECK_GRANTED(ctrl(p[0].fd, NETMAP_REQ_PORT_STATS_GET, name, &body));
	CHECK_EQ(body.nr_users, N);
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < i; j++)
			CHECK(p[i].reg.nr_offset != p[j].reg.nr_offset);
		CHECK_EQ((char *)tx_ring(&p[i], 0) - p[i].mem, (char *)tx_ring(&p[0], 0) - p[0].mem);
		txsync(&p[i]);
		CHECK_EQ(poll_port(&p[i], POLLOUT, 0), POLLOUT);
	}
	for (int i = 0; i < N; i++)
		port_close(&p[(i * 37) % N]);
}

CASE(hundred_pipes)
{
	enum { N = 50 };
	static struct port p[N][2];
	uint32_t out[N] = { 0 }, in[N] = { 0 };

	for (int i = 0; i < N; i++)
		pipe_open(p[i], unique((char[]){ (char)('A' + i % 26), (char)('a' + i / 26), 0 }), 8);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++) {
			CHECK_EQ(put_packets(tx_ring(&p[i][0], 0), 1 + (uint32_t)i % 5, &out[i]), 1 + i % 5);
			txsync(&p[i][0]);
		}
		for (int i = N; i--; ) {
			CHECK_EQ(poll_port(&p[i][1], POLLIN, 1000), POLLIN);
			CHECK_EQ(take_packets(rx_ring(&p[i][1], 0), 9, &in[i]), 1 + i % 5);
			rxsync(&p[i][1]);
		}
	}
	for (int i = 0; i < N; i++) {
		port_close(&p[i][1]);
		port_close(&p[i][0]);
	}
}

/* All in one poll. */
CASE(hundred_in_one_poll)
{
	enum { N = 50 };
	static struct port p[N][2];
	struct pollfd pfd[N];

	for (int i = 0; i < N; i++) {
		pipe_open(p[i], unique((char[]){ (char)('A' + i % 26), (char)('a' + i / 26), 0 }), 8);
		pfd[i] = (struct pollfd){ .fd = p[i][1].fd, .events = POLLIN };
	}
	CHECK_EQ(poll(pfd, N, 10), 0);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t k = (i * 17) % N, out = 0, in = 0;

		CHECK_EQ(put_packets(tx_ring(&p[k][0], 0), 1, &out), 1);
		txsync(&p[k][0]);
		CHECK_EQ(poll(pfd, N, 1000), 1);
		CHECK_EQ(pfd[k].revents, POLLIN);
		CHECK_EQ(take_packets(rx_ring(&p[k][1], 0), 9, &in), 1);
		rxsync(&p[k][1]);
	}
	for (int i = 0; i < N; i++) {
		port_close(&p[i][1]);
		port_close(&p[i][0]);
	}
}

CASE(no_descriptors_left)
{
	struct rlimit limit;
	int fds[64], n = 0;
	struct port p;

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 40;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	while (n < 64 && (fds[n] = open(NETMAP_DEVICE_NAME, O_RDWR)) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK(n > 10 && n < 40);
	/* A mapping takes no descriptor. */
	p = (struct port){ .fd = fds[0] };
	snprintf(p.name, sizeof(p.name), "%s", unique("{1"));
	CHECK_GRANTED(port_register(&p));
	port_map(&p);
	CHECK_EQ(touch_read(p.nifp), 0);
	while (--n > 0)
		CHECK_OK(close(fds[n]));
	port_close(&p);
}

/* --- Copies and gifts ---------------------------------------------------------------------------------- */

static struct port p[2];

static void setup(void)
{
	pipe_open(p, unique(""), 64);
}

static void teardown(void)
{
	port_close(&p[0]);
	port_close(&p[1]);
}

/* Sync and poll of the same open file in a child. */
static void use_in_child(void *arg)
{
	uint32_t *seq = arg, in = *seq;

	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 3, seq), 3);
	txsync(&p[0]);
	CHECK_EQ(poll_port(&p[1], POLLIN, 1000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 3);
	rxsync(&p[1]);
}

/* After a fork both go on with it, in turn. */
CASE(used_by_parent_and_child)
{
	uint32_t seq = 0;

	setup();
	for (int i = 0; i < 5; i++) {
		check_in_child(use_in_child, &seq);
		seq += 3;
		use_in_child(&seq);
	}
	teardown();
}

CASE(dup_and_close)
{
	uint32_t out = 0, in = 0;
	int fd[5];

	setup();
	fd[0] = dup(p[0].fd);
	fd[1] = fcntl(p[0].fd, F_DUPFD, 100);
	fd[2] = fcntl(p[0].fd, F_DUPFD_CLOEXEC, 200);
	fd[3] = dup2(p[0].fd, 300);
	fd[4] = dup3(p[0].fd, 301, O_CLOEXEC);
	CHECK_OK(close(p[0].fd));
	for (int i = 0; i < 5; i++) {
		CHECK_OK(fd[i]);
		CHECK_EQ(put_packets(tx_ring(&p[0], 0), 2, &out), 2);
		CHECK_OK(ioctl(fd[i], NIOCTXSYNC, NULL));
		rxsync(&p[1]);
		CHECK_EQ(take_packets(rx_ring(&p[1], 0), 9, &in), 2);
		p[0].fd = fd[i];
		if (i < 4)
			CHECK_OK(close(fd[i]));
	}
	teardown();
}

static int sock[2];

/* Knows of the port only what came through the socket. */
static void use_a_gift(void *arg)
{
	struct port q = { 0 };
	uint32_t in = 0;

	(void)arg;
	CHECK_EQ(recv(sock[1], &q.reg, sizeof(q.reg), MSG_WAITALL), sizeof(q.reg));
	q.fd = fd_receive(sock[1]);
	port_map(&q);
	CHECK_EQ(poll_port(&q, POLLIN, 5000), POLLIN);
	rxsync(&q);
	CHECK_EQ(take_packets(rx_ring(&q, 0), 9, &in), 5);
	rxsync(&q);
	/* The giver closes; what is here is the last copy. */
	CHECK_EQ(send(sock[1], "k", 1, 0), 1);
	CHECK_EQ(poll_port(&q, POLLIN, 5000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&q, 0), 9, &in), 5);
	CHECK_EQ(send(sock[1], "k", 1, 0), 1);
	port_close(&q);
}

CASE(given_to_another_process)
{
	uint32_t out = 0;
	pid_t pid;
	char ok;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = spawn(use_a_gift, NULL);
	setup();
	CHECK_EQ(send(sock[0], &p[1].reg, sizeof(p[1].reg), 0), sizeof(p[1].reg));
	fd_send(sock[0], p[1].fd);
	port_close(&p[1]);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 5, &out), 5);
	txsync(&p[0]);
	CHECK_EQ(recv(sock[0], &ok, 1, 0), 1);
	usleep(20000);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 5, &out), 5);
	txsync(&p[0]);
	CHECK_EQ(recv(sock[0], &ok, 1, 0), 1);
	check_wait_child(pid);
	port_close(&p[0]);
}

/* In a socket's queue, of which nobody reads any more. */
CASE(lost_on_the_way)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	const char *name = unique("{1");
	struct port q = port_open(name, &want);

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	fd_send(sock[0], q.fd);
	fd_send(sock[0], sock[1]);
	port_close(&q);
	q = (struct port){ .fd = dev_open(), .reg = want };
	snprintf(q.name, sizeof(q.name), "%s", name);
	CHECK_EQ(port_register(&q), EBUSY);
	close(sock[0]);
	close(sock[1]);
	/* The socket held itself; the kernel's collector frees it when the next one comes or goes, a moment later. */
	for (int i = 0; i < 500 && port_register(&q) == EBUSY; i++) {
		int other[2];

		CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, other));
		fd_send(other[0], other[1]);
		close(other[0]);
		close(other[1]);
		usleep(10000);
	}
	CHECK_MSG(why[0] == 0 || strstr(why, "bound to"), "the port is still held: %s", why);
	close(q.fd);
}

/* Opened through /proc it is the device once more, bound to nothing. */
CASE(reopened_through_proc)
{
	char path[64];
	int fd;

	setup();
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), p[0].fd);
	fd = open(path, O_RDWR);
	CHECK_OK(fd);
	CHECK_ERRNO(ioctl(fd, NIOCTXSYNC, NULL), ENXIO);
	CHECK_EQ(poll_port(&(struct port){ .fd = fd }, POLLIN, 0), POLLERR);
	pipe_flow(p, 100);
	close(fd);
	pipe_flow(p, 100);
	teardown();
}

/* --- fcntl, and calls that make no sense ------------------------------------------------------------------- */

CASE(flags)
{
	int flags;

	setup();
	flags = fcntl(p[1].fd, F_GETFL);
	CHECK_EQ(flags & O_ACCMODE, O_RDWR);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(fcntl(p[1].fd, F_SETFL, i ? flags : flags | O_NONBLOCK | O_APPEND));
		/* Not blocking is what sync does anyway; poll waits as it is told. */
		rxsync(&p[1]);
		CHECK_EQ(poll_port(&p[1], POLLIN, 20), 0);
	}
	CHECK_MSG(fcntl(p[1].fd, F_SETFL, flags | O_DIRECT) == 0 || errno == EINVAL, "O_DIRECT: %s", strerror(errno));
	CHECK_MSG(fcntl(p[1].fd, F_SETFL, flags | O_ASYNC) == 0 || errno == EINVAL || errno == ENOTTY, "O_ASYNC: %s", strerror(errno));
	CHECK_OK(fcntl(p[1].fd, F_SETOWN, getpid()));
	CHECK_OK(fcntl(p[1].fd, F_SETFL, flags));
	CHECK_EQ(fcntl(p[1].fd, F_GETPIPE_SZ), -1);
	CHECK_EQ(fcntl(p[1].fd, F_ADD_SEALS, 1), -1);
	CHECK_OK(flock(p[1].fd, LOCK_EX));
	CHECK_OK(flock(p[1].fd, LOCK_UN));
	pipe_flow(p, 100);
	teardown();
}

/* The call fails, with one of the errors that say "not on this". */
#define CHECK_SENSELESS(call)									\
	do {											\
		errno = 0;									\
		CHECK_MSG((long)(call) == -1, "%s went well", #call);				\
		CHECK_MSG(errno == EINVAL || errno == ENODEV || errno == EOPNOTSUPP || errno == EBADF || errno == ESPIPE || \
			  errno == ENOTDIR || errno == ENOTSOCK || errno == ENOTTY || errno == EXDEV || errno == EPERM, \
			  "%s: %s", #call, strerror(errno));					\
	} while (0)

static void senseless(int fd)
{
	char byte[16] = "";
	struct iovec iov = { byte, sizeof(byte) };
	int pipes[2];
	loff_t at = 0;
	FILE *f = tmpfile();

	CHECK(f);
	CHECK_OK(pipe(pipes));
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_SENSELESS(read(fd, byte, sizeof(byte)));
	CHECK_SENSELESS(write(fd, byte, sizeof(byte)));
	CHECK_SENSELESS(pread(fd, byte, sizeof(byte), 0));
	CHECK_SENSELESS(pwrite(fd, byte, sizeof(byte), 100));
	CHECK_SENSELESS(readv(fd, &iov, 1));
	CHECK_SENSELESS(writev(fd, &iov, 1));
	CHECK_SENSELESS(fsync(fd));
	CHECK_SENSELESS(fdatasync(fd));
	CHECK_SENSELESS(ftruncate(fd, 0));
	CHECK_SENSELESS(fallocate(fd, 0, 0, 4096));
	CHECK_SENSELESS(splice(fd, NULL, pipes[1], NULL, 10, 0));
	CHECK_SENSELESS(splice(pipes[0], NULL, fd, NULL, 1, 0));
	CHECK_SENSELESS(sendfile(fileno(f), fd, &at, 10));
	CHECK_SENSELESS(sendfile(pipes[1], fd, NULL, 10));
	CHECK_SENSELESS(copy_file_range(fd, NULL, fileno(f), NULL, 10, 0));
	CHECK_SENSELESS(recv(fd, byte, 1, 0));
	CHECK_SENSELESS(fchdir(fd));
	CHECK_SENSELESS(isatty(fd) ? 0 : -1);
	CHECK(lseek(fd, 0, SEEK_SET) <= 0);
	CHECK(lseek(fd, 0, SEEK_END) <= 0);
	close(pipes[0]);
	close(pipes[1]);
	fclose(f);
}

CASE(senseless_calls)
{
	int fd = dev_open();
	struct stat st;

	setup();
	senseless(fd);
	senseless(p[0].fd);
	CHECK_OK(fstat(fd, &st));
	CHECK(S_ISCHR(st.st_mode));
	pipe_flow(p, 100);
	teardown();
	close(fd);
}

/* Every number of an ioctl's lowest byte, with our letter, sizes and directions. */
CASE(unknown_ioctls)
{
	static const unsigned long known[] = { NIOCCTRL, NIOCREGIF, NIOCGINFO, NIOCREG, NIOCTXSYNC, NIOCRXSYNC };
	int unbound = dev_open();
	char arg[16384];

	setup();
	for (unsigned long nr = 0; nr < 256 * 8; nr++) {
		unsigned long size = (unsigned long[]){ 0, 1, 60, 88 }[nr / 512];
		unsigned long cmd = nr & 256 ? _IOC(_IOC_READ | _IOC_WRITE, 'i', nr & 255, size) : _IOC(0, 'i', nr & 255, size);
		bool is_known = false;

		for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= cmd == known[i];
		if (is_known)
			continue;
		memset(arg, 0xff, sizeof(arg));
		for (int j = 0; j < 2; j++) {
			errno = 0;
			CHECK_EQ(ioctl(j ? unbound : p[0].fd, cmd, arg), -1);
			CHECK_MSG(errno == ENOTTY || errno == EOPNOTSUPP, "ioctl 0x%lx: %s", cmd, strerror(errno));
		}
	}
	pipe_flow(p, 100);
	teardown();
	close(unbound);
}

/* --- Closed under a call ------------------------------------------------------------------------------------- */

static int victim;
static size_t victim_size;

static void *poll_it(void *arg)
{
	struct pollfd pfd = { .fd = *(int *)arg, .events = POLLIN };

	poll(&pfd, 1, 100);
	return NULL;
}

static void *sync_it(void *arg)
{
	int fd = *(int *)arg;

	while (ioctl(fd, NIOCTXSYNC, NULL) == 0 && ioctl(fd, NIOCRXSYNC, NULL) == 0)
		;
	return NULL;
}

static void *map_it(void *arg)
{
	int fd = *(int *)arg;
	void *m;

	while ((m = mmap(NULL, victim_size, PROT_READ, MAP_SHARED, fd, 0)) != MAP_FAILED)
		munmap(m, victim_size);
	return NULL;
}

static void *ask_it(void *arg)
{
	struct nmreq_pools_info info;
	int fd = *(int *)arg;

	do
		memset(&info, 0, sizeof(info));
	while (ask(fd, NETMAP_REQ_POOLS_INFO_GET, "", &info) == 0);
	return NULL;
}

/* The number is used again by another file at once, or by nobody: the call ends, the port is free. */
CASE(closed_under_calls)
{
	void *(*const calls[])(void *) = { poll_it, sync_it, map_it, ask_it };
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	const char *name = unique("{1");
	char fixed[64];

	snprintf(fixed, sizeof(fixed), "%s", name);
	for (uint32_t i = 0; i < scaled(100); i++) {
		struct port q = port_open(fixed, &want);
		pthread_t t[4];

		victim = q.fd;
		victim_size = q.reg.nr_memsize;
		for (int j = 0; j < 4; j++)
			thread_start(&t[j], calls[j], &victim);
		usleep(any(2000));
		CHECK_OK(close(q.fd));
		if (i & 1)
			CHECK_OK(open("/dev/null", O_RDWR));
		for (int j = 0; j < 4; j++)
			thread_join(t[j]);
		if (i & 1)
			CHECK_OK(close(victim));
		CHECK_OK(munmap(q.mem, q.reg.nr_memsize));
		check_progress();
	}
}

/* Bound by one thread while another closes it. */
static void *bind_it(void *arg)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16, .nr_rx_slots = 16 };
	int err = ask(*(int *)arg, NETMAP_REQ_REGISTER, unique("bind{1"), &reg);

	CHECK_MSG(err == 0 || err == EBADF || err == ENOTTY || err == EBUSY, "register: %s", strerror(err));
	return NULL;
}

CASE(closed_while_being_bound)
{
	for (uint32_t i = 0; i < scaled(200); i++) {
		int fd = dev_open();
		pthread_t t[2];

		thread_start(&t[0], bind_it, &fd);
		thread_start(&t[1], bind_it, &fd);
		usleep(any(300));
		CHECK_OK(close(fd));
		thread_join(t[0]);
		thread_join(t[1]);
	}
	/* Whoever won, it is gone now. */
	CHECK_OK(close(port_open(unique("bind{1"), &(struct nmreq_register){ .nr_flags = NR_EXCLUSIVE }).fd));
}
