/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * User space only: how a host sleeps on what the core recorded, and how a back end lends a descriptor.
 */
#ifndef LR_OS_WAITER_H
#define LR_OS_WAITER_H

#include "os/os.h"

void os_waiter_init(struct os_waiter *w);
/* Forgets what was recorded, so that the waiter can be used for another round. */
void os_waiter_release(struct os_waiter *w);
void os_waiter_fini(struct os_waiter *w);
/* Adds a descriptor that no ring owns. The host's own, or a back end's. */
int os_waiter_add(struct os_waiter *w, int fd, short events);
/* For back ends whose wake-up is not certain: sleep at most ms. The shortest wish counts. */
void os_waiter_nap(struct os_waiter *w, int ms);

/* The ring's news come through fd (for events, POLLIN or POLLOUT), which stays the back end's; -1 takes it back. */
void os_waitq_lend(struct os_waitq *wq, int fd, short events);

/* The descriptor behind shared memory, for programs to map. */
struct os_mem;
int os_mem_fd(const struct os_mem *mem);
/* Where our own mapping begins: one piece, as far as it is committed. */
void *os_mem_base(const struct os_mem *mem);

#endif
