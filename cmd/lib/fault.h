/* SPDX-License-Identifier: BSD-2-Clause */
/* What a tool says on stderr when something is wrong. */
#ifndef CMD_FAULT_H
#define CMD_FAULT_H

/* "PROGRAM: sentence" on stderr. */
__attribute__((format(printf, 1, 2))) void fault_say(const char *format, ...);

/* The same, for a command line that can't be used: ends the program with exit code 2. */
__attribute__((format(printf, 1, 2), noreturn)) void fault_usage(const char *format, ...);

#endif
