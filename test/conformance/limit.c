/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory limits: a global region of another make, as the environment asks for it or the module's parameters do, and
 * what happens when one of its pools is used up. The environment is read at the first open, so each case has its own;
 * parameters are put back when a case ends.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "wire.h"

/* The module's parameter, while a case has changed it. */
static char param_path[100], param_was[24];

static bool on_device(void)
{
	const char *host = getenv("NETMAP_HOST");

	return access("/sys/module/netmap/parameters", F_OK) == 0 && !(host && (strcmp(host, "inprocess") == 0 || strcmp(host, "daemon") == 0));
}

static int param_write(const char *value)
{
	int fd = open(param_path, O_WRONLY), err;

	CHECK_OK(fd);
	err = write(fd, value, strlen(value)) < 0 ? errno : 0;
	close(fd);
	return err;
}

static void __attribute__((destructor)) param_restore(void)
{
	if (param_was[0])
		param_write(param_was);
}

/* NETMAP_BUF_NUM is the parameter buf_num. */
static void param_open(const char *name)
{
	int fd, n;

	if (param_was[0])
		return;
	n = snprintf(param_path, sizeof(param_path), "/sys/module/netmap/parameters/");
	for (const char *c = name + strlen("NETMAP_"); *c; c++)
		param_path[n++] = (char)tolower(*c);
	fd = open(param_path, O_RDONLY);
	CHECK_OK(fd);
	CHECK(read(fd, param_was, sizeof(param_was) - 1) > 0);
	close(fd);
}

/* Where a daemon is the host, it is the daemon's environment that counts: the case gets one of its own, LR_NETMAPD. */
static void own_daemon(void)
{
	static char path[100];
	const char *host = getenv("NETMAP_HOST"), *program = getenv("LR_NETMAPD");

	if (!host || strcmp(host, "daemon") != 0)
		return;
	if (!program)
		SKIP("LR_NETMAPD does not say where netmapd is");
	snprintf(path, sizeof(path), "%s.%d", getenv("NETMAP_SOCKET"), getpid());
	CHECK_OK(setenv("NETMAP_SOCKET", path, 1));
	if (fork() == 0) {
		execl(program, program, "-s", path, NULL);
		_exit(127);
	}
	for (int i = 0; access(path, W_OK) < 0; i++) {
		CHECK_MSG(i < 1000, "%s does not listen", program);
		usleep(10000);
	}
}

static void limit(const char *name, const char *value)
{
	if (on_device()) {
		param_open(name);
		CHECK_EQ(param_write(value), 0);
	} else {
		CHECK_OK(setenv(name, value, 1));
		own_daemon();
	}
}

/* A value that is refused: where it is written, or at the first open. */
static bool limit_refused(const char *name, const char *value)
{
	int status;
	pid_t pid;

	if (on_device()) {
		param_open(name);
		return param_write(value) != 0;
	}
	CHECK_OK(setenv(name, value, 1));
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0)
		_exit(open(NETMAP_DEVICE_NAME, O_RDWR) < 0 && errno == EINVAL ? 0 : 1);
	CHECK_OK(waitpid(pid, &status, 0));
	return status == 0;
}

/* A null port in the global region: 0 or the errno. */
static int null_port(struct port *p, const char *suffix, uint16_t rings, uint32_t slots)
{
	*p = (struct port){ .fd = dev_open(), .reg = { .nr_mode = NR_REG_NULL, .nr_mem_id = 1,
		.nr_tx_rings = rings, .nr_tx_slots = slots } };
	strcpy(p->name, unique(suffix));
	return port_register(p);
}

static struct nmreq_pools_info pools(void)
{
	struct nmreq_pools_info info = { .nr_mem_id = 1 };
	int fd = dev_open();

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &info));
	close(fd);
	return info;
}

CASE(few_buffers)
{
	struct port p, q, r;

	limit("NETMAP_BUF_NUM", "500");
	CHECK_EQ(pools().nr_buf_pool_objtotal, 500);
	CHECK_GRANTED(null_port(&p, "p", 1, 400));
	CHECK_REFUSED(null_port(&q, "q", 1, 400), ENOMEM);
	CHECK_MSG(strstr(why, "buf"), "the reason does not say of what: %s", why);
	close(q.fd);
	/* Less fits, and all again when the others are gone. */
	CHECK_GRANTED(null_port(&r, "r", 1, 50));
	close(r.fd);
	close(p.fd);
	CHECK_GRANTED(null_port(&q, "q", 1, 450));
	port_map(&q);
	port_close(&q);
}

