/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load: the guest's program: instructions per packet of one way of sending or receiving (load.h, meter.h).
 *
 * tx: batch after batch, as fast as the processor can, for so many seconds of 10^9 instructions. The count is that of the
 *     interface's own counter, which has to agree with what was handed over.
 * rx: in turns an injector sends a batch, through another interface, and the receiver takes it. First the injector alone,
 *     while the interface ignores what is not addressed to it (base); then with the receiver, and the interface
 *     promiscuous (both). The difference is what receiving costs: interrupts, driver, delivery, system calls, program.
 *     Every packet has to arrive. A program that fails ends at once; the kernel takes everything back.
 *
 * A result is a line "result METHOD tx|rx IF batch=N packets=N instr=X", for rx also base=X both=X base_packets=N.
 */
#include "load.h"
#include "meter.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LAG 512	/* packets that a driver may have sent and not counted yet: virtio counts when it reuses a slot */

static const char letters[] = "i:b:r:l:t:S:D:s:d:h";
static const char purpose[] =
	"load tx METHOD -i NAME [options]: instructions per packet of sending\n"
	"load rx METHOD INJECTOR FROM [BASE] -i NAME [options]: of receiving what the method INJECTOR sends on interface\n"
	"                                    FROM; its own cost is measured on interface BASE (FROM)\n"
	"load list: the methods\n";

static const struct load_method *const methods[] = {
	&load_udp, &load_udp_mmsg, &load_packet, &load_packet_mmsg, &load_packet_stack, &load_packet_mmap, &load_xsk,
	&load_pktgen, &load_pktgen_best, &load_netmap, &load_native, &load_native_pair, &load_netmap_idle, &load_netmap_host,
	&load_null, &load_null_idle, &load_pipe, &load_vale, &load_vale_sink,
};

static const struct load_method *find(const char *name)
{
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	fprintf(stderr, "no method \"%s\"; see: load list\n", name);
	return NULL;
}

