/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * virtio-net with split rings: what both directions share. virtio_tx.h and virtio_rx.h have the rest.
 *
 * After Virtual I/O Device (VIRTIO) 1.2: 2.7 Split Virtqueues, 5.1.6 Network Device: Device Operation. Legacy devices are
 * the same on little-endian machines.
 *
 * A frame has a header in front, which a netmap buffer has no room for. So each slot has a pair of descriptors, header and
 * buffer, made once; only length and, when the buffer changed, address are written after that.
 *
 *	VIRTIO_F_INDIRECT_DESC    table[d]  -> pair[2d] header -> pair[2d+1] buffer       slots = the queue's size
 *	without                   the table is the array of pairs: table[2d] -> table[2d+1]   slots = half of it
 *
 * The driver sets q: table, avail, used, size, pairs and headers as below, header_len (12 with VIRTIO_F_VERSION_1 or
 * VIRTIO_NET_F_MRG_RXBUF, else 10), event_idx, notify; and resets the queue, or the device, so that avail->idx and used->idx
 * are 0. Guest offloads (checksum, TSO, UFO) must be off: a frame that came unfinished is dropped and counted.
 * VIRTIO_F_ANY_LAYOUT is not needed. Packed rings (VIRTIO_F_RING_PACKED) and VIRTIO_F_ACCESS_PLATFORM with a need to sync
 * are refused.
 */
#ifndef LR_NATIVE_VIRTIO_H
#define LR_NATIVE_VIRTIO_H

#include "nic/native/sync.h"

struct lr_virtio_desc {
	__le64 addr;
	__le32 len;
	__le16 flags;
	__le16 next;
};

#define LR_VIRTIO_NEXT 1	/* flags of a descriptor */
#define LR_VIRTIO_WRITE 2
#define LR_VIRTIO_INDIRECT 4

#define LR_VIRTIO_NO_INTERRUPT 1	/* avail flags */
#define LR_VIRTIO_NO_NOTIFY 1		/* used flags */

struct lr_virtio_avail {
	__le16 flags;
	__le16 idx;
	__le16 ring[];		/* size; then used_event */
};

struct lr_virtio_used {
	__le16 flags;
	__le16 idx;
	struct {
		__le32 id;
		__le32 len;
	} ring[];		/* size; then avail_event, 16 bits */
};

#define LR_VIRTIO_HEADER_ROOM 16	/* bytes from one rx header to the next */
/* Pairs beyond the slots: a larger frame that wraps goes on there. */
#define LR_VIRTIO_MORE_PAIRS NETMAP_MAX_FRAGS

struct lr_virtio {
	/* From the driver: */
	struct lr_virtio_desc *table;
	struct lr_virtio_avail *avail;
	struct lr_virtio_used *used;
	uint32_t size;			/* of the queue, a power of two */
	bool indirect, event_idx;
	uint32_t header_len;
	/* Indirect: memory for size + LR_VIRTIO_MORE_PAIRS pairs, and its device address. */
	struct lr_virtio_desc *pair;
	uint64_t pair_addr;
	/* tx: one header; rx: one for each slot, LR_VIRTIO_HEADER_ROOM apart. */
	char *header;
	uint64_t header_addr;
	void (*notify)(void *arg);
	void *arg;

	/* Ours: */
	uint16_t avail_idx, used_idx;	/* as published, as seen */
};

/* Slots that a queue has. */
LR_INLINE uint32_t lr_virtio_slots(const struct lr_virtio *q)
{
	return q->indirect ? q->size : q->size / 2;
}

/* Descriptor d of ours is this one of the queue's table. */
LR_INLINE unsigned int lr_virtio_shift(const struct lr_virtio *q)
{
	return q->indirect ? 0 : 1;
}

LR_INLINE void lr_virtio_set(struct lr_virtio_desc *d, uint64_t addr, uint32_t len, uint16_t flags, uint32_t next)
{
	os_store(&d->addr, cpu_to_le64(addr));
	os_store(&d->len, cpu_to_le32(len));
	os_store(&d->flags, cpu_to_le16(flags));
	os_store(&d->next, cpu_to_le16((uint16_t)next));
}

