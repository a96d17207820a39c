/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No memory: each allocation of each operation fails once, one after the other. The operation then fails cleanly, or does
 * without; nothing is lost, and the next try works.
 *
 * There are two ways to make an allocation fail: the module's own (debug builds; parameter fail_alloc), which knows only what
 * the module asks for itself, and the kernel's (CONFIG_FAULT_INJECTION: /proc/thread-self/fail-nth), which has every
 * allocation of the call in it, and copies from and to the program, too.
 */
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel.h"

#define PAGE 4096ul

/* --- How to fail -------------------------------------------------------------------------------- */

struct injector {
	const char *name;
	void (*prepare)(void);		/* or skips */
	void (*arm)(uint32_t n);	/* the n-th from now */
	bool (*disarm)(void);		/* false: it did not come to the n-th */
	bool copies;			/* they may fail, too */
};

static void module_prepare(void)
{
	if (param_read("fail_alloc") < 0)
		SKIP("the module is no debug build: it has no parameter fail_alloc");
}

static void module_arm(uint32_t n)
{
	CHECK_EQ(param_set("fail_alloc", (long)n), 0);
}

static bool module_disarm(void)
{
	bool used = param_read("fail_alloc") == 0;

	module_arm(0);
	return used;
}

static const struct injector module = { "fail_alloc", module_prepare, module_arm, module_disarm, false };

static int nth = -1;

static void set_debugfs(const char *dir, const char *file, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", dir, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	CHECK_MSG(write(fd, value, strlen(value)) > 0, "%s: %s", path, strerror(errno));
	close(fd);
}

static void kernel_prepare(void)
{
	nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth < 0)
		SKIP("the kernel is built without fault injection");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	set_debugfs("failslab", "ignore-gfp-wait", "N");
	set_debugfs("failslab", "verbose", "0");
	set_debugfs("fail_page_alloc", "ignore-gfp-wait", "N");
	set_debugfs("fail_page_alloc", "ignore-gfp-highmem", "N");
	set_debugfs("fail_page_alloc", "min-order", "0");
	set_debugfs("fail_page_alloc", "verbose", "0");
	set_debugfs("fail_usercopy", "verbose", "0");
}

static void kernel_arm(uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	CHECK_OK(pwrite(nth, text, strlen(text), 0));
}

/* These calls copy, too: the failure may wait for them. */
static bool kernel_disarm(void)
{
	char text[32] = "";
	bool used = pread(nth, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	if (pwrite(nth, "0", 1, 0) < 0)
		CHECK_OK(pwrite(nth, "0", 1, 0));
	return used;
}

static const struct injector kernel = { "fail-nth", kernel_prepare, kernel_arm, kernel_disarm, true };

/* --- What may fail --------------------------------------------------------------------------------- */

static struct port parent, nic, pair[2];
static char name[NETMAP_REQ_IFNAMSIZ];
static bool has_nic;

/* One operation: 0 or an errno. In it only the calls of interest, since all of it is made to fail. */
struct operation {
	const char *name;
	bool needs_nic;
	int (*run)(void);
};

static int opened(int fd)
{
	return fd < 0 ? errno : 0;
}

static int op_open(void)
{
	int fd = open(NETMAP_DEVICE_NAME, O_RDWR), err = opened(fd);

	if (fd >= 0)
		close(fd);
	return err;
}

static int bind_port(const char *what, struct nmreq_register reg)
{
	static struct nmreq_opt_reason o;
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, what, &reg);
	int fd = open(NETMAP_DEVICE_NAME, O_RDWR), err = opened(fd);

	if (err)
		return err;
	o = (struct nmreq_opt_reason){ .nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = PTR(why), .nro_len = sizeof(why) };
	h.nr_options = PTR(&o);
	why[0] = '\0';
	err = ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
	close(fd);
	return err;
}

static int op_null(void)
{
	return bind_port(name, (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = 1 });
}

static int op_null_with_rings(void)
{
	return bind_port(name, (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_tx_rings = 2, .nr_rx_rings = 2,
		.nr_tx_slots = 32, .nr_rx_slots = 32 });
}

