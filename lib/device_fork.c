/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork: parent and child both have a port then, with books of their own, and share its memory and its device. One of them may
 * go on with it, be it the parent or the child, and the other may close its copies without the first one noticing.
 *
 * Whoever uses a descriptor again goes on with its port. A copy that is closed without having been used since the fork,
 * while the other process is there, must leave the device and the rings alone: such a file is kept until all of the
 * port's are closed, or one of them is used after all. Only then is it clear what its end has to be.
 *
 * Is the other process there? Each holds a shared lock on one file, through an open of its own. The kernel drops it when the
 * process ends or executes another program.
 *
 * What other threads were doing is cut off in the child: their references are dropped, and the locks of rings they
 * may have held are made anew. Eventfds would still be shared with the parent, so the child gets its own.
 *
 * A fork out of a call of our own (a signal handler's) takes no locks, as that call may hold them, and the
 * call goes on in the child as it was.
 *
 * Locks: `sharing` guards the `shared` marks, under which a description has a bound file, and the list of files
 * kept. Order: table, descriptions, sharing, core.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/control.h"
#include "device.h"
#include "device_libc.h"

/* A file that is closed, but not ended yet. */
struct kept {
	struct lr_file *file;
	struct kept *next;
};

static pthread_mutex_t sharing = PTHREAD_MUTEX_INITIALIZER;
static struct kept *kept_files;
static int presence = -1, presence_of_child = -1;

/* --- Who is there? ------------------------------------------------------------------------------------ */

/* Our own lock, with the first fork that matters. */
static void presence_begin(void)
{
	presence = memfd_create("netmap-presence", MFD_CLOEXEC);
	if (presence >= 0)
		flock(presence, LOCK_SH);
}

/* The same file through another open, locked. */
static int presence_again(void)
{
	char path[32];
	int fd;

	if (presence < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", presence);
	fd = lr_libc()->open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_SH);
	return fd;
}

/* In doubt we are not: that keeps the other one from harm. */
static bool alone(void)
{
	bool alone = flock(presence, LOCK_EX | LOCK_NB) == 0;

	flock(presence, LOCK_SH);
	return alone;
}

/* --- The end of a file ---------------------------------------------------------------------------------- */

/* Descriptors of p that are open here and not used since the fork; sharing locked. */
static unsigned int count_shared(const struct lr_port *p)
{
	struct lr_desc *d;
	unsigned int n = 0;

	for (d = lr_desc_first(); d; d = d->next)
		n += os_load(&d->shared) && d->file->port == p;
	return n;
}

/* Takes the files of p out of the list of those kept; sharing locked. */
static struct kept *take_kept(const struct lr_port *p, unsigned int *n)
{
	struct kept **at = &kept_files, *k, *taken = NULL;

	while ((k = *at) != NULL) {
		if (k->file->port != p) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		k->next = taken;
		taken = k;
		++*n;
	}
	return taken;
}

static void end_kept(struct kept *k)
{
	struct kept *next;

	for (; k; k = next) {
		next = k->next;
		lr_file_close(k->file);
		free(k);
	}
}

/* All of p here ends, and goes on elsewhere. n: how many files these are; if there are more, they are in use. */
static void end_shared(struct lr_port *p, struct kept *k, unsigned int n)
{
	bool all;

	lr_control_lock();
	all = p->bound == n;
	lr_port_hold(p);
	p->elsewhere = all;
	lr_control_unlock();
	end_kept(k);
	lr_control_lock();
	p->elsewhere = false;
	lr_port_put(p);
	lr_control_unlock();
}

void lr_fork_close(struct lr_desc *d)
{
	struct kept *k = malloc(sizeof(*k)), *list;
	struct lr_file *file = d->file;
	struct lr_port *p = file->port;
	unsigned int n = 0;

	pthread_mutex_lock(&sharing);
	os_store(&d->shared, false);
	if (!k || alone()) {
		list = take_kept(p, &n);
		pthread_mutex_unlock(&sharing);
		free(k);
		end_kept(list);
		lr_file_close(file);
		return;
	}
	*k = (struct kept){ file, kept_files };
	kept_files = k;
	list = count_shared(p) ? NULL : take_kept(p, &n);
	pthread_mutex_unlock(&sharing);
	if (list)
		end_shared(p, list, n);
}

void lr_fork_use(struct lr_desc *d)
{
	struct lr_port *p = d->file->port;
	struct kept *list = NULL;
	struct lr_desc *other;
	unsigned int n = 0;

	pthread_mutex_lock(&sharing);
	if (os_load(&d->shared)) {
		for (other = lr_desc_first(); other; other = other->next)
			if (os_load(&other->shared) && other->file->port == p)
				os_store(&other->shared, false);
		list = take_kept(p, &n);
	}
	pthread_mutex_unlock(&sharing);
	end_kept(list);
}

/* --- fork ----------------------------------------------------------------------------------------------- */

static void before_fork(void)
{
	struct lr_desc *d;

	if (presence < 0 && os_load(&lr_fd_count))
		presence_begin();
	presence_of_child = presence_again();
	if (lr_call_depth)
		return;
	lr_table_lock();
	for (d = lr_desc_first(); d; d = d->next)
		pthread_mutex_lock(&d->lock);
	pthread_mutex_lock(&sharing);
	lr_control_lock();
}

/* All but the core's. */
static void unlock_ours(void)
{
	struct lr_desc *d;

	pthread_mutex_unlock(&sharing);
	for (d = lr_desc_first(); d; d = d->next)
		pthread_mutex_unlock(&d->lock);
	lr_table_unlock();
}

/* Both processes have it now. */
static void mark_shared(void)
{
	struct lr_desc *d;

	for (d = lr_desc_first(); d; d = d->next)
		if (d->numbers && d->file && d->file->port)
			os_store(&d->shared, true);
}

static void in_parent(void)
{
	if (presence_of_child >= 0)
		lr_libc()->close(presence_of_child);
	presence_of_child = -1;
	if (lr_call_depth)
		return;
	mark_shared();
	lr_control_unlock();
	unlock_ours();
}

/* Nobody else's wake-up, and nobody in it. */
static void ring_alone(struct lr_ring *r)
{
	os_mutex_init(&r->lock);
	if (!r->wq.lent)
		os_waitq_fini(&r->wq);
}

static void port_alone(struct lr_port *p)
{
	unsigned int k, i;

	for (k = 0; k < LR_RING_KINDS; k++)
		for (i = 0; i < p->num_rings[k]; i++)
			ring_alone(&p->ring[k][i]);
	os_mutex_init(&p->region->lock);
}

static void desc_alone(struct lr_desc *d)
{
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (wake >= 0) {
		lr_libc()->dup3(wake, d->wake, O_CLOEXEC);
		lr_libc()->close(wake);
	}
	d->refs = d->numbers;
	if (d->epoll)
		lr_epoll_alone(d->epoll);
	else if (d->file && d->file->port)
		port_alone(d->file->port);
}

static void in_child(void)
{
	struct lr_desc *d;

	lr_table_adopt();
	if (presence_of_child >= 0) {
		lr_libc()->close(presence);
		presence = presence_of_child;
		presence_of_child = -1;
	}
	if (lr_call_depth)
		return;
	for (d = lr_desc_first(); d; d = d->next)
		if (d->numbers)
			desc_alone(d);
	mark_shared();
	/* A lock that checks its owner does not take us for him: make a new one. */
	lr_control_unlock();
	lr_core_init();
	unlock_ours();
}

int lr_fork_init(void)
{
	return -pthread_atfork(before_fork, in_parent, in_child);
}
