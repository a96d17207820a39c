/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests whose memory is not what it seems: bad addresses, structs inside of the shared memory that change while they are
 * read, pages that come late and must make nobody wait but who brought them.
 */
#include <linux/userfaultfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kernel.h"

#define PAGE 4096ul

/* --- Addresses -------------------------------------------------------------------------------- */

static const uint16_t requests[] = { NETMAP_REQ_REGISTER, NETMAP_REQ_PORT_INFO_GET, NETMAP_REQ_VALE_ATTACH, NETMAP_REQ_VALE_DETACH,
	NETMAP_REQ_VALE_LIST, NETMAP_REQ_PORT_HDR_SET, NETMAP_REQ_PORT_HDR_GET, NETMAP_REQ_VALE_NEWIF,
	NETMAP_REQ_VALE_POLLING_ENABLE, NETMAP_REQ_VALE_POLLING_DISABLE, NETMAP_REQ_POOLS_INFO_GET, NETMAP_REQ_SYNC_KLOOP_START,
	NETMAP_REQ_PORT_STATS_GET, NETMAP_REQ_REASON_GET };

#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* Nothing can be read at any of these: unmapped, the kernel's, not an address at all, wrapping. */
static uint64_t bad[10];

static void bad_addresses(void)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	CHECK_OK(munmap(page + PAGE, PAGE));
	CHECK_OK(mprotect(page, PAGE, PROT_NONE));
	bad[0] = 1;
	bad[1] = PTR(page);
	bad[2] = PTR(page + PAGE);
	bad[3] = 0xffff888000000000;		/* where x86-64 kernels have all memory */
	bad[4] = 0xffffffff81000000;		/* their code */
	bad[5] = 0x00007ffffffff000;		/* the last page that could be ours */
	bad[6] = 0x0000800000000000;		/* between the halves */
	bad[7] = UINT64_MAX;
	bad[8] = UINT64_MAX - 40;
	bad[9] = 0xffffffffff600000;		/* readable by programs, and no memory */
}

/* Fails for its address, or before it gets there. */
static void refuse(int fd, struct nmreq_header h, const char *what)
{
	errno = 0;
	CHECK_MSG(ioctl(fd, NIOCCTRL, &h) == -1, "request %u with a bad %s went well", h.nr_reqtype, what);
	CHECK_MSG(errno == EFAULT, "request %u with a bad %s: %s", h.nr_reqtype, what, strerror(errno));
}

CASE(bad_addresses_of_everything)
{
	struct port p = port_open(unique("{1"), NULL);
	int unbound = dev_open();

	bad_addresses();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned long cmds[] = { NIOCCTRL, NIOCREGIF, NIOCGINFO, NIOCREG };

		for (int j = 0; j < 4; j++) {
			CHECK_ERRNO(ioctl(unbound, cmds[j], bad[i]), EFAULT);
			CHECK_ERRNO(ioctl(p.fd, cmds[j], bad[i]), EFAULT);
		}
		for (unsigned int k = 0; k < REQUESTS; k++) {
			struct nmreq_header h = header(requests[k], unique("x"), NULL);

			h.nr_body = bad[i];
			refuse(unbound, h, "body");
			refuse(p.fd, h, "body");
		}
	}
	txsync(&p);
	port_close(&p);
	close(unbound);
}

/* Pointers in what was pointed at: options, their next ones, texts, arrays. */
CASE(bad_addresses_further_down)
{
	struct port p = port_open(unique("{1"), NULL);
	char text[100];

	bad_addresses();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nmreq_pools_info info = { 0 };
		struct nmreq_reason reason = { .nr_text = bad[i], .nr_len = 100 };
		struct nmreq_port_stats stats = { .nr_rings = bad[i], .nr_count = 4 };
		struct nmreq_opt_reason o = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = PTR(text), .nro_len = 100 };
		struct nmreq_header h = header(NETMAP_REQ_POOLS_INFO_GET, "", &info);

		h.nr_options = bad[i];
		refuse(p.fd, h, "option");
		h.nr_options = PTR(&o);
		o.nro_opt.nro_next = bad[i];
		refuse(p.fd, h, "second option");
		o.nro_opt.nro_next = 0;
		o.nro_text = bad[i];
		refuse(p.fd, h, "text of the reason");
		refuse(p.fd, header(NETMAP_REQ_REASON_GET, "", &reason), "text");
		refuse(p.fd, header(NETMAP_REQ_PORT_STATS_GET, p.name, &stats), "array of counters");
	}
	txsync(&p);
	port_close(&p);
}

