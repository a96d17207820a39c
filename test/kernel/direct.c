/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's other parts take hold of our pages: pipes, sockets, files, io_uring, futexes. Each either works, and then with
 * the right bytes, also when descriptor and mapping are gone before the bytes are taken; or says that it cannot.
 */
#include <arpa/inet.h>
#include <linux/futex.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "kernel.h"

#define PAGE 4096ul

#ifndef AF_XDP
#define AF_XDP 44
#endif

static struct port p;

/* The page with the first buffers, full of a pattern. */
static char *page_with_data(uint8_t seed)
{
	struct nmreq_register want = { .nr_tx_slots = 64, .nr_rx_slots = 64 };
	struct netmap_ring *r;
	uintptr_t at;

	p = port_open(unique("{1"), &want);
	r = tx_ring(&p, 0);
	at = ((uintptr_t)NETMAP_BUF(r, r->slot[4].buf_idx) + PAGE - 1) & ~(PAGE - 1);
	for (unsigned int i = 0; i < PAGE; i++)
		((uint8_t *)at)[i] = (uint8_t)(seed + i * 3);
	return (char *)at;
}

static void check_data(const char *data, uint8_t seed, size_t len)
{
	for (size_t i = 0; i < len; i++)
		CHECK_MSG((uint8_t)data[i] == (uint8_t)(seed + i * 3), "byte %zu is 0x%02x", i, (uint8_t)data[i]);
}

/* Somebody else has the memory then, if anybody can. */
static void give_all_back(void)
{
	struct nmreq_register want = { .nr_tx_slots = 64, .nr_rx_slots = 64 };

	port_close(&p);
	for (int i = 0; i < 4; i++) {
		struct port q = port_open(unique("later{1"), &want);
		struct netmap_ring *r = tx_ring(&q, 0);

		for (unsigned int j = 0; j < 64; j++)
			memset(NETMAP_BUF(r, r->slot[j].buf_idx), 0xff, 2048);
		port_close(&q);
	}
}

/* --- Plain copies --------------------------------------------------------------------------------- */

CASE(read_and_write)
{
	char *page = page_with_data(1), back[PAGE];
	int pipes[2], sock[2];

	CHECK_OK(pipe(pipes));
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	CHECK_EQ(write(pipes[1], page, PAGE), PAGE);
	CHECK_EQ(read(pipes[0], back, PAGE), PAGE);
	check_data(back, 1, PAGE);
	memset(page, 0, PAGE);
	CHECK_EQ(send(sock[0], back, PAGE, 0), PAGE);
	CHECK_EQ(recv(sock[1], page, PAGE, MSG_WAITALL), PAGE);
	check_data(page, 1, PAGE);
	port_close(&p);
}

/* --- Pages given to a pipe --------------------------------------------------------------------------- */

/* The page in a pipe; false: refused. */
static bool in_a_pipe(int pipes[2], char *page, unsigned int flags)
{
	struct iovec iov = { page, PAGE };
	ssize_t n;

	CHECK_OK(pipe(pipes));
	n = vmsplice(pipes[1], &iov, 1, flags);
	CHECK_MSG(n == (ssize_t)PAGE || (n < 0 && (errno == EFAULT || errno == EINVAL)), "vmsplice: %zd, %s", n, strerror(errno));
	return n > 0;
}

CASE(vmsplice_then_everything_closes)
{
	char *page = page_with_data(9), back[PAGE];
	int pipes[2];
	bool in = in_a_pipe(pipes, page, 0);

	give_all_back();
	if (in) {
		CHECK_EQ(read(pipes[0], back, PAGE), PAGE);
		check_data(back, 9, PAGE);
	}
}

/* Gifts that a pipe may steal: the page is ours all the same. */
CASE(vmsplice_as_a_gift)
{
	char *page = page_with_data(10), back[PAGE], path[] = "/tmp/lr-gift.XXXXXX";
	int pipes[2], file = mkstemp(path);

	CHECK_OK(file);
	unlink(path);
	if (in_a_pipe(pipes, page, SPLICE_F_GIFT)) {
		CHECK_EQ(splice(pipes[0], NULL, file, NULL, PAGE, SPLICE_F_MOVE), PAGE);
		CHECK_EQ(pread(file, back, PAGE, 0), PAGE);
		check_data(back, 10, PAGE);
	}
	memset(page, 0x31, PAGE);
	CHECK_EQ(((struct netmap_slot *)tx_ring(&p, 0)->slot)->buf_idx > 1, 1);
	txsync(&p);
	give_all_back();
}