CASE(few_buffers_for_an_interface)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct port p;
	int fd;

	wire_near();
	limit("NETMAP_BUF_NUM", "500");
	fd = dev_open();
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), ENOMEM);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 64, .nr_rx_slots = 64 };
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg));
	close(fd);
	reg = (struct nmreq_register){ .nr_tx_slots = 32, .nr_rx_slots = 32, .nr_extra_bufs = 100000 };
	p = port_open(wire_near(), &reg);
	CHECK(p.reg.nr_extra_bufs > 0 && p.reg.nr_extra_bufs < 500);
	port_close(&p);
}

CASE(few_rings)
{
	struct port p, q;

	limit("NETMAP_RING_NUM", "10");
	CHECK_GRANTED(null_port(&p, "p", 6, 16));
	CHECK_REFUSED(null_port(&q, "q", 6, 16), ENOMEM);
	CHECK_MSG(strstr(why, "ring"), "the reason does not say of what: %s", why);
	close(q.fd);
	close(p.fd);
	CHECK_GRANTED(null_port(&q, "q", 6, 16));
	close(q.fd);
}

CASE(small_rings)
{
	struct port p, q;

	limit("NETMAP_RING_SIZE", "4096");
	CHECK_GRANTED(null_port(&p, "p", 1, (4096 - 256) / 16));
	CHECK_REFUSED_ANY(null_port(&q, "q", 1, 1000), ENOMEM, EINVAL);
	close(p.fd);
	close(q.fd);
}

CASE(few_descriptors)
{
	struct port p[8];
	int n = 0, err = 0;

	limit("NETMAP_IF_NUM", "5");
	while (n < 8 && !(err = null_port(&p[n], "p", 0, 0)))
		n++;
	CHECK_EQ(err, ENOMEM);
	CHECK_MSG(why[0], "refused without a reason");
	CHECK(n >= 3 && n <= 5);
	close(p[n].fd);
	close(p[--n].fd);
	CHECK_GRANTED(null_port(&p[n], "p", 0, 0));
	while (n >= 0)
		close(p[n--].fd);
}

CASE(bad_numbers)
{
	static const char *const bad[] = { "x", "-5", "0", "1", "4294967296", "99999999999999999999", "12k", " ", "0x" };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_MSG(limit_refused("NETMAP_BUF_NUM", bad[i]), "NETMAP_BUF_NUM=\"%s\" is not refused", bad[i]);
}

/* Buffers of another size: an interface works with them, or says why not. */
static void buf_size(void *arg)
{
	struct port p = { .reg = { .nr_mode = NR_REG_ALL_NIC } };
	const char *size = arg;
	struct netmap_ring *r;
	int sock, err;

	wire_near();
	limit("NETMAP_BUF_SIZE", size);
	CHECK_EQ(pools().nr_buf_pool_objsize, atoi(size));
	sock = wire_socket();
	p.fd = dev_open();
	strcpy(p.name, wire_near());
	err = port_register(&p);
	if (err) {
		CHECK_MSG(why[0], "buffers of %s bytes: refused without a reason", size);
		close(p.fd);
		param_restore();
		return;
	}
	port_map(&p);
	r = tx_ring(&p, 0);
	CHECK_EQ(r->nr_buf_size, atoi(size));
	for (uint32_t seq = 0; seq < 200; seq++) {
		uint16_t len = 100;

		frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, len);
		r->slot[r->head].len = len;
		r->head = r->cur = nm_ring_next(r, r->head);
		txsync(&p);
		CHECK_EQ(wire_receive(sock, 1000, NULL), seq);
		wire_send(sock, seq, len);
		CHECK_EQ(poll_port(&p, POLLIN, 1000), POLLIN);
		for (unsigned int i = 0; i < p.nifp->ni_rx_rings; i++) {
			struct netmap_ring *rx = rx_ring(&p, i);

			for (; !nm_ring_empty(rx); rx->head = rx->cur = nm_ring_next(rx, rx->head))
				frame_check(NETMAP_BUF(rx, rx->slot[rx->head].buf_idx), rx->slot[rx->head].len);
		}
	}
	port_close(&p);
	param_restore();	/* a child of a case ends without its destructors */
}

CASE(other_buffer_sizes)
{
	static const char *const sizes[] = { "256", "512", "1024", "3072", "4096", "8192", "65472" };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_in_child(buf_size, (void *)(uintptr_t)sizes[i]);
}
