/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helpers of kernel.h.
 */
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel.h"

#define PARAMETERS "/sys/module/netmap/parameters/"

/* Before main(), which the harness has. The lists and the help are there without a device, too. */
static void __attribute__((constructor)) device_or_skip(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	struct stat st;

	if (argc > 1 && (strcmp(argv[1], "-l") == 0 || strcmp(argv[1], "-h") == 0))
		return;
	if (stat(NETMAP_DEVICE_NAME, &st) == 0 && S_ISCHR(st.st_mode))
		return;
	printf("skip %s: %s is not a device, the module is not loaded\n", name ? name + 1 : argv[0], NETMAP_DEVICE_NAME);
	fflush(stdout);
	_exit(77);
}

uint32_t scaled(uint32_t n)
{
	const char *slow = getenv("LR_SLOW");
	unsigned long times = slow ? strtoul(slow, NULL, 10) : 1;

	n = times > 1 ? (uint32_t)(n / times) : n;
	return n ? n : 1;
}

/* --- Parameters ------------------------------------------------------------------------------ */

long param_read(const char *name)
{
	char path[128], text[64] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	if (text[0] == 'Y' || text[0] == 'N')
		return text[0] == 'Y';
	return strtol(text, NULL, 0);
}

int param_write(const char *name, const char *value)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return errno;
	if (write(fd, value, strlen(value)) < 0)
		err = errno;
	close(fd);
	return err;
}

int param_set(const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	return param_write(name, text);
}

/* What cases change; with the values of when the program began, which are the defaults of the machine. */
static struct {
	const char *name;
	long small, value;	/* small 0: as it is */
} changed[] = {
	{ "buf_num", 6000, -1 }, { "ring_num", 64, -1 }, { "if_num", 48, -1 },
	{ "priv_buf_num", 3000, -1 }, { "priv_ring_num", 32, -1 }, { "priv_if_num", 24, -1 },
	{ "buf_size", 0, -1 }, { "ring_size", 0, -1 }, { "if_size", 0, -1 },
	{ "priv_buf_size", 0, -1 }, { "priv_ring_size", 0, -1 }, { "priv_if_size", 0, -1 },
	{ "generic_rings", 0, -1 }, { "generic_ringsize", 0, -1 }, { "generic_mit", 0, -1 },
	{ "admode", 0, -1 }, { "verbose", 0, -1 }, { "no_timestamp", 0, -1 },
};

#define CHANGED (sizeof(changed) / sizeof(changed[0]))

static void __attribute__((constructor)) remember_parameters(void)
{
	for (unsigned int i = 0; i < CHANGED; i++)
		changed[i].value = param_read(changed[i].name);
}

void default_parameters(void)
{
	for (unsigned int i = 0; i < CHANGED; i++)
		if (changed[i].value >= 0 && param_read(changed[i].name) != changed[i].value)
			CHECK_EQ(param_set(changed[i].name, changed[i].value), 0);
}

void small_regions(void)
{
	default_parameters();
	for (unsigned int i = 0; i < CHANGED; i++) {
		int err = changed[i].small ? param_set(changed[i].name, changed[i].small) : 0;

		CHECK_MSG(!err, "%s of %ld: %s", changed[i].name, changed[i].small, strerror(err));
	}
	/* They are for regions to come: who has the global one now keeps its own. */
	CHECK_MSG(param_read("buf_curr_num") == 0, "somebody has the global region");
}

/* --- What is left ------------------------------------------------------------------------------ */

/* Opens null ports of so many tx rings until the region has no room for one more. How many. */
static uint32_t fill_with_ports(const struct port *holder, int *fds, uint32_t max, uint16_t rings)
{
	static unsigned int serial;
	uint32_t n = 0;
	char name[32];

	for (; n < max; n++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_mem_id = holder->reg.nr_mem_id,
			.nr_tx_rings = rings, .nr_tx_slots = 4 };
		int err;

		snprintf(name, sizeof(name), "census%d.%u", (int)getpid(), serial++);
		fds[n] = dev_open();
		err = ctrl(fds[n], NETMAP_REQ_REGISTER, name, &reg);
		if (err) {
			CHECK_MSG(err == ENOMEM, "port %u of the census: %s (%s)", n, strerror(err), why);
			close(fds[n]);
			break;
		}
	}
	return n;
}

static void close_all(const int *fds, uint32_t n)
{
	while (n--)
		CHECK_OK(close(fds[n]));
}

