/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink messages. See netlink.h.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "netlink.h"

#define PATIENCE_MSEC 5000

void lr_netlink_init(struct lr_netlink *m)
{
	memset(m, 0, sizeof(*m));
}

/* Room for len bytes and the padding after; zero. */
static void *grow(struct lr_netlink *m, uint32_t len)
{
	void *p = m->buf + m->len;

	if (m->full || NLMSG_ALIGN(len) > sizeof(m->buf) - m->len) {
		m->full = true;
		return NULL;
	}
	memset(p, 0, NLMSG_ALIGN(len));
	m->len += NLMSG_ALIGN(len);
	if (m->at < m->len)
		((struct nlmsghdr *)(void *)(m->buf + m->at))->nlmsg_len = m->len - m->at;
	return p;
}

void lr_netlink_begin(struct lr_netlink *m, unsigned int type, unsigned int flags, const void *body, uint32_t len)
{
	static uint32_t numbers;
	struct nlmsghdr *h;

	m->at = m->len;
	h = grow(m, NLMSG_HDRLEN + len);
	if (!h)
		return;
	h->nlmsg_type = (uint16_t)type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
	memcpy(NLMSG_DATA(h), body, len);
}

void lr_netlink_put(struct lr_netlink *m, unsigned int type, const void *data, uint32_t len)
{
	struct nlattr *a = grow(m, NLA_HDRLEN + len);

	if (!a)
		return;
	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
}

void lr_netlink_text(struct lr_netlink *m, unsigned int type, const char *text)
{
	lr_netlink_put(m, type, text, (uint32_t)strlen(text) + 1);
}

void lr_netlink_u32(struct lr_netlink *m, unsigned int type, uint32_t v)
{
	lr_netlink_put(m, type, &v, sizeof(v));
}

void lr_netlink_be32(struct lr_netlink *m, unsigned int type, uint32_t v)
{
	lr_netlink_u32(m, type, htonl(v));
}

uint32_t lr_netlink_nest(struct lr_netlink *m, unsigned int type)
{
	uint32_t at = m->len;

	lr_netlink_put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void lr_netlink_unnest(struct lr_netlink *m, uint32_t nest)
{
	if (!m->full)
		((struct nlattr *)(void *)(m->buf + nest))->nla_len = (uint16_t)(m->len - nest);
}

/* The next piece of news from the socket into m; its length. */
static ssize_t receive(int sock, struct lr_netlink *m)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int ready = poll(&p, 1, PATIENCE_MSEC);
	ssize_t n = ready > 0 ? recv(sock, m->buf, sizeof(m->buf), MSG_DONTWAIT) : -1;

	if (n >= 0)
		return n;
	return ready == 0 ? -ETIMEDOUT : errno == EINTR || errno == EAGAIN ? 0 : -errno;
}

/* Looks through n bytes of answers to messages [first, last]. 1: there is more to come. */
static int look(struct lr_netlink *m, size_t n, uint32_t first, uint32_t last, bool acked)
{
	struct nlmsghdr *h = &m->align;

	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_seq < first || h->nlmsg_seq > last)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e))) {
			if (e->error || h->nlmsg_seq == last)
				return e->error;
		} else if (!acked) {
			m->at = (uint32_t)((char *)h - m->buf);
			m->len = m->at + h->nlmsg_len;
			return 0;
		}
	}
	return 1;
}

int lr_netlink_ask(int sock, struct lr_netlink *m)
{
	struct nlmsghdr *h = &m->align;
	uint32_t first = h->nlmsg_seq, last = first, left = m->len;
	bool acked = false;
	int more = 1;

	if (m->full)
		return -EMSGSIZE;
	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_flags & NLM_F_ACK || !acked)
			last = h->nlmsg_seq;
		acked |= h->nlmsg_flags & NLM_F_ACK;
	}
	if (send(sock, m->buf, m->len, 0) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = receive(sock, m);

		if (n < 0)
			return (int)n;
		more = look(m, (size_t)n, first, last, acked);
	}
	return more;
}

const struct nlattr *lr_netlink_find(const void *p, uint32_t len, unsigned int type)
{
	const struct nlattr *a = p;

	while (len >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= len) {
		uint32_t step = NLA_ALIGN(a->nla_len);

		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (step >= len)
			break;
		len -= step;
		a = (const struct nlattr *)(const void *)((const char *)a + step);
	}
	return NULL;
}
