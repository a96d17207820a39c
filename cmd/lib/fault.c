/* SPDX-License-Identifier: BSD-2-Clause */
/* What a tool says on stderr when something is wrong. Every sentence begins with the program's name. */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void say(const char *format, va_list list)
{
	/* What was printed so far comes first, also when both go to one file. */
	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
}

void fault_say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(format, list);
	va_end(list);
}

void fault_usage(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(format, list);
	va_end(list);
	exit(2);
}