/* An answer that cannot be written undoes the binding, however often. */
CASE(answer_to_a_read_only_page)
{
	struct nmreq_register *reg = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct port p;
	struct census before;
	int fd = dev_open();

	small_regions();
	p = port_open(unique("{1"), &(struct nmreq_register){ .nr_tx_slots = 16, .nr_rx_slots = 16 });
	before = census_take(&p);
	*reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_mem_id = p.reg.nr_mem_id, .nr_tx_rings = 2,
		.nr_tx_slots = 32, .nr_extra_bufs = 10 };
	CHECK_OK(mprotect(reg, PAGE, PROT_READ));
	for (uint32_t i = 0; i < scaled(300); i++)
		CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, unique("ro"), reg), EFAULT);
	CHECK_CENSUS(&p, before);
	CHECK_OK(mprotect(reg, PAGE, PROT_READ | PROT_WRITE));
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, unique("ro"), reg));
	close(fd);
	port_close(&p);
}

/* --- In the shared memory itself --------------------------------------------------------------------- */

static bool stop;

/* A request in a buffer of a port: header, body, options, text, counters. */
struct inside {
	struct nmreq_header h;
	union {
		struct nmreq_register reg;
		struct nmreq_port_stats stats;
		struct nmreq_pools_info pools;
		struct nmreq_reason reason;
	} body;
	struct nmreq_opt_reason opt[2];
	char text[64];
};

static void set_up_inside(struct inside *in, uint16_t reqtype, const char *name, uint64_t counters)
{
	memset(in, 0, sizeof(*in));
	in->h = header(reqtype, name, &in->body);
	in->h.nr_options = PTR(&in->opt[0]);
	in->opt[0].nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON;
	in->opt[0].nro_text = PTR(in->text);
	in->opt[0].nro_len = sizeof(in->text);
	if (reqtype == NETMAP_REQ_PORT_STATS_GET) {
		in->body.stats.nr_rings = counters;
		in->body.stats.nr_count = 8;
	} else if (reqtype == NETMAP_REQ_REASON_GET) {
		in->body.reason.nr_text = PTR(in->text);
		in->body.reason.nr_len = sizeof(in->text);
	} else if (reqtype == NETMAP_REQ_REGISTER) {
		in->body.reg = (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_tx_slots = 8 };
	}
}

