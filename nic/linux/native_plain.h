/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Rings of devices that have descriptors and a doorbell register, and nothing else: Intel's. How their drivers' glue starts and
 * stops them. See nic/linux/native.h; locks are as for ops->start and ops->stop.
 */
#ifndef LR_NATIVE_PLAIN_H
#define LR_NATIVE_PLAIN_H

#include "nic/linux/native.h"
#include "nic/native/rx.h"
#include "nic/native/tx.h"

/* A frame may have so many descriptors. 0 or -errno. */
LR_INLINE int lr_plain_start_tx(const struct lr_tx_format *f, struct lr_native *n, struct lr_ring *r, void *desc, lr_reg doorbell,
				uint32_t max_pieces)
{
	struct lr_native_tx *t = r->priv;

	*t = (struct lr_native_tx){
		.dma = &n->dma,
		.hw.desc = desc,
		.doorbell = doorbell,
		.max_frame = lr_native_max_frame(n),
		.max_pieces = max_pieces,
	};
	return lr_native_tx_start(f, t, r);
}

/* The device was told that buffers have r->buf_len bytes. 0 or -errno. */
LR_INLINE int lr_plain_start_rx(const struct lr_rx_format *f, struct lr_native *n, struct lr_ring *r, void *desc, lr_reg doorbell)
{
	struct lr_native_rx *x = r->priv;

	*x = (struct lr_native_rx){
		.dma = &n->dma,
		.hw.desc = desc,
		.hw.len = r->buf_len,
		.doorbell = doorbell,
	};
	return lr_native_rx_start(f, x, r);
}

/* A ring of either kind. */
LR_INLINE void lr_plain_stop(const struct lr_rx_format *f, struct lr_ring *r)
{
	if (r->kind == LR_TX)
		lr_native_tx_stop(r->priv);
	else
		lr_native_rx_stop(f, r->priv, r);
}

#endif