CASE(spliced_to_a_socket)
{
	char *page = page_with_data(11), back[PAGE];
	int pipes[2], sock[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	if (in_a_pipe(pipes, page, 0)) {
		ssize_t n = splice(pipes[0], NULL, sock[0], NULL, PAGE, 0);

		give_all_back();
		CHECK_EQ(n, PAGE);
		CHECK_EQ(recv(sock[1], back, PAGE, MSG_WAITALL), PAGE);
		check_data(back, 11, PAGE);
	}
}

/* Out of a pipe into our page. */
CASE(vmsplice_into_it)
{
	char *page = page_with_data(12);
	struct iovec iov = { page, PAGE };
	int pipes[2];
	ssize_t n;

	CHECK_OK(pipe(pipes));
	CHECK_EQ(write(pipes[1], page, PAGE), PAGE);
	memset(page, 0, PAGE);
	n = vmsplice(pipes[0], &iov, 1, 0);
	CHECK_MSG(n == (ssize_t)PAGE || (n < 0 && errno == EFAULT), "vmsplice: %zd, %s", n, strerror(errno));
	if (n > 0)
		check_data(page, 12, PAGE);
	port_close(&p);
}

/* --- Sockets and files without copies -------------------------------------------------------------------- */

/* A connected pair over the loopback interface of a namespace of our own. */
static void tcp_pair(int sock[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int l;

	wire_near();
	wire_ip("link set lo up");
	l = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_OK(bind(l, (struct sockaddr *)&addr, sizeof(addr)));
	CHECK_OK(listen(l, 1));
	CHECK_OK(getsockname(l, (struct sockaddr *)&addr, &len));
	sock[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_OK(connect(sock[0], (struct sockaddr *)&addr, sizeof(addr)));
	sock[1] = accept(l, NULL, NULL);
	CHECK_OK(sock[1]);
}

CASE(zerocopy_send)
{
	char *page, back[PAGE];
	int sock[2], one = 1;
	ssize_t n;

	tcp_pair(sock);
	page = page_with_data(13);
	if (setsockopt(sock[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0)
		SKIP("SO_ZEROCOPY: %s", strerror(errno));
	n = send(sock[0], page, PAGE, MSG_ZEROCOPY);
	CHECK_MSG(n == (ssize_t)PAGE || (n < 0 && (errno == EFAULT || errno == ENOBUFS)), "send: %zd, %s", n, strerror(errno));
	give_all_back();
	if (n > 0) {
		CHECK_EQ(recv(sock[1], back, PAGE, MSG_WAITALL), PAGE);
		check_data(back, 13, PAGE);
	}
}

/* To whatever file system /tmp is on, which may not know direct writes. */
CASE(direct_write)
{
	char *page = page_with_data(14), back[PAGE], path[] = "/tmp/lr-direct.XXXXXX";
	int file = mkstemp(path), direct;
	ssize_t n;

	CHECK_OK(file);
	direct = open(path, O_RDWR | O_DIRECT);
	unlink(path);
	if (direct < 0)
		SKIP("no O_DIRECT in /tmp: %s", strerror(errno));
	n = write(direct, page, PAGE);
	CHECK_MSG(n == (ssize_t)PAGE || (n < 0 && errno == EFAULT), "write: %zd, %s", n, strerror(errno));
	memset(page, 0, PAGE);
	if (n > 0) {
		CHECK_EQ(pread(file, back, PAGE, 0), PAGE);
		check_data(back, 14, PAGE);
		n = pread(direct, page, PAGE, 0);
		CHECK_MSG(n == (ssize_t)PAGE || (n < 0 && errno == EFAULT), "read: %zd, %s", n, strerror(errno));
		if (n > 0)
			check_data(page, 14, PAGE);
	}
	port_close(&p);
}

/* --- Pages pinned for long --------------------------------------------------------------------------------- */

CASE(io_uring_buffers)
{
	char *page = page_with_data(15);
	struct io_uring_params params = { 0 };
	struct iovec iov = { page, PAGE };
	long ring = syscall(SYS_io_uring_setup, 4, &params), rc;

	if (ring < 0)
		SKIP("io_uring_setup: %s", strerror(errno));
	rc = syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov, 1);
	CHECK_MSG(rc == 0 || errno == EFAULT || errno == EOPNOTSUPP || errno == ENOMEM, "register: %s", strerror(errno));
	/* The pages outlive all that is ours, and go with the ring. */
	give_all_back();
	close((int)ring);
}

CASE(umem_of_af_xdp)
{
	char *page;
	struct xdp_umem_reg reg = { .len = PAGE * 16, .chunk_size = 2048 };
	int sock, rc;

	page = page_with_data(16);
	reg.addr = PTR(page);
	sock = socket(AF_XDP, SOCK_RAW, 0);
	if (sock < 0)
		SKIP("AF_XDP: %s", strerror(errno));
	rc = setsockopt(sock, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg));
	CHECK_MSG(rc == 0 || errno == EFAULT || errno == EOPNOTSUPP || errno == ENOMEM, "umem: %s", strerror(errno));
	give_all_back();
	close(sock);
}

/* --- Futexes -------------------------------------------------------------------------------------------------- */

static void wake_the_parent(void *arg)
{
	uint32_t *word = arg;

	usleep(50000);
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* A futex in a ring's part for programs: between threads it must work, between processes it may. */
CASE(futex_in_a_ring)
{
	struct timespec second = { .tv_sec = 1 };
	uint32_t *word;
	pid_t pid;
	long rc;

	page_with_data(17);
	word = (uint32_t *)(void *)&tx_ring(&p, 0)->sem[0];
	*word = 0;
	second.tv_nsec = 0;
	CHECK_ERRNO(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 1, &second, NULL, 0), EAGAIN);
	pid = spawn(wake_the_parent, word);
	rc = syscall(SYS_futex, word, FUTEX_WAIT, 0, &second, NULL, 0);
	CHECK_MSG(rc == 0 || errno == EAGAIN || errno == EFAULT, "futex: %s", strerror(errno));
	check_wait_child(pid);
	CHECK_EQ(*word, 1);
	port_close(&p);
}
