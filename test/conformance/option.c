/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Option lists: unknown, repeated, truncated, circular and oversized ones, and
 * the option that carries the reason of a failure. SEMANTICS 2.
 */
#include <stdio.h>

#include "port.h"

/* Registers a null port with this option list on a descriptor of its own: 0 or the errno. */
static int register_with(void *options)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL };
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique("o"), &reg);
	int fd = dev_open(), err;

	h.nr_options = PTR(options);
	err = ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
	if (err) {
		/* Nothing has changed: the same descriptor can still be bound. */
		h.nr_options = 0;
		CHECK_OK(ioctl(fd, NIOCCTRL, &h));
	}
	close(fd);
	return err;
}

static struct nmreq_opt_reason reason(char *text, uint32_t len)
{
	return (struct nmreq_opt_reason){
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON,
		.nro_opt.nro_status = 12345,
		.nro_text = PTR(text),
		.nro_len = len,
	};
}

CASE(option_unknown)
{
	struct nmreq_option o = { .nro_reqtype = 999 };

	CHECK_EQ(register_with(&o), EOPNOTSUPP);
	CHECK_EQ(o.nro_status, EOPNOTSUPP);
	o = (struct nmreq_option){ .nro_reqtype = 0 };
	CHECK_EQ(register_with(&o), EOPNOTSUPP);
	CHECK_EQ(o.nro_status, EOPNOTSUPP);
	o = (struct nmreq_option){ .nro_reqtype = NETMAP_REQ_OPT_MAX };
	CHECK_EQ(register_with(&o), EOPNOTSUPP);
	o = (struct nmreq_option){ .nro_reqtype = 0xffffffff, .nro_size = UINT64_MAX };
	CHECK(register_with(&o) != 0);
}

/* One that can be done and one that cannot: the request fails, each says its own. */
CASE(option_unknown_beside_a_good_one)
{
	char text[80] = "";
	struct nmreq_opt_reason good = reason(text, sizeof(text));
	struct nmreq_option bad = { .nro_reqtype = 999, .nro_next = PTR(&good) };

	CHECK_EQ(register_with(&bad), EOPNOTSUPP);
	CHECK_EQ(bad.nro_status, EOPNOTSUPP);
	CHECK_EQ(good.nro_opt.nro_status, 0);
	CHECK(text[0]);
}

CASE(option_of_another_request)
{
	struct nmreq_opt_csb csb = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_CSB };
	struct nmreq_opt_sync_kloop_mode mode = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_MODE };
	struct nmreq_pools_info body = { .nr_mem_id = 1 };
	struct nmreq_header h = header(NETMAP_REQ_POOLS_INFO_GET, "", &body);
	int fd = dev_open();

	h.nr_options = PTR(&csb);
	CHECK_ERRNO(ioctl(fd, NIOCCTRL, &h), EOPNOTSUPP);
	CHECK_EQ(csb.nro_opt.nro_status, EOPNOTSUPP);
	h.nr_options = PTR(&mode);
	CHECK_ERRNO(ioctl(fd, NIOCCTRL, &h), EOPNOTSUPP);
	CHECK_EQ(mode.nro_opt.nro_status, EOPNOTSUPP);
	close(fd);
	CHECK_EQ(register_with(&mode), EOPNOTSUPP);
}

CASE(option_given_twice)
{
	char text[2][80];
	struct nmreq_opt_reason a = reason(text[0], 80), b = reason(text[1], 80);

	a.nro_opt.nro_next = PTR(&b);
	CHECK_EQ(register_with(&a), EINVAL);
	CHECK_EQ(a.nro_opt.nro_status, EINVAL);
	CHECK_EQ(b.nro_opt.nro_status, EINVAL);
}

CASE(option_list_circular)
{
	struct nmreq_option a = { .nro_reqtype = 999 }, b = { .nro_reqtype = 998 };
	char text[80];
	struct nmreq_opt_reason r = reason(text, 80);
	int err;

	a.nro_next = PTR(&a);
	err = register_with(&a);
	CHECK_MSG(err == EINVAL || err == EMSGSIZE, "itself: %s", strerror(err));
	a.nro_next = PTR(&b);
	b.nro_next = PTR(&a);
	err = register_with(&a);
	CHECK_MSG(err == EINVAL || err == EMSGSIZE, "two: %s", strerror(err));
	r.nro_opt.nro_next = PTR(&r);
	err = register_with(&r);
	CHECK_MSG(err == EINVAL || err == EMSGSIZE, "reason: %s", strerror(err));
}

CASE(option_list_too_long)
{
	static struct nmreq_option list[4096];

	for (unsigned int i = 0; i < 4096; i++) {
		list[i].nro_reqtype = 1000 + i;
		list[i].nro_next = i < 4095 ? PTR(&list[i + 1]) : 0;
	}
	CHECK_EQ(register_with(list), EMSGSIZE);
	/* One that would fit is refused for what is in it. */
	list[9].nro_next = 0;
	CHECK_EQ(register_with(list), EOPNOTSUPP);
	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(list[i].nro_status, EOPNOTSUPP);
}

