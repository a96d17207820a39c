/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a mapping: longer than the descriptor's, than the port's, than the process's that made it; across fork, exec,
 * exit and core dumps. What is mapped is never anybody else's.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel.h"

#define PAGE 4096ul

/* A port in a region of its own, with few slots. */
static struct port lone_port(const char *suffix)
{
	struct nmreq_register want = { .nr_tx_slots = 64, .nr_rx_slots = 64, .nr_extra_bufs = 100 };

	return port_open(unique(suffix), &want);
}

/* Every page of the buffers that is there gets the byte; the pool has memory up to some place. How many pages. */
static size_t paint(const struct port *p, size_t from, uint8_t value)
{
	size_t pages = 0;

	for (size_t at = from; at < p->reg.nr_memsize && touch_write(p->mem + at, value) == 0; at += PAGE) {
		memset(p->mem + at, value, PAGE);
		pages++;
	}
	return pages;
}

/* No page of the buffers has anything but the bytes `own` and 0. */
static void check_painted(const struct port *p, size_t from, uint8_t own, size_t pages)
{
	size_t seen = 0;

	for (size_t at = from; at < p->reg.nr_memsize; at += PAGE) {
		const uint8_t *page = (const uint8_t *)p->mem + at;

		if (touch_read(page) != 0)
			break;
		for (unsigned int i = 0; i < PAGE; i++)
			CHECK_MSG(page[i] == own || page[i] == 0, "page %zu has 0x%02x at %u, which nobody wrote there", at / PAGE, page[i], i);
		seen += page[0] == own;
	}
	CHECK_MSG(seen == pages, "%zu pages are as they were left, of %zu", seen, pages);
}

/* Where the buffers begin: what is before it has netmap's own writing in it. */
static size_t buffers_of(const struct port *p)
{
	struct nmreq_pools_info info = { .nr_mem_id = p->reg.nr_mem_id };

	CHECK_GRANTED(ctrl(p->fd, NETMAP_REQ_POOLS_INFO_GET, "", &info));
	return info.nr_buf_pool_offset;
}

/* All kinds of users of memory, with a byte of their own in it. */
static void others_allocate(uint8_t value)
{
	for (uint32_t round = 0; round < scaled(8); round++) {
		size_t len = 8 << 20;
		char *plain = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct port q = lone_port("other{1"), r = lone_port("more{1");
		int sock[2];

		CHECK(plain != MAP_FAILED);
		memset(plain, value, len);
		paint(&q, buffers_of(&q), value);
		paint(&r, buffers_of(&r), value);
		CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
		CHECK(send(sock[0], plain, 100000, MSG_DONTWAIT) > 0);
		port_close(&q);
		port_close(&r);
		close(sock[0]);
		close(sock[1]);
		CHECK_OK(munmap(plain, len));
	}
}

/* --- After close -------------------------------------------------------------------------------- */

CASE(memory_after_close)
{
	struct port p = lone_port("{1");
	size_t bufs, pages;

	bufs = buffers_of(&p);
	pages = paint(&p, bufs, 0x5a);
	CHECK(pages > 50);
	CHECK_OK(close(p.fd));
	others_allocate(0xa5);
	check_painted(&p, bufs, 0x5a, pages);
	/* And it is still memory. */
	CHECK_EQ(paint(&p, bufs, 0x3c), pages);
	others_allocate(0xa5);
	check_painted(&p, bufs, 0x3c, pages);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
}

/* Pages that are touched for the first time when the port is gone. */
CASE(first_touch_after_close)
{
	struct port p = lone_port("{1");
	size_t bufs = buffers_of(&p), pages;

	others_allocate(0xa5);
	CHECK_OK(close(p.fd));
	others_allocate(0xa5);
	pages = paint(&p, bufs, 0x77);
	others_allocate(0xa5);
	check_painted(&p, bufs, 0x77, pages);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
}

