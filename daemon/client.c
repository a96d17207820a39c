/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections. A thread for each: it sleeps on the socket, the bell of the door and, when somebody polls, on what the core
 * says; so who stalls or floods has only himself waiting. When the connection ends, by close or by death, the thread
 * closes the file, and with it the port is unbound.
 *
 * Lock: `clients` guards the list; a leaf.
 */
#include "daemon/client.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/region.h"
#include "daemon/busy.h"
#include "daemon/caller.h"
#include "daemon/door.h"
#include "daemon/message.h"
#include "daemon/user.h"

#define HELLO_MS 5000	/* to say who he is */
#define LEAVE_MS 1000	/* from saying that one closes to closing */

struct client {
	struct client *next;
	int sock;
	int leaver;		/* who waits for the end, -1: nobody */
	struct lr_charge charge;
	struct lr_busy *busy;	/* who serves the door; NULL: we do */
	bool narrow;
	struct lr_file *file;
	struct lr_door door;
	struct pollfd *fds;
	unsigned int room;
	unsigned int spins, waits;
};

static pthread_mutex_t clients = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fewer = PTHREAD_COND_INITIALIZER;
static struct client *first;
static unsigned int count;

/* --- Namespaces ---------------------------------------------------------------------------------------- */

static uint64_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/*
 * Names of interfaces are those of the program's namespace. The thread is in it from here on, until the next call is from
 * another one. fd may be anything that the program had, or -1.
 */
