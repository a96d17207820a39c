/* SPDX-License-Identifier: BSD-2-Clause */
/* All that the running host says about its ports, rings, switches and memory, at one moment. */
#ifndef NMCTL_SNAPSHOT_H
#define NMCTL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <net/netmap_linerate.h>

struct snapshot_port {
	struct nm_port_entry entry;
	struct nm_ring_stats *rings;	/* NULL: not for us to know */
	uint32_t ring_count;
};

struct snapshot_vale {
	char name[NETMAP_REQ_IFNAMSIZ];	/* of the port */
	uint16_t bridge;
	uint32_t index;
};

struct snapshot {
	char host[17];
	uint64_t time;			/* nanoseconds */
	struct snapshot_port *ports;
	struct nm_region_entry *regions;
	struct snapshot_vale *vales;	/* ports of switches, in the order of their numbers */
	uint32_t port_count, region_count, vale_count;
};

/* fd: a descriptor of the control device. False after a message. */
bool snapshot_take(struct snapshot *s, int fd);
void snapshot_free(struct snapshot *s);

/* Whether the answer is that of a host in this very process, which knows nothing of others. */
bool snapshot_is_alone(const struct snapshot *s);

/* "tx", "host rx", ... */
const char *snapshot_ring_kind(const struct nm_ring_stats *r);

#endif
