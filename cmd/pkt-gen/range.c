/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of addresses, read from the command line. */
#include "range.h"

#include "../lib/fault.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest end of a range that makes sense is "[IPv6 address]:port". */
#define END_MAX 64

struct end {
	int family;
	uint64_t prefix;
	uint64_t address;
	bool port_given;
	uint64_t port;
};

static bool port_parse(const char *text, uint64_t *port)
{
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	*port = strtoul(text, &rest, 10);
	return !*rest && *port <= 65535;
}

static bool address_parse(const char *text, struct end *end)
{
	uint8_t bytes[16];
	uint64_t halves[2];

	if (inet_pton(AF_INET, text, bytes) == 1) {
		end->family = AF_INET;
		end->address = (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3];
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	memcpy(halves, bytes, sizeof(halves));
	end->family = AF_INET6;
	end->prefix = be64toh(halves[0]);
	end->address = be64toh(halves[1]);
	return true;
}

/* Takes text apart in place. Returns what is wrong with it, or NULL. */
static const char *end_parse(char *text, struct end *end)
{
	char *address = text, *port = NULL, *bracket, *colon;

	memset(end, 0, sizeof(*end));
	if (*text == '[') {
		address = text + 1;
		bracket = strchr(address, ']');
		if (!bracket)
			return "has no closing bracket";
		*bracket = '\0';
		if (bracket[1] == ':')
			port = bracket + 2;
		else if (bracket[1])
			return "has something other than a port after the bracket";
	} else {
		colon = strchr(text, ':');
		/* Several colons: a bare IPv6 address. */
		if (colon && !strchr(colon + 1, ':')) {
			*colon = '\0';
			port = colon + 1;
		}
	}
	if (!address_parse(address, end))
		return "is no IPv4 or IPv6 address";
	if (port && !port_parse(port, &end->port))
		return "has a port that is not between 0 and 65535";
	end->port_given = port;
	return NULL;
}

/* Copies the text before the dash to first and the one behind it, or the same, to last. */
static void dash_split(char letter, const char *text, char first[END_MAX], char last[END_MAX])
{
	const char *dash = strchr(text, '-');
	size_t length = dash ? (size_t)(dash - text) : strlen(text);
	const char *second = dash ? dash + 1 : text;

	if (length >= END_MAX || strlen(second) >= END_MAX)
		fault_usage("-%c: \"%s\" is too long", letter, text);
	memcpy(first, text, length);
	first[length] = '\0';
	strcpy(last, second);
}

void end_range_option(char letter, const char *text, struct end_range *range)
{
	char first_text[END_MAX], last_text[END_MAX];
	struct end first, last;
	const char *wrong;

	dash_split(letter, text, first_text, last_text);
	wrong = end_parse(first_text, &first);
	if (!wrong)
		wrong = end_parse(last_text, &last);
	if (wrong)
		fault_usage("-%c: \"%s\" %s", letter, text, wrong);
	if (first.family != last.family)
		fault_usage("-%c: %s mixes IPv4 and IPv6", letter, text);
	if (first.prefix != last.prefix)
		fault_usage("-%c: %s: the first 64 bits of both addresses must be equal", letter, text);
	if (!last.port_given) {
		last.port = first.port;
		last.port_given = first.port_given;
	}
	if (last.port_given && !first.port_given)
		fault_usage("-%c: %s has a last port but no first one", letter, text);
	if (last.address < first.address || last.port < first.port)
		fault_usage("-%c: %s ends before it begins", letter, text);
	range->family = first.family;
	range->given = true;
	range->prefix = first.prefix;
	range->address = (struct span){ first.address, last.address };
	if (first.port_given) {
		range->port_given = true;
		range->port = (struct span){ first.port, last.port };
	}
}

static bool mac_parse(const char *text, uint64_t *number)
{
	uint8_t bytes[6];
	int used = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
		   &bytes[5], &used) != 6)
		return false;
	*number = mac_number(bytes);
	return !text[used];
}

void mac_range_option(char letter, const char *text, struct mac_range *range)
{
	char first[END_MAX], last[END_MAX];

	dash_split(letter, text, first, last);
	if (!mac_parse(first, &range->address.first) || !mac_parse(last, &range->address.last))
		fault_usage("-%c: \"%s\" is no Ethernet address such as 02:00:00:00:00:01, or a range of them", letter,
			    text);
	if (range->address.last < range->address.first)
		fault_usage("-%c: %s ends before it begins", letter, text);
	range->given = true;
}