#define MANY 600

struct census census_take(const struct port *holder)
{
	struct census c = { 0 };
	uint32_t large, small;
	int fds[MANY];

	c.ifs = fill_with_ports(holder, fds, MANY, 0);
	close_all(fds, c.ifs);
	large = fill_with_ports(holder, fds, MANY, 16);
	small = fill_with_ports(holder, fds + large, MANY - large, 1);
	c.rings = large * 16 + small;
	close_all(fds, large + small);
	c.bufs = bufs_free(holder);
	return c;
}

void census_check(const char *file, int line, const struct port *holder, struct census before)
{
	struct census now = census_take(holder);

	if (now.ifs != before.ifs || now.rings != before.rings || now.bufs != before.bufs)
		check_fail(file, line, "the region has %u netmap_ifs, %u rings, %u buffers left, it had %u, %u, %u",
			   now.ifs, now.rings, now.bufs, before.ifs, before.rings, before.bufs);
}

long mem_available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	long kib = -1;
	char line[128];

	CHECK(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) != 1)
			kib = -1;
	fclose(f);
	CHECK(kib > 0);
	return kib;
}

void check_memory_back(const char *file, int line, long before, long kib)
{
	long now = mem_available();

	for (int i = 0; i < 100 && now <= before - kib; i++) {
		usleep(100000);
		now = mem_available();
	}
	if (now <= before - kib)
		check_fail(file, line, "%ld KiB of memory are gone", before - now);
}

/* --- Children and threads ------------------------------------------------------------------------ */

pid_t spawn(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

void reap_killed(pid_t pid, int sig)
{
	int status;

	CHECK_OK(kill(pid, sig));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == sig, "a child ended by itself, with status 0x%x", status);
}

void fd_send(int sock, int fd)
{
	char byte = 'f', room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(sock, &m, 0), 1);
}

int fd_receive(int sock)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c;
	int fd;

	CHECK_EQ(recvmsg(sock, &m, 0), 1);
	c = CMSG_FIRSTHDR(&m);
	CHECK(c && c->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

void thread_start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	CHECK_EQ(pthread_create(t, NULL, fn, arg), 0);
}

void thread_join(pthread_t t)
{
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* --- Memory that may not be there --------------------------------------------------------------------- */

static _Thread_local sigjmp_buf escape;
static _Thread_local volatile sig_atomic_t escaping;

static void on_fault(int sig)
{
	if (escaping)
		siglongjmp(escape, sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void faults_are_caught(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	CHECK_OK(sigaction(SIGBUS, &sa, NULL));
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
}

int touch_read(const volatile void *p)
{
	int sig;

	faults_are_caught();
	sig = sigsetjmp(escape, 1);
	escaping = !sig;
	if (!sig)
		(void)*(const volatile uint8_t *)p;
	escaping = 0;
	return sig;
}

int touch_write(volatile void *p, uint8_t value)
{
	int sig;

	faults_are_caught();
	sig = sigsetjmp(escape, 1);
	escaping = !sig;
	if (!sig)
		*(volatile uint8_t *)p = value;
	escaping = 0;
	return sig;
}

/* --- Packets and requests ---------------------------------------------------------------------------------- */

uint32_t any(uint32_t n)
{
	static _Thread_local uint64_t state;

	if (!state)
		state = (uint64_t)getpid() * 7919 + check_now_ms();
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 33) % n);
}

void pipe_flow(struct port p[2], uint32_t n)
{
	uint32_t out = 0, in = 0;

	while (in < n) {
		put_packets(tx_ring(&p[0], 0), n - out < 16 ? n - out : 16, &out);
		txsync(&p[0]);
		rxsync(&p[1]);
		CHECK_MSG(take_packets(rx_ring(&p[1], 0), 64, &in) > 0 || in == n, "packet %u of %u does not arrive", in, n);
		rxsync(&p[1]);
	}
}

void drain(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	char frame[2048];

	while (poll(&pfd, 1, 100) > 0)
		if (recv(sock, frame, sizeof(frame), MSG_DONTWAIT) < 0)
			break;
}

int ask(int fd, uint16_t reqtype, const char *name, void *body)
{
	struct nmreq_opt_reason o = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON, .nro_text = PTR(why),
		.nro_len = sizeof(why) };
	struct nmreq_header h = header(reqtype, name, body);

	h.nr_options = PTR(&o);
	why[0] = '\0';
	return ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
}
