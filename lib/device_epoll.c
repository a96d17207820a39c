/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll sets with netmap members. The others are the kernel's business, in the real set; netmap members are kept here.
 *
 * A set becomes ours with its first netmap member. Threads that wait in the real epoll_wait then must come back to us:
 * a marker, an eventfd that becomes readable, is put into the real set for a moment, and the event it makes is
 * taken out again by lr_device_epoll_filter.
 *
 * Members are known by description and number, as in the kernel, and stay until the description is closed; there is
 * no reference to it from here, but its generation tells. A set inside another set wakes that only for its real members.
 *
 * Edge-triggered members are reported when something is ready that was not at the last look, when any of
 * the rings got something since the last report, or when the program has synced on its own since. So who drains
 * rings until they are empty loses nothing; a report too many is possible.
 *
 * Lock: the description's, for all of the set. It is taken before ring locks.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device.h"
#include "device_libc.h"
#include "device_wait.h"
#include "waiter.h"

#define MARKER_MS 20	/* how long it stays */

/* Bits of a member that are no events. */
#define MODE_BITS (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

struct member {
	struct lr_desc *desc;
	unsigned int generation;
	int fd;
	uint32_t events;	/* 0: a one-shot that was reported */
	epoll_data_t data;
	/* Edge-triggered: what was ready at the last look, and the state of things at the last report. */
	uint32_t was_ready;
	unsigned int calls;
	uint64_t stamp;
};

struct lr_epoll {
	struct member *member;
	unsigned int n, room;
	unsigned int next;		/* whose turn it is when there is not room for all */
	unsigned int turn;		/* ours or the kernel's, when there is room for one */
	int marker;			/* -1: not in the set */
	int64_t marker_end;
	/* Threads asleep; kicks are changes that they have to see. */
	unsigned int sleepers, kicks, kicked;
};

struct epoll_call {
	struct lr_wait wait;
	struct lr_desc *set;
	int epfd;
	struct epoll_event *events;
	int max;
	bool asleep;			/* counted in sleepers */
	unsigned int kicks;		/* of the set, when it fell asleep */
	unsigned int epfd_at;		/* where the real set is in the waiter */
	bool ask_kernel;		/* the real set may have something, and it is not yet asked */
};

/* What the marker's event is known by. */
static char marker;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

int lr_device_epoll_filter(struct epoll_event *events, int n)
{
	int i, kept = 0;

	for (i = 0; i < n; i++)
		if (events[i].data.ptr != &marker)
			events[kept++] = events[i];
	return kept;
}

/* The marker has been seen by all who waited when it was put in. */
static void marker_check(struct lr_epoll *ep, int epfd)
{
	struct epoll_event none = { 0 };

	if (ep->marker < 0 || now_ms() < ep->marker_end)
		return;
	lr_libc()->epoll_ctl(epfd, EPOLL_CTL_DEL, ep->marker, &none);
	lr_libc()->close(ep->marker);
	ep->marker = -1;
}

/* --- Members ----------------------------------------------------------------------------------- */

/* Holds every member's description for the time of the call, and drops those members that are closed. */
static void hold_members(struct lr_epoll *ep, struct lr_wait *w)
{
	unsigned int i, kept = 0;

	for (i = 0; i < ep->n; i++) {
		struct member *m = &ep->member[i];
		int err = lr_wait_hold(w, m->desc);

		if (err == -ENOMEM) {
			os_waiter_nap(&w->waiter, 1);
			break;
		}
		if (err || __atomic_load_n(&m->desc->generation, __ATOMIC_ACQUIRE) != m->generation || os_load(&m->desc->closed))
			continue;
		ep->member[kept++] = *m;
	}
	for (; i < ep->n; i++)
		ep->member[kept++] = ep->member[i];
	ep->n = kept;
}

/* What there is to report of a member. Nothing is changed that would keep it from being reported again. */
static uint32_t member_look(struct member *m, struct lr_wait *w, struct os_waiter *waiter)
{
	uint32_t ready;
	unsigned int calls = os_load(&m->desc->calls);
	bool news;

	if (!m->events)
		return 0;
	ready = (uint32_t)m->desc->ops->ask(m->desc, m->fd, (int)(m->events & ~MODE_BITS), w, waiter);
	if (!(m->events & EPOLLET))
		return ready;
	news = ready & ~m->was_ready || calls != m->calls ||
	       lr_device_stamp(m->desc, (int)m->events) != m->stamp;
	m->was_ready &= ready;
	return news ? ready : 0;
}

