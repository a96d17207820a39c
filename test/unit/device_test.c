/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-process host: open, ioctl, mmap, dup and close of /dev/netmap, fork, and what must stay as it is.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>

#include "device_port.h"
#include "test/lib/check.c"	/* has main() */

extern char **environ;

static int poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static bool is_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	CHECK_OK(flags);
	return flags & FD_CLOEXEC;
}

static bool is_ours(int fd)
{
	struct nmreq r = { .nr_version = NETMAP_API };

	return ioctl(fd, NIOCGINFO, &r) == 0;
}

static int count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

CASE(opens_in_every_way)
{
	int fd[5], i;

	fd[0] = open("/dev/netmap", O_RDWR);
	fd[1] = open64("/dev/netmap", O_RDWR | O_CLOEXEC);
	fd[2] = openat(AT_FDCWD, "/dev/netmap", O_RDWR);
	fd[3] = openat64(-1, "/dev/netmap", O_RDWR);
	fd[4] = open("/dev/netmap", O_RDWR | O_NONBLOCK);
	for (i = 0; i < 5; i++) {
		CHECK_OK(fd[i]);
		CHECK(is_ours(fd[i]));
		CHECK_EQ(is_cloexec(fd[i]), i == 1);
		CHECK_OK(close(fd[i]));
	}
}

CASE(other_opens_are_as_before)
{
	char name[] = "/tmp/lr-device-XXXXXX";
	struct stat st;
	int fd = mkstemp(name);

	CHECK_OK(fd);
	CHECK_OK(close(fd));
	CHECK_OK(unlink(name));
	CHECK_OK(fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0640));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 0777, 0640);
	CHECK_ERRNO(ioctl(fd, NIOCTXSYNC), ENOTTY);
	CHECK_OK(close(fd));
	CHECK_OK(unlink(name));
	CHECK_ERRNO(open("/dev/netmap2", O_RDWR), ENOENT);
	CHECK_ERRNO(open((const char *)8, O_RDWR), EFAULT);
	CHECK_ERRNO(open("/dev/netmap", O_RDWR | O_DIRECTORY), ENOENT);
}

CASE(host_by_environment)
{
	CHECK_OK(setenv("NETMAP_HOST", "inprocess", 1));
	CHECK_OK(close(device_open()));
	CHECK_OK(setenv("NETMAP_HOST", "device", 1));
	CHECK_ERRNO(open("/dev/netmap", O_RDWR), ENOENT);
	CHECK_ERRNO(access("/dev/netmap", F_OK), ENOENT);
	CHECK_OK(setenv("NETMAP_HOST", "mars", 1));
	CHECK_ERRNO(open("/dev/netmap", O_RDWR), EINVAL);
	CHECK_OK(setenv("NETMAP_HOST", "", 1));
	CHECK_OK(close(device_open()));
}

CASE(file_seems_to_exist)
{
	struct stat st;

	CHECK_OK(access("/dev/netmap", R_OK | W_OK));
	CHECK_OK(stat("/dev/netmap", &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_ERRNO(access("/dev/netmap3", F_OK), ENOENT);
}

CASE(pools_by_environment)
{
	struct nmreq_pools_info info = { .nr_mem_id = 1 };
	struct nmreq_header hdr = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_POOLS_INFO_GET, .nr_body = (uintptr_t)&info };
	int fd;

	CHECK_OK(setenv("NETMAP_BUF_NUM", "12345", 1));
	fd = device_open();
	CHECK_OK(ioctl(fd, NIOCCTRL, &hdr));
	CHECK_EQ(info.nr_buf_pool_objtotal, 12345);
}

CASE(bad_pools_by_environment)
{
	CHECK_OK(setenv("NETMAP_BUF_NUM", "many", 1));
	CHECK_ERRNO(open("/dev/netmap", O_RDWR), EINVAL);
}

CASE(tiny_pools_by_environment)
{
	CHECK_OK(setenv("NETMAP_BUF_SIZE", "1", 1));
	CHECK_ERRNO(open("/dev/netmap", O_RDWR), EINVAL);
}

CASE(unbound_descriptor)
{
	int fd = device_open();

	CHECK_ERRNO(ioctl(fd, NIOCTXSYNC), ENXIO);
	CHECK_EQ(poll_now(fd, POLLIN), POLLERR);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	CHECK_EQ(read(fd, &fd, sizeof(fd)), -1);
	CHECK_OK(close(fd));
	CHECK_ERRNO(close(fd), EBADF);
}

CASE(plain_descriptor_ioctls)
{
	int fd = device_open(), on = 1;

	CHECK_OK(ioctl(fd, FIOCLEX));
	CHECK(is_cloexec(fd));
	CHECK_OK(ioctl(fd, FIONBIO, &on));
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

CASE(map_checks)
{
	struct port p = port_open("p{1");
	void *m;

	CHECK(mmap(NULL, p.size, PROT_READ, MAP_PRIVATE, p.fd, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, p.size + 4096, PROT_READ, MAP_SHARED, p.fd, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 8192, PROT_READ, MAP_SHARED, p.fd, (off_t)p.size - 4096) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, p.fd, -4096) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, p.fd, 0) == MAP_FAILED && errno == EINVAL);
	m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, p.fd, 4096);
	CHECK(m != MAP_FAILED && memcmp(m, p.mem + 4096, 4096) == 0);
	m = mmap64(NULL, p.size, PROT_READ, MAP_SHARED, p.fd, 0);
	CHECK(m != MAP_FAILED);
	/* The mapping outlives the descriptor. */
	CHECK_OK(close(p.fd));
	CHECK_EQ(p.tx->num_slots, 64);
	CHECK_EQ(*(volatile char *)m, *p.mem);
}

