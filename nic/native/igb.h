/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * 82576, I210, I350: advanced descriptors both ways.
 *
 * After the I210 datasheet, chapter 7: "Advanced Transmit Data Descriptor", "Advanced Receive Descriptors". The driver sets
 * hw.desc and the doorbells (TDT(n), RDT(n)); SRRCTL.DESCTYPE to advanced with one buffer, BSIZEPACKET so that it is hw.len;
 * RCTL.SECRC and RCTL of the errors as it does anyway; TXDCTL.WTHRESH to at most 1; no VLAN stripping, no receive checksum
 * offload.
 */
#ifndef LR_NATIVE_IGB_H
#define LR_NATIVE_IGB_H

#include "nic/native/intel_rx.h"
#include "nic/native/intel_tx.h"

/* RXE, CXE, SEQ, SE, CE, where a controller has them. The others are about checksums in the frame. */
#define LR_IGB_RX_ERRORS 0x97000000u

static const struct lr_tx_format lr_igb_tx __attribute__((__unused__)) = {
	.pad = 17,	/* the least that the device pads itself */
	.loses_addr = true,
	.addr = lr_intel_tx_addr,
	.frame = lr_intel_tx_frame,
	.piece = lr_intel_tx_piece,
	.doorbell = lr_intel_tx_doorbell,
	.report = lr_intel_tx_report,
	.is_done = lr_intel_tx_is_done,
};

LR_INLINE bool lr_igb_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	return lr_intel_rx_frame(h, c, LR_IGB_RX_ERRORS, desc, len);
}

LR_INLINE int lr_igb_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	return lr_intel_rx_piece(x, c, LR_IGB_RX_ERRORS, p);
}

static const struct lr_rx_format lr_igb_rx __attribute__((__unused__)) = {
	.loses_addr = true,
	.addr = lr_intel_rx_addr,
	.give = lr_intel_rx_give,
	.doorbell = lr_intel_rx_doorbell,
	.frame = lr_igb_rx_frame,
	.piece = lr_igb_rx_piece,
};

#endif
