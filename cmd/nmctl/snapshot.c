/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the host. Ports come and go meanwhile: what is gone between two questions is left out. */
#include "snapshot.h"

#include "../lib/clock.h"
#include "../lib/fault.h"

#include <errno.h>
#include <libnetmap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define VALE_PORTS_MAX 65536

static int ask(int fd, uint16_t type, char *name, void *body)
{
	struct nmreq_header header;
	int result;

	nmreq_header_init(&header, type, body);
	if (name)
		memcpy(header.nr_name, name, sizeof(header.nr_name));
	result = ioctl(fd, NIOCCTRL, &header);
	if (name && !result)
		memcpy(name, header.nr_name, sizeof(header.nr_name));
	return result;
}

/* A whole list of entries of that size, NULL after a message. It may be empty. */
static void *list_get(int fd, uint16_t type, size_t size, uint32_t *count, char host[17])
{
	struct nmreq_list body = { .nr_list = 0 };
	void *list = NULL;
	uint32_t room;

	/* As many as there were a moment ago, and some more. */
	do {
		room = body.nr_count + 8;
		free(list);
		list = calloc(room, size);
		body = (struct nmreq_list){ .nr_list = (uintptr_t)list, .nr_count = room };
		if (!list || ask(fd, type, NULL, &body)) {
			fault_say("cannot get a list: %s", errno == EINVAL ? "this netmap has no such request" : strerror(errno));
			free(list);
			return NULL;
		}
	} while (body.nr_count > room);
	*count = body.nr_count;
	memcpy(host, body.nr_host, sizeof(body.nr_host));
	return list;
}

static void rings_get(int fd, struct snapshot_port *port)
{
	struct nmreq_port_stats stats;
	uint32_t room = 0;
	int i;

	for (i = 0; i < 4; i++)
		room += port->entry.rings[i];
	port->rings = calloc(room + 1, sizeof(*port->rings));
	stats = (struct nmreq_port_stats){ .nr_rings = (uintptr_t)port->rings, .nr_count = room };
	if (!port->rings || ask(fd, NETMAP_REQ_PORT_STATS_GET, port->entry.name, &stats)) {
		free(port->rings);
		port->rings = NULL;
		return;
	}
	port->ring_count = stats.nr_count < room ? stats.nr_count : room;
	memcpy(port->entry.backend, stats.nr_backend, sizeof(port->entry.backend));
	port->entry.backend[sizeof(port->entry.backend) - 1] = '\0';
}

static bool ports_get(struct snapshot *s, int fd)
{
	struct nm_port_entry *list = list_get(fd, NETMAP_REQ_PORTS_GET, sizeof(*list), &s->port_count, s->host);
	uint32_t i;

	if (!list)
		return false;
	s->ports = calloc(s->port_count + 1, sizeof(*s->ports));
	for (i = 0; s->ports && i < s->port_count; i++) {
		s->ports[i].entry = list[i];
		rings_get(fd, &s->ports[i]);
	}
	free(list);
	return s->ports != NULL;
}

static void vales_get(struct snapshot *s, int fd)
{
	struct nmreq_vale_list at = { .nr_bridge_idx = 0 };

	while (s->vale_count < VALE_PORTS_MAX) {
		struct snapshot_vale *more, one = { .name = "" };

		if (ask(fd, NETMAP_REQ_VALE_LIST, one.name, &at))
			return;
		more = realloc(s->vales, (s->vale_count + 1) * sizeof(*more));
		if (!more)
			return;
		one.bridge = at.nr_bridge_idx;
		one.index = at.nr_port_idx++;
		s->vales = more;
		s->vales[s->vale_count++] = one;
	}
}

bool snapshot_take(struct snapshot *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->time = clock_now();
	if (ports_get(s, fd)) {
		s->regions = list_get(fd, NETMAP_REQ_REGIONS_GET, sizeof(*s->regions), &s->region_count, s->host);
		vales_get(s, fd);
		if (s->regions)
			return true;
	}
	snapshot_free(s);
	return false;
}

void snapshot_free(struct snapshot *s)
{
	uint32_t i;

	for (i = 0; s->ports && i < s->port_count; i++)
		free(s->ports[i].rings);
	free(s->ports);
	free(s->regions);
	free(s->vales);
	memset(s, 0, sizeof(*s));
}

bool snapshot_is_alone(const struct snapshot *s)
{
	return strcmp(s->host, "in-process") == 0;
}

const char *snapshot_ring_kind(const struct nm_ring_stats *r)
{
	if (r->host)
		return r->dir ? "host rx" : "host tx";
	return r->dir ? "rx" : "tx";
}
