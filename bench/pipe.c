/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipe: packets through a netmap pipe, sent and received in one thread.
 *
 * One turn: a batch of slots gets its length on the sending end, txsync; rxsync on the other end, the length of each
 * slot is read and added up. Measured is all of it, both ends together, the loops of the program and the calls into
 * the library included. The figure is the lower quartile of the rounds (measure.h). No packet is written or read: a
 * pipe moves buffers, it does not look at them.
 */
#include "port.h"

static const char purpose[] =
	"pipe [-b N] [-l N] [-t S] [-c N]: packets through both ends of the pipe bench{1 in one thread\n";

struct pipe {
	struct args args;
	struct nmport_d *master, *slave;
	uint64_t packets, bytes;
};

static int run_round(struct pipe *p, struct measure_round *round)
{
	struct netmap_ring *tx = port_tx(p->master), *rx = port_rx(p->slave);

	p->packets = p->bytes = 0;
	measure_start(&round->m);
	for (unsigned turn = 0; turn < MEASURE_TURNS; turn++) {
		port_fill(tx, p->args.batch, (uint16_t)p->args.length);
		if (ioctl(p->master->fd, NIOCTXSYNC, NULL) || ioctl(p->slave->fd, NIOCRXSYNC, NULL)) {
			fprintf(stderr, "sync failed: %s\n", strerror(errno));
			return -1;
		}
		p->packets += port_take(rx, p->args.batch, &p->bytes);
	}
	measure_stop(&round->m);
	round->packets = p->packets;
	if (p->packets && p->bytes == p->packets * p->args.length)
		return 0;
	fprintf(stderr, "%" PRIu64 " packets of %u bytes came as %" PRIu64 " bytes\n", p->packets, p->args.length, p->bytes);
	return -1;
}

static int run(struct pipe *p)
{
	static struct measure_round rounds[MEASURE_ROUNDS];
	uint64_t end = measure_nsec() + (uint64_t)(p->args.seconds * 1e9);
	unsigned n = 0;

	do {
		if (run_round(p, &rounds[n++]))
			return 1;
	} while (n < MEASURE_ROUNDS && measure_nsec() < end && !measure_interrupted);
	measure_print_rounds(rounds, n, "pipe", p->args.batch);
	return 0;
}

int main(int argc, char **argv)
{
	struct pipe p = { .master = NULL };
	int ret = 1;

	args_parse(&p.args, argc, argv, "b:l:t:c:h", purpose);
	measure_catch_signals();
	measure_pin(p.args.core);
	p.master = port_open("bench{1");
	p.slave = p.master ? port_open("bench}1") : NULL;
	if (p.slave)
		ret = run(&p);
	if (p.slave)
		nmport_close(p.slave);
	if (p.master)
		nmport_close(p.master);
	return ret;
}
