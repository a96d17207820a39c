/* SPDX-License-Identifier: BSD-2-Clause */
/* The classic header's names, and that it may follow or precede the others. */
#ifdef CLASSIC_LAST
#include <net/netmap_user.h>
#endif
#include <net/netmap_classic.h>
#include <net/netmap_user.h>

int classic(struct netmap_if *nifp, struct nmreq *req, int fd);
int
classic(struct netmap_if *nifp, struct nmreq *req, int fd)
{
	struct netmap_ring *ring = NETMAP_RX_RING(nifp, 0);
	int i, sum = ioctl(fd, NIOCREG, req);
	char *buf;

	for (; ring->avail > 0; ring->avail--) {
		i = ring->cur;
		buf = NETMAP_BUF(ring, i);
		sum += buf[0] + ring->slot[i].len;
		ring->cur = NETMAP_NEXT(ring, i);
	}
	return sum + (NETMAP_TX_RING(nifp, 0) == ring);
}
