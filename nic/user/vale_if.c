/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent ports in user space are the switch's alone: an interface of the system would need somebody to carry
 * its packets when no program of ours runs.
 */
#include "core/vale_nic.h"

int lr_vale_if_create(const char *name, struct lr_why *why)
{
	(void)name;
	(void)why;
	return 0;
}

void lr_vale_if_destroy(const char *name, uint64_t netns)
{
	(void)name;
	(void)netns;
}
