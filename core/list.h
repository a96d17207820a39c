/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Lists of all there is, for tools.
 */
#ifndef LR_LIST_H
#define LR_LIST_H

#include <net/netmap_linerate.h>

#include "os/os.h"

/* The first `room` entries are filled in; how many there are. Control lock held. */
uint32_t lr_list_ports(struct nm_port_entry *list, uint32_t room);
uint32_t lr_list_regions(struct nm_region_entry *list, uint32_t room);

#endif
