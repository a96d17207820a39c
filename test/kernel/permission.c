/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may do what: the device's mode, capabilities, user and network namespaces.
 */
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kernel.h"

#define NOBODY 65534

/* The capability goes from this process for good, and only it. */
static void drop(int cap)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	CHECK_OK(syscall(SYS_capget, &h, d));
	d[cap / 32].effective &= ~(1u << (cap % 32));
	d[cap / 32].permitted &= ~(1u << (cap % 32));
	d[cap / 32].inheritable = 0;
	CHECK_OK(syscall(SYS_capset, &h, d));
}

static void become_nobody(void)
{
	CHECK_OK(setgroups(0, NULL));
	CHECK_OK(setgid(NOBODY));
	CHECK_OK(setuid(NOBODY));
}

static int try_register(const char *name, uint32_t mode)
{
	struct nmreq_register reg = { .nr_mode = mode };
	int fd = dev_open(), err = ctrl(fd, NETMAP_REQ_REGISTER, name, &reg);

	close(fd);
	return err;
}

/* --- The device ------------------------------------------------------------------------------- */

CASE(mode_of_the_device)
{
	struct stat st;

	CHECK_OK(stat(NETMAP_DEVICE_NAME, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
}

static void refused_to_nobody(void *arg)
{
	(void)arg;
	become_nobody();
	CHECK_ERRNO(open(NETMAP_DEVICE_NAME, O_RDWR), EACCES);
	CHECK_ERRNO(open(NETMAP_DEVICE_NAME, O_RDONLY), EACCES);
}

CASE(not_for_others)
{
	check_in_child(refused_to_nobody, NULL);
}

/* fn in a child, while anybody may open the device. */
static void with_open_device(void (*fn)(void *), void *arg)
{
	int status;
	pid_t pid;

	CHECK_OK(chmod(NETMAP_DEVICE_NAME, 0666));
	pid = spawn(fn, arg);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_OK(chmod(NETMAP_DEVICE_NAME, 0600));
	CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ended with status 0x%x", status);
}

static void nic_needs_a_capability(void *arg)
{
	static const uint32_t modes[] = { NR_REG_ALL_NIC, NR_REG_SW, NR_REG_NIC_SW, NR_REG_ONE_NIC, NR_REG_ONE_SW };
	struct nmreq req = { .nr_version = NETMAP_API };
	int fd;

	if (arg)
		become_nobody();
	else
		drop(CAP_NET_ADMIN);
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		CHECK_REFUSED(try_register("lr0", modes[i]), EPERM);
	fd = dev_open();
	strcpy(req.nr_name, "lr0");
	CHECK_ERRNO(ioctl(fd, NIOCREGIF, &req), EPERM);
	CHECK_ERRNO(ioctl(fd, NIOCREG, &req), EPERM);
	close(fd);
}

CASE(interface_without_the_capability)
{
	wire_near();
	with_open_device(nic_needs_a_capability, NULL);
}

CASE(interface_as_nobody)
{
	wire_near();
	with_open_device(nic_needs_a_capability, "");
}

/* An interface that somebody else has bound is not open to all for it. */
CASE(bound_interface_as_nobody)
{
	struct port p = port_open(wire_near(), NULL);

	with_open_device(nic_needs_a_capability, "");
	port_close(&p);
}

static void pipes_for_nobody(void *arg)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_mem_id = 0 };
	struct port p[2], n;

	(void)arg;
	become_nobody();
	pipe_open(p, unique(""), 32);
	pipe_flow(p, 200);
	n = port_open(unique("n"), &want);
	txsync(&n);
	CHECK_EQ(poll_port(&n, POLLOUT, 0), POLLOUT);
	port_close(&n);
	port_close(&p[0]);
	port_close(&p[1]);
}

CASE(pipes_and_memory_as_nobody)
{
	with_open_device(pipes_for_nobody, NULL);
}

static void ask_as_nobody(void *arg)
{
	struct nmreq_port_info_get info = { 0 };
	struct nmreq_pools_info pools = { 0 };
	int fd, err;

	(void)arg;
	become_nobody();
	fd = dev_open();
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_POOLS_INFO_GET, "", &pools));
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_PORT_INFO_GET, "", &info));
	/* Numbers of rings are no secret; neither must they be told. */
	err = ctrl(fd, NETMAP_REQ_PORT_INFO_GET, "lr0", &info);
	CHECK(err == 0 || err == EPERM);
	close(fd);
}

