/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harness of check.h: runs each case in a process group of its own and
 * tells how it ended. What a case has to say comes through a pipe, so that it
 * arrives whichever of its threads or children says it, and only once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { CODE_OK = 0, CODE_FAIL = 90, CODE_SKIP = 91 };

static struct check_case *cases, **last = &cases;
static unsigned int seconds = 30;
static int verdict_fd = -1;	/* in a case: the pipe to the parent */

void check_add(struct check_case *c)
{
	*last = c;
	last = &c->next;
}

/* One write of less than PIPE_BUF: verdicts never mix. */
static void say(char kind, const char *where, const char *fmt, va_list ap)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "%c%s", kind, where);

	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	if (write(verdict_fd, text, strlen(text) + 1) < 0)
		abort();
}

void check_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char where[128];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	say('F', where, fmt, ap);
	va_end(ap);
	_exit(CODE_FAIL);
}

void check_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say('S', "", fmt, ap);
	va_end(ap);
	_exit(CODE_SKIP);
}

void check_progress(void)
{
	alarm(seconds);
}

uint64_t check_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void check_wait_child(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			FAIL("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		FAIL("child killed by signal %d (%s)", WTERMSIG(status),
		     strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != CODE_OK)
		FAIL("child ended with code %d", WEXITSTATUS(status));
}

void check_in_child(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (pid == 0) {
		fn(arg);
		_exit(CODE_OK);
	}
	check_wait_child(pid);
}

static _Noreturn void run_child(const struct check_case *c, int fd)
{
	setpgid(0, 0);
	verdict_fd = fd;
	signal(SIGALRM, SIG_DFL);
	alarm(seconds);
	c->run();
	exit(CODE_OK);		/* not _exit: leak checkers want to run */
}

/* Prints the line of a case; true if it did not fail. */
static bool judge(const char *name, int status, const char *verdict)
{
	if (verdict[0] == 'F')
		printf("not ok %s: %s\n", name, verdict + 1);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		printf("not ok %s: not done after %u seconds\n", name, seconds);
	else if (WIFSIGNALED(status))
		printf("not ok %s: killed by signal %d (%s)\n", name,
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (verdict[0] == 'S' && WEXITSTATUS(status) == CODE_SKIP)
		printf("skip %s: %s\n", name, verdict + 1);
	else if (WEXITSTATUS(status) != CODE_OK)
		printf("not ok %s: ended with code %d\n", name, WEXITSTATUS(status));
	else
		printf("ok %s\n", name);
	fflush(stdout);
	return (verdict[0] == 'S' && WIFEXITED(status)) ||
	       (verdict[0] == 0 && WIFEXITED(status) && WEXITSTATUS(status) == CODE_OK);
}

static bool run_case(const struct check_case *c)
{
	char verdict[4096] = "";
	int fds[2], status = 0;
	pid_t pid;

	fflush(NULL);
	if (pipe2(fds, O_NONBLOCK) < 0 || (pid = fork()) < 0) {
		printf("not ok %s: %s\n", c->name, strerror(errno));
		return false;
	}
	if (pid == 0) {
		close(fds[0]);
		run_child(c, fds[1]);
	}
	setpgid(pid, pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);	/* what the case left running */
	close(fds[1]);
	if (read(fds[0], verdict, sizeof(verdict) - 1) < 0)
		verdict[0] = 0;
	close(fds[0]);
	return judge(c->name, status, verdict);
}

static bool is_named(const struct check_case *c, const char *name)
{
	size_t len = strlen(name);

	return strcmp(name, c->name) == 0 || (len && name[len - 1] == '*' && strncmp(name, c->name, len - 1) == 0);
}

static bool chosen(const struct check_case *c, char **names, int n)
{
	for (int i = 0; i < n; i++)
		if (is_named(c, names[i]))
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	bool good = true, list = false;
	const char *without = "";
	int opt;

	while ((opt = getopt(argc, argv, "lt:x:h")) != -1) {
		if (opt == 'l') {
			list = true;
		} else if (opt == 't') {
			seconds = (unsigned int)strtoul(optarg, NULL, 10);
		} else if (opt == 'x') {
			without = optarg;
		} else {
			fprintf(opt == 'h' ? stdout : stderr,
				"usage: %s [-l] [-t seconds] [-x case] [case ...]\n", argv[0]);
			return opt == 'h' ? 0 : 2;
		}
	}
	for (struct check_case *c = cases; c; c = c->next) {
		if (!chosen(c, argv + optind, argc - optind) || is_named(c, without))
			continue;
		if (list)
			puts(c->name);
		else if (!run_case(c))
			good = false;
	}
	return good ? 0 : 1;
}
