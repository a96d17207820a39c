/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Tx data descriptors of Intel's 40 and 100 gigabit controllers: XL710 (i40e.h) and E810 (ice.h).
 *
 *	        63     48 47     34 33     16 15    4 3     0
 *	word   | tag     | length  | offset  | cmd   | type  |	type 0: data, and done, where it is written back, 15
 *
 * After the Intel Ethernet Controller X710/XXV710/XL710 Datasheet, "General Descriptors", and the E810 datasheet, "Transmit
 * Data Descriptor". Offsets are those of headers, for checksums, which are not asked for.
 */
#ifndef LR_NATIVE_XL_TX_H
#define LR_NATIVE_XL_TX_H

#include "nic/native/tx.h"

struct lr_xl_tx_desc {
	__le64 addr;
	__le64 word;
};

#define LR_XL_TX_TYPE 0xfu
#define LR_XL_TX_EOP (1u << 4)
#define LR_XL_TX_RS (2u << 4)
#define LR_XL_TX_LEN_SHIFT 34
#define LR_XL_TX_PAD 17		/* the least that the device pads itself */
#define LR_XL_TX_PIECES 8	/* descriptors of a frame; more stop the queue as that of a malicious driver */
#define LR_XL_BUF_UNIT 128u	/* of the sizes that a queue's context has */
#define LR_XL_BUF_MAX 9728u	/* within the 14 bits of a descriptor */

LR_INLINE struct lr_xl_tx_desc *lr_xl_tx_desc(const struct lr_tx_hw *h, size_t d)
{
	return (struct lr_xl_tx_desc *)h->desc + d;
}

LR_INLINE void lr_xl_tx_addr(const struct lr_tx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_xl_tx_desc(h, d)->addr, cpu_to_le64(addr));
}

/* A descriptor of so many bytes. */
LR_INLINE void lr_xl_tx_word(const struct lr_tx_hw *h, size_t d, uint32_t len, uint32_t cmd)
{
	os_store(&lr_xl_tx_desc(h, d)->word, cpu_to_le64((uint64_t)len << LR_XL_TX_LEN_SHIFT | cmd));
}

/* That of a piece, with EOP where it belongs. */
LR_INLINE void lr_xl_tx_piece_word(struct lr_native_tx *t, const struct lr_tx_piece *p, uint32_t cmd)
{
	lr_xl_tx_word(&t->hw, p->desc, p->len, cmd | (p->i + 1 == p->n ? LR_XL_TX_EOP : 0));
}

LR_INLINE void lr_xl_tx_report(const struct lr_tx_hw *h, uint32_t d)
{
	struct lr_xl_tx_desc *desc = lr_xl_tx_desc(h, d);

	os_store(&desc->word, os_load(&desc->word) | cpu_to_le64((uint64_t)LR_XL_TX_RS));
}

LR_INLINE void lr_xl_tx_doorbell(struct lr_native_tx *t)
{
	lr_reg_write(t->doorbell, t->next);
}

#endif
