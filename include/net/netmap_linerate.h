/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What linerate adds to the netmap interface: the classic register ioctl, the
 * counters of a port, lists of ports and memory regions, and the option that
 * says in words why a request failed.
 * Numbers are far above netmap's own, so that they can never clash.
 */
#ifndef NET_NETMAP_LINERATE_H
#define NET_NETMAP_LINERATE_H

#include <net/netmap.h>

/*
 * Classic register: reads nr_name only, the rest of the struct may be
 * uninitialised. Binds all NIC rings. Out: all fields of a legacy register.
 * From then on each sync of this descriptor takes head := cur and returns
 * avail := slots from cur to tail.
 */
#define NIOCREG		_IOWR('i', 200, struct nmreq)

#define NETMAP_REQ_PORT_STATS_GET	0x4c01		/* nr_reqtype */
#define NETMAP_REQ_REASON_GET		0x4c02		/* nr_reqtype */
#define NETMAP_REQ_PORTS_GET		0x4c03		/* nr_reqtype */
#define NETMAP_REQ_REGIONS_GET		0x4c04		/* nr_reqtype */
#define NETMAP_REQ_OPT_REASON		0x4c520001u	/* nro_reqtype */

/*
 * Option of every request: room for a sentence. netmap writes it, with its
 * NUL and cut to nro_len, when the request fails; "" when it succeeds.
 */
struct nmreq_opt_reason {
	struct nmreq_option nro_opt;
	uint64_t nro_text;	/* in: pointer to the caller's buffer */
	uint32_t nro_len;	/* in: its size in bytes, at least 1 */
	uint32_t pad;
};

/*
 * Counters of one ring since the port came to life; all fields are out.
 * They only grow.
 */
struct nm_ring_stats {
	uint16_t ring;		/* index among the rings of its kind */
	uint8_t	 dir;		/* 0 tx, 1 rx, as netmap_ring.dir */
	uint8_t	 host;		/* 1: a host ring */
	uint32_t num_slots;
	uint32_t hwcur;		/* first slot not yet taken from the program */
	uint32_t hwtail;	/* first slot not yet given to the program */
	uint64_t packets;	/* packets sent, or received into the ring */
	uint64_t bytes;		/* bytes in them */
	uint64_t drops;		/* packets lost in this ring */
	uint64_t kicks;		/* times the device had to be woken */
	uint64_t syncs;		/* syncs, by ioctl and poll */
	uint64_t bad_slots;	/* slots refused: bad buf_idx or len */
	uint64_t resets;	/* times head or cur was bad: ring reset */
	uint64_t wakeups;	/* times sleepers were woken */
	uint64_t spare[6];
};

/*
 * Body of NETMAP_REQ_REASON_GET: why the last request on this descriptor, also
 * a legacy one, failed. "" if it did not.
 */
struct nmreq_reason {
	uint64_t nr_text;	/* in: pointer to the caller's buffer */
	uint32_t nr_len;	/* in: its size in bytes, at least 1 */
	uint32_t pad;
};

/* Body of NETMAP_REQ_PORT_STATS_GET; nr_name is the port. */
struct nmreq_port_stats {
	uint64_t nr_rings;	/* in: pointer to struct nm_ring_stats[], or 0;
				 * out: tx NIC, tx host, rx NIC, rx host rings */
	uint32_t nr_count;	/* in: room in the array; out: rings there are,
				 * even when only the first few had room */
	uint32_t nr_users;	/* out: descriptors bound to the port */
	char	 nr_backend[160]; /* out: what drives the port and why, e.g.
				   * "af_xdp: native XDP, copy mode (no
				   * zero-copy: not supported by the driver)" */
};

/*
 * Body of NETMAP_REQ_PORTS_GET and NETMAP_REQ_REGIONS_GET; nr_name is empty.
 */
struct nmreq_list {
	uint64_t nr_list;	/* in: pointer to struct nm_port_entry[] or
				 * struct nm_region_entry[], or 0 */
	uint32_t nr_count;	/* in: room in the array; out: how many there
				 * are, even when only some had room */
	uint32_t pad;
	char	 nr_host[16];	/* out: who answers: "in-process", "netmapd",
				 * "module" */
};

/* A port of the caller's network namespace. Arrays: tx NIC, tx host, rx NIC, rx host. */
struct nm_port_entry {
	char	 name[NETMAP_REQ_IFNAMSIZ];
	char	 kind[16];	/* "nic", "pipe", "vale", "null", ... */
	char	 backend[160];	/* as nmreq_port_stats.nr_backend */
	uint32_t users;		/* descriptors bound to it */
	uint16_t mem_id;	/* its memory region */
	uint16_t pad;
	uint16_t rings[4];
	uint32_t slots[4];	/* of each ring */
	uint64_t spare[2];
};

struct nm_region_entry {
	uint16_t id;
	uint16_t pad[3];
	uint64_t size;		/* bytes that are mapped */
	struct {
		uint32_t num, size;	/* objects there can be, bytes of each */
		uint32_t used;		/* handed out */
		uint32_t ready;		/* have memory */
	} pool[3];		/* netmap_if, rings, buffers */
};

NM_ABI_SIZE(nmreq_list, 32);
NM_ABI_SIZE(nm_port_entry, 288);
NM_ABI_SIZE(nm_region_entry, 64);
NM_ABI_SIZE(nmreq_opt_reason, 40);
NM_ABI_SIZE(nmreq_reason, 16);
NM_ABI_SIZE(nm_ring_stats, 128);
NM_ABI_SIZE(nmreq_port_stats, 176);

#endif /* NET_NETMAP_LINERATE_H */
