/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending one packet: the rings in turn, from the one that was used last. */
#include <limits.h>
#include <sys/ioctl.h>

#define NETMAP_WITH_LIBS	/* nm_ring_inject */
#include "nmlib.h"

static int
try_rings(struct nmport_d *d, const void *buf, size_t size)
{
	uint32_t first = d->first_tx_ring, n = d->last_tx_ring + 1u - first;
	uint32_t start = d->cur_tx_ring, i;

	if (start < first || start > d->last_tx_ring)
		start = first;
	for (i = 0; i < n; i++) {
		uint32_t r = first + (start - first + i) % n;

		if (nm_ring_inject(NETMAP_TXRING(d->nifp, r), buf, size)) {
			d->cur_tx_ring = (uint16_t)r;
			return (int)size;
		}
	}
	return 0;
}

int
nmport_inject(struct nmport_d *d, const void *buf, size_t size)
{
	int err = errno, done;

	if (!d->mmap_done || d->first_tx_ring > d->last_tx_ring ||
	    size == 0 || size > INT_MAX)
		return 0;
	done = try_rings(d, buf, size);
	if (done == 0) {
		ioctl(d->fd, NIOCTXSYNC);
		done = try_rings(d, buf, size);
	}
	errno = err;
	return done;
}
