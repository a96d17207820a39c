/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * VMware's vmxnet3. After the kernel's vmxnet3_defs.h, which is VMware's own description.
 *
 * Who owns a descriptor is told by its generation bit, which changes its meaning with each lap; completions come in rings of
 * their own. A device may look at descriptors without being told, so the first descriptor of a sync keeps the wrong
 * generation until all others are written.
 *
 *	               63 .. 45 cq 44 eop ..     31 gen      14 gen  13      0
 *	tx word        |  cq  |  eop  | 0      |           | gen    | length |
 *	rx word        | 0                     |  gen      | type 0 | length |
 *	tx completion  word 0: bits 0..11 index of the frame's last descriptor; word 3: bit 31 gen
 *	rx completion  word 0: bits 0..11 index, 14 eop, 15 sop; word 2: bits 0..13 length, 14 error; word 3: bit 31 gen
 *
 * The driver sets hw.desc, hw.len (rx), the doorbells (TXPROD, RXPROD of ring 0), comp; completion rings as long as the
 * slots (compRingSize of rx too); all memory zeroed; LRO, rx checksums and VLAN stripping off. Rx has ring 0 only, with head
 * buffers: a frame that does not fit one buffer is lost in the device, so an MTU beyond a buffer is refused. At most 4096
 * slots, and buffers of at most 16383 bytes: the driver makes port->buf_len so.
 */
#ifndef LR_NATIVE_VMXNET3_H
#define LR_NATIVE_VMXNET3_H

#include "nic/native/rx.h"
#include "nic/native/tx.h"

struct lr_vmxnet3_desc {
	__le64 addr;
	__le64 word;
};

struct lr_vmxnet3_comp {
	__le32 word[4];
};

#define LR_VMXNET3_INDEX 0xfffu
#define LR_VMXNET3_LEN 0x3fffu

#define LR_VMXNET3_TX_GEN_SHIFT 14
#define LR_VMXNET3_TX_EOP (1ull << 44)
#define LR_VMXNET3_TX_CQ (1ull << 45)

#define LR_VMXNET3_RX_GEN_SHIFT 31
#define LR_VMXNET3_RX_WHOLE (3u << 14)	/* sop and eop, word 0 */
#define LR_VMXNET3_RX_EOP (1u << 14)
#define LR_VMXNET3_RX_ERROR (1u << 14)	/* word 2 */
#define LR_VMXNET3_COMP_GEN_SHIFT 31

struct lr_vmxnet3_tx {
	struct lr_native_tx tx;
	struct lr_vmxnet3_comp *comp;	/* from the driver */
	uint32_t comp_next, comp_lap;
};

struct lr_vmxnet3_rx {
	struct lr_native_rx rx;	/* hw.done: the completion ring */
	/* The device says here whether it wants to hear the doorbell (updateRxProd); NULL: always. */
	const uint8_t *wants_doorbell;
};

LR_INLINE struct lr_vmxnet3_desc *lr_vmxnet3_desc(void *ring, size_t d)
{
	return (struct lr_vmxnet3_desc *)ring + d;
}

/* The completion belongs to this lap: 1 in the first. */
LR_INLINE bool lr_vmxnet3_is_there(const struct lr_vmxnet3_comp *comp, uint32_t lap)
{
	if (le32_to_cpu(os_load(&comp->word[3])) >> LR_VMXNET3_COMP_GEN_SHIFT == lap)
		return false;
	dma_rmb();	/* gen before the rest */
	return true;
}

/* --- Transmit ---------------------------------------------------------------------------------- */

LR_INLINE void lr_vmxnet3_tx_addr(const struct lr_tx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_vmxnet3_desc(h->desc, d)->addr, cpu_to_le64(addr));
}

/* Generation is 1 in the first lap; the first of a sync has the other one. */
LR_INLINE void lr_vmxnet3_tx_word(const struct lr_tx_hw *h, size_t d, uint32_t len, uint64_t eop)
{
	uint32_t gen = h->lap ^ (d != h->first);

	os_store(&lr_vmxnet3_desc(h->desc, d)->word, cpu_to_le64(len | gen << LR_VMXNET3_TX_GEN_SHIFT | eop));
}

LR_INLINE void lr_vmxnet3_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	(void)k;
	lr_vmxnet3_tx_word(h, d, len, LR_VMXNET3_TX_EOP);
}

LR_INLINE void lr_vmxnet3_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	lr_vmxnet3_tx_word(&t->hw, p->desc, p->len, p->i + 1 == p->n ? LR_VMXNET3_TX_EOP : 0);
}

LR_INLINE void lr_vmxnet3_tx_report(const struct lr_tx_hw *h, uint32_t d)
{
	struct lr_vmxnet3_desc *desc = lr_vmxnet3_desc(h->desc, d);

	os_store(&desc->word, os_load(&desc->word) | cpu_to_le64(LR_VMXNET3_TX_CQ));
}

