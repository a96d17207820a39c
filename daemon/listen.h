/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket on which netmapd listens.
 */
#ifndef LR_DAEMON_LISTEN_H
#define LR_DAEMON_LISTEN_H

#include <stdbool.h>

#include "daemon/path.h"

struct lr_listen {
	int sock;
	int lock;	/* held while the path is ours; -1: the socket came from systemd */
	char path[LRD_PATH_MAX];
};

/* path NULL: the default one. only_user: nobody else may connect. What is wrong is said on stderr. 0 or -errno. */
int lr_listen_open(struct lr_listen *l, const char *path, bool only_user);
void lr_listen_close(struct lr_listen *l);

#endif
