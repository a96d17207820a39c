/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tap interfaces. See tap.h.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink.h"
#include "tap.h"

#define TUN_DEVICE "/dev/net/tun"
#define NAME "nmhost%d"
#define SMALL_MTU 68	/* what IPv4 needs; IPv6 needs 1280, and stays away */

static int tun_open(const char *name, short flags, char real[IFNAMSIZ], struct lr_why *why)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags) };
	int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return lr_why(why, errno == EACCES ? -EPERM : errno == ENOENT || errno == ENODEV ? -EOPNOTSUPP : -errno,
			      "host rings need " TUN_DEVICE ", which cannot be opened: %s", strerror(errno));
	lr_text(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		err = errno == EPERM ? lr_why(why, -EPERM, "no permission for a tap interface (needs CAP_NET_ADMIN)")
				     : lr_why(why, -errno, "no tap interface: %s", strerror(errno));
		close(fd);
		return err;
	}
	lr_text(real, IFNAMSIZ, "%s", ifr.ifr_name);
	return fd;
}

static int tap_ioctl(const struct lr_tap *t, const struct lr_netdev *d, unsigned long cmd, struct ifreq *ifr)
{
	lr_text(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", t->name);
	return ioctl(d->ctl, cmd, ifr) < 0 ? -errno : 0;
}

void lr_tap_follow(const struct lr_tap *t, const struct lr_netdev *d)
{
	struct ifreq theirs = { .ifr_ifindex = (int)d->index }, ours = { 0 };

	if (ioctl(d->ctl, SIOCGIFNAME, &theirs) < 0 || ioctl(d->ctl, SIOCGIFHWADDR, &theirs) < 0)
		return;
	if (tap_ioctl(t, d, SIOCGIFHWADDR, &ours) < 0)
		return;
	if (memcmp(&ours.ifr_hwaddr.sa_data, &theirs.ifr_hwaddr.sa_data, ETH_ALEN) == 0)
		return;
	memcpy(&ours.ifr_hwaddr.sa_data, &theirs.ifr_hwaddr.sa_data, ETH_ALEN);
	tap_ioctl(t, d, SIOCSIFHWADDR, &ours);
}

static int ask(struct lr_netlink *m)
{
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err;

	if (sock < 0)
		return -errno;
	err = lr_netlink_ask(sock, m);
	close(sock);
	return err;
}

/* The ioctl for it is not for root of a user namespace. */
static int set_queue(const struct lr_tap *t, uint32_t n)
{
	struct ifinfomsg body = { .ifi_index = (int)t->index };
	struct lr_netlink m;

	lr_netlink_init(&m);
	lr_netlink_begin(&m, RTM_SETLINK, NLM_F_ACK, &body, sizeof(body));
	lr_netlink_u32(&m, IFLA_TXQLEN, n);
	return ask(&m);
}

/* tc qdisc replace dev T ... */
static int add_qdisc(const struct lr_tap *t, const char *kind, uint32_t parent, uint32_t handle)
{
	struct tcmsg body = { .tcm_ifindex = (int)t->index, .tcm_parent = parent, .tcm_handle = handle };
	struct lr_netlink m;

	lr_netlink_init(&m);
	lr_netlink_begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &body, sizeof(body));
	lr_netlink_text(&m, TCA_KIND, kind);
	return ask(&m);
}

static int bring_up(struct lr_tap *t, const struct lr_netdev *d, uint32_t queue)
{
	struct ifreq index = { 0 }, mtu = { .ifr_mtu = SMALL_MTU };
	struct ifreq up = { .ifr_flags = IFF_UP | IFF_NOARP };
	int err = tap_ioctl(t, d, SIOCGIFINDEX, &index);

	t->index = (unsigned int)index.ifr_ifindex;
	if (!err)
		err = tap_ioctl(t, d, SIOCSIFMTU, &mtu);
	if (!err && queue)
		err = set_queue(t, queue);
	/* What waits shall wait in the queue that we read, and nowhere else. */
	if (!err && queue)
		add_qdisc(t, "noqueue", TC_H_ROOT, 0);
	lr_tap_follow(t, d);
	return err ? err : tap_ioctl(t, d, SIOCSIFFLAGS, &up);
}

