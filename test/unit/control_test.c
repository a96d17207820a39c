/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests: each errno that the rules name, with its sentence; which rings a descriptor gets, alone or with others; and that a
 * request that failed, at whatever step, has left nothing behind.
 */
#include "scarce.h"
#include "core.h"

static char *pages;	/* one to write, one to read only, one that is not there */

#define WRITABLE (pages)
#define READ_ONLY (pages + OS_PAGE_SIZE)
#define ABSENT (pages + 2 * OS_PAGE_SIZE)

static void map_pages(void)
{
	pages = mmap(NULL, 3 * OS_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ) || mprotect(ABSENT, OS_PAGE_SIZE, PROT_NONE))
		abort();
}

static const struct lr_region_params usual_private = { { { 32, 4096 }, { 64, 69632 }, { 32768, 2048 } } };

/* A request that must fail like this, on a descriptor of its own. */
static void refused(const char *name, struct nmreq_register reg, int want, const char *sentence)
{
	struct lr_file *f = lr_file_open();
	int err = core_ask(f, NETMAP_REQ_REGISTER, name, &reg);

	if (err != want)
		FAIL("%s, mode %u: %d, not %d", name, reg.nr_mode, err, want);
	CHECK_HAS(core_why(f), sentence);
	CHECK(!f->port);
	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), -ENXIO);
	lr_file_close(f);
}

static struct lr_file *granted(const char *name, struct nmreq_register reg)
{
	struct lr_file *f;
	int err;

	if (!reg.nr_mode)
		reg.nr_mode = NR_REG_ALL_NIC;
	f = core_open(name, &reg, &err);
	if (f)
		return f;
	printf("not ok %s: %s was refused: %d\n", unit_name, name, err);
	exit(1);
}

/* --- The form of a request ----------------------------------------------------------------------- */

static void headers(void)
{
	struct nmreq_port_info_get info;
	struct lr_file *f = lr_file_open();
	static const uint16_t versions[] = { 0, 11, 13, 15, 16, 65535 }, unknown[] = { 0, 16, 17, 99, 0x4c00, 0x4c05, 65535 };
	static const uint16_t without_body[] = { NETMAP_REQ_VALE_DELIF, NETMAP_REQ_SYNC_KLOOP_STOP, NETMAP_REQ_CSB_ENABLE };
	struct nmreq_header h;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(versions); i++) {
		h = core_header(NETMAP_REQ_PORT_INFO_GET, "", &info);
		h.nr_version = versions[i];
		CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, ADDR(&h)), -EINVAL);
		CHECK_EQ(h.nr_version, 14);
		CHECK_HAS(core_why(f), "API version");
	}
	for (i = 0; i < LR_ARRAY_SIZE(unknown); i++) {
		CHECK_EQ(core_ask(f, unknown[i], "", &info), -EINVAL);
		CHECK_HAS(core_why(f), "there is no request");
	}
	for (i = 0; i < LR_ARRAY_SIZE(without_body); i++) {
		CHECK_EQ(core_ask(f, without_body[i], "vale0:1", &info), -EINVAL);
		CHECK_HAS(core_why(f), "takes no body");
	}
	h = core_header(NETMAP_REQ_PORT_INFO_GET, "", &info);
	h.nr_reserved = 1;
	CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, ADDR(&h)), -EINVAL);
	CHECK_HAS(core_why(f), "nr_reserved");
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "", NULL), -EINVAL);
	CHECK_HAS(core_why(f), "has no body");
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "", &info), 0);
	CHECK_EQ(core_why(f)[0], 0);
	CHECK_EQ(lr_file_ioctl(f, 12345, ADDR(&h)), -ENOTTY);
	CHECK_EQ(lr_file_ioctl(f, 0, 0), -ENOTTY);
	lr_file_close(f);
}

static void names(void)
{
	struct nmreq_register all = { .nr_mode = NR_REG_ALL_NIC };
	char name[NETMAP_REQ_IFNAMSIZ + 1];
	unsigned int c;

	memset(name, 'x', sizeof(name));
	name[NETMAP_REQ_IFNAMSIZ] = '\0';
	refused(name, all, -EINVAL, "no end");
	strcpy(name, "lr?0");
	for (c = 1; c < 256; c++) {
		bool odd = c <= ' ' || c == 0x7f || c == '/';

		if (c == '{' || c == '}')
			continue;
		name[2] = (char)c;
		refused(name, all, odd ? -EINVAL : -ENXIO, odd ? "character" : "'lr");
	}
	refused("lrnone0", all, -ENXIO, "lrnone0");
	refused("valelr0", all, -ENXIO, "valelr0");
}

