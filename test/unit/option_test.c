/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of a request: each gets its status, a list that is no good ends the request, and the one that carries the reason
 * works with every request.
 */
#include <sys/mman.h>

#include "core.h"

static char *pages;	/* one to write, one to read only, one that is not there */

#define READ_ONLY (pages + OS_PAGE_SIZE)
#define ABSENT (pages + 2 * OS_PAGE_SIZE)
#define UNTOUCHED 0xdeadu

static void map_pages(void)
{
	pages = mmap(NULL, 3 * OS_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ) || mprotect(ABSENT, OS_PAGE_SIZE, PROT_NONE))
		abort();
}

/* An option of any type, with room for all of them. */
union option {
	struct nmreq_option head;
	struct nmreq_opt_reason reason;
	char bytes[128];
};

static char text[300];

static union option option(uint32_t type, void *next)
{
	union option o = { .head = { .nro_next = ADDR(next), .nro_reqtype = type, .nro_status = UNTOUCHED } };

	if (type == NETMAP_REQ_OPT_REASON) {
		o.reason.nro_text = ADDR(text);
		o.reason.nro_len = sizeof(text);
	}
	return o;
}

/* A register with this list. */
static int ask_with(struct lr_file *f, void *list)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_header h = core_header(NETMAP_REQ_REGISTER, "lrx{1", &reg);

	h.nr_options = ADDR(list);
	memset(text, 'x', sizeof(text));
	return lr_file_ioctl(f, NIOCCTRL, ADDR(&h));
}

static void refused(void *list, int want, const char *sentence)
{
	struct lr_file *f = lr_file_open();

	CHECK_EQ(ask_with(f, list), want);
	CHECK_HAS(core_why(f), sentence);
	CHECK(!f->port);
	lr_file_close(f);
	CHECK(core_is_empty());
}

static void unusable(void)
{
	static const struct {
		uint32_t type;
		const char *name;
	} types[] = {
		{ NETMAP_REQ_OPT_EXTMEM, "EXTMEM" }, { NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS, "EVENTFDS" }, { NETMAP_REQ_OPT_CSB, "CSB" },
		{ NETMAP_REQ_OPT_SYNC_KLOOP_MODE, "MODE" }, { NETMAP_REQ_OPT_OFFSETS, "OFFSETS" }, { 0, "unknown" }, { 6, "unknown" },
		{ 0x4c520000, "unknown" }, { 0x4c520002, "unknown" }, { UINT32_MAX, "unknown" },
	};
	union option o, reason;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(types); i++) {
		o = option(types[i].type, NULL);
		refused(&o, -EOPNOTSUPP, types[i].name);
		CHECK_EQ(o.head.nro_status, EOPNOTSUPP);
		/* The one that could be used does not help; it was used. */
		reason = option(NETMAP_REQ_OPT_REASON, NULL);
		o = option(types[i].type, &reason);
		refused(&o, -EOPNOTSUPP, types[i].name);
		CHECK_EQ(o.head.nro_status, EOPNOTSUPP);
		CHECK_EQ(reason.head.nro_status, 0);
		CHECK_HAS(text, types[i].name);
	}
}

static void given_twice(void)
{
	union option a, b, c;

	b = option(NETMAP_REQ_OPT_CSB, NULL);
	c = option(99, &b);
	a = option(NETMAP_REQ_OPT_CSB, &c);
	refused(&a, -EINVAL, "twice");
	CHECK_EQ(a.head.nro_status, EINVAL);
	CHECK_EQ(b.head.nro_status, EINVAL);
	CHECK_EQ(c.head.nro_status, EOPNOTSUPP);
	b = option(NETMAP_REQ_OPT_REASON, NULL);
	a = option(NETMAP_REQ_OPT_REASON, &b);
	refused(&a, -EINVAL, "REASON");
	CHECK_EQ(a.head.nro_status, EINVAL);
	CHECK_EQ(b.head.nro_status, EINVAL);
	CHECK_EQ(text[0], 'x');
	/* What comes first in the list is what the request fails with. */
	b = option(99, NULL);
	c = option(99, &b);
	a = option(7, &c);
	refused(&a, -EOPNOTSUPP, "7");
	CHECK_EQ(b.head.nro_status, EINVAL);
}

