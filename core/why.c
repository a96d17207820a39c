/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Reasons of failures, in words.
 */
#include "core/why.h"

int lr_why(struct lr_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why && !why->text[0]) {
		va_start(ap, fmt);
		os_vsnprintf(why->text, sizeof(why->text), fmt, ap);
		va_end(ap);
	}
	return err;
}

int lr_why_copyout(const struct lr_why *why, uint64_t uaddr, uint32_t room)
{
	size_t len = strnlen(why->text, sizeof(why->text) - 1);
	char end = '\0';

	if (len >= room)
		len = room - 1;
	if (os_copyout(uaddr, why->text, len) < 0 || os_copyout(uaddr + len, &end, 1) < 0)
		return -EFAULT;
	return 0;
}

void lr_text(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	os_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
}
