/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * XL710, X710, XXV710, X722: tx with its head written back, rx descriptors of 16 bytes, as their driver has them.
 *
 *	                63     62  52 51     38 37  30 29  27 26    19 18      0
 *	rx read    addr   | address of the buffer                              |
 *	           word   | header buffer: 0, so DD is 0                       |
 *	written    addr   | hash, tag                                          |
 *	           word   | SPH | hlen | length   | type  |  -  | errors | status |	status: bit 0 DD, bit 1 EOF
 *
 * SPH without a header buffer: no frame, but what became of a flow filter. The device takes a descriptor for it.
 *
 * Of tx descriptors nothing is written back: where the device has come to is in a word of its own (hw.queue, behind the
 * descriptors), as of the last frame to be reported.
 *
 * After the Intel Ethernet Controller X710/XXV710/XL710 Datasheet, chapter 8: "Receive Descriptor - Write Back Format",
 * "Transmit Head Write Back". The driver sets hw.desc, hw.queue, the doorbells (QTX_TAIL, QRX_TAIL), and in the contexts of
 * queues head_wb_ena, dbuff so that it is hw.len, dsize 0, crcstrip; no VLAN stripping.
 */
#ifndef LR_NATIVE_I40E_H
#define LR_NATIVE_I40E_H

#include "nic/native/rx.h"
#include "nic/native/xl_tx.h"

/* --- Transmit ---------------------------------------------------------------------------------- */

#define LR_I40E_TX_ICRC (4u << 4)	/* the device makes the CRC */

LR_INLINE void lr_i40e_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	(void)k;
	lr_xl_tx_word(h, d, len, LR_XL_TX_EOP | LR_I40E_TX_ICRC);
}

LR_INLINE void lr_i40e_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	lr_xl_tx_piece_word(t, p, LR_I40E_TX_ICRC);
}

/* What the device has taken in; nothing beyond what it was given. */
LR_INLINE bool lr_i40e_tx_reclaim(struct lr_native_tx *t, uint32_t n)
{
	uint32_t head = le32_to_cpu(os_load((const __le32 *)t->hw.queue));

	if (head >= n || lr_pos_dist(t->done, head, n) > lr_pos_dist(t->done, t->next, n))
		return false;
	t->done = head;
	return true;
}

static const struct lr_tx_format lr_i40e_tx __attribute__((__unused__)) = {
	.pad = LR_XL_TX_PAD,
	.addr = lr_xl_tx_addr,
	.frame = lr_i40e_tx_frame,
	.piece = lr_i40e_tx_piece,
	.doorbell = lr_xl_tx_doorbell,
	.report = lr_xl_tx_report,
	.reclaim = lr_i40e_tx_reclaim,
};

/* --- Receive ------------------------------------------------------------------------------------- */

struct lr_i40e_rx_desc {
	__le64 addr;
	__le64 word;
};

#define LR_I40E_RX_DD 1u
#define LR_I40E_RX_EOF 2u
#define LR_I40E_RX_ERRORS (0x45u << 19)	/* RXE, HBO, OVERSIZE. The others are about checksums in the frame. */
#define LR_I40E_RX_LEN_SHIFT 38
#define LR_I40E_RX_LEN 0x3fffu
#define LR_I40E_RX_SPH (1ull << 63)

LR_INLINE struct lr_i40e_rx_desc *lr_i40e_rx_desc(const struct lr_rx_hw *h, size_t d)
{
	return (struct lr_i40e_rx_desc *)h->desc + d;
}

LR_INLINE void lr_i40e_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_i40e_rx_desc(h, d)->addr, cpu_to_le64(addr));
}

LR_INLINE void lr_i40e_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	(void)p;
	os_store(&lr_i40e_rx_desc(h, d)->word, (__le64)0);
}

LR_INLINE void lr_i40e_rx_doorbell(struct lr_native_rx *x)
{
	lr_reg_write(x->doorbell, x->post);
}

LR_INLINE bool lr_i40e_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	const uint64_t all = LR_I40E_RX_DD | LR_I40E_RX_EOF | LR_I40E_RX_ERRORS | LR_I40E_RX_SPH;
	uint64_t word = le64_to_cpu(os_load(&lr_i40e_rx_desc(h, c)->word));

	*desc = c;
	*len = word >> LR_I40E_RX_LEN_SHIFT & LR_I40E_RX_LEN;
	return (word & all) == (LR_I40E_RX_DD | LR_I40E_RX_EOF);
}

LR_INLINE int lr_i40e_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	uint64_t word = le64_to_cpu(os_load(&lr_i40e_rx_desc(&x->hw, c)->word));
	bool status = word & LR_I40E_RX_SPH;

	p->desc = c;
	p->len = status ? 0 : word >> LR_I40E_RX_LEN_SHIFT & LR_I40E_RX_LEN;
	p->last = status || word & LR_I40E_RX_EOF;
	p->bad = status || word & LR_I40E_RX_ERRORS;
	return !!(word & LR_I40E_RX_DD);
}

static const struct lr_rx_format lr_i40e_rx __attribute__((__unused__)) = {
	.loses_addr = true,
	.addr = lr_i40e_rx_addr,
	.give = lr_i40e_rx_give,
	.doorbell = lr_i40e_rx_doorbell,
	.frame = lr_i40e_rx_frame,
	.piece = lr_i40e_rx_piece,
};

#endif