CASE(dup_shares)
{
	struct port a = port_open("p{1"), b = port_open("p}1");
	int one = dup(a.fd), two = fcntl(a.fd, F_DUPFD, 50), three = fcntl(a.fd, F_DUPFD_CLOEXEC, 60), fds = count_fds();

	CHECK(two >= 50 && three >= 60 && is_cloexec(three));
	CHECK_EQ(dup2(a.fd, 70), 70);
	CHECK_EQ(dup3(a.fd, 71, O_CLOEXEC), 71);
	CHECK_EQ(dup2(a.fd, a.fd), a.fd);
	CHECK_ERRNO(dup3(a.fd, a.fd, 0), EINVAL);
	CHECK_OK(close(a.fd));
	put(&a, 100);
	CHECK_OK(ioctl(one, NIOCTXSYNC));
	CHECK_OK(close(one));
	put(&a, 101);
	CHECK_OK(ioctl(two, NIOCTXSYNC));
	CHECK_OK(close(two));
	CHECK_OK(close(three));
	CHECK_OK(close(70));
	CHECK_EQ(poll_now(71, POLLOUT), POLLOUT);
	CHECK_EQ(poll_now(b.fd, POLLIN), POLLIN);
	CHECK_EQ(take(&b), 100);
	CHECK_EQ(take(&b), 101);
	CHECK_OK(close(71));
	CHECK(count_fds() < fds);
	CHECK_ERRNO(ioctl(71, NIOCTXSYNC), EBADF);
	/* Unbound: the end can be had exclusively. */
	{
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };

		CHECK_OK(port_register(device_open(), &reg, "p{1"));
	}
}

CASE(dup2_over_a_descriptor_releases_it)
{
	struct port a = port_open("p{1");
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	int fd = device_open(), null = open("/dev/null", O_RDWR);

	CHECK_ERRNO(dup2(199, a.fd), EBADF);
	CHECK_OK(ioctl(a.fd, NIOCTXSYNC));
	CHECK_ERRNO(port_register(fd, &reg, "p{1"), EBUSY);
	CHECK_EQ(dup2(null, a.fd), a.fd);
	CHECK_ERRNO(ioctl(a.fd, NIOCTXSYNC), ENOTTY);
	CHECK_OK(port_register(fd, &reg, "p{1"));
	CHECK_EQ(dup2(fd, null), null);
	CHECK_OK(ioctl(null, NIOCTXSYNC));
}

CASE(close_range_releases)
{
	int fd[3], i, fds = count_fds();

	for (i = 0; i < 3; i++)
		CHECK_EQ(dup2(device_open(), 100 + i), 100 + i);
	CHECK_OK(close_range(100, 102, 4));
	CHECK(is_ours(101));
	CHECK_ERRNO(close_range(102, 100, 0), EINVAL);
	CHECK(is_ours(101));
	CHECK_OK(close_range(100, 101, 0));
	CHECK(!is_ours(101) && is_ours(102));
	closefrom(90);
	CHECK(!is_ours(102));
	/* The three that were copied are left, each with its eventfd. */
	CHECK_EQ(count_fds(), fds + 6);
	for (i = 0; i < 3; i++) {
		fd[i] = open("/dev/null", O_RDONLY);
		CHECK_ERRNO(ioctl(fd[i], NIOCTXSYNC), ENOTTY);
	}
}

