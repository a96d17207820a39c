/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lanes and their accounts.
 *
 * The counters of a port are there as long as the port is. So each port of a lane is kept: it is persistent, or a descriptor of
 * ours has bound its second ring pair, and clients have the first. Then, when all clients are gone, in each group
 *
 *	packets of all tx rings - their drops (to nobody) = received by clients + drops of all rx rings
 *
 * where a packet to all counts once for each that it went to. Drops of a rx ring are those that there was no room for, those that came when
 * nobody had the ring, and those that nobody took before it was closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "soak.h"

#define SLOTS 256
#define SETTLE_MS 5000		/* for the daemon to do what was asked of it */
#define BRIEF_MS 100
#define EMPTY_MS 20000
#define MANY 64

static int control = -1;

static void plan_group(unsigned int g, enum group_kind kind, unsigned int kept, unsigned int persistent)
{
	struct group *group = &soak->group[g];
	unsigned int i;

	group->kind = kind;
	group->lanes = kept + persistent;
	for (i = 0; i < group->lanes; i++) {
		struct lane *l = &group->lane[i];

		l->persistent = i >= kept;
		l->keeper = -1;
		if (kind == GROUP_PIPES)
			snprintf(l->name, sizeof(l->name), "soak%u%c1", i / 2, i % 2 ? '}' : '{');
		else
			snprintf(l->name, sizeof(l->name), "vale%u:%c%ux%u", g, l->persistent ? 's' : 'k', g, i);
	}
}

void world_plan(void)
{
	plan_group(0, GROUP_ONE, 4, 2);
	plan_group(1, GROUP_ALL, 3, 2);
	plan_group(2, GROUP_ONE, 0, 4);
	plan_group(3, GROUP_PIPES, 6, 0);
}

static bool said(const char *what, const struct lane *l, int err)
{
	printf("soak: %s %s: %s (%s)\n", what, l->name, strerror(err), why);
	return false;
}

/* --- Making and removing --------------------------------------------------------------------------------------- */

static const char *part(const struct lane *l)
{
	return strchr(l->name, ':') + 1;
}

static bool make_persistent(struct lane *l)
{
	struct nmreq_vale_newif newif = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
	struct nmreq_vale_attach attach = { .reg.nr_mode = NR_REG_ALL_NIC };
	int err = ask(control, NETMAP_REQ_VALE_NEWIF, part(l), &newif);

	if (!err)
		err = ask(control, NETMAP_REQ_VALE_ATTACH, l->name, &attach);
	l->index = attach.port_index;
	return err ? said("cannot make", l, err) : true;
}

/* The second ring pair; of a pipe both ends have one then. */
static bool make_kept(struct lane *l, bool pipe)
{
	struct nmreq_register reg = {
		.nr_mode = NR_REG_ONE_NIC, .nr_ringid = 1, .nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS
	};
	struct nmreq_vale_list list = { 0 };
	int err = 0;

	l->keeper = device();
	err = l->keeper < 0 ? errno : ask(l->keeper, NETMAP_REQ_REGISTER, l->name, &reg);
	if (!err && !pipe)
		err = ask(control, NETMAP_REQ_VALE_LIST, l->name, &list);
	l->index = list.nr_port_idx;
	return err ? said("cannot keep", l, err) : true;
}

bool world_begin(void)
{
	unsigned int g, i;

	control = device();
	if (control < 0) {
		printf("soak: cannot open " NETMAP_DEVICE_NAME ": %s\n", strerror(errno));
		return false;
	}
	for (g = 0; g < GROUPS; g++) {
		for (i = 0; i < soak->group[g].lanes; i++) {
			struct lane *l = &soak->group[g].lane[i];

			l->sent = l->received = l->step = l->life = 0;
			if (!(l->persistent ? make_persistent(l) : make_kept(l, soak->group[g].kind == GROUP_PIPES)))
				return false;
		}
	}
	return true;
}

