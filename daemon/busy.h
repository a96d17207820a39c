/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doors that are served by polling: threads on processors of their own, which go round and never sleep. A client then never
 * makes a system call to be served.
 */
#ifndef LR_DAEMON_BUSY_H
#define LR_DAEMON_BUSY_H

#include "daemon/door.h"

struct lr_busy;

/* Starts the threads that the configuration asks for. 0 or -errno. */
int lr_busy_init(void);
/* The door is served by one of them from now on; NULL: there are none. */
struct lr_busy *lr_busy_add(struct lr_door *d, struct lr_file *f);
/* Not any more when this returns. */
void lr_busy_remove(struct lr_busy *b, struct lr_door *d);

#endif