/* The pair of d as a frame of one slot has it, but for its buffer's address, and what refers to it. */
static inline void lr_virtio_make_pair(struct lr_virtio *q, uint32_t d, uint32_t header, uint32_t len, uint16_t flags)
{
	struct lr_virtio_desc *pair = q->pair + 2 * d;

	lr_virtio_set(&pair[0], q->header_addr + header, q->header_len, flags | LR_VIRTIO_NEXT, q->indirect ? 1 : 2 * d + 1);
	os_store(&pair[1].len, cpu_to_le32(len));
	os_store(&pair[1].flags, cpu_to_le16(flags));
	os_store(&pair[1].next, (__le16)0);
	if (q->indirect)
		lr_virtio_set(&q->table[d], q->pair_addr + 2 * d * sizeof(*pair), 2 * sizeof(*pair), LR_VIRTIO_INDIRECT, 0);
}

static inline void lr_virtio_start(struct lr_virtio *q)
{
	if (!q->indirect)
		q->pair = q->table;
	q->avail_idx = q->used_idx = 0;
}

/* All up to idx is the device's; it is told so if it wants to know (2.7.10 Available Buffer Notification Suppression). */
static inline void lr_virtio_publish(struct lr_virtio *q, uint16_t idx)
{
	const __le16 *avail_event = (const __le16 *)(const void *)&q->used->ring[q->size];
	uint16_t old = q->avail_idx;
	bool wanted;

	q->avail_idx = idx;
	dma_wmb();	/* descriptors and ring before idx */
	os_store(&q->avail->idx, cpu_to_le16(idx));
	lr_dma_mb();	/* idx before we look; the device looks at idx after it has changed its mind */
	if (q->event_idx)
		wanted = (uint16_t)(idx - le16_to_cpu(os_load(avail_event)) - 1) < (uint16_t)(idx - old);
	else
		wanted = !(os_load(&q->used->flags) & cpu_to_le16(LR_VIRTIO_NO_NOTIFY));
	if (wanted)
		q->notify(q->arg);
}

/*
 * Asks for an interrupt when `more` buffers beyond those seen are used (2.7.7 Used Buffer Notification Suppression). True: so
 * many are already, look again.
 */
static inline bool lr_virtio_arm(struct lr_virtio *q, uint16_t more)
{
	if (q->event_idx)
		os_store(&q->avail->ring[q->size], cpu_to_le16((uint16_t)(q->used_idx + more - 1)));
	else
		os_store(&q->avail->flags, (__le16)0);
	lr_dma_mb();
	return (uint16_t)(le16_to_cpu(os_load(&q->used->idx)) - q->used_idx) >= more;
}

/*
 * The next used buffer raises an interrupt, whatever was used before: who waits for edges (EPOLLET) looks now, and then not
 * again before he is told. So the index must be the device's of after it could see ours.
 */
static inline void lr_virtio_ask(struct lr_virtio *q)
{
	unsigned int tries = 0;
	uint16_t seen;

	if (!q->event_idx) {
		os_store(&q->avail->flags, (__le16)0);
		return;
	}
	do {
		seen = le16_to_cpu(os_load(&q->used->idx));
		os_store(&q->avail->ring[q->size], cpu_to_le16(seen));
		lr_dma_mb();
	} while (seen != le16_to_cpu(os_load(&q->used->idx)) && ++tries < q->size);
}

/* No interrupts, or, with event_idx, one in 65536 buffers. */
static inline void lr_virtio_disarm(struct lr_virtio *q)
{
	if (q->event_idx)
		os_store(&q->avail->ring[q->size], cpu_to_le16((uint16_t)(q->used_idx - 1)));
	else
		os_store(&q->avail->flags, cpu_to_le16(LR_VIRTIO_NO_INTERRUPT));
}

#endif
