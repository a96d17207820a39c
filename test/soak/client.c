/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of a lane: sends, receives and checks, sometimes not for a while, and ends. It may be killed at any instruction: so
 * it notes what it is about to do, and only after it what has been done (struct lane).
 *
 * A packet that is received is whole, for us, and younger than the one before from the same sender.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "soak.h"

#define NOWHERE 250u	/* no port of a switch has this number */

struct client {
	struct group *group;
	unsigned int g, me;
	struct lane *lane;
	struct port port;
	struct netmap_ring *tx, *rx;
	uint64_t random;
	uint32_t seq;
	uint32_t life[LANES_MAX], last[LANES_MAX];	/* of each sender */
	char packet[PACKET_MAX];
};

static _Noreturn void wrong(struct client *c, const char *what, uint32_t value)
{
	snprintf(c->lane->error, sizeof(c->lane->error), "%s: %s (%u)", c->lane->name, what, value);
	_exit(1);
}

/* What is noted must be in memory in this order, as seen by who looks when we are stopped: a compiler's barrier will do. */
static void note(struct client *c, enum step step, uint64_t before, uint32_t count, uint32_t target)
{
	c->lane->before = before;
	c->lane->count = count;
	c->lane->target = target;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	c->lane->step = step;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void noted(struct client *c, uint64_t *total)
{
	*total = c->lane->before + c->lane->count;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	c->lane->step = STEP_NONE;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void sync_ring(struct client *c, unsigned long cmd)
{
	if (ioctl(c->port.fd, cmd, NULL) < 0)
		wrong(c, "a sync failed", (uint32_t)errno);
}

/* --- Sending ---------------------------------------------------------------------------------------------------- */

/* Who for, and what the slot says about it. */
static uint16_t choose(struct client *c, struct mark *m)
{
	uint32_t to = random_below(&c->random, c->group->lanes + 1);

	*m = (struct mark){ c->g, c->me, c->lane->life, LANES_MAX, ++c->seq };
	if (c->group->kind == GROUP_PIPES)
		m->to = c->me ^ 1;
	if (c->group->kind != GROUP_ONE)
		return 0;
	/* The last one is nobody; and what one sends to oneself goes nowhere. */
	if (to == c->group->lanes)
		return NOWHERE << NS_PORT_SHIFT;
	m->to = to;
	return (uint16_t)(c->group->lane[to].index << NS_PORT_SHIFT);
}

/* One packet, in pieces of a size that is drawn. */
static uint32_t put(struct client *c, uint32_t at, uint32_t *room)
{
	uint32_t len = PACKET_MIN + random_below(&c->random, random_below(&c->random, 4) ? 200 : PACKET_MAX - PACKET_MIN);
	uint32_t piece = random_below(&c->random, 4) ? 2048 : 256 + random_below(&c->random, 1700), done = 0;
	struct mark m;
	uint16_t flags;

	if ((len + piece - 1) / piece > *room)
		return at;
	flags = choose(c, &m);
	packet_write(c->packet, len, &m);
	while (done < len) {
		struct netmap_slot *s = &c->tx->slot[at];
		uint32_t n = len - done < piece ? len - done : piece;

		memcpy(NETMAP_BUF(c->tx, s->buf_idx), c->packet + done, n);
		s->len = (uint16_t)n;
		s->flags = (uint16_t)(flags | (done + n < len ? NS_MOREFRAG : 0));
		done += n;
		at = nm_ring_next(c->tx, at);
		--*room;
	}
	return at;
}

static void send_some(struct client *c)
{
	uint32_t want = 1 + random_below(&c->random, 200), n = 0, at = c->tx->head, room = nm_ring_space(c->tx);

	while (n < want) {
		uint32_t next = put(c, at, &room);

		if (next == at)
			break;
		at = next;
		n++;
	}
	note(c, STEP_SEND, c->lane->sent, n, at);
	c->tx->head = c->tx->cur = at;
	sync_ring(c, NIOCTXSYNC);
	noted(c, &c->lane->sent);
}

/* --- Receiving --------------------------------------------------------------------------------------------------- */

static void check(struct client *c, uint32_t len)
{
	struct mark m;

	if (!packet_read(c->packet, len, &m))
		wrong(c, "a damaged packet, of so many bytes", len);
	if (m.group != c->g || m.from >= c->group->lanes || (m.to != c->me && m.to != LANES_MAX) || m.from == c->me)
		wrong(c, "a packet that is for others, from", m.from);
	if (m.life < c->life[m.from] || (m.life == c->life[m.from] && m.seq <= c->last[m.from]))
		wrong(c, "a packet came twice, or late, from", m.from);
	c->life[m.from] = m.life;
	c->last[m.from] = m.seq;
}

static void receive_some(struct client *c)
{
	uint32_t want = 1 + random_below(&c->random, 300), at = c->rx->head, n = 0, len = 0;

	while (n < want && at != c->rx->tail) {
		struct netmap_slot *s = &c->rx->slot[at];

		if (len + s->len > PACKET_MAX)
			wrong(c, "a packet is too long", len + s->len);
		memcpy(c->packet + len, NETMAP_BUF(c->rx, s->buf_idx), s->len);
		len += s->len;
		at = nm_ring_next(c->rx, at);
		if (s->flags & NS_MOREFRAG)
			continue;
		check(c, len);
		len = 0;
		n++;
	}
	if (len)
		wrong(c, "a packet has no end", len);
	note(c, STEP_RECEIVE, c->lane->received, n, at);
	c->rx->head = c->rx->cur = at;
	sync_ring(c, NIOCRXSYNC);
	noted(c, &c->lane->received);
}

/* --- Life -------------------------------------------------------------------------------------------------------- */

static void act(struct client *c)
{
	struct pollfd p = { .fd = c->port.fd, .events = POLLIN };
	uint32_t what = random_below(&c->random, 100);
	struct nm_ring_stats tx, rx;

	if (what < 40)
		send_some(c);
	else if (what < 80)
		receive_some(c);
	else if (what < 90)
		poll(&p, 1, (int)random_below(&c->random, 50));
	else if (what < 92)
		port_stats(c->port.fd, c->lane->name, &tx, &rx);
	else
		usleep(random_below(&c->random, 10000));
	if (p.revents & POLLERR)
		wrong(c, "poll says that something is wrong", (uint32_t)p.revents);
}

static bool enter(struct client *c)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ONE_NIC, .nr_flags = NR_EXCLUSIVE };

	if (port_open(&c->port, c->lane->name, &reg))
		return false;
	c->tx = NETMAP_TXRING(c->port.nifp, 0);
	c->rx = NETMAP_RXRING(c->port.nifp, 0);
	return true;
}

_Noreturn void client_run(unsigned int group, unsigned int lane, uint64_t seed)
{
	static struct client c;
	uint64_t end;

	c = (struct client){ .group = &soak->group[group], .g = group, .me = lane, .lane = &soak->group[group].lane[lane], .random = seed };
	end = now_ms() + 50 + random_below(&c.random, 3000);
	if (!enter(&c))
		_exit(0);
	while (!__atomic_load_n(&soak->stop, __ATOMIC_RELAXED) && now_ms() < end)
		act(&c);
	if (random_below(&c.random, 3))
		port_close(&c.port);
	/* Without the leak checker, which traces us, and would meet those who stop us. */
	_exit(0);
}