/* The same name, opened anew by others, has memory of its own. */
CASE(port_made_anew_is_not_seen)
{
	const char *name = unique("{1");
	struct port p = port_open(name, NULL), q;
	size_t bufs = buffers_of(&p), pages = paint(&p, bufs, 0x11);

	CHECK_OK(close(p.fd));
	q = port_open(name, NULL);
	for (size_t at = bufs; at < q.reg.nr_memsize && touch_read(q.mem + at) == 0; at += PAGE)
		CHECK_MSG((uint8_t)q.mem[at] != 0x11, "page %zu of the new port has what the old one left", at / PAGE);
	CHECK(paint(&q, bufs, 0x22) > 50);
	check_painted(&p, bufs, 0x11, pages);
	port_close(&q);
	check_painted(&p, bufs, 0x11, pages);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
}

/* Memory that programs see for the first time is zero, whoever had it before. */
CASE(memory_comes_zeroed)
{
	for (uint32_t round = 0; round < scaled(6); round++) {
		struct port p = lone_port("{1");
		size_t bufs = buffers_of(&p);

		for (size_t at = bufs; at < p.reg.nr_memsize; at += PAGE) {
			const uint8_t *page = (const uint8_t *)p.mem + at;

			if (touch_read(page) != 0)
				break;
			/* The list of extra buffers goes through their first words. */
			for (unsigned int i = 0; i < PAGE; i++)
				CHECK_MSG(page[i] == 0 || i % 2048 < 4, "page %zu has 0x%02x at %u", at / PAGE, page[i], i);
		}
		paint(&p, bufs, 0xee);
		port_close(&p);
	}
}

/* A mapping does not hold the port: closing the descriptor is what gives it back. */
CASE(close_gives_back_what_is_mapped)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	const char *name = unique("{1");
	struct port p = port_open(name, &want), q;

	CHECK_OK(close(p.fd));
	q = port_open(name, &want);
	CHECK_EQ(touch_write(p.mem + (tx_ring(&q, 0) != NULL), 1), 0);
	port_close(&q);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize));
}

CASE(many_mappings_after_close)
{
	enum { N = 20 };
	struct port p[N];
	size_t bufs = 0, pages[N];

	for (int i = 0; i < N; i++) {
		p[i] = lone_port((char[]){ 'a', (char)('A' + i), '{', '1', 0 });
		bufs = buffers_of(&p[i]);
		pages[i] = paint(&p[i], bufs, (uint8_t)(i + 1));
		CHECK_OK(close(p[i].fd));
	}
	for (int i = N; i--; ) {
		check_painted(&p[i], bufs, (uint8_t)(i + 1), pages[i]);
		CHECK_OK(munmap(p[i].mem, p[i].reg.nr_memsize));
	}
}

/* --- fork, exec, exit ------------------------------------------------------------------------------- */

static struct port shared;

static void write_in_child(void *arg)
{
	(void)arg;
	CHECK_EQ(tx_ring(&shared, 0)->sem[0], 11);
	tx_ring(&shared, 0)->sem[1] = 22;
}

CASE(fork_shares)
{
	shared = lone_port("{1");
	tx_ring(&shared, 0)->sem[0] = 11;
	check_in_child(write_in_child, NULL);
	CHECK_EQ(tx_ring(&shared, 0)->sem[1], 22);
	txsync(&shared);
	port_close(&shared);
}

static void unmap_and_close_in_child(void *arg)
{
	(void)arg;
	port_close(&shared);
}

/* What a child gives up is still the parent's. */
CASE(child_gives_up)
{
	uint32_t n = 0;

	shared = lone_port("{1");
	check_in_child(unmap_and_close_in_child, NULL);
	CHECK_EQ(put_packets(tx_ring(&shared, 0), 5, &n), 5);
	txsync(&shared);
	CHECK_EQ(poll_port(&shared, POLLOUT, 0), POLLOUT);
	port_close(&shared);
}

