/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Extended and advanced rx descriptors, which Intel's controllers share since the 82571: read by the device as two
 * addresses, written back over them. e1000e.h, igb.h and ixgbe.h say which errors damage a frame.
 *
 *	                63                               0
 *	read     addr   | address of the buffer            |
 *	         word   | header buffer: 0, so DD is 0     |
 *	written  addr   | hash, checksum, packet type      |
 *	         word   | vlan | length | errors, status   |	status: bit 0 DD, bit 1 EOP; length from bit 32 on
 */
#ifndef LR_NATIVE_INTEL_RX_H
#define LR_NATIVE_INTEL_RX_H

#include "nic/native/rx.h"

struct lr_intel_rx_desc {
	__le64 addr;
	__le64 word;
};

#define LR_INTEL_RX_DD 1u
#define LR_INTEL_RX_EOP 2u
#define LR_INTEL_RX_LEN_SHIFT 32

LR_INLINE struct lr_intel_rx_desc *lr_intel_rx_desc(const struct lr_rx_hw *h, size_t d)
{
	return (struct lr_intel_rx_desc *)h->desc + d;
}

LR_INLINE void lr_intel_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_intel_rx_desc(h, d)->addr, cpu_to_le64(addr));
}

LR_INLINE void lr_intel_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	(void)p;
	os_store(&lr_intel_rx_desc(h, d)->word, (__le64)0);
}

LR_INLINE void lr_intel_rx_doorbell(struct lr_native_rx *x)
{
	lr_reg_write(x->doorbell, x->post);
}

LR_INLINE bool lr_intel_rx_frame(const struct lr_rx_hw *h, size_t c, uint32_t errors, size_t *desc, uint64_t *len)
{
	uint64_t word = le64_to_cpu(os_load(&lr_intel_rx_desc(h, c)->word));

	*desc = c;
	*len = word >> LR_INTEL_RX_LEN_SHIFT & 0xffff;
	return ((uint32_t)word & (LR_INTEL_RX_DD | LR_INTEL_RX_EOP | errors)) == (LR_INTEL_RX_DD | LR_INTEL_RX_EOP);
}

LR_INLINE int lr_intel_rx_piece(struct lr_native_rx *x, uint32_t c, uint32_t errors, struct lr_rx_piece *p)
{
	uint64_t word = le64_to_cpu(os_load(&lr_intel_rx_desc(&x->hw, c)->word));

	p->desc = c;
	p->len = (uint16_t)(word >> LR_INTEL_RX_LEN_SHIFT);
	p->last = word & LR_INTEL_RX_EOP;
	p->bad = word & errors;
	return !!(word & LR_INTEL_RX_DD);
}

#endif