static void addresses(void)
{
	struct lr_file *f = lr_file_open();
	struct nmreq_register *reg = (void *)READ_ONLY;
	struct nmreq_header h;
	struct nmreq legacy = { .nr_version = NETMAP_API };
	char *across = ABSENT - 10;
	unsigned int i;

	CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, 0), -EFAULT);
	CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, ADDR(ABSENT)), -EFAULT);
	CHECK_HAS(core_why(f), "cannot be read");
	CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, ADDR(across)), -EFAULT);
	CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, UINT64_MAX - 4), -EFAULT);
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(ABSENT)), -EFAULT);
	CHECK_HAS(core_why(f), "cannot be read");
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", ABSENT), -EFAULT);
	CHECK_HAS(core_why(f), "cannot be read");
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", across), -EFAULT);

	/* An answer that cannot be written: as if it had not been asked. */
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ | PROT_WRITE);
	*reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = 5 };
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", reg), -EFAULT);
		CHECK_HAS(core_why(f), "cannot be written");
		CHECK(!f->port && core_is_empty());
	}
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ | PROT_WRITE);
	strcpy(legacy.nr_name, "lrx{1");
	memcpy(READ_ONLY, &legacy, sizeof(legacy));
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ);
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(READ_ONLY)), -EFAULT);
	CHECK_HAS(core_why(f), "cannot be written");
	CHECK_EQ(lr_file_ioctl(f, NIOCREG, ADDR(READ_ONLY)), -EFAULT);
	CHECK(!f->port && core_is_empty());

	h = core_header(NETMAP_REQ_REGISTER, "lrx{1", &(struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC });
	CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, ADDR(&h)), 0);
	/* A failed request on a bound descriptor leaves it bound. */
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", reg), -EBUSY);
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(READ_ONLY)), -EFAULT);
	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
	lr_file_close(f);
	CHECK(core_is_empty());
}

static void unbound(void)
{
	struct lr_file *f = lr_file_open();

	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), -ENXIO);
	CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), -ENXIO);
	CHECK_EQ(lr_file_poll(f, LR_POLLIN | LR_POLLOUT, NULL), LR_POLLERR);
	CHECK(!lr_file_region(f));
	lr_file_close(f);
}

/* --- What cannot be had ------------------------------------------------------------------------------ */

static void modes_and_flags(void)
{
	static const uint32_t modes[] = { 0, 9, 15, 16, UINT32_MAX };
	static const uint32_t hosts[] = { NR_REG_SW, NR_REG_NIC_SW, NR_REG_ONE_SW };
	static const uint32_t monitors[] = { NR_MONITOR_TX, NR_MONITOR_RX, NR_ZCOPY_MON, NR_ZCOPY_MON | NR_MONITOR_TX | NR_MONITOR_RX };
	struct nmreq_register reg;
	struct lr_file *f;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(modes); i++)
		refused("lrx{1", (struct nmreq_register){ .nr_mode = modes[i] }, -EINVAL, "nr_mode");
	for (i = 0; i < LR_ARRAY_SIZE(hosts); i++)
		refused("lrx{1", (struct nmreq_register){ .nr_mode = hosts[i] }, -EOPNOTSUPP, "host rings");
	for (i = 0; i < LR_ARRAY_SIZE(monitors); i++)
		refused("lrx{1", (struct nmreq_register){ .nr_mode = 1, .nr_flags = monitors[i] }, -EOPNOTSUPP, "monitors");
	reg = (struct nmreq_register){ .nr_mode = 1, .nr_flags = NR_TX_RINGS_ONLY | NR_RX_RINGS_ONLY };
	refused("lrx{1", reg, -EINVAL, "exclude each other");
	CHECK(core_is_empty());

	f = core_must_open("lrx{1", 0);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx}1", &reg), -EBUSY);
	CHECK_HAS(core_why(f), "bound to lrx{1");
	lr_file_close(f);
}

