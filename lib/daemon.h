/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client of netmapd: a descriptor whose core is in the daemon. What device.c calls for such a descriptor.
 */
#ifndef LR_DAEMON_H
#define LR_DAEMON_H

#include "daemon/protocol.h"
#include "os/os.h"

/* Written once, before others see it, but for what says so. */
struct lr_remote {
	int sock;
	struct lrd_door *door;
	int bell;
	int chime[2];		/* in, out */
	int memory;		/* -1: not bound yet; with release, read with acquire */
	uint64_t size;		/* of the memory */
	struct lrd_bound bound;
	char *base;		/* a mapping of our own, where NS_INDIRECT needs one; with release, read with acquire */
	bool dead;		/* the daemon is gone: never again */
	bool exposed;		/* who polls past us is told of news */
};

/*
 * Connects to the daemon at path. NULL with *err: -ENOENT or -ECONNREFUSED when there is none, -EACCES when it is not for
 * us, or why it would not have us; then with a sentence in why.
 */
struct lr_remote *lr_remote_open(const char *path, int *err, char why[LRD_REASON_MAX]);
/* Connects to the first of those that there may be: -ENOENT when there is none, -EACCES when none is for us. */
struct lr_remote *lr_remote_find(int *err, char why[LRD_REASON_MAX]);
void lr_remote_close(struct lr_remote *r);

/* Does this ioctl open something that only makes sense between processes? */
bool lr_remote_wanted(unsigned int cmd, uint64_t arg);
/* Starts a daemon of the user's own, if there is none, and connects to it. NULL with *err. */
struct lr_remote *lr_remote_start(int *err, char why[LRD_REASON_MAX]);

/* Any ioctl but sync. 0 or -errno with the reason, "" when there is none. */
int lr_remote_ioctl(struct lr_remote *r, unsigned int cmd, uint64_t arg, char why[LRD_REASON_MAX]);
/* NIOCTXSYNC, NIOCRXSYNC. 0 or -errno. */
int lr_remote_sync(struct lr_remote *r, bool tx);
/* What lr_file_poll says; with a waiter, what to sleep on is added to it. */
unsigned int lr_remote_poll(struct lr_remote *r, unsigned int events, struct os_waiter *w);
/* What lr_file_stamp says. */
uint64_t lr_remote_stamp(const struct lr_remote *r, unsigned int events);

/* Who polls fd, an epoll set, past us is told of packets, until somebody polls through us. */
void lr_remote_expose(struct lr_remote *r, int fd);
void lr_remote_conceal(struct lr_remote *r);

/* NS_INDIRECT: the descriptor was bound; and before each sync, if there is a base. */
int lr_remote_map(struct lr_remote *r, const struct lrd_bound *b);
void lr_remote_fetch(const struct lr_remote *r);

#endif
