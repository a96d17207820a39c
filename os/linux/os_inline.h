/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Bodies of the OS contract's inline functions in the kernel. See os/os.h.
 */
#ifndef LR_OS_INLINE_H
#define LR_OS_INLINE_H

/* A macro, for lockdep: the locks made at one place in the sources are one class. */
#define os_mutex_init(m) mutex_init(&(m)->mutex)

static inline void os_mutex_lock(struct os_mutex *m)
{
	mutex_lock(&m->mutex);
}

static inline void os_mutex_lock_under(struct os_mutex *m, struct os_mutex *outer)
{
	mutex_lock_nest_lock(&m->mutex, &outer->mutex);
}

static inline bool os_mutex_trylock(struct os_mutex *m)
{
	return mutex_trylock(&m->mutex);
}

static inline void os_mutex_unlock(struct os_mutex *m)
{
	mutex_unlock(&m->mutex);
}

static inline void os_mutex_assert_held(struct os_mutex *m)
{
	lockdep_assert_held(&m->mutex);
	os_assert(mutex_is_locked(&m->mutex));
}

static inline bool os_waitq_wake(struct os_waitq *wq)
{
	/* Partner of the barrier in here: the one in os_waitq_record. Either he sees our news, or we see him. */
	if (os_likely(!wq_has_sleeper(&wq->head)))
		return false;
	wake_up_interruptible_all(&wq->head);
	return true;
}

#endif
