/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as people write them on a command line. */
#ifndef CMD_NUMBER_H
#define CMD_NUMBER_H

#include <stdint.h>

/*
 * The value of option -letter: digits, perhaps a fraction, perhaps one of the suffixes k, M and G (powers of 1000),
 * within [least, most]. Anything else ends the program with a sentence that says why.
 */
uint64_t number_option(char letter, const char *text, uint64_t least, uint64_t most);

#endif
