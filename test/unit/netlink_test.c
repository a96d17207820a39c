/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink messages (nic/user/netlink.c): how they are built, that nothing is written past the end, and attributes found in what
 * may be anything.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "nic/user/netlink.h"
#include "unit.h"

static void attributes_that_are_put_are_found(void)
{
	struct lr_netlink m;
	uint32_t body = 0x01020304, nest, from = NLMSG_HDRLEN + 4;
	const struct nlattr *a;

	lr_netlink_init(&m);
	lr_netlink_begin(&m, 77, NLM_F_ACK, &body, sizeof(body));
	lr_netlink_text(&m, 1, "eth0");
	nest = lr_netlink_nest(&m, 2);
	lr_netlink_be32(&m, 1, 0x0a0b0c0d);
	lr_netlink_unnest(&m, nest);
	lr_netlink_u32(&m, 3, 9);
	CHECK(!m.full);
	CHECK_EQ(m.align.nlmsg_len, m.len);
	CHECK_EQ(m.align.nlmsg_type, 77);
	CHECK_EQ(m.align.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	a = lr_netlink_find(m.buf + from, m.len - from, 1);
	CHECK(a && lr_netlink_len(a) == 5 && memcmp(lr_netlink_data(a), "eth0", 5) == 0);
	a = lr_netlink_find(m.buf + from, m.len - from, 2);
	CHECK(a && lr_netlink_len(a) == 8);
	a = lr_netlink_find(lr_netlink_data(a), lr_netlink_len(a), 1);
	CHECK(a && memcmp(lr_netlink_data(a), "\x0a\x0b\x0c\x0d", 4) == 0);
	a = lr_netlink_find(m.buf + from, m.len - from, 3);
	CHECK(a && *(const uint32_t *)lr_netlink_data(a) == 9);
	CHECK(!lr_netlink_find(m.buf + from, m.len - from, 4));
}

static void messages_follow_each_other(void)
{
	struct lr_netlink m;
	uint32_t first;

	lr_netlink_init(&m);
	lr_netlink_begin(&m, 1, 0, "abc", 3);
	first = m.len;
	lr_netlink_begin(&m, 2, 0, "", 0);
	lr_netlink_u32(&m, 1, 1);
	CHECK_EQ(first, NLMSG_SPACE(3));
	CHECK_EQ(m.align.nlmsg_len, first);
	CHECK_EQ(((struct nlmsghdr *)(void *)(m.buf + first))->nlmsg_len, m.len - first);
	CHECK_EQ(((struct nlmsghdr *)(void *)(m.buf + first))->nlmsg_seq, m.align.nlmsg_seq + 1);
}

static void no_room(void)
{
	static const char data[1000];
	struct {
		struct lr_netlink m;
		uint32_t after;
	} s = { .after = 0x5a5a5a5a };
	unsigned int i;
	uint32_t nest;

	lr_netlink_init(&s.m);
	lr_netlink_begin(&s.m, 1, 0, "", 0);
	for (i = 0; i < 10; i++) {
		nest = lr_netlink_nest(&s.m, 5);
		lr_netlink_put(&s.m, 1, data, sizeof(data));
		lr_netlink_unnest(&s.m, nest);
	}
	CHECK(s.m.full);
	CHECK(s.m.len <= LR_NETLINK_ROOM);
	CHECK_EQ(s.after, 0x5a5a5a5a);
	CHECK_EQ(lr_netlink_ask(-1, &s.m), -EMSGSIZE);
}

/* Lengths that lie. */
static void attributes_that_make_no_sense(void)
{
	struct nlattr list[8];
	unsigned int len, i;

	for (len = 0; len <= sizeof(list); len++) {
		for (i = 0; i < 8; i++)
			list[i] = (struct nlattr){ .nla_len = (uint16_t)(i * len), .nla_type = (uint16_t)i };
		CHECK(!lr_netlink_find(list, len, 9));
		list[0].nla_len = (uint16_t)(len + 1);
		CHECK(!lr_netlink_find(list, len, 0));
		list[0].nla_len = 3;
		CHECK(!lr_netlink_find(list, len, 0));
	}
	list[0] = (struct nlattr){ .nla_len = 4, .nla_type = 6 | NLA_F_NESTED };
	CHECK(lr_netlink_find(list, 4, 6) == &list[0]);
}

/* A socket that answers what the test says. */
static int answer(int32_t error, uint32_t seq, int sock)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr body;
	} m = { { .nlmsg_len = sizeof(m), .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = seq }, { .error = error } };

	return send(sock, &m, sizeof(m), 0) == sizeof(m);
}

static void answers(void)
{
	struct lr_netlink m;
	uint32_t seq;
	int s[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	lr_netlink_init(&m);
	lr_netlink_begin(&m, 1, 0, "", 0);
	lr_netlink_begin(&m, 2, NLM_F_ACK, "", 0);
	seq = m.align.nlmsg_seq;
	/* What belongs to others first, and errors of any of ours. */
	CHECK(answer(-EPERM, seq - 1, s[1]) && answer(-EPERM, seq + 2, s[1]) && answer(0, seq, s[1]) && answer(0, seq + 1, s[1]));
	CHECK_EQ(lr_netlink_ask(s[0], &m), 0);
	lr_netlink_init(&m);
	lr_netlink_begin(&m, 1, 0, "", 0);
	lr_netlink_begin(&m, 2, NLM_F_ACK, "", 0);
	CHECK(answer(-ENODEV, m.align.nlmsg_seq, s[1]));
	CHECK_EQ(lr_netlink_ask(s[0], &m), -ENODEV);
	close(s[0]);
	close(s[1]);
}

static const struct unit_case cases[] = {
	{ "attributes that are put are found", attributes_that_are_put_are_found },
	{ "messages follow each other", messages_follow_each_other },
	{ "no room", no_room },
	{ "attributes that make no sense", attributes_that_make_no_sense },
	{ "answers", answers },
};

int main(int argc, char **argv)
{
	return unit_main(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
