/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of pkt-gen. Every value is checked here, alone first and then together with the others. */
#include "options.h"

#include "packet.h"
#include "../lib/fault.h"
#include "../lib/number.h"

#include <errno.h>
#include <net/netmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_DEFAULT 60

static const char usage_text[] =
	"usage: pkt-gen -i port [-f tx|rx|ping|pong] [-46NXZhrvz] [-n count] [-l length]\n"
	"               [-b burst] [-s range] [-d range] [-S range] [-D range] [-a core]\n"
	"               [-c cores] [-p threads] [-T ms] [-w seconds] [-R rate] [-P file]\n"
	"               [-H length] [-F slots] [-M bytes] [-C rings]\n";

static const char help_text[] =
	"\n"
	"  -i port     eth0, netmap:eth0, netmap:eth0-1, netmap:eth0{1, vale0:a, ...\n"
	"  -f function tx sends, rx receives, ping sends and measures the latency of the\n"
	"              answers, pong answers (rx)\n"
	"  -n count    stop after so many packets, 0: never (0; with -P: once through)\n"
	"  -l length   bytes of a packet (60); twice: random lengths between both\n"
	"  -b burst    most packets of one ring between two syncs (512)\n"
	"  -4 -6       IPv4 or IPv6 packets (as the addresses are, or IPv4)\n"
	"  -s range    source ip[:port][-ip[:port]] (10.0.0.1:1234, fd00::1)\n"
	"  -d range    destination, likewise (10.1.0.1:1234, fd00::2)\n"
	"  -S range    source mac[-mac] (that of the interface)\n"
	"  -D range    destination mac[-mac] (ff:ff:ff:ff:ff:ff)\n"
	"  -z -Z       random source, destination addresses and ports\n"
	"  -p threads  each on a ring pair of its own, 0: one for each (1: one for all)\n"
	"  -a core     pin the threads to cores, beginning with this one\n"
	"  -c cores    how many cores to pin to, 0: all (0)\n"
	"  -T ms       time between two reports (1000)\n"
	"  -w seconds  longest wait for the link before sending (2)\n"
	"  -R rate     packets per second to send, for instance 1.5M, 0: no limit (0)\n"
	"  -P file     tx: send the packets of this pcap file\n"
	"  -X          dump the packets in hexadecimal\n"
	"  -H length   virtio-net header before each packet: 0, 10 or 12 bytes (0)\n"
	"  -F slots    spread a packet over so many slots\n"
	"  -M bytes    put at most so many bytes into a slot\n"
	"  -C rings    tx-slots[,rx-slots[,tx-rings[,rx-rings]]] to open the port with\n"
	"  -N          report in plain units: 1000000 pps, not 1.000 Mpps\n"
	"  -r          tx: leave the buffers as they are (send rubbish)\n"
	"  -v          say more\n"
	"  -h          print this\n"
	"\n"
	"count, rate and burst may end in k, M or G.\n";

