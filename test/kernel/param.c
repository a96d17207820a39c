/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module's parameters under /sys: each does what it says, refuses what makes no sense, and tells what is. And how much
 * memory an interface takes with all of them at their defaults.
 */
#include <dirent.h>
#include <sys/klog.h>
#include <sys/stat.h>

#include "kernel.h"

static struct nmreq_pools_info pools_of(int fd, uint16_t id)
{
	struct nmreq_pools_info info = { .nr_mem_id = id };

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &info));
	return info;
}

/* What the next global region will be like, while there is none. */
static struct nmreq_pools_info plan(void)
{
	struct nmreq_pools_info info;
	int fd = dev_open();

	info = pools_of(fd, 1);
	close(fd);
	return info;
}

static struct port global_port(void)
{
	return port_open(unique("g"), &(struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_tx_rings = 1, .nr_tx_slots = 16 });
}

/* --- Which there are ------------------------------------------------------------------------------- */

CASE(every_parameter_is_known_here)
{
	static const char *const known[] = { "admode", "buf_curr_num", "buf_curr_size", "buf_num", "buf_size", "fail_alloc", "generic_mit",
		"generic_rings", "generic_ringsize", "if_curr_num", "if_curr_size", "if_num", "if_size", "no_timestamp", "priv_buf_num",
		"priv_buf_size", "priv_if_num", "priv_if_size", "priv_ring_num", "priv_ring_size", "ring_curr_num", "ring_curr_size",
		"ring_num", "ring_size", "verbose" };
	DIR *d = opendir("/sys/module/netmap/parameters");
	unsigned int n = 0, i;
	struct dirent *e;

	CHECK(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		for (i = 0; i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], e->d_name) != 0; i++)
			;
		CHECK_MSG(i < sizeof(known) / sizeof(known[0]), "%s: no test here knows of it", e->d_name);
		n += strcmp(e->d_name, "fail_alloc") != 0;
	}
	closedir(d);
	CHECK_EQ(n, sizeof(known) / sizeof(known[0]) - 1);
}

/* --- Pools --------------------------------------------------------------------------------------------- */

static const struct pool {
	const char *num, *size, *curr_num, *curr_size, *priv_num, *priv_size;
	long new_num, new_size, bad_num[4], bad_size[4];
} pools[] = {
	{ "if_num", "if_size", "if_curr_num", "if_curr_size", "priv_if_num", "priv_if_size", 20, 8192,
	  { 0, 1, 65537, -1 }, { 0, 255, 65537, -5 } },
	{ "ring_num", "ring_size", "ring_curr_num", "ring_curr_size", "priv_ring_num", "priv_ring_size", 24, 20480,
	  { 0, 1, 65537, 4294967296 }, { 0, 4095, 1048577, -4096 } },
	{ "buf_num", "buf_size", "buf_curr_num", "buf_curr_size", "priv_buf_num", "priv_buf_size", 4000, 4096,
	  { 0, 15, 16777217, -2048 }, { 0, 192, 2049, 65536 } },
};

#define POOLS (sizeof(pools) / sizeof(pools[0]))

static long pool_value(const struct nmreq_pools_info *info, unsigned int pool, bool size)
{
	switch (pool * 2 + size) {
	case 0:
		return info->nr_if_pool_objtotal;
	case 1:
		return info->nr_if_pool_objsize;
	case 2:
		return info->nr_ring_pool_objtotal;
	case 3:
		return info->nr_ring_pool_objsize;
	case 4:
		return info->nr_buf_pool_objtotal;
	default:
		return info->nr_buf_pool_objsize;
	}
}

static void refuse(const char *name, const char *value)
{
	long before = param_read(name);
	int err;

	CHECK_MSG(before >= 0, "there is no parameter %s", name);
	err = param_write(name, value);
	CHECK_MSG(err == EINVAL || err == ERANGE, "%s of \"%s\": %s", name, value, strerror(err));
	CHECK_MSG(param_read(name) == before, "%s was %ld, after a value that was refused it is %ld", name, before, param_read(name));
}

static void refuse_all(const char *name, const long *bad)
{
	static const char *const worse[] = { "x", "12x", "1.5", "99999999999999999999", "0x", "--1", "yes" };
	char text[32];

	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%ld", bad[i]);
		refuse(name, text);
	}
	for (unsigned int i = 0; i < sizeof(worse) / sizeof(worse[0]); i++)
		refuse(name, worse[i]);
}

