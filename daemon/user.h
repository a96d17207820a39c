/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users: what each has, and what he may have and open. The kernel says who a client is (SO_PEERCRED), for as long as
 * the connection lasts.
 */
#ifndef LR_DAEMON_USER_H
#define LR_DAEMON_USER_H

#include <sys/socket.h>

#include "core/port.h"

struct lr_user;

/* What a connection has of its user's allowance. */
struct lr_charge {
	struct lr_user *user;
	unsigned int rings;
	uint64_t memory;
	const struct lr_region *region;	/* whose owner its user is, or that he shares */
};

/* Before there is any client. */
void lr_users_init(void);

/* One descriptor more; NULL: that would be too many. */
struct lr_user *lr_user_enter(const struct ucred *who);
void lr_user_leave(struct lr_user *u);
/* A request: takes as long as it takes until he may have another one. */
void lr_user_pace(struct lr_user *u);

/* The thread works for this connection, and what it binds is charged there; NULL: it works for none. */
void lr_charge_set(struct lr_charge *c);
/* What was charged is given back. */
void lr_charge_drop(struct lr_charge *c);

#endif
