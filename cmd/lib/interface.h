/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system knows about a network interface: its address and its link. */
#ifndef CMD_INTERFACE_H
#define CMD_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

/* False when there is no such interface. */
bool interface_address(const char *name, uint8_t address[6]);

/*
 * Waits for the link for at most so many seconds. False when it is still down; true also for a name that is no
 * interface.
 */
bool interface_wait(const char *name, unsigned int seconds);

#endif
