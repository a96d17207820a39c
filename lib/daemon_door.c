/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's side of a door: sync and poll without a message. The order of things is told in daemon/protocol.h.
 *
 * When the daemon ends, so does its side of the socket and of the chimes: who sleeps on a chime wakes up, who sleeps on an
 * answer looks now and then.
 */
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/file.h"
#include "daemon.h"
#include "device_libc.h"
#include "os/user/waiter.h"

#define LOOK_NS 50000000	/* how often to see if the daemon is there */

static bool is_dead(struct lr_remote *r)
{
	struct pollfd p = { .fd = r->sock };

	if (!os_load(&r->dead) && lr_libc()->poll(&p, 1, 0) > 0)
		os_store(&r->dead, true);
	return os_load(&r->dead);
}

static void ring(struct lr_remote *r)
{
	uint64_t one = 1;
	ssize_t n;

	/* Partner: lr_door_sleep, which sets asleep and looks at what is asked after. */
	if (!__atomic_load_n(&r->door->asleep, __ATOMIC_SEQ_CST))
		return;
	do
		n = write(r->bell, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

/* The number to wait for. */
static uint32_t ask(struct lr_remote *r, unsigned int k)
{
	return __atomic_add_fetch(&r->door->lane[k].ask, 1, __ATOMIC_SEQ_CST);
}

/* 0 and *answer when there is one, or -ENXIO. */
static int sleep_on(struct lr_remote *r, struct lrd_lane *l, uint32_t n, uint64_t *answer)
{
	static const struct timespec limit = { 0, LOOK_NS };
	int err = 0;

	/* Partner: serve_lane, which stores the answer and looks at sleepers after. */
	__atomic_add_fetch(&l->sleepers, 1, __ATOMIC_SEQ_CST);
	while (!lrd_answered(*answer = __atomic_load_n(&l->answer, __ATOMIC_SEQ_CST), n) && !err) {
		/* The half of the answer that holds the number: this is little endian's first. */
		syscall(SYS_futex, &l->answer, FUTEX_WAIT, (uint32_t)*answer, &limit, NULL, 0);
		if (errno == ETIMEDOUT && is_dead(r))
			err = -ENXIO;
	}
	__atomic_sub_fetch(&l->sleepers, 1, __ATOMIC_RELAXED);
	return err;
}

static __thread unsigned int spins __attribute__((tls_model("initial-exec"))), waits __attribute__((tls_model("initial-exec")));

/* The result, or -ENXIO without a daemon. */
static int32_t await(struct lr_remote *r, unsigned int k, uint32_t n)
{
	struct lrd_lane *l = &r->door->lane[k];
	int saved = errno, err = 0;
	unsigned int i = lrd_spins(&spins, &waits);
	uint64_t answer;

	for (; i; i--) {
		answer = os_load_acquire(&l->answer);
		if (lrd_answered(answer, n))
			break;
		__builtin_ia32_pause();
	}
	lrd_spun(&spins, i > 0);
	if (i)
		return lrd_result(answer);
	err = os_load(&r->dead) ? -ENXIO : sleep_on(r, l, n, &answer);
	errno = saved;
	return err ? err : lrd_result(answer);
}

/* Whoever sleeps on the chime from now on is told. */
static uint32_t ask_armed(struct lr_remote *r, unsigned int k)
{
	__atomic_store_n(&r->door->lane[k].arm, 1, __ATOMIC_SEQ_CST);
	return ask(r, k);
}

/* For who will poll past us. */
static void watch(struct lr_remote *r)
{
	ask(r, LRD_WATCH_IN);
	ring(r);
}

int lr_remote_sync(struct lr_remote *r, bool tx)
{
	unsigned int k = tx ? LRD_TXSYNC : LRD_RXSYNC;
	uint32_t n;
	int err;

	if (os_unlikely(os_load(&r->dead)))
		return -ENXIO;
	if (os_unlikely(os_load_acquire(&r->base) && tx))
		lr_remote_fetch(r);
	n = ask(r, k);
	ring(r);
	err = await(r, k, n);
	if (os_unlikely(os_load(&r->exposed)) && !tx)
		watch(r);
	return err > 0 ? 0 : err;
}

/*
 * What this thread asked last, armed, without anything being ready: from then on it is safe to sleep on the chimes, so before it
 * sleeps it need not ask again.
 */
static __thread struct {
	const struct lr_remote *remote;
	unsigned int events;
} asked __attribute__((tls_model("initial-exec")));

unsigned int lr_remote_poll(struct lr_remote *r, unsigned int events, struct os_waiter *w)
{
	static const unsigned int bit[2] = { LR_POLLIN, LR_POLLOUT };
	bool again = w && asked.remote == r && asked.events == events;
	unsigned int ready = 0, i;
	uint32_t n[2] = { 0, 0 };

	if (os_unlikely(os_load_acquire(&r->base)))
		lr_remote_fetch(r);
	for (i = 0; i < 2; i++) {
		if (!(events & bit[i]))
			continue;
		if (!again)
			n[i] = ask_armed(r, LRD_POLL_IN + i);
		if (w)
			os_waiter_add(w, r->chime[i], POLLIN);
	}
	asked.remote = NULL;
	if (os_load_acquire(&r->memory) < 0 || os_load(&r->dead) || (w && is_dead(r)))
		return LR_POLLERR;
	if (again)
		return 0;
	ring(r);
	for (i = 0; i < 2; i++) {
		int32_t got = events & bit[i] ? await(r, LRD_POLL_IN + i, n[i]) : 0;

		ready |= got < 0 ? LR_POLLERR : (unsigned int)got & (bit[i] | LR_POLLERR);
	}
	if (!ready) {
		asked.remote = r;
		asked.events = events;
	}
	return ready;
}

uint64_t lr_remote_stamp(const struct lr_remote *r, unsigned int events)
{
	uint64_t in = events & LR_POLLIN ? os_load(&r->door->lane[LRD_POLL_IN].stamp) : 0;
	uint64_t out = events & LR_POLLOUT ? os_load(&r->door->lane[LRD_POLL_OUT].stamp) : 0;

	return in * 31 + out;
}

void lr_remote_expose(struct lr_remote *r, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	lr_libc()->epoll_ctl(fd, EPOLL_CTL_ADD, r->chime[0], &event);
	os_store(&r->exposed, true);
	watch(r);
}

void lr_remote_conceal(struct lr_remote *r)
{
	if (os_unlikely(os_load(&r->exposed)))
		os_store(&r->exposed, false);
}
