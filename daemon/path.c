/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where netmapd's socket is. See path.h.
 */
#include "daemon/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/protocol.h"

int lr_path_set(char *buf, size_t size, const char *path)
{
	int n = snprintf(buf, size, "%s", path);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/*
 * Without a directory of the user's own /tmp has to do: nobody else can take the name once it is there, and who finds it looks
 * at whose it is. Root has /run.
 */
static int user_path(char *buf, size_t size)
{
	const char *dir = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (dir && *dir == '/')
		n = snprintf(buf, size, "%s/%s", dir, LRD_USER_SOCKET);
	else
		n = snprintf(buf, size, "%s/%s-%u", geteuid() == 0 ? "/run" : "/tmp", LRD_USER_SOCKET, (unsigned int)geteuid());
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int lr_path_default(char *buf, size_t size, bool system)
{
	const char *env = secure_getenv("NETMAP_SOCKET");

	if (env && *env)
		return lr_path_set(buf, size, env);
	return system ? lr_path_set(buf, size, LRD_SYSTEM_SOCKET) : user_path(buf, size);
}

void lr_path_make_directory(const char *path)
{
	char dir[sizeof(LRD_SYSTEM_SOCKET)];

	if (strcmp(path, LRD_SYSTEM_SOCKET) != 0)
		return;
	memcpy(dir, path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	mkdir(dir, 0755);
}
