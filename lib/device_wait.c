/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of every call that waits. See device_wait.h.
 */
#include "device_wait.h"

#include <stdlib.h>

#include "waiter.h"

/* Woken this often for nothing, we stop listening to what woke us for a moment. */
#define FRUITLESS_MAX 16
#define DEAF_MS 1

void lr_wait_init(struct lr_wait *w, const struct lr_wait_ops *ops)
{
	w->ops = ops;
	w->held = w->few;
	w->num_held = 0;
	w->room_held = LR_WAIT_FEW;
	os_waiter_init(&w->waiter);
}

int lr_wait_hold(struct lr_wait *w, struct lr_desc *d)
{
	if (w->num_held == w->room_held) {
		struct lr_desc **more = malloc(2 * w->room_held * sizeof(struct lr_desc *));

		if (!more)
			return -ENOMEM;
		memcpy(more, w->held, w->num_held * sizeof(struct lr_desc *));
		if (w->held != w->few)
			free(w->held);
		w->held = more;
		w->room_held *= 2;
	}
	if (!lr_desc_hold(d))
		return -ENOENT;
	w->held[w->num_held++] = d;
	return 0;
}

static void drop_held(struct lr_wait *w)
{
	while (w->num_held)
		lr_desc_put(w->held[--w->num_held]);
}

static void finish(struct lr_wait *w, int ready)
{
	os_waiter_fini(&w->waiter);
	w->ops->leave(w, ready);
	drop_held(w);
	if (w->held != w->few)
		free(w->held);
}

struct sleeper {
	struct lr_wait *wait;
	const sigset_t *mask;		/* while asleep; NULL: the thread's own */
	bool blocked;			/* no signal comes through but while asleep */
	sigset_t saved;			/* the thread's own mask, then */
	int cancel;			/* may it be cancelled */
	bool limited;
	struct timespec deadline;
	unsigned int fruitless;
};

/*
 * Between two sleeps of one call a signal must not get lost: it is to end the call. Before the first one it may come as if
 * it had come before the call, so most calls go without this.
 */
static void block_signals(struct sleeper *s)
{
	sigset_t every;

	if (s->blocked)
		return;
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &s->saved);
	if (!s->mask)
		s->mask = &s->saved;
	s->blocked = true;
}

static void unblock_signals(struct sleeper *s)
{
	if (s->blocked)
		pthread_sigmask(SIG_SETMASK, &s->saved, NULL);
}

static void cancelled(void *arg)
{
	struct sleeper *s = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	finish(s->wait, -ECANCELED);
	lr_call_depth--;
	unblock_signals(s);
}

static int64_t ns_until(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (deadline->tv_sec - now.tv_sec) * INT64_C(1000000000) + (deadline->tv_nsec - now.tv_nsec);
}

/* Far away is no limit: the sum must not overflow, and nobody will see the end of it. */
static void set_deadline(struct sleeper *s, const struct timespec *timeout)
{
	s->limited = timeout && timeout->tv_sec < INT32_MAX;
	if (!s->limited)
		return;
	clock_gettime(CLOCK_MONOTONIC, &s->deadline);
	s->deadline.tv_sec += timeout->tv_sec;
	s->deadline.tv_nsec += timeout->tv_nsec;
	if (s->deadline.tv_nsec >= 1000000000) {
		s->deadline.tv_nsec -= 1000000000;
		s->deadline.tv_sec++;
	}
}

/* How long the next sleep may be; NULL: no limit. Whether to listen to what the waiter has: *deaf. */
static const struct timespec *sleep_time(struct sleeper *s, struct timespec *t, bool *deaf)
{
	struct os_waiter *waiter = &s->wait->waiter;
	int nap = waiter->error ? 1 : waiter->nap_ms;
	int64_t ns = s->limited ? ns_until(&s->deadline) : INT64_MAX;

	*deaf = s->fruitless >= FRUITLESS_MAX;
	s->fruitless = *deaf ? 0 : s->fruitless + 1;
	if (*deaf || nap == 0)
		nap = DEAF_MS;
	if (nap > 0 && ns > nap * INT64_C(1000000))
		ns = nap * INT64_C(1000000);
	if (ns == INT64_MAX)
		return NULL;
	if (ns < 0)
		ns = 0;
	*t = (struct timespec){ ns / 1000000000, ns % 1000000000 };
	return t;
}

/* The others that are ready, or -errno. */
static int sleep_once(struct sleeper *s, const struct timespec *timeout, bool deaf)
{
	struct lr_wait *w = s->wait;
	int others;

	pthread_cleanup_push(cancelled, s);
	pthread_setcancelstate(s->cancel, NULL);
	others = w->ops->rest(w, timeout, s->mask, deaf ? NULL : &w->waiter);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
	return others;
}

/* What we found ready; *others too if the sleep knew. */
static int wait_asleep(struct sleeper *s, const struct timespec *timeout, int *others)
{
	struct lr_wait *w = s->wait;
	bool over = false, deaf;
	struct timespec t;
	const struct timespec *limit;
	int ready;

	set_deadline(s, timeout);
	for (;;) {
		drop_held(w);
		ready = w->ops->look(w, &w->waiter);
		if (ready || *others || over)
			break;
		limit = sleep_time(s, &t, &deaf);
		*others = sleep_once(s, limit, deaf);
		os_waiter_release(&w->waiter);
		if (*others < 0)
			break;
		/* Mostly one is woken for something: then there is no need to prepare for the next sleep. */
		drop_held(w);
		ready = w->ops->look(w, NULL);
		if (ready || *others)
			break;
		over = s->limited && ns_until(&s->deadline) <= 0;
		block_signals(s);
	}
	return ready;
}

int lr_wait_run(struct lr_wait *w, const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec none;
	struct sleeper s = { .wait = w, .mask = mask };
	int ready, others = 0;
	bool asleep;

	s.cancel = lr_call_begin();
	ready = w->ops->look(w, NULL);
	asleep = !ready && (!timeout || timeout->tv_sec || timeout->tv_nsec);
	if (asleep)
		ready = wait_asleep(&s, timeout, &others);
	if (ready >= 0 && !others && (ready || !asleep)) {
		others = w->ops->rest(w, &none, ready ? NULL : mask, NULL);
		if (ready && others == -EINTR)
			others = 0;
	}
	if (ready >= 0)
		ready = others < 0 ? others : ready + others;
	finish(w, ready);
	unblock_signals(&s);
	lr_call_end(s.cancel);
	return ready;
}
