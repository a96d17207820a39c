/* SPDX-License-Identifier: BSD-2-Clause */
/* What every worker does: wait, sync, and say why it gave up. */
#include "worker.h"

#include "../lib/clock.h"
#include "../lib/port.h"

#include <errno.h>
#include <libnetmap.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* Ctrl-C may arrive in any thread, the others find out so many ns later. */
#define WAIT_MAX 100000000ull

/* How long the flush waits without seeing any progress. */
#define FLUSH_WAIT CLOCK_SECOND

void worker_fail(struct worker *worker, const char *format, ...)
{
	va_list list;

	if (worker_failed(worker))
		return;
	va_start(list, format);
	vsnprintf(worker->failure, sizeof(worker->failure), format, list);
	va_end(list);
}

static void lost(struct worker *worker, int error)
{
	worker_fail(worker, "%s: the port was lost: %s", worker->port->hdr.nr_name, strerror(error));
}

void worker_poll(struct worker *worker, short events, uint64_t timeout)
{
	struct pollfd wait = { .fd = worker->port->fd, .events = events };
	struct timespec limit = clock_timespec(timeout < WAIT_MAX ? timeout : WAIT_MAX);
	int error;

	if (ppoll(&wait, 1, &limit, NULL) < 0) {
		if (errno != EINTR)
			lost(worker, errno);
		return;
	}
	error = port_check(worker->port, wait.revents, &worker->faults);
	if (error)
		lost(worker, error);
}

void worker_sync(struct worker *worker, unsigned long request)
{
	if (ioctl(worker->port->fd, request) && errno != EINTR)
		lost(worker, errno);
}

/* Slots that were filled and not given back, as of the last sync. */
static uint64_t slots_pending(const struct nmport_d *port)
{
	uint64_t pending = 0;

	for (unsigned int i = port->first_tx_ring; i <= port->last_tx_ring; i++) {
		const struct netmap_ring *ring = NETMAP_TXRING(port->nifp, i);

		pending += ring->num_slots - 1 - nm_ring_space(ring);
	}
	return pending;
}

void worker_flush(struct worker *worker)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	uint64_t pending = UINT64_MAX, progress = clock_now();

	while (!worker_failed(worker)) {
		uint64_t before = pending;

		worker_sync(worker, NIOCTXSYNC);
		pending = slots_pending(worker->port);
		worker->unsent = pending;
		if (pending < before)
			progress = clock_now();
		if (!pending || clock_now() - progress > FLUSH_WAIT)
			break;
		nanosleep(&pause, NULL);
	}
}
