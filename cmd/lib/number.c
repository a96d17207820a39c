/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as people write them on a command line: 512, 10k, 1.5M. */
#include "number.h"

#include "fault.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

static uint64_t suffix_factor(char suffix)
{
	switch (suffix) {
	case 'k':
	case 'K':
		return 1000;
	case 'm':
	case 'M':
		return 1000000;
	case 'g':
	case 'G':
		return 1000000000;
	}
	return 0;
}

/* Adds one decimal digit to *value; false when it no longer fits. */
static bool digit_append(uint64_t *value, char digit)
{
	return !__builtin_mul_overflow(*value, 10, value) &&
	       !__builtin_add_overflow(*value, (uint64_t)(digit - '0'), value);
}

/* Returns NULL and the value, or what is wrong with the text. */
static const char *parse(const char *text, uint64_t *value)
{
	uint64_t whole = 0, fraction = 0, scale = 1, factor = 1;
	const char *p = text;

	if (*p < '0' || *p > '9')
		return "is not a number";
	for (; *p >= '0' && *p <= '9'; p++)
		if (!digit_append(&whole, *p))
			return "is too large";
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			if (scale == 1000000000)
				return "has too many digits";
			digit_append(&fraction, *p);
			scale *= 10;
		}
	}
	if (*p) {
		factor = suffix_factor(*p++);
		if (!factor || *p)
			return "is not a number";
	}
	if (fraction * factor % scale)
		return "is not a whole number";
	if (__builtin_mul_overflow(whole, factor, &whole) ||
	    __builtin_add_overflow(whole, fraction * factor / scale, value))
		return "is too large";
	return NULL;
}

uint64_t number_option(char letter, const char *text, uint64_t least, uint64_t most)
{
	uint64_t value;
	const char *wrong = parse(text, &value);

	if (wrong)
		fault_usage("-%c: \"%s\" %s", letter, text, wrong);
	if (value < least || value > most)
		fault_usage("-%c: %s is out of range, it must be between %" PRIu64 " and %" PRIu64, letter, text, least,
			    most);
	return value;
}