static uint64_t counter(const char *ifname)
{
	char path[128];
	uint64_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_packets", ifname);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

/* QEMU's e1000 receives nothing for a second after a change of its filters. */
static int set_promiscuous(const char *ifname, bool on)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err;
	struct ifreq req = { .ifr_flags = 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	err = fd < 0 || ioctl(fd, SIOCGIFFLAGS, &req);
	req.ifr_flags = (short)(on ? req.ifr_flags | IFF_PROMISC : req.ifr_flags & ~IFF_PROMISC);
	err = err || ioctl(fd, SIOCSIFFLAGS, &req);
	if (fd >= 0)
		close(fd);
	meter_sleep(2);
	return err ? load_fail(ifname) : 0;
}

/* One batch, and if there is a receiver, until it has come. */
static int turn(const struct load_method *tx, struct load *from, const struct load_method *rx, struct load *to)
{
	int sent = tx->send(from), came = 0;

	while (rx && came < sent) {
		int n = rx->receive(to);

		if (n < 0)
			return -1;
		if (!n) {
			fprintf(stderr, "%d of %d packets arrived\n", came, sent);
			return -1;
		}
		came += n;
	}
	return sent;
}

/* Turns for so many seconds of instructions, at least one. The instructions that were work, and packets. -1 on failure. */
static int measure(const struct load_method *tx, struct load *from, const struct load_method *rx, struct load *to,
		   double seconds, uint64_t *busy, uint64_t *packets)
{
	struct meter m;
	uint64_t end;

	*packets = 0;
	meter_begin(&m);
	end = m.stamp + (uint64_t)(seconds * 1e9);
	do {
		int n = turn(tx, from, rx, to);

		if (n < 0)
			return -1;
		*packets += (unsigned)n;
	} while (measure_cycles() < end);
	if (tx->finish && tx->finish(from))
		return -1;
	*busy = meter_end(&m);
	return 0;
}

static int run_tx(struct load *l, const struct load_method *tx)
{
	uint64_t busy, packets, seen;
	int err;

	if (!tx->open_tx) {
		fprintf(stderr, "%s does not send\n", tx->name);
		return 1;
	}
	if (tx->open_tx(l))
		return 1;
	err = measure(tx, l, NULL, NULL, l->args.seconds / 10, &busy, &packets);
	meter_settle();
	seen = counter(l->args.ifname);
	err = err || measure(tx, l, NULL, NULL, l->args.seconds, &busy, &packets);
	seen = counter(l->args.ifname) - seen;
	tx->close(l);
	if (err)
		return 1;
	if (!tx->silent && llabs((long long)(seen - packets)) > (long long)(packets / 1000 + LAG)) {
		fprintf(stderr, "%s: %" PRIu64 " packets were handed over, %s says it sent %" PRIu64 "\n", tx->name, packets,
			l->args.ifname, seen);
		return 1;
	}
	printf("result %s tx %s batch=%u packets=%" PRIu64 " instr=%.1f\n", tx->name, l->args.ifname, l->args.batch, packets,
	       (double)busy / (double)packets);
	return 0;
}

/* What the injector costs when nobody receives, per packet. */
static double inject_alone(const struct load *l, const struct load_method *rx, const struct load_method *tx, const char *ifname,
			   uint64_t *packets)
{
	struct load from = { .args = l->args }, rival = { .args = l->args };
	uint64_t busy;
	int err;

	if (rx->rival && rx->rival->open_tx(&rival))
		return -1;
	from.args.ifname = ifname;
	err = tx->open_tx(&from) || measure(tx, &from, NULL, NULL, l->args.seconds / 10, &busy, packets) ||
	      measure(tx, &from, NULL, NULL, l->args.seconds, &busy, packets);
	if (err)
		return -1;
	tx->close(&from);
	if (rx->rival)
		rx->rival->close(&rival);
	return (double)busy / (double)*packets;
}

static int run_rx(struct load *l, const struct load_method *rx, const struct load_method *tx, const char *name, const char *base_name)
{
	struct load from = { .args = l->args };
	uint64_t busy, packets, base_packets;
	double base, both;
	int err;

	if (!rx->open_rx || !tx->open_tx) {
		fprintf(stderr, "%s does not receive, or %s does not send\n", rx->name, tx->name);
		return 1;
	}
	base = inject_alone(l, rx, tx, base_name, &base_packets);
	from.args.ifname = name;
	if (base < 0 || rx->open_rx(l))
		return 1;
	err = set_promiscuous(l->args.ifname, true) || tx->open_tx(&from) ||
	      measure(tx, &from, rx, l, l->args.seconds / 10, &busy, &packets) ||
	      measure(tx, &from, rx, l, l->args.seconds, &busy, &packets);
	set_promiscuous(l->args.ifname, false);
	rx->close(l);
	if (err)
		return 1;
	tx->close(&from);
	both = (double)busy / (double)packets;
	printf("result %s rx %s batch=%u packets=%" PRIu64 " instr=%.1f base=%.1f both=%.1f base_packets=%" PRIu64 "\n", rx->name,
	       l->args.ifname, l->args.batch, packets, both - base, base, both, base_packets);
	return 0;
}

static int list(void)
{
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		printf("%-14s%-4s%-4s%s\n", methods[i]->name, methods[i]->open_tx ? "tx" : "", methods[i]->open_rx ? "rx" : "",
		       methods[i]->what);
	return 0;
}

int main(int argc, char **argv)
{
	struct load l = { .own = NULL };
	const struct load_method *method, *injector;
	char **word;
	int words, ret = 2;

	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	args_parse(&l.args, argc, argv, letters, purpose);
	word = argv + l.args.rest;
	words = argc - l.args.rest;
	if (meter_open())
		return load_fail("no soaker") ? 1 : 0;
	if (words == 2 && !strcmp(word[0], "tx")) {
		method = find(word[1]);
		ret = method ? run_tx(&l, method) : 2;
	} else if ((words == 4 || words == 5) && !strcmp(word[0], "rx")) {
		method = find(word[1]);
		injector = find(word[2]);
		ret = method && injector ? run_rx(&l, method, injector, word[3], word[words - 1]) : 2;
	} else {
		args_help(stderr, purpose, letters);
	}
	meter_close();
	return ret;
}
