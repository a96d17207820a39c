/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot on stdout, for people and for machines. */
#ifndef NMCTL_PRINT_H
#define NMCTL_PRINT_H

struct snapshot;

void print_ports(const struct snapshot *s);
/* Of the port called so, or of all when name is NULL. False: there is none. */
int print_rings(const struct snapshot *s, const char *name);
void print_switches(const struct snapshot *s);
void print_memory(const struct snapshot *s);
/* All of it, as one JSON object in one line. */
void print_json(const struct snapshot *s);

#endif
