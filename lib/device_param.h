/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NETMAP_{IF,RING,BUF}_{NUM,SIZE} in the environment.
 */
#ifndef LR_DEVICE_PARAM_H
#define LR_DEVICE_PARAM_H

/* Sets lr_region_params[0]; with a bad value says so on stderr and returns -errno. */
int lr_params_from_environment(void);

#endif
