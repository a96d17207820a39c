/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nmctl shows what there is: ports, rings and their counters, switches, memory; of the kernel's module or of netmapd, whichever
 * runs. See nmctl(8).
 */
#include "../lib/fault.h"
#include "print.h"
#include "snapshot.h"
#include "top.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] = "usage: nmctl [-hj] [-d seconds] [-n looks] [list | rings [port] | switches | memory | top]\n";

static const char help_text[] =
	"\n"
	"  list          ports, what drives them, who uses them (the default)\n"
	"  rings [port]  the counters of each ring\n"
	"  switches      VALE switches and their ports\n"
	"  memory        memory regions and what of them is in use\n"
	"  top           what each ring does, live\n"
	"\n"
	"  -j, --json    everything, as one JSON object in a line; with top one for each look\n"
	"  -d seconds    top: time between two looks (1)\n"
	"  -n looks      top: ends after so many\n"
	"  -h, --help    print this\n";

struct options {
	struct top_options top;
	const char *command, *port;
	bool json;
};

static double seconds_option(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= 0.05 && v <= 3600))
		fault_usage("-d: \"%s\" is no time from 0.05 to 3600 seconds", text);
	return v;
}

static uint64_t looks_option(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !v)
		fault_usage("-n: \"%s\" is no number of looks", text);
	return v;
}

static void words_read(struct options *o, int count, char **words)
{
	static const char *const commands[] = { "list", "rings", "switches", "memory", "top", NULL };
	int i = 0, most;

	o->command = count ? words[0] : "list";
	while (commands[i] && strcmp(commands[i], o->command) != 0)
		i++;
	if (!commands[i])
		fault_usage("there is no command \"%s\"\n%s", o->command, usage_text);
	most = strcmp(o->command, "rings") == 0 ? 2 : 1;
	if (count > most)
		fault_usage("\"%s\" is too much\n%s", words[most], usage_text);
	o->port = count > 1 ? words[1] : NULL;
}

static void options_read(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int letter;

	*o = (struct options){ .top.seconds = 1 };
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":jd:n:h", longs, NULL)) != -1) {
		switch (letter) {
		case 'j': o->json = o->top.json = true; break;
		case 'd': o->top.seconds = seconds_option(optarg); break;
		case 'n': o->top.looks = looks_option(optarg); break;
		case 'h':
			printf("%s%s", usage_text, help_text);
			exit(0);
		case ':':
			fault_usage("-%c needs a value\n%s", optopt, usage_text);
		default:
			fault_usage("there is no option %s\n%s", argv[optind - 1], usage_text);
		}
	}
	words_read(o, argc - optind, argv + optind);
}

static int show(const struct options *o, const struct snapshot *s)
{
	if (o->json)
		print_json(s);
	else if (strcmp(o->command, "list") == 0)
		print_ports(s);
	else if (strcmp(o->command, "switches") == 0)
		print_switches(s);
	else if (strcmp(o->command, "memory") == 0)
		print_memory(s);
	else if (!print_rings(s, o->port)) {
		fault_say("there is no port \"%s\"", o->port);
		return 1;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fault_say("cannot write: %s", strerror(errno));
		return 1;
	}
	return 0;
}

static int run(const struct options *o, int fd)
{
	struct snapshot s;
	int code;

	if (strcmp(o->command, "top") == 0)
		return top_run(fd, &o->top);
	if (!snapshot_take(&s, fd))
		return 1;
	code = show(o, &s);
	if (snapshot_is_alone(&s)) {
		fault_say("no device and no netmapd: ports that programs have in-process cannot be seen from here");
		code = 1;
	}
	snapshot_free(&s);
	return code;
}

int main(int argc, char **argv)
{
	struct options options;
	int fd, code;

	options_read(&options, argc, argv);
	fd = open("/dev/netmap", O_RDWR);
	if (fd < 0) {
		fault_say("cannot open /dev/netmap: %s", strerror(errno));
		return 1;
	}
	code = run(&options, fd);
	close(fd);
	return code;
}
