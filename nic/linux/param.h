/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The module's parameters that NIC ports look at. Read with READ_ONCE: an administrator may change them any time; what is
 * bound keeps what it began with. They are kept within their limits by kmod/param.c.
 */
#ifndef LR_NIC_PARAM_H
#define LR_NIC_PARAM_H

/* How NICs are driven: 0 native where there is a driver for it, else emulated; 1 native only; 2 emulated only. */
extern unsigned int lr_admode;

/* Rings of an emulated NIC: 0 as many as the interface has queues, else at most so many. */
extern unsigned int lr_generic_rings;
/* Slots of each, when the program does not say. */
extern unsigned int lr_generic_ringsize;
/* Receivers are woken at most once in so many nanoseconds; 0: for each packet. */
extern unsigned int lr_generic_mit;

/* 1: what is bound and unbound, and each request that fails, is told in the kernel's log. */
extern unsigned int lr_verbose;

#endif
