/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * 82599, X540, X550: advanced descriptors both ways.
 *
 * After the 82599 10 GbE Controller Datasheet: "Advanced Receive Descriptors", "Advanced Transmit Data Descriptor". The
 * driver sets hw.desc and the doorbells (TDT(n), RDT(n)); SRRCTL.DESCTYPE to advanced with one buffer, BSIZEPACKET (steps of
 * 1 KiB) so that it is hw.len; HLREG0.RXCRCSTRP and RDRXCTL.CRCSTRIP, HLREG0.TXPADEN; TXDCTL.WTHRESH 0, as RS must be; no
 * RSC, which would join frames, no VLAN stripping. A frame takes at most 40 descriptors of tx.
 */
#ifndef LR_NATIVE_IXGBE_H
#define LR_NATIVE_IXGBE_H

#include "nic/native/intel_rx.h"
#include "nic/native/intel_tx.h"

/* USE, OSE, PE, LE, CE. The others are about checksums in the frame and filters. */
#define LR_IXGBE_RX_ERRORS 0x3b000000u

static const struct lr_tx_format lr_ixgbe_tx __attribute__((__unused__)) = {
	.pad = 17,	/* the least that the device pads itself */
	.loses_addr = true,
	.addr = lr_intel_tx_addr,
	.frame = lr_intel_tx_frame,
	.piece = lr_intel_tx_piece,
	.doorbell = lr_intel_tx_doorbell,
	.report = lr_intel_tx_report,
	.is_done = lr_intel_tx_is_done,
};

LR_INLINE bool lr_ixgbe_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	return lr_intel_rx_frame(h, c, LR_IXGBE_RX_ERRORS, desc, len);
}

LR_INLINE int lr_ixgbe_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	return lr_intel_rx_piece(x, c, LR_IXGBE_RX_ERRORS, p);
}

static const struct lr_rx_format lr_ixgbe_rx __attribute__((__unused__)) = {
	.loses_addr = true,
	.addr = lr_intel_rx_addr,
	.give = lr_intel_rx_give,
	.doorbell = lr_intel_rx_doorbell,
	.frame = lr_ixgbe_rx_frame,
	.piece = lr_ixgbe_rx_piece,
};

#endif
