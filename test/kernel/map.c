/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings of the device: which are allowed, what the calls of mmap's family do to them, what is there where the region has
 * no memory, what the kernel does with such pages on behalf of a program.
 */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "kernel.h"

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static void *map(int fd, size_t len, off_t ofs)
{
	return mmap(NULL, len, RW, MAP_SHARED, fd, ofs);
}

/* A pipe end with few slots, and its partner, which keeps it alive and useful. */
static struct port p[2];

static void setup(void)
{
	pipe_open(p, unique(""), 64);
}

static void teardown(void)
{
	pipe_flow(p, 200);
	port_close(&p[0]);
	port_close(&p[1]);
}

static size_t size(void)
{
	return p[0].reg.nr_memsize;
}

/* The page that a place in p[0]'s mapping is on, as an offset in the region. */
static off_t page_of(const void *place)
{
	return (off_t)(((const char *)place - p[0].mem) & ~(PAGE - 1));
}

static char *first_buffer(void)
{
	struct netmap_ring *r = tx_ring(&p[0], 0);

	return NETMAP_BUF(r, r->slot[0].buf_idx);
}

/* --- What may be mapped --------------------------------------------------------------------------- */

CASE(before_binding)
{
	int fd = dev_open();
	void *m;

	for (int i = 0; i < 3; i++) {
		m = map(fd, i ? PAGE << i : PAGE, i ? (off_t)PAGE : 0);
		CHECK(m == MAP_FAILED);
		CHECK_MSG(errno == ENODEV || errno == EINVAL, "mmap: %s", strerror(errno));
	}
	close(fd);
}

CASE(beyond_the_region)
{
	off_t end;

	setup();
	end = (off_t)((size() + PAGE - 1) & ~(PAGE - 1));
	CHECK_ERRNO(map(p[0].fd, (size_t)end + PAGE, 0), EINVAL);
	CHECK_ERRNO(map(p[0].fd, (size_t)end, (off_t)PAGE), EINVAL);
	CHECK_ERRNO(map(p[0].fd, PAGE, end), EINVAL);
	CHECK_ERRNO(map(p[0].fd, 2 * PAGE, end - (off_t)PAGE), EINVAL);
	/* Sums that do not fit. */
	for (int shift = 31; shift < 63; shift++) {
		errno = 0;
		CHECK_MSG(map(p[0].fd, PAGE, (off_t)1 << shift) == MAP_FAILED, "offset 1 << %d was mapped", shift);
		CHECK_MSG(errno == EINVAL || errno == EOVERFLOW, "offset 1 << %d: %s", shift, strerror(errno));
	}
	CHECK(map(p[0].fd, 2 * PAGE, (off_t)(INT64_MAX & ~(PAGE - 1))) == MAP_FAILED);
	CHECK(map(p[0].fd, PAGE, end - (off_t)PAGE) != MAP_FAILED);
	teardown();
}

CASE(nothing_and_half_pages)
{
	char *m;

	setup();
	CHECK_ERRNO(map(p[0].fd, 0, 0), EINVAL);
	CHECK_ERRNO(map(p[0].fd, PAGE, 100), EINVAL);
	m = map(p[0].fd, 100, 0);
	CHECK(m != MAP_FAILED);
	CHECK(memcmp(m, p[0].mem, 100) == 0);
	CHECK_OK(munmap(m, 100));
	teardown();
}

/* Each place where there is memory, by a mapping of just that page. */
CASE(pages_at_their_offsets)
{
	struct netmap_ring *r;
	off_t places[3];

	setup();
	r = rx_ring(&p[0], 0);
	places[0] = page_of(p[0].nifp);
	places[1] = page_of(r);
	places[2] = page_of(first_buffer());
	for (int i = 0; i < 3; i++) {
		char *m = map(p[1].fd, PAGE, places[i]);

		CHECK_MSG(m != MAP_FAILED, "offset %lld: %s", (long long)places[i], strerror(errno));
		CHECK(memcmp(m, p[0].mem + places[i], PAGE) == 0);
		CHECK_OK(munmap(m, PAGE));
	}
	snprintf(first_buffer(), 100, "written through one mapping");
	for (unsigned int i = 0; i < r->num_slots; i += 7) {
		char *buf = NETMAP_BUF(r, r->slot[i].buf_idx), *m = map(p[0].fd, PAGE, page_of(buf));

		CHECK(m != MAP_FAILED);
		m += (buf - p[0].mem) & (long)(PAGE - 1);
		snprintf(m, 100, "written to buffer %u", i);
		CHECK_STREQ(buf, m);
		CHECK_OK(munmap((void *)((uintptr_t)m & ~(PAGE - 1)), PAGE));
	}
	teardown();
}

