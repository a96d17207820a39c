/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vale-ctl configures VALE switches, with the options that users of netmap know: each command is a request to the host, in the
 * order of the command line. See vale-ctl(8).
 */
#include "../lib/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libnetmap.h>
#include <net/netmap_linerate.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COMMANDS_MAX 64
#define NUMBERS 4

struct command {
	char letter;
	const char *name;
};

struct options {
	struct command commands[COMMANDS_MAX];
	unsigned int count;
	uint32_t config[NUMBERS];	/* -C, 0: not said */
	unsigned int configs;
	uint16_t mem_id;
};

static const char usage_text[] =
	"usage: vale-ctl [-a|-h valeS:interface] [-d valeS:interface] [-n|-r interface] [-g|-l|-p|-P valeS:P] [-C numbers] [-m id]\n";

static const char help_text[] =
	"\n"
	"  -a valeS:eth0  put an interface on switch S\n"
	"  -h valeS:eth0  the same, and its host rings too: the host uses the switch\n"
	"  -d valeS:eth0  take it off\n"
	"  -n name        make a persistent port, which is an interface of the system too\n"
	"  -r name        remove it\n"
	"  -l valeS:P     numbers of the switch and of the port on it; -l alone, or no option at all:\n"
	"                 all ports of all switches\n"
	"  -g valeS:P     how many rx rings it has\n"
	"  -p valeS:eth0  threads of its own poll the interface; -P: no more\n"
	"  -C numbers     with -n: tx slots[,rx slots[,tx rings[,rx rings]]]\n"
	"                 with -p: first processor[,number of them]\n"
	"  -m id          with -a, -h and -n: memory region\n"
	"  -h, --help     alone: print this\n";

static __attribute__((noreturn)) void help(void)
{
	printf("%s%s", usage_text, help_text);
	exit(0);
}

static unsigned long number(char letter, const char *text, char **end, unsigned long most)
{
	unsigned long v;

	errno = 0;
	v = strtoul(text, end, 10);
	if (*text < '0' || *text > '9' || errno || v > most)
		fault_usage("-%c: \"%s\" is no number up to %lu\n%s", letter, text, most, usage_text);
	return v;
}

static void config_option(struct options *o, const char *text)
{
	char *end;

	for (o->configs = 0;; text = end + 1) {
		if (o->configs == NUMBERS)
			fault_usage("-C: more than %u numbers\n%s", NUMBERS, usage_text);
		o->config[o->configs++] = (uint32_t)number('C', text, &end, 1 << 20);
		if (!*end)
			return;
		if (*end != ',')
			fault_usage("-C: \"%s\" are no numbers with commas between\n%s", text, usage_text);
	}
}

static void mem_option(struct options *o, const char *text)
{
	char *end;

	o->mem_id = (uint16_t)number('m', text, &end, UINT16_MAX);
	if (*end || !o->mem_id)
		fault_usage("-m: \"%s\" is no memory region\n%s", text, usage_text);
}

static void command_option(struct options *o, char letter, const char *name)
{
	bool vale = name && strncmp(name, NM_BDG_NAME, strlen(NM_BDG_NAME)) == 0 && strchr(name, ':');

	if (name && strlen(name) >= NETMAP_REQ_IFNAMSIZ)
		fault_usage("-%c: \"%s\" is too long for a name\n%s", letter, name, usage_text);
	if (name && strchr("nr", letter) && vale)
		fault_usage("-%c: \"%s\" is a port of a switch, the name of an interface is needed\n%s", letter, name, usage_text);
	if (name && !strchr("nr", letter) && !vale)
		fault_usage("-%c: \"%s\" is no port of a switch: valeS:P\n%s", letter, name, usage_text);
	if (o->count == COMMANDS_MAX)
		fault_usage("more than %u commands", COMMANDS_MAX);
	o->commands[o->count++] = (struct command){ letter, name };
}

static void options_read(struct options *o, int argc, char **argv)
{
	int letter;

	memset(o, 0, sizeof(*o));
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		help();
	opterr = 0;
	while ((letter = getopt(argc, argv, ":a:h:d:n:r:l:g:p:P:C:m:")) != -1) {
		switch (letter) {
		case 'C': config_option(o, optarg); break;
		case 'm': mem_option(o, optarg); break;
		case ':':
			if (optopt != 'l')
				fault_usage("-%c needs a value\n%s", optopt, usage_text);
			command_option(o, 'l', NULL);
			break;
		case '?':
			fault_usage("there is no option -%c\n%s", optopt, usage_text);
		default: command_option(o, (char)letter, optarg);
		}
	}
	if (optind < argc)
		fault_usage("\"%s\" is no option\n%s", argv[optind], usage_text);
	if (!o->count)
		command_option(o, 'l', NULL);
}

/* --- Requests ------------------------------------------------------------------------------------- */

/* 0, or the errno after a message; -ENOENT: nothing said. */
static int ask(int fd, uint16_t type, const char *name, void *body, char answer[NETMAP_REQ_IFNAMSIZ])
{
	char why[256] = "";
	struct nmreq_opt_reason reason = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = (uintptr_t)why, .nro_len = sizeof(why)
	};
	struct nmreq_header header;
	int error;

	nmreq_header_init(&header, type, body);
	strcpy(header.nr_name, name);
	header.nr_options = (uintptr_t)&reason;
	if (ioctl(fd, NIOCCTRL, &header) == 0) {
		if (answer)
			memcpy(answer, header.nr_name, sizeof(header.nr_name));
		return 0;
	}
	error = errno;
	if (answer && error == ENOENT)
		return -ENOENT;
	fault_say("%s: %s", name[0] ? name : "list", why[0] ? why : strerror(error));
	return error;
}

