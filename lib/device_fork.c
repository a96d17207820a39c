/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork: the child has copies of everything, and may go on with them or close them without the parent noticing; both can not go
 * on with the same descriptor. Order of locks: table, descriptions, core.
 *
 * What other threads were doing is cut off in the child: their references are dropped, and the locks of rings they
 * may have held are made anew. Eventfds would still be shared with the parent, so the child gets its own.
 *
 * A fork out of a call of our own (a signal handler's) takes no locks, as that call may hold them, and the
 * call goes on in the child as it was.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/control.h"
#include "device.h"
#include "device_libc.h"

static void before_fork(void)
{
	struct lr_desc *d;

	if (lr_call_depth)
		return;
	lr_table_lock();
	for (d = lr_desc_first(); d; d = d->next)
		pthread_mutex_lock(&d->lock);
	lr_control_lock();
}

static void unlock_ours(void)
{
	struct lr_desc *d;

	for (d = lr_desc_first(); d; d = d->next)
		pthread_mutex_unlock(&d->lock);
	lr_table_unlock();
}

static void in_parent(void)
{
	if (lr_call_depth)
		return;
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
	if (lr_call_depth)
		return;
	for (d = lr_desc_first(); d; d = d->next)
		if (d->numbers)
			desc_alone(d);
	/* A lock that checks its owner does not take us for him: make a new one. */
	lr_control_unlock();
	lr_core_init();
	unlock_ours();
}

int lr_fork_init(void)
{
	return -pthread_atfork(before_fork, in_parent, in_child);
}
