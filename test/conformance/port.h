/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the conformance tests share: the control device, requests that keep the
 * reason of a failure, ports that are opened and mapped in one call, packets
 * with a number in them. Public interface only: the tests run against any
 * host, linked with libnetmap, under the preload library or on the device.
 */
#ifndef TEST_PORT_H
#define TEST_PORT_H

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <net/netmap.h>
#include <net/netmap_linerate.h>
#include <net/netmap_user.h>

#include "check.h"

#define PTR(p)	((uint64_t)(uintptr_t)(p))

/* Why the last ctrl() of this thread failed, in words; "" if it did not. */
extern _Thread_local char why[256];

/* A new descriptor of the control device. */
int dev_open(void);

/* One request with the option that asks for the reason: 0 or the errno. */
int ctrl(int fd, uint16_t reqtype, const char *name, void *body);

/* A header, for requests made by hand. */
struct nmreq_header header(uint16_t reqtype, const char *name, void *body);

/* A call as above that must fail so, and say why. */
#define CHECK_REFUSED(call, err)					\
	do {								\
		int e_ = (call);					\
		if (e_ != (err))					\
			FAIL("%s: %s (%s), not " #err, #call,		\
			     e_ ? strerror(e_) : "success", why);	\
		if (!why[0])						\
			FAIL("%s: refused without a reason", #call);	\
	} while (0)

/* The same where several errors are right. */
#define CHECK_REFUSED_ANY(call, err1, err2)				\
	do {								\
		int e_ = (call);					\
		if (e_ != (err1) && e_ != (err2))			\
			FAIL("%s: %s (%s), not " #err1 " or " #err2, #call, \
			     e_ ? strerror(e_) : "success", why);	\
		if (!why[0])						\
			FAIL("%s: refused without a reason", #call);	\
	} while (0)

#define CHECK_GRANTED(call)						\
	do {								\
		int e_ = (call);					\
		if (e_)							\
			FAIL("%s: %s (%s)", #call, strerror(e_), why);	\
	} while (0)

/* An open port: registered, and mapped unless port_register() alone was used. */
struct port {
	int fd;
	char name[NETMAP_REQ_IFNAMSIZ];
	struct nmreq_register reg;
	char *mem;
	struct netmap_if *nifp;
};

/* A name nobody else on this machine uses: letter, process id, suffix. */
const char *unique(const char *suffix);

/* Registers p->name with p->reg (nr_mode 0 means ALL_NIC): 0 or the errno. */
int port_register(struct port *p);
void port_map(struct port *p);
/* All of it; must succeed. want may be NULL. */
struct port port_open(const char *name, const struct nmreq_register *want);
void port_close(struct port *p);

/* Both ends of a new pipe: [0] the master, [1] the slave. slots 0: default. */
void pipe_open(struct port p[2], const char *name, uint32_t slots);

struct netmap_ring *tx_ring(const struct port *p, unsigned int i);
struct netmap_ring *rx_ring(const struct port *p, unsigned int i);

void txsync(const struct port *p);
void rxsync(const struct port *p);

/* poll() of one port: revents. */
short poll_port(const struct port *p, short events, int timeout_ms);

/* i + n, modulo the size of the ring. */
uint32_t ring_add(const struct netmap_ring *r, uint32_t i, uint32_t n);

/* Writes packet number seq, len bytes (12 at least), into a slot. */
void packet_fill(const struct netmap_ring *r, uint32_t slot, uint32_t seq, uint16_t len);
/* Checks that the slot has it, whole. */
void packet_check(const struct netmap_ring *r, uint32_t slot, uint32_t seq, uint16_t len);
/* Which one the slot has. */
uint32_t packet_seq(const struct netmap_ring *r, uint32_t slot);

/* Puts up to n packets numbered from *seq in the ring, of 60 bytes and more. No sync. */
uint32_t put_packets(struct netmap_ring *r, uint32_t n, uint32_t *seq);
/* Takes up to n packets, checks that they are numbered from *seq. No sync. */
uint32_t take_packets(struct netmap_ring *r, uint32_t n, uint32_t *seq);

/* Stats of ring `index` of direction dir, asked on descriptor fd. */
struct nm_ring_stats ring_stats(int fd, const char *name, unsigned int dir, unsigned int index);

/*
 * Copies the list of extra buffers that begins at head into list[]; holder, any
 * port of the region with a tx ring, tells where buffers are. How many.
 */
uint32_t list_walk(const struct port *holder, char *mem, uint32_t head, uint32_t *list, uint32_t max);

/* How many buffers the region of holder has left: takes all, checks that they are distinct, gives them back. */
uint32_t bufs_free(const struct port *holder);

#endif
