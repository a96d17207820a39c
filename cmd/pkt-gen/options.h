/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line of pkt-gen asks for. */
#ifndef PKT_GEN_OPTIONS_H
#define PKT_GEN_OPTIONS_H

#include "range.h"

#include <stdbool.h>
#include <stdint.h>

enum role {
	ROLE_TX,
	ROLE_RX,
	ROLE_PING,
	ROLE_PONG,
};

struct options {
	const char *port;		/* -i */
	enum role role;			/* -f */
	uint64_t count;			/* -n, 0: no end */
	bool count_given;
	uint32_t length_min;		/* -l, without the virtio-net header */
	uint32_t length_max;
	uint32_t burst;			/* -b */
	int family;			/* -4 -6, AF_INET or AF_INET6 */
	struct end_range source;	/* -s */
	struct end_range target;	/* -d */
	struct mac_range source_mac;	/* -S */
	struct mac_range target_mac;	/* -D */
	bool random_source;		/* -z */
	bool random_target;		/* -Z */
	int first_core;			/* -a, -1: threads are not pinned */
	unsigned int cores;		/* -c, 0: all */
	unsigned int threads;		/* -p, 0: one for each ring pair */
	unsigned int report_ms;		/* -T */
	unsigned int wait_seconds;	/* -w */
	uint64_t rate;			/* -R, packets per second, 0: no limit */
	const char *capture;		/* -P */
	bool dump;			/* -X */
	uint32_t vnet_length;		/* -H */
	uint32_t fragments;		/* -F, 0: as many as it takes */
	uint32_t fragment_size;		/* -M, 0: see tx.c */
	uint32_t tx_slots;		/* -C, 0: the port's default */
	uint32_t rx_slots;
	uint16_t tx_rings;
	uint16_t rx_rings;
	bool plain_units;		/* -N */
	bool rubbish;			/* -r */
	bool verbose;			/* -v */
};

/* Fills *options, or ends the program: code 0 after -h, 2 after a sentence that says what is wrong. */
void options_read(struct options *options, int argc, char **argv);

#endif