static void touch_what_is_not_inherited(void *arg)
{
	(void)arg;
	CHECK_EQ(touch_read(shared.mem), SIGSEGV);
	port_map(&shared);
	CHECK_EQ(touch_read(shared.nifp), 0);
}

CASE(mapping_not_for_children)
{
	shared = lone_port("{1");
	CHECK_OK(madvise(shared.mem, shared.reg.nr_memsize, MADV_DONTFORK));
	check_in_child(touch_what_is_not_inherited, NULL);
	txsync(&shared);
	port_close(&shared);
}

static pid_t opener;

/* The parent's death leaves the child the port, then a grandchild the mapping alone. */
static void outlive(void *arg)
{
	int *report = arg;
	uint32_t n = 0;
	char ok = 1;

	while (getppid() == opener)
		usleep(1000);
	CHECK_EQ(put_packets(tx_ring(&shared, 0), 5, &n), 5);
	txsync(&shared);
	CHECK_OK(close(shared.fd));
	tx_ring(&shared, 0)->sem[3] = 3;
	CHECK_EQ(write(report[1], &ok, 1), 1);
}

static void open_and_die(void *arg)
{
	opener = getpid();
	shared = lone_port("{1");
	spawn(outlive, arg);
	raise(SIGKILL);
}

CASE(child_outlives_its_parent)
{
	int report[2], status;
	char ok = 0;
	pid_t pid;

	CHECK_OK(pipe(report));
	pid = spawn(open_and_die, report);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(read(report[0], &ok, 1), 1);
	CHECK_EQ(ok, 1);
}

/* In the program that an exec started: the descriptor is as it was left, or is none. */
static void __attribute__((constructor(200))) after_exec(void)
{
	const char *number = getenv("TEST_HOLD_FD");
	struct port p = { 0 };

	if (!number)
		return;
	p.fd = atoi(number);
	if (getenv("TEST_HOLD_CLOSED"))
		_exit(fcntl(p.fd, F_GETFD) < 0 && errno == EBADF ? 0 : 1);
	p.reg.nr_memsize = strtoull(getenv("TEST_HOLD_SIZE"), NULL, 0);
	p.reg.nr_offset = strtoull(getenv("TEST_HOLD_OFFSET"), NULL, 0);
	p.mem = mmap(NULL, p.reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, p.fd, 0);
	if (p.mem == MAP_FAILED)
		_exit(2);
	p.nifp = NETMAP_IF(p.mem, p.reg.nr_offset);
	if (tx_ring(&p, 0)->sem[7] != 77 || ioctl(p.fd, NIOCTXSYNC, NULL) < 0)
		_exit(3);
	tx_ring(&p, 0)->sem[8] = 88;
	_exit(0);
}

static void exec_self(void *arg)
{
	char number[16], bytes[32], offset[32], *const argv[] = { (char *)"hold", NULL };

	snprintf(number, sizeof(number), "%d", shared.fd);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)shared.reg.nr_memsize);
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)shared.reg.nr_offset);
	setenv("TEST_HOLD_FD", number, 1);
	setenv("TEST_HOLD_SIZE", bytes, 1);
	setenv("TEST_HOLD_OFFSET", offset, 1);
	if (arg)
		setenv("TEST_HOLD_CLOSED", "1", 1);
	execv("/proc/self/exe", argv);
	FAIL("exec: %s", strerror(errno));
}

CASE(exec_keeps_the_descriptor)
{
	shared = lone_port("{1");
	tx_ring(&shared, 0)->sem[7] = 77;
	check_in_child(exec_self, NULL);
	CHECK_EQ(tx_ring(&shared, 0)->sem[8], 88);
	txsync(&shared);
	port_close(&shared);
}

CASE(exec_closes_the_descriptor)
{
	shared = lone_port("{1");
	CHECK_OK(fcntl(shared.fd, F_SETFD, FD_CLOEXEC));
	check_in_child(exec_self, &shared);
	txsync(&shared);
	port_close(&shared);
}

