/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Bodies of the OS contract's inline functions in user space. See os/os.h.
 */
#ifndef LR_OS_INLINE_H
#define LR_OS_INLINE_H

static inline void os_mutex_lock(struct os_mutex *m)
{
	pthread_mutex_lock(&m->mutex);
}

static inline void os_mutex_lock_under(struct os_mutex *m, struct os_mutex *outer)
{
	(void)outer;
	os_mutex_lock(m);
}

static inline bool os_mutex_trylock(struct os_mutex *m)
{
	return pthread_mutex_trylock(&m->mutex) == 0;
}

static inline void os_mutex_unlock(struct os_mutex *m)
{
	pthread_mutex_unlock(&m->mutex);
}

static inline void os_mutex_assert_held(struct os_mutex *m)
{
	os_assert(pthread_mutex_trylock(&m->mutex) != 0);
	(void)m;
}

void os_waitq_signal(struct os_waitq *wq);

static inline bool os_waitq_wake(struct os_waitq *wq)
{
	/*
	 * Partner: the exchange of armed in os_waitq_record. Either he sees our news, or we see him armed.
	 * A read-modify-write instead of a fence: the same cost, and thread sanitizers understand it.
	 */
	if (os_likely(!__atomic_fetch_add(&wq->armed, 0, __ATOMIC_SEQ_CST)))
		return false;
	os_waitq_signal(wq);
	return true;
}

#endif
