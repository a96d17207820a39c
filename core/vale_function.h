/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Forwarding functions of switches, by name: they are there before the switch and after it. For hosts.
 */
#ifndef LR_VALE_FUNCTION_H
#define LR_VALE_FUNCTION_H

#include <net/netmap_vale.h>

#include "os/os.h"
#include "core/why.h"

struct lr_switch;

/* netns 0: switches of that name in all namespaces. They take the control lock. 0 or -errno. */
int lr_vale_set_function(const char *name, uint64_t netns, netmap_vale_function function, void *arg, struct lr_why *why);
/* When it returns nobody is in the function any more. */
void lr_vale_clear_function(const char *name, uint64_t netns);

/* A new switch gets the function that is there for it. Control lock held. */
void lr_vale_find_function(struct lr_switch *sw);

#endif
