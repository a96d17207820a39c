/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports as the tools see them: their names, what is said about them, and what is wrong with them. */
#include "port.h"

#include "fault.h"

#include <ctype.h>
#include <errno.h>
#include <libnetmap.h>
#include <net/netmap_linerate.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* A ring that was put right explains an error of poll, a thousand in a row mean that the port is of no use. */
#define FAULTS_MAX 1000

/* "valeS:P" is a switch port, but an interface may be called vale0. */
static bool is_vale(const char *text)
{
	if (strncmp(text, NM_BDG_NAME, strlen(NM_BDG_NAME)))
		return false;
	for (text += strlen(NM_BDG_NAME); isalnum((unsigned char)*text) || *text == '_';)
		text++;
	return *text == ':';
}

static void library_fault(struct nmctx *context, const char *sentence)
{
	(void)context;
	fault_say("%s", sentence);
}

struct nmport_d *port_prepare(const char *text, const char *rings)
{
	bool complete = !strncmp(text, "netmap:", 7) || is_vale(text);
	char spec[512];

	if (snprintf(spec, sizeof(spec), "%s%s%s", complete ? "" : "netmap:", text, rings) >= (int)sizeof(spec)) {
		fault_say("-i: the name of the port is too long");
		return NULL;
	}
	nmctx_get()->error = library_fault;
	return nmport_prepare(spec);
}

bool port_open(struct nmport_d *port)
{
	if (!nmport_open_desc(port))
		return true;
	nmport_undo_prepare(port);
	return false;
}

void port_interface(const struct nmport_d *port, char name[IFNAMSIZ])
{
	size_t length = strcspn(port->hdr.nr_name, "{}");

	name[0] = '\0';
	if (is_vale(port->hdr.nr_name) || port->reg.nr_mode == NR_REG_NULL || length >= IFNAMSIZ)
		return;
	memcpy(name, port->hdr.nr_name, length);
	name[length] = '\0';
}

struct nm_ring_stats *port_counters(const struct nmport_d *port, struct nmreq_port_stats *stats)
{
	struct nmreq_header header;
	struct nm_ring_stats *rings;
	uint32_t room;

	/* The first question is how many rings there are. */
	memset(stats, 0, sizeof(*stats));
	nmreq_header_init(&header, NETMAP_REQ_PORT_STATS_GET, stats);
	memcpy(header.nr_name, port->hdr.nr_name, sizeof(header.nr_name));
	if (ioctl(port->fd, NIOCCTRL, &header))
		return NULL;
	room = stats->nr_count;
	rings = calloc(room + 1, sizeof(*rings));
	if (!rings)
		return NULL;
	stats->nr_rings = (uintptr_t)rings;
	if (ioctl(port->fd, NIOCCTRL, &header)) {
		free(rings);
		return NULL;
	}
	if (stats->nr_count > room)
		stats->nr_count = room;
	return rings;
}

static unsigned int ring_count(uint16_t first, uint16_t last)
{
	return last >= first ? last - first + 1 : 0;
}

void port_describe(const struct nmport_d *port)
{
	unsigned int tx = ring_count(port->first_tx_ring, port->last_tx_ring),
		     rx = ring_count(port->first_rx_ring, port->last_rx_ring);
	struct nmreq_port_stats stats;

	printf("%s: ", port->hdr.nr_name);
	if (tx)
		printf("%u tx ring%s of %u slots", tx, tx == 1 ? "" : "s",
		       NETMAP_TXRING(port->nifp, port->first_tx_ring)->num_slots);
	else
		printf("no tx rings");
	if (rx)
		printf(", %u rx ring%s of %u slots", rx, rx == 1 ? "" : "s",
		       NETMAP_RXRING(port->nifp, port->first_rx_ring)->num_slots);
	else
		printf(", no rx rings");
	printf(", region %u of %.1f MiB\n", port->reg.nr_mem_id, port->reg.nr_memsize / 1048576.0);
	memset(&stats, 0, sizeof(stats));
	free(port_counters(port, &stats));
	if (stats.nr_backend[0])
		printf("%s: %.*s\n", port->hdr.nr_name, (int)sizeof(stats.nr_backend), stats.nr_backend);
	fflush(stdout);
}

/* 0 if a sync of the port works, else why not. */
static int sync_try(const struct nmport_d *port)
{
	if (port->first_tx_ring <= port->last_tx_ring && ioctl(port->fd, NIOCTXSYNC))
		return errno;
	if (port->first_rx_ring <= port->last_rx_ring && ioctl(port->fd, NIOCRXSYNC))
		return errno;
	return 0;
}

int port_check(const struct nmport_d *port, short events, unsigned int *faults)
{
	int error;

	if (!(events & (POLLERR | POLLHUP | POLLNVAL))) {
		*faults = 0;
		return 0;
	}
	error = sync_try(port);
	return !error && ++*faults > FAULTS_MAX ? EIO : error;
}