CASE(private_copies_are_refused)
{
	setup();
	for (int prot = 0; prot < 4; prot++)
		CHECK_ERRNO(mmap(NULL, PAGE, prot, MAP_PRIVATE, p[0].fd, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, size(), RW, MAP_PRIVATE, p[0].fd, 0), EINVAL);
	teardown();
}

/* Who may not write the device may not write what it maps. */
CASE(read_only_descriptor)
{
	int fd = open(NETMAP_DEVICE_NAME, O_RDONLY);
	struct port q = { .fd = fd };
	char *m;

	setup();
	CHECK_OK(fd);
	memcpy(q.name, p[0].name, sizeof(q.name));
	CHECK_GRANTED(port_register(&q));
	CHECK_ERRNO(map(fd, PAGE, 0), EACCES);
	m = mmap(NULL, size(), PROT_READ, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	CHECK_ERRNO(mprotect(m, PAGE, RW), EACCES);
	CHECK_EQ(touch_read(NETMAP_IF(m, q.reg.nr_offset)), 0);
	CHECK_EQ(touch_write(NETMAP_IF(m, q.reg.nr_offset), 1), SIGSEGV);
	CHECK_OK(munmap(m, size()));
	CHECK_OK(close(fd));
	teardown();
}

/* Code in packets is nobody's wish; whatever is said to it, the memory is the same afterwards. */
CASE(executable)
{
	char *m;

	setup();
	snprintf(first_buffer(), 100, "data");
	m = mmap(NULL, size(), RW | PROT_EXEC, MAP_SHARED, p[0].fd, 0);
	if (m == MAP_FAILED) {
		CHECK_MSG(errno == EPERM || errno == EACCES || errno == EINVAL, "mmap: %s", strerror(errno));
	} else {
		CHECK_STREQ(m + (first_buffer() - p[0].mem), "data");
		CHECK_OK(munmap(m, size()));
	}
	teardown();
}

/* --- mprotect, munmap, mremap ------------------------------------------------------------------------- */

CASE(protection_down_and_up)
{
	volatile char *buf;

	setup();
	buf = first_buffer();
	*buf = 1;
	CHECK_OK(mprotect(p[0].mem, size(), PROT_READ));
	CHECK_EQ(touch_read(buf), 0);
	CHECK_EQ(touch_write(buf, 2), SIGSEGV);
	/* The kernel's own way to it goes on. */
	txsync(&p[0]);
	CHECK_OK(mprotect(p[0].mem, size(), PROT_NONE));
	CHECK_EQ(touch_read(buf), SIGSEGV);
	rxsync(&p[0]);
	CHECK_OK(mprotect(p[0].mem, size(), RW));
	CHECK_EQ(*buf, 1);
	CHECK_EQ(touch_write(buf, 3), 0);
	/* A page in the middle: three mappings, and one again. */
	CHECK_OK(mprotect(p[0].mem + page_of((char *)buf), PAGE, PROT_READ));
	CHECK_EQ(touch_write(buf, 4), SIGSEGV);
	CHECK_OK(mprotect(p[0].mem + page_of((char *)buf), PAGE, RW));
	CHECK_EQ(*buf, 3);
	teardown();
}

CASE(parts_unmapped)
{
	char *m, *ring;
	size_t half;

	setup();
	half = size() / 2;
	m = map(p[0].fd, size(), 0);
	CHECK(m != MAP_FAILED);
	ring = m + page_of(tx_ring(&p[0], 0));
	CHECK_OK(munmap(ring, PAGE));
	CHECK_EQ(touch_read(ring), SIGSEGV);
	CHECK_EQ(touch_read(m + page_of(rx_ring(&p[0], 0))), 0);
	CHECK_OK(munmap(m, PAGE));
	CHECK_OK(munmap(m + (half & ~(PAGE - 1)), size() - (half & ~(PAGE - 1))));
	pipe_flow(p, 100);
	/* Back again, into the hole. */
	CHECK(mmap(ring, PAGE, RW, MAP_SHARED | MAP_FIXED, p[0].fd, page_of(tx_ring(&p[0], 0))) == ring);
	CHECK(memcmp(ring, p[0].mem + page_of(tx_ring(&p[0], 0)), PAGE) == 0);
	CHECK_OK(munmap(m, half));
	teardown();
}

CASE(moved)
{
	char *to;

	setup();
	pipe_flow(p, 100);
	to = mmap(NULL, size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(to != MAP_FAILED);
	CHECK(mremap(p[0].mem, size(), size(), MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(touch_read(p[0].mem), SIGSEGV);
	p[0].mem = to;
	p[0].nifp = NETMAP_IF(p[0].mem, p[0].reg.nr_offset);
	teardown();
}

/* A part of it alone, the ring, goes elsewhere and is the same ring. */
CASE(part_moved)
{
	char *m, *at, *to;

	setup();
	m = map(p[0].fd, size(), 0);
	at = m + page_of(tx_ring(&p[0], 0));
	to = mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	CHECK_MSG(to != MAP_FAILED, "mremap: %s", strerror(errno));
	tx_ring(&p[0], 0)->sem[9] = 99;
	CHECK_EQ(((struct netmap_ring *)(void *)to)->sem[9], 99);
	CHECK_EQ(touch_read(at), SIGSEGV);
	CHECK_OK(munmap(to, PAGE));
	teardown();
}

CASE(growing_is_refused)
{
	char *m;

	setup();
	/* The region begins with the netmap_ifs, a page each: two of them are taken. */
	m = map(p[0].fd, 4 * PAGE, 0);
	CHECK(m != MAP_FAILED);
	for (int flags = 0; flags < 2; flags++) {
		CHECK(mremap(m, 4 * PAGE, 5 * PAGE, flags ? MREMAP_MAYMOVE : 0) == MAP_FAILED);
		CHECK_MSG(errno == EFAULT || errno == EINVAL || errno == ENOMEM, "mremap: %s", strerror(errno));
		CHECK(mremap(m, 4 * PAGE, size() + PAGE, flags ? MREMAP_MAYMOVE : 0) == MAP_FAILED);
	}
	CHECK(mremap(p[0].mem, size(), size() + PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK(memcmp(m, p[0].mem, 3 * PAGE) == 0);
	/* Smaller is fine. */
	CHECK(mremap(m, 4 * PAGE, 2 * PAGE, 0) == m);
	CHECK(memcmp(m, p[0].mem, 2 * PAGE) == 0);
	CHECK_EQ(touch_read(m + 3 * PAGE), SIGSEGV);
	CHECK_OK(munmap(m, 2 * PAGE));
	teardown();
}

/* Ways to a second mapping without the device being asked: refused, or of the same pages and no more. */
CASE(doubled_by_mremap)
{
	char *two;

	setup();
	snprintf(first_buffer(), 100, "one page, two places");
	two = mremap(p[0].mem, 0, size(), MREMAP_MAYMOVE);
	if (two != MAP_FAILED) {
		CHECK_STREQ(two + (first_buffer() - p[0].mem), "one page, two places");
		CHECK_OK(munmap(two, size()));
	}
	two = mremap(p[0].mem, 0, size() + 64 * PAGE, MREMAP_MAYMOVE);
	if (two != MAP_FAILED)
		CHECK(touch_read(two + size() + PAGE) != 0);
	two = mremap(p[0].mem, size(), size(), MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	if (two != MAP_FAILED)
		CHECK_STREQ(two + (first_buffer() - p[0].mem), "one page, two places");
	teardown();
}

/* The old call that changes the order of pages makes a mapping of its own. */
CASE(pages_in_another_order)
{
	char *m;
	long rc;

	setup();
	m = map(p[0].fd, 4 * PAGE, 0);
	CHECK(m != MAP_FAILED);
	rc = syscall(SYS_remap_file_pages, m, PAGE, 0, size() / PAGE + 10, 0);
	CHECK_MSG(rc < 0 || touch_read(m) != 0, "a page beyond the region");
	rc = syscall(SYS_remap_file_pages, m, PAGE, 0, page_of(tx_ring(&p[0], 0)) / (off_t)PAGE, 0);
	if (rc == 0)
		CHECK(memcmp(m, p[0].mem + page_of(tx_ring(&p[0], 0)), PAGE) == 0);
	CHECK_OK(munmap(m, 4 * PAGE));
	teardown();
}

/* --- Locking and advice -------------------------------------------------------------------------------------- */

CASE(locked)
{
	static const int flags[] = { MAP_POPULATE, MAP_LOCKED, MAP_POPULATE | MAP_LOCKED, MAP_NORESERVE };
	char *part;

	setup();
	part = p[0].mem + page_of(first_buffer());
	/* All of it: most has no memory, which mlock may say. */
	CHECK_MSG(mlock(p[0].mem, size()) == 0 || errno == ENOMEM || errno == EAGAIN, "mlock: %s", strerror(errno));
	CHECK_OK(munlock(p[0].mem, size()));
	CHECK_OK(mlock(part, PAGE));
	CHECK_OK(mlock2(part, PAGE, MLOCK_ONFAULT));
	CHECK_OK(munlock(part, PAGE));
	CHECK_MSG(mlockall(MCL_CURRENT | MCL_FUTURE) == 0 || errno == ENOMEM, "mlockall: %s", strerror(errno));
	pipe_flow(p, 100);
	CHECK_OK(munlockall());
	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		char *m = mmap(NULL, size(), RW, MAP_SHARED | flags[i], p[0].fd, 0);

		CHECK_MSG(m != MAP_FAILED || errno == EAGAIN || errno == ENOMEM, "flags 0x%x: %s", flags[i], strerror(errno));
		if (m != MAP_FAILED) {
			CHECK(memcmp(m + page_of(first_buffer()), part, PAGE) == 0);
			CHECK_OK(munmap(m, size()));
		}
	}
	teardown();
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* No advice changes what is in memory that others share; those that would are refused. */
CASE(advice)
{
	static const int list[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE,
		MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP,
		MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		MADV_COLLAPSE, 12345 };
	char *part;

	setup();
	part = p[0].mem + page_of(first_buffer());
	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		for (int j = 0; j < 2; j++) {
			int err;

			snprintf(first_buffer(), 100, "before advice %d", list[i]);
			err = j ? madvise(p[0].mem, size(), list[i]) : madvise(part, PAGE, list[i]);
			if (list[i] == MADV_REMOVE || list[i] == MADV_FREE || list[i] == MADV_WIPEONFORK || list[i] == 12345)
				CHECK_MSG(err < 0, "advice %d was taken", list[i]);
			CHECK_EQ(atoi(first_buffer() + sizeof("before advice")), list[i]);
		}
	}
	pipe_flow(p, 100);
	teardown();
}

/* --- Where there is no memory -------------------------------------------------------------------------------- */

/* The last page of the region: it has memory only when all of it has. */
static char *hole(void)
{
	return p[0].mem + size() - PAGE;
}

CASE(hole_is_a_bus_error)
{
	setup();
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(touch_read(hole()), SIGBUS);
		CHECK_EQ(touch_write(hole(), 1), SIGBUS);
	}
	/* What the kernel reads there for us is a bad address. */
	CHECK_ERRNO(ioctl(p[0].fd, NIOCCTRL, hole()), EFAULT);
	CHECK_ERRNO(write(fileno(tmpfile()), hole(), 10), EFAULT);
	CHECK_ERRNO(open(hole(), O_RDONLY), EFAULT);
	teardown();
}

static void touch_the_hole(void *arg)
{
	(void)arg;
	*(volatile char *)hole() = 1;
}

CASE(hole_kills_only_who_touches_it)
{
	setup();
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();
		siginfo_t info;

		CHECK_OK(pid);
		if (pid == 0) {
			touch_the_hole(NULL);
			_exit(0);
		}
		CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED));
		CHECK(info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
		CHECK_EQ(info.si_status, SIGBUS);
	}
	teardown();
}

/* Every page of the region: there, or a bus error. */
CASE(all_pages_touched)
{
	size_t there = 0, pages;

	setup();
	pages = size() / PAGE;
	for (size_t i = 0; i < pages; i++) {
		int sig = touch_read(p[0].mem + i * PAGE);

		CHECK_MSG(sig == 0 || sig == SIGBUS, "page %zu: signal %d", i, sig);
		there += !sig;
	}
	CHECK_MSG(there >= 64 * 4 * 2048 / PAGE && there < pages, "%zu of %zu pages", there, pages);
	teardown();
}

/* A place without memory gets some while it is mapped. */
CASE(hole_is_filled)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_extra_bufs = 1000000 };
	struct port q;

	small_regions();
	setup();
	CHECK_EQ(touch_read(hole()), SIGBUS);
	want.nr_mem_id = p[0].reg.nr_mem_id;
	q = port_open(unique("all"), &want);
	CHECK_EQ(touch_read(hole()), 0);
	/* Not in a first word: there the list of extra buffers goes on. */
	CHECK_EQ(touch_write(hole() + 100, 0xab), 0);
	CHECK_EQ((uint8_t)q.mem[size() - PAGE + 100], 0xab);
	port_close(&q);
	teardown();
}

static bool stop;
static uint64_t faults, maps;

static void *fault_all_over(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		size_t at = (size_t)any((uint32_t)(size() / PAGE)) * PAGE;
		int sig = touch_read(p[0].mem + at);

		CHECK_MSG(sig == 0 || sig == SIGBUS, "page at %zu: signal %d", at, sig);
		if (any(50) == 0)
			madvise(p[0].mem, size(), MADV_DONTNEED);
		__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		size_t len = (1 + any(64)) * PAGE, at = (size_t)any((uint32_t)(size() / PAGE) - 64) * PAGE;
		char *m = map(p[0].fd, len, (off_t)at);

		CHECK(m != MAP_FAILED);
		touch_read(m + any((uint32_t)(len / PAGE)) * PAGE);
		CHECK_OK(munmap(m, len));
		__atomic_add_fetch(&maps, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Faults, mappings and a region that grows, all at once. */
CASE(faults_while_the_region_grows)
{
	pthread_t t[4];

	small_regions();
	setup();
	thread_start(&t[0], fault_all_over, NULL);
	thread_start(&t[1], fault_all_over, NULL);
	thread_start(&t[2], map_and_unmap, NULL);
	thread_start(&t[3], map_and_unmap, NULL);
	/* Until all of them had their turn, which the alarm limits. */
	for (uint32_t n = 0; n < scaled(60) || __atomic_load_n(&faults, __ATOMIC_RELAXED) < 100 ||
	     __atomic_load_n(&maps, __ATOMIC_RELAXED) < 10; n++) {
		struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_mem_id = p[0].reg.nr_mem_id,
			.nr_extra_bufs = 10 + n * 50 % 2990 };
		struct port q = port_open(unique("grow"), &want);

		usleep(2000);
		port_close(&q);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	teardown();
}

CASE(thousand_mappings)
{
	static char *m[1000];

	setup();
	for (int i = 0; i < 1000; i++) {
		m[i] = map(p[i & 1].fd, PAGE, page_of(i % 3 ? (void *)first_buffer() : (void *)p[0].nifp));
		CHECK(m[i] != MAP_FAILED);
		CHECK_EQ(touch_read(m[i]), 0);
	}
	pipe_flow(p, 100);
	for (int i = 0; i < 1000; i++)
		CHECK_OK(munmap(m[i], PAGE));
	teardown();
}

/* --- What tools look at ------------------------------------------------------------------------------------- */

static void read_through(const char *path)
{
	static char text[1 << 16];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return;
	for (int i = 0; i < 100; i++) {
		n = read(fd, text, sizeof(text));
		CHECK_MSG(n >= 0 || errno == EIO || errno == EFAULT || errno == EINVAL, "%s: %s", path, strerror(errno));
		if (n <= 0)
			break;
	}
	close(fd);
}

CASE(looked_at_through_proc)
{
	static const char *const files[] = { "maps", "smaps", "smaps_rollup", "numa_maps", "pagemap", "stat" };
	char path[128];
	int fd;

	setup();
	touch_read(first_buffer());
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
		read_through(path);
	}
	/* The mapping's own file is no way to open it. */
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)p[0].mem,
		 (unsigned long)p[0].mem + ((size() + PAGE - 1) & ~(PAGE - 1)));
	fd = open(path, O_RDWR);
	if (fd >= 0) {
		CHECK(map(fd, PAGE, 0) == MAP_FAILED);
		close(fd);
	}
	fd = open("/proc/self/clear_refs", O_WRONLY);
	for (const char *what = "1234"; fd >= 0 && *what; what++)
		if (write(fd, what, 1) < 0)
			CHECK_MSG(errno == EINVAL, "clear_refs: %s", strerror(errno));
	teardown();
}

