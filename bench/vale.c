/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vale: packets through a VALE switch in the program, sent, switched and received in one thread.
 *
 * One turn: a batch of slots gets its length on one port, txsync; rxsync on the other port, the length of each slot is read
 * and added up. Measured is all of it: both ends, the loops of the program and the calls into the library included. The
 * packets are in the buffers before; the switch looks at their addresses and copies them.
 *
 *	vale [hop]	from one port to the other
 *	vale sink	into a switch that has no other port
 *	vale memcpy	a hop and, in turns with it, the bare copies of the same bytes between the same buffers;
 *			"ratio" is what the hop makes of the speed of those, the median of neighbours
 */
#include "port.h"

static const char purpose[] =
	"vale [-b N] [-l N] [-t S] [-c N] [hop|sink|memcpy]: packets through a VALE switch in one thread\n";

struct vale {
	struct args args;
	struct nmport_d *from, *to;
	uint64_t packets, bytes;
};

/* All buffers of the sender have the frame. */
static void write_frames(const struct args *args, struct netmap_ring *tx)
{
	for (uint32_t i = 0; i < tx->num_slots; i++)
		args_frame(args, NETMAP_BUF(tx, tx->slot[i].buf_idx));
}

/* The switch learns where the receiver is: a packet in the other direction, which the sender takes. */
static int introduce(struct vale *v)
{
	struct args back = v->args;
	uint64_t bytes = 0;

	back.source = v->args.target;
	back.target = v->args.source;
	write_frames(&back, port_tx(v->to));
	port_fill(port_tx(v->to), 1, (uint16_t)v->args.length);
	if (ioctl(v->to->fd, NIOCTXSYNC, NULL) || ioctl(v->from->fd, NIOCRXSYNC, NULL))
		return -1;
	return port_take(port_rx(v->from), 1, &bytes) == 1 ? 0 : -1;
}

static int hop(struct vale *v)
{
	struct netmap_ring *rx = port_rx(v->to);

	port_fill(port_tx(v->from), v->args.batch, (uint16_t)v->args.length);
	if (ioctl(v->from->fd, NIOCTXSYNC, NULL) || ioctl(v->to->fd, NIOCRXSYNC, NULL))
		return -1;
	v->packets += port_take(rx, v->args.batch, &v->bytes);
	return 0;
}

static int sink(struct vale *v)
{
	unsigned n = port_fill(port_tx(v->from), v->args.batch, (uint16_t)v->args.length);

	v->packets += n;
	v->bytes += n * v->args.length;
	return ioctl(v->from->fd, NIOCTXSYNC, NULL);
}

/* What a hop copies, from and to where it does, and nothing else. */
static int copy(struct vale *v)
{
	struct netmap_ring *tx = port_tx(v->from), *rx = port_rx(v->to);
	static uint32_t t, r;

	for (unsigned i = 0; i < v->args.batch; i++) {
		memcpy(NETMAP_BUF(rx, rx->slot[r].buf_idx), NETMAP_BUF(tx, tx->slot[t].buf_idx), v->args.length);
		t = nm_ring_next(tx, t);
		r = nm_ring_next(rx, r);
	}
	v->packets += v->args.batch;
	v->bytes += v->args.batch * v->args.length;
	return 0;
}

static int run_round(struct vale *v, int (*turn)(struct vale *), struct measure_round *round)
{
	v->packets = v->bytes = 0;
	measure_start(&round->m);
	for (unsigned i = 0; i < MEASURE_TURNS; i++) {
		if (turn(v)) {
			fprintf(stderr, "sync failed: %s\n", strerror(errno));
			return -1;
		}
	}
	measure_stop(&round->m);
	round->packets = v->packets;
	if (v->packets && v->bytes == v->packets * v->args.length)
		return 0;
	fprintf(stderr, "%" PRIu64 " packets of %u bytes came as %" PRIu64 " bytes\n", v->packets, v->args.length, v->bytes);
	return -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int run(struct vale *v, int (*turn)(struct vale *), const char *name, bool beside)
{
	static struct measure_round rounds[MEASURE_ROUNDS], copies[MEASURE_ROUNDS];
	static double ratio[MEASURE_ROUNDS];
	uint64_t end = measure_nsec() + (uint64_t)(v->args.seconds * 1e9);
	unsigned n = 0;

	do {
		if (run_round(v, turn, &rounds[n]))
			return 1;
		if (beside && run_round(v, copy, &copies[n]))
			return 1;
		if (beside)
			ratio[n] = (double)copies[n].m.cycles / (double)copies[n].packets * (double)rounds[n].packets /
				   (double)rounds[n].m.cycles;
		n++;
	} while (n < MEASURE_ROUNDS && measure_nsec() < end && !measure_interrupted);
	measure_print_rounds(rounds, n, name, v->args.batch);
	if (!beside)
		return 0;
	measure_print_rounds(copies, n, "memcpy", v->args.batch);
	qsort(ratio, n, sizeof(*ratio), compare);
	printf("ratio value=%.4f\n", ratio[n / 2]);
	return 0;
}

int main(int argc, char **argv)
{
	struct vale v = { .from = NULL };
	const char *what;
	int ret = 1;

	args_parse(&v.args, argc, argv, "b:l:t:c:h", purpose);
	what = argc > v.args.rest ? argv[v.args.rest] : "hop";
	if (strcmp(what, "hop") && strcmp(what, "sink") && strcmp(what, "memcpy")) {
		fputs(purpose, stderr);
		return 2;
	}
	measure_catch_signals();
	measure_pin(v.args.core);
	v.from = port_open("valebench:a");
	if (!v.from)
		return 1;
	write_frames(&v.args, port_tx(v.from));
	if (!strcmp(what, "sink")) {
		ret = run(&v, sink, "sink", false);
	} else {
		v.to = port_open("valebench:b");
		if (v.to && !introduce(&v))
			ret = run(&v, hop, "vale", !strcmp(what, "memcpy"));
		else if (v.to)
			fprintf(stderr, "the first packet did not come\n");
	}
	if (v.to)
		nmport_close(v.to);
	nmport_close(v.from);
	return ret;
}