static void numbers(void)
{
	static const uint32_t slots[] = { 1, 3, 16385, UINT32_MAX };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(slots); i++) {
		refused("lrx{1", (struct nmreq_register){ .nr_mode = 1, .nr_tx_slots = slots[i] }, -EINVAL, "tx rings of");
		refused("lrx{1", (struct nmreq_register){ .nr_mode = 1, .nr_rx_slots = slots[i] }, -EINVAL, "rx rings of");
		refused("lrx", (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_rx_slots = slots[i] }, -EINVAL, "rx rings of");
	}
	refused("lrx{1", (struct nmreq_register){ .nr_mode = 1, .nr_tx_rings = 1025 }, -EINVAL, "1025 tx rings");
	refused("lrx", (struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_rx_rings = 65535 }, -EINVAL, "65535 rx rings");
	refused("lrx{1", (struct nmreq_register){ .nr_mode = 1, .nr_tx_slots = 16384 }, -ENOMEM, "ring_size");
	refused("lrx{1", (struct nmreq_register){ .nr_mode = 1, .nr_mem_id = 9 }, -EINVAL, "no memory region 9");
	lr_file_close(granted("lrx{1", (struct nmreq_register){ .nr_tx_slots = 4, .nr_rx_slots = 4336 }));
	CHECK(core_is_empty());
}

