/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of addresses that generated packets walk through. */
#ifndef PKT_GEN_RANGE_H
#define PKT_GEN_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* A number that steps from first to last and starts over. */
struct span {
	uint64_t first;
	uint64_t last;
};

/* One end of the packets: IP addresses and UDP ports. Of an IPv6 address only the low 64 bits can vary. */
struct end_range {
	int family;		/* AF_INET, AF_INET6 or, when nothing was given, AF_UNSPEC */
	bool given;
	bool port_given;
	uint64_t prefix;	/* the high half of an IPv6 address */
	struct span address;
	struct span port;
};

struct mac_range {
	bool given;
	struct span address;	/* 48 bits, the first byte is the highest */
};

/*
 * The value of option -letter: ip[:port][-ip[:port]], an IPv6 address with a port as [ip]:port. Ends the program if
 * it is no such thing.
 */
void end_range_option(char letter, const char *text, struct end_range *range);

/* The value of option -letter: mac[-mac]. Ends the program if it is no such thing. */
void mac_range_option(char letter, const char *text, struct mac_range *range);

static inline bool span_varies(const struct span *span)
{
	return span->first != span->last;
}

static inline uint64_t mac_number(const uint8_t address[6])
{
	uint64_t number = 0;

	for (int i = 0; i < 6; i++)
		number = number << 8 | address[i];
	return number;
}

#endif