int lr_tap_open(struct lr_tap *t, const struct lr_netdev *d, uint32_t queue, struct lr_why *why)
{
	struct ifreq off = { .ifr_flags = IFF_DETACH_QUEUE };
	int err;

	t->fd = tun_open(NAME, queue ? IFF_MULTI_QUEUE : 0, t->name, why);
	if (t->fd < 0)
		return t->fd;
	err = queue && ioctl(t->fd, TUNSETQUEUE, &off) < 0 ? -errno : bring_up(t, d, queue);
	if (!err)
		return 0;
	lr_tap_close(t);
	return lr_why(why, err, "cannot set up a tap interface for %s: %s", d->name, strerror(-err));
}

void lr_tap_close(struct lr_tap *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

int lr_tap_queue(const struct lr_tap *t, struct lr_why *why)
{
	char name[IFNAMSIZ];

	return tun_open(t->name, IFF_MULTI_QUEUE, name, why);
}

/* --- Into the stack ------------------------------------------------------------------------------------ */

/* action mirred ingress redirect dev D */
static void put_redirect(struct lr_netlink *m, unsigned int to)
{
	struct tc_mirred parms = { .action = TC_ACT_STOLEN, .eaction = TCA_INGRESS_REDIR, .ifindex = to };
	uint32_t list = lr_netlink_nest(m, TCA_U32_ACT), first = lr_netlink_nest(m, 1), options;

	lr_netlink_text(m, TCA_ACT_KIND, "mirred");
	options = lr_netlink_nest(m, TCA_ACT_OPTIONS);
	lr_netlink_put(m, TCA_MIRRED_PARMS, &parms, sizeof(parms));
	lr_netlink_unnest(m, options);
	lr_netlink_unnest(m, first);
	lr_netlink_unnest(m, list);
}

/* tc filter add dev T egress protocol all u32, of no conditions */
static int add_filter(const struct lr_tap *t, unsigned int to)
{
	struct tcmsg body = { .tcm_ifindex = (int)t->index,
			      .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
			      .tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL)) };
	struct tc_u32_sel all = { .flags = TC_U32_TERMINAL };
	struct lr_netlink m;
	uint32_t options;

	lr_netlink_init(&m);
	lr_netlink_begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body));
	lr_netlink_text(&m, TCA_KIND, "u32");
	options = lr_netlink_nest(&m, TCA_OPTIONS);
	lr_netlink_put(&m, TCA_U32_SEL, &all, sizeof(all));
	put_redirect(&m, to);
	lr_netlink_unnest(&m, options);
	return ask(&m);
}

int lr_tap_return(const struct lr_tap *t, const struct lr_netdev *d, struct lr_why *why)
{
	int err = add_qdisc(t, "clsact", TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0));

	if (!err)
		err = add_filter(t, d->index);
	if (err == -ENOENT || err == -EINVAL || err == -EOPNOTSUPP)
		return lr_why(why, -EOPNOTSUPP,
			      "host rings need a kernel with sch_ingress, cls_u32 and act_mirred (%s)", strerror(-err));
	return err ? lr_why(why, err, "cannot lead packets from a tap interface to %s: %s", d->name, strerror(-err)) : 0;
}

uint64_t lr_tap_drops(const struct lr_tap *t)
{
	const uint32_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct if_stats_msg));
	struct if_stats_msg body = { .ifindex = t->index, .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64) };
	struct rtnl_link_stats64 stats;
	const struct nlattr *a;
	struct lr_netlink m;

	lr_netlink_init(&m);
	lr_netlink_begin(&m, RTM_GETSTATS, 0, &body, sizeof(body));
	if (ask(&m) < 0 || m.len - m.at < head)
		return 0;
	a = lr_netlink_find(m.buf + m.at + head, m.len - m.at - head, IFLA_STATS_LINK_64);
	if (!a || lr_netlink_len(a) < sizeof(stats))
		return 0;
	memcpy(&stats, lr_netlink_data(a), sizeof(stats));
	return stats.tx_dropped;
}
