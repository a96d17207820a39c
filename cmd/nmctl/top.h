/* SPDX-License-Identifier: BSD-2-Clause */
/* nmctl top: what each ring does, as it does it. */
#ifndef NMCTL_TOP_H
#define NMCTL_TOP_H

#include <stdbool.h>
#include <stdint.h>

struct top_options {
	double seconds;		/* between two looks */
	uint64_t looks;		/* then it ends; 0: when told to */
	bool json;		/* a line for each look instead of a screen */
};

/* The exit code. */
int top_run(int fd, const struct top_options *options);

#endif
