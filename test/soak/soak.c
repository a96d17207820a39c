/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The soak: a netmapd, many clients, and an hour of everything at once.
 *
 * It goes in rounds. In a round clients come to lanes (soak.h), send and receive for a while and leave or are killed, stopped and
 * woken; the rabble does what it likes; what netmapd asks of the system fails now and then. Then all clients go, and
 *
 *	each packet is accounted for: sent = received + counted drops			(world.c)
 *	no port and no region is left in the daemon, and it has as many descriptors, threads and mappings as at the start, and
 *	no more memory than after the first round
 *
 * At the end the daemon is told to end, and its leak checker finds nothing. What clients do follows from a seed, which is printed;
 * when they do it is up to the machine's scheduler.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

#define ROUND_MS 10000
#define PROGRESS_MS 5000
#define MEMORY_MORE (4ul << 20)	/* bytes; the sanitizer keeps 2 MiB of what was freed */

struct soak *soak;
bool nics;

static struct faults *faults;
static char dir[64], path[4][100];
static uint64_t random_state, seed;
static pid_t daemon_pid;
static volatile sig_atomic_t interrupted;
static unsigned int rounds;
static uint64_t sent, received, dropped;

/* What a daemon has that is doing nothing. */
struct level {
	unsigned int descriptors, threads, mappings;
	unsigned long allocated, shared;	/* bytes */
};

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* --- The daemon --------------------------------------------------------------------------------------------------- */

static void *share(const char *file, size_t size)
{
	int fd = file ? open(file, O_RDWR | O_CREAT, 0600) : -1;
	void *p;

	if (file && (fd < 0 || ftruncate(fd, (off_t)size) < 0))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, file ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, fd, 0);
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

/* In a process group of its own: what the terminal says is for us. */
static bool daemon_start(const char *program)
{
	int i, log;

	daemon_pid = fork();
	if (daemon_pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		log = open(path[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(log, 1);
		dup2(log, 2);
		setenv("LR_FAULTS", path[1], 1);
		execl(program, program, "-s", path[0], "-c", path[3], NULL);
		_exit(127);
	}
	for (i = 0; daemon_pid > 0 && i < 1000; i++) {
		if (access(path[0], F_OK) == 0)
			return true;
		usleep(10000);
	}
	printf("soak: %s does not listen\n", program);
	return false;
}

/* Its log, without what it says of clients' mistakes. True if there was anything. */
static bool daemon_said(void)
{
	FILE *f = fopen(path[2], "r");
	bool any = false;
	char line[1000];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "netmap: ", 8) == 0)
			continue;
		fputs(line, stdout);
		any = true;
	}
	if (f)
		fclose(f);
	return any;
}

static bool daemon_stop(void)
{
	int status = -1, ms;

	if (daemon_pid <= 0)
		return false;
	kill(daemon_pid, SIGTERM);
	for (ms = 0; waitpid(daemon_pid, &status, WNOHANG) == 0; ms += 20) {
		if (ms > 60000) {
			printf("soak: netmapd does not end\n");
			kill(daemon_pid, SIGKILL);
		}
		usleep(20000);
	}
	daemon_pid = -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		printf("soak: netmapd ended with status %x\n", (unsigned int)status);
	return !daemon_said() && status == 0;
}

static unsigned int entries(const char *what)
{
	char name[64];
	unsigned int n = 0;
	DIR *d;

	snprintf(name, sizeof(name), "/proc/%d/%s", daemon_pid, what);
	d = opendir(name);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void level_read(struct level *l)
{
	char name[64], line[1000];
	FILE *f;

	*l = (struct level){ .descriptors = entries("fd"), .threads = entries("task") };
	snprintf(name, sizeof(name), "/proc/%d/maps", daemon_pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f))
		l->mappings += strstr(line, "/memfd:") || strstr(line, "socket:") || strstr(line, "anon_inode");
	if (f)
		fclose(f);
	snprintf(name, sizeof(name), "/proc/%d/status", daemon_pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "RssShmem: %lu", &l->shared);
	if (f)
		fclose(f);
	l->shared *= 1024;
	l->allocated = __atomic_load_n(&faults->allocated, __ATOMIC_RELAXED);
}