static void circles(void)
{
	static const uint32_t types[] = { 99, NETMAP_REQ_OPT_REASON, NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS, NETMAP_REQ_OPT_EXTMEM };
	struct lr_file *f = lr_file_open();
	union option o[5];
	unsigned int n, i, t;
	int err;

	for (t = 0; t < LR_ARRAY_SIZE(types); t++)
		for (n = 1; n <= 5; n++) {
			for (i = 0; i < n; i++)
				o[i] = option(types[t] + i, &o[(i + 1) % n]);
			err = ask_with(f, o);
			CHECK(err == -EMSGSIZE || err == -EINVAL);
			CHECK_HAS(core_why(f), "circular");
			for (i = 0; i < n; i++)
				CHECK_EQ(o[i].head.nro_status, EINVAL);
		}
	CHECK(!f->port);
	lr_file_close(f);
}

/* Body and options together: 4096 bytes, not one more. */
static void size_limit(void)
{
	static union option o[200];
	struct nmreq_option *eventfds = &o[1].head;
	unsigned int fits = (NETMAP_REQ_MAXSIZE - sizeof(struct nmreq_register)) / sizeof(struct nmreq_option), i;
	uint64_t size;

	for (i = 0; i < 200; i++)
		o[i] = option(1000 + i, i + 1 < fits ? &o[i + 1] : NULL);
	refused(o, -EOPNOTSUPP, "cannot be used");
	o[fits - 1].head.nro_next = ADDR(&o[fits]);
	o[fits].head.nro_next = 0;
	refused(o, -EMSGSIZE, "4096");
	/* Those that were read have a status, and the reason finds its way. */
	CHECK_EQ(o[0].head.nro_status, EOPNOTSUPP);
	o[0] = option(NETMAP_REQ_OPT_REASON, &o[1]);
	refused(o, -EMSGSIZE, "4096");
	CHECK_EQ(o[0].head.nro_status, 0);
	CHECK_HAS(text, "4096");

	/* One whose size is its own to say. */
	for (size = 0; size < 5000; size += 8) {
		bool good = sizeof(struct nmreq_register) + sizeof(struct nmreq_opt_reason) + size <= NETMAP_REQ_MAXSIZE;

		o[0] = option(NETMAP_REQ_OPT_REASON, eventfds);
		o[1] = option(NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS, NULL);
		eventfds->nro_size = size;
		refused(o, good ? -EOPNOTSUPP : -EMSGSIZE, good ? "EVENTFDS" : "4096");
	}
	eventfds->nro_size = UINT64_MAX;
	refused(o, -EMSGSIZE, "4096");
	eventfds->nro_size = UINT32_MAX - 10;
	refused(o, -EMSGSIZE, "4096");
}

static void bad_addresses(void)
{
	union option *in_read_only = (void *)READ_ONLY, o;

	refused(ABSENT, -EFAULT, "option number 1");
	refused(ABSENT - 8, -EFAULT, "option number 1");
	refused((void *)(uintptr_t)(UINT64_MAX - 7), -EFAULT, "option number 1");
	o = option(99, ABSENT);
	refused(&o, -EFAULT, "option number 2");
	CHECK_EQ(o.head.nro_status, EOPNOTSUPP);
	o = option(NETMAP_REQ_OPT_REASON, ABSENT);
	refused(&o, -EFAULT, "option number 2");
	CHECK_HAS(text, "option number 2");

	/* Room for the reason that is not there: as if it had not been asked. */
	o = option(NETMAP_REQ_OPT_REASON, NULL);
	o.reason.nro_text = ADDR(ABSENT);
	refused(&o, -EFAULT, "cannot be written");
	o.reason.nro_text = ADDR(READ_ONLY);
	refused(&o, -EFAULT, "cannot be written");
	/* And a status that cannot be written. */
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ | PROT_WRITE);
	*in_read_only = option(NETMAP_REQ_OPT_REASON, NULL);
	mprotect(READ_ONLY, OS_PAGE_SIZE, PROT_READ);
	refused(in_read_only, -EFAULT, "cannot be written");
	/* The head can be read, the rest of it cannot. */
	memcpy(ABSENT - OS_PAGE_SIZE - sizeof(o.head), &(struct nmreq_option){ .nro_reqtype = 99 }, sizeof(o.head));
	refused(ABSENT - OS_PAGE_SIZE - sizeof(o.head), -EOPNOTSUPP, "99");
}

