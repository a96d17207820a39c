/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * E810, E822, E823, E825, E830: tx descriptors that say themselves when they are done, flexible rx descriptors of 32 bytes,
 * as their driver has them.
 *
 *	              63       48 47       32 31       16 15        0
 *	rx read   0  | address of the buffer                         |
 *	          1  | header buffer: 0, so DD is 0                  |
 *	written   0  | header    | length    | type      | profile   |	length: 14 bits
 *	          1  | metadata              | tag       | status    |	status: bit 0 DD, bit 1 EOF, bit 10 RXE
 *	        2, 3 | hash, flow, time stamp                        |
 *
 * After the Intel Ethernet Controller E810 Datasheet, chapter 10: "Flexible Rx Descriptor Write-Back Format", "Transmit
 * Descriptor Write-Back". The driver sets hw.desc, the doorbells (QTX_COMM_DBELL, QRX_TAIL), and in the contexts of queues dbuf
 * so that it is hw.len, dsize 1, crcstrip; no header split, no VLAN stripping.
 */
#ifndef LR_NATIVE_ICE_H
#define LR_NATIVE_ICE_H

#include "nic/native/rx.h"
#include "nic/native/xl_tx.h"

/* --- Transmit ---------------------------------------------------------------------------------- */

/* The CRC is made always. */
LR_INLINE void lr_ice_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	(void)k;
	lr_xl_tx_word(h, d, len, LR_XL_TX_EOP);
}

LR_INLINE void lr_ice_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	lr_xl_tx_piece_word(t, p, 0);
}

LR_INLINE int lr_ice_tx_is_done(struct lr_native_tx *t, uint32_t d)
{
	uint64_t word = le64_to_cpu(os_load(&lr_xl_tx_desc(&t->hw, d)->word));

	return (word & LR_XL_TX_TYPE) == LR_XL_TX_TYPE;
}

static const struct lr_tx_format lr_ice_tx __attribute__((__unused__)) = {
	.pad = LR_XL_TX_PAD,
	.loses_addr = true,
	.addr = lr_xl_tx_addr,
	.frame = lr_ice_tx_frame,
	.piece = lr_ice_tx_piece,
	.doorbell = lr_xl_tx_doorbell,
	.report = lr_xl_tx_report,
	.is_done = lr_ice_tx_is_done,
};

/* --- Receive ------------------------------------------------------------------------------------- */

struct lr_ice_rx_desc {
	__le64 word[4];
};

#define LR_ICE_RX_DD 1u
#define LR_ICE_RX_EOF 2u
#define LR_ICE_RX_RXE (1u << 10)	/* the frame is damaged. The others are about checksums in it. */
#define LR_ICE_RX_LEN_SHIFT 32
#define LR_ICE_RX_LEN 0x3fffu

LR_INLINE struct lr_ice_rx_desc *lr_ice_rx_desc(const struct lr_rx_hw *h, size_t d)
{
	return (struct lr_ice_rx_desc *)h->desc + d;
}

LR_INLINE void lr_ice_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_ice_rx_desc(h, d)->word[0], cpu_to_le64(addr));
}

LR_INLINE void lr_ice_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	(void)p;
	os_store(&lr_ice_rx_desc(h, d)->word[1], (__le64)0);
}

LR_INLINE void lr_ice_rx_doorbell(struct lr_native_rx *x)
{
	lr_reg_write(x->doorbell, x->post);
}

/* The status, and if it says that the descriptor was written, the length: read after it. */
LR_INLINE uint32_t lr_ice_rx_read(const struct lr_rx_hw *h, size_t d, uint32_t *len)
{
	const struct lr_ice_rx_desc *desc = lr_ice_rx_desc(h, d);
	uint32_t status = (uint16_t)le64_to_cpu(os_load(&desc->word[1]));

	*len = 0;
	if (os_likely(status & LR_ICE_RX_DD)) {
		dma_rmb();
		*len = le64_to_cpu(os_load(&desc->word[0])) >> LR_ICE_RX_LEN_SHIFT & LR_ICE_RX_LEN;
	}
	return status;
}

LR_INLINE bool lr_ice_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	uint32_t l, status = lr_ice_rx_read(h, c, &l);

	*desc = c;
	*len = l;
	return (status & (LR_ICE_RX_DD | LR_ICE_RX_EOF | LR_ICE_RX_RXE)) == (LR_ICE_RX_DD | LR_ICE_RX_EOF);
}

LR_INLINE int lr_ice_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	uint32_t status = lr_ice_rx_read(&x->hw, c, &p->len);

	p->desc = c;
	p->last = status & LR_ICE_RX_EOF;
	p->bad = status & LR_ICE_RX_RXE;
	return !!(status & LR_ICE_RX_DD);
}

static const struct lr_rx_format lr_ice_rx __attribute__((__unused__)) = {
	.loses_addr = true,
	.addr = lr_ice_rx_addr,
	.give = lr_ice_rx_give,
	.doorbell = lr_ice_rx_doorbell,
	.frame = lr_ice_rx_frame,
	.piece = lr_ice_rx_piece,
};

#endif
