/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in the kernel: threads of the core's own. One sleeps on wait queues as a poller does: what it records puts an
 * entry of its into each, by way of a poll table.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "os/os.h"

/* One queue that it sleeps on. */
struct place {
	struct wait_queue_entry entry;
	struct wait_queue_head *queue;
	struct os_thread *thread;
};

struct os_thread {
	struct task_struct *task;
	void (*run)(struct os_thread *t, void *arg);
	void *arg;
	struct os_waiter waiter;
	struct poll_table_struct table;
	bool news;		/* somebody woke it since the last os_thread_waiter */
	unsigned int places, room;
	struct place place[];
};

static int on_wake(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct os_thread *t = container_of(entry, struct place, entry)->thread;

	/* Partner: os_thread_sleep, which looks at it after it has said that it sleeps. */
	smp_store_mb(t->news, true);
	return wake_up_process(t->task);
}

static void record(struct file *file, struct wait_queue_head *queue, struct poll_table_struct *table)
{
	struct os_thread *t = container_of(table, struct os_thread, table);
	struct place *p;

	if (WARN_ON_ONCE(t->places == t->room))
		return;
	p = &t->place[t->places++];
	p->thread = t;
	p->queue = queue;
	init_waitqueue_func_entry(&p->entry, on_wake);
	add_wait_queue(queue, &p->entry);
}

static void forget(struct os_thread *t)
{
	while (t->places) {
		struct place *p = &t->place[--t->places];

		remove_wait_queue(p->queue, &p->entry);
	}
}

static int run(void *arg)
{
	struct os_thread *t = arg;

	t->run(t, t->arg);
	forget(t);
	/* Who stops it waits for this, also when it has come to its end before. */
	set_current_state(TASK_IDLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_IDLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

int os_thread_start(struct os_thread **out, void (*fn)(struct os_thread *t, void *arg), void *arg, int cpu, unsigned int queues,
		    const char *name)
{
	struct os_thread *t;

	if (cpu >= 0 && (cpu >= nr_cpu_ids || !cpu_online(cpu)))
		return -EINVAL;
	t = os_zalloc(struct_size(t, place, queues));
	if (!t)
		return -ENOMEM;
	t->run = fn;
	t->arg = arg;
	t->room = queues;
	init_poll_funcptr(&t->table, record);
	t->waiter.table = &t->table;
	t->task = kthread_create(run, t, "%s", name);
	if (IS_ERR(t->task)) {
		int err = PTR_ERR(t->task);

		os_free(t);
		return err;
	}
	if (cpu >= 0)
		kthread_bind(t->task, cpu);
	*out = t;
	wake_up_process(t->task);
	return 0;
}

void os_thread_stop(struct os_thread *t)
{
	kthread_stop(t->task);
	os_free(t);
}

bool os_thread_stopping(struct os_thread *t)
{
	return kthread_should_stop();
}

struct os_waiter *os_thread_waiter(struct os_thread *t)
{
	forget(t);
	WRITE_ONCE(t->news, false);
	return &t->waiter;
}

void os_thread_sleep(struct os_thread *t)
{
	set_current_state(TASK_IDLE);
	if (!READ_ONCE(t->news) && !kthread_should_stop())
		schedule();
	__set_current_state(TASK_RUNNING);
	forget(t);
}

void os_thread_yield(void)
{
	cond_resched();
}