CASE(pool_values_out_of_range)
{
	default_parameters();
	for (unsigned int i = 0; i < POOLS; i++) {
		refuse_all(pools[i].num, pools[i].bad_num);
		refuse_all(pools[i].size, pools[i].bad_size);
		refuse_all(pools[i].priv_num, pools[i].bad_num);
		refuse_all(pools[i].priv_size, pools[i].bad_size);
	}
}

/* They are for the next region; the one that is there keeps what it has until its last user goes. */
CASE(pool_of_the_next_global_region)
{
	default_parameters();
	for (unsigned int i = 0; i < POOLS; i++) {
		for (int size = 0; size < 2; size++) {
			const char *name = size ? pools[i].size : pools[i].num, *curr = size ? pools[i].curr_size : pools[i].curr_num;
			long old = param_read(name), value = size ? pools[i].new_size : pools[i].new_num;
			struct nmreq_pools_info info;
			struct port p;

			CHECK_EQ(param_read(curr), 0);
			info = plan();
			CHECK_EQ(pool_value(&info, i, size), old);
			p = global_port();
			CHECK_EQ(param_read(curr), old);
			CHECK_MSG(param_set(name, value) == 0, "%s of %ld is refused", name, value);
			CHECK_EQ(param_read(name), value);
			CHECK_EQ(param_read(curr), old);
			info = pools_of(p.fd, 1);
			CHECK_EQ(pool_value(&info, i, size), old);
			port_close(&p);
			CHECK_EQ(param_read(curr), 0);
			info = plan();
			CHECK_EQ(pool_value(&info, i, size), value);
			p = global_port();
			CHECK_EQ(param_read(curr), value);
			info = pools_of(p.fd, 1);
			CHECK_EQ(pool_value(&info, i, size), value);
			CHECK_EQ(info.nr_memsize, p.reg.nr_memsize);
			port_close(&p);
			CHECK_EQ(param_set(name, old), 0);
		}
	}
}

CASE(pool_of_the_next_private_region)
{
	default_parameters();
	for (unsigned int i = 0; i < POOLS; i++) {
		for (int size = 0; size < 2; size++) {
			const char *name = size ? pools[i].priv_size : pools[i].priv_num;
			long old = param_read(name), value = size ? pools[i].new_size : pools[i].new_num;
			struct nmreq_register want = { .nr_tx_slots = 16, .nr_rx_slots = 16 };
			struct port p = port_open(unique("{1"), &want), q;
			struct nmreq_pools_info info;

			CHECK_MSG(param_set(name, value) == 0, "%s of %ld is refused", name, value);
			info = pools_of(p.fd, p.reg.nr_mem_id);
			CHECK_EQ(pool_value(&info, i, size), old);
			q = port_open(unique("{2"), &want);
			info = pools_of(q.fd, q.reg.nr_mem_id);
			CHECK_EQ(pool_value(&info, i, size), value);
			/* The global one has parameters of its own. */
			CHECK_EQ(param_read(pools[i].curr_num), 0);
			port_close(&p);
			port_close(&q);
			CHECK_EQ(param_set(name, old), 0);
		}
	}
}

CASE(readings_cannot_be_written)
{
	struct port p;

	default_parameters();
	p = global_port();
	for (unsigned int i = 0; i < POOLS; i++) {
		const char *names[] = { pools[i].curr_num, pools[i].curr_size };

		for (int j = 0; j < 2; j++) {
			long value = param_read(names[j]);
			char path[128];
			struct stat st;

			snprintf(path, sizeof(path), "/sys/module/netmap/parameters/%s", names[j]);
			CHECK_OK(stat(path, &st));
			CHECK_EQ(st.st_mode & 0222, 0);
			CHECK(param_set(names[j], 5) != 0);
			CHECK_EQ(param_read(names[j]), value);
		}
	}
	port_close(&p);
}

/* As many as there are, and not one more. */
CASE(limits_are_kept)
{
	struct port p;
	struct census c;

	small_regions();
	CHECK_EQ(param_set("if_num", 20), 0);
	CHECK_EQ(param_set("ring_num", 24), 0);
	CHECK_EQ(param_set("buf_num", 4000), 0);
	p = global_port();
	c = census_take(&p);
	/* One of each is this port's own; object 0 of a pool is never used, of buffers the first two. */
	CHECK_EQ(c.ifs, 20 - 1 - 1);
	CHECK_EQ(c.rings, 24 - 1 - 1);
	CHECK_EQ(c.bufs, 4000 - 2 - 16);
	port_close(&p);
}