CASE(questions_as_nobody)
{
	wire_near();
	with_open_device(ask_as_nobody, NULL);
}

static void switches_by_nobody(void *arg)
{
	struct nmreq_vale_attach attach = { .reg.nr_mode = NR_REG_ALL_NIC };
	struct nmreq_vale_detach detach = { 0 };
	struct nmreq_vale_newif newif = { 0 };
	int fd;

	(void)arg;
	become_nobody();
	fd = dev_open();
	CHECK_EQ(ctrl(fd, NETMAP_REQ_VALE_NEWIF, "nobodys", &newif), EPERM);
	CHECK_EQ(ctrl(fd, NETMAP_REQ_VALE_DELIF, "roots", NULL), EPERM);
	CHECK_EQ(ctrl(fd, NETMAP_REQ_VALE_ATTACH, "valep:roots", &attach), EPERM);
	CHECK_EQ(ctrl(fd, NETMAP_REQ_VALE_DETACH, "valep:lr0", &detach), EPERM);
	close(fd);
}

/* What is on switches, and persistent ports, are not for everybody to change. */
CASE(switches_as_nobody)
{
	struct nmreq_vale_attach attach = { .reg.nr_mode = NR_REG_ALL_NIC };
	struct nmreq_vale_detach detach = { 0 };
	struct nmreq_vale_newif newif = { 0 };
	int fd = dev_open();

	wire_near();
	CHECK_OK(ctrl(fd, NETMAP_REQ_VALE_NEWIF, "roots", &newif));
	CHECK_OK(ctrl(fd, NETMAP_REQ_VALE_ATTACH, "valep:lr0", &attach));
	with_open_device(switches_by_nobody, NULL);
	CHECK_OK(ctrl(fd, NETMAP_REQ_VALE_DETACH, "valep:lr0", &detach));
	CHECK_OK(ctrl(fd, NETMAP_REQ_VALE_DELIF, "roots", NULL));
	close(fd);
}

/* --- What a descriptor carries from one to the other ------------------------------------------------ */

static int sock[2];

static void use_as_nobody(void *arg)
{
	struct port p = *(struct port *)arg;
	int unbound;

	become_nobody();
	p.fd = fd_receive(sock[1]);
	port_map(&p);
	txsync(&p);
	CHECK(!(poll_port(&p, POLLIN | POLLOUT, 0) & POLLERR));
	port_close(&p);
	/* Root's descriptor, not bound yet: it is the binder's capability that counts. */
	unbound = fd_receive(sock[1]);
	CHECK_EQ(ctrl(unbound, NETMAP_REQ_REGISTER, "lr0", &(struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC }), EPERM);
	close(unbound);
}

/* Root binds, somebody with no rights at all works with it. */
CASE(bound_descriptor_given_away)
{
	struct port p = port_open(wire_near(), NULL);
	int unbound = dev_open();
	pid_t pid;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = spawn(use_as_nobody, &p);
	fd_send(sock[0], p.fd);
	fd_send(sock[0], unbound);
	check_wait_child(pid);
	port_close(&p);
}

/* --- Namespaces ---------------------------------------------------------------------------------------- */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	CHECK_MSG(write(fd, text, strlen(text)) > 0, "%s: %s", path, strerror(errno));
	close(fd);
}

/* Root of namespaces of its own, nobody outside: its interfaces are its own to bind. */
static void bind_in_own_namespace(void *arg)
{
	char map[32];
	struct port p;

	(void)arg;
	become_nobody();
	/* Who changes its user id may not look at itself in /proc until told otherwise. */
	CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
	CHECK_OK(unshare(CLONE_NEWUSER));
	write_to("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %d 1", NOBODY);
	write_to("/proc/self/uid_map", map);
	write_to("/proc/self/gid_map", map);
	/* The namespace around it is not its own. */
	CHECK_REFUSED(try_register("lr0", NR_REG_ALL_NIC), EPERM);
	CHECK_OK(unshare(CLONE_NEWNET));
	wire_ip("link add own0 type veth peer name own1");
	wire_ip("link set own0 up");
	wire_ip("link set own1 up");
	p = port_open("own0", NULL);
	txsync(&p);
	port_close(&p);
	CHECK_REFUSED(try_register("lr0", NR_REG_ALL_NIC), ENXIO);
}

