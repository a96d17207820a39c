/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module comes and goes: not while anything of it is in use, cleanly afterwards, any number of times. The environment
 * names its file in LR_KO. It is loaded when the tests begin, and when they end.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kernel.h"

static long unload(void)
{
	return syscall(SYS_delete_module, "netmap", O_NONBLOCK);
}

static long load(const char *parameters)
{
	int fd = open(getenv("LR_KO"), O_RDONLY);
	long rc;

	CHECK_MSG(fd >= 0, "%s: %s", getenv("LR_KO"), strerror(errno));
	rc = syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	return rc;
}

static void needs_the_file(void)
{
	if (!getenv("LR_KO"))
		SKIP("LR_KO does not say where the module's file is");
}

/* devtmpfs makes the node, as the module loads. */
static bool device_is_there(void)
{
	struct stat st;

	return stat(NETMAP_DEVICE_NAME, &st) == 0 && S_ISCHR(st.st_mode);
}

/* Work that was put off may hold it for a moment more: what is left of a NIC's packets in flight, for instance. */
static void unload_soon(void)
{
	for (int i = 0; i < 500; i++) {
		if (unload() == 0)
			return;
		CHECK_MSG(errno == EAGAIN || errno == EBUSY, "unloading: %s", strerror(errno));
		usleep(10000);
	}
	FAIL("in use for five seconds after its last user closed");
}

static void check_refused(const char *what)
{
	for (int i = 0; i < 3; i++) {
		errno = 0;
		CHECK_MSG(unload() == -1, "unloaded under %s", what);
		CHECK_MSG(errno == EAGAIN || errno == EBUSY, "under %s: %s", what, strerror(errno));
	}
}

static void check_works(void)
{
	struct port p[2];

	CHECK(device_is_there());
	pipe_open(p, unique(""), 64);
	pipe_flow(p, 300);
	port_close(&p[0]);
	port_close(&p[1]);
}

static void round_trip(void)
{
	unload_soon();
	CHECK(!device_is_there());
	CHECK_ERRNO(open(NETMAP_DEVICE_NAME, O_RDWR), ENOENT);
	CHECK_OK(load(""));
	check_works();
}

CASE(refused_while_open)
{
	int fd;

	needs_the_file();
	fd = dev_open();
	check_refused("an open descriptor");
	close(fd);
	round_trip();
}

CASE(refused_while_bound)
{
	struct port p[2];

	needs_the_file();
	pipe_open(p, unique(""), 64);
	check_refused("a pipe");
	pipe_flow(p, 100);
	port_close(&p[0]);
	check_refused("half a pipe");
	port_close(&p[1]);
	round_trip();
}

CASE(refused_while_mapped)
{
	struct port p;

	needs_the_file();
	p = port_open(unique("{1"), NULL);
	CHECK_OK(close(p.fd));
	check_refused("a mapping");
	CHECK_EQ(touch_write(p.nifp, 1), 0);
	CHECK_OK(munmap(p.mem, p.reg.nr_memsize - 4096));
	check_refused("the last page of a mapping");
	CHECK_OK(munmap(p.mem + p.reg.nr_memsize - 4096, 4096));
	round_trip();
}

CASE(refused_while_an_interface_is_bound)
{
	static const uint32_t modes[] = { NR_REG_ALL_NIC, NR_REG_SW, NR_REG_NIC_SW };

	needs_the_file();
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct nmreq_register want = { .nr_mode = modes[i] };
		struct port p = port_open(wire_near(), &want);
		int sock = wire_socket();

		check_refused("an interface");
		wire_send(sock, 1, 100);
		txsync(&p);
		port_close(&p);
		close(sock);
		round_trip();
	}
}

/* The interface is its host's again, and its namespace can go. */
CASE(interface_without_the_module)
{
	struct port p;
	int sock[2];

	needs_the_file();
	p = port_open(wire_near(), NULL);
	port_close(&p);
	unload_soon();
	sock[0] = wire_socket();
	sock[1] = wire_socket_at(wire_near());
	wire_send(sock[0], 5, 200);
	CHECK_EQ(wire_receive(sock[1], 2000, NULL), 5);
	wire_ip("link set lr0 down");
	wire_ip("link del lr0");
	CHECK_OK(load(""));
	check_works();
}

