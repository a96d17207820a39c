/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pktgen: the kernel's own packet generator, Documentation/networking/pktgen.rst. It has no program and no system call:
 * what it costs is what building a packet and the driver cost.
 *
 * Twice: with its defaults, where each packet is built anew and handed over alone; and at its best, where one packet is
 * sent again and again, in bursts that the driver hands to the hardware together. Some drivers refuse the latter.
 */
#include "load.h"

#include <fcntl.h>

#define PATH "/proc/net/pktgen/"

struct pktgen {
	unsigned packets;
};

static int write_line(const char *file, const char *line)
{
	char path[128];
	int fd, n;

	snprintf(path, sizeof(path), PATH "%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return load_fail(path);
	n = dprintf(fd, "%s\n", line);
	if (n < 0) {
		fprintf(stderr, "%s: \"%s\": %s\n", path, line, strerror(errno));
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static int configure(const struct load *l, unsigned packets, unsigned clones, unsigned burst)
{
	const uint8_t *mac = l->args.target.ether_addr_octet;
	char line[8][96];
	char ip[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &l->args.target_ip, ip, sizeof(ip));
	snprintf(line[0], sizeof(line[0]), "add_device %s", l->args.ifname);
	snprintf(line[1], sizeof(line[1]), "count %u", packets);
	snprintf(line[2], sizeof(line[2]), "pkt_size %u", l->args.length);
	snprintf(line[3], sizeof(line[3]), "dst_mac %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	snprintf(line[4], sizeof(line[4]), "dst %s", ip);
	snprintf(line[5], sizeof(line[5]), "clone_skb %u", clones);
	snprintf(line[6], sizeof(line[6]), "burst %u", burst);
	snprintf(line[7], sizeof(line[7]), "delay 0");
	if (write_line("kpktgend_0", "rem_device_all") || write_line("kpktgend_0", line[0]))
		return -1;
	for (unsigned i = 1; i < 8; i++)
		if (write_line(l->args.ifname, line[i]))
			return -1;
	return 0;
}

/* One run of this many packets; it begins with a pause of an eighth of a second. */
static int open_pktgen(struct load *l, unsigned clones, unsigned burst)
{
	struct pktgen *p = l->own = calloc(1, sizeof(*p));

	if (!p)
		return load_fail("no memory");
	p->packets = (unsigned)(l->args.seconds * 1e6);
	p->packets -= p->packets % burst;
	return configure(l, p->packets, clones, burst);
}

static int open_default(struct load *l)
{
	return open_pktgen(l, 0, 1);
}

static int open_best(struct load *l)
{
	return open_pktgen(l, 1000000, l->args.batch);
}

static int send_all(struct load *l)
{
	const struct pktgen *p = l->own;

	return write_line("pgctrl", "start") ? -1 : (int)p->packets;
}

static void close_pktgen(struct load *l)
{
	write_line("kpktgend_0", "rem_device_all");
	free(l->own);
}

const struct load_method load_pktgen = {
	.name = "pktgen", .what = "the kernel's pktgen", .open_tx = open_default, .send = send_all, .close = close_pktgen,
};

const struct load_method load_pktgen_best = {
	.name = "pktgen-best", .what = "the kernel's pktgen, one packet in bursts", .open_tx = open_best, .send = send_all,
	.close = close_pktgen,
};