/* Larger buffers carry larger packets. */
CASE(large_buffers)
{
	struct port p[2];

	default_parameters();
	CHECK_EQ(param_set("priv_buf_size", 9216), 0);
	pipe_open(p, unique(""), 16);
	CHECK_EQ(tx_ring(&p[0], 0)->nr_buf_size, 9216);
	packet_fill(tx_ring(&p[0], 0), 0, 7, 9000);
	tx_ring(&p[0], 0)->head = tx_ring(&p[0], 0)->cur = 1;
	txsync(&p[0]);
	rxsync(&p[1]);
	packet_check(rx_ring(&p[1], 0), 0, 7, 9000);
	rx_ring(&p[1], 0)->head = rx_ring(&p[1], 0)->cur = 1;
	rxsync(&p[1]);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* --- Of interfaces ------------------------------------------------------------------------------------------ */

CASE(interface_parameters_out_of_range)
{
	static const long bad_mode[] = { 3, -1, 100, 4294967296 }, bad_rings[] = { -1, 1000000, 4294967296, -100 };
	static const long bad_slots[] = { 0, 3, 16385, -1 }, bad_mit[] = { -1, 1000000001, 4294967296, -5 };

	default_parameters();
	refuse_all("admode", bad_mode);
	refuse_all("verbose", bad_mode);
	refuse_all("generic_rings", bad_rings);
	refuse_all("generic_ringsize", bad_slots);
	refuse_all("generic_mit", bad_mit);
	CHECK_EQ(param_write("no_timestamp", "perhaps"), EINVAL);
}

CASE(generic_rings)
{
	struct port p;

	default_parameters();
	p = port_open(wire_near(), NULL);
	/* Two queues in each direction, as the veth has. */
	CHECK_EQ(p.reg.nr_tx_rings, 2);
	CHECK_EQ(p.reg.nr_rx_rings, 2);
	port_close(&p);
	CHECK_EQ(param_set("generic_rings", 1), 0);
	p = port_open(wire_near(), NULL);
	CHECK_EQ(p.reg.nr_tx_rings, 1);
	CHECK_EQ(p.reg.nr_rx_rings, 1);
	/* Packets of all queues come into the one ring. */
	for (int sock = wire_socket(), i = 0; i < 20; i++) {
		struct netmap_ring *r = rx_ring(&p, 0);

		wire_send(sock, (uint32_t)i, 100);
		CHECK_EQ(poll_port(&p, POLLIN, 2000), POLLIN);
		CHECK_EQ(frame_check(NETMAP_BUF(r, r->slot[r->head].buf_idx), r->slot[r->head].len), i);
		r->head = r->cur = nm_ring_next(r, r->head);
	}
	port_close(&p);
	CHECK_EQ(param_set("generic_rings", 100), 0);
	p = port_open(wire_near(), NULL);
	CHECK_EQ(p.reg.nr_tx_rings, 2);
	port_close(&p);
}

CASE(generic_ringsize)
{
	struct port p;

	default_parameters();
	for (long slots = 64; slots <= 2048; slots *= 2) {
		CHECK_EQ(param_set("generic_ringsize", slots), 0);
		p = port_open(wire_near(), NULL);
		CHECK_EQ(p.reg.nr_tx_slots, slots);
		CHECK_EQ(p.reg.nr_rx_slots, slots);
		CHECK_EQ(tx_ring(&p, 1)->num_slots, slots);
		port_close(&p);
	}
}

/* How often poll wakes up while packets come one every millisecond. */
static uint32_t wakeups(struct port *p, int sock)
{
	uint64_t before = 0, after = 0;

	for (unsigned int i = 0; i < p->reg.nr_rx_rings; i++)
		before += ring_stats(p->fd, p->name, 1, i).wakeups;
	for (int i = 0; i < 40; i++) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

		wire_send(sock, (uint32_t)i, 100);
		CHECK_OK(poll(&pfd, 1, 1));
		for (unsigned int k = 0; k < p->reg.nr_rx_rings; k++)
			rx_ring(p, k)->head = rx_ring(p, k)->cur = rx_ring(p, k)->tail;
		rxsync(p);
	}
	for (unsigned int i = 0; i < p->reg.nr_rx_rings; i++)
		after += ring_stats(p->fd, p->name, 1, i).wakeups;
	return (uint32_t)(after - before);
}

/* A packet that comes to a sleeper wakes it within the interval, however long that is: none is forgotten. */
static void latest(struct port *p, int sock, uint64_t limit_ms)
{
	for (uint32_t i = 0; i < 5; i++) {
		pid_t pid = fork();
		uint64_t start;

		CHECK_OK(pid);
		if (pid == 0) {
			usleep(20000);
			wire_send(sock, i, 100);
			_exit(0);
		}
		start = check_now_ms();
		CHECK_EQ(poll_port(p, POLLIN, 10000), POLLIN);
		CHECK_MSG(check_now_ms() - start < limit_ms + 2000, "woken after %llu ms", (unsigned long long)(check_now_ms() - start));
		check_wait_child(pid);
		for (unsigned int k = 0; k < p->reg.nr_rx_rings; k++)
			rx_ring(p, k)->head = rx_ring(p, k)->cur = rx_ring(p, k)->tail;
		rxsync(p);
	}
}

