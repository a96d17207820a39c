/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwarding functions that netmapd loads: the example switches packets, on its switch and on no other; and what is wrong with a
 * file, its place or its configuration is named, and netmapd does not start.
 */
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "port.h"

static char dir[64], hub[96];

static void clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK_EQ(system(command), 0);
}

/* A directory of the case's own, with a copy of the example. */
static void prepare(void)
{
	const char *program = getenv("LR_NETMAPD");
	char command[PATH_MAX + 256];

	if (!program)
		SKIP("LR_NETMAPD does not say where netmapd is");
	strcpy(dir, "/tmp/vale-function-XXXXXX");
	CHECK(mkdtemp(dir));
	CHECK_OK(chmod(dir, 0755));
	snprintf(hub, sizeof(hub), "%s/hub.so", dir);
	snprintf(command, sizeof(command), "cp \"${LR_NETMAPD%%/bin/*}/lib/vale_hub.so\" %s && chmod 755 %s", hub, hub);
	CHECK_EQ(system(command), 0);
}

/* netmapd with this configuration; what it says goes to the file log. */
__attribute__((format(printf, 1, 2)))
static pid_t start_daemon(const char *fmt, ...)
{
	char path[100], conf[96], log[96];
	va_list args;
	pid_t pid;
	FILE *f;

	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(path, sizeof(path), "%s/socket", dir);
	f = fopen(conf, "w");
	CHECK(f);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	CHECK_EQ(fclose(f), 0);
	CHECK_OK(setenv("NETMAP_SOCKET", path, 1));
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(fd, 2);
		execl(getenv("LR_NETMAPD"), "netmapd", "-c", conf, "-s", path, NULL);
		_exit(127);
	}
	return pid;
}

static void await_daemon(void)
{
	for (int i = 0; access(getenv("NETMAP_SOCKET"), W_OK) < 0; i++) {
		CHECK_MSG(i < 1000, "netmapd does not listen");
		usleep(10000);
	}
}

static void stop_daemon(pid_t pid)
{
	int status;

	CHECK_OK(kill(pid, SIGTERM));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "netmapd ended with status %x", status);
}

/* --- Switching ------------------------------------------------------------------------------------------- */

static const unsigned char mac[3][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 }, { 2, 0, 0, 0, 0, 3 } };

static void put(struct port *p, int from, int to, uint16_t type)
{
	struct netmap_ring *tx = tx_ring(p, 0);
	unsigned char *b = (unsigned char *)NETMAP_BUF(tx, tx->slot[tx->cur].buf_idx);

	memset(b, 0, 60);
	memcpy(b, mac[to], 6);
	memcpy(b + 6, mac[from], 6);
	b[12] = type >> 8;
	b[13] = (unsigned char)type;
	tx->slot[tx->cur].len = 60;
	tx->head = tx->cur = nm_ring_next(tx, tx->cur);
	txsync(p);
}

/* How many came. */
static unsigned int take(struct port *p)
{
	struct netmap_ring *rx = rx_ring(p, 0);
	unsigned int n;

	rxsync(p);
	n = nm_ring_space(rx);
	rx->head = rx->cur = rx->tail;
	rxsync(p);
	return n;
}

struct three {
	struct port p[3];
};

static void open_three(struct three *t, const char *sw)
{
	char name[64];

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s:%d", sw, i);
		t->p[i] = port_open(name, NULL);
	}
}

static void close_three(struct three *t)
{
	for (int i = 0; i < 3; i++)
		port_close(&t->p[i]);
}

/* 0 and 1 know each other; then 0 sends to 1: what do 1 and 2 get? */
static void ask_one(struct three *t, uint16_t type, unsigned int get1, unsigned int get2)
{
	put(&t->p[0], 0, 1, 0x0800);
	put(&t->p[1], 1, 0, 0x0800);
	for (int i = 0; i < 3; i++)
		take(&t->p[i]);
	for (int i = 0; i < 10; i++)
		put(&t->p[0], 0, 1, type);
	CHECK_EQ(take(&t->p[0]), 0);
	CHECK_EQ(take(&t->p[1]), get1);
	CHECK_EQ(take(&t->p[2]), get2);
}

CASE(example)
{
	struct three t;
	pid_t pid;

	prepare();
	pid = start_daemon("functions = ( { switch = \"valeH\"; file = \"%s\"; },\n"
			   "{ switch = \"valeI\"; file = \"%s\"; arguments = \"0x0800\"; } );\n", hub, hub);
	await_daemon();
	/* A hub: all see it. */
	open_three(&t, "valeH");
	ask_one(&t, 0x0800, 10, 10);
	ask_one(&t, 0x86dd, 10, 10);
	close_three(&t);
	/* With arguments of its own. */
	open_three(&t, "valeI");
	ask_one(&t, 0x0800, 10, 10);
	ask_one(&t, 0x86dd, 0, 0);
	close_three(&t);
	/* A switch as ever. */
	open_three(&t, "valeJ");
	ask_one(&t, 0x0800, 10, 0);
	/* A switch that comes again has it again. */
	close_three(&t);
	open_three(&t, "valeH");
	ask_one(&t, 0x0800, 10, 10);
	/* The daemon goes, with the switch in use. */
	stop_daemon(pid);
	close_three(&t);
	clean();
}