static void one_ring(void)
{
	struct nmreq_register two = { .nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = 8, .nr_rx_slots = 8 };
	struct lr_file *all = granted("lrx{1", two), *one;
	uint16_t i;

	for (i = 0; i < 2; i++) {
		one = granted("lrx{1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC, .nr_ringid = i });
		CHECK(one->first[LR_TX] == i && one->n[LR_TX] == 1 && one->first[LR_RX] == i && one->n[LR_RX] == 1);
		CHECK(core_ring(one, LR_TX, 0) == core_ring(all, LR_TX, i));
		CHECK_EQ(one->nifp->ni_tx_rings, 2);
		CHECK(one->nifp->ring_ofs[i] && !one->nifp->ring_ofs[1 - i]);
		CHECK(one->nifp->ring_ofs[2 + i] && !one->nifp->ring_ofs[3 - i]);
		CHECK((char *)one->nifp + one->nifp->ring_ofs[i] == (char *)all->nifp + all->nifp->ring_ofs[i]);
		lr_file_close(one);
	}
	refused("lrx{1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 2 }, -EINVAL, "has 2 tx rings, ring 2");
	refused("lrx{1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 65535 }, -EINVAL, "ring 65535");
	refused("lrx{1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 7, .nr_flags = NR_RX_RINGS_ONLY }, -EINVAL, "rx rings, ring 7");
	refused("lrx{1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_SW }, -EOPNOTSUPP, "host rings");
	lr_file_close(all);
	CHECK(core_is_empty());
}

/* What two descriptors may have of a port at once. */
static void exclusive(void)
{
	static const struct {
		struct nmreq_register first, second;
		bool together;
	} pairs[] = {
		{ { .nr_flags = 0 }, { .nr_flags = 0 }, true },
		{ { .nr_flags = NR_EXCLUSIVE }, { .nr_flags = 0 }, false },
		{ { .nr_flags = 0 }, { .nr_flags = NR_EXCLUSIVE }, false },
		{ { .nr_flags = NR_EXCLUSIVE }, { .nr_flags = NR_EXCLUSIVE }, false },
		{ { .nr_mode = NR_REG_ONE_NIC, .nr_flags = NR_EXCLUSIVE },
		  { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 1, .nr_flags = NR_EXCLUSIVE }, true },
		{ { .nr_mode = NR_REG_ONE_NIC, .nr_flags = NR_EXCLUSIVE }, { .nr_flags = 0 }, false },
		{ { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 1 }, { .nr_flags = NR_EXCLUSIVE }, false },
		{ { .nr_flags = NR_EXCLUSIVE | NR_TX_RINGS_ONLY }, { .nr_flags = NR_RX_RINGS_ONLY }, true },
		{ { .nr_flags = NR_EXCLUSIVE | NR_RX_RINGS_ONLY }, { .nr_flags = 0 }, false },
	};
	struct nmreq_register two = { .nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = 8, .nr_rx_slots = 8 }, again;
	struct lr_file *other = granted("lrx}1", two), *first, *second;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(pairs); i++) {
		again = pairs[i].second;
		again.nr_mode = again.nr_mode ? again.nr_mode : (uint32_t)NR_REG_ALL_NIC;
		first = granted("lrx{1", pairs[i].first);
		if (pairs[i].together) {
			second = granted("lrx{1", pairs[i].second);
			lr_file_close(first);
			/* What was exclusive is free again. */
			lr_file_close(granted("lrx{1", (struct nmreq_register){ .nr_mode = pairs[i].first.nr_mode,
					      .nr_flags = pairs[i].first.nr_flags & ~(uint64_t)NR_EXCLUSIVE }));
			lr_file_close(second);
		} else {
			refused("lrx{1", again, -EBUSY, "exclusively");
			CHECK_EQ(lr_file_ioctl(first, NIOCTXSYNC, 0), 0);
			lr_file_close(first);
			lr_file_close(granted("lrx{1", again));
		}
	}
	lr_file_close(other);
	CHECK(core_is_empty());
}

/* --- Memory that is not there ---------------------------------------------------------------------------- */

static void pools_run_out(void)
{
	struct lr_file *f[8];
	unsigned int i;

	/* Three descriptors can be described. */
	lr_region_params[1] = (struct lr_region_params){ { { 4, 4096 }, { 64, 4096 }, { 4096, 2048 } } };
	for (i = 0; i < 3; i++)
		f[i] = core_must_open("lrx{1", 8);
	refused("lrx{1", (struct nmreq_register){ .nr_mode = 1 }, -ENOMEM, "if_num");
	for (i = 0; i < 3; i++)
		lr_file_close(f[i]);

	/* Four rings: a pipe's two ends. */
	lr_region_params[1] = (struct lr_region_params){ { { 16, 4096 }, { 5, 4096 }, { 4096, 2048 } } };
	f[0] = core_must_open("lrx{1", 8);
	f[1] = core_must_open("lrx}1", 8);
	refused("lry{1", (struct nmreq_register){ .nr_mode = 1, .nr_mem_id = f[0]->port->region->id }, -ENOMEM, "ring_num");
	lr_file_close(f[0]);
	lr_file_close(f[1]);

	lr_region_params[1] = (struct lr_region_params){ { { 16, 4096 }, { 64, 69632 }, { 34, 2048 } } };
	refused("lrx{1", (struct nmreq_register){ .nr_mode = 1 }, -ENOMEM, "buf_num");
	/* Extra buffers: as many as there are. The other end's receiving ring has eight. */
	f[0] = granted("lrx{1", (struct nmreq_register){ .nr_tx_slots = 8, .nr_rx_slots = 8, .nr_extra_bufs = 100 });
	CHECK(f[0]->extra_bufs <= 34 - LR_BUF_FIRST - 16);
	lr_file_close(f[0]);
	lr_region_params[1] = usual_private;
	CHECK(core_is_empty());
	CHECK_EQ(scarce_live, 0);
}

/* --- Failing at each step ----------------------------------------------------------------------------------- */

struct scene {
	const char *first, *name;	/* what is open already, if not NULL; what is asked for */
	struct nmreq_register reg;
	int kind;			/* 0: register, 1: legacy, 2: classic, 3: PORT_INFO */
};

/* All that could have been left behind. */
struct balance {
	uint32_t taken[LR_POOLS];
	unsigned int refs, bound, users;
	long live;
};

static struct balance balance_of(const struct lr_file *f)
{
	struct balance b = { .live = scarce_live };
	unsigned int k;

	if (!f)
		return b;
	for (k = 0; k < LR_POOLS; k++)
		b.taken[k] = f->port->region->pool[k].taken;
	b.refs = f->port->region->refs * 1000 + f->port->refs;
	b.bound = f->port->bound;
	for (k = 0; k < LR_RING_KINDS; k++)
		if (f->port->num_rings[k])
			b.users = b.users * 10 + f->port->ring[k][0].users * 5 + f->port->ring[k][0].mem_refs;
	return b;
}

static int ask_scene(struct lr_file *f, const struct scene *s)
{
	struct nmreq_register reg = s->reg;
	struct nmreq_port_info_get info;
	struct nmreq r;

	if (s->kind == 3)
		return core_ask(f, NETMAP_REQ_PORT_INFO_GET, s->name, &info);
	if (s->kind == 0)
		return core_ask(f, NETMAP_REQ_REGISTER, s->name, &reg);
	memset(&r, 0, sizeof(r));
	strcpy(r.nr_name, s->name);
	r.nr_version = 11;
	r.nr_arg3 = reg.nr_extra_bufs;
	return lr_file_ioctl(f, s->kind == 1 ? NIOCREGIF : NIOCREG, ADDR(&r));
}

/* True when nothing was asked of the memory that could have failed. */
static bool fail_once(const struct scene *s, long n, long after, struct lr_file *first)
{
	struct balance before = balance_of(first), now;
	struct lr_file *f = lr_file_open();
	bool over;
	int err;

	scarce_reset(n, after);
	err = ask_scene(f, s);
	over = scarce_calls < n || (after && scarce_calls <= after);
	scarce_reset(0, 0);
	if (err && err != -ENOMEM)
		FAIL("%s: %d when call %ld fails", s->name, err, n);
	if (!err)
		CHECK_EQ(!!f->port, s->kind != 3);
	else
		CHECK(!f->port);
	lr_file_close(f);
	now = balance_of(first);
	if (memcmp(&before, &now, sizeof(now)))
		FAIL("%s: something is left when call %ld fails", s->name, n);
	if (!first)
		CHECK(core_is_empty());
	return over;
}

static void every_step_fails(void)
{
	static const struct scene scenes[] = {
		{ NULL, "lrx{1", { .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = 10 }, 0 },
		{ NULL, "lrx", { .nr_mode = NR_REG_PIPE_SLAVE, .nr_ringid = 3, .nr_tx_rings = 3, .nr_rx_rings = 2 }, 0 },
		{ NULL, "lrx", { .nr_mode = NR_REG_NULL, .nr_tx_rings = 3, .nr_rx_rings = 1, .nr_extra_bufs = 3000 }, 0 },
		{ NULL, "lrx{1", { .nr_mode = NR_REG_ALL_NIC }, 3 },
		{ NULL, "lrx{1", { .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = 4 }, 1 },
		{ NULL, "lrx{1", { .nr_mode = NR_REG_ALL_NIC }, 2 },
		{ "lrx{1", "lrx}1", { .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = 2000 }, 0 },
		{ "lrx{1", "lrx{1", { .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = 2000 }, 0 },
		{ "lrx{1", "lrx{1", { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_RX_RINGS_ONLY }, 0 },
		{ "lrx{1", "lrx{2", { .nr_mode = NR_REG_ALL_NIC }, 0 },
	};
	unsigned int i;
	long n;

	for (i = 0; i < LR_ARRAY_SIZE(scenes); i++) {
		struct lr_file *first = scenes[i].first ? core_must_open(scenes[i].first, 8) : NULL;

		/* Only the n-th call, and all from there on. */
		for (n = 1; n < 1000 && !fail_once(&scenes[i], n, 0, first); n++)
			;
		CHECK(n > 1 && n < 1000);
		for (n = 1; n < 1000 && !fail_once(&scenes[i], 0, n, first); n++)
			;
		CHECK(n < 1000);
		if (first)
			lr_file_close(first);
		CHECK(core_is_empty());
		CHECK_EQ(scarce_live, 0);
	}
}

/* Refusals late in a register: the second ring is held, and what was taken for the first goes back. */
static void refused_late(void)
{
	struct nmreq_register two = { .nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = 8, .nr_rx_slots = 8 };
	struct lr_file *master = granted("lrx{1", two), *held;
	struct balance before, now;

	held = granted("lrx}1", (struct nmreq_register){ .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 1, .nr_flags = NR_EXCLUSIVE });
	before = balance_of(master);
	refused("lrx}1", (struct nmreq_register){ .nr_mode = 1, .nr_extra_bufs = 2000 }, -EBUSY, "exclusively");
	now = balance_of(master);
	CHECK(memcmp(&before, &now, sizeof(now)) == 0);
	lr_file_close(held);
	lr_file_close(master);
	CHECK(core_is_empty());
}

/* --- Requests for information --------------------------------------------------------------------------------- */

static void information(void)
{
	struct nmreq_port_info_get info;
	struct nmreq_pools_info pools = { 0 };
	struct lr_file *f = lr_file_open(), *p;

	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "", &info), 0);
	CHECK(info.nr_memsize && info.nr_mem_id == 1 && !info.nr_tx_rings && !info.nr_rx_slots);
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "lrnone0", &info), -ENXIO);
	CHECK_HAS(core_why(f), "lrnone0");
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "vale0:1", &info), 0);
	CHECK(info.nr_tx_rings == 1 && info.nr_rx_slots == 1024 && info.nr_mem_id > 1);
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "", &info), 0);
	CHECK_EQ(core_ask(f, NETMAP_REQ_POOLS_INFO_GET, "", &pools), 0);
	CHECK_EQ(pools.nr_mem_id, 1);
	CHECK(pools.nr_memsize == info.nr_memsize || pools.nr_memsize);
	pools.nr_mem_id = 5;
	CHECK_EQ(core_ask(f, NETMAP_REQ_POOLS_INFO_GET, "", &pools), -EINVAL);
	CHECK_HAS(core_why(f), "region 5");
	CHECK(core_is_empty());

	p = granted("lrx{1", (struct nmreq_register){ .nr_tx_rings = 3, .nr_tx_slots = 10, .nr_rx_slots = 11 });
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_INFO_GET, "lrx{1", &info), 0);
	CHECK(info.nr_tx_rings == 3 && info.nr_rx_rings == 1 && info.nr_tx_slots == 10 && info.nr_rx_slots == 11);
	CHECK(info.nr_mem_id == p->port->region->id && info.nr_memsize == p->port->region->size);
	CHECK_EQ(core_ask(f, NETMAP_REQ_POOLS_INFO_GET, "lrx}1", &pools), 0);
	CHECK_EQ(pools.nr_mem_id, p->port->region->id);
	pools = (struct nmreq_pools_info){ .nr_mem_id = p->port->region->id };
	CHECK_EQ(core_ask(f, NETMAP_REQ_POOLS_INFO_GET, "", &pools), 0);
	CHECK_EQ(pools.nr_memsize, p->port->region->size);
	lr_file_close(p);
	lr_file_close(f);
	CHECK(core_is_empty());
}