static int enter_namespace(int fd)
{
	if (fd < 0 || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return -EPERM;
	if (inode(fd) == os_netns_id())
		return 0;
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* --- Messages -------------------------------------------------------------------------------------------- */

static void close_all(const int *fds, unsigned int n)
{
	while (n--)
		close(fds[n]);
}

static void refuse(struct client *c, int err, const char *text)
{
	struct lrd_msg m = { .type = LRD_REFUSED, .result = err, .len = (uint32_t)strlen(text) };

	memcpy(m.data, text, m.len);
	lr_message_send(c->sock, -1, &m, NULL, 0);
}

static int welcome(struct client *c)
{
	static const struct lrd_msg m = { .type = LRD_WELCOME, .cmd = LRD_VERSION };
	int theirs[LRD_FDS_MAX], err;

	err = lr_door_init(&c->door, theirs);
	if (err) {
		refuse(c, err, "netmapd lacks descriptors or memory");
		return err;
	}
	err = lr_message_send(c->sock, -1, &m, theirs, LRD_FDS_MAX);
	close_all(theirs, LRD_FDS_MAX);
	if (err)
		lr_door_fini(&c->door);
	return err;
}

/* The first message, and the answer. */
static int greet(struct client *c)
{
	struct lrd_msg m;
	int fds[LRD_FDS_MAX], err;
	unsigned int n;

	err = lr_message_receive(c->sock, -1, &m, fds, &n, HELLO_MS);
	if (err)
		return err;
	close_all(fds, n);
	if (m.type != LRD_HELLO || m.cmd != LRD_VERSION) {
		refuse(c, -EPROTO, "netmapd is of another version than the program's libnetmap");
		return -EPROTO;
	}
	c->narrow = m.word == 4;
	if (!c->charge.user) {
		refuse(c, -EMFILE, "the user has as many descriptors open as netmapd's limit allows");
		return -EMFILE;
	}
	return welcome(c);
}

/* What the client needs to know of the rings. */
static void fill_bound(struct lrd_bound *b, const struct lr_file *f)
{
	const struct lr_port *p = f->port;
	unsigned int i;

	memset(b, 0, sizeof(*b));
	b->indirect = strcmp(p->ops->kind, "vale") == 0 && f->num_tx <= LRD_INDIRECT_RINGS;
	for (i = 0; b->indirect && i < f->num_tx; i++)
		b->tx[b->num_tx++] = lr_region_offset(p->region, LR_POOL_RING, f->ring[i]->object);
}

/* The end of a call: the result, why, and what to map if it has bound the descriptor. */
static void done(struct client *c, int line, int err, const char *why, bool was_bound)
{
	struct lrd_msg m = { .type = LRD_DONE, .result = err, .len = (uint32_t)strlen(why) };
	struct lr_region *region = lr_file_region(c->file);
	int fd = -1;

	memcpy(m.data, why, m.len);
	if (region && !was_bound) {
		fd = os_mem_fd(region->mem);
		m.addr = region->size;
		m.cmd = LRD_BOUND;
		m.len = sizeof(struct lrd_bound);
		fill_bound((void *)m.data, c->file);
	}
	lr_message_send(line, c->sock, &m, &fd, fd >= 0);
}

static void call(struct client *c, const struct lrd_msg *m, int line, int netns)
{
	struct lr_caller caller = { .line = line, .alive = c->sock, .narrow = c->narrow };
	bool was_bound = lr_file_region(c->file) != NULL;
	char why[LRD_REASON_MAX] = "";
	int err;

	lr_user_pace(c->charge.user);
	err = enter_namespace(netns);
	if (err) {
		strcpy(why, "netmapd may not work in the network namespace of the program");
	} else {
		lr_caller_set(&caller);
		lr_charge_set(&c->charge);
		err = lr_file_ioctl(c->file, m->cmd, m->addr);
		lr_charge_set(NULL);
		lr_caller_set(NULL);
		if (err)
			lr_file_why(c->file, why, sizeof(why));
	}
	/* What was admitted and then failed is not had. */
	if (!was_bound && !lr_file_region(c->file))
		lr_charge_drop(&c->charge);
	done(c, line, err, why, was_bound);
}

/*
 * A process closes its copy. When it has, and there is no other, this is the end, and the process is told when all is unbound.
 */
static int leave(struct client *c, int line)
{
	struct pollfd p = { .fd = c->sock };
	struct lrd_msg m;

	lr_message_receive(line, c->sock, &m, NULL, NULL, LEAVE_MS);
	if (poll(&p, 1, 0) <= 0)
		return 0;
	c->leaver = fcntl(line, F_DUPFD_CLOEXEC, 3);
	return -EPIPE;
}

/* 0, or -errno: that is the end of the connection. */
static int message(struct client *c)
{
	struct lrd_msg m;
	int fds[LRD_FDS_MAX], err;
	unsigned int n;

	err = lr_message_receive(c->sock, -1, &m, fds, &n, 0);
	if (err == -ETIMEDOUT)
		return 0;
	if (err)
		return err;
	if (m.type == LRD_CALL && (n == 1 || n == 2))
		call(c, &m, fds[0], n == 2 ? fds[1] : -1);
	else if (m.type == LRD_LEAVE && n == 1)
		err = leave(c, fds[0]);
	else
		err = -EPROTO;
	close_all(fds, n);
	return err;
}

/* --- Serving ----------------------------------------------------------------------------------------------- */

/* A short while: who just asked often asks again. */
static bool spin(struct client *c)
{
	unsigned int i = lrd_spins(&c->spins, &c->waits);

	for (; i; i--) {
		if (lr_door_asked(&c->door))
			break;
		__builtin_ia32_pause();
	}
	lrd_spun(&c->spins, i > 0);
	return i > 0;
}

static int make_room(struct client *c, unsigned int n)
{
	struct pollfd *more;

	if (n <= c->room)
		return 0;
	more = realloc(c->fds, n * sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->fds = more;
	c->room = n;
	return 0;
}

/* Sleeps until there is something; without memory for a list of what to sleep on, for a moment. */
static void doze(struct client *c, bool *said, bool *news)
{
	struct os_waiter *w = &c->door.waiter;
	bool room = make_room(c, 2 + w->n) == 0;
	struct pollfd few[2], *fds = room ? c->fds : few;
	unsigned int n = room ? 2 + w->n : 2, i;
	int ready;

	fds[0] = (struct pollfd){ .fd = c->sock, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = c->door.bell, .events = POLLIN };
	for (i = 2; i < n; i++)
		fds[i] = w->fds[i - 2];
	ready = poll(fds, n, w->error || !room ? 1 : w->nap_ms);
	*said = ready > 0 && fds[0].revents;
	*news = ready == 0;
	for (i = 2; ready > 0 && i < n; i++)
		*news |= fds[i].revents != 0;
	if (ready > 0 && fds[1].revents)
		lr_door_quiet(&c->door);
}

/* Only messages: the door is served by another thread. */
static void listen_only(struct client *c)
{
	struct pollfd p = { .fd = c->sock, .events = POLLIN };

	while (poll(&p, 1, -1) >= 0 || errno == EINTR)
		if (p.revents && message(c) < 0)
			return;
}

static void serve(struct client *c)
{
	bool said, news;

	for (;;) {
		while (lr_door_serve(&c->door, c->file) || spin(c))
			;
		said = news = false;
		if (lr_door_sleep(&c->door)) {
			doze(c, &said, &news);
			lr_door_awake(&c->door);
		}
		if (news)
			lr_door_news(&c->door);
		if (said && message(c) < 0)
			return;
	}
}

static void leave_list(struct client *c)
{
	struct client **at;

	pthread_mutex_lock(&clients);
	for (at = &first; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	count--;
	pthread_cond_signal(&fewer);
	pthread_mutex_unlock(&clients);
}

static void *client_run(void *arg)
{
	struct client *c = arg;

	c->file = lr_file_open();
	if (c->file && greet(c) == 0) {
		c->busy = lr_busy_add(&c->door, c->file);
		if (c->busy) {
			listen_only(c);
			lr_busy_remove(c->busy, &c->door);
		} else {
			serve(c);
		}
		lr_door_news(&c->door);
		lr_door_fini(&c->door);
	}
	if (c->file)
		lr_file_close(c->file);
	if (c->charge.user) {
		lr_charge_drop(&c->charge);
		lr_user_leave(c->charge.user);
	}
	close(c->sock);
	if (c->leaver >= 0)
		close(c->leaver);
	free(c->fds);
	leave_list(c);
	free(c);
	return NULL;
}

void lr_client_start(int sock)
{
	struct client *c = calloc(1, sizeof(*c));
	struct ucred peer;
	socklen_t len = sizeof(peer);
	pthread_t thread;

	if (!c || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		free(c);
		close(sock);
		return;
	}
	c->sock = sock;
	c->leaver = -1;
	c->charge.user = lr_user_enter(&peer);
	pthread_mutex_lock(&clients);
	c->next = first;
	first = c;
	count++;
	pthread_mutex_unlock(&clients);
	if (pthread_create(&thread, NULL, client_run, c) == 0) {
		pthread_detach(thread);	/* c may be gone already */
		return;
	}
	if (c->charge.user)
		lr_user_leave(c->charge.user);
	leave_list(c);
	close(sock);
	free(c);
}

unsigned int lr_clients(void)
{
	unsigned int n;

	pthread_mutex_lock(&clients);
	n = count;
	pthread_mutex_unlock(&clients);
	return n;
}

void lr_clients_stop(void)
{
	struct client *c;

	pthread_mutex_lock(&clients);
	for (c = first; c; c = c->next)
		shutdown(c->sock, SHUT_RDWR);
	while (count)
		pthread_cond_wait(&fewer, &clients);
	pthread_mutex_unlock(&clients);
}
