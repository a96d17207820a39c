/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: threads of the core's own. They take no signals, which are the program's. A process that
 * comes from a fork has none of them.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "waiter.h"

struct os_thread {
	pthread_t thread;
	pid_t pid;
	int bell;		/* eventfd: rung to stop it */
	int stopping;
	void (*run)(struct os_thread *t, void *arg);
	void *arg;
	struct os_waiter waiter;
};

static void *run(void *arg)
{
	struct os_thread *t = arg;

	t->run(t, t->arg);
	return NULL;
}

/* No signal is to be taken by the new thread: it begins with the mask of its maker. */
static int launch(struct os_thread *t, int cpu)
{
	sigset_t all, before;
	pthread_attr_t attr;
	cpu_set_t set;
	int err;

	pthread_attr_init(&attr);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&t->thread, &attr, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int os_thread_start(struct os_thread **out, void (*fn)(struct os_thread *t, void *arg), void *arg, int cpu, unsigned int queues,
		    const char *name)
{
	struct os_thread *t;
	int err = -ENOMEM;

	(void)queues;	/* a waiter grows */
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err;
	*t = (struct os_thread){ .pid = getpid(), .run = fn, .arg = arg };
	os_waiter_init(&t->waiter);
	t->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (t->bell < 0)
		goto err_bell;
	err = launch(t, cpu);
	if (err)
		goto err_launch;
	pthread_setname_np(t->thread, name);
	*out = t;
	return 0;

err_launch:
	close(t->bell);
err_bell:
	free(t);
	return err;
}

void os_thread_stop(struct os_thread *t)
{
	uint64_t one = 1;
	ssize_t n;

	if (t->pid == getpid()) {
		__atomic_store_n(&t->stopping, 1, __ATOMIC_RELEASE);
		do
			n = write(t->bell, &one, sizeof(one));
		while (n < 0 && errno == EINTR);
		pthread_join(t->thread, NULL);
	}
	os_waiter_fini(&t->waiter);
	close(t->bell);
	free(t);
}

bool os_thread_stopping(struct os_thread *t)
{
	return __atomic_load_n(&t->stopping, __ATOMIC_ACQUIRE);
}

struct os_waiter *os_thread_waiter(struct os_thread *t)
{
	os_waiter_release(&t->waiter);
	os_waiter_add(&t->waiter, t->bell, POLLIN);
	return &t->waiter;
}

void os_thread_sleep(struct os_thread *t)
{
	struct os_waiter *w = &t->waiter;
	/* Where a queue could not be recorded, nobody would wake us. */
	int ms = w->error ? 1 : w->nap_ms;
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	/* The system's own: the library may have put itself in front of ppoll. */
	syscall(SYS_ppoll, w->fds, w->n, ms < 0 ? NULL : &ts, NULL, 0);
	os_waiter_release(w);
}

void os_thread_yield(void)
{
	sched_yield();
}
