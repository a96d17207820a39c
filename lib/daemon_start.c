/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A netmapd of the user's own, started by us when a program opens what makes sense between processes only (ports of VALE
 * switches, pipes that stand alone) and there is neither device nor daemon. It is no child of the program: it outlives it,
 * and leaves when nobody is connected for two seconds.
 *
 * Between clone and exec the child is a copy of one thread of a program that we do not know: system calls only.
 */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <net/netmap.h>

#include "core/control.h"
#include "daemon.h"
#include "daemon/path.h"
#include "device_libc.h"

#define IDLE_SECONDS "2"
#define TRIES 300	/* at 10 ms */
#define AGAIN 100	/* tries after which it is started once more: one may have been about to leave */

extern char **environ;

/* --- What needs one -------------------------------------------------------------------------------------- */

static bool is_here(const char *name)
{
	bool here;

	lr_control_lock();
	here = lr_port_find(name, os_netns_id(), NULL) != NULL;
	lr_control_unlock();
	return here;
}

/* A pipe whose parent is neither an interface nor a port of this process, and whose ends are not here either. */
static bool is_lone_pipe(const char *name, uint32_t mode)
{
	char parent[NETMAP_REQ_IFNAMSIZ];
	size_t len = strcspn(name, "{}");

	if (!len || (!name[len] && mode != NR_REG_PIPE_MASTER && mode != NR_REG_PIPE_SLAVE))
		return false;
	memcpy(parent, name, len);
	parent[len] = '\0';
	return !is_here(name) && !is_here(parent) && (len >= IFNAMSIZ || if_nametoindex(parent) == 0);
}

static bool is_vale(const char *name)
{
	return strncmp(name, NM_BDG_NAME, strlen(NM_BDG_NAME)) == 0 && strchr(name, ':') && !is_here(name);
}

static bool header_needs(uint64_t arg)
{
	struct nmreq_register reg = { .nr_mode = 0 };
	struct nmreq_header h;

	if (os_copyin(&h, arg, sizeof(h)) < 0 || strnlen(h.nr_name, sizeof(h.nr_name)) == sizeof(h.nr_name))
		return false;
	if (h.nr_reqtype == NETMAP_REQ_VALE_ATTACH || h.nr_reqtype == NETMAP_REQ_VALE_NEWIF)
		return true;
	if (h.nr_reqtype != NETMAP_REQ_REGISTER || os_copyin(&reg, h.nr_body, sizeof(reg)) < 0)
		return false;
	/* A region by number is one of this process. */
	return !reg.nr_mem_id && (is_vale(h.nr_name) || is_lone_pipe(h.nr_name, reg.nr_mode));
}

static bool legacy_needs(uint64_t arg)
{
	struct nmreq r;

	if (os_copyin(&r, arg, sizeof(r)) < 0 || strnlen(r.nr_name, sizeof(r.nr_name)) == sizeof(r.nr_name))
		return false;
	return !r.nr_cmd && !r.nr_arg2 && (is_vale(r.nr_name) || is_lone_pipe(r.nr_name, r.nr_flags & NR_REG_MASK));
}

bool lr_remote_wanted(unsigned int cmd, uint64_t arg)
{
	if (cmd == NIOCCTRL)
		return header_needs(arg);
	return cmd == NIOCREGIF && legacy_needs(arg);
}

/* --- Starting it --------------------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *what)
{
	return strncmp(text, what, strlen(what)) == 0;
}

/* The program's environment, but for what would make the daemon a client. */
static char **environment(void)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = calloc(n + 1, sizeof(*env));
	for (n = 0; env && environ && environ[n]; n++)
		if (!starts_with(environ[n], "LD_PRELOAD=") && !starts_with(environ[n], "NETMAP_HOST=") &&
		    !starts_with(environ[n], "LISTEN_"))
			env[kept++] = environ[n];
	return env;
}

/* fork without a signal to the parent at the end, and without what others have registered for a fork. */
static pid_t clone_quietly(void)
{
	return (pid_t)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
}

/* Where it is: in PATH, or where it is installed. */
static int find_program(char *path, size_t size)
{
	static const char usual[] = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin";
	const char *dirs[2] = { getenv("PATH"), usual }, *at;
	size_t len;
	int i;

	for (i = 0; i < 2; i++) {
		for (at = dirs[i]; at && *at; at += len + (at[len] == ':')) {
			len = strcspn(at, ":");
			if (*at != '/' || (size_t)snprintf(path, size, "%.*s/netmapd", (int)len, at) >= size)
				continue;
			if (lr_libc()->access(path, X_OK) == 0)
				return 0;
		}
	}
	return -ENOENT;
}

static void become_daemon(const char *program, char *const argv[], char *const env[])
{
	sigset_t none;
	unsigned int i;
	int null;

	setsid();
	if (clone_quietly() != 0)
		_exit(0);
	null = lr_libc()->open("/dev/null", O_RDWR);
	for (i = 0; i < 3 && null >= 0; i++)
		lr_libc()->dup2(null, (int)i);
	lr_libc()->close_range(3, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") < 0)
		_exit(1);
	execve(program, argv, env);
	_exit(127);
}

static int start(char *path)
{
	char *const argv[] = { "netmapd", "-p", "-s", path, "-i", IDLE_SECONDS, NULL };
	char program[512], **env;
	pid_t pid;

	if (find_program(program, sizeof(program)) < 0)
		return -ENOENT;
	env = environment();
	if (!env)
		return -ENOMEM;
	pid = clone_quietly();
	if (pid == 0)
		become_daemon(program, argv, env);
	free(env);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	return 0;
}

struct lr_remote *lr_remote_start(int *err, char why[LRD_REASON_MAX])
{
	const struct timespec nap = { 0, 10000000 };
	char path[LRD_PATH_MAX];
	struct lr_remote *r = NULL;
	int i;

	*err = getauxval(AT_SECURE) ? -EPERM : lr_path_default(path, sizeof(path), false);
	for (i = 0; !r && i < TRIES; i++) {
		if (!*err && i % AGAIN == 0)
			*err = start(path);
		if (*err)
			return NULL;
		nanosleep(&nap, NULL);
		r = lr_remote_open(path, err, why);
		/* Not yet, or not any more. */
		if (*err == -ENOENT || *err == -ECONNREFUSED)
			*err = i + 1 < TRIES ? 0 : *err;
	}
	return r;
}
