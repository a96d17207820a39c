/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's side of a door (protocol.h): requests to sync and to poll that come through shared memory.
 *
 * What is shared is read once and believed in nothing; a client that writes nonsense there syncs too often, or
 * sleeps too long, and that is all. All calls by one thread at a time.
 */
#ifndef LR_DAEMON_DOOR_H
#define LR_DAEMON_DOOR_H

#include "core/file.h"
#include "daemon/protocol.h"
#include "os/user/waiter.h"

struct lr_door {
	struct lrd_door *shared;
	uint32_t done[LRD_LANES];	/* the last ask that was answered */
	unsigned int armed;		/* LR_POLLIN, LR_POLLOUT: somebody sleeps, and the waiter has recorded the rings */
	int bell;			/* an eventfd that clients write */
	int chime[2];			/* the writing ends, in and out */
	int heard[2];			/* reading ends */
	unsigned int rung;		/* LR_POLLIN, LR_POLLOUT: chimes that are readable */
	bool polled;			/* somebody waits with the library's poll: chimes are drained for those only */
	struct os_waiter waiter;
};

/* What the client gets: memory, bell, reading ends of the chimes. The caller closes them. 0 or -errno. */
int lr_door_init(struct lr_door *d, int theirs[LRD_FDS_MAX]);
void lr_door_fini(struct lr_door *d);

/* Answers what is asked. False: nothing was. */
bool lr_door_serve(struct lr_door *d, struct lr_file *f);
/* Is anything asked? */
bool lr_door_asked(const struct lr_door *d);
/* The rings may have news, or go: those who sleep are told to look, and nothing is recorded any more. */
void lr_door_news(struct lr_door *d);

/* Before the caller sleeps on the bell. False: something is asked, do not sleep. */
bool lr_door_sleep(struct lr_door *d);
void lr_door_awake(struct lr_door *d);
/* The bell was heard: it can ring again. */
void lr_door_quiet(struct lr_door *d);

#endif