/* What the rabble may have left behind; most of it is not there. A request of one who was killed may still be under way. */
static void sweep(int fd)
{
	struct nmreq_vale_detach detach;
	char name[64];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		memset(&detach, 0, sizeof(detach));
		snprintf(name, sizeof(name), "valer:r%u", i);
		ask(fd, NETMAP_REQ_VALE_DETACH, name, &detach);
		ask(fd, NETMAP_REQ_VALE_DELIF, strchr(name, ':') + 1, NULL);
		snprintf(name, sizeof(name), "valen:sv%u", i);
		ask(fd, NETMAP_REQ_VALE_DETACH, name, &detach);
	}
}

bool world_end(void)
{
	struct nmreq_vale_detach detach = { 0 };
	unsigned int g, i;
	bool good = true;

	for (g = 0; g < GROUPS; g++) {
		for (i = 0; i < soak->group[g].lanes; i++) {
			struct lane *l = &soak->group[g].lane[i];
			int err = 0;

			if (l->keeper >= 0)
				close(l->keeper);
			l->keeper = -1;
			if (l->persistent)
				err = ask(control, NETMAP_REQ_VALE_DETACH, l->name, &detach);
			if (l->persistent && !err)
				err = ask(control, NETMAP_REQ_VALE_DELIF, part(l), NULL);
			if (err)
				good = said("cannot remove", l, err);
		}
	}
	close(control);
	control = -1;
	return good;
}

/* --- Accounts -------------------------------------------------------------------------------------------------- */

/*
 * The client is stopped. If it was about to sync, the ring's position in the daemon tells whether that was done; what it has
 * asked for the daemon does without it. That it was stopped before it asked shows only when nothing happens for long:
 * that is waited for now and then. False: it is not known yet.
 */
bool world_settle(struct lane *l, bool patient)
{
	uint64_t end = now_ms() + (patient ? SETTLE_MS : BRIEF_MS);
	struct nm_ring_stats tx, rx;
	bool done = false;

	while (l->step && !done && now_ms() < end) {
		/* The request may meet a fault. */
		done = port_stats(control, l->name, &tx, &rx) && (l->step == STEP_SEND ? tx.hwcur : rx.hwcur) == l->target;
		if (!done)
			usleep(10000);
	}
	if (l->step && !done && !patient)
		return false;
	if (l->step == STEP_SEND)
		l->sent = l->before + (done ? l->count : 0);
	if (l->step == STEP_RECEIVE)
		l->received = l->before + (done ? l->count : 0);
	l->step = STEP_NONE;
	return true;
}

static uint64_t take(struct port *p)
{
	struct netmap_ring *r = NETMAP_RXRING(p->nifp, 0);
	uint64_t n = 0;

	for (;;) {
		ioctl(p->fd, NIOCRXSYNC, NULL);
		if (r->head == r->tail)
			break;
		for (uint32_t i = r->head; i != r->tail; i = nm_ring_next(r, i))
			n += !(r->slot[i].flags & NS_MOREFRAG);
		r->head = r->cur = r->tail;
	}
	return n;
}

/* Each lane can be had, and what waits in it is received. */
bool world_drain(void)
{
	unsigned int g, i;

	for (g = 0; g < GROUPS; g++) {
		for (i = 0; i < soak->group[g].lanes; i++) {
			struct lane *l = &soak->group[g].lane[i];
			struct nmreq_register reg = { .nr_mode = NR_REG_ONE_NIC, .nr_flags = NR_EXCLUSIVE };
			struct port p;
			uint64_t end = now_ms() + EMPTY_MS;
			int err;

			/* The connection of one who was killed ends a moment later. */
			while ((err = port_open(&p, l->name, &reg)) == EBUSY && now_ms() < end)
				usleep(20000);
			if (err)
				return said("cannot open", l, err);
			l->received += take(&p);
			port_close(&p);
		}
	}
	return true;
}

struct account {
	uint64_t sent;		/* as clients know it */
	uint64_t taken;		/* from tx rings, and was to go somewhere */
	uint64_t delivered;	/* to rx rings */
	uint64_t received, dropped;
};

