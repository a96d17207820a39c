/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where netmapd's socket is; the daemon and its clients agree on it here.
 */
#ifndef LR_DAEMON_PATH_H
#define LR_DAEMON_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define LRD_PATH_MAX 107	/* with its end; one less than a socket's name may have */

/* 0, or -ENAMETOOLONG. */
int lr_path_set(char *buf, size_t size, const char *path);
/* NETMAP_SOCKET if it is set; otherwise the system's, or the one of the user's own daemon. 0 or -errno. */
int lr_path_default(char *buf, size_t size, bool system);
/* The system's is in a directory of its own. */
void lr_path_make_directory(const char *path);

#endif