CASE(own_interface_in_own_namespace)
{
	pid_t pid;
	int status;

	/* The kernel makes none in a chroot, for one. */
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (status)
		SKIP("no user namespaces can be made here");
	wire_near();
	with_open_device(bind_in_own_namespace, NULL);
}

static void not_seen_elsewhere(void *arg)
{
	(void)arg;
	CHECK_OK(unshare(CLONE_NEWNET));
	CHECK_REFUSED(try_register("lr0", NR_REG_ALL_NIC), ENXIO);
	CHECK_REFUSED(try_register("lr1", NR_REG_ALL_NIC), ENXIO);
}

/* Bound or not: it is not there for others. */
CASE(interface_of_another_namespace)
{
	struct port p;

	wire_near();
	check_in_child(not_seen_elsewhere, NULL);
	p = port_open(wire_near(), NULL);
	check_in_child(not_seen_elsewhere, NULL);
	port_close(&p);
}

static void same_name_elsewhere(void *arg)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	struct port p;

	(void)arg;
	CHECK_OK(unshare(CLONE_NEWNET));
	wire_ip("link add lr0 type dummy");
	wire_ip("link set lr0 up");
	p = port_open("lr0", &want);
	txsync(&p);
	port_close(&p);
}

/* One name, two interfaces. */
CASE(same_name_in_two_namespaces)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
	struct port p = port_open(wire_near(), &want);

	check_in_child(same_name_elsewhere, NULL);
	txsync(&p);
	port_close(&p);
}

static void pipe_of_that_name(void *arg)
{
	CHECK_OK(unshare(CLONE_NEWNET));
	for (int i = 0; i < 2; i++) {
		struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE };
		struct port q[2] = { port_open(arg, &want), port_open(strchr(arg, '\0') + 1, &want) };

		pipe_flow(q, 50);
		port_close(&q[0]);
		port_close(&q[1]);
	}
}

/* Pipes belong to the namespace that they were opened in. */
CASE(pipes_of_another_namespace)
{
	char names[2][64];
	struct port p[2];

	pipe_open(p, unique(""), 32);
	memset(names, 0, sizeof(names));
	snprintf(names[0], sizeof(names[0]), "%s", p[0].name);
	memcpy(names[0] + strlen(names[0]) + 1, p[1].name, strlen(p[1].name) + 1);
	check_in_child(pipe_of_that_name, names[0]);
	pipe_flow(p, 200);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* A descriptor that was opened in one namespace and is bound in another has the interfaces of the latter. */
CASE(namespace_of_the_binding)
{
	struct port p = { .fd = dev_open() };

	wire_near();
	snprintf(p.name, sizeof(p.name), "lr0");
	CHECK_GRANTED(port_register(&p));
	CHECK_OK(unshare(CLONE_NEWNET));
	/* And keeps them. */
	port_map(&p);
	txsync(&p);
	CHECK(!(poll_port(&p, POLLOUT, 1000) & POLLERR));
	port_close(&p);
}

static void bind_and_send(void *arg)
{
	struct port p;

	(void)arg;
	p = port_open(wire_near(), NULL);
	CHECK_EQ(send(sock[1], &p.reg, sizeof(p.reg), 0), sizeof(p.reg));
	fd_send(sock[1], p.fd);
}

/* The namespace ends with its last process, and its interfaces with it; the port is left without one. */
CASE(namespace_that_ends)
{
	struct port p = { 0 };
	pid_t pid;
	int i;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = spawn(bind_and_send, NULL);
	CHECK_EQ(recv(sock[0], &p.reg, sizeof(p.reg), MSG_WAITALL), sizeof(p.reg));
	p.fd = fd_receive(sock[0]);
	port_map(&p);
	check_wait_child(pid);
	for (i = 0; i < 1000 && ioctl(p.fd, NIOCTXSYNC, NULL) == 0; i++)
		usleep(10000);
	CHECK_MSG(i < 1000, "the interface of a namespace that is gone is still there");
	CHECK_EQ(errno, ENXIO);
	CHECK(poll_port(&p, POLLIN, 1000) & POLLERR);
	CHECK_EQ(touch_read(p.nifp), 0);
	port_close(&p);
}
