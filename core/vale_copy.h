/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Copies packets. Short ones in pieces of fixed size, which compilers make a few moves of, the last of them laid so that
 * it ends with the packet: no call, no loop, and not a byte of the sender's more than the packet has.
 */
#ifndef LR_VALE_COPY_H
#define LR_VALE_COPY_H

#include "os/os.h"

static inline void lr_copy_ends(char *dst, const char *src, uint32_t len, const uint32_t piece)
{
	__builtin_memcpy(dst, src, piece);
	__builtin_memcpy(dst + len - piece, src + len - piece, piece);
}

static inline void lr_packet_copy(char *dst, const char *src, uint32_t len)
{
	if (os_likely(len - 32 <= 32))
		lr_copy_ends(dst, src, len, 32);
	else if (len > 64)
		memcpy(dst, src, len);
	else if (len >= 16)
		lr_copy_ends(dst, src, len, 16);
	else if (len >= 8)
		lr_copy_ends(dst, src, len, 8);
	else
		memcpy(dst, src, len);
}

#endif