static int list_all(int fd)
{
	struct nmreq_vale_list at = { .nr_bridge_idx = 0 };
	char name[NETMAP_REQ_IFNAMSIZ];
	int err;

	while ((err = ask(fd, NETMAP_REQ_VALE_LIST, "", &at, name)) == 0) {
		printf("bridge:%u port:%u %s\n", at.nr_bridge_idx, at.nr_port_idx, name);
		at.nr_port_idx++;
	}
	return err == -ENOENT ? 0 : err;
}

static int list(int fd, const char *name)
{
	struct nmreq_vale_list at = { .nr_bridge_idx = 0 };
	int err = name ? ask(fd, NETMAP_REQ_VALE_LIST, name, &at, NULL) : list_all(fd);

	if (!err && name)
		printf("bridge:%u port:%u %s\n", at.nr_bridge_idx, at.nr_port_idx, name);
	return err;
}

static int rings(int fd, const char *name)
{
	struct nmreq_port_info_get info = { 0 };
	int err = ask(fd, NETMAP_REQ_PORT_INFO_GET, name, &info, NULL);

	if (!err)
		printf("%s has %u rx ring%s\n", name, info.nr_rx_rings, info.nr_rx_rings == 1 ? "" : "s");
	return err;
}

static int attach(int fd, const struct options *o, const struct command *c)
{
	struct nmreq_vale_attach body = { .reg = {
		.nr_mode = c->letter == 'h' ? NR_REG_NIC_SW : NR_REG_ALL_NIC,
		.nr_mem_id = o->mem_id,
	} };

	return ask(fd, NETMAP_REQ_VALE_ATTACH, c->name, &body, NULL);
}

/* As the command line has it; receiving is as sending where it does not say. */
static int make(int fd, const struct options *o, const char *name)
{
	struct nmreq_vale_newif body = {
		.nr_tx_slots = o->config[0],
		.nr_rx_slots = o->config[o->configs > 1 ? 1 : 0],
		.nr_tx_rings = (uint16_t)o->config[2],
		.nr_rx_rings = (uint16_t)o->config[o->configs > 3 ? 3 : 2],
		.nr_mem_id = o->mem_id,
	};

	if (o->config[2] > UINT16_MAX || o->config[3] > UINT16_MAX) {
		fault_say("-C: more than %u rings", UINT16_MAX);
		return EINVAL;
	}
	return ask(fd, NETMAP_REQ_VALE_NEWIF, name, &body, NULL);
}

static int polling(int fd, const struct options *o, const struct command *c)
{
	struct nmreq_vale_polling body = { .nr_num_polling_cpus = o->configs > 1 ? o->config[1] : 1,
					   .nr_first_cpu_id = o->config[0] };

	body.nr_mode = body.nr_num_polling_cpus > 1 ? NETMAP_POLLING_MODE_MULTI_CPU : NETMAP_POLLING_MODE_SINGLE_CPU;
	return ask(fd, c->letter == 'p' ? NETMAP_REQ_VALE_POLLING_ENABLE : NETMAP_REQ_VALE_POLLING_DISABLE, c->name, &body, NULL);
}

static int command_run(int fd, const struct options *o, const struct command *c)
{
	struct nmreq_vale_detach off = { 0 };

	switch (c->letter) {
	case 'a':
	case 'h': return attach(fd, o, c);
	case 'd': return ask(fd, NETMAP_REQ_VALE_DETACH, c->name, &off, NULL);
	case 'n': return make(fd, o, c->name);
	case 'r': return ask(fd, NETMAP_REQ_VALE_DELIF, c->name, NULL, NULL);
	case 'g': return rings(fd, c->name);
	case 'l': return list(fd, c->name);
	default: return polling(fd, o, c);
	}
}

/* A switch in this process would go with it. Hosts of others do not know the question, and are none such. */
static bool host_lasts(int fd)
{
	struct nmreq_list body = { .nr_list = 0 };
	struct nmreq_header header;

	nmreq_header_init(&header, NETMAP_REQ_PORTS_GET, &body);
	return ioctl(fd, NIOCCTRL, &header) || strncmp(body.nr_host, "in-process", sizeof(body.nr_host)) != 0;
}

int main(int argc, char **argv)
{
	struct options options;
	unsigned int i;
	int fd, err = 0;

	options_read(&options, argc, argv);
	fd = open("/dev/netmap", O_RDWR);
	if (fd < 0) {
		fault_say("cannot open /dev/netmap: %s", strerror(errno));
		return 1;
	}
	if (!host_lasts(fd)) {
		fault_say("no device and no netmapd: switches of this process would end with it");
		err = ENODEV;
	}
	for (i = 0; i < options.count && !err; i++)
		err = command_run(fd, &options, &options.commands[i]);
	close(fd);
	if (!err && fflush(stdout)) {
		fault_say("cannot write: %s", strerror(errno));
		err = EIO;
	}
	return err ? 1 : 0;
}
