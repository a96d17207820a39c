/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface as both back ends need it: found by name once, known by index from then on, so that it may be
 * renamed; what has happened to it since; and its network namespace, which need not be that of the calling thread.
 */
#ifndef LR_NETDEV_H
#define LR_NETDEV_H

#include <net/if.h>

#include "core/why.h"
#include "os/os.h"

struct lr_host;
struct lr_port;

struct lr_netdev {
	char name[IFNAMSIZ];	/* when it was opened */
	unsigned int index;
	uint64_t netns;		/* as os_netns_id gives it */
	int netns_fd;		/* -1: unknown */
	int ctl;		/* a socket for ioctls, in its namespace */
	int news;		/* netlink: what changes about links there */
	bool up;
	struct lr_port *port;
	struct lr_host *host;	/* the host side of it */
	struct os_mutex lock;	/* guards the reading of news and what follows from it; a leaf */
};

/* -ENXIO with the reason when there is no such interface. */
int lr_netdev_open(struct lr_netdev *d, const char *name, struct lr_port *port, struct lr_why *why);
void lr_netdev_close(struct lr_netdev *d);

/* The calling thread goes into the interface's namespace, and back. */
int lr_netdev_enter(const struct lr_netdev *d, int *back, struct lr_why *why);
void lr_netdev_leave(int back);

/* Queues in use; at least one each. */
void lr_netdev_queues(const struct lr_netdev *d, uint32_t *tx, uint32_t *rx);
/* The kernel's answer, or 0. */
uint32_t lr_netdev_mtu(const struct lr_netdev *d);
void lr_netdev_driver(const struct lr_netdev *d, char *buf, size_t size);

/*
 * Reads the news: when the interface is gone, so is the port. A sleeper calls it after it has decided to sleep on
 * d->news and before its last look: then either it sees what happened, or d->news is readable.
 */
void lr_netdev_read_news(struct lr_netdev *d);
/* Makes d->news readable, so that all who sleep on it look around. */
void lr_netdev_stir(const struct lr_netdev *d);
/*
 * Adds d->news to what the waiter sleeps on, and reads it; `at` is a position of the ring, kept in *seen. Who has just
 * seen the ring move need not: he would have been woken for that. To be sure he sleeps only for a moment then.
 */
struct os_waiter;
void lr_netdev_wait(struct lr_netdev *d, struct os_waiter *w, uint32_t at, uint32_t *seen);

#endif