/* Threads end a moment after what they did. */
static bool level_is(const struct level *start, struct level *now)
{
	int ms;

	for (ms = 0; ms < 10000; ms += 100) {
		level_read(now);
		if (now->descriptors == start->descriptors && now->threads == start->threads && now->mappings == start->mappings)
			return true;
		usleep(100000);
	}
	printf("soak: netmapd has %u descriptors, %u threads, %u mappings; at the start it had %u, %u, %u\n", now->descriptors,
	       now->threads, now->mappings, start->descriptors, start->threads, start->mappings);
	return false;
}

/* --- Clients --------------------------------------------------------------------------------------------------------- */

static uint32_t below(uint32_t n)
{
	return random_below(&random_state, n);
}

static pid_t client_start(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	return pid;
}

static void lane_start(unsigned int g, unsigned int i)
{
	struct lane *l = &soak->group[g].lane[i];
	uint64_t s = (uint64_t)random_next(&random_state) << 32 | random_next(&random_state);
	pid_t pid;

	l->life++;
	pid = client_start();
	if (pid == 0)
		client_run(g, i, s);
	l->pid = pid;
}

static void rabble_start(unsigned int i)
{
	uint64_t s = (uint64_t)random_next(&random_state) << 32 | random_next(&random_state);
	pid_t pid = client_start();

	if (pid == 0)
		rabble_run(i, s);
	soak->rabble[i] = pid;
}

/* Those that are not there; not all at once. */
static void fill_up(void)
{
	unsigned int g, i;

	for (g = 0; g < GROUPS; g++)
		for (i = 0; i < soak->group[g].lanes; i++)
			if (!soak->group[g].lane[i].pid && !below(4))
				lane_start(g, i);
	for (i = 0; i < RABBLE; i++)
		if (!soak->rabble[i] && !below(4))
			rabble_start(i);
}

static pid_t *whose(pid_t pid, struct lane **lane)
{
	unsigned int g, i;

	*lane = NULL;
	for (g = 0; g < GROUPS; g++) {
		for (i = 0; i < soak->group[g].lanes; i++) {
			if (soak->group[g].lane[i].pid != pid)
				continue;
			*lane = &soak->group[g].lane[i];
			return &(*lane)->pid;
		}
	}
	for (i = 0; i < RABBLE; i++)
		if (soak->rabble[i] == pid)
			return &soak->rabble[i];
	return NULL;
}

