/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * 82571 to 82574 and the controllers of later chip sets: legacy tx descriptors, extended rx descriptors, as their driver has
 * them.
 *
 * After the 82574 GbE Controller Family Datasheet, chapter 7: "Legacy Transmit Descriptor Format", "Extended Rx Descriptor".
 * The driver sets what e1000.h says, RFCTL.EXSTEN (as it does anyway), one buffer a descriptor (no packet split), and
 * TXDCTL.WTHRESH to at most 1: a report must not wait for others.
 */
#ifndef LR_NATIVE_E1000E_H
#define LR_NATIVE_E1000E_H

#include "nic/native/e1000.h"
#include "nic/native/intel_rx.h"

/* RXE, CXE, SEQ, SE, CE. The others are about checksums in the frame. */
#define LR_E1000E_RX_ERRORS 0x97000000u

static const struct lr_tx_format lr_e1000e_tx __attribute__((__unused__)) = {
	.pad = 17,	/* what TCTL.PSP needs to begin with */
	.addr = lr_e1000_tx_addr,
	.frame = lr_e1000_tx_frame,
	.piece = lr_e1000_tx_piece,
	.doorbell = lr_e1000_tx_doorbell,
	.report = lr_e1000_tx_report,
	.is_done = lr_e1000_tx_is_done,
};

LR_INLINE bool lr_e1000e_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	return lr_intel_rx_frame(h, c, LR_E1000E_RX_ERRORS, desc, len);
}

LR_INLINE int lr_e1000e_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	return lr_intel_rx_piece(x, c, LR_E1000E_RX_ERRORS, p);
}

static const struct lr_rx_format lr_e1000e_rx __attribute__((__unused__)) = {
	.loses_addr = true,
	.addr = lr_intel_rx_addr,
	.give = lr_intel_rx_give,
	.doorbell = lr_intel_rx_doorbell,
	.frame = lr_e1000e_rx_frame,
	.piece = lr_e1000e_rx_piece,
};

#endif