/* mincore, msync and moving of pages: done or refused, and nothing is another's afterwards. */
CASE(asked_of_the_pages)
{
	unsigned char present[4];
	void *page;
	int status = -1, node = 0;

	setup();
	page = p[0].mem + page_of(first_buffer());
	snprintf(first_buffer(), 100, "stays");
	CHECK(mincore(page, PAGE, present) == 0 || errno == ENOMEM);
	CHECK(msync(page, PAGE, MS_SYNC) == 0 || errno == EINVAL || errno == EIO);
	CHECK(msync(p[0].mem, size(), MS_ASYNC | MS_INVALIDATE) == 0 || errno == EINVAL || errno == EBUSY);
	syscall(SYS_move_pages, 0, 1ul, &page, &node, &status, 0);
	syscall(SYS_mbind, page, PAGE, 1 /* MPOL_PREFERRED */, NULL, 0ul, 2 /* MPOL_MF_MOVE */);
	syscall(SYS_migrate_pages, 0, 0ul, NULL, NULL);
	CHECK_STREQ(first_buffer(), "stays");
	teardown();
}

static void peek(size_t at, char *dst, size_t len, int how)
{
	struct iovec here = { dst, len }, there = { p[0].mem + at, len };
	ssize_t n;

	if (how == 0) {
		n = process_vm_readv(getppid(), &here, 1, &there, 1, 0);
	} else {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
		fd = open(path, O_RDWR);
		CHECK_OK(fd);
		n = pread(fd, dst, len, (off_t)(uintptr_t)p[0].mem + (off_t)at);
		close(fd);
	}
	if (n < 0)
		CHECK_MSG(errno == EFAULT || errno == EIO, "reading another's mapping: %s", strerror(errno));
	else if (n > 0)
		CHECK(memcmp(dst, p[0].mem + at, (size_t)n) == 0);
}