static void member_report(struct member *m, uint32_t ready, struct epoll_event *event)
{
	event->events = ready;
	event->data = m->data;
	m->was_ready = ready;
	m->calls = os_load(&m->desc->calls);
	m->stamp = lr_device_stamp(m->desc, (int)m->events);
	if (m->events & EPOLLONESHOT)
		m->events = 0;
}

static void member_arm(struct member *m, const struct epoll_event *event)
{
	/* Whether asked or not, an error is reported; so this is never 0. */
	m->events = event->events | EPOLLERR | EPOLLHUP;
	m->data = event->data;
	m->was_ready = 0;
}

/* Reports ours, from whose turn it is on; how many. */
static int report(struct epoll_call *c, struct epoll_event *events, int max, struct os_waiter *waiter)
{
	struct lr_epoll *ep = c->set->epoll;
	unsigned int i, first = ep->next < ep->n ? ep->next : 0;
	int n = 0;

	hold_members(ep, &c->wait);
	for (i = 0; i < ep->n && n < max; i++) {
		struct member *m = &ep->member[(first + i) % ep->n];
		uint32_t ready = member_look(m, &c->wait, waiter);

		if (ready)
			member_report(m, ready, &events[n++]);
	}
	ep->next = first + i;
	return n;
}

/* --- Waiting ------------------------------------------------------------------------------------- */

static void make_readable(int fd)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void drain(struct lr_desc *d)
{
	uint64_t v;
	ssize_t n;

	do
		n = read(d->wake, &v, sizeof(v));
	while (n < 0 && errno == EINTR);
	/* It says two things. The other one must stay. */
	if (os_load_acquire(&d->closed))
		make_readable(d->wake);
}

/* Something has changed that threads asleep on the set have to see. Locked. */
static void kick(struct lr_desc *d)
{
	struct lr_epoll *ep = d->epoll;

	if (!ep->sleepers)
		return;
	ep->kicks++;
	ep->kicked = ep->sleepers;
	make_readable(d->wake);
}

static void fall_asleep(struct epoll_call *c, struct os_waiter *waiter)
{
	struct lr_epoll *ep = c->set->epoll;

	os_waiter_add(waiter, c->set->wake, POLLIN);
	/* With the marker in it the real set is always readable: look at it now and then instead. */
	c->epfd_at = waiter->n;
	if (ep->marker >= 0)
		os_waiter_nap(waiter, 1);
	else
		os_waiter_add(waiter, c->epfd, POLLIN);
	c->asleep = true;
	c->kicks = ep->kicks;
	ep->sleepers++;
}

/* The last of those who were to see a kick makes the eventfd quiet again. */
static void wake_up(struct epoll_call *c)
{
	struct lr_epoll *ep = c->set->epoll;

	if (!c->asleep)
		return;
	c->asleep = false;
	ep->sleepers--;
	if (c->kicks != ep->kicks && --ep->kicked == 0)
		drain(c->set);
}

/* Up to max of the kernel's events, or -errno. */
static int take_kernels(struct epoll_call *c, int max)
{
	int n = lr_libc()->epoll_wait(c->epfd, c->events, max, 0);

	return n < 0 ? -errno : lr_device_epoll_filter(c->events, n);
}

/*
 * The kernel's events first, but only so many that there is room for ours; with room for one event both take turns.
 */
static int collect(struct epoll_call *c, struct os_waiter *waiter)
{
	struct lr_epoll *ep = c->set->epoll;
	int room = c->max > 1 ? c->max / 2 : (int)(ep->turn ^= 1), n = 0, ours;

	if (os_load_acquire(&c->set->closed))
		return -EBADF;
	marker_check(ep, c->epfd);
	if (c->ask_kernel && room)
		n = take_kernels(c, room);
	if (n < 0)
		return n;
	ours = report(c, c->events + n, c->max - n, waiter);
	if (c->ask_kernel && !ours && !room)
		n = take_kernels(c, c->max);
	c->ask_kernel = false;
	return n < 0 ? n : n + ours;
}

