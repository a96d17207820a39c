/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket on which netmapd listens.
 */
#ifndef LR_DAEMON_LISTEN_H
#define LR_DAEMON_LISTEN_H

struct lr_listen {
	int sock;
	int lock;	/* held while the path is ours; -1: the socket came from systemd */
	char path[107];	/* one less than a socket's name may have */
};

/* path NULL: the default one. What is wrong is said on stderr. 0 or -errno. */
int lr_listen_open(struct lr_listen *l, const char *path);
void lr_listen_close(struct lr_listen *l);

#endif