CASE(no_descriptor_leaks)
{
	int fds = 0, i;

	for (i = 0; i < 100; i++) {
		struct port a = port_open("p{1"), b = port_open("p}1");

		CHECK_EQ(poll_now(b.fd, POLLIN), 0);
		port_close(&a);
		port_close(&b);
		if (i == 0)
			fds = count_fds();
	}
	CHECK_EQ(count_fds(), fds);
}

CASE(out_of_descriptors)
{
	struct rlimit limit = { 40, 40 };
	int fd, n = 0, fds;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	fds = count_fds();
	while ((fd = open("/dev/netmap", O_RDWR)) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK(n >= 10);
	for (fd = 0; fd < 40; fd++)
		if (is_ours(fd))
			CHECK_OK(close(fd));
	CHECK_EQ(count_fds(), fds);
}

CASE(high_numbers)
{
	struct rlimit limit;
	int fd, high;

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	fd = device_open();
	high = fcntl(fd, F_DUPFD, (int)(limit.rlim_max > 1000000 ? 1000000 : limit.rlim_max - 1));
	CHECK_OK(high);
	CHECK_OK(close(fd));
	CHECK(is_ours(high));
	CHECK_ERRNO(ioctl(high + 1, NIOCTXSYNC), EBADF);
	CHECK_OK(close(high));
}

CASE(raw_pollers_see_nothing_of_pipes)
{
	struct port a = port_open("p{1"), b = port_open("p}1");
	struct pollfd p = { .fd = b.fd, .events = POLLIN };

	send_one(&a, 60);
	CHECK_EQ(syscall(SYS_poll, &p, 1, 0), 0);
}

/* --- fork --------------------------------------------------------------------------------------------- */

static struct port fork_a, fork_b;

static void use_in_child(void *arg)
{
	struct pollfd p = { .fd = fork_b.fd, .events = POLLIN };

	(void)arg;
	CHECK_EQ(poll(&p, 1, 10), 0);
	send_one(&fork_a, 77);
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK_EQ(take(&fork_b), 77);
	port_close(&fork_a);
	port_close(&fork_b);
	fork_a = port_open("p{1");
	CHECK_OK(ioctl(fork_a.fd, NIOCTXSYNC));
}

CASE(child_goes_on)
{
	fork_a = port_open("p{1");
	fork_b = port_open("p}1");
	CHECK_EQ(poll_now(fork_b.fd, POLLIN), 0);
	check_in_child(use_in_child, NULL);
}

static void close_in_child(void *arg)
{
	(void)arg;
	CHECK_OK(close(fork_a.fd));
	CHECK_OK(close(fork_b.fd));
}

CASE(parent_goes_on)
{
	struct pollfd p;

	fork_a = port_open("p{1");
	fork_b = port_open("p}1");
	check_in_child(close_in_child, NULL);
	p = (struct pollfd){ .fd = fork_b.fd, .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 10), 0);
	send_one(&fork_a, 78);
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK_EQ(take(&fork_b), 78);
}

static int tell[2], hear[2];

static void poke(int *pipe_fd)
{
	CHECK_EQ(write(pipe_fd[1], "x", 1), 1);
}

static void await_poke(int *pipe_fd)
{
	char c;

	CHECK_EQ(read(pipe_fd[0], &c, 1), 1);
}

static void fork_pipe(void)
{
	fork_a = port_open("p{1");
	fork_b = port_open("p}1");
	CHECK_OK(pipe(tell));
	CHECK_OK(pipe(hear));
}

/* Something is on its way in all places when the other process closes. */
static void fork_busy(void)
{
	CHECK_EQ(poll_now(fork_b.fd, POLLIN), 0);
	send_one(&fork_a, 61);
	CHECK_EQ(poll_now(fork_b.fd, POLLIN), POLLIN);
	send_one(&fork_a, 62);
	put(&fork_a, 63);
}

