/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks. See hook.h. What a rule says stands beside the function that makes it, in the words of nft(8).
 */
#include <arpa/inet.h>
#include <endian.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hook.h"
#include "netlink.h"

#define CHAIN "packets"
#define NAME_ROOM 64

static const struct {
	const char *name;
	unsigned int hook;
	int32_t priority;
	uint32_t policy;
	bool alone;	/* one for all processes */
} kinds[LR_HOOKS] = {
	/* Who diverts has them before who only cuts off. */
	[LR_HOOK_DIVERT] = { "divert", NF_NETDEV_EGRESS, INT_MIN + 1, NF_ACCEPT, true },
	[LR_HOOK_CUT] = { "cut", NF_NETDEV_EGRESS, INT_MIN + 2, NF_ACCEPT, false },
	[LR_HOOK_MARK_TO] = { "mark", NF_NETDEV_INGRESS, INT_MIN + 1, NF_ACCEPT, false },
	[LR_HOOK_UNMARK] = { "unmark", NF_NETDEV_INGRESS, INT_MIN + 1, NF_ACCEPT, false },
	[LR_HOOK_KEEP] = { "keep", NF_NETDEV_INGRESS, INT_MIN + 1, NF_DROP, false },
};

/* --- Messages ------------------------------------------------------------------------------------- */

static void begin(struct lr_netlink *m, unsigned int msg, unsigned int flags)
{
	struct nfgenmsg body = { .nfgen_family = NFPROTO_NETDEV, .version = NFNETLINK_V0 };

	lr_netlink_begin(m, NFNL_SUBSYS_NFTABLES << 8 | msg, flags, &body, sizeof(body));
}

static void batch(struct lr_netlink *m, unsigned int type)
{
	struct nfgenmsg body = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	lr_netlink_begin(m, type, 0, &body, sizeof(body));
}

/* The name of a table: the kernel knows it by the socket that made it, or by the interface alone. */
static void table_name(int sock, enum lr_hook_do what, unsigned int index, char name[NAME_ROOM])
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(addr);

	getsockname(sock, (struct sockaddr *)&addr, &len);
	if (kinds[what].alone)
		snprintf(name, NAME_ROOM, "netmap-%s-%u", kinds[what].name, index);
	else
		snprintf(name, NAME_ROOM, "netmap-%s-%u-%u", kinds[what].name, index, addr.nl_pid);
}

