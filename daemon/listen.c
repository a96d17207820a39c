/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket on which netmapd listens: from systemd (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, descriptor 3), or made here. A
 * lock beside it tells whether a socket that is there already is in use or was left behind.
 */
#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FIRST_FD 3

/* The socket that systemd made, or -1. */
static int from_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (!pid || !n || strtol(pid, NULL, 10) != getpid() || strtol(n, NULL, 10) < 1)
		return -1;
	if (getsockopt(SYSTEMD_FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return -1;
	fcntl(SYSTEMD_FIRST_FD, F_SETFD, FD_CLOEXEC);
	fcntl(SYSTEMD_FIRST_FD, F_SETFL, O_NONBLOCK);
	return SYSTEMD_FIRST_FD;
}

/* Only one netmapd at a time has the path. */
static int take_path(struct lr_listen *l)
{
	char name[sizeof(l->path) + 8];
	int err;

	snprintf(name, sizeof(name), "%s.lock", l->path);
	l->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->lock >= 0 && flock(l->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	err = -errno;
	if (err == -EWOULDBLOCK)
		fprintf(stderr, "netmapd: another netmapd listens at %s\n", l->path);
	else
		fprintf(stderr, "netmapd: %s: %s\n", name, strerror(-err));
	if (l->lock >= 0)
		close(l->lock);
	return err;
}

/* Under another name first: who finds the path finds somebody who listens. */
static int bind_path(struct lr_listen *l, bool only_user)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s+", l->path);
	l->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->sock < 0)
		goto err;
	unlink(addr.sun_path);
	if (bind(l->sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		goto err;
	/* Root's daemon is for all who may reach the directory; who may do what is decided inside. */
	if (chmod(addr.sun_path, geteuid() == 0 && !only_user ? 0666 : 0600) == 0 && listen(l->sock, 128) == 0 &&
	    rename(addr.sun_path, l->path) == 0)
		return 0;
err:
	err = -errno;
	fprintf(stderr, "netmapd: %s: %s\n", l->path, strerror(-err));
	if (l->sock >= 0)
		close(l->sock);
	return err;
}

int lr_listen_open(struct lr_listen *l, const char *path, bool only_user)
{
	int err;

	*l = (struct lr_listen){ .sock = from_systemd(), .lock = -1 };
	if (l->sock >= 0)
		return 0;
	err = path ? lr_path_set(l->path, sizeof(l->path), path) : lr_path_default(l->path, sizeof(l->path), geteuid() == 0);
	if (err) {
		fprintf(stderr, "netmapd: no path for a socket: %s\n", strerror(-err));
		return err;
	}
	if (geteuid() == 0)
		lr_path_make_directory(l->path);
	err = take_path(l);
	if (err)
		return err;
	err = bind_path(l, only_user);
	if (err)
		close(l->lock);
	return err;
}

void lr_listen_close(struct lr_listen *l)
{
	if (l->lock >= 0) {
		unlink(l->path);
		close(l->lock);
	}
	close(l->sock);
}
