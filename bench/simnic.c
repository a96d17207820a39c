/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simnic: what txsync and rxsync of a network interface cost, without the interface.
 *
 * One turn: the program fills a batch of transmit slots, txsync; the simulated hardware (simport.h) sends them and
 * lets a batch arrive; rxsync; the program takes it. Only the two sync requests are on the clock, from the
 * descriptor's ioctl entry down: finding the ring, its lock, the checks of positions and slots, the driver's
 * descriptors, publishing the result. The program's part and the hardware's are not, nor is a system call. The figure
 * is cycles for a packet sent and one received together, the lower quartile of the rounds.
 */
#include "args.h"

#include "core/control.h"
#include "core/file.h"
#include "simport.h"

static const char purpose[] =
	"simnic [-b N] [-l N] [-t S] [-c N]: cost of txsync and rxsync over a simulated interface\n";

struct bench {
	struct args args;
	struct lr_file *file;
	struct netmap_ring *tx, *rx;
	struct simport_wire wire;
	uint64_t packets, bytes;	/* received by the program */
	uint64_t cycles;		/* within syncs */
};

static int bind_port(struct bench *b)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_header hdr = {
		.nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER, .nr_name = "sim0", .nr_body = (uintptr_t)&reg,
	};
	char why[256];
	int err;

	b->file = lr_file_open();
	if (!b->file)
		return -1;
	err = lr_file_ioctl(b->file, NIOCCTRL, (uintptr_t)&hdr);
	if (err) {
		lr_file_why(b->file, why, sizeof(why));
		fprintf(stderr, "cannot bind the simulated interface: %s (%s)\n", why, strerror(-err));
		return -1;
	}
	b->tx = b->file->port->ring[LR_TX][0].shared;
	b->rx = b->file->port->ring[LR_RX][0].shared;
	return 0;
}

static unsigned slots_ready(const struct netmap_ring *ring, unsigned most)
{
	unsigned n = lr_pos_dist(ring->head, ring->tail, ring->num_slots);

	return n < most ? n : most;
}

static void fill(struct bench *b)
{
	uint32_t i = b->tx->head;

	for (unsigned n = slots_ready(b->tx, b->args.batch); n; n--, i = lr_pos_next(i, b->tx->num_slots))
		b->tx->slot[i].len = (uint16_t)b->args.length;
	b->tx->head = b->tx->cur = i;
}

static void take(struct bench *b)
{
	uint32_t i = b->rx->head;

	for (unsigned n = slots_ready(b->rx, b->args.batch); n; n--, i = lr_pos_next(i, b->rx->num_slots)) {
		b->bytes += b->rx->slot[i].len;
		b->packets++;
	}
	b->rx->head = b->rx->cur = i;
}

static int timed_sync(struct bench *b, unsigned long request)
{
	uint64_t start = measure_cycles();
	int err = lr_file_ioctl(b->file, request, 0);

	b->cycles += measure_cycles() - start;
	return err;
}

static int turn(struct bench *b)
{
	fill(b);
	if (timed_sync(b, NIOCTXSYNC))
		return -1;
	simport_send(&b->wire);
	simport_arrive(&b->wire, b->args.batch, (uint16_t)b->args.length);
	if (timed_sync(b, NIOCRXSYNC))
		return -1;
	take(b);
	return 0;
}

/* What the program sent went out, and what came in reached the program, whole. */
static bool complete(const struct bench *b, const struct simport_wire *before)
{
	uint64_t out = b->wire.tx_packets - before->tx_packets, in = b->wire.rx_packets - before->rx_packets;

	if (b->packets && out == b->packets && in == b->packets && b->bytes == b->packets * b->args.length)
		return true;
	fprintf(stderr, "%" PRIu64 " packets sent, %" PRIu64 " came, the program has %" PRIu64 " with %" PRIu64 " bytes\n", out, in,
		b->packets, b->bytes);
	return false;
}

/* The span of a round says the counter's frequency; what it leaves in m is the time within syncs. */
static int run_round(struct bench *b, struct measure_round *round)
{
	struct simport_wire before = b->wire;
	struct measure span;

	b->packets = b->bytes = b->cycles = 0;
	measure_start(&span);
	for (unsigned i = 0; i < MEASURE_TURNS; i++) {
		if (turn(b)) {
			fprintf(stderr, "sync failed\n");
			return -1;
		}
	}
	measure_stop(&span);
	if (!complete(b, &before))
		return -1;
	round->packets = b->packets;
	round->m.cycles = b->cycles;
	round->m.nsec = (uint64_t)((double)b->cycles * 1000.0 / measure_mhz(&span));
	return 0;
}

static int run(struct bench *b)
{
	static struct measure_round rounds[MEASURE_ROUNDS];
	uint64_t end = measure_nsec() + (uint64_t)(b->args.seconds * 1e9);
	unsigned n = 0;

	do {
		if (run_round(b, &rounds[n++]))
			return 1;
	} while (n < MEASURE_ROUNDS && measure_nsec() < end && !measure_interrupted);
	measure_print_rounds(rounds, n, "simnic", b->args.batch);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = { .file = NULL };
	int ret = 1;

	args_parse(&b.args, argc, argv, "b:l:t:c:h", purpose);
	if (b.args.batch > SIMPORT_SLOTS / 2)
		b.args.batch = SIMPORT_SLOTS / 2;
	measure_catch_signals();
	measure_pin(b.args.core);
	if (!bind_port(&b))
		ret = run(&b);
	if (b.file)
		lr_file_close(b.file);
	return ret;
}