/* 0: each packet wakes; more: at most once in so long. */
CASE(generic_mit)
{
	static const long intervals[] = { 0, 100000, 300000000 };
	uint32_t often = 0, seldom = 0;

	default_parameters();
	for (int i = 0; i < 3; i++) {
		struct port p;
		int sock;

		CHECK_EQ(param_set("generic_mit", intervals[i]), 0);
		p = port_open(wire_near(), NULL);
		sock = wire_socket();
		latest(&p, sock, (uint64_t)intervals[i] / 1000000);
		*(i ? &seldom : &often) = wakeups(&p, sock);
		close(sock);
		port_close(&p);
	}
	CHECK_MSG(seldom <= often, "%u wake-ups of 40 packets at most every 300 ms, %u without a limit", seldom, often);
}

/* No driver has native support yet: asked for nothing else, a NIC is refused with a reason. */
CASE(admode)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_port_stats body = { 0 };
	int fd = dev_open();

	default_parameters();
	wire_near();
	CHECK_EQ(param_set("admode", 1), 0);
	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_REGISTER, "lr0", &reg), EOPNOTSUPP, ENXIO);
	for (long mode = 0; mode <= 2; mode += 2) {
		struct port p;

		CHECK_EQ(param_set("admode", mode), 0);
		p = port_open("lr0", NULL);
		CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, "lr0", &body));
		CHECK_MSG(strstr(body.nr_backend, "generic"), "driven by \"%s\"", body.nr_backend);
		port_close(&p);
	}
	close(fd);
}

/* --- Of all ports ------------------------------------------------------------------------------------------- */

CASE(no_timestamp)
{
	struct netmap_ring *r;
	struct port p;

	default_parameters();
	p = port_open(unique("{1"), NULL);
	r = tx_ring(&p, 0);
	r->flags = NR_TIMESTAMP;
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(param_write("no_timestamp", i ? "Y" : "N"), 0);
		memset((void *)(uintptr_t)&r->ts, 0, sizeof(r->ts));
		txsync(&p);
		CHECK_EQ(r->ts.tv_sec == 0, i);
	}
	CHECK_EQ(param_write("no_timestamp", "N"), 0);
	port_close(&p);
}

/* How many lines of the kernel's log have this word in them. */
static unsigned int lines_with(const char *word)
{
	static char text[1 << 18];
	int len = klogctl(3 /* all that is there */, text, sizeof(text) - 1);
	unsigned int n = 0;

	CHECK_OK(len);
	text[len] = '\0';
	for (char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

CASE(verbose)
{
	char word[32];

	default_parameters();
	snprintf(word, sizeof(word), "[%d]: ioctl", (int)getpid());
	CHECK_EQ(param_set("verbose", 0), 0);
	port_close(&(struct port[]){ port_open(unique("{1"), NULL) }[0]);
	CHECK_EQ(lines_with(word), 0);
	CHECK_EQ(param_set("verbose", 1), 0);
	port_close(&(struct port[]){ port_open(unique("{1"), NULL) }[0]);
	CHECK_EQ(param_set("verbose", 0), 0);
	CHECK(lines_with(word) > 0);
}

/* --- Defaults ---------------------------------------------------------------------------------------------------- */

/* In a machine of any size, small ones first of all. */
CASE(memory_of_an_interface)
{
	long before, used;
	struct port p;

	default_parameters();
	wire_near();
	before = mem_available();
	p = port_open("lr0", NULL);
	CHECK_EQ(touch_read(p.nifp), 0);
	used = before - mem_available();
	CHECK_MSG(used < 64 * 1024, "an interface with default parameters takes %ld KiB", used);
	port_close(&p);
}

CASE(memory_comes_back)
{
	long before;

	default_parameters();
	wire_near();
	port_close(&(struct port[]){ port_open("lr0", NULL) }[0]);
	before = mem_available();
	for (uint32_t i = 0; i < scaled(20); i++) {
		struct port p = port_open("lr0", &(struct nmreq_register){ .nr_extra_bufs = 3000 });

		for (size_t at = pools_of(p.fd, 1).nr_buf_pool_offset; touch_write(p.mem + at, 1) == 0; at += 4096)
			;
		port_close(&p);
		check_progress();
	}
	CHECK_MEMORY_BACK(before, 16 * 1024);
}
