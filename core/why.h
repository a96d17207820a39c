/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Reasons: a failing request says in words what was wrong and, where there is one, the remedy.
 */
#ifndef LR_WHY_H
#define LR_WHY_H

#include "os/os.h"

struct lr_why {
	char text[256];
};

/*
 * Writes the sentence and returns err, so that a failure is one line: return lr_why(why, -EINVAL, "...").
 * The first sentence stays: what is nearest to the cause knows best. why may be NULL.
 */
int lr_why(struct lr_why *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The sentence into the caller's memory: cut to room bytes, at least 1, and terminated. 0 or -EFAULT. */
int lr_why_copyout(const struct lr_why *why, uint64_t uaddr, uint32_t room);

/* snprintf for text that programs see: always terminated, cut when too long. */
void lr_text(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
