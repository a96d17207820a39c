/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pair: packets from one process to another, through two netmap ports that are joined: the ends of a pipe, or two ports of
 * a VALE switch. Neither process is the host: it is netmapd or the module.
 *
 * Both wait with poll, the sender for room and the receiver for packets, and sync in between. Counted is what the receiver has
 * taken, over a span of its own that begins with the first packet. No packet is written or read, as with memif; and each
 * process stays on a core of its own, as there.
 */
#include "port.h"

#include <sys/poll.h>
#include <sys/wait.h>
#include <unistd.h>

static const char purpose[] = "pair [-b N] [-l N] [-t S] [FROM TO]: packets from one process to another, through ports FROM (bench{1) and TO (bench}1)\n";

/* A batch, or a wait for room. Who was told to stop sends no more. */
static int send_some(struct nmport_d *d, const struct args *args)
{
	struct pollfd p = { .fd = d->fd, .events = POLLOUT };

	if (port_fill(port_tx(d), args->batch, (uint16_t)args->length))
		return ioctl(d->fd, NIOCTXSYNC, NULL);
	return poll(&p, 1, 100) < 0 && errno != EINTR ? -1 : 0;
}

static int sender(const struct args *args, const char *name)
{
	struct nmport_d *d;

	measure_pin(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0);
	d = port_open(name);
	if (!d)
		return 1;
	while (!measure_interrupted)
		if (send_some(d, args))
			return 1;
	nmport_close(d);
	return 0;
}

/* Up to a whole ring at once: what there is. poll is the sync, too. */
static int receive_some(struct nmport_d *d, uint64_t *packets, uint64_t *bytes)
{
	struct pollfd p = { .fd = d->fd, .events = POLLIN };
	struct netmap_ring *rx = port_rx(d);

	if (poll(&p, 1, 1000) < 0 && errno != EINTR)
		return -1;
	*packets += port_take(rx, rx->num_slots, bytes);
	return 0;
}

static int receiver(const struct args *args, struct nmport_d *d)
{
	uint64_t packets = 0, bytes = 0, end;
	struct measure m;

	while (!packets && !measure_interrupted)
		if (receive_some(d, &packets, &bytes))
			return 1;
	packets = bytes = 0;
	measure_start(&m);
	end = measure_nsec() + (uint64_t)(args->seconds * 1e9);
	while (!measure_interrupted && measure_nsec() < end)
		if (receive_some(d, &packets, &bytes))
			return 1;
	measure_stop(&m);
	if (bytes != packets * args->length) {
		fprintf(stderr, "%" PRIu64 " packets of %u bytes came as %" PRIu64 " bytes\n", packets, args->length, bytes);
		return 1;
	}
	measure_print(&m, "pair", packets, " batch=%u", args->batch);
	return 0;
}

static int run(const struct args *args, const char *from, const char *to)
{
	struct nmport_d *d;
	int ret = 1, status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(sender(args, from));
	measure_pin(0);
	d = pid > 0 ? port_open(to) : NULL;
	if (d) {
		ret = receiver(args, d);
		nmport_close(d);
	}
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		ret = 1;
	return ret;
}

int main(int argc, char **argv)
{
	struct args args;

	args_parse(&args, argc, argv, "b:l:t:h", purpose);
	measure_catch_signals();
	if (argc - args.rest == 2)
		return run(&args, argv[args.rest], argv[args.rest + 1]);
	return run(&args, "bench{1", "bench}1");
}
