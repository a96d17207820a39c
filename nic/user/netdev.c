/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces. See netdev.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/port.h"
#include "host.h"
#include "netdev.h"
#include "os/user/waiter.h"

#define NETNS_FILE "/proc/thread-self/ns/net"
#define MOMENT_MSEC 100

/* An ioctl on the interface, under the name that it has now. */
static int netdev_ioctl(const struct lr_netdev *d, unsigned long cmd, struct ifreq *ifr)
{
	struct ifreq now = { .ifr_ifindex = (int)d->index };

	if (ioctl(d->ctl, SIOCGIFNAME, &now) < 0)
		return -errno;
	memcpy(ifr->ifr_name, now.ifr_name, sizeof(ifr->ifr_name));
	return ioctl(d->ctl, cmd, ifr) < 0 ? -errno : 0;
}

static int netdev_ethtool(const struct lr_netdev *d, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };

	return netdev_ioctl(d, SIOCETHTOOL, &ifr);
}

/* What the kernel says now. False: it knows no such interface any more. */
static bool refresh(struct lr_netdev *d)
{
	struct ifreq ifr = { 0 };
	int err = netdev_ioctl(d, SIOCGIFFLAGS, &ifr);

	os_store(&d->up, !err && (ifr.ifr_flags & IFF_UP) != 0);
	return err != -ENODEV && err != -ENXIO;
}

/* A name that the kernel would not understand otherwise than we do: "eth0:1" is eth0 to it. */
static bool name_ok(const char *name)
{
	return name[0] && strnlen(name, IFNAMSIZ) < IFNAMSIZ && !strpbrk(name, ":/ ");
}

static int find(struct lr_netdev *d, const char *name, struct lr_why *why)
{
	struct ifreq ifr = { 0 };

	if (name_ok(name)) {
		lr_text(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
		if (ioctl(d->ctl, SIOCGIFINDEX, &ifr) == 0) {
			d->index = (unsigned int)ifr.ifr_ifindex;
			lr_text(d->name, sizeof(d->name), "%s", name);
			return 0;
		}
	}
	return lr_why(why, -ENXIO, "no network interface '%s' in this network namespace", name);
}

static int open_news(struct lr_netdev *d)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	d->news = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (d->news < 0 || bind(d->news, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return 0;
}

int lr_netdev_open(struct lr_netdev *d, const char *name, struct lr_port *port, struct lr_why *why)
{
	int err;

	*d = (struct lr_netdev){ .netns = os_netns_id(), .netns_fd = -1, .ctl = -1, .news = -1, .port = port };
	os_mutex_init(&d->lock);
	d->ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (d->ctl < 0)
		d->ctl = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (d->ctl < 0) {
		err = lr_why(why, -errno, "cannot open a socket: %s", strerror(errno));
		goto err_close;
	}
	err = find(d, name, why);
	if (err)
		goto err_close;
	err = open_news(d);
	if (err) {
		lr_why(why, err, "cannot watch %s: netlink socket: %s", name, strerror(-err));
		goto err_close;
	}
	d->netns_fd = open(NETNS_FILE, O_RDONLY | O_CLOEXEC);
	refresh(d);
	return 0;

err_close:
	lr_netdev_close(d);
	return err;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void lr_netdev_close(struct lr_netdev *d)
{
	lr_host_destroy(d->host);
	close_fd(d->netns_fd);
	close_fd(d->news);
	close_fd(d->ctl);
	os_mutex_fini(&d->lock);
}

int lr_netdev_enter(const struct lr_netdev *d, int *back, struct lr_why *why)
{
	*back = -1;
	if (os_netns_id() == d->netns)
		return 0;
	*back = open(NETNS_FILE, O_RDONLY | O_CLOEXEC);
	if (*back >= 0 && setns(d->netns_fd, CLONE_NEWNET) == 0)
		return 0;
	lr_why(why, -errno, "%s is in another network namespace than this thread, and it cannot go there: %s", d->name,
	       strerror(errno));
	close_fd(*back);
	*back = -1;
	return -EPERM;
}

void lr_netdev_leave(int back)
{
	if (back < 0)
		return;
	if (setns(back, CLONE_NEWNET) < 0)
		os_log("cannot return to the thread's network namespace: %s", strerror(errno));
	close(back);
}

/* One line of a file in sysfs; false when it is not there. */
static bool sysfs_line(const char *name, const char *file, char *buf, int size)
{
	char path[64 + IFNAMSIZ];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(buf, size, f) != NULL;
	fclose(f);
	return ok;
}

/* sysfs shows the namespace in which it was mounted: make sure that it is about this interface. */
static bool sysfs_is_ours(const struct lr_netdev *d, const char *name)
{
	struct ifreq ifr = { 0 };
	char line[64], mac[64];
	const uint8_t *a = (const uint8_t *)ifr.ifr_hwaddr.sa_data;

	if (!sysfs_line(name, "ifindex", line, sizeof(line)) || strtoul(line, NULL, 10) != d->index)
		return false;
	if (netdev_ioctl(d, SIOCGIFHWADDR, &ifr) < 0 || !sysfs_line(name, "address", line, sizeof(line)))
		return false;
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
	return strncmp(mac, line, strlen(mac)) == 0;
}

static void sysfs_queues(const struct lr_netdev *d, uint32_t *tx, uint32_t *rx)
{
	struct ifreq now = { 0 };
	char path[64 + IFNAMSIZ];
	struct dirent *e;
	DIR *dir;

	if (netdev_ioctl(d, SIOCGIFFLAGS, &now) < 0 || !sysfs_is_ours(d, now.ifr_name))
		return;
	snprintf(path, sizeof(path), "/sys/class/net/%.*s/queues", IFNAMSIZ - 1, now.ifr_name);
	dir = opendir(path);
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		*tx += strncmp(e->d_name, "tx-", 3) == 0;
		*rx += strncmp(e->d_name, "rx-", 3) == 0;
	}
	closedir(dir);
}

void lr_netdev_queues(const struct lr_netdev *d, uint32_t *tx, uint32_t *rx)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };

	*tx = *rx = 0;
	if (netdev_ethtool(d, &ch) == 0) {
		*tx = ch.combined_count + ch.tx_count;
		*rx = ch.combined_count + ch.rx_count;
	} else {
		sysfs_queues(d, tx, rx);
	}
	if (!*tx)
		*tx = 1;
	if (!*rx)
		*rx = 1;
}

