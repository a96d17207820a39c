/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a queue of an interface. See holder.h.
 */
#include "holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The name of the queue's socket: abstract, so its first character is 0. */
static socklen_t name_of(struct sockaddr_un *addr, unsigned int ifindex, unsigned int queue)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1, "netmap-queue-%u-%u", ifindex, queue);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(addr->sun_path + 1));
}

int lr_holder_mark(unsigned int ifindex, unsigned int queue)
{
	struct sockaddr_un addr;
	socklen_t len = name_of(&addr, ifindex, queue);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, 4096) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* As /proc has it; "" where it has nothing. */
static void process_name(pid_t pid, char *name, size_t size)
{
	char path[32];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, size - 1);
		close(fd);
	}
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

bool lr_holder_find(unsigned int ifindex, unsigned int queue, char *buf, size_t size)
{
	struct sockaddr_un addr;
	socklen_t len = name_of(&addr, ifindex, queue), peer_len = sizeof(struct ucred);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { .pid = 0 };
	char name[32];

	/* The kernel keeps who listened. */
	if (fd >= 0 && (connect(fd, (struct sockaddr *)&addr, len) < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) < 0))
		peer.pid = 0;
	if (fd >= 0)
		close(fd);
	if (peer.pid <= 0) {
		snprintf(buf, size, "another process");
		return false;
	}
	process_name(peer.pid, name, sizeof(name));
	snprintf(buf, size, "%s (process %d)", name[0] ? name : "another process", (int)peer.pid);
	return true;
}
