/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The Internet checksum: RFC 1071, 2 (B): sums are of words as they lie in memory, whatever their order of bytes.
 * 64 bits hold the sum of 2^32 words: no carry is lost.
 */
#ifndef LR_SUM_H
#define LR_SUM_H

#include "os/os.h"

/* Adds n bytes; only the last piece of what is summed may have an odd number of them: it is padded with zero. */
static inline uint64_t lr_sum_add(uint64_t sum, const void *data, size_t n)
{
	const char *p = data;
	uint32_t word;
	uint16_t half = 0;

	for (; n >= 4; n -= 4, p += 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (n >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		half = 0;
	}
	if (n & 1) {
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

static inline uint16_t lr_sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of a piece that begins at an odd place of what is summed up: its bytes are the other way round. */
static inline uint16_t lr_sum_odd(uint64_t sum)
{
	uint16_t part = lr_sum_fold(sum);

	return (uint16_t)(part << 8 | part >> 8);
}

/* Into the field of a header. */
static inline void lr_sum_put(uint8_t *field, uint64_t sum)
{
	uint16_t v = (uint16_t)~lr_sum_fold(sum);

	memcpy(field, &v, 2);
}

/* Numbers of headers: the greater byte first. */
static inline uint32_t lr_get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t lr_get32(const uint8_t *p)
{
	return lr_get16(p) << 16 | lr_get16(p + 2);
}

static inline void lr_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)(v & 0xff);
}

#endif
