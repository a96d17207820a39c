/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the kernel's own matters share, beside the helpers of the conformance suite: module parameters, a count
 * of what a region has left, children, descriptors that are sent, memory that may not be there. A program that is linked
 * with kernel.c skips as a whole, with exit code 77, where /dev/netmap is not a device.
 */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "../conformance/wire.h"

/* n, or less of it where the environment's LR_SLOW says that all is so many times slower; at least 1. */
uint32_t scaled(uint32_t n);

/* A module parameter: its number, -1 where there is none of that name; 0 or the errno of the write. */
long param_read(const char *name);
int param_write(const char *name, const char *value);
int param_set(const char *name, long value);

/*
 * The pools of regions that are made from now on are small, so that all of a region can be taken and given back quickly. The
 * parameters as they were when the program began: what a case changes is still so in the next one. run.sh puts them back
 * after each program.
 */
void small_regions(void);
void default_parameters(void);

/* What the region of a port has left for others: what was lost shows here. */
struct census {
	uint32_t ifs, rings, bufs;
};

struct census census_take(const struct port *holder);
void census_check(const char *file, int line, const struct port *holder, struct census before);
#define CHECK_CENSUS(holder, before) census_check(__FILE__, __LINE__, (holder), (before))

/* Memory that the machine could still give, in KiB. */
long mem_available(void);
/* All but `kib` of what was available is so again. The kernel frees much late: after grace periods, in its workers. */
void check_memory_back(const char *file, int line, long before, long kib);
#define CHECK_MEMORY_BACK(before, kib) check_memory_back(__FILE__, __LINE__, (before), (kib))

/* fn(arg) in a child, and _exit(0). */
pid_t spawn(void (*fn)(void *), void *arg);
/* Kills it with sig, which must be what it ends of. */
void reap_killed(pid_t pid, int sig);

/* A descriptor goes through a Unix socket; what arrives is a new number for the same file. */
void fd_send(int sock, int fd);
int fd_receive(int sock);

/* Touches a byte: 0, or the signal that came of it. */
int touch_read(const volatile void *p);
int touch_write(volatile void *p, uint8_t value);

void thread_start(pthread_t *t, void *(*fn)(void *), void *arg);
void thread_join(pthread_t t);

/* A number between 0 and n - 1. */
uint32_t any(uint32_t n);

/* n packets through a pipe, both ends in this process, each checked: the ports are well. */
void pipe_flow(struct port p[2], uint32_t n);

/* Takes what a packet socket has, whatever it is, until nothing comes for a while. */
void drain(int sock);

/* A request by ioctl that may fail with or without a reason: 0 or the errno. The reason is in `why`. */
int ask(int fd, uint16_t reqtype, const char *name, void *body);

#endif
