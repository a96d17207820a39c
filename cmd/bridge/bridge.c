/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bridge forwards packets between two ports, or between a network interface and its host stack, both ways and by
 * swapping buffers when the ports share their memory. See bridge(8).
 *
 * One thread, one poll for both ports: it sends what was put on the tx rings, gives back and fills the rx rings, and
 * sleeps when there is nothing to do. A lane that lacks room in its tx rings waits for POLLOUT instead of packets.
 */
#include "../lib/clock.h"
#include "../lib/fault.h"
#include "../lib/interface.h"
#include "../lib/interrupt.h"
#include "../lib/lane.h"
#include "../lib/number.h"
#include "../lib/port.h"

#include <errno.h>
#include <inttypes.h>
#include <libnetmap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WAIT_MS 100

struct options {
	const char *names[2];
	uint32_t burst;
	unsigned int wait_seconds;
	bool copy;
	bool verbose;
};

struct bridge {
	struct options options;
	struct nmport_d *ports[2];
	struct lane lanes[2];		/* lane i leads from port i to the other */
	unsigned int faults[2];		/* errors of poll in a row */
	uint64_t report;		/* -v: when the next report is due */
};

static const char usage_text[] = "usage: bridge -i port [-i port] [-chv] [-b burst] [-w seconds]\n";

static const char help_text[] =
	"\n"
	"  -i port     eth0, netmap:eth0, netmap:eth0{1, vale0:a, ...; with one port\n"
	"              packets go between its NIC rings and its host rings (port^)\n"
	"  -c          copy packets even when the ports share their memory\n"
	"  -b burst    most packets of one ring that move at a time (1024)\n"
	"  -w seconds  longest wait for the link before starting (2)\n"
	"  -v          report every second\n"
	"  -h          print this\n";

static void port_option(struct options *options, const char *name)
{
	if (options->names[1])
		fault_usage("-i: a bridge has two ports, \"%s\" is one too many", name);
	options->names[options->names[0] ? 1 : 0] = name;
}

static void options_read(struct options *options, int argc, char **argv)
{
	int letter;

	*options = (struct options){ .burst = 1024, .wait_seconds = 2 };
	opterr = 0;
	while ((letter = getopt(argc, argv, ":i:cb:w:vh")) != -1) {
		switch (letter) {
		case 'i': port_option(options, optarg); break;
		case 'c': options->copy = true; break;
		case 'b': options->burst = number_option('b', optarg, 1, 1 << 20); break;
		case 'w': options->wait_seconds = number_option('w', optarg, 0, 3600); break;
		case 'v': options->verbose = true; break;
		case 'h':
			printf("%s%s", usage_text, help_text);
			exit(0);
		case ':':
			fault_usage("-%c needs a value\n%s", optopt, usage_text);
		default:
			fault_usage("there is no option -%c\n%s", optopt, usage_text);
		}
	}
	if (optind < argc)
		fault_usage("\"%s\" is no option\n%s", argv[optind], usage_text);
	if (!options->names[0] || !*options->names[0])
		fault_usage("-i is missing: which port?\n%s", usage_text);
}

static struct nmport_d *side_open(const char *name, const char *rings)
{
	struct nmport_d *port = port_prepare(name, rings);

	if (!port || !port_open(port))
		return NULL;
	if (port->first_rx_ring > port->last_rx_ring || port->first_tx_ring > port->last_tx_ring) {
		fault_say("%s has no rx and tx rings to bridge", port->hdr.nr_name);
		nmport_close(port);
		return NULL;
	}
	port_describe(port);
	return port;
}

static void link_wait(const struct bridge *bridge)
{
	char name[IFNAMSIZ];

	for (int i = 0; i < 2; i++) {
		port_interface(bridge->ports[i], name);
		if (name[0] && !interface_wait(name, bridge->options.wait_seconds) && !interrupt_seen())
			fault_say("%s has no link after %u s, starting all the same", name,
				  bridge->options.wait_seconds);
	}
}

static bool bridge_open(struct bridge *bridge)
{
	const struct options *options = &bridge->options;
	bool copy;

	bridge->ports[0] = side_open(options->names[0], "");
	if (!bridge->ports[0])
		return false;
	bridge->ports[1] = options->names[1] ? side_open(options->names[1], "") : side_open(options->names[0], "^");
	if (!bridge->ports[1]) {
		nmport_close(bridge->ports[0]);
		return false;
	}
	copy = options->copy || !lane_memory_shared(bridge->ports[0], bridge->ports[1]);
	for (int i = 0; i < 2; i++)
		bridge->lanes[i] = (struct lane){ .from = bridge->ports[i], .to = bridge->ports[!i], .copy = copy };
	printf("packets are %s\n", copy ? "copied" : "passed on by swapping buffers");
	return true;
}

/* Syncs the tx rings, as poll does for POLLIN, and says whether all packets on them have left. */
static bool all_sent(const struct nmport_d *port)
{
	if (ioctl(port->fd, NIOCTXSYNC))
		return false;
	for (unsigned int i = port->first_tx_ring; i <= port->last_tx_ring; i++)
		if (nm_tx_pending(NETMAP_TXRING(port->nifp, i)))
			return false;
	return true;
}

/* Syncs both ports and sleeps until something can move. False after a message: a port was lost. */
static bool bridge_wait(struct bridge *bridge)
{
	struct pollfd waits[2];

	for (int i = 0; i < 2; i++) {
		waits[i] = (struct pollfd){ .fd = bridge->ports[i]->fd, .events = POLLIN };
		if (lane_rest(&bridge->lanes[!i]))
			waits[i].events |= POLLOUT;
		if (lane_full(&bridge->lanes[i]) && (waits[i].events & POLLOUT || all_sent(bridge->ports[i])))
			waits[i].events &= ~POLLIN;
	}
	if (poll(waits, 2, WAIT_MS) < 0) {
		if (errno == EINTR)
			return true;
		fault_say("poll: %s", strerror(errno));
		return false;
	}
	for (int i = 0; i < 2; i++) {
		int error = port_check(bridge->ports[i], waits[i].revents, &bridge->faults[i]);

		if (error) {
			fault_say("%s: the port was lost: %s", bridge->ports[i]->hdr.nr_name, strerror(error));
			return false;
		}
	}
	return true;
}

static void totals_print(const struct bridge *bridge)
{
	for (int i = 0; i < 2; i++) {
		const struct lane *lane = &bridge->lanes[i];

		printf("%s%s -> %s%s: %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " dropped\n",
		       lane->from->hdr.nr_name, lane->from->reg.nr_mode == NR_REG_SW ? "^" : "", lane->to->hdr.nr_name,
		       lane->to->reg.nr_mode == NR_REG_SW ? "^" : "", lane->packets, lane->bytes, lane->dropped);
	}
}

static bool bridge_run(struct bridge *bridge)
{
	bridge->report = clock_now() + CLOCK_SECOND;
	while (!interrupt_seen()) {
		if (!bridge_wait(bridge))
			return false;
		for (int i = 0; i < 2; i++)
			lane_move(&bridge->lanes[i], bridge->options.burst, UINT64_MAX);
		if (bridge->options.verbose && clock_now() >= bridge->report) {
			totals_print(bridge);
			bridge->report += CLOCK_SECOND;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	struct bridge bridge = { 0 };
	bool good;

	options_read(&bridge.options, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	interrupt_catch();
	if (!bridge_open(&bridge))
		return 1;
	link_wait(&bridge);
	good = bridge_run(&bridge);
	totals_print(&bridge);
	nmport_close(bridge.ports[1]);
	nmport_close(bridge.ports[0]);
	return good ? 0 : 1;
}