static enum role role_option(const char *text)
{
	static const char *const names[] = { "tx", "rx", "ping", "pong" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return (enum role)i;
	fault_usage("-f: \"%s\" is no function, there are tx, rx, ping and pong", text);
}

/* -l given once sets both limits, given again adds the second one. */
static void length_option(struct options *options, const char *text)
{
	uint32_t length = number_option('l', text, 1, PACKET_LENGTH_MAX);

	if (!options->length_min) {
		options->length_min = options->length_max = length;
		return;
	}
	if (options->length_min != options->length_max)
		fault_usage("-l: given more than twice");
	if (length < options->length_min)
		options->length_min = length;
	else
		options->length_max = length;
}

static void rings_option(struct options *options, const char *text)
{
	uint64_t values[4] = { 0 };
	char copy[64], *p = copy, *word;
	unsigned int count = 0;

	if (strlen(text) >= sizeof(copy))
		fault_usage("-C: \"%s\" is too long", text);
	strcpy(copy, text);
	while ((word = strsep(&p, ","))) {
		if (count == 4)
			fault_usage("-C: \"%s\" has more than four numbers", text);
		values[count] = number_option('C', word, 0, count < 2 ? 1 << 20 : 4096);
		count++;
	}
	options->tx_slots = values[0];
	options->rx_slots = values[1];
	options->tx_rings = values[2];
	options->rx_rings = values[3];
}

static uint32_t vnet_option(const char *text)
{
	uint64_t length = number_option('H', text, 0, 12);

	if (length != 0 && length != 10 && length != 12)
		fault_usage("-H: a virtio-net header has 10 or 12 bytes, or 0 for none");
	return length;
}

static int core_option(const char *text)
{
	return number_option('a', text, 0, sysconf(_SC_NPROCESSORS_CONF) - 1);
}

static void family_option(struct options *options, int family)
{
	if (options->family != AF_UNSPEC && options->family != family)
		fault_usage("-4 and -6 exclude each other");
	options->family = family;
}

static void option_apply(struct options *options, int letter, const char *text)
{
	switch (letter) {
	case 'i': options->port = text; break;
	case 'f': options->role = role_option(text); break;
	case 'n': options->count = number_option('n', text, 0, UINT64_MAX / 2); options->count_given = true; break;
	case 'l': length_option(options, text); break;
	case 'b': options->burst = number_option('b', text, 1, 1 << 20); break;
	case '4': family_option(options, AF_INET); break;
	case '6': family_option(options, AF_INET6); break;
	case 's': end_range_option('s', text, &options->source); break;
	case 'd': end_range_option('d', text, &options->target); break;
	case 'S': mac_range_option('S', text, &options->source_mac); break;
	case 'D': mac_range_option('D', text, &options->target_mac); break;
	case 'z': options->random_source = true; break;
	case 'Z': options->random_target = true; break;
	case 'a': options->first_core = core_option(text); break;
	case 'c': options->cores = number_option('c', text, 0, sysconf(_SC_NPROCESSORS_CONF)); break;
	case 'p': options->threads = number_option('p', text, 0, 4096); break;
	case 'T': options->report_ms = number_option('T', text, 1, 3600000); break;
	case 'w': options->wait_seconds = number_option('w', text, 0, 3600); break;
	case 'R': options->rate = number_option('R', text, 0, 1000000000000); break;
	case 'P': options->capture = text; break;
	case 'X': options->dump = true; break;
	case 'H': options->vnet_length = vnet_option(text); break;
	case 'F': options->fragments = number_option('F', text, 1, NETMAP_MAX_FRAGS); break;
	case 'M': options->fragment_size = number_option('M', text, 1, 65535); break;
	case 'C': rings_option(options, text); break;
	case 'N': options->plain_units = true; break;
	case 'r': options->rubbish = true; break;
	case 'v': options->verbose = true; break;
	}
}

static void letters_read(struct options *options, int argc, char **argv)
{
	int letter;

	opterr = 0;
	while ((letter = getopt(argc, argv, ":i:f:n:l:b:46s:d:S:D:zZa:c:p:T:w:R:P:XH:F:M:C:Nrvh")) != -1) {
		switch (letter) {
		case 'h':
			printf("%s%s", usage_text, help_text);
			exit(0);
		case ':':
			fault_usage("-%c needs a value\n%s", optopt, usage_text);
		case '?':
			fault_usage("there is no option -%c\n%s", optopt, usage_text);
		default:
			option_apply(options, letter, optarg);
		}
	}
	if (optind < argc)
		fault_usage("\"%s\" is no option\n%s", argv[optind], usage_text);
}

/* The family follows from the addresses when neither -4 nor -6 says it. */
static void family_settle(struct options *options)
{
	const struct end_range *const ends[] = { &options->source, &options->target };

	for (int i = 0; i < 2; i++) {
		if (!ends[i]->given)
			continue;
		if (options->family == AF_UNSPEC)
			options->family = ends[i]->family;
		if (options->family != ends[i]->family)
			fault_usage("-%c is no %s address", i ? 'd' : 's',
				    options->family == AF_INET ? "IPv4" : "IPv6");
	}
	if (options->family == AF_UNSPEC)
		options->family = AF_INET;
}

static void lengths_settle(struct options *options)
{
	uint32_t least = packet_header_length(options->family);

	if (options->role == ROLE_PING)
		least += PACKET_STAMP_LENGTH;
	if (!options->length_min)
		options->length_min = options->length_max = least > LENGTH_DEFAULT ? least : LENGTH_DEFAULT;
	if (options->length_min < least)
		fault_usage("-l: a packet needs at least %u bytes for its headers%s", least,
			    options->role == ROLE_PING ? " and time stamp" : "");
}

/*
 * How many slots the longest packet takes is known here when -M says so, and checked again against the port's
 * buffers.
 */
static void fragments_settle(const struct options *options)
{
	uint32_t size = options->fragment_size, most = options->fragments ? options->fragments : NETMAP_MAX_FRAGS,
		 needed;

	if (!size || options->capture)
		return;
	needed = (options->length_max + options->vnet_length + size - 1) / size;
	if (needed > most)
		fault_usage("a packet of %u bytes needs %u slots of %u bytes, at most %u are allowed",
			    options->length_max + options->vnet_length, needed, size, most);
}

void options_read(struct options *options, int argc, char **argv)
{
	*options = (struct options){
		.role = ROLE_RX,
		.burst = 512,
		.first_core = -1,
		.threads = 1,
		.report_ms = 1000,
		.wait_seconds = 2,
		.family = AF_UNSPEC,
	};
	letters_read(options, argc, argv);
	if (!options->port || !*options->port)
		fault_usage("-i is missing: which port?\n%s", usage_text);
	if (options->capture && options->role != ROLE_TX)
		fault_usage("-P works with -f tx only");
	if (options->capture && options->threads != 1)
		fault_usage("-P works with one thread only, not with -p %u", options->threads);
	if (options->rubbish && (options->role != ROLE_TX || options->capture))
		fault_usage("-r works with -f tx only, and not with -P");
	if (options->role == ROLE_PING && options->threads != 1)
		fault_usage("-f ping works with one thread only, not with -p %u", options->threads);
	if (options->cores && options->first_core < 0)
		fault_usage("-c needs -a, the first core");
	family_settle(options);
	lengths_settle(options);
	fragments_settle(options);
}