uint32_t lr_netdev_mtu(const struct lr_netdev *d)
{
	struct ifreq ifr = { 0 };

	return netdev_ioctl(d, SIOCGIFMTU, &ifr) < 0 ? 0 : (uint32_t)ifr.ifr_mtu;
}

void lr_netdev_driver(const struct lr_netdev *d, char *buf, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (netdev_ethtool(d, &info) < 0 || !info.driver[0])
		lr_text(info.driver, sizeof(info.driver), "its driver");
	lr_text(buf, size, "%.*s", (int)sizeof(info.driver) - 1, info.driver);
}

void lr_netdev_read_news(struct lr_netdev *d)
{
	char buf[4096];
	bool any = false;
	ssize_t n;

	os_mutex_lock(&d->lock);
	/* What it says does not matter, nor that some was lost (ENOBUFS): we ask for the present state. */
	while ((n = recv(d->news, buf, sizeof(buf), MSG_DONTWAIT)) > 0 ||
	       (n < 0 && (errno == ENOBUFS || errno == EINTR)))
		any = true;
	if (any && !refresh(d))
		lr_port_set_gone(d->port);
	else if (any)
		lr_host_follow(d->host);
	os_mutex_unlock(&d->lock);
}

/* Asks the kernel about the interface: the answer comes as news. */
void lr_netdev_stir(const struct lr_netdev *d)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} ask = {
		{ .nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		{ .ifi_index = (int)d->index },
	};

	send(d->news, &ask, sizeof(ask), MSG_DONTWAIT);
}

void lr_netdev_wait(struct lr_netdev *d, struct os_waiter *w, uint32_t at, uint32_t *seen)
{
	unsigned int i;

	/* A descriptor's rings come one after the other: look no further than a ring pair back. */
	for (i = 1; i <= 4 && i <= w->n; i++)
		if (w->fds[w->n - i].fd == d->news)
			break;
	if (i > 4 || i > w->n)
		os_waiter_add(w, d->news, POLLIN);
	if (os_load(seen) == at) {
		lr_netdev_read_news(d);
		return;
	}
	os_store(seen, at);
	os_waiter_nap(w, MOMENT_MSEC);
}