static void reason_room(void)
{
	struct lr_file *f = lr_file_open();
	union option o = option(NETMAP_REQ_OPT_REASON, NULL), bad;
	uint32_t len;

	o.reason.nro_len = 0;
	refused(&o, -EINVAL, "no room");
	CHECK_EQ(o.head.nro_status, EINVAL);
	o = option(NETMAP_REQ_OPT_REASON, NULL);
	o.reason.nro_text = 0;
	refused(&o, -EINVAL, "no room");
	/* Never more than there is room for, and always with an end. */
	for (len = 1; len < 280; len++) {
		bad = option(99, NULL);
		o = option(NETMAP_REQ_OPT_REASON, &bad);
		o.reason.nro_len = len;
		CHECK_EQ(ask_with(f, &o), -EOPNOTSUPP);
		CHECK(strlen(text) < len && strlen(text) == (strlen(core_why(f)) < len ? strlen(core_why(f)) : len - 1));
		CHECK_EQ(strncmp(text, core_why(f), strlen(text)), 0);
		CHECK_EQ(text[len], 'x');
	}
	/* Success has none. */
	o = option(NETMAP_REQ_OPT_REASON, NULL);
	o.reason.nro_len = UINT32_MAX;
	CHECK_EQ(ask_with(f, &o), 0);
	CHECK_EQ(o.head.nro_status, 0);
	CHECK_EQ(text[0], 0);
	CHECK(f->port);
	lr_file_close(f);
}

/* With whatever is asked, also what does not exist or has a bad form. */
static void reason_everywhere(void)
{
	static char body[256];
	struct lr_file *f = lr_file_open();
	uint32_t type;

	for (type = 0; type <= UINT16_MAX; type += type < 20 ? 1 : 0x4c01 - 20) {
		union option o = option(NETMAP_REQ_OPT_REASON, NULL);
		struct nmreq_header h = core_header((uint16_t)type, "vale0:", body);

		h.nr_options = ADDR(&o);
		memset(text, 'x', sizeof(text));
		CHECK(lr_file_ioctl(f, NIOCCTRL, ADDR(&h)) < 0 || type == NETMAP_REQ_POOLS_INFO_GET);
		CHECK_EQ(o.head.nro_status, 0);
		CHECK(text[0] || type == NETMAP_REQ_POOLS_INFO_GET);
		h.nr_reserved = 1;
		CHECK_EQ(lr_file_ioctl(f, NIOCCTRL, ADDR(&h)), -EINVAL);
		CHECK(text[0] && text[0] != 'x');
	}
	lr_file_close(f);
}

/* --- Any list, against the rules ------------------------------------------------------------------------ */

static int model(const union option *o, unsigned int n, uint32_t *status)
{
	unsigned int i, j;
	int err = 0;

	for (i = 0; i < n; i++) {
		bool twice = false;

		for (j = 0; j < n; j++)
			twice |= j != i && o[j].head.nro_reqtype == o[i].head.nro_reqtype;
		status[i] = twice ? EINVAL : o[i].head.nro_reqtype != NETMAP_REQ_OPT_REASON ? EOPNOTSUPP : o[i].reason.nro_len ? 0 : EINVAL;
		if (!err)
			err = -(int)status[i];
	}
	return err;
}

static void any_list(void)
{
	static const uint32_t types[] = { 1, 3, 4, 5, 77, NETMAP_REQ_OPT_REASON, NETMAP_REQ_OPT_REASON, NETMAP_REQ_OPT_REASON };
	struct lr_file *f;
	uint32_t status[6];
	union option o[6];
	uint64_t seed = 3;
	unsigned int round, i;
	int want;

	for (round = 0; round < 3000; round++) {
		unsigned int n = unit_random(&seed) % 6;

		for (i = 0; i < n; i++) {
			o[i] = option(types[unit_random(&seed) % LR_ARRAY_SIZE(types)], i + 1 < n ? &o[i + 1] : NULL);
			if (unit_random(&seed) % 8 == 0)
				o[i].reason.nro_len = 0;
		}
		want = model(o, n, status);
		f = lr_file_open();
		CHECK_EQ(ask_with(f, n ? o : NULL), want);
		CHECK_EQ(!f->port, want != 0);
		for (i = 0; i < n; i++)
			CHECK_EQ(o[i].head.nro_status, status[i]);
		lr_file_close(f);
	}
	CHECK(core_is_empty());
}

static const struct unit_case cases[] = {
	{ "options that cannot be used", unusable },
	{ "an option given twice", given_twice },
	{ "circular lists", circles },
	{ "the limit of size", size_limit },
	{ "bad addresses of options", bad_addresses },
	{ "room for the reason", reason_room },
	{ "a reason for every request", reason_everywhere },
	{ "any list of options", any_list },
};

int main(int argc, char **argv)
{
	map_pages();
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
