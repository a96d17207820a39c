/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent ports in user space are the switch's alone: an interface of the system would need somebody to carry
 * its packets when no program of ours runs.
 */
#include <net/if.h>

#include "core/vale_nic.h"

/* Its name would be in the way of the interface's. */
int lr_vale_if_create(const char *name, struct lr_why *why)
{
	return if_nametoindex(name) ? lr_why(why, -EEXIST, "there is a network interface %s already", name) : 0;
}

void lr_vale_if_destroy(const char *name, uint64_t netns)
{
	(void)name;
	(void)netns;
}
