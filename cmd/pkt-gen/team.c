/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers together: the port they share, their threads, and waiting for them. */
#include "team.h"

#include "options.h"
#include "worker.h"
#include "../lib/clock.h"
#include "../lib/fault.h"
#include "../lib/interface.h"
#include "../lib/interrupt.h"
#include "../lib/port.h"

#include <libnetmap.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a thread is given. */
struct member {
	struct team *team;
	struct worker *worker;
};

static struct nmport_d *main_open(const struct options *options)
{
	struct nmport_d *port = port_prepare(options->port, "");

	if (!port)
		return NULL;
	port->reg.nr_tx_slots = options->tx_slots ? options->tx_slots : port->reg.nr_tx_slots;
	port->reg.nr_rx_slots = options->rx_slots ? options->rx_slots : port->reg.nr_rx_slots;
	port->reg.nr_tx_rings = options->tx_rings ? options->tx_rings : port->reg.nr_tx_rings;
	port->reg.nr_rx_rings = options->rx_rings ? options->rx_rings : port->reg.nr_rx_rings;
	if (options->vnet_length)
		port->reg.nr_flags |= NR_ACCEPT_VNET_HDR;
	if (options->role == ROLE_RX)
		port->reg.nr_flags |= NR_NO_TX_POLL;
	return port_open(port) ? port : NULL;
}

/* Another descriptor for ring number ring of the open port, of the kind that the workers need. */
static struct nmport_d *ring_open(const struct team *team, unsigned int ring)
{
	struct nmport_d *port = nmport_clone(team->port);

	if (!port)
		return NULL;
	if (port->reg.nr_mode == NR_REG_SW) {
		port->reg.nr_mode = NR_REG_ONE_SW;
		ring -= team->options->role == ROLE_RX ? team->port->nifp->ni_rx_rings : team->port->nifp->ni_tx_rings;
	} else {
		port->reg.nr_mode = NR_REG_ONE_NIC;
	}
	port->reg.nr_ringid = ring;
	if (team->options->role == ROLE_TX)
		port->reg.nr_flags |= NR_TX_RINGS_ONLY;
	if (team->options->role == ROLE_RX)
		port->reg.nr_flags |= NR_RX_RINGS_ONLY;
	return port_open(port) ? port : NULL;
}

/* How many rings the workers can share out among them. */
static unsigned int ring_count(const struct team *team)
{
	const struct nmport_d *port = team->port;
	unsigned int tx = port->last_tx_ring + 1 - port->first_tx_ring,
		     rx = port->last_rx_ring + 1 - port->first_rx_ring;

	switch (team->options->role) {
	case ROLE_TX:
		return tx;
	case ROLE_RX:
		return rx;
	default:
		return tx < rx ? tx : rx;
	}
}

/* Which core thread i goes to, -1 for any. */
static int core_of(const struct options *options, unsigned int i)
{
	unsigned int all = sysconf(_SC_NPROCESSORS_CONF);

	if (options->first_core < 0)
		return -1;
	return (options->first_core + i % (options->cores ? options->cores : all)) % all;
}

static void worker_init(struct team *team, unsigned int i, const uint8_t own_mac[6])
{
	const struct options *options = team->options;
	struct worker *worker = &team->workers[i];
	uint64_t count = options->count;

	if (options->capture && !options->count_given)
		count = team->capture.count;
	worker->options = options;
	worker->capture = options->capture ? &team->capture : NULL;
	worker->index = i;
	worker->core = core_of(options, i);
	worker->count = count ? count / team->count + (i < count % team->count) : UINT64_MAX;
	worker->rate = options->rate / team->count + (i < options->rate % team->count);
	memcpy(worker->own_mac, own_mac, 6);
}

/* The address packets come from unless -S says otherwise. A port that is no interface gets one that is nobody's. */
static void own_mac_find(const struct team *team, uint8_t mac[6])
{
	uint64_t number = clock_now() * 0x9e3779b97f4a7c15;
	char name[IFNAMSIZ];

	port_interface(team->port, name);
	if (interface_address(name, mac))
		return;
	memcpy(mac, &number, 6);
	mac[0] = 0x02;
}

