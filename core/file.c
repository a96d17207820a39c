/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Open descriptors: the calls that a host makes for a program. See file.h.
 */
#include <net/netmap.h>
#include <net/netmap_linerate.h>

#include "core/control.h"
#include "core/file.h"

#define TX_KINDS 0, LR_RX
#define RX_KINDS LR_RX, LR_RING_KINDS

struct lr_file *lr_file_open(void)
{
	return os_zalloc(sizeof(struct lr_file));
}

void lr_file_close(struct lr_file *f)
{
	lr_control_lock();
	if (f->port)
		lr_unregister(f);
	lr_control_unlock();
	os_free(f);
}

/* Syncs the bound rings of kinds [from, to). 0, LR_SYNC_RESET if any was reset, or the first error. */
static int sync_rings(struct lr_file *f, struct lr_port *p, unsigned int from, unsigned int to)
{
	int err, result = 0;
	unsigned int k, i;

	for (k = from; k < to; k++) {
		for (i = 0; i < f->n[k]; i++) {
			err = lr_ring_sync(&p->ring[k][f->first[k] + i], f->sync_flags);
			if (os_unlikely(err) && result >= 0)
				result = err;
		}
	}
	return result;
}

static int file_sync(struct lr_file *f, unsigned int from, unsigned int to)
{
	struct lr_port *p = os_load_acquire(&f->port);
	int err;

	if (os_unlikely(!p))
		return -ENXIO;
	err = sync_rings(f, p, from, to);
	return err < 0 ? err : 0;
}

int lr_file_ioctl(struct lr_file *f, unsigned long cmd, uint64_t arg)
{
	switch (cmd) {
	case NIOCTXSYNC:
		return file_sync(f, TX_KINDS);
	case NIOCRXSYNC:
		return file_sync(f, RX_KINDS);
	case NIOCCTRL:
		return lr_control_ioctl(f, arg);
	case NIOCREGIF:
	case NIOCGINFO:
	case NIOCREG:
		return lr_legacy_ioctl(f, cmd, arg);
	default:
		return -ENOTTY;
	}
}

static void record(struct lr_file *f, struct lr_port *p, unsigned int from, unsigned int to, struct os_waiter *w)
{
	unsigned int k, i;

	for (k = from; k < to; k++) {
		for (i = 0; i < f->n[k]; i++) {
			struct lr_ring *r = &p->ring[k][f->first[k] + i];

			if (p->ops->wait)
				p->ops->wait(r, w);
			else
				os_waitq_record(&r->wq, w);
		}
	}
}

static bool any_ready(struct lr_file *f, struct lr_port *p, unsigned int from, unsigned int to)
{
	unsigned int k, i;

	for (k = from; k < to; k++)
		for (i = 0; i < f->n[k]; i++)
			if (lr_ring_ready(&p->ring[k][f->first[k] + i]))
				return true;
	return false;
}

unsigned int lr_file_poll(struct lr_file *f, unsigned int events, struct os_waiter *w)
{
	struct lr_port *p = os_load_acquire(&f->port);
	bool want_tx = events & LR_POLLOUT, want_rx = events & LR_POLLIN;
	unsigned int ready = 0;

	if (!p)
		return LR_POLLERR;
	if (w && want_rx)
		record(f, p, RX_KINDS, w);
	if (w && want_tx)
		record(f, p, TX_KINDS, w);
	if ((want_tx || (want_rx && !(f->flags & NR_NO_TX_POLL))) && sync_rings(f, p, TX_KINDS))
		ready |= LR_POLLERR;
	if ((want_rx || (f->flags & NR_DO_RX_POLL)) && sync_rings(f, p, RX_KINDS))
		ready |= LR_POLLERR;
	if (want_tx && any_ready(f, p, TX_KINDS))
		ready |= LR_POLLOUT;
	if (want_rx && any_ready(f, p, RX_KINDS))
		ready |= LR_POLLIN;
	return ready;
}

struct lr_region *lr_file_region(struct lr_file *f)
{
	struct lr_port *p = os_load_acquire(&f->port);

	return p ? p->region : NULL;
}

void lr_file_why(struct lr_file *f, char *buf, size_t size)
{
	lr_control_lock();
	lr_text(buf, size, "%s", f->why.text);
	lr_control_unlock();
}