CASE(option_size_absurd)
{
	static const uint64_t sizes[] = { 0, 1, 23, 4096, 4097, 1ULL << 31, 1ULL << 32, 1ULL << 40,
		1ULL << 63, UINT64_MAX - 23, UINT64_MAX };
	uint64_t room[1024] = { 0 };
	struct nmreq_option *o = (void *)room;

	for (uint32_t type = 0; type <= NETMAP_REQ_OPT_MAX; type++) {
		for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			memset(room, 0, sizeof(room));
			o->nro_reqtype = type;
			o->nro_size = sizes[i];
			CHECK_MSG(register_with(o) != 0, "option %u of size %llu", type,
				  (unsigned long long)sizes[i]);
		}
	}
}

CASE(option_truncated)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nmreq_opt_reason r = reason(m, 16);
	struct nmreq_option first = { .nro_reqtype = 999 };

	CHECK(m != MAP_FAILED);
	CHECK_OK(mprotect(m + 4096, 4096, PROT_NONE));
	CHECK_EQ(register_with((void *)8), EFAULT);
	CHECK_EQ(register_with((void *)UINTPTR_MAX), EFAULT);
	/* The head of the option fits, its body does not; then not even the head. */
	for (size_t room = 8; room < sizeof(r); room += 8) {
		memcpy(m + 4096 - room, &r, room);
		CHECK_EQ(register_with(m + 4096 - room), EFAULT);
	}
	first.nro_next = PTR(m + 4096 - 16);
	CHECK_EQ(register_with(&first), EFAULT);
	first.nro_next = 8;
	CHECK_EQ(register_with(&first), EFAULT);
}

/* --- The reason ------------------------------------------------------------- */

static int refused_with(struct nmreq_opt_reason *r)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, "lrnosuch0", &reg);
	int fd = dev_open(), err;

	h.nr_options = PTR(r);
	err = ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
	close(fd);
	return err;
}

CASE(reason_is_written)
{
	char text[256];
	struct nmreq_opt_reason r = reason(text, sizeof(text));

	memset(text, 'x', sizeof(text));
	CHECK_EQ(refused_with(&r), ENXIO);
	CHECK_EQ(r.nro_opt.nro_status, 0);
	CHECK(memchr(text, 0, sizeof(text)));
	CHECK(strlen(text) > 10);
}

CASE(reason_is_empty_on_success)
{
	char text[16] = "untouched";
	struct nmreq_opt_reason r = reason(text, sizeof(text));

	CHECK_EQ(register_with(&r), 0);
	CHECK_EQ(r.nro_opt.nro_status, 0);
	CHECK_STREQ(text, "");
}

CASE(reason_is_cut)
{
	char whole[256], text[64];
	struct nmreq_opt_reason r = reason(whole, sizeof(whole));

	CHECK_EQ(refused_with(&r), ENXIO);
	for (uint32_t len = 1; len < 16; len++) {
		r = reason(text, len);
		memset(text, 'x', sizeof(text));
		CHECK_EQ(refused_with(&r), ENXIO);
		CHECK_EQ(strlen(text), len - 1);
		CHECK(strncmp(text, whole, len - 1) == 0);
		CHECK_EQ(text[len], 'x');
	}
}

/* Room for nothing or nowhere to write: an error of some kind, never a crash. */
CASE(reason_without_room)
{
	char text[16] = "untouched";
	struct nmreq_opt_reason r = reason(text, 0);

	CHECK(refused_with(&r) != 0);
	CHECK_STREQ(text, "untouched");
	r = reason(NULL, 16);
	CHECK(refused_with(&r) != 0);
	r = reason((char *)8, 0xffffffff);
	CHECK(refused_with(&r) != 0);
	r = reason((char *)UINTPTR_MAX - 4, 16);
	CHECK(refused_with(&r) != 0);
	r = reason(text, 0);
	CHECK_EQ(register_with(&r), EINVAL);
	CHECK_EQ(r.nro_opt.nro_status, EINVAL);
}

/* A buffer of four gigabytes is no reason to write more than the sentence. */
CASE(reason_with_a_large_room)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nmreq_opt_reason r = reason(m, 0xffffffff);

	CHECK(m != MAP_FAILED);
	CHECK_OK(mprotect(m + 4096, 4096, PROT_NONE));
	CHECK_EQ(refused_with(&r), ENXIO);
	CHECK(m[0]);
}

/* Those who cannot give an option, the legacy ioctls, ask afterwards. */
CASE(reason_of_the_request_before)
{
	struct nmreq r = { .nr_name = "lrnosuch0", .nr_version = NETMAP_API };
	char text[256];
	struct nmreq_reason body = { .nr_text = PTR(text), .nr_len = sizeof(text) };
	int fd = dev_open();

	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &r), ENXIO);
	for (int i = 0; i < 2; i++) {
		memset(text, 'x', sizeof(text));
		CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REASON_GET, "", &body));
		CHECK(memchr(text, 0, sizeof(text)));
		CHECK_MSG(strstr(text, "lrnosuch0"), "%s", text);
	}
	body.nr_len = 4;
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REASON_GET, "", &body));
	CHECK_EQ(strlen(text), 3);
	body.nr_len = 0;
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REASON_GET, "", &body), EINVAL);
	body = (struct nmreq_reason){ .nr_text = 8, .nr_len = 100 };
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REASON_GET, "", &body), EFAULT);
	memcpy(r.nr_name, "", 1);
	CHECK_OK(ioctl(fd, NIOCGINFO, &r));
	body = (struct nmreq_reason){ .nr_text = PTR(text), .nr_len = sizeof(text) };
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REASON_GET, "", &body));
	CHECK_STREQ(text, "");
	close(fd);
}
