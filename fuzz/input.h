/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: taking an input apart, and what must hold at the end of each.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "core/port.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ADDR(p) ((uint64_t)(uintptr_t)(p))

/* Not assert(): it must not depend on NDEBUG. */
#define MUST(c)									\
	do {									\
		if (!(c)) {							\
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);	\
			abort();						\
		}								\
	} while (0)

/* What is left of an input. Past its end all is 0. */
struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint64_t input_number(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	for (; bytes && in->left; bytes--, in->left--)
		v = v << 8 | *in->p++;
	return v;
}

static inline uint32_t input_below(struct input *in, uint32_t n)
{
	return (uint32_t)input_number(in, n > 256 ? 2 : 1) % n;
}

/* Small pools, so that they run out, with buffers of the smallest size: opening costs little. */
static inline void small_regions(void)
{
	static const struct lr_region_params params = { { { 10, 4096 }, { 14, 20480 }, { 6000, 256 } } };

	lr_region_params[0] = lr_region_params[1] = params;
}

/* With the last descriptor everything must have gone. */
static inline void must_be_empty(void)
{
	unsigned int id;

	lr_control_lock();
	for (id = 1; id < 100; id++)
		MUST(!lr_region_find((uint16_t)id));
	lr_control_unlock();
}

#endif
