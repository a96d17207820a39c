/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Open descriptors: the calls that a host makes for a program. See file.h.
 */
#include <net/netmap.h>
#include <net/netmap_linerate.h>

#include "core/control.h"
#include "core/file.h"

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

/* The bound rings of one direction. */
struct span {
	struct lr_ring *const *at, *const *end;
};

static inline struct span tx_rings(const struct lr_file *f)
{
	return (struct span){ f->ring, f->ring + f->num_tx };
}

static inline struct span rx_rings(const struct lr_file *f)
{
	return (struct span){ f->ring + f->num_tx, f->ring + f->num_rings };
}

/* 0, LR_SYNC_RESET if any was reset and the flags ask for it, or the first error: the others are synced all the same. */
static os_noinline int sync_rings(struct span s, unsigned int flags)
{
	int result = 0;

	for (; s.at < s.end; s.at++) {
		int err = lr_ring_sync(*s.at, flags);

		if (os_unlikely(err) && result >= 0)
			result = err;
	}
	return result;
}

static inline int file_sync(struct lr_file *f, bool tx)
{
	struct span s;

	/* The rings are the descriptor's once it has its port: not to be looked at before. */
	if (os_unlikely(!os_load_acquire(&f->port)))
		return -ENXIO;
	s = tx ? tx_rings(f) : rx_rings(f);
	if (os_likely(s.at + 1 == s.end))
		return lr_ring_sync(*s.at, f->sync_flags);
	return sync_rings(s, f->sync_flags);
}

int lr_file_ioctl(struct lr_file *f, unsigned long cmd, uint64_t arg)
{
	if (os_likely(cmd == NIOCTXSYNC))
		return file_sync(f, true);
	if (os_likely(cmd == NIOCRXSYNC))
		return file_sync(f, false);
	switch (cmd) {
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

static void record(struct span s, struct os_waiter *w)
{
	for (; s.at < s.end; s.at++) {
		if ((*s.at)->ops->wait)
			(*s.at)->ops->wait(*s.at, w);
		else
			os_waitq_record(&(*s.at)->wq, w);
	}
}

static bool any_ready(struct span s)
{
	for (; s.at < s.end; s.at++)
		if (lr_ring_ready(*s.at))
			return true;
	return false;
}

void lr_file_record(struct lr_file *f, unsigned int events, struct os_waiter *w)
{
	if (!os_load_acquire(&f->port))
		return;
	if (events & LR_POLLIN)
		record(rx_rings(f), w);
	if (events & LR_POLLOUT)
		record(tx_rings(f), w);
}

unsigned int lr_file_poll(struct lr_file *f, unsigned int events, struct os_waiter *w)
{
	bool want_tx = events & LR_POLLOUT, want_rx = events & LR_POLLIN;
	unsigned int ready = 0, flags;

	if (!os_load_acquire(&f->port))
		return LR_POLLERR;
	flags = f->sync_flags | LR_SYNC_TELL;
	if (w)
		lr_file_record(f, events, w);
	if ((want_tx || (want_rx && !(f->flags & NR_NO_TX_POLL))) && sync_rings(tx_rings(f), flags))
		ready |= LR_POLLERR;
	if ((want_rx || (f->flags & NR_DO_RX_POLL)) && sync_rings(rx_rings(f), flags))
		ready |= LR_POLLERR;
	if (want_tx && any_ready(tx_rings(f)))
		ready |= LR_POLLOUT;
	if (want_rx && any_ready(rx_rings(f)))
		ready |= LR_POLLIN;
	return ready;
}

/* Tails only go forward: with any news the mix of all of them is another. */
uint64_t lr_file_stamp(const struct lr_file *f, unsigned int events)
{
	struct span s = { NULL, NULL };
	uint64_t mix = 1;

	if (os_load_acquire(&f->port) && events & LR_POLLOUT)
		s = tx_rings(f);
	for (; s.at < s.end; s.at++)
		mix = (mix + os_load(&(*s.at)->tail)) * 0x9e3779b97f4a7c15ull;
	if (os_load_acquire(&f->port) && events & LR_POLLIN)
		s = rx_rings(f);
	for (; s.at < s.end; s.at++)
		mix = (mix + os_load(&(*s.at)->tail)) * 0x9e3779b97f4a7c15ull;
	return mix;
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
