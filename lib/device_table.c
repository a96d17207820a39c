/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of descriptor numbers and the descriptions behind them. See device_table.h.
 */
#include "device_table.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device_libc.h"

struct lr_fd_page *lr_fd_pages[LR_FD_PAGES];
unsigned int lr_fd_count;
__thread unsigned int lr_call_depth;

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static struct lr_desc *all, *spares;
static pid_t owner;

void lr_table_lock(void)
{
	pthread_mutex_lock(&table);
}

void lr_table_unlock(void)
{
	pthread_mutex_unlock(&table);
}

struct lr_desc *lr_desc_first(void)
{
	return os_load_acquire(&all);
}

bool lr_table_mine(void)
{
	return os_load(&owner) == getpid();
}

void lr_table_adopt(void)
{
	os_store(&owner, getpid());
}

static struct lr_desc *desc_take(void)
{
	struct lr_desc *d;

	lr_table_lock();
	d = spares;
	if (d)
		spares = d->spare;
	lr_table_unlock();
	if (d)
		return d;

	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	lr_table_lock();
	d->next = all;
	os_store_release(&all, d);
	lr_table_unlock();
	return d;
}

static void desc_give(struct lr_desc *d)
{
	__atomic_add_fetch(&d->generation, 1, __ATOMIC_RELEASE);
	lr_table_lock();
	d->spare = spares;
	spares = d;
	lr_table_unlock();
}

struct lr_desc *lr_desc_create(const struct lr_desc_ops *ops)
{
	struct lr_desc *d = desc_take();
	int wake;

	if (!d)
		return NULL;
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake < 0) {
		desc_give(d);
		return NULL;
	}
	d->wake = wake;
	d->ops = ops;
	d->file = NULL;
	d->remote = NULL;
	os_store(&d->undecided, false);
	d->epoll = NULL;
	os_store(&d->closed, false);
	os_store(&d->exposed, false);
	/* Partner: lr_desc_hold. */
	os_store_release(&d->refs, 1u);
	return d;
}

void lr_desc_destroy(struct lr_desc *d)
{
	int saved = errno, state = lr_call_begin();

	d->ops->destroy(d);
	lr_libc()->close(d->wake);
	desc_give(d);
	lr_call_end(state);
	errno = saved;
}

/* Where the table keeps fd; NULL when there is no page for it (and none was to be made, or could be). */
static struct lr_desc **fd_slot(int fd, bool make)
{
	unsigned int n = (unsigned int)fd;
	struct lr_fd_page *page;

	if (n >= LR_FD_PAGE * LR_FD_PAGES)
		return NULL;
	page = lr_fd_pages[n >> LR_FD_SHIFT];
	if (!page && make) {
		page = calloc(1, sizeof(*page));
		os_store_release(&lr_fd_pages[n >> LR_FD_SHIFT], page);
	}
	return page ? &page->desc[n & (LR_FD_PAGE - 1)] : NULL;
}

/* Calls under way end when they see this. */
static void desc_closed(struct lr_desc *d)
{
	ssize_t n;

	os_store_release(&d->closed, true);
	do
		n = write(d->wake, &(uint64_t){ 1 }, sizeof(uint64_t));
	while (n < 0 && errno == EINTR);
}

/* The slot's old description loses a number, d (if any) gets one; table locked. What was there is to be put by the caller. */
static struct lr_desc *slot_change(struct lr_desc **slot, struct lr_desc *d)
{
	struct lr_desc *old = *slot;

	if (d) {
		__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
		d->numbers++;
		os_store(&d->closed, false);
	}
	os_store_release(slot, d);
	os_store(&lr_fd_count, lr_fd_count + !!d - !!old);
	if (old && --old->numbers == 0)
		desc_closed(old);
	return old;
}

static int fd_change(int fd, struct lr_desc *d, bool replace)
{
	struct lr_desc **slot, *old = NULL;
	int err = 0;

	lr_table_lock();
	slot = fd_slot(fd, d != NULL);
	if (!slot)
		err = d ? -EMFILE : 0;
	else if (*slot && !replace)
		err = -EEXIST;
	else
		old = slot_change(slot, d);
	lr_table_unlock();
	if (old)
		lr_desc_put(old);
	return err;
}

int lr_fd_set(int fd, struct lr_desc *d)
{
	return fd_change(fd, d, true);
}

int lr_fd_add(int fd, struct lr_desc *d)
{
	return fd_change(fd, d, false);
}

void lr_fd_forget_range(unsigned int first, unsigned int last)
{
	unsigned int fd;

	if (last >= LR_FD_PAGE * LR_FD_PAGES)
		last = LR_FD_PAGE * LR_FD_PAGES - 1;
	for (fd = first; fd <= last; fd++) {
		if (!os_load(&lr_fd_pages[fd >> LR_FD_SHIFT]))
			fd |= LR_FD_PAGE - 1;
		else if (lr_fd_peek((int)fd))
			lr_fd_set((int)fd, NULL);
	}
}
