/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open: what opening one network interface with defaults costs, in memory and in time.
 *
 * Each round is a process of its own, so that every open is a first one. In turn: a bare XDP program with a socket
 * map is loaded and attached (what the kernel takes for that, program_ms), and the port is opened by nmport_open
 * (open_ms). net_ms is the one minus the other: our share, with the kernel's part of registering memory and binding a
 * socket to each queue in it.
 *
 * mib is the growth, over the open, of: the process' anonymous memory and page tables; its shared memory (resident,
 * or allocated in memory files if that is more: the region of rings and buffers is one); and the kernel's slabs,
 * vmalloc areas and per-core memory, which hold the socket rings. Those last figures are the whole machine's, so of
 * all rounds the smallest growth counts; medians for the rest. Locked pages (locked_mib) are pages of the region, not
 * more memory.
 */
#include "port.h"
#include "xdp.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROUNDS 7
#define MIB (1024.0 * 1024.0)

static const char purpose[] =
	"open -i NAME: what opening a network interface costs in memory and time\n";

struct memory {
	double anonymous, shared, files, locked, kernel;	/* bytes */
};

/* What a round's process tells its parent. */
struct round {
	double ms;
	struct memory grown;
	bool good;
};

/* Sum of the fields of a /proc file whose names are in the list, in bytes. */
static double proc_sum(const char *path, const char *const *names)
{
	FILE *f = fopen(path, "r");
	char line[256];
	double sum = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		for (const char *const *name = names; *name; name++)
			if (!strncmp(line, *name, strlen(*name)) && line[strlen(*name)] == ':')
				sum += strtod(line + strlen(*name) + 1, NULL) * 1024;
	fclose(f);
	return sum;
}

/* Bytes allocated in the memory files (memfd) that this process has open. */
static double memory_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	double sum = 0;

	while (dir && (entry = readdir(dir))) {
		char target[64] = "";
		struct stat st;

		if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0 && !strncmp(target, "/memfd:", 7) &&
		    !fstatat(dirfd(dir), entry->d_name, &st, 0))
			sum += (double)st.st_blocks * 512;
	}
	if (dir)
		closedir(dir);
	return sum;
}

static void memory_read(struct memory *m)
{
	static const char *const anonymous[] = { "RssAnon", "VmPTE", NULL }, *const shared[] = { "RssShmem", NULL },
		*const locked[] = { "VmLck", "VmPin", NULL }, *const kernel[] = { "Slab", "VmallocUsed", "Percpu", NULL };

	m->anonymous = proc_sum("/proc/self/status", anonymous);
	m->shared = proc_sum("/proc/self/status", shared);
	m->locked = proc_sum("/proc/self/status", locked);
	m->files = memory_files();
	m->kernel = proc_sum("/proc/meminfo", kernel);
}

static void round_port(const char *name, struct round *r)
{
	struct memory before, after;
	struct nmport_d *port;
	struct measure m;

	memory_read(&before);
	measure_start(&m);
	port = port_open(name);
	measure_stop(&m);
	if (!port)
		return;
	memory_read(&after);
	r->good = true;
	r->ms = (double)m.nsec / 1e6;
	r->grown.anonymous = after.anonymous - before.anonymous;
	r->grown.shared = after.shared - before.shared;
	r->grown.files = after.files - before.files;
	r->grown.locked = after.locked - before.locked;
	r->grown.kernel = after.kernel - before.kernel;
	nmport_close(port);
}

static void round_program(const char *name, struct round *r)
{
	struct measure m;
	int map, link = -1;
	bool generic;

	measure_start(&m);
	map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "bench_open", sizeof(int), sizeof(int), 64, NULL);
	if (map >= 0) {
		const struct bpf_insn insns[] = {
			XDP_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, rx_queue_index)),
			XDP_LOAD_MAP(BPF_REG_1, map),
			XDP_MOV_IMM(BPF_REG_3, XDP_PASS),
			XDP_CALL(BPF_FUNC_redirect_map),
			XDP_EXIT(),
		};

		link = xdp_attach(name, "bench_open", insns, sizeof(insns) / sizeof(insns[0]), &generic);
	}
	measure_stop(&m);
	r->good = link >= 0;
	r->ms = (double)m.nsec / 1e6;
}

/* Run one round in a child; what it opened goes with it. */
static bool in_child(void (*what)(const char *, struct round *), const char *name, struct round *r)
{
	int fds[2], status;
	pid_t child;

	memset(r, 0, sizeof(*r));
	if (pipe(fds))
		return false;
	child = fork();
	if (child < 0)
		return false;
	if (!child) {
		alarm(20);
		what(name, r);
		_exit(write(fds[1], r, sizeof(*r)) == sizeof(*r) ? 0 : 1);
	}
	close(fds[1]);
	if (read(fds[0], r, sizeof(*r)) != sizeof(*r))
		r->good = false;
	close(fds[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return r->good;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	double open_ms[ROUNDS], program_ms[ROUNDS], net_ms[ROUNDS], process[ROUNDS], locked[ROUNDS], kernel[ROUNDS];
	double process_mib, kernel_mib;
	struct args a;

	args_parse(&a, argc, argv, "i:h", purpose);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct round bare, ours;

		if (!in_child(round_program, a.ifname, &bare) || !in_child(round_port, a.ifname, &ours)) {
			fprintf(stderr, "cannot open %s\n", a.ifname);
			return 1;
		}
		open_ms[i] = ours.ms;
		program_ms[i] = bare.ms;
		net_ms[i] = ours.ms - bare.ms;
		process[i] = ours.grown.anonymous + (ours.grown.shared > ours.grown.files ? ours.grown.shared : ours.grown.files);
		locked[i] = ours.grown.locked;
		kernel[i] = ours.grown.kernel;
	}
	process_mib = median(process) / MIB;
	median(kernel);
	kernel_mib = kernel[0] > 0 ? kernel[0] / MIB : 0;
	printf("open mib=%.2f process_mib=%.2f kernel_mib=%.2f locked_mib=%.2f net_ms=%.2f open_ms=%.2f program_ms=%.2f\n",
	       process_mib + kernel_mib, process_mib, kernel_mib, median(locked) / MIB, median(net_ms), median(open_ms),
	       median(program_ms));
	return 0;
}
