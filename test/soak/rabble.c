/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rabble: clients that do what comes into their heads, on ports that are not in the accounts. They open and close, attach and
 * detach, make persistent ports, flood, write nonsense into shared memory and ask for nonsense, fork, and leave without a word.
 * Nobody counts on them; others must not notice.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

#define PORTS 6
#define NOBODY 65534

struct rabble {
	uint64_t random;
	int control;
	struct port port[PORTS];
};

static uint32_t below(struct rabble *r, uint32_t n)
{
	return random_below(&r->random, n);
}

/* Any of those that are open; NULL: none is. */
static struct port *any_port(struct rabble *r)
{
	struct port *p = &r->port[below(r, PORTS)];

	return p->nifp ? p : NULL;
}

static void any_name(struct rabble *r, char name[64])
{
	switch (below(r, 6)) {
	case 0: snprintf(name, 64, "rab%u{%u", below(r, 2), below(r, 2)); break;
	case 1: snprintf(name, 64, "rab%u}%u", below(r, 2), below(r, 2)); break;
	case 2: snprintf(name, 64, "valen:p%u", below(r, 2)); break;
	case 3: snprintf(name, 64, "valer:r%u", below(r, 4)); break;
	case 4: snprintf(name, 64, nics ? "sv%u" : "valer:v%u", below(r, 4)); break;
	default: snprintf(name, 64, "valer:p%u", below(r, 8));
	}
}

static void open_any(struct rabble *r)
{
	static const uint16_t slots[] = { 0, 16, 64, 333, 1024 };
	struct nmreq_register reg = { .nr_mode = below(r, 8) ? NR_REG_ALL_NIC : 1 + below(r, 8) };
	struct port *p = &r->port[below(r, PORTS)];
	char name[64];

	any_name(r, name);
	if (p->fd >= 0)
		port_close(p);
	reg.nr_ringid = (uint16_t)(below(r, 4) ? 0 : below(r, 4));
	reg.nr_tx_rings = (uint16_t)below(r, 4);
	reg.nr_rx_rings = (uint16_t)below(r, 4);
	reg.nr_tx_slots = slots[below(r, 5)];
	reg.nr_rx_slots = slots[below(r, 5)];
	reg.nr_extra_bufs = below(r, 4) ? 0 : below(r, 3000);
	if (!below(r, 4))
		reg.nr_flags = below(r, 2) ? NR_EXCLUSIVE : below(r, 2) ? NR_TX_RINGS_ONLY : NR_RX_RINGS_ONLY;
	port_open(p, name, &reg);
}

/* --- Traffic ------------------------------------------------------------------------------------------------------ */

/* The buffer of a slot: another of us may have written there. NULL: it is outside of the memory. */
static char *buffer(const struct port *p, struct netmap_ring *ring, const struct netmap_slot *s)
{
	uint64_t at = (uint64_t)((char *)ring - p->mem) + (uint64_t)ring->buf_ofs + (uint64_t)__atomic_load_n(&s->buf_idx, __ATOMIC_RELAXED) * 2048;

	return at < p->size - 2048 ? p->mem + at : NULL;
}

static void send_any(struct rabble *r, struct port *p)
{
	struct netmap_ring *ring;
	uint32_t n;

	if (!p->nifp->ni_tx_rings || !p->nifp->ring_ofs[0])
		return;
	ring = NETMAP_TXRING(p->nifp, 0);
	for (n = below(r, 500); n && !nm_ring_empty(ring); n--) {
		struct netmap_slot *s = &ring->slot[ring->head % ring->num_slots];
		char *buf = buffer(p, ring, s);

		if (!buf)
			break;
		memset(buf, below(r, 3) ? 0xff : 2, 6);
		memset(buf + 6, 2, 5);
		buf[11] = (char)below(r, 256);
		s->len = (uint16_t)(14 + below(r, 1500));
		s->flags = (uint16_t)(below(r, 8) ? 0 : random_next(&r->random) & ~NS_INDIRECT);
		ring->head = ring->cur = nm_ring_next(ring, ring->head);
	}
	ioctl(p->fd, NIOCTXSYNC, NULL);
}

static void receive_any(struct port *p)
{
	struct netmap_ring *ring;
	uint32_t first = p->nifp->ni_tx_rings + p->nifp->ni_host_tx_rings;

	if (!p->nifp->ni_rx_rings || !p->nifp->ring_ofs[first])
		return;
	ring = NETMAP_RXRING(p->nifp, 0);
	ring->head = ring->cur = ring->tail;
	ioctl(p->fd, NIOCRXSYNC, NULL);
}

/* Our own rings alone: what is in a region that we share would harm another of the rabble, which is fair, too. */
static void scribble(struct rabble *r, struct port *p)
{
	struct netmap_ring *ring;
	uint32_t i;

	if (!p->nifp->ni_tx_rings || !p->nifp->ring_ofs[0])
		return;
	ring = NETMAP_TXRING(p->nifp, 0);
	for (i = 0; i < 20; i++)
		ring->slot[below(r, 16)] = (struct netmap_slot){
			random_next(&r->random), (uint16_t)random_next(&r->random), (uint16_t)(random_next(&r->random) & ~NS_INDIRECT), 0 };
	ring->head = random_next(&r->random);
	ring->cur = below(r, 2) ? ring->head : random_next(&r->random);
	ioctl(p->fd, NIOCTXSYNC, NULL);
	/* It can no longer be used as one should; others find what they find. */
	port_close(p);
}

