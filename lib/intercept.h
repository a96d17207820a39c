/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libc functions that this library takes over. They are visible under their plain names, without a version, so that they
 * stand in for any version of the C library's.
 */
#ifndef LR_INTERCEPT_H
#define LR_INTERCEPT_H

#define LR_TAKEN_OVER __attribute__((visibility("default")))

#endif