static void headers_of_packets(void)
{
	struct nmreq_port_hdr hdr = { .nr_hdr_len = 12 };
	struct lr_file *f = lr_file_open(), *p = core_must_open("lrx{1", 8);

	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_HDR_SET, "lrx{1", &hdr), -EOPNOTSUPP);
	CHECK_HAS(core_why(f), "lrx{1");
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_HDR_GET, "", &hdr), 0);
	CHECK_EQ(hdr.nr_hdr_len, 0);
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_HDR_SET, "", &hdr), 0);
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_HDR_GET, "", &hdr), -EINVAL);
	CHECK_HAS(core_why(f), "names no port");
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_HDR_GET, "lrnone0", &hdr), -ENXIO);
	lr_file_close(p);
	lr_file_close(f);
}

static void headers_of_vale(void)
{
	struct nmreq_port_hdr hdr = { .nr_hdr_len = 12 };
	struct nmreq legacy = { .nr_name = "vale0:1", .nr_version = NETMAP_API, .nr_cmd = NETMAP_VNET_HDR_GET };
	struct lr_file *f = lr_file_open(), *p;

	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_HDR_SET, "vale0:1", &hdr), -ENXIO);
	CHECK_HAS(core_why(f), "not open");
	p = core_must_open("vale0:1", 8);
	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_HDR_SET, "vale0:1", &hdr), 0);
	hdr.nr_hdr_len = 0;
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_HDR_GET, "", &hdr), 0);
	CHECK_EQ(hdr.nr_hdr_len, 12);
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&legacy)), 0);
	CHECK_EQ(legacy.nr_arg1, 12);
	legacy.nr_cmd = NETMAP_BDG_VNET_HDR;
	legacy.nr_arg1 = 10;
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&legacy)), 0);
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_HDR_GET, "", &hdr), 0);
	CHECK_EQ(hdr.nr_hdr_len, 10);
	hdr.nr_hdr_len = 11;
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_HDR_SET, "", &hdr), -EINVAL);
	CHECK_HAS(core_why(p), "11");
	legacy = (struct nmreq){ .nr_version = NETMAP_API, .nr_cmd = NETMAP_BDG_LIST };
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&legacy)), 0);
	CHECK(!strcmp(legacy.nr_name, "vale0:1") && legacy.nr_arg1 == 0 && legacy.nr_arg2 == 1);
	lr_file_close(p);
	lr_file_close(f);
	CHECK(core_is_empty());
}