static int epoll_look(struct lr_wait *w, struct os_waiter *waiter)
{
	struct epoll_call *c = LR_CONTAINER_OF(w, struct epoll_call, wait);
	int n;

	pthread_mutex_lock(&c->set->lock);
	wake_up(c);
	if (waiter)
		fall_asleep(c, waiter);
	n = collect(c, waiter);
	pthread_mutex_unlock(&c->set->lock);
	return n;
}

static int epoll_rest(struct lr_wait *w, const struct timespec *timeout, const sigset_t *mask, const struct os_waiter *waiter)
{
	struct epoll_call *c = LR_CONTAINER_OF(w, struct epoll_call, wait);
	struct pollfd *fds = waiter ? waiter->fds : NULL;
	nfds_t n = waiter ? waiter->n : 0;

	if (!waiter && !mask && !timeout->tv_sec && !timeout->tv_nsec)
		return 0;
	if (lr_libc()->ppoll(fds, n, timeout, mask) < 0)
		return -errno;
	c->ask_kernel = c->epfd_at >= n || fds[c->epfd_at].fd != c->epfd || fds[c->epfd_at].revents;
	return 0;
}

static void epoll_leave(struct lr_wait *w, int ready)
{
	struct epoll_call *c = LR_CONTAINER_OF(w, struct epoll_call, wait);

	(void)ready;
	pthread_mutex_lock(&c->set->lock);
	wake_up(c);
	pthread_mutex_unlock(&c->set->lock);
	lr_desc_put(c->set);
}

static const struct lr_wait_ops wait_ops = { .look = epoll_look, .rest = epoll_rest, .leave = epoll_leave };

int lr_device_epoll_wait(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask)
{
	struct epoll_call c = { .set = lr_fd_get(epfd), .epfd = epfd, .events = events, .max = max, .ask_kernel = true };
	int n = -EINVAL;

	if (!c.set)
		return lr_libc()->epoll_pwait2(epfd, events, max, timeout, mask);
	if (c.set->epoll && max > 0 && lr_timespec_valid(timeout)) {
		lr_wait_init(&c.wait, &wait_ops);
		n = lr_wait_run(&c.wait, timeout, mask);
	} else {
		lr_desc_put(c.set);
	}
	if (n >= 0)
		return n;
	errno = -n;
	return -1;
}

/* --- Sets ----------------------------------------------------------------------------------------- */

/* A set that is polled itself. Members added meanwhile are seen at the next look. */
static int set_ask(struct lr_desc *d, int fd, int events, struct lr_wait *w, struct os_waiter *waiter)
{
	struct pollfd real = { .fd = fd, .events = POLLIN };
	struct lr_epoll *ep = d->epoll;
	unsigned int i;
	int ready = 0;

	if (waiter) {
		os_waiter_add(waiter, d->wake, POLLIN);
		os_waiter_add(waiter, fd, POLLIN);
		os_waiter_nap(waiter, 100);
	}
	if (os_load_acquire(&d->closed))
		return POLLERR;
	pthread_mutex_lock(&d->lock);
	hold_members(ep, w);
	for (i = 0; i < ep->n; i++)
		ready |= member_look(&ep->member[i], w, waiter) != 0;
	pthread_mutex_unlock(&d->lock);
	if (!ready)
		ready = lr_libc()->poll(&real, 1, 0) > 0;
	return ready ? events & (POLLIN | POLLRDNORM) : 0;
}

static void set_destroy(struct lr_desc *d)
{
	struct lr_epoll *ep = d->epoll;

	if (ep->marker >= 0)
		lr_libc()->close(ep->marker);
	free(ep->member);
	free(ep);
}

static const struct lr_desc_ops set_ops = { .ask = set_ask, .destroy = set_destroy };

void lr_epoll_alone(struct lr_epoll *ep)
{
	ep->sleepers = ep->kicked = 0;
}

/* Puts the marker into the real set, still quiet: that also tells if it is one. */
static int marker_add(struct lr_epoll *ep, int epfd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &marker };

	ep->marker_end = INT64_MAX;
	ep->marker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ep->marker < 0)
		return -errno;
	return lr_libc()->epoll_ctl(epfd, EPOLL_CTL_ADD, ep->marker, &event) < 0 ? -errno : 0;
}

