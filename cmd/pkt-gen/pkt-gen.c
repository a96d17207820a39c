/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pkt-gen sends, receives, and answers packets through a netmap port, and says how fast. See pkt-gen(8).
 *
 * options.c reads the command line. team.c opens the port and runs one or more workers on it, each the whole of tx.c,
 * rx.c, ping.c or pong.c. Here the workers are watched, and report.c prints what they do.
 */
#include "options.h"
#include "report.h"
#include "team.h"
#include "worker.h"
#include "../lib/fault.h"
#include "../lib/interface.h"
#include "../lib/interrupt.h"
#include "../lib/port.h"

#include <libnetmap.h>
#include <stdio.h>

/* Packets that are sent without a link are lost. Receivers have no reason to wait. */
static void link_wait(const struct team *team)
{
	char name[IFNAMSIZ];

	if (team->options->role == ROLE_RX || team->options->role == ROLE_PONG)
		return;
	port_interface(team->port, name);
	if (!name[0] || interface_wait(name, team->options->wait_seconds))
		return;
	if (!interrupt_seen())
		fault_say("%s has no link after %u s, starting all the same", name, team->options->wait_seconds);
}

static void workers_describe(const struct team *team)
{
	for (unsigned int i = 0; i < team->count; i++) {
		const struct worker *worker = &team->workers[i];

		printf("thread %u: port %s", i, worker->port->hdr.nr_name);
		if (team->count > 1)
			printf(", ring %u", worker->port->reg.nr_ringid);
		if (worker->core >= 0)
			printf(", core %d", worker->core);
		putchar('\n');
	}
}

/* Reports until the workers have returned. */
static void watch(struct team *team)
{
	struct sample before, now;

	sample_take(&before, team->workers, team->count);
	while (!team_wait(team, team->options->report_ms)) {
		sample_take(&now, team->workers, team->count);
		report_interval(team->options, &before, &now);
		before = now;
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct team team;
	bool good;

	options_read(&options, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	interrupt_catch();
	if (!team_open(&team, &options))
		return 1;
	port_describe(team.port);
	if (options.verbose)
		workers_describe(&team);
	link_wait(&team);
	good = team_start(&team);
	if (good) {
		watch(&team);
		good = team_join(&team);
		report_summary(&options, team.workers, team.count);
		report_counters(&options, team.port);
	}
	team_close(&team);
	return good ? 0 : 1;
}
