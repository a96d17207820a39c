/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between netmapd and its clients: sending and receiving. Part of both. See protocol.h.
 */
#include "daemon/message.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Until fd is ready for `events`. 0, -EPIPE when the connection ended, -ETIMEDOUT. */
static int wait_for(int fd, int alive, short events, int ms)
{
	struct pollfd fds[2] = { { .fd = fd, .events = events }, { .fd = alive } };
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	int n;

	/* Not by name: in a program that name is libnetmap's. */
	do
		n = (int)syscall(SYS_ppoll, fds, 2, ms < 0 ? NULL : &t, NULL, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	return fds[1].revents || fds[0].revents & POLLNVAL ? -EPIPE : 0;
}

int lr_message_send(int fd, int alive, const struct lrd_msg *m, const int *fds, unsigned int n)
{
	union {
		char bytes[CMSG_SPACE(LRD_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)m, LRD_HEAD + (m->type == LRD_READ ? 0 : m->len) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int err;

	if (n) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		err = wait_for(fd, alive, POLLOUT, -1);
		if (err)
			return err;
	}
}

/* What came along; what there is too much of is closed. */
static unsigned int take_fds(struct msghdr *msg, int *fds)
{
	struct cmsghdr *c;
	unsigned int n = 0;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t many = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < many; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (fds && n < LRD_FDS_MAX)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

static bool is_whole(const struct lrd_msg *m, size_t got)
{
	if (got < LRD_HEAD || m->zero)
		return false;
	return m->type == LRD_READ ? got == LRD_HEAD : m->len <= LRD_DATA_MAX && got == LRD_HEAD + m->len;
}

int lr_message_receive(int fd, int alive, struct lrd_msg *m, int *fds, unsigned int *n, int ms)
{
	union {
		char bytes[CMSG_SPACE(LRD_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg;
	unsigned int had, i;
	ssize_t got;
	int err;

	for (;;) {
		msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control) };
		got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (got >= 0)
			break;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		err = wait_for(fd, alive, POLLIN, ms);
		if (err)
			return err;
	}
	had = take_fds(&msg, fds);
	if (n)
		*n = had;
	if (got > 0 && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && is_whole(m, (size_t)got))
		return 0;
	for (i = 0; i < had; i++)
		close(fds[i]);
	if (n)
		*n = 0;
	if (got == 0)
		return -EPIPE;
	/* Cut descriptors: there was no number for them here. */
	return msg.msg_flags & MSG_CTRUNC ? -EMFILE : -EPROTO;
}