static bool workers_open(struct team *team)
{
	unsigned int rings = ring_count(team),
		     first = team->options->role == ROLE_RX ? team->port->first_rx_ring : team->port->first_tx_ring;
	uint8_t own_mac[6];

	team->count = team->options->threads ? team->options->threads : rings;
	if (team->count > 1 && team->count > rings) {
		fault_say("-p: %s has %u ring%s to share out, %u threads were asked for", team->port->hdr.nr_name,
			  rings, rings == 1 ? "" : "s", team->count);
		return false;
	}
	if (!team->count)
		team->count = 1;
	team->workers = aligned_alloc(_Alignof(struct worker), team->count * sizeof(*team->workers));
	if (!team->workers) {
		fault_say("no memory");
		return false;
	}
	memset(team->workers, 0, team->count * sizeof(*team->workers));
	own_mac_find(team, own_mac);
	for (unsigned int i = 0; i < team->count; i++) {
		worker_init(team, i, own_mac);
		team->workers[i].port = team->count == 1 ? team->port : ring_open(team, first + i);
		if (!team->workers[i].port)
			return false;
	}
	return true;
}

bool team_open(struct team *team, const struct options *options)
{
	pthread_condattr_t attribute;

	memset(team, 0, sizeof(*team));
	team->options = options;
	if (options->capture) {
		if (!capture_load(&team->capture, options->capture))
			return false;
		capture_prefix(&team->capture, options->vnet_length);
	}
	pthread_mutex_init(&team->lock, NULL);
	pthread_condattr_init(&attribute);
	pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
	pthread_cond_init(&team->quit, &attribute);
	pthread_condattr_destroy(&attribute);
	team->port = main_open(options);
	if (team->port && workers_open(team))
		return true;
	team_close(team);
	return false;
}

void team_close(struct team *team)
{
	for (unsigned int i = 0; team->workers && i < team->count; i++) {
		free(team->workers[i].latency);
		if (team->workers[i].port != team->port)
			nmport_close(team->workers[i].port);
	}
	free(team->workers);
	nmport_close(team->port);
	capture_fini(&team->capture);
	pthread_cond_destroy(&team->quit);
	pthread_mutex_destroy(&team->lock);
}

static void pin(struct worker *worker)
{
	cpu_set_t set;

	if (worker->core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(worker->core, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		worker_fail(worker, "-a: this process may not run on core %d", worker->core);
}

static void *member_run(void *argument)
{
	static void (*const bodies[])(struct worker *) = { tx_run, rx_run, ping_run, pong_run };
	struct member member = *(struct member *)argument;
	struct team *team = member.team;

	free(argument);
	pin(member.worker);
	if (!worker_failed(member.worker))
		bodies[team->options->role](member.worker);
	/* One that gives up takes the others along. */
	if (worker_failed(member.worker))
		atomic_store(&interrupt_pending, true);
	pthread_mutex_lock(&team->lock);
	team->running--;
	pthread_cond_signal(&team->quit);
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

static bool member_start(struct team *team, struct worker *worker)
{
	struct member *member = malloc(sizeof(*member));

	if (!member)
		return false;
	*member = (struct member){ team, worker };
	if (!pthread_create(&worker->thread, NULL, member_run, member))
		return true;
	free(member);
	return false;
}

bool team_start(struct team *team)
{
	team->running = team->count;
	for (unsigned int i = 0; i < team->count; i++) {
		if (member_start(team, &team->workers[i]))
			continue;
		fault_say("thread %u can't be started", i);
		atomic_store(&interrupt_pending, true);
		while (i--)
			pthread_join(team->workers[i].thread, NULL);
		return false;
	}
	return true;
}

bool team_wait(struct team *team, unsigned int ms)
{
	struct timespec until = clock_timespec(clock_now() + ms * 1000000ull);
	bool finished;
	int late = 0;

	pthread_mutex_lock(&team->lock);
	while (team->running && !late)
		late = pthread_cond_timedwait(&team->quit, &team->lock, &until);
	finished = !team->running;
	pthread_mutex_unlock(&team->lock);
	return finished;
}

bool team_join(struct team *team)
{
	bool good = true;

	for (unsigned int i = 0; i < team->count; i++) {
		pthread_join(team->workers[i].thread, NULL);
		if (!worker_failed(&team->workers[i]))
			continue;
		fault_say("%s", team->workers[i].failure);
		good = false;
	}
	return good;
}
