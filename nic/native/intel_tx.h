/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Advanced tx data descriptors, which 82576, I210, I350 and 82599 share.
 *
 *	                63                               0
 *	read     addr   | address of the buffer            |
 *	         word   | PAYLEN, olinfo | cmd, type, length |	PAYLEN: the whole frame, from bit 46 on, in its first descriptor
 *	written  addr   | reserved                         |	so the address is written each time
 *	         word   | status         |                 |	bit 32 DD
 *
 * After the Intel 82599 10 GbE Controller Datasheet, "Advanced Transmit Data Descriptor", and the I210 datasheet, same title.
 */
#ifndef LR_NATIVE_INTEL_TX_H
#define LR_NATIVE_INTEL_TX_H

#include "nic/native/tx.h"

struct lr_intel_tx_desc {
	__le64 addr;
	__le64 word;
};

#define LR_INTEL_TX_DATA (3u << 20)	/* DTYP */
#define LR_INTEL_TX_EOP (1u << 24)
#define LR_INTEL_TX_IFCS (1u << 25)
#define LR_INTEL_TX_RS (1u << 27)
#define LR_INTEL_TX_DEXT (1u << 29)	/* an advanced one */
#define LR_INTEL_TX_PAYLEN_SHIFT (32 + 14)
#define LR_INTEL_TX_DD (1ull << 32)

LR_INLINE struct lr_intel_tx_desc *lr_intel_tx_desc(const struct lr_tx_hw *h, size_t d)
{
	return (struct lr_intel_tx_desc *)h->desc + d;
}

LR_INLINE void lr_intel_tx_addr(const struct lr_tx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_intel_tx_desc(h, d)->addr, cpu_to_le64(addr));
}

LR_INLINE void lr_intel_tx_word(const struct lr_tx_hw *h, size_t d, uint32_t len, uint32_t total, uint32_t eop)
{
	uint64_t word = len | LR_INTEL_TX_DATA | LR_INTEL_TX_IFCS | LR_INTEL_TX_DEXT | eop;

	os_store(&lr_intel_tx_desc(h, d)->word, cpu_to_le64(word | (uint64_t)total << LR_INTEL_TX_PAYLEN_SHIFT));
}

LR_INLINE void lr_intel_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	(void)k;
	lr_intel_tx_word(h, d, len, len, LR_INTEL_TX_EOP);
}

LR_INLINE void lr_intel_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	lr_intel_tx_word(&t->hw, p->desc, p->len, p->i ? 0 : p->total, p->i + 1 == p->n ? LR_INTEL_TX_EOP : 0);
}

LR_INLINE void lr_intel_tx_report(const struct lr_tx_hw *h, uint32_t d)
{
	struct lr_intel_tx_desc *desc = lr_intel_tx_desc(h, d);

	os_store(&desc->word, os_load(&desc->word) | cpu_to_le64((uint64_t)LR_INTEL_TX_RS));
}

/* DD is where a descriptor that the device has not written back has a reserved bit, which is 0. */
LR_INLINE int lr_intel_tx_is_done(struct lr_native_tx *t, uint32_t d)
{
	return !!(os_load(&lr_intel_tx_desc(&t->hw, d)->word) & cpu_to_le64(LR_INTEL_TX_DD));
}

LR_INLINE void lr_intel_tx_doorbell(struct lr_native_tx *t)
{
	lr_reg_write(t->doorbell, t->next);
}

#endif
