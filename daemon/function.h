/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwarding functions of switches, out of shared objects that the configuration names; net/netmap_vale.h says what they have.
 */
#ifndef LR_DAEMON_FUNCTION_H
#define LR_DAEMON_FUNCTION_H

/* All that are configured. What is wrong is said on stderr. 0 or -errno; then lr_functions_unload all the same. */
int lr_functions_load(void);
/* Switches that are still there go on with their tables. */
void lr_functions_unload(void);

#endif