/* Those that have ended. False: not as they should. */
static bool reap(bool wait)
{
	bool good = true;
	struct lane *lane;
	pid_t pid, *at;
	int status;

	while ((pid = waitpid(-1, &status, wait ? 0 : WNOHANG)) > 0) {
		if (pid == daemon_pid) {
			printf("soak: netmapd ended with status %x\n", (unsigned int)status);
			daemon_said();
			daemon_pid = -1;
			return false;
		}
		at = whose(pid, &lane);
		if (!at)
			continue;
		*at = 0;
		wait = false;
		if (status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
			continue;
		printf("soak: a client of %s ended with status %x: %s\n", lane ? lane->name : "the rabble", (unsigned int)status,
		       lane ? lane->error : soak->error);
		good = false;
	}
	return good;
}

/* kill -9, at whichever instruction; of a lane's client it is first seen what it had done. Whether it was done. */
static bool kill_one(pid_t pid, struct lane *l)
{
	int status;

	if (!l)
		return kill(pid, SIGKILL) == 0;
	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
		/* It ended by itself, and well, or reap would have to say so. */
		if (WIFEXITED(status) && WEXITSTATUS(status))
			snprintf(soak->error, sizeof(soak->error), "%.180s", l->error);
		l->pid = 0;
		return false;
	}
	if (!world_settle(l, false) && (below(8) || !world_settle(l, true))) {
		kill(pid, SIGCONT);
		return false;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	l->pid = 0;
	return true;
}

/* Somebody is killed, or stops for a moment. */
static void disturb(void)
{
	static pid_t stopped;
	unsigned int g = below(GROUPS), i = below(soak->group[g].lanes), what = below(10);
	struct lane *lane;
	pid_t pid;

	if (stopped)
		kill(stopped, SIGCONT);
	stopped = 0;
	pid = below(3) ? soak->group[g].lane[i].pid : soak->rabble[below(RABBLE)];
	if (pid <= 0 || !whose(pid, &lane))
		return;
	if (what < 7) {
		soak->kills += kill_one(pid, lane);
	} else {
		kill(pid, SIGSTOP);
		stopped = pid;
	}
}

static void clients_end(void)
{
	uint64_t end = now_ms() + 30000;
	unsigned int g, i, left;

	soak->stop = 1;
	do {
		left = 0;
		for (g = 0; g < GROUPS; g++)
			for (i = 0; i < soak->group[g].lanes; i++)
				if (soak->group[g].lane[i].pid > 0 && ++left)
					kill(soak->group[g].lane[i].pid, SIGCONT);
		for (i = 0; i < RABBLE; i++)
			if (soak->rabble[i] > 0 && ++left)
				kill(soak->rabble[i], now_ms() > end - 28000 ? SIGKILL : SIGCONT);
		usleep(10000);
	} while (left && reap(false) && now_ms() < end);
	for (g = 0; left && g < GROUPS; g++)
		for (i = 0; i < soak->group[g].lanes; i++)
			if (soak->group[g].lane[i].pid > 0)
				printf("soak: a client of %s does not end\n", soak->group[g].lane[i].name);
	soak->stop = 0;
}

/* --- Rounds ------------------------------------------------------------------------------------------------------------ */

static void progress(uint64_t begin)
{
	static const char *const names[FAULT_KINDS] = FAULT_NAMES;
	unsigned int i;

	printf("%5llu s  round %u: %llu opens, %llu refused, %llu killed, %llu attached, %llu requests; %llu sent = %llu received + %llu lost; faults:",
	       (unsigned long long)(now_ms() - begin) / 1000, rounds, (unsigned long long)soak->opens, (unsigned long long)soak->refused,
	       (unsigned long long)soak->kills, (unsigned long long)soak->attaches, (unsigned long long)soak->requests,
	       (unsigned long long)sent, (unsigned long long)received, (unsigned long long)dropped);
	for (i = 0; i < FAULT_KINDS; i++)
		printf(" %llu %s%s", (unsigned long long)faults->failed[i], names[i], i + 1 < FAULT_KINDS ? "," : "\n");
	fflush(stdout);
}

static void fault_rate(uint64_t ms)
{
	static const uint32_t rate[] = { 0, 200, 0, 30 };

	__atomic_store_n(&faults->one_in, rate[ms / 700 % 4], __ATOMIC_RELAXED);
}

/* Everything at once, for so long. */
static bool tumult(uint64_t begin, uint64_t ms)
{
	static uint64_t told;
	uint64_t start = now_ms(), now;
	bool good = true;

	while (good && !interrupted && (now = now_ms()) - start < ms) {
		fault_rate(now - start);
		fill_up();
		good = reap(false);
		usleep(1000 * (5 + below(60)));
		disturb();
		if (now - told >= PROGRESS_MS) {
			progress(begin);
			told = now;
		}
		if (soak->error[0]) {
			printf("soak: %s\n", soak->error);
			good = false;
		}
	}
	__atomic_store_n(&faults->one_in, 0, __ATOMIC_RELAXED);
	clients_end();
	return good;
}

static bool one_round(uint64_t begin, uint64_t ms)
{
	if (!world_begin() || !tumult(begin, ms))
		return false;
	if (daemon_pid < 0 || !world_drain() || !world_balance(&sent, &received, &dropped))
		return false;
	return world_end() && world_is_empty();
}

static bool all_rounds(uint64_t seconds)
{
	struct level start, first, now;
	uint64_t begin = now_ms(), passed;

	if (!world_is_empty())
		return false;
	usleep(200000);
	level_read(&start);
	first = start;
	while (!interrupted && (passed = now_ms() - begin) < seconds * 1000) {
		uint64_t left = seconds * 1000 - passed;

		rounds++;
		random_state = seed + rounds * 0x100000000ull;
		if (!one_round(begin, left < ROUND_MS ? left : ROUND_MS) || !level_is(&start, &now))
			return false;
		if (rounds == 1)
			first = now;
		if (now.allocated > first.allocated + MEMORY_MORE || now.shared > first.shared + MEMORY_MORE) {
			printf("soak: netmapd has allocated %lu bytes and maps %lu that are shared, after the first round it were %lu and %lu\n",
			       now.allocated, now.shared, first.allocated, first.shared);
			return false;
		}
	}
	progress(begin);
	printf("soak: %u descriptors, %u threads, %u mappings as at the start; allocated %lu bytes, %lu after the first round, %lu now\n",
	       start.descriptors, start.threads, start.mappings, start.allocated, first.allocated, now.allocated);
	return true;
}

/* --- The frame ----------------------------------------------------------------------------------------------------------- */

/* A network namespace of our own, with two pairs of interfaces to attach. */
static void interfaces_make(void)
{
	nics = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && system("ip link add sv0 type veth peer name sv1 && "
		"ip link add sv2 type veth peer name sv3 && for i in 0 1 2 3; do ip link set sv$i up || exit 1; done") == 0;
	if (!nics)
		printf("soak: without interfaces (needs root)\n");
}

static bool prepare(void)
{
	static const char *const names[] = { "socket", "faults", "log", "config" };
	unsigned int i;
	FILE *f;

	snprintf(dir, sizeof(dir), "/tmp/lr-soak.XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0711) < 0)
		return false;
	for (i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, names[i]);
	f = fopen(path[3], "w");
	if (!f || fputs("limits = { requests = 100000; };\n", f) < 0 || fclose(f) != 0)
		return false;
	faults = share(path[1], sizeof(*faults));
	soak = share(NULL, sizeof(*soak));
	if (!faults || !soak)
		return false;
	faults->seed = (uint32_t)seed;
	setenv("NETMAP_SOCKET", path[0], 1);
	setenv("NETMAP_HOST", "daemon", 1);
	world_plan();
	return true;
}

static void clean(void)
{
	unsigned int i;

	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
		daemon_said();
	}
	for (i = 0; i < 4; i++)
		unlink(path[i]);
	snprintf(path[3], sizeof(path[3]), "%s/socket.lock", dir);
	unlink(path[3]);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned long seconds;
	bool good;

	if (argc != 4) {
		fputs("usage: soak NETMAPD SECONDS SEED\n", stderr);
		return argc == 2 && strcmp(argv[1], "-h") == 0 ? 0 : 2;
	}
	seconds = strtoul(argv[2], NULL, 10);
	seed = strtoull(argv[3], NULL, 10);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	interfaces_make();
	printf("soak: %lu seconds, SEED=%llu\n", seconds, (unsigned long long)seed);
	fflush(stdout);
	good = prepare() && daemon_start(argv[1]) && all_rounds(seconds) && daemon_stop();
	if (!good)
		clients_end();
	clean();
	printf("%s %u rounds, SEED=%llu%s\n", good ? "ok soak:" : "not ok soak: in", rounds, (unsigned long long)seed,
	       interrupted ? ", interrupted" : "");
	return !good;
}