static int op_extra_buffers(void)
{
	return bind_port(name, (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_extra_bufs = 300 });
}

static int op_pipe(void)
{
	return bind_port("scarce{1", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 64, .nr_rx_slots = 64 });
}

/* Another end of a pipe that there is, and a pipe in a region that there is. */
static int op_second_end(void)
{
	return bind_port(pair[1].name, (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC });
}

static int op_pipe_of_a_port(void)
{
	char full[NETMAP_REQ_IFNAMSIZ + 4];

	snprintf(full, sizeof(full), "%.50s}7", parent.name);
	return bind_port(full, (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 64, .nr_rx_slots = 64 });
}

static int op_nic(void)
{
	return bind_port("lr0", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC });
}

static int op_nic_again(void)
{
	return bind_port("lr1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC });
}

static int op_host_rings(void)
{
	return bind_port("lr0", (struct nmreq_register){ .nr_mode = NR_REG_SW });
}

static int op_nic_and_host(void)
{
	return bind_port("lr0", (struct nmreq_register){ .nr_mode = NR_REG_NIC_SW, .nr_extra_bufs = 20 });
}

static int op_legacy(void)
{
	struct nmreq req = { .nr_version = NETMAP_API, .nr_flags = NR_REG_ALL_NIC, .nr_tx_slots = 32, .nr_rx_slots = 32 };
	int fd = open(NETMAP_DEVICE_NAME, O_RDWR), err = opened(fd);

	if (err)
		return err;
	snprintf(req.nr_name, sizeof(req.nr_name), "scarce{2");
	err = ioctl(fd, NIOCREGIF, &req) < 0 ? errno : 0;
	close(fd);
	return err;
}

static int op_legacy_info(void)
{
	struct nmreq req = { .nr_version = NETMAP_API };

	return ioctl(parent.fd, NIOCGINFO, &req) < 0 ? errno : 0;
}

static int op_port_info(void)
{
	struct nmreq_port_info_get info = { 0 };

	return ask(parent.fd, NETMAP_REQ_PORT_INFO_GET, "scarce{3", &info);
}

static int op_nic_info(void)
{
	struct nmreq_port_info_get info = { 0 };

	return ask(parent.fd, NETMAP_REQ_PORT_INFO_GET, "lr0", &info);
}

static int op_pools_info(void)
{
	struct nmreq_pools_info info = { 0 };

	return ask(parent.fd, NETMAP_REQ_POOLS_INFO_GET, "", &info);
}

static int op_port_hdr(void)
{
	struct nmreq_port_hdr hdr = { 0 };

	return ask(parent.fd, NETMAP_REQ_PORT_HDR_GET, "", &hdr);
}

static int op_stats(void)
{
	static struct nm_ring_stats rings[8];
	struct nmreq_port_stats body = { .nr_rings = PTR(rings), .nr_count = 8 };

	return ask(parent.fd, NETMAP_REQ_PORT_STATS_GET, pair[0].name, &body);
}

static int op_reason(void)
{
	struct nmreq_reason reason = { .nr_text = PTR(name) + 40, .nr_len = 8 };

	return ask(parent.fd, NETMAP_REQ_REASON_GET, "", &reason);
}

static int op_map(void)
{
	void *m = mmap(NULL, pair[0].reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, pair[0].fd, 0);

	if (m == MAP_FAILED)
		return errno;
	return munmap(m, pair[0].reg.nr_memsize) < 0 ? errno : 0;
}

static int op_poll(void)
{
	struct pollfd pfd = { .fd = pair[1].fd, .events = POLLIN };

	return poll(&pfd, 1, 1) < 0 ? errno : 0;
}

static int op_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0), err = opened(ep);

	if (err)
		return err;
	err = epoll_ctl(ep, EPOLL_CTL_ADD, pair[1].fd, &e) < 0 ? errno : 0;
	close(ep);
	return err;
}