static void put_table(struct lr_netlink *m, const char *table)
{
	begin(m, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	lr_netlink_text(m, NFTA_TABLE_NAME, table);
	lr_netlink_be32(m, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

static void put_chain(struct lr_netlink *m, const char *table, enum lr_hook_do what, const char *ifname)
{
	uint32_t nest;

	begin(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	lr_netlink_text(m, NFTA_CHAIN_TABLE, table);
	lr_netlink_text(m, NFTA_CHAIN_NAME, CHAIN);
	nest = lr_netlink_nest(m, NFTA_CHAIN_HOOK);
	lr_netlink_be32(m, NFTA_HOOK_HOOKNUM, kinds[what].hook);
	lr_netlink_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)kinds[what].priority);
	lr_netlink_text(m, NFTA_HOOK_DEV, ifname);
	lr_netlink_unnest(m, nest);
	lr_netlink_be32(m, NFTA_CHAIN_POLICY, kinds[what].policy);
	lr_netlink_text(m, NFTA_CHAIN_TYPE, "filter");
}

/* --- Rules ------------------------------------------------------------------------------------------ */

struct expression {
	uint32_t element, data;
};

static struct expression expr_begin(struct lr_netlink *m, const char *name)
{
	struct expression e = { .element = lr_netlink_nest(m, NFTA_LIST_ELEM) };

	lr_netlink_text(m, NFTA_EXPR_NAME, name);
	e.data = lr_netlink_nest(m, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct lr_netlink *m, struct expression e)
{
	lr_netlink_unnest(m, e.data);
	lr_netlink_unnest(m, e.element);
}

static void put_value(struct lr_netlink *m, unsigned int type, uint32_t value)
{
	uint32_t nest = lr_netlink_nest(m, type);

	lr_netlink_u32(m, NFTA_DATA_VALUE, value);
	lr_netlink_unnest(m, nest);
}

/* The number goes to register 1. */
static void put_number(struct lr_netlink *m, uint32_t value)
{
	struct expression e = expr_begin(m, "immediate");

	lr_netlink_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(m, NFTA_IMMEDIATE_DATA, value);
	expr_end(m, e);
}

/* meta KEY == VALUE, or != */
static void put_if(struct lr_netlink *m, enum nft_meta_keys key, enum nft_cmp_ops op, uint32_t value)
{
	struct expression e = expr_begin(m, "meta");

	lr_netlink_be32(m, NFTA_META_DREG, NFT_REG_1);
	lr_netlink_be32(m, NFTA_META_KEY, key);
	expr_end(m, e);
	e = expr_begin(m, "cmp");
	lr_netlink_be32(m, NFTA_CMP_SREG, NFT_REG_1);
	lr_netlink_be32(m, NFTA_CMP_OP, op);
	put_value(m, NFTA_CMP_DATA, value);
	expr_end(m, e);
}

/* meta mark set VALUE */
static void put_set_mark(struct lr_netlink *m, uint32_t value)
{
	struct expression e;

	put_number(m, value);
	e = expr_begin(m, "meta");
	lr_netlink_be32(m, NFTA_META_KEY, NFT_META_MARK);
	lr_netlink_be32(m, NFTA_META_SREG, NFT_REG_1);
	expr_end(m, e);
}

/* fwd to INDEX */
static void put_forward(struct lr_netlink *m, unsigned int index)
{
	struct expression e;

	put_number(m, index);
	e = expr_begin(m, "fwd");
	lr_netlink_be32(m, NFTA_FWD_SREG_DEV, NFT_REG_1);
	expr_end(m, e);
}

/* accept */
static void put_accept(struct lr_netlink *m)
{
	struct expression e = expr_begin(m, "immediate");
	uint32_t data, verdict;

	lr_netlink_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = lr_netlink_nest(m, NFTA_IMMEDIATE_DATA);
	verdict = lr_netlink_nest(m, NFTA_DATA_VERDICT);
	lr_netlink_be32(m, NFTA_VERDICT_CODE, NF_ACCEPT);
	lr_netlink_unnest(m, verdict);
	lr_netlink_unnest(m, data);
	expr_end(m, e);
}

/* counter */
static void put_counter(struct lr_netlink *m)
{
	expr_end(m, expr_begin(m, "counter"));
}

static void put_expressions(struct lr_netlink *m, enum lr_hook_do what, unsigned int to)
{
	switch (what) {
	case LR_HOOK_DIVERT:
	case LR_HOOK_CUT:
		/* Without an interface of that number they are gone, and the sender is not told of an error. */
		put_if(m, NFT_META_PRIORITY, NFT_CMP_NEQ, LR_HOOK_PRIORITY);
		put_counter(m);
		put_forward(m, what == LR_HOOK_CUT ? 0 : to);
		break;
	case LR_HOOK_MARK_TO:
		put_set_mark(m, LR_HOOK_MARK);
		put_forward(m, to);
		break;
	default:
		put_if(m, NFT_META_MARK, NFT_CMP_EQ, LR_HOOK_MARK);
		put_set_mark(m, 0);
		put_accept(m);
	}
}

/* It is to be acknowledged, and with it all that was before. */
static void put_rule(struct lr_netlink *m, const char *table, enum lr_hook_do what, unsigned int to)
{
	uint32_t nest;

	begin(m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	lr_netlink_text(m, NFTA_RULE_TABLE, table);
	lr_netlink_text(m, NFTA_RULE_CHAIN, CHAIN);
	nest = lr_netlink_nest(m, NFTA_RULE_EXPRESSIONS);
	put_expressions(m, what, to);
	lr_netlink_unnest(m, nest);
}

/* --- Hooks ------------------------------------------------------------------------------------------- */

int lr_hook_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), err;

	if (sock < 0)
		return -errno;
	/* Now, for the number that goes into names. */
	if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return sock;
	err = -errno;
	close(sock);
	return err;
}

/* The process whose socket owns the table; 0: not known. A process's first socket has its number (netlink(7), nl_pid). */
static uint32_t owner(int sock, const char *table)
{
	const uint32_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const struct nlattr *a;
	struct lr_netlink m;
	uint32_t pid;

	lr_netlink_init(&m);
	begin(&m, NFT_MSG_GETTABLE, 0);
	lr_netlink_text(&m, NFTA_TABLE_NAME, table);
	if (lr_netlink_ask(sock, &m) < 0 || m.len - m.at < head)
		return 0;
	a = lr_netlink_find(m.buf + m.at + head, m.len - m.at - head, NFTA_TABLE_OWNER);
	if (!a || lr_netlink_len(a) != sizeof(pid))
		return 0;
	memcpy(&pid, lr_netlink_data(a), sizeof(pid));
	pid = ntohl(pid);
	return pid <= INT_MAX ? pid : 0;
}

static int busy(int sock, const char *table, const char *ifname, struct lr_why *why)
{
	uint32_t pid = owner(sock, table);
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	f = pid ? fopen(path, "re") : NULL;
	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
	if (!name[0])
		return lr_why(why, -EBUSY, "another process has the host rings of %s: end it, or let both use netmapd", ifname);
	return lr_why(why, -EBUSY, "process %u (%s) has the host rings of %s: end it, or let both use netmapd", pid, name, ifname);
}

static int why_not(int err, const char *ifname, struct lr_why *why)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return lr_why(why, -EPERM, "no permission for hooks on %s (needs CAP_NET_ADMIN in its network namespace)", ifname);
	case -ENOENT:
	case -EOPNOTSUPP:
	case -EINVAL:
	case -EPROTONOSUPPORT:
		return lr_why(why, -EOPNOTSUPP,
			      "no hooks on %s: they need Linux 5.16 with nf_tables, nft_fwd_netdev and CONFIG_NETFILTER_EGRESS (%s)",
			      ifname, strerror(-err));
	default:
		return lr_why(why, err, "no hook on %s: %s", ifname, strerror(-err));
	}
}

