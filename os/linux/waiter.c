/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in the kernel: locks, sleeping and waking. A poller sleeps in poll, select, epoll or io_uring; to us
 * he is a poll table, which adds him to a wait queue and takes him off again when he is done or his file is closed.
 */
#include <linux/poll.h>

#include "os/os.h"

void os_mutex_fini(struct os_mutex *m)
{
	mutex_destroy(&m->mutex);
}

void os_waitq_init(struct os_waitq *wq)
{
	init_waitqueue_head(&wq->head);
}

void os_waitq_fini(struct os_waitq *wq)
{
	os_assert(!waitqueue_active(&wq->head));
}

void os_waitq_record(struct os_waitq *wq, struct os_waiter *waiter)
{
	poll_wait(waiter->file, &wq->head, waiter->table);
	/*
	 * Partner: wq_has_sleeper in os_waitq_wake. The look at the ring comes after this. poll_wait does it by itself since
	 * 6.14 and the stable kernels of that time, older ones do not.
	 */
	smp_mb();
}
