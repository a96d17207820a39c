/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /dev/netmap as descriptors of this process, where there is no such device. What the libc entry points (intercept*.c)
 * call when a descriptor may be ours. Behind such a descriptor is the core in this process, the in-process host; or a connection
 * to netmapd, which has the core (daemon.h).
 *
 * The number a program gets is a real descriptor, of an epoll set, so it can be given to anything. What we are
 * asked about it the core answers; who polls it past us (by raw system calls) sees what the NIC's own
 * descriptors tell, which are in that epoll set.
 *
 * Signal handlers may use other descriptors as ever. A netmap descriptor they may not, as what they interrupted may be a
 * call on it, unless that is asleep in poll, select or epoll_wait.
 *
 * A descriptor that one thread closes while another polls it reports POLLERR to the other, at once; its port is unbound when
 * that call has ended.
 */
#ifndef LR_DEVICE_H
#define LR_DEVICE_H

#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "device_table.h"

struct lr_epoll;

/* --- Descriptors: device.c -------------------------------------------------------------------- */

/*
 * The real open answered fd (or -1 with errno) to this path; the answer for the program. NETMAP_HOST says
 * who may answer: "device" the real one, "daemon" netmapd, "inprocess" us; unset or empty, the first of these that is there.
 */
int lr_device_open(int fd, const char *path, int flags);
/* Would it open? For those who test for the file. */
bool lr_device_exists(const char *path);

/* fd will be closed, or is closed. */
void lr_device_forget(int fd);
void lr_device_forget_range(unsigned int first, unsigned int last);
/* `copy` is a new number for what fd stands for; -1 with errno when it cannot be one (it is closed then). */
int lr_device_share(int fd, int copy);

/* As the libc functions of the same name; fd was ours when last looked at. */
int lr_device_ioctl(int fd, unsigned long cmd, void *arg);
void *lr_device_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

/* Of an open device and not of an epoll set. */
bool lr_desc_is_device(const struct lr_desc *d);
/* A number that changes whenever the bound rings of these directions (POLLIN, POLLOUT) get something for the program. */
uint64_t lr_device_stamp(const struct lr_desc *d, int events);

/* --- fork: device_fork.c ------------------------------------------------------------------------ */

int lr_fork_init(void);
/* Closes the file of a description that is marked as shared. */
void lr_fork_close(struct lr_desc *d);
/* A description marked so is used here: its port goes on here. */
void lr_fork_use(struct lr_desc *d);
/* Nobody waits on the epoll set any more. */
void lr_epoll_alone(struct lr_epoll *ep);

/* --- Waiting: device_poll.c, device_select.c, device_epoll.c --------------------------------- */

/* As the libc functions of the same name, whether any of the descriptors is ours or not. */
int lr_device_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
int lr_device_select(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout, const sigset_t *mask);
int lr_device_epoll_wait(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask);
/* fd is ours. */
int lr_device_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);

/*
 * What the real epoll_wait returned on a set that was not ours when it was called: takes out the event that tells
 * that it is now. 0: nothing else was there, ask lr_device_epoll_wait.
 */
int lr_device_epoll_filter(struct epoll_event *events, int n);

#endif
