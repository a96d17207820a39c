/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The requests for switches; control lock held.
 */
#ifndef LR_VALE_REQUEST_H
#define LR_VALE_REQUEST_H

#include <net/netmap.h>

#include "core/why.h"

/*
 * With a name: the numbers of that port, which is named as valeS:P or, of an interface, by its own name. With an empty one: the
 * first port from those numbers on, whose name goes to `name`. -ENOENT: there is none.
 */
int lr_vale_list(char name[NETMAP_REQ_IFNAMSIZ], struct nmreq_vale_list *list, struct lr_why *why);

#endif
