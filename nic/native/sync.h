/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * NICs with rings of descriptors: txsync and rxsync, written once. tx.h and rx.h have the loops; NAME.h beside them
 * describes a device's descriptors in a constant table of small functions. A driver's file says
 *
 *	#include "nic/native/e1000.h"
 *	static int txsync(struct lr_ring *r, unsigned int flags) { return lr_txsync(&lr_e1000_tx, r, flags); }
 *	static int rxsync(struct lr_ring *r, unsigned int flags) { return lr_rxsync(&lr_e1000_rx, r, flags); }
 *
 * and as all is inline and the table is constant, what comes out are loops without calls: 18 instructions a packet sent,
 * 30 received. The same code runs against models of the devices in test/unit/native_*.
 *
 * Positions. A ring of n slots stands before a ring of n descriptors. A descriptor holds the address of one buffer:
 * holds[d] is that buffer's index, kept by us, always true, and a buffer that was checked. Slot i meets the same
 * descriptor in each lap, finds the address of its own buffer there, and none is written. Where a slot is dropped (tx) or
 * a received frame is (rx), slots and descriptors part by one: for a lap each meets another's address, then they know
 * each other again.
 *
 *	tx   slots  hwtail| the device's: descriptors [done, next) |hwcur..head: to be sent
 *	rx   slots  hwtail| the device's: `out` descriptors from `next` on |slot..hwcur: not posted yet
 *
 * A program may write anything into slots at any time. A slot is read once, in one load. Whether its buffer is another is
 * not told by NS_BUF_CHANGED, which a program may forget, but by comparing with holds[]: two instructions, as the test of
 * the flag would be; and the index needs no other check, since the one it equals was checked. A new index must be handed
 * out and within reach of the device. So the device only ever gets addresses of buffers of the region, and at most
 * buf_len bytes from there. (A buffer that was freed while a slot has it stays memory of the region, which all who can
 * write to the slot can write to anyway.)
 *
 * The device is believed as to contents, not as to places: a length beyond the buffer, a completion for what was not
 * given, or more of them than were given never lead outside a ring or buffer. A frame that is wrong is dropped and
 * counted; where the books cannot be right any more (virtio, vmxnet3, mlx5) the ring is broken: logged once, and syncs return
 * -EIO until it is started anew.
 *
 * Every loop is bounded by the slots of the ring: an rx sync takes at most what was posted when it began. A frame for
 * which the device has not buffers enough, as the program keeps them, is dropped like one that finds none.
 *
 * Completions. The last frame of each sync is reported, one each quarter of a ring, and each with NS_REPORT; so whoever
 * waits for space, or for all to be sent, gets to know. Devices without such a bit report all.
 *
 * What the driver's glue does (nic/linux, drivers):
 *  - before ring_start the device's queue is stopped and empty, its registers say n descriptors, head = tail = 0. The
 *    memory of descriptors is the driver's own (coherent). r->num_slots is the number of descriptors (virtio.h says what
 *    it is there).
 *  - struct lr_native_tx and _rx zeroed, what is marked "from the driver" filled in (virtio, vmxnet3, mlx5: the device's own
 *    struct around it); then the device's start function, or lr_native_tx_start and lr_native_rx_start; r->priv = it (its
 *    lr_native_tx or _rx); then the queue is enabled. Rx: buffers are posted by then, and the doorbell was rung: where a
 *    device ignores it while it is disabled, ring it again with x->post.
 *  - ring_stop: the queue is disabled, and the device done with memory; then the stop functions. They put what the device
 *    had back into slots.
 *  - reset, ethtool and the like, under the ring's lock: stop, then start again. What was in flight is lost (tx: counted
 *    as sent), slots stay. If start fails (-ENOMEM, also when programs left the ring without one good buffer) the port is
 *    gone.
 *  - struct lr_dma: one table for all rings of a device. Pages are mapped for both directions once, when the port starts,
 *    and by region_grown (all ring locks are held). Where dma_need_sync() says that a mapping must be synced for each
 *    packet, or the pages of one buffer are not in one piece, native mode is refused with that reason.
 *  - port->buf_len, and so r->buf_len, is at most what the device was told a buffer has (rx), or one descriptor may send;
 *    at least 64. max_frame: MTU and Ethernet header, with VLAN tag; at least 64, too.
 *  - the port's operations have idle = false: a sync that hands in nothing still looks at the device.
 *  - interrupts are off while nobody sleeps. The port's `wait` operation records the waiter, then unmasks; the handler
 *    masks and wakes r->wq. News between the last sync and the unmasking must raise the interrupt (Intel: a cause that is
 *    set does, if nobody has read ICR; virtio: lr_virtio_tx_arm and _rx_arm say whether to look again). So a busy program
 *    is never interrupted.
 *  - the module exports for drivers: lr_ring_mend_slot, lr_ring_new_buf, lr_region_give, os_zalloc, os_free, os_log.
 *
 * Locks: all runs under the ring's lock.
 */
#ifndef LR_NATIVE_SYNC_H
#define LR_NATIVE_SYNC_H

#include "core/port.h"
#include "nic/native/os.h"

#define LR_FRAME_MIN 14u	/* an Ethernet header */

/*
 * How a device sees the region's buffers. One entry for each piece that is contiguous to the device: 1 << shift
 * buffers, at most a cluster of the region; as small as one buffer. Entries are written under all ring locks.
 */
struct lr_dma {
	const uint64_t *piece;	/* device address of the first buffer of each */
	uint32_t bufs;		/* buffers [0, bufs) can be reached; no more than there are */
	uint32_t size;		/* of a buffer, bytes */
	uint32_t mask;		/* (1 << shift) - 1 */
	unsigned int shift;
};

/* Where the buffer is for the device. idx was checked. */
LR_INLINE uint64_t lr_dma_addr(const struct lr_dma *m, uint32_t idx)
{
	return m->piece[idx >> m->shift] + (uint64_t)(idx & m->mask) * m->size;
}

/* The buffer may be given to the device. */
LR_INLINE bool lr_dma_ok(const struct lr_dma *m, const struct lr_ring *r, uint32_t idx)
{
	return os_likely(idx < m->bufs) && os_likely(os_load_acquire(&r->buf_used[idx]));
}

/* Slots [pos, ...) are at most `left`; neither they nor descriptors from d on may wrap in one straight piece. */
LR_INLINE uint32_t lr_native_run(uint32_t left, uint32_t pos, uint32_t d, uint32_t n)
{
	uint32_t run = left < n - pos ? left : n - pos;

	return run < n - d ? run : n - d;
}

/*
 * A buffer for descriptors whose slot has none: they must hold one, whatever programs wrote. Any of the ring's; 0: it has
 * not one.
 */
static inline uint32_t lr_native_any_buf(const struct lr_dma *m, struct lr_ring *r)
{
	uint32_t i;

	lr_ring_mend_slot(r, 0);
	for (i = 0; i < r->num_slots; i++) {
		uint32_t idx = lr_slot_read(&r->slot[i]).idx;

		if (lr_dma_ok(m, r, idx))
			return idx;
	}
	return 0;
}

/* The device said what cannot be. */
LR_APART int lr_native_break(struct lr_ring *r, bool *broken, const char *what)
{
	os_log("%s: %s ring %u stops: the device reported %s", r->port->name, lr_kind_is_tx(r->kind) ? "tx" : "rx", r->index, what);
	*broken = true;
	return -EIO;
}

#endif