/* --- Requests ------------------------------------------------------------------------------------------------------ */

static void persist_any(struct rabble *r)
{
	struct nmreq_vale_newif newif = { .nr_tx_rings = (uint16_t)below(r, 3), .nr_rx_rings = (uint16_t)below(r, 3) };
	struct nmreq_vale_attach attach = { .reg.nr_mode = NR_REG_ALL_NIC };
	struct nmreq_vale_detach detach = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "valer:r%u", below(r, 4));
	switch (below(r, 4)) {
	case 0: ask(r->control, NETMAP_REQ_VALE_NEWIF, strchr(name, ':') + 1, &newif); break;
	case 1: ask(r->control, NETMAP_REQ_VALE_ATTACH, name, &attach); break;
	case 2: ask(r->control, NETMAP_REQ_VALE_DETACH, name, &detach); break;
	default: ask(r->control, NETMAP_REQ_VALE_DELIF, strchr(name, ':') + 1, NULL);
	}
}

static void attach_any(struct rabble *r)
{
	struct nmreq_vale_attach attach = { .reg.nr_mode = below(r, 3) ? NR_REG_ALL_NIC : NR_REG_NIC_SW };
	struct nmreq_vale_polling poll = { .nr_mode = NETMAP_POLLING_MODE_SINGLE_CPU, .nr_num_polling_cpus = 1 };
	struct nmreq_vale_detach detach = { 0 };
	uint32_t what = below(r, 16);
	char name[64];

	snprintf(name, sizeof(name), "valen:sv%u", below(r, 4));
	if (what < 6 && !ask(r->control, NETMAP_REQ_VALE_ATTACH, name, &attach))
		__atomic_add_fetch(&soak->attaches, 1, __ATOMIC_RELAXED);
	else if (what == 6)
		ask(r->control, NETMAP_REQ_VALE_POLLING_ENABLE, name, &poll);
	else if (what < 10)
		ask(r->control, NETMAP_REQ_VALE_POLLING_DISABLE, name, &poll);
	else
		ask(r->control, NETMAP_REQ_VALE_DETACH, name, &detach);
}

/* Any number of a request, a body of noise, and sometimes no memory at all. */
static void nonsense(struct rabble *r)
{
	uint32_t body[64];
	char name[64];
	unsigned int i;

	for (i = 0; i < 64; i++)
		body[i] = below(r, 3) ? below(r, 4) : random_next(&r->random);
	any_name(r, name);
	if (!below(r, 4))
		name[below(r, 10)] = (char)below(r, 256);
	ask(r->control, (uint16_t)below(r, 16), name, below(r, 6) ? body : (void *)(uintptr_t)random_next(&r->random));
}

static void header_any(struct rabble *r, struct port *p)
{
	static const uint32_t len[] = { 0, 10, 12, 11 };
	struct nmreq_port_hdr hdr = { .nr_hdr_len = len[below(r, 4)] };

	ask(p->fd, NETMAP_REQ_PORT_HDR_SET, p->nifp->ni_name, &hdr);
}

/* A child with all our descriptors syncs for a moment, and dies. */
static void fork_any(struct rabble *r, struct port *p)
{
	pid_t pid = fork();

	if (pid == 0) {
		ioctl(p->fd, NIOCRXSYNC, NULL);
		usleep(below(r, 3000));
		_exit(0);
	}
	if (below(r, 2))
		port_close(p);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void act(struct rabble *r)
{
	struct port *p = any_port(r);
	struct pollfd pfd = { .events = POLLIN | POLLOUT };
	uint32_t what = below(r, 100);

	if (what < 12 || !p) {
		open_any(r);
	} else if (what < 42) {
		send_any(r, p);
	} else if (what < 72) {
		receive_any(p);
	} else if (what < 76) {
		pfd.fd = p->fd;
		poll(&pfd, 1, (int)below(r, 20));
	} else if (what < 78) {
		scribble(r, p);
	} else if (what < 82) {
		header_any(r, p);
	} else if (what < 83) {
		fork_any(r, p);
	} else if (what < 86) {
		port_close(p);
	}
	switch (below(r, 60)) {
	case 0: case 1: persist_any(r); break;
	case 2: case 3: if (nics) attach_any(r); break;
	case 4: case 5: nonsense(r); break;
	default: usleep(below(r, 4000));
	}
}

_Noreturn void rabble_run(unsigned int number, uint64_t seed)
{
	struct rabble r = { .random = seed };
	unsigned int i, left;

	/* One of them is nobody. */
	if (number == 0 && geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(1);
	for (i = 0; i < PORTS; i++)
		r.port[i].fd = -1;
	r.control = device();
	for (left = 100 + below(&r, 2000); r.control >= 0 && left && !__atomic_load_n(&soak->stop, __ATOMIC_RELAXED); left--)
		act(&r);
	_exit(0);
}