static bool account_read(const struct lane *l, struct account *a)
{
	struct nm_ring_stats tx, rx;

	if (!port_stats(control, l->name, &tx, &rx))
		return said("no counters of", l, EIO);
	*a = (struct account){ l->sent, tx.packets - tx.drops, rx.packets, l->received, rx.drops };
	if (tx.resets || rx.resets || tx.bad_slots || rx.bad_slots) {
		printf("soak: %s: %llu resets, %llu bad slots, and no client did anything wrong\n", l->name,
		       (unsigned long long)(tx.resets + rx.resets), (unsigned long long)(tx.bad_slots + rx.bad_slots));
		return false;
	}
	/* What was given to clients they have received, or it was counted when they left. */
	if (a->received > a->delivered || a->delivered > a->received + a->dropped) {
		printf("soak: %s: %llu packets were put in the ring, %llu received, %llu counted as lost\n", l->name,
		       (unsigned long long)a->delivered, (unsigned long long)a->received, (unsigned long long)a->dropped);
		return false;
	}
	return true;
}

static bool equal(const char *what, unsigned int g, uint64_t a, uint64_t b)
{
	if (a == b)
		return true;
	printf("soak: group %u: %s: %llu and %llu\n", g, what, (unsigned long long)a, (unsigned long long)b);
	return false;
}

static bool balance_group(unsigned int g, struct account *sum)
{
	const struct group *group = &soak->group[g];
	struct account a[LANES_MAX] = { { 0 } };
	struct nm_ring_stats tx, rx;
	unsigned int i;
	bool good = true;

	for (i = 0; i < group->lanes; i++) {
		if (!account_read(&group->lane[i], &a[i]))
			return false;
		port_stats(control, group->lane[i].name, &tx, &rx);
		if (group->kind != GROUP_PIPES)
			good &= equal("packets that were sent, and taken from the ring", g, a[i].sent, tx.packets);
		if (group->kind == GROUP_ALL)
			a[i].taken *= group->lanes - 1;
	}
	for (i = 0; group->kind == GROUP_PIPES && i < group->lanes; i++)
		good &= equal("packets sent into a pipe, and received or lost", g, a[i].taken, a[i ^ 1].received + a[i ^ 1].dropped);
	*sum = (struct account){ 0 };
	for (i = 0; i < group->lanes; i++) {
		sum->taken += a[i].taken;
		sum->received += a[i].received;
		sum->dropped += a[i].dropped;
	}
	return good & equal("packets sent, and received or lost", g, sum->taken, sum->received + sum->dropped);
}

bool world_balance(uint64_t *sent, uint64_t *received, uint64_t *dropped)
{
	bool good = true;
	unsigned int g;

	for (g = 0; g < GROUPS; g++) {
		struct account sum = { 0 };

		good &= balance_group(g, &sum);
		*sent += sum.taken;
		*received += sum.received;
		*dropped += sum.dropped;
	}
	return good;
}

/* --- Emptiness --------------------------------------------------------------------------------------------------- */

static bool empty_now(int fd, bool tell)
{
	static struct nm_port_entry ports[MANY];
	static struct nm_region_entry regions[MANY];
	struct nmreq_list p = { .nr_list = (uintptr_t)ports, .nr_count = MANY };
	struct nmreq_list r = { .nr_list = (uintptr_t)regions, .nr_count = MANY };
	unsigned int i;

	if (ask(fd, NETMAP_REQ_PORTS_GET, "", &p) || ask(fd, NETMAP_REQ_REGIONS_GET, "", &r))
		return false;
	if (!p.nr_count && !r.nr_count)
		return true;
	for (i = 0; tell && i < p.nr_count && i < MANY; i++)
		printf("soak: port %s is left, with %u users\n", ports[i].name, ports[i].users);
	for (i = 0; tell && i < r.nr_count && i < MANY; i++)
		printf("soak: region %u is left, with %u rings and %u buffers in use\n", regions[i].id, regions[i].pool[1].used,
		       regions[i].pool[2].used);
	return false;
}

bool world_is_empty(void)
{
	uint64_t now = now_ms(), end = now + EMPTY_MS;
	bool empty = false;
	int fd = device();

	while (fd >= 0 && !empty && now < end) {
		sweep(fd);
		now = now_ms();
		empty = empty_now(fd, now >= end);
		if (!empty)
			usleep(50000);
	}
	if (fd >= 0)
		close(fd);
	return empty;
}