static const struct operation operations[] = {
	{ "open", false, op_open },
	{ "a null port", false, op_null },
	{ "a null port with rings", false, op_null_with_rings },
	{ "extra buffers", false, op_extra_buffers },
	{ "a pipe", false, op_pipe },
	{ "a second end", false, op_second_end },
	{ "a pipe of a port", false, op_pipe_of_a_port },
	{ "a legacy register", false, op_legacy },
	{ "a legacy question", false, op_legacy_info },
	{ "port info", false, op_port_info },
	{ "pools info", false, op_pools_info },
	{ "header length", false, op_port_hdr },
	{ "counters", false, op_stats },
	{ "a reason", false, op_reason },
	{ "mmap", false, op_map },
	{ "poll", false, op_poll },
	{ "epoll", false, op_epoll },
	{ "an interface", true, op_nic },
	{ "a second interface", true, op_nic_again },
	{ "host rings", true, op_host_rings },
	{ "an interface with host rings", true, op_nic_and_host },
	{ "info of an interface", true, op_nic_info },
};

/* --- One after the other ------------------------------------------------------------------------------ */

/* Errors that may come of it; a call that is refused since a copy failed says EFAULT. */
static bool is_clean(int err, const struct injector *in)
{
	return err == 0 || err == ENOMEM || (in->copies && (err == EFAULT || err == ENFILE || err == EAGAIN || err == ENOBUFS));
}

static void fail_each(const struct operation *op, const struct injector *in)
{
	uint32_t n, failures = 0, mute = 0;

	CHECK_MSG(op->run() == 0, "%s does not work at all: %s (%s)", op->name, strerror(op->run()), why);
	for (n = 1;; n++) {
		bool used;
		int err;

		CHECK_MSG(n < 20000, "%s never gets by", op->name);
		why[0] = '\0';
		in->arm(n);
		err = op->run();
		used = in->disarm();
		if (!used) {
			CHECK_MSG(err == 0, "%s: %s, without a failure (%s)", op->name, strerror(err), why);
			break;
		}
		CHECK_MSG(is_clean(err, in), "%s, allocation %u: %s (%s)", op->name, n, strerror(err), why);
		failures += err != 0;
		mute += err && !why[0];
		err = op->run();
		CHECK_MSG(err == 0, "%s after the failure of allocation %u: %s (%s)", op->name, n, strerror(err), why);
		if (n % 50 == 0)
			check_progress();
	}
	/* The memory that a request itself is kept in, or its descriptor's, may be what is missing: then nobody can tell. */
	if (!in->copies && op->run != op_legacy && op->run != op_legacy_info && op->run != op_map && op->run != op_epoll)
		CHECK_MSG(mute <= 2, "%s: %u of %u failures without a reason", op->name, mute, failures);
	check_progress();
}

static void setup(bool with_nic)
{
	has_nic = with_nic;
	small_regions();
	CHECK_EQ(param_set("buf_num", 16000), 0);
	if (with_nic)
		wire_near();
	snprintf(name, sizeof(name), "%s", unique("scarce"));
	parent = port_open(unique("p"), &(struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_tx_rings = 1, .nr_tx_slots = 16 });
	pipe_open(pair, unique("q"), 32);
	/* A region's first use of its memory is an allocation, its second is none: from here on all have been used. */
	census_take(&parent);
}

static void fail_all(const struct injector *in, bool with_nic)
{
	struct census before;

	in->prepare();
	setup(with_nic);
	before = census_take(&parent);
	for (unsigned int i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (operations[i].needs_nic != with_nic)
			continue;
		fail_each(&operations[i], in);
		CHECK_CENSUS(&parent, before);
	}
	pipe_flow(pair, 300);
	port_close(&pair[0]);
	port_close(&pair[1]);
	port_close(&parent);
}

CASE(module_allocations)
{
	fail_all(&module, false);
}

CASE(module_allocations_of_interfaces)
{
	fail_all(&module, true);
}

CASE(kernel_allocations)
{
	fail_all(&kernel, false);
}

CASE(kernel_allocations_of_interfaces)
{
	fail_all(&kernel, true);
}