static void exec_exclusive(void *arg)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };

	shared = port_open(arg, &want);
	CHECK_OK(fcntl(shared.fd, F_SETFD, FD_CLOEXEC));
	exec_self(&shared);
}

/* An exec that closes it gives the port back at once. */
CASE(exec_gives_the_port_back)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	const char *name = unique("{1");
	struct port p;

	check_in_child(exec_exclusive, (void *)(uintptr_t)name);
	p = port_open(name, &want);
	port_close(&p);
}

/* Descriptors and mappings of one port, several times each, another port, and nothing given back. */
static void exit_with_all_of_it(void *arg)
{
	struct port p = port_open(arg, NULL), q = lone_port("{1");

	for (int i = 0; i < 5; i++) {
		CHECK_OK(dup(i & 1 ? p.fd : q.fd));
		CHECK(mmap(NULL, p.reg.nr_memsize, PROT_READ, MAP_SHARED, p.fd, 0) != MAP_FAILED);
	}
}

CASE(exit_without_giving_back)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	const char *name = unique("{1");
	struct port p;

	for (uint32_t i = 0; i < scaled(20); i++)
		check_in_child(exit_with_all_of_it, (void *)(uintptr_t)name);
	p = port_open(name, &want);
	port_close(&p);
}

/* --- Core dumps ---------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/lr-core.XXXXXX";

static void crash(void *arg)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct port p = lone_port("{1");

	CHECK_OK(setrlimit(RLIMIT_CORE, &all));
	CHECK_OK(chdir(dir));
	if (arg) {
		/* All kinds of mappings in the dump. */
		int fd = open("/proc/self/coredump_filter", O_WRONLY);

		CHECK(fd < 0 || write(fd, "0x1ff", 5) == 5);
		madvise(p.mem, p.reg.nr_memsize, MADV_DODUMP);
	}
	paint(&p, buffers_of(&p), 0x99);
	abort();
}

static void dump(void *arg)
{
	int status, pattern = open("/proc/sys/kernel/core_pattern", O_RDWR);
	char before[256] = "", path[64];
	struct stat st;
	pid_t pid;

	CHECK(mkdtemp(dir));
	CHECK_OK(pattern);
	CHECK(read(pattern, before, sizeof(before) - 1) > 0);
	CHECK_EQ(pwrite(pattern, "core", 4, 0), 4);
	pid = spawn(crash, arg);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(pwrite(pattern, before, strlen(before), 0) > 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	snprintf(path, sizeof(path), "%s/core", dir);
	if (stat(path, &st) == 0) {
		/* Blocks, since holes cost nothing. */
		CHECK_MSG(arg || st.st_blocks < 2 * 16384, "the core has %lld KiB: the region is in it", (long long)st.st_blocks / 2);
		unlink(path);
	}
	rmdir(dir);
}

/* Packets do not end up on a disk by default. */
CASE(core_dump)
{
	dump(NULL);
}

/* Who asks for all of it gets it, or not, without harm. */
CASE(core_dump_of_everything)
{
	dump(dir);
}

/* --- Under a debugger --------------------------------------------------------------------------------------- */

CASE(stopped_and_changed_by_a_debugger)
{
	long word;
	int status;
	pid_t pid;

	shared = lone_port("{1");
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(tx_ring(&shared, 0)->sem[0] == 0x42 ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	tx_ring(&shared, 0)->sem[0] = 0x41;
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, tx_ring(&shared, 0)->sem, NULL);
	CHECK_MSG(errno || (word & 0xff) == 0x41, "the debugger sees 0x%lx", word);
	errno = 0;
	if (ptrace(PTRACE_POKEDATA, pid, tx_ring(&shared, 0)->sem, (void *)0x42) < 0)
		tx_ring(&shared, 0)->sem[0] = 0x42;
	CHECK_OK(ptrace(PTRACE_DETACH, pid, NULL, NULL));
	check_wait_child(pid);
	port_close(&shared);
}