static void *change_words(void *arg)
{
	uint32_t *word = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t i = any(sizeof(struct inside) / 4), old = __atomic_load_n(&word[i], __ATOMIC_RELAXED);

		__atomic_store_n(&word[i], any(4) ? any(64) : any(UINT32_MAX), __ATOMIC_RELAXED);
		if (any(2))
			__atomic_store_n(&word[i], old, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Errors, or answers; never more than that. */
CASE(requests_that_change_while_they_are_read)
{
	static const uint16_t kinds[] = { NETMAP_REQ_REGISTER, NETMAP_REQ_PORT_STATS_GET, NETMAP_REQ_POOLS_INFO_GET,
		NETMAP_REQ_REASON_GET, NETMAP_REQ_PORT_INFO_GET };
	struct port p, keep;
	struct inside *in;
	struct census before;
	uint32_t done = 0;
	pthread_t t;

	small_regions();
	keep = port_open(unique("keep"), &(struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 1 });
	before = census_take(&keep);
	p = port_open(unique("in{1"), &(struct nmreq_register){ .nr_tx_slots = 16, .nr_rx_slots = 16 });
	in = (struct inside *)(void *)NETMAP_BUF(tx_ring(&p, 0), tx_ring(&p, 0)->slot[3].buf_idx);
	thread_start(&t, change_words, in);
	for (uint32_t i = 0; i < scaled(20000); i++) {
		int fd = dev_open();

		set_up_inside(in, kinds[i % 5], i % 3 ? "inside" : p.name, PTR(in));
		done += ioctl(fd, NIOCCTRL, in) == 0;
		close(fd);
		if (i % 1000 == 0)
			check_progress();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	thread_join(t);
	CHECK(done > 0);
	port_close(&p);
	CHECK_CENSUS(&keep, before);
	port_close(&keep);
}

/* The answer goes over what is being asked about: the netmap_if, ring headers, slots. */
CASE(answers_over_the_rings)
{
	struct port p[2], good[2];
	uint64_t targets[4];

	pipe_open(p, unique("bad"), 64);
	pipe_open(good, unique("good"), 64);
	targets[0] = PTR(p[0].nifp);
	targets[1] = PTR(tx_ring(&p[0], 0));
	targets[2] = PTR(rx_ring(&p[0], 0));
	targets[3] = PTR(tx_ring(&p[0], 0)->slot);
	for (uint32_t i = 0; i < 4 * scaled(50); i++) {
		struct nmreq_port_stats stats = { .nr_rings = targets[i % 4], .nr_count = 4 };
		struct nmreq_reason reason = { .nr_text = targets[i % 4] + 20, .nr_len = 200 };

		ask(p[0].fd, NETMAP_REQ_PORT_STATS_GET, p[0].name, &stats);
		ask(p[1].fd, NETMAP_REQ_REASON_GET, "", &reason);
		ioctl(p[0].fd, NIOCTXSYNC, NULL);
		ioctl(p[1].fd, NIOCRXSYNC, NULL);
		poll_port(&p[i & 1], POLLIN | POLLOUT, 0);
		pipe_flow(good, 20);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_OK(close(p[i].fd));
		CHECK_OK(munmap(p[i].mem, p[i].reg.nr_memsize));
		port_close(&good[i]);
	}
}

/* --- Pages that come late --------------------------------------------------------------------------------- */

static int uffd = -1;

/* A page that is not there until somebody brings it: who touches it waits. */
static char *late_page(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { PTR(page), PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING };

	CHECK(page != MAP_FAILED);
	if (uffd < 0) {
		uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
		if (uffd < 0)
			SKIP("userfaultfd: %s", strerror(errno));
		CHECK_OK(ioctl(uffd, UFFDIO_API, &api));
	}
	CHECK_OK(ioctl(uffd, UFFDIO_REGISTER, &reg));
	return page;
}

static void wait_until_touched(void)
{
	struct pollfd pfd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg m;

	CHECK_MSG(poll(&pfd, 1, 5000) == 1, "the request never came to the late page");
	CHECK_EQ(read(uffd, &m, sizeof(m)), sizeof(m));
	CHECK_EQ(m.event, UFFD_EVENT_PAGEFAULT);
}

static void bring(char *page, const void *content, size_t len)
{
	static char copy[PAGE] __attribute__((aligned(4096)));
	struct uffdio_copy c = { .dst = PTR(page), .src = PTR(copy), .len = PAGE };

	memset(copy, 0, PAGE);
	memcpy(copy, content, len);
	CHECK_OK(ioctl(uffd, UFFDIO_COPY, &c));
}

struct slow {
	int fd, err;
	unsigned long cmd;
	void *arg;
};

static void *make_request(void *arg)
{
	struct slow *s = arg;

	s->err = ioctl(s->fd, s->cmd, s->arg) < 0 ? errno : 0;
	return NULL;
}

static void open_and_ask(void *arg)
{
	struct nmreq_pools_info info = { 0 };
	struct port p[2];

	(void)arg;
	alarm(10);
	for (int i = 0; i < 5; i++) {
		pipe_open(p, unique(""), 16);
		pipe_flow(p, 50);
		CHECK_GRANTED(ctrl(p[0].fd, NETMAP_REQ_POOLS_INFO_GET, p[0].name, &info));
		port_close(&p[0]);
		port_close(&p[1]);
	}
}

/* One request waits for its page; another process has all of its own done meanwhile. */
static int others_go_on(unsigned long cmd, void *arg, char *page, const void *content, size_t len)
{
	struct slow s = { .fd = dev_open(), .cmd = cmd, .arg = arg };
	pthread_t t;

	thread_start(&t, make_request, &s);
	wait_until_touched();
	check_in_child(open_and_ask, NULL);
	bring(page, content, len);
	thread_join(t);
	close(s.fd);
	return s.err;
}

CASE(late_header)
{
	char *page = late_page();
	struct nmreq_pools_info info = { 0 };
	struct nmreq_header h = header(NETMAP_REQ_POOLS_INFO_GET, "", &info);

	CHECK_EQ(others_go_on(NIOCCTRL, page, page, &h, sizeof(h)), 0);
	CHECK(info.nr_memsize > 0);
}

CASE(late_body)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1 };
	char *page = late_page();
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique("late"), page);

	CHECK_EQ(others_go_on(NIOCCTRL, &h, page, &reg, sizeof(reg)), 0);
	CHECK(((struct nmreq_register *)(void *)page)->nr_memsize > 0);
}