static void fork_expect(void)
{
	CHECK_EQ(poll_now(fork_b.fd, POLLIN), POLLIN);
	CHECK_EQ(take(&fork_b), 61);
	CHECK_OK(ioctl(fork_a.fd, NIOCTXSYNC));
	CHECK_OK(ioctl(fork_b.fd, NIOCRXSYNC));
	CHECK_EQ(take(&fork_b), 62);
	CHECK_EQ(take(&fork_b), 63);
	CHECK(nm_ring_empty(fork_b.rx));
	send_one(&fork_a, 64);
	CHECK_EQ(poll_now(fork_b.fd, POLLIN), POLLIN);
	CHECK_EQ(take(&fork_b), 64);
	port_close(&fork_a);
	port_close(&fork_b);
}

/* Each in turn closes what the other goes on with, both alive. */
CASE(child_closes_what_is_busy)
{
	int pid;

	fork_pipe();
	fork_busy();
	CHECK_OK(pid = fork());
	if (!pid) {
		close_in_child(NULL);
		poke(hear);
		await_poke(tell);
		_exit(0);
	}
	await_poke(hear);
	fork_expect();
	poke(tell);
	check_wait_child(pid);
}

CASE(parent_closes_what_is_busy)
{
	int pid;

	fork_pipe();
	fork_busy();
	CHECK_OK(pid = fork());
	if (!pid) {
		await_poke(tell);
		fork_expect();
		_exit(0);
	}
	close_in_child(NULL);
	poke(tell);
	check_wait_child(pid);
}

static bool held_exclusively(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };
	int fd = device_open(), r = port_register(fd, &reg, "p{1");

	CHECK_OK(close(fd));
	return r < 0;
}

/* Two descriptors of one port; one is closed, and then the other is used after all: the first is gone for good. */
CASE(closed_before_another_is_used)
{
	struct port second;
	int pid;

	fork_pipe();
	second = port_open("p{1");
	CHECK_OK(pid = fork());
	if (!pid) {
		CHECK_OK(close(fork_a.fd));
		CHECK(held_exclusively());
		send_one(&second, 60);
		CHECK_EQ(poll_now(fork_b.fd, POLLIN), POLLIN);
		CHECK_OK(close(second.fd));
		CHECK(!held_exclusively());
		_exit(0);
	}
	check_wait_child(pid);
	/* The child is gone: what is closed here ends at once. */
	CHECK_OK(close(fork_a.fd));
	CHECK_OK(close(second.fd));
	CHECK(!held_exclusively());
}

/* Who closes all that he has not used can open the port anew, and gets one of his own. */
CASE(opened_again_in_the_child)
{
	int pid;

	fork_pipe();
	fork_busy();
	CHECK_OK(pid = fork());
	if (!pid) {
		close_in_child(NULL);
		fork_a = port_open("p{1");
		fork_b = port_open("p}1");
		CHECK_EQ(poll_now(fork_b.fd, POLLIN), 0);
		send_one(&fork_a, 99);
		CHECK_EQ(poll_now(fork_b.fd, POLLIN), POLLIN);
		CHECK_EQ(take(&fork_b), 99);
		_exit(0);
	}
	check_wait_child(pid);
	fork_expect();
}

/* vfork: the child runs in our memory, and closes what are its own descriptors only. */
CASE(vfork_and_spawn_leave_us_alone)
{
	char *argv[] = { "true", NULL };
	int status, pid;

	fork_a = port_open("p{1");
	fork_b = port_open("p}1");
	pid = vfork();
	if (pid == 0) {
		close(fork_a.fd);
		dup2(0, fork_b.fd);
		close_range(3, ~0u, 0);
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_EQ(posix_spawnp(&pid, "true", NULL, NULL, argv, environ), 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	send_one(&fork_a, 79);
	CHECK_EQ(poll_now(fork_b.fd, POLLIN), POLLIN);
	CHECK_EQ(take(&fork_b), 79);
}

static void *poll_long(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	poll(&p, 1, 20000);
	return NULL;
}

static void reopen_in_child(void *arg)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE };

	(void)arg;
	CHECK_OK(close(fork_b.fd));
	CHECK_OK(port_register(device_open(), &reg, "p}1"));
}

/* The child must be able to give up what a thread was using that it does not have. */
CASE(fork_while_a_thread_polls)
{
	pthread_t t;

	fork_b = port_open("p}1");
	CHECK_EQ(pthread_create(&t, NULL, poll_long, &fork_b.fd), 0);
	usleep(50000);
	check_in_child(reopen_in_child, NULL);
	CHECK_OK(close(fork_b.fd));
	CHECK_EQ(pthread_join(t, NULL), 0);
}