/* Packets that the module has sent are somewhere else still when it goes. */
CASE(packets_in_flight)
{
	needs_the_file();
	for (uint32_t round = 0; round < scaled(5); round++) {
		struct port p = port_open(wire_near(), NULL);
		int sock = wire_socket();

		for (uint32_t n = 0; n < 200; n++) {
			struct netmap_ring *r = tx_ring(&p, 0);

			if (!nm_ring_empty(r)) {
				frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), n, 1000);
				r->slot[r->head].len = 1000;
				r->head = r->cur = nm_ring_next(r, r->head);
			}
		}
		txsync(&p);
		port_close(&p);
		unload_soon();
		/* They lie in the socket of the receiver. */
		for (uint32_t n = 0; n < 10; n++)
			CHECK_EQ(wire_receive(sock, 1000, NULL), n);
		close(sock);
		CHECK_OK(load(""));
		check_progress();
	}
	check_works();
}

CASE(many_times)
{
	long before;

	needs_the_file();
	round_trip();
	before = mem_available();
	for (uint32_t i = 0; i < scaled(30); i++) {
		round_trip();
		check_progress();
	}
	CHECK_MEMORY_BACK(before, 16 * 1024);
}

static void open_all_the_time(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = open(NETMAP_DEVICE_NAME, O_RDWR);

		CHECK_MSG(fd >= 0 || errno == ENOENT || errno == ENODEV || errno == ENXIO, "open: %s", strerror(errno));
		if (fd >= 0) {
			ask(fd, NETMAP_REQ_REGISTER, unique("race{1"), &(struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16 });
			close(fd);
		}
	}
}

static void read_parameters_all_the_time(void *arg)
{
	(void)arg;
	for (;;) {
		param_read("buf_num");
		param_read("buf_curr_num");
		param_set("buf_num", 20000);
	}
}

/* Who opens while it goes has the device, or no device. */
CASE(opened_while_it_goes)
{
	uint32_t gone = 0;
	pid_t pid[3];

	needs_the_file();
	pid[0] = spawn(open_all_the_time, NULL);
	pid[1] = spawn(open_all_the_time, NULL);
	pid[2] = spawn(read_parameters_all_the_time, NULL);
	for (uint32_t i = 0; i < scaled(3000) && gone < scaled(20); i++) {
		if (unload() == 0) {
			gone++;
			CHECK_OK(load(""));
		} else {
			CHECK_MSG(errno == EAGAIN || errno == EBUSY, "unloading: %s", strerror(errno));
		}
		if (i % 50 == 0) {
			check_progress();
			usleep(1000);
		}
	}
	for (int i = 0; i < 3; i++)
		reap_killed(pid[i], SIGKILL);
	round_trip();
}

/* Parameters as it loads: those that make no sense keep it out. */
CASE(parameters_at_the_start)
{
	static const char *const bad[] = { "buf_num=1", "buf_size=100", "ring_num=x", "if_num=-1", "buf_curr_num=5" };

	needs_the_file();
	unload_soon();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		long rc = load(bad[i]);

		CHECK_MSG(rc == -1, "loaded with %s", bad[i]);
		CHECK_MSG(!device_is_there(), "a device after a load that failed");
	}
	CHECK_OK(load("buf_num=5000 ring_size=16384 no_timestamp=1"));
	CHECK_EQ(param_read("buf_num"), 5000);
	CHECK_EQ(param_read("ring_size"), 16384);
	CHECK_EQ(param_read("no_timestamp"), 1);
	check_works();
	unload_soon();
	CHECK_OK(load(""));
	CHECK_EQ(param_read("no_timestamp"), 0);
	check_works();
}

/* A second copy of it is refused, and does no harm to the first. */
CASE(loaded_twice)
{
	needs_the_file();
	CHECK_ERRNO(load(""), EEXIST);
	check_works();
}