LR_INLINE void lr_vmxnet3_tx_doorbell(struct lr_native_tx *t)
{
	struct lr_vmxnet3_desc *first = lr_vmxnet3_desc(t->hw.desc, t->hw.first);

	dma_wmb();	/* all others before the first */
	os_store(&first->word, os_load(&first->word) ^ cpu_to_le64(1ull << LR_VMXNET3_TX_GEN_SHIFT));
	lr_reg_write(t->doorbell, t->next);
}

/* A device may complete frames that were not to be reported, too; each completion covers what is before it. */
LR_INLINE bool lr_vmxnet3_tx_reclaim(struct lr_native_tx *t, uint32_t n)
{
	struct lr_vmxnet3_tx *v = LR_CONTAINER_OF(t, struct lr_vmxnet3_tx, tx);
	uint32_t i;

	for (i = 0; i < n && t->done != t->next; i++) {
		const struct lr_vmxnet3_comp *comp = &v->comp[v->comp_next];
		uint32_t d;

		if (!lr_vmxnet3_is_there(comp, v->comp_lap))
			return true;
		d = le32_to_cpu(os_load(&comp->word[0])) & LR_VMXNET3_INDEX;
		if (d >= n || lr_pos_dist(t->done, d, n) >= lr_pos_dist(t->done, t->next, n))
			return false;
		t->done = lr_pos_next(d, n);
		v->comp_next = lr_pos_next(v->comp_next, n);
		v->comp_lap ^= !v->comp_next;
	}
	return true;
}

static const struct lr_tx_format lr_vmxnet3_tx __attribute__((__unused__)) = {
	.addr = lr_vmxnet3_tx_addr,
	.frame = lr_vmxnet3_tx_frame,
	.piece = lr_vmxnet3_tx_piece,
	.doorbell = lr_vmxnet3_tx_doorbell,
	.report = lr_vmxnet3_tx_report,
	.reclaim = lr_vmxnet3_tx_reclaim,
};

/* 0 or -ENOMEM. */
LR_INLINE int lr_vmxnet3_tx_start(struct lr_vmxnet3_tx *v, struct lr_ring *r)
{
	v->comp_next = v->comp_lap = 0;
	return lr_native_tx_start(&lr_vmxnet3_tx, &v->tx, r);
}

/* --- Receive ------------------------------------------------------------------------------------- */

LR_INLINE void lr_vmxnet3_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_vmxnet3_desc(h->desc, d)->addr, cpu_to_le64(addr));
}

LR_INLINE void lr_vmxnet3_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	uint32_t word = h->len | (h->post_lap ^ 1) << LR_VMXNET3_RX_GEN_SHIFT;

	(void)p;
	dma_wmb();	/* the address before its generation */
	os_store(&lr_vmxnet3_desc(h->desc, d)->word, cpu_to_le64((uint64_t)word));
}

LR_INLINE void lr_vmxnet3_rx_doorbell(struct lr_native_rx *x)
{
	const uint8_t *wants = LR_CONTAINER_OF(x, struct lr_vmxnet3_rx, rx)->wants_doorbell;

	if (!wants || os_load(wants))
		lr_reg_write(x->doorbell, x->post);
}

LR_INLINE bool lr_vmxnet3_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	const struct lr_vmxnet3_comp *comp = (const struct lr_vmxnet3_comp *)h->done + c;
	uint32_t word0, word2;

	if (!lr_vmxnet3_is_there(comp, h->lap))
		return false;
	word0 = le32_to_cpu(os_load(&comp->word[0]));
	word2 = le32_to_cpu(os_load(&comp->word[2]));
	*desc = c;
	*len = word2 & LR_VMXNET3_LEN;
	return (word0 & (LR_VMXNET3_RX_WHOLE | LR_VMXNET3_INDEX)) == (LR_VMXNET3_RX_WHOLE | c) && !(word2 & LR_VMXNET3_RX_ERROR);
}

LR_INLINE int lr_vmxnet3_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	const struct lr_vmxnet3_comp *comp = (const struct lr_vmxnet3_comp *)x->hw.done + c;
	uint32_t word0, word2;

	if (!lr_vmxnet3_is_there(comp, x->hw.lap))
		return 0;
	word0 = le32_to_cpu(os_load(&comp->word[0]));
	word2 = le32_to_cpu(os_load(&comp->word[2]));
	p->desc = c;
	p->len = word2 & LR_VMXNET3_LEN;
	p->last = word0 & LR_VMXNET3_RX_EOP;
	p->bad = word2 & LR_VMXNET3_RX_ERROR;
	return (word0 & LR_VMXNET3_INDEX) == c ? 1 : -1;
}

static const struct lr_rx_format lr_vmxnet3_rx __attribute__((__unused__)) = {
	.addr = lr_vmxnet3_rx_addr,
	.give = lr_vmxnet3_rx_give,
	.doorbell = lr_vmxnet3_rx_doorbell,
	.frame = lr_vmxnet3_rx_frame,
	.piece = lr_vmxnet3_rx_piece,
};

#endif
