/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose request the calling thread is working on, for the core: os_copyin and os_copyout go over the caller's line.
 */
#ifndef LR_DAEMON_CALLER_H
#define LR_DAEMON_CALLER_H

#include "os/os.h"

struct lr_caller {
	int line;	/* the socket of the call */
	int alive;	/* the connection: when it ends, so does the call */
	bool narrow;	/* a program of 32 bits */
};

/* From here on the thread works for c; NULL: for nobody. */
void lr_caller_set(const struct lr_caller *c);

#endif