static void peek_and_poke(void *arg)
{
	static char copy[16 * PAGE];
	struct iovec here = { copy, 100 }, there = { first_buffer(), 100 };
	ssize_t n;

	(void)arg;
	for (int how = 0; how < 2; how++) {
		peek((size_t)page_of(first_buffer()), copy, PAGE, how);
		peek((size_t)page_of(first_buffer()) + 17, copy, 3 * PAGE, how);
		peek((size_t)page_of(p[0].nifp), copy, 100, how);
		peek((size_t)(hole() - p[0].mem), copy, PAGE, how);
		/* From where there is memory into where there is none. */
		peek(size() - 4 * PAGE, copy, 8 * PAGE, how);
	}
	memset(copy, 'w', 100);
	n = process_vm_writev(getppid(), &here, 1, &there, 1, 0);
	CHECK_MSG(n == 100 || (n < 0 && errno == EFAULT), "process_vm_writev: %zd, %s", n, strerror(errno));
	if (n == 100)
		CHECK(memcmp(first_buffer(), copy, 100) == 0);
}

/* A debugger, a tracer: what they see is what is there. */
CASE(seen_from_another_process)
{
	setup();
	for (unsigned int i = 0; i < PAGE; i++)
		first_buffer()[i % 2048] = (char)(i * 7);
	check_in_child(peek_and_poke, NULL);
	teardown();
}
