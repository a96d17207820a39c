/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a queue of an interface, for people who want it, too. Who has one through netmap holds a socket with a name that
 * tells; names of this kind (unix(7), abstract) belong to a network namespace, and go with the process. They are a hint: anybody
 * may take one, so nothing depends on them but a sentence, and how long we wait for a queue.
 */
#ifndef LR_HOLDER_H
#define LR_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* A descriptor that says so, in the calling thread's namespace; to be closed with the queue. -1: there is none. */
int lr_holder_mark(unsigned int ifindex, unsigned int queue);

/* "NAME (process ID)", or "another process" and false when that cannot be told. */
bool lr_holder_find(unsigned int ifindex, unsigned int queue, char *buf, size_t size);

#endif