/* --- The first user of a region, which makes it ---------------------------------------------------------- */

static void fail_first(const struct injector *in)
{
	static const struct operation first[] = {
		{ "the global region", false, op_null_with_rings },
		{ "extra buffers of the global region", false, op_extra_buffers },
		{ "a private region", false, op_pipe },
		{ "the global region, for an interface", true, op_nic },
	};

	in->prepare();
	small_regions();
	CHECK_EQ(param_set("buf_num", 16000), 0);
	wire_near();
	snprintf(name, sizeof(name), "%s", unique("first"));
	for (unsigned int i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		fail_each(&first[i], in);
		CHECK_EQ(param_read("buf_curr_num"), 0);
	}
}

CASE(module_allocations_of_a_new_region)
{
	fail_first(&module);
}

CASE(kernel_allocations_of_a_new_region)
{
	fail_first(&kernel);
}

/* --- While packets move ------------------------------------------------------------------------------------- */

/* A sync never fails for want of memory: a packet waits, or is lost and counted, and things go on. */
static void starve_syncs(const struct injector *in)
{
	uint32_t seq = 0;
	int sock, got = -1;

	in->prepare();
	sock = wire_socket();
	nic = port_open(wire_near(), NULL);
	for (uint32_t n = 1; n <= scaled(300); n++) {
		struct netmap_ring *r = tx_ring(&nic, 0);

		for (int i = 0; i < 8 && !nm_ring_empty(r); i++) {
			frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq++, 100);
			r->slot[r->head].len = 100;
			r->head = r->cur = nm_ring_next(r, r->head);
		}
		in->arm(1 + n % 40);
		CHECK_OK(ioctl(nic.fd, NIOCTXSYNC, NULL));
		in->disarm();
		wire_send(sock, n, 200);
		in->arm(1 + n % 7);
		CHECK_OK(ioctl(nic.fd, NIOCRXSYNC, NULL));
		in->disarm();
		for (unsigned int i = 0; i < nic.reg.nr_rx_rings; i++)
			rx_ring(&nic, i)->head = rx_ring(&nic, i)->cur = rx_ring(&nic, i)->tail;
	}
	drain(sock);
	for (int i = 0; i < 20 && got != 4711; i++) {
		struct netmap_ring *r = tx_ring(&nic, 0);

		frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), 4711, 100);
		r->slot[r->head].len = 100;
		r->head = r->cur = nm_ring_next(r, r->head);
		txsync(&nic);
		got = wire_receive(sock, 200, NULL);
	}
	CHECK_EQ(got, 4711);
	port_close(&nic);
}

CASE(module_allocations_of_syncs)
{
	starve_syncs(&module);
}

CASE(kernel_allocations_of_syncs)
{
	starve_syncs(&kernel);
}

/* --- A machine that has really no memory left: a limit on the program's control group -------------------------- */

#define GROUP "/sys/fs/cgroup/lr-scarce"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* Takes buffers up to its limit, and is refused more, or given less; nobody is killed for it. */
static void take_too_much(void *arg)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_mem_id = 1, .nr_extra_bufs = 1000000 };
	char pid[16];

	(void)arg;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	CHECK_EQ(write_file(GROUP "/cgroup.procs", pid), 0);
	for (int i = 0; i < 3; i++) {
		int err = bind_port(unique("much"), want);

		CHECK_MSG(err == 0 || err == ENOMEM, "%s (%s)", strerror(err), why);
	}
}

CASE(limit_of_a_control_group)
{
	int status;
	pid_t pid;

	mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0755);
	if (write_file(GROUP "/memory.max", "16777216"))
		SKIP("no memory control groups here");
	CHECK_EQ(param_set("buf_num", 40000), 0);
	pid = spawn(take_too_much, NULL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the greedy one ended with status 0x%x", status);
	CHECK_EQ(param_read("buf_curr_num"), 0);
	/* Others have not noticed. */
	setup(false);
	pipe_flow(pair, 100);
	rmdir(GROUP);
}
