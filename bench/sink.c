/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sink: drops and counts everything that arrives on an interface, by an XDP program, at the least price there is.
 *
 * It is the other end of all transmit measurements, the same for every sender. It measures nothing; its count shows
 * that what a sender claims to have sent did arrive. Prints "sink ready" once the program is in place, and "sink
 * packets=N" at each SIGUSR1 and at the end, by SIGTERM, SIGINT or its parent's death. The link takes the program off
 * when we end, however that comes.
 */
#include "args.h"
#include "xdp.h"

#include <bpf/libbpf.h>
#include <sys/prctl.h>

static const char purpose[] =
	"sink -i NAME: drop and count everything that arrives, until SIGTERM or SIGINT; print the count at SIGUSR1\n";

/* Sum of the per-core counters, or -1. */
static int64_t count(int map)
{
	int cores = libbpf_num_possible_cpus();
	uint64_t *values = cores > 0 ? calloc((size_t)cores, sizeof(*values)) : NULL;
	uint32_t key = 0;
	int64_t sum = 0;

	if (!values || bpf_map_lookup_elem(map, &key, values)) {
		free(values);
		return -1;
	}
	for (int i = 0; i < cores; i++)
		sum += (int64_t)values[i];
	free(values);
	return sum;
}

static void on_ask(int signo)
{
	(void)signo;	/* it only ends the sleep */
}

/* Print the count whenever asked, until told to end. Signals are blocked but for the sleep, so none is missed. */
static int serve(int map, bool generic)
{
	struct sigaction ask = { .sa_handler = on_ask };
	sigset_t block, old;
	int64_t packets;

	measure_catch_signals();
	sigaction(SIGUSR1, &ask, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, &old);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	printf("sink ready mode=%s\n", generic ? "generic" : "native");
	fflush(stdout);
	do {
		sigsuspend(&old);
		packets = count(map);
		if (packets < 0) {
			fprintf(stderr, "cannot read the counters\n");
			return 1;
		}
		printf("sink packets=%" PRId64 "\n", packets);
		fflush(stdout);
	} while (!measure_interrupted);
	return 0;
}

int main(int argc, char **argv)
{
	struct args a;
	bool generic;
	int map, link;

	args_parse(&a, argc, argv, "i:h", purpose);
	map = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "sink", sizeof(uint32_t), sizeof(uint64_t), 1, NULL);
	if (map < 0) {
		fprintf(stderr, "cannot create a BPF map: %s\n", strerror(errno));
		return 1;
	}
	const struct bpf_insn insns[] = {
		XDP_MOV_IMM(BPF_REG_1, 0),
		XDP_STORE(BPF_W, BPF_REG_10, BPF_REG_1, -4),
		XDP_MOV_REG(BPF_REG_2, BPF_REG_10),
		XDP_ADD_IMM(BPF_REG_2, -4),
		XDP_LOAD_MAP(BPF_REG_1, map),
		XDP_CALL(BPF_FUNC_map_lookup_elem),
		XDP_JUMP_ZERO(BPF_REG_0, 3),
		XDP_LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 0),
		XDP_ADD_IMM(BPF_REG_1, 1),
		XDP_STORE(BPF_DW, BPF_REG_0, BPF_REG_1, 0),
		XDP_MOV_IMM(BPF_REG_0, XDP_DROP),
		XDP_EXIT(),
	};
	link = xdp_attach(a.ifname, "bench_sink", insns, sizeof(insns) / sizeof(insns[0]), &generic);
	if (link < 0)
		return 1;
	return serve(map, generic);
}
