/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classic interface: what the first program ever published for netmap
 * needs. Register with NIOCREG, map, poll, and walk the ring by cur and avail:
 *
 *	for (; ring->avail > 0; ring->avail--) {
 *		i = ring->cur;
 *		buf = NETMAP_BUF(ring, i);
 *		use_data(buf, ring->slot[i].len);
 *		ring->cur = NETMAP_NEXT(ring, i);
 *	}
 *
 * Here NETMAP_BUF takes the position of a slot, not the index of a buffer as
 * in netmap_user.h. A file that includes both has the classic meaning.
 */
#ifndef NET_NETMAP_CLASSIC_H
#define NET_NETMAP_CLASSIC_H

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <net/netmap.h>
#include <net/netmap_linerate.h>
#include <net/netmap_user.h>

#define NETMAP_TX_RING(nifp, n)	NETMAP_TXRING(nifp, n)
#define NETMAP_RX_RING(nifp, n)	NETMAP_RXRING(nifp, n)

/* The slot after slot i. */
#define NETMAP_NEXT(ring, i)	nm_ring_next((ring), (uint32_t)(i))

/* The data of slot i. */
#undef NETMAP_BUF
#define NETMAP_BUF(ring, i)	nm_ring_buf((ring), (ring)->slot[i].buf_idx)

#endif /* NET_NETMAP_CLASSIC_H */
