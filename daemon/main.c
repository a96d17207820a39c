/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmapd: the core behind a Unix socket, for programs that share ports and do not trust each other. The main thread
 * listens; client.c serves.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/control.h"
#include "daemon/busy.h"
#include "daemon/client.h"
#include "daemon/config.h"
#include "daemon/function.h"
#include "daemon/listen.h"
#include "daemon/protocol.h"
#include "daemon/user.h"
#include "lib/device_param.h"

struct options {
	const char *config;
	const char *path;	/* NULL: the default one */
	bool only_user;
	int idle;		/* seconds without a client after which to leave; -1: never */
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: netmapd [-h] [-V] [-c FILE] [-p] [-s SOCKET] [-i SECONDS]\n"
		"  Serves netmap ports to programs that use libnetmap, over a Unix socket, in the foreground.\n"
		"  -c FILE     configuration (%s)\n"
		"  -s SOCKET   where to listen (NETMAP_SOCKET; root: %s, others: XDG_RUNTIME_DIR/%s);\n"
		"              a socket that systemd has opened comes first\n"
		"  -i SECONDS  leave when nobody was connected for so long\n"
		"  -p          private: for programs of the same user only\n"
		"  -V          version\n", LRD_CONFIG, LRD_SYSTEM_SOCKET, LRD_USER_SOCKET);
}

static int read_options(struct options *o, int argc, char **argv)
{
	char *end;
	long v;
	int c;

	*o = (struct options){ .idle = -1 };
	while ((c = getopt(argc, argv, "hVpc:s:i:")) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			puts("netmapd " LR_VERSION);
			exit(0);
		case 'c':
			o->config = optarg;
			break;
		case 'p':
			o->only_user = true;
			break;
		case 's':
			o->path = optarg;
			break;
		case 'i':
			v = strtol(optarg, &end, 10);
			if (*end || end == optarg || v < 0 || v > 1000000) {
				fprintf(stderr, "netmapd: -i %s is no number of seconds\n", optarg);
				return -EINVAL;
			}
			o->idle = (int)v;
			break;
		default:
			usage(stderr);
			return -EINVAL;
		}
	}
	if (optind == argc)
		return 0;
	usage(stderr);
	return -EINVAL;
}

/* Ends come as messages; each client needs a few descriptors. */
static int prepare(void)
{
	struct rlimit files;
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return signalfd(-1, &ends, SFD_CLOEXEC);
}

/* Until a signal comes, or it has been quiet for long. */
static void work(int sock, int ends, int idle)
{
	struct pollfd fds[2] = { { .fd = sock, .events = POLLIN }, { .fd = ends, .events = POLLIN } };
	int quiet = 0;

	while (!(fds[1].revents & POLLIN)) {
		int n = poll(fds, 2, idle >= 0 ? 1000 : -1);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && fds[0].revents & POLLIN) {
			int client = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

			if (client >= 0)
				lr_client_start(client);
			else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				poll(NULL, 0, 50);
			quiet = 0;
		}
		if (n == 0)
			quiet = lr_clients() ? 0 : quiet + 1;
		if (idle >= 0 && quiet > idle)
			return;
	}
}

int main(int argc, char **argv)
{
	struct lr_listen l;
	struct options o;
	bool failed;
	int ends;

	if (read_options(&o, argc, argv) < 0)
		return 2;
	if (lr_config_read(o.config) < 0 || lr_params_from_environment() < 0 || lr_core_init() < 0)
		return 1;
	lr_users_init();
	ends = prepare();
	if (ends < 0) {
		fprintf(stderr, "netmapd: no descriptor for signals: %s\n", strerror(errno));
		return 1;
	}
	if (!o.path && lr_config.socket[0])
		o.path = lr_config.socket;
	failed = lr_functions_load() < 0 || lr_busy_init() < 0 || lr_listen_open(&l, o.path, o.only_user) < 0;
	if (!failed) {
		work(l.sock, ends, o.idle);
		lr_listen_close(&l);
		lr_clients_stop();
	}
	lr_functions_unload();
	lr_core_fini();
	return failed;
}