/* Packets go through the function, the daemon ends meanwhile. */
CASE(ends_under_load)
{
	pid_t pid, senders[2];
	int status;

	prepare();
	pid = start_daemon("functions = ( { switch = \"valeH\"; file = \"%s\"; } );\n", hub);
	await_daemon();
	for (int i = 0; i < 2; i++) {
		senders[i] = fork();
		CHECK_OK(senders[i]);
		if (senders[i] == 0) {
			struct port p = port_open(i ? "valeH:a" : "valeH:b", NULL);
			struct netmap_ring *tx = tx_ring(&p, 0);
			uint32_t seq = 0;

			for (;;) {
				put_packets(tx, 256, &seq);
				if (ioctl(p.fd, NIOCTXSYNC, NULL) < 0)
					_exit(errno != ENXIO);
			}
		}
	}
	usleep(300000);
	stop_daemon(pid);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(waitpid(senders[i], &status, 0), senders[i]);
		CHECK_EQ(status, 0);
	}
	clean();
}

/* --- What is wrong ------------------------------------------------------------------------------------------- */

/* netmapd must have ended, and have said so. */
static void check_ended(pid_t pid, const char *said)
{
	char log[96], text[4096];
	int status;
	size_t n;
	FILE *f;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	snprintf(log, sizeof(log), "%s/log", dir);
	f = fopen(log, "r");
	CHECK(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 1, "netmapd ended with status %x, saying: %s", status, text);
	CHECK_MSG(strstr(text, said), "netmapd says: %s; not: %s", text, said);
	CHECK_ERRNO(access(getenv("NETMAP_SOCKET"), F_OK), ENOENT);
}

static void check_file(const char *file, const char *said)
{
	check_ended(start_daemon("functions = ( { switch = \"vale0\"; file = \"%s\"; } );\n", file), said);
}

CASE(bad_file)
{
	char path[PATH_MAX], real[PATH_MAX];
	Dl_info libc;
	FILE *f;

	prepare();
	snprintf(path, sizeof(path), "%s/none.so", dir);
	check_file(path, "/none.so: No such file or directory");
	check_file(dir, "is not a regular file");
	snprintf(path, sizeof(path), "%s/text.so", dir);
	f = fopen(path, "w");
	CHECK(f && fputs("no shared object\n", f) > 0 && fclose(f) == 0 && chmod(path, 0644) == 0);
	check_file(path, "/text.so: ");
	/* libc has many functions, and not this one. */
	CHECK(dladdr((void *)(uintptr_t)getpid, &libc) && realpath(libc.dli_fname, real));
	check_file(real, "has no function netmap_vale_forward");
	snprintf(path, sizeof(path), "%s/link.so", dir);
	CHECK_OK(symlink(hub, path));
	check_file(path, "/hub.so, name that");
	clean();
}

CASE(writable_by_others)
{
	char inside[80], path[96];

	prepare();
	CHECK_OK(chmod(hub, 0777));
	check_file(hub, "/hub.so can be written by all users (mode 0777)");
	CHECK_OK(chmod(hub, 0775));
	check_file(hub, "/hub.so can be written by its group (mode 0775)");
	CHECK_OK(chmod(hub, 0755));
	snprintf(inside, sizeof(inside), "%s/open", dir);
	snprintf(path, sizeof(path), "%s/hub.so", inside);
	CHECK_OK(mkdir(inside, 0755));
	CHECK_OK(link(hub, path));
	CHECK_OK(chmod(inside, 0777));
	check_file(path, "/open can be written by all users (mode 0777)");
	clean();
}

CASE(of_another_user)
{
	char path[96];

	if (geteuid() != 0)
		SKIP("needs root");
	prepare();
	CHECK_OK(chown(hub, 65534, 65534));
	check_file(hub, "/hub.so belongs to user 65534; it must be root's");
	CHECK_OK(chown(hub, 0, 0));
	snprintf(path, sizeof(path), "%s/theirs", dir);
	CHECK_OK(mkdir(path, 0755));
	CHECK_OK(chown(path, 65534, 65534));
	strcat(path, "/hub.so");
	CHECK_OK(link(hub, path));
	check_file(path, "/theirs belongs to user 65534; it must be root's");
	clean();
}

CASE(bad_configuration)
{
	prepare();
	check_file("hub.so", "absolute path");
	check_ended(start_daemon("functions = ( { switch = \"vale0\"; } );\n"), "conf:1: entry: needs a switch, and a file");
	check_ended(start_daemon("functions = ( { switch = \"vale0\"; file = 3; } );\n"), "file: must be a text");
	check_ended(start_daemon("functions = ( { swich = \"vale0\"; } );\n"), "swich: a forwarding function has");
	check_ended(start_daemon("functions = \"%s\";\n", hub), "functions: must be a list");
	check_ended(start_daemon("functions = ( { switch = \"eth0\"; file = \"%s\"; } );\n", hub), "'eth0' is no name of a switch");
	check_ended(start_daemon("functions = ( { switch = \"vale0\"; file = \"%s\"; arguments = \"0x10000\"; } );\n", hub),
		    "does not take the arguments \"0x10000\": Invalid argument");
	check_ended(start_daemon("functions = ( { switch = \"vale0\"; file = \"%s\"; }, { switch = \"vale0\"; file = \"%s\"; } );\n",
				 hub, hub), "vale0 has another forwarding function");
	clean();
}