int lr_hook_add(int sock, enum lr_hook_do what, unsigned int index, const char *name, unsigned int to, struct lr_why *why)
{
	struct lr_netlink m;
	char table[NAME_ROOM];
	int err;

	table_name(sock, what, index, table);
	lr_netlink_init(&m);
	batch(&m, NFNL_MSG_BATCH_BEGIN);
	put_table(&m, table);
	put_chain(&m, table, what, name);
	put_rule(&m, table, what, to);
	batch(&m, NFNL_MSG_BATCH_END);
	err = lr_netlink_ask(sock, &m);
	/* A table of somebody else's by that name is EPERM. */
	if (err == -EEXIST || err == -EBUSY || (err == -EPERM && owner(sock, table)))
		return busy(sock, table, name, why);
	return err ? why_not(err, name, why) : 0;
}

void lr_hook_del(int sock, enum lr_hook_do what, unsigned int index)
{
	struct lr_netlink m;
	char table[NAME_ROOM];

	table_name(sock, what, index, table);
	lr_netlink_init(&m);
	batch(&m, NFNL_MSG_BATCH_BEGIN);
	begin(&m, NFT_MSG_DELTABLE, NLM_F_ACK);
	lr_netlink_text(&m, NFTA_TABLE_NAME, table);
	batch(&m, NFNL_MSG_BATCH_END);
	lr_netlink_ask(sock, &m);
}

/* The packets that this expression has counted, if it is a counter. */
static uint64_t counted(const struct nlattr *expression)
{
	const void *in = lr_netlink_data(expression);
	uint32_t len = lr_netlink_len(expression);
	const struct nlattr *name = lr_netlink_find(in, len, NFTA_EXPR_NAME), *a = lr_netlink_find(in, len, NFTA_EXPR_DATA);
	uint64_t n = 0;

	if (!a || !name || lr_netlink_len(name) != sizeof("counter") || memcmp(lr_netlink_data(name), "counter", sizeof("counter")))
		return 0;
	a = lr_netlink_find(lr_netlink_data(a), lr_netlink_len(a), NFTA_COUNTER_PACKETS);
	if (a && lr_netlink_len(a) == sizeof(n))
		memcpy(&n, lr_netlink_data(a), sizeof(n));
	return be64toh(n);
}

static uint64_t counted_in(const struct nlattr *list)
{
	uint32_t left = lr_netlink_len(list), step;
	const char *at = lr_netlink_data(list);
	const struct nlattr *e;
	uint64_t n = 0;

	/* In these lists there is nothing but elements. */
	for (; (e = lr_netlink_find(at, left, NFTA_LIST_ELEM)); at += step, left -= step) {
		n += counted(e);
		step = NLA_ALIGN(e->nla_len);
		if ((const char *)e != at || step >= left)
			break;
	}
	return n;
}

uint64_t lr_hook_dropped(int sock, unsigned int index)
{
	const uint32_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const struct nlattr *a;
	struct lr_netlink m;
	char table[NAME_ROOM];

	table_name(sock, LR_HOOK_CUT, index, table);
	lr_netlink_init(&m);
	begin(&m, NFT_MSG_GETRULE, NLM_F_DUMP);
	lr_netlink_text(&m, NFTA_RULE_TABLE, table);
	lr_netlink_text(&m, NFTA_RULE_CHAIN, CHAIN);
	if (lr_netlink_ask(sock, &m) < 0 || m.len - m.at < head)
		return 0;
	a = lr_netlink_find(m.buf + m.at + head, m.len - m.at - head, NFTA_RULE_EXPRESSIONS);
	return a ? counted_in(a) : 0;
}