static void later_versions(void)
{
	struct lr_file *f = lr_file_open();

	CHECK_EQ(core_ask(f, NETMAP_REQ_SYNC_KLOOP_START, "", WRITABLE), -EOPNOTSUPP);
	CHECK_HAS(core_why(f), "CSB");
	CHECK_EQ(core_ask(f, NETMAP_REQ_SYNC_KLOOP_STOP, "", NULL), -EOPNOTSUPP);
	CHECK_EQ(core_ask(f, NETMAP_REQ_CSB_ENABLE, "", NULL), -EOPNOTSUPP);
	lr_file_close(f);
}

static void counters(void)
{
	struct nm_ring_stats rings[4];
	struct nmreq_port_stats s = { .nr_rings = ADDR(rings), .nr_count = 4 };
	struct lr_file *p = granted("lrx{1", (struct nmreq_register){ .nr_tx_rings = 2, .nr_tx_slots = 8 });

	memset(rings, 0xff, sizeof(rings));
	CHECK_EQ(lr_file_ioctl(p, NIOCTXSYNC, 0), 0);
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_STATS_GET, "", &s), 0);
	CHECK(s.nr_count == 3 && s.nr_users == 1);
	CHECK_HAS(s.nr_backend, "pipe");
	CHECK(rings[0].dir == 0 && rings[1].dir == 0 && rings[1].ring == 1 && rings[2].dir == 1 && rings[3].dir == 0xff);
	CHECK(rings[0].num_slots == 8 && rings[0].syncs == 1 && rings[2].syncs == 0 && rings[0].hwtail == 7);
	memset(rings, 0xff, sizeof(rings));
	s.nr_count = 1;
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_STATS_GET, "lrx{1", &s), 0);
	CHECK(s.nr_count == 3 && rings[0].dir == 0 && rings[1].dir == 0xff);
	s = (struct nmreq_port_stats){ .nr_rings = ADDR(ABSENT), .nr_count = 1 };
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_STATS_GET, "", &s), -EFAULT);
	CHECK_HAS(core_why(p), "nr_rings");
	s = (struct nmreq_port_stats){ .nr_rings = UINT64_MAX - 100, .nr_count = UINT32_MAX };
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_STATS_GET, "", &s), -EFAULT);
	s = (struct nmreq_port_stats){ .nr_count = UINT32_MAX };
	CHECK_EQ(core_ask(p, NETMAP_REQ_PORT_STATS_GET, "", &s), 0);
	lr_file_close(p);
}

