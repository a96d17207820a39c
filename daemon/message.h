/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between netmapd and its clients.
 */
#ifndef LR_DAEMON_MESSAGE_H
#define LR_DAEMON_MESSAGE_H

#include "daemon/protocol.h"

/* One message, with descriptors if n > 0. 0 or -errno; `alive` as above, -1: there is none to watch. */
int lr_message_send(int fd, int alive, const struct lrd_msg *m, const int *fds, unsigned int n);
/*
 * One message with all its data, and what descriptors came (at most LRD_FDS_MAX; they are closed when something is wrong). 0, or
 * -errno: -EPROTO when it is no message, -EPIPE at the end, -ETIMEDOUT after `ms` if that is not negative.
 */
int lr_message_receive(int fd, int alive, struct lrd_msg *m, int *fds, unsigned int *n, int ms);

#endif