/* Who waits in the real set comes to us now, and finds that the set is ours. */
static void marker_show(struct lr_desc *d)
{
	pthread_mutex_lock(&d->lock);
	make_readable(d->epoll->marker);
	d->epoll->marker_end = now_ms() + MARKER_MS;
	pthread_mutex_unlock(&d->lock);
}

/* Makes epfd a set of ours. The description, or NULL with *err; -EEXIST: somebody else just did. */
static struct lr_desc *set_create(int epfd, int *err)
{
	struct lr_epoll *ep = calloc(1, sizeof(*ep));
	struct lr_desc *d = NULL;

	*err = -ENOMEM;
	if (!ep)
		return NULL;
	*err = marker_add(ep, epfd);
	if (!*err) {
		d = lr_desc_create(&set_ops);
		*err = d ? 0 : -errno;
	}
	if (!d) {
		if (ep->marker >= 0)
			lr_libc()->close(ep->marker);
		free(ep);
		return NULL;
	}
	d->epoll = ep;
	*err = lr_fd_add(epfd, d);
	if (!*err) {
		marker_show(d);
		return d;
	}
	lr_desc_put(d);
	return NULL;
}

static struct lr_desc *set_get(int epfd, int *err)
{
	struct lr_desc *d;

	do {
		*err = 0;
		d = lr_fd_get(epfd);
		if (!d)
			d = set_create(epfd, err);
	} while (*err == -EEXIST);
	if (d && !d->epoll) {
		lr_desc_put(d);
		d = NULL;
		*err = -EINVAL;
	}
	return d;
}

static struct member *find(struct lr_epoll *ep, const struct lr_desc *d, int fd)
{
	unsigned int i;

	for (i = 0; i < ep->n; i++)
		if (ep->member[i].desc == d && ep->member[i].fd == fd && ep->member[i].generation == d->generation)
			return &ep->member[i];
	return NULL;
}

static int set_add(struct lr_epoll *ep, struct lr_desc *d, int fd, const struct epoll_event *event)
{
	struct member *m;

	if (ep->n == ep->room) {
		unsigned int room = ep->room ? 2 * ep->room : 4;

		m = realloc(ep->member, room * sizeof(*m));
		if (!m)
			return -ENOMEM;
		ep->member = m;
		ep->room = room;
	}
	m = &ep->member[ep->n++];
	*m = (struct member){ .desc = d, .generation = d->generation, .fd = fd };
	member_arm(m, event);
	return 0;
}

/* Locked; d is referred to, so it lives. */
static int set_change(struct lr_epoll *ep, int op, struct lr_desc *d, int fd, const struct epoll_event *event)
{
	struct member *m = find(ep, d, fd);

	if (op == EPOLL_CTL_ADD)
		return m ? -EEXIST : set_add(ep, d, fd, event);
	if (!m)
		return -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		*m = ep->member[--ep->n];
		return 0;
	}
	if (event->events & EPOLLEXCLUSIVE || m->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	member_arm(m, event);
	return 0;
}

static int epoll_ctl_ours(int epfd, int op, struct lr_desc *d, int fd, const struct epoll_event *event)
{
	struct lr_desc *set;
	int err;

	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && !event)
		return -EFAULT;
	set = set_get(epfd, &err);
	if (!set)
		return err;
	pthread_mutex_lock(&set->lock);
	err = set_change(set->epoll, op, d, fd, event);
	if (!err)
		kick(set);
	pthread_mutex_unlock(&set->lock);
	lr_desc_put(set);
	return err;
}

int lr_device_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct lr_desc *d = lr_fd_get(fd);
	int state, err;

	if (!d || !lr_desc_is_device(d)) {
		if (d)
			lr_desc_put(d);
		return lr_libc()->epoll_ctl(epfd, op, fd, event);
	}
	state = lr_call_begin();
	err = epoll_ctl_ours(epfd, op, d, fd, event);
	lr_call_end(state);
	lr_desc_put(d);
	if (!err)
		return 0;
	errno = -err;
	return -1;
}