static void reasons(void)
{
	struct lr_file *f = lr_file_open();
	char text[300];
	struct nmreq_reason r = { .nr_text = ADDR(text), .nr_len = sizeof(text) };
	struct nmreq_register reg = { .nr_mode = 77 };

	memset(text, 'x', sizeof(text));
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), 0);
	CHECK_EQ(text[0], 0);
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", &reg), -EINVAL);
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), 0);
	CHECK_HAS(text, "nr_mode is 77");
	/* Cut to the room there is; asking for it, well or not, does not change it. */
	r.nr_len = 5;
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), 0);
	CHECK(strcmp(text, "nr_m") == 0);
	r.nr_len = 0;
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), -EINVAL);
	r = (struct nmreq_reason){ .nr_text = ADDR(ABSENT), .nr_len = 10 };
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), -EFAULT);
	r = (struct nmreq_reason){ .nr_text = ADDR(text), .nr_len = UINT32_MAX };
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), 0);
	CHECK_HAS(text, "nr_mode is 77");
	reg.nr_mode = NR_REG_ALL_NIC;
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", &reg), 0);
	CHECK_EQ(core_ask(f, NETMAP_REQ_REASON_GET, "", &r), 0);
	CHECK_EQ(text[0], 0);
	lr_file_close(f);
}

/* --- Legacy ---------------------------------------------------------------------------------------------------------- */

static void legacy(void)
{
	struct lr_file *f = lr_file_open();
	struct nmreq r;
	uint32_t version;

	for (version = 0; version < 20; version++) {
		memset(&r, 0, sizeof(r));
		r.nr_version = version;
		CHECK_EQ(lr_file_ioctl(f, NIOCGINFO, ADDR(&r)), version >= 11 && version <= 15 ? 0 : -EINVAL);
		CHECK_EQ(r.nr_version, version >= 11 && version <= 15 ? version : 14);
		CHECK_EQ(r.nr_memsize != 0, version >= 11 && version <= 15);
	}
	memset(&r, 0, sizeof(r));
	r.nr_version = 14;
	r.nr_cmd = NETMAP_BDG_REGOPS;
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&r)), -EOPNOTSUPP);
	CHECK_HAS(core_why(f), "nr_cmd 3");
	memset(r.nr_name, 'x', sizeof(r.nr_name));
	r.nr_cmd = 0;
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&r)), -EINVAL);
	CHECK_HAS(core_why(f), "no end");
	strcpy(r.nr_name, "lrx{1");
	r.nr_ringid = NETMAP_HW_RING | 3;
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&r)), -EINVAL);
	CHECK_HAS(core_why(f), "ring 3");
	r.nr_ringid = NETMAP_SW_RING;
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&r)), -EOPNOTSUPP);
	r.nr_ringid = NETMAP_HW_RING | NETMAP_NO_TX_POLL | NETMAP_DO_RX_POLL;
	r.nr_arg3 = 7;
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&r)), 0);
	CHECK(r.nr_tx_rings == 1 && r.nr_tx_slots == 1024 && r.nr_arg3 == 7 && r.nr_arg2 == f->port->region->id);
	CHECK(f->flags & NR_NO_TX_POLL && f->flags & NR_DO_RX_POLL);
	CHECK_EQ(r.nr_memsize, f->port->region->size);
	CHECK_EQ(lr_file_ioctl(f, NIOCREGIF, ADDR(&r)), -EBUSY);
	lr_file_close(f);

	/* The classic one reads the name and nothing else. */
	f = lr_file_open();
	memset(&r, 0xee, sizeof(r));
	strcpy(r.nr_name, "lrx{1");
	CHECK_EQ(lr_file_ioctl(f, NIOCREG, ADDR(&r)), 0);
	CHECK(f->n[LR_TX] == 1 && f->n[LR_RX] == 1 && !f->flags && !f->extra_bufs);
	lr_file_close(f);
	CHECK(core_is_empty());
}