CASE(late_option)
{
	struct nmreq_pools_info info = { 0 };
	char *page = late_page(), text[100];
	struct nmreq_opt_reason o = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = PTR(text), .nro_len = 100 };
	struct nmreq_header h = header(NETMAP_REQ_POOLS_INFO_GET, "", &info);

	h.nr_options = PTR(page);
	CHECK_EQ(others_go_on(NIOCCTRL, &h, page, &o, sizeof(o)), 0);
}

/* The answer waits: the binding is there and not yet known. */
CASE(late_room_for_the_reason)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_tx_slots = 16 };
	char *page = late_page();
	struct nmreq_opt_reason o = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = PTR(page), .nro_len = 100 };
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique("late"), &reg);

	h.nr_options = PTR(&o);
	CHECK_EQ(others_go_on(NIOCCTRL, &h, page, "", 1), 0);
	CHECK(reg.nr_memsize > 0);
}

CASE(late_room_for_counters)
{
	char *page = late_page();
	struct port p = port_open(unique("{1"), &(struct nmreq_register){ .nr_tx_slots = 16, .nr_rx_slots = 16 });
	struct nmreq_port_stats stats = { .nr_rings = PTR(page), .nr_count = 2 };
	struct nmreq_header h = header(NETMAP_REQ_PORT_STATS_GET, p.name, &stats);

	CHECK_EQ(others_go_on(NIOCCTRL, &h, page, "", 1), 0);
	CHECK_EQ(((struct nm_ring_stats *)(void *)page)->num_slots, p.reg.nr_tx_slots);
	port_close(&p);
}

CASE(late_legacy_request)
{
	char *page = late_page();
	struct nmreq req = { .nr_version = NETMAP_API };

	CHECK_EQ(others_go_on(NIOCGINFO, page, page, &req, sizeof(req)), 0);
	CHECK(((struct nmreq *)(void *)page)->nr_memsize > 0);
}

/* The descriptor with the waiting request: nothing else of it hangs, and it dies when it is told to. */
static void wait_forever(void *arg)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1 };
	char *page = late_page();
	struct nmreq_opt_reason o = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = PTR(page), .nro_len = 100 };
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, arg, &reg);
	struct slow s = { .fd = dev_open(), .cmd = NIOCCTRL, .arg = &h };
	struct nmreq_register second = { .nr_mode = NR_REG_NULL };
	pthread_t t;

	h.nr_options = PTR(&o);
	thread_start(&t, make_request, &s);
	wait_until_touched();
	CHECK_ERRNO(ioctl(s.fd, NIOCTXSYNC, NULL), ENXIO);
	CHECK_EQ(ctrl(s.fd, NETMAP_REQ_REGISTER, "another", &second), EBUSY);
	CHECK_EQ(poll_port(&(struct port){ .fd = s.fd }, POLLIN, 0), POLLERR);
	CHECK_OK(close(s.fd));
	raise(SIGKILL);
}

CASE(killed_while_its_answer_waits)
{
	const char *name = unique("late");
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_flags = NR_EXCLUSIVE };
	struct port p;

	if (syscall(SYS_userfaultfd, O_CLOEXEC) < 0)
		SKIP("userfaultfd: %s", strerror(errno));
	for (int i = 0; i < 3; i++) {
		pid_t pid = spawn(wait_forever, (void *)(uintptr_t)name);
		int status;

		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	p = port_open(name, &want);
	port_close(&p);
}
