/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client of netmapd: connecting, and requests. See daemon.h and daemon/protocol.h.
 *
 * The daemon asks us for pieces of our memory and writes into others; so it must be root's or our own user's.
 */
#include "daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/message.h"
#include "daemon/path.h"
#include "device_libc.h"

#define ANSWER_MS 10000	/* for a welcome */
#define LEAVE_MS 5000	/* for the end of a port */

/* --- Connecting ----------------------------------------------------------------------------------------- */

static bool trusted(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

/* A connected socket or -errno. */
static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		err = -errno;
	else
		err = trusted(sock) ? 0 : -EACCES;
	if (!err)
		return sock;
	lr_libc()->close(sock);
	return err;
}

static int hello(int sock)
{
	const struct lrd_msg m = { .type = LRD_HELLO, .cmd = LRD_VERSION, .word = sizeof(void *) };

	return lr_message_send(sock, sock, &m, NULL, 0);
}

static void take_reason(char why[LRD_REASON_MAX], const struct lrd_msg *m)
{
	size_t n = m->len < LRD_REASON_MAX ? m->len : LRD_REASON_MAX - 1;

	memcpy(why, m->data, n);
	why[n] = '\0';
}

static int enter(struct lr_remote *r, const int *fds)
{
	r->bell = fds[1];
	r->chime[0] = fds[2];
	r->chime[1] = fds[3];
	r->door = mmap(NULL, LRD_DOOR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	lr_libc()->close(fds[0]);
	return r->door == MAP_FAILED ? -errno : 0;
}

static int get_welcome(struct lr_remote *r, char why[LRD_REASON_MAX])
{
	struct lrd_msg m;
	int fds[LRD_FDS_MAX], err;
	unsigned int n;

	err = lr_message_receive(r->sock, -1, &m, fds, &n, ANSWER_MS);
	if (err)
		return err == -EPIPE || err == -ECONNRESET ? -ECONNREFUSED : err;
	if (m.type == LRD_WELCOME && n == LRD_FDS_MAX)
		return enter(r, fds);
	while (n)
		lr_libc()->close(fds[--n]);
	if (m.type != LRD_REFUSED)
		return -EPROTO;
	take_reason(why, &m);
	return m.result < 0 ? m.result : -EPROTO;
}

struct lr_remote *lr_remote_open(const char *path, int *err, char why[LRD_REASON_MAX])
{
	struct lr_remote *r = calloc(1, sizeof(*r));

	why[0] = '\0';
	*err = -ENOMEM;
	if (!r)
		return NULL;
	r->memory = r->bell = r->chime[0] = r->chime[1] = -1;
	r->door = MAP_FAILED;
	r->sock = dial(path);
	*err = r->sock < 0 ? r->sock : hello(r->sock);
	/* Who is refused at once may find that out when he speaks. */
	if (!*err || *err == -EPIPE)
		*err = get_welcome(r, why);
	if (!*err)
		return r;
	lr_remote_close(r);
	return NULL;
}

/* Nobody is there, or nobody who is there for us. */
static bool is_none(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -EACCES || err == -ENOTDIR || err == -EPROTOTYPE;
}

struct lr_remote *lr_remote_find(int *err, char why[LRD_REASON_MAX])
{
	const char *env = secure_getenv("NETMAP_SOCKET");
	struct lr_remote *r = NULL;
	char path[LRD_PATH_MAX];
	int i;

	/* The system's, then the user's own. */
	for (i = 0; !r && i < (env && *env ? 1 : 2); i++) {
		*err = lr_path_default(path, sizeof(path), i == 0);
		if (!*err)
			r = lr_remote_open(path, err, why);
		if (*err && !is_none(*err))
			return NULL;
	}
	/* Somebody is there, but not for us: that is not nobody. */
	if (*err && *err != -EACCES)
		*err = -ENOENT;
	return r;
}

/* When this copy was the last, the port is unbound after. */
static void leave(struct lr_remote *r)
{
	const struct lrd_msg m = { .type = LRD_LEAVE };
	struct lrd_msg end;
	int line[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) < 0)
		return;
	err = lr_message_send(r->sock, -1, &m, &line[1], 1);
	lr_libc()->close(r->sock);
	r->sock = -1;
	lr_libc()->close(line[1]);
	shutdown(line[0], SHUT_WR);
	if (!err)
		lr_message_receive(line[0], -1, &end, NULL, NULL, LEAVE_MS);
	lr_libc()->close(line[0]);
}