/* --- Threads ------------------------------------------------------------------------------------------------------------ */

static _Atomic bool done;

static void *syncer(void *arg)
{
	struct lr_file *f = arg;

	while (!done) {
		int err = lr_file_ioctl(f, NIOCTXSYNC, 0);

		if (err)
			CHECK_EQ(err, -ENXIO);
		lr_file_poll(f, LR_POLLIN | LR_POLLOUT, NULL);
	}
	return NULL;
}

/* Registers that fail in the end, while another thread syncs the same descriptor: it never sees the port. */
static void undone_unseen(void)
{
	struct nmreq_register *reg = (void *)READ_ONLY, all = { .nr_mode = NR_REG_ALL_NIC };
	struct lr_file *f = lr_file_open(), *held = granted("lrx{1", (struct nmreq_register){ .nr_flags = NR_EXCLUSIVE });
	pthread_t t;
	int i;

	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ | PROT_WRITE);
	*reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = 5 };
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ);
	done = false;
	pthread_create(&t, NULL, syncer, f);
	for (i = 0; i < 300; i++) {
		CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx}1", reg), -EFAULT);
		CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lry{1", reg), -EFAULT);
		CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx{1", &all), -EBUSY);
	}
	CHECK_EQ(core_ask(f, NETMAP_REQ_REGISTER, "lrx}1", &all), 0);
	usleep(1000);
	done = true;
	pthread_join(t, NULL);
	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
	lr_file_close(f);
	lr_file_close(held);
	CHECK(core_is_empty());
}

static void *opener(void *arg)
{
	const char *const names[] = { "lrx{1", "lrx}1", "lrx{2", "lry}1" };
	uint64_t seed = (uintptr_t)arg;
	struct nmreq_port_stats stats;
	int i, err;

	for (i = 0; i < 300; i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_extra_bufs = unit_random(&seed) % 3,
					      .nr_flags = unit_random(&seed) % 4 ? 0 : NR_EXCLUSIVE };
		struct lr_file *f = core_open(names[unit_random(&seed) % 4], &reg, &err);

		if (!f) {
			CHECK_EQ(err, -EBUSY);
			continue;
		}
		CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
		CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
		memset(&stats, 0, sizeof(stats));
		CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_STATS_GET, "", &stats), 0);
		lr_file_close(f);
	}
	return NULL;
}

static void threads_open_and_close(void)
{
	pthread_t t[3];
	uintptr_t i;

	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, opener, (void *)(i + 1));
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK(core_is_empty());
	CHECK_EQ(scarce_live, 0);
}

static const struct unit_case cases[] = {
	{ "the form of a header", headers },
	{ "names of ports", names },
	{ "bad addresses", addresses },
	{ "a descriptor that is not bound", unbound },
	{ "modes and flags", modes_and_flags },
	{ "absurd numbers", numbers },
	{ "one ring of several", one_ring },
	{ "exclusive rings", exclusive },
	{ "pools run out", pools_run_out },
	{ "memory fails at every step", every_step_fails },
	{ "a register refused late", refused_late },
	{ "ports and pools described", information },
	{ "virtio-net headers", headers_of_packets },
	{ "virtio-net headers of VALE ports", headers_of_vale },
	{ "requests of later versions", later_versions },
	{ "counters", counters },
	{ "reasons asked for", reasons },
	{ "legacy and classic requests", legacy },
	{ "undone before anybody sees it", undone_unseen },
	{ "threads open and close", threads_open_and_close },
};

int main(int argc, char **argv)
{
	map_pages();
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
