/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Legacy descriptors of Intel's gigabit controllers: 82540EM and its family for both directions, 82574 for tx.
 *
 * After the PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual: 3.2.3 Receive Descriptor Format,
 * 3.3.3 Legacy Transmit Descriptor Format. The device writes back the second half of a descriptor only: addresses stay.
 *
 *	          63        48 47     40 39     32 31    24 23    16 15         0
 *	rx word   | special   | errors  | status  |   checksum      | length     |
 *	tx word   | special   | css     | status  | cmd    | cso    | length     |
 *
 * The driver sets hw.desc and the doorbell (RDT, TDT); RCTL.SECRC, as no room is made for the CRC; RCTL.BSIZE to hw.len, a
 * power of two; TCTL.PSP. It clears RXCSUM and CTRL.VME, so that frames are as on the wire.
 */
#ifndef LR_NATIVE_E1000_H
#define LR_NATIVE_E1000_H

#include "nic/native/rx.h"
#include "nic/native/tx.h"

struct lr_e1000_desc {
	__le64 addr;
	__le64 word;
};

#define LR_E1000_DD (1ull << 32)
#define LR_E1000_EOP (2ull << 32)
/* RXE, CXE, SEQ, SE, CE: the frame is damaged. The others are about checksums in it. */
#define LR_E1000_RX_ERRORS (0x97ull << 40)

#define LR_E1000_TX_EOP (1u << 24)
#define LR_E1000_TX_IFCS (2u << 24)
#define LR_E1000_TX_RS (8u << 24)

LR_INLINE struct lr_e1000_desc *lr_e1000_desc(void *ring, size_t d)
{
	return (struct lr_e1000_desc *)ring + d;
}

/* --- Transmit ---------------------------------------------------------------------------------- */

LR_INLINE void lr_e1000_tx_addr(const struct lr_tx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_e1000_desc(h->desc, d)->addr, cpu_to_le64(addr));
}

LR_INLINE void lr_e1000_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	(void)k;
	os_store(&lr_e1000_desc(h->desc, d)->word, cpu_to_le64((uint64_t)(len | LR_E1000_TX_EOP | LR_E1000_TX_IFCS)));
}

LR_INLINE void lr_e1000_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	uint32_t word = p->len | LR_E1000_TX_IFCS | (p->i + 1 == p->n ? LR_E1000_TX_EOP : 0);

	os_store(&lr_e1000_desc(t->hw.desc, p->desc)->word, cpu_to_le64((uint64_t)word));
}

LR_INLINE void lr_e1000_tx_report(const struct lr_tx_hw *h, uint32_t d)
{
	struct lr_e1000_desc *desc = lr_e1000_desc(h->desc, d);

	os_store(&desc->word, os_load(&desc->word) | cpu_to_le64((uint64_t)LR_E1000_TX_RS));
}

LR_INLINE int lr_e1000_tx_is_done(struct lr_native_tx *t, uint32_t d)
{
	return !!(os_load(&lr_e1000_desc(t->hw.desc, d)->word) & cpu_to_le64(LR_E1000_DD));
}

LR_INLINE void lr_e1000_tx_doorbell(struct lr_native_tx *t)
{
	lr_reg_write(t->doorbell, t->next);
}

static const struct lr_tx_format lr_e1000_tx __attribute__((__unused__)) = {
	.pad = 60,	/* padding by the device may corrupt frames on PCI and PCI-X */
	.addr = lr_e1000_tx_addr,
	.frame = lr_e1000_tx_frame,
	.piece = lr_e1000_tx_piece,
	.doorbell = lr_e1000_tx_doorbell,
	.report = lr_e1000_tx_report,
	.is_done = lr_e1000_tx_is_done,
};

/* --- Receive ------------------------------------------------------------------------------------- */

LR_INLINE void lr_e1000_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_e1000_desc(h->desc, d)->addr, cpu_to_le64(addr));
}

LR_INLINE void lr_e1000_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	(void)p;
	os_store(&lr_e1000_desc(h->desc, d)->word, (__le64)0);
}

LR_INLINE void lr_e1000_rx_doorbell(struct lr_native_rx *x)
{
	lr_reg_write(x->doorbell, x->post);
}

LR_INLINE bool lr_e1000_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	uint64_t word = le64_to_cpu(os_load(&lr_e1000_desc(h->desc, c)->word));

	*desc = c;
	*len = word & 0xffff;
	return (word & (LR_E1000_DD | LR_E1000_EOP | LR_E1000_RX_ERRORS)) == (LR_E1000_DD | LR_E1000_EOP);
}

LR_INLINE int lr_e1000_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	uint64_t word = le64_to_cpu(os_load(&lr_e1000_desc(x->hw.desc, c)->word));

	p->desc = c;
	p->len = (uint16_t)word;
	p->last = word & LR_E1000_EOP;
	p->bad = word & LR_E1000_RX_ERRORS;
	return !!(word & LR_E1000_DD);
}

static const struct lr_rx_format lr_e1000_rx __attribute__((__unused__)) = {
	.addr = lr_e1000_rx_addr,
	.give = lr_e1000_rx_give,
	.doorbell = lr_e1000_rx_doorbell,
	.frame = lr_e1000_rx_frame,
	.piece = lr_e1000_rx_piece,
};

#endif