void lr_remote_close(struct lr_remote *r)
{
	const int fds[] = { r->bell, r->chime[0], r->chime[1], r->memory };
	unsigned int i;

	if (r->door != MAP_FAILED) {
		leave(r);
		munmap(r->door, LRD_DOOR_SIZE);
	}
	if (r->base)
		munmap(r->base, r->size);
	if (r->sock >= 0)
		lr_libc()->close(r->sock);
	for (i = 0; i < LR_ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			lr_libc()->close(fds[i]);
	free(r);
}

/* --- Calls --------------------------------------------------------------------------------------------- */

/* The daemon wants something of our memory, or has something for it. */
static int serve(int line, struct lrd_msg *m)
{
	int err = -EFAULT;

	if (m->type == LRD_READ && m->len <= LRD_DATA_MAX)
		err = os_copyin(m->data, m->addr, m->len);
	else if (m->type == LRD_WRITE)
		err = os_copyout(m->addr, m->data, m->len);
	if (m->type == LRD_WRITE || err)
		m->len = 0;
	m->type = LRD_DATA;
	m->result = err;
	return lr_message_send(line, -1, m, NULL, 0);
}

/* The end of a call. */
static int finish(struct lr_remote *r, const struct lrd_msg *m, const int *fds, unsigned int n, char why[LRD_REASON_MAX])
{
	int err = m->result > 0 ? -EPROTO : m->result;

	if (n == 1 && m->cmd == LRD_BOUND && os_load(&r->memory) < 0) {
		struct lrd_bound b;

		r->size = m->addr;
		os_store_release(&r->memory, fds[0]);
		n = 0;
		if (m->len == sizeof(b))
			err = lr_remote_map(r, memcpy(&b, m->data, sizeof(b)));
	}
	while (n)
		lr_libc()->close(fds[--n]);
	if (m->result)
		take_reason(why, m);
	return err;
}

static int converse(struct lr_remote *r, int line, char why[LRD_REASON_MAX])
{
	struct lrd_msg m;
	int fds[LRD_FDS_MAX], err;
	unsigned int n;

	for (;;) {
		err = lr_message_receive(line, r->sock, &m, fds, &n, -1);
		if (err)
			break;
		if (m.type == LRD_DONE)
			return finish(r, &m, fds, n, why);
		while (n)
			lr_libc()->close(fds[--n]);
		err = m.type == LRD_READ || m.type == LRD_WRITE ? serve(line, &m) : -EPROTO;
		if (err)
			break;
	}
	strcpy(why, "netmapd is gone");
	return -ENXIO;
}

int lr_remote_ioctl(struct lr_remote *r, unsigned int cmd, uint64_t arg, char why[LRD_REASON_MAX])
{
	const struct lrd_msg m = { .type = LRD_CALL, .cmd = cmd, .addr = arg };
	int line[2], fds[2], err;

	why[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) < 0)
		return -errno;
	fds[0] = line[1];
	/* Names of interfaces are those of the namespace that this thread is in. */
	fds[1] = lr_libc()->open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	err = lr_message_send(r->sock, -1, &m, fds, fds[1] < 0 ? 1 : 2);
	lr_libc()->close(line[1]);
	if (fds[1] >= 0)
		lr_libc()->close(fds[1]);
	if (err) {
		strcpy(why, "netmapd is gone");
		err = -ENXIO;
	} else {
		err = converse(r, line[0], why);
	}
	lr_libc()->close(line[0]);
	return err;
}
