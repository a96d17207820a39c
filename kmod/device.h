/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * /dev/netmap.
 */
#ifndef LR_DEVICE_H
#define LR_DEVICE_H

int lr_device_init(void);
void lr_device_fini(void);

#endif
