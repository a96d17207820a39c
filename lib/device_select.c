/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select and pselect where netmap descriptors may be among the others.
 *
 * The others are asked with the real pselect and not with poll: what wakes the two differs.
 */
#include <stdlib.h>

#include "device.h"
#include "device_libc.h"
#include "device_wait.h"
#include "waiter.h"

/* The sets are arrays of words; programs may use more of them than fd_set has. */
#define WORD_BITS (8 * (int)sizeof(unsigned long))

enum { IN, OUT, EXCEPT, SETS };

/* One of ours. */
struct selected {
	int fd;
	int events;
	int ready;		/* the sets it is to be in: bits 1 << IN, 1 << OUT */
	struct lr_desc *desc;
};

struct select_call {
	struct lr_wait wait;
	int n;				/* descriptors [0, n) */
	unsigned long *set[SETS];	/* the program's; NULL: none */
	struct selected *ours;
	int num_ours;
	bool others;
	unsigned long *mem;		/* sets for the real call */
	int words, room;		/* of one set there; 0: no result */
};

static int words(int n)
{
	return (n + WORD_BITS - 1) / WORD_BITS;
}

static bool test(const unsigned long *set, int fd)
{
	return set && set[fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

static void clear(unsigned long *set, int fd)
{
	set[fd / WORD_BITS] &= ~(1ul << (fd % WORD_BITS));
}

static void add(unsigned long *set, int fd)
{
	set[fd / WORD_BITS] |= 1ul << (fd % WORD_BITS);
}

/* Word i of set s, without what is past n. */
static unsigned long word(const struct select_call *c, int s, int i)
{
	int bits = c->n - i * WORD_BITS;

	if (!c->set[s] || bits <= 0)
		return 0;
	return c->set[s][i] & (bits < WORD_BITS ? (1ul << bits) - 1 : ~0ul);
}

static unsigned long any(const struct select_call *c, int i)
{
	return word(c, IN, i) | word(c, OUT, i) | word(c, EXCEPT, i);
}

static int select_look(struct lr_wait *w, struct os_waiter *waiter)
{
	struct select_call *c = LR_CONTAINER_OF(w, struct select_call, wait);
	int ready = 0, i;

	for (i = 0; i < c->num_ours; i++) {
		struct selected *s = &c->ours[i];
		int got = s->desc->ops->ask(s->desc, s->fd, s->events, w, waiter);

		/* As the kernel has it: an error is something to read, and to write. */
		s->ready = (got & (POLLIN | POLLERR) && test(c->set[IN], s->fd)) << IN |
			   (got & (POLLOUT | POLLERR) && test(c->set[OUT], s->fd)) << OUT;
		ready += (s->ready >> IN & 1) + (s->ready >> OUT & 1);
	}
	return ready;
}

/* The sets for the real call, with room for descriptors [0, max). */
static int make_sets(struct select_call *c, int max)
{
	int s, i;

	if (words(max) > c->room) {
		free(c->mem);
		c->room = c->words = 0;
		c->mem = malloc(SETS * (size_t)words(max) * sizeof(*c->mem));
		if (!c->mem)
			return -ENOMEM;
		c->room = words(max);
	}
	c->words = words(max);
	for (s = 0; s < SETS; s++)
		for (i = 0; i < c->words; i++)
			c->mem[s * c->words + i] = word(c, s, i);
	for (s = 0; s < SETS; s++)
		for (i = 0; i < c->num_ours; i++)
			clear(c->mem + s * c->words, c->ours[i].fd);
	return 0;
}

/* Takes what the waiter added out of the results; how many bits that were. */
static int take_out(struct select_call *c, const struct os_waiter *waiter)
{
	unsigned long *in = c->mem + IN * c->words, *out = c->mem + OUT * c->words;
	int taken = 0;
	unsigned int i;

	for (i = 0; waiter && i < waiter->n; i++) {
		int fd = waiter->fds[i].fd;

		taken += test(in, fd) + test(out, fd);
		clear(in, fd);
		clear(out, fd);
	}
	return taken;
}

static int select_rest(struct lr_wait *w, const struct timespec *timeout, const sigset_t *mask,
		       const struct os_waiter *waiter)
{
	struct select_call *c = LR_CONTAINER_OF(w, struct select_call, wait);
	int max = c->n, ready;
	unsigned int i;

	if (!c->others && !waiter && !mask && !timeout->tv_sec && !timeout->tv_nsec)
		return 0;
	for (i = 0; waiter && i < waiter->n; i++)
		if (waiter->fds[i].fd >= max)
			max = waiter->fds[i].fd + 1;
	if (make_sets(c, max) < 0)
		return -ENOMEM;
	for (i = 0; waiter && i < waiter->n; i++)
		add(c->mem + (waiter->fds[i].events & POLLIN ? IN : OUT) * c->words, waiter->fds[i].fd);

	ready = lr_libc()->pselect(max, (fd_set *)(c->mem + IN * c->words), (fd_set *)(c->mem + OUT * c->words),
				   (fd_set *)(c->mem + EXCEPT * c->words), timeout, mask);
	if (ready < 0) {
		ready = -errno;
		c->words = 0;
		return ready;
	}
	return ready - take_out(c, waiter);
}

/* What the real call said, and what we found. */
static void write_sets(struct select_call *c)
{
	int s, i;

	for (s = 0; s < SETS; s++)
		for (i = 0; c->set[s] && i < words(c->n); i++)
			c->set[s][i] = c->words ? c->mem[s * c->words + i] : 0;
	for (s = IN; s <= OUT; s++)
		for (i = 0; i < c->num_ours; i++)
			if (c->ours[i].ready >> s & 1)
				add(c->set[s], c->ours[i].fd);
}

static void select_leave(struct lr_wait *w, int ready)
{
	struct select_call *c = LR_CONTAINER_OF(w, struct select_call, wait);

	if (ready >= 0)
		write_sets(c);
	while (c->num_ours)
		lr_desc_put(c->ours[--c->num_ours].desc);
	free(c->ours);
	free(c->mem);
}

static const struct lr_wait_ops select_ops = { .look = select_look, .rest = select_rest, .leave = select_leave };

/* Counts those that are ours, or takes references to them if there is room. */
static int gather(struct select_call *c, struct selected *ours)
{
	int i, n = 0;

	for (i = 0; i < words(c->n); i++) {
		unsigned long left;

		for (left = any(c, i); left; left &= left - 1) {
			int fd = i * WORD_BITS + __builtin_ctzl(left);
			struct lr_desc *d;

			if (!lr_fd_peek(fd)) {
				c->others = true;
			} else if (!ours) {
				n++;
			} else if (n < c->num_ours && (d = lr_fd_get(fd)) != NULL) {
				os_store(&d->calls, os_load(&d->calls) + 1);
				ours[n++] = (struct selected){
					.fd = fd, .desc = d,
					.events = (test(c->set[IN], fd) ? POLLIN : 0) | (test(c->set[OUT], fd) ? POLLOUT : 0),
				};
			}
		}
	}
	return n;
}

int lr_device_select(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout, const sigset_t *mask)
{
	struct select_call c = { .n = n, .set = { (unsigned long *)in, (unsigned long *)out, (unsigned long *)except } };
	int ready;

	c.num_ours = n > 0 ? gather(&c, NULL) : 0;
	if (!c.num_ours)
		return lr_libc()->pselect(n, in, out, except, timeout, mask);
	if (!lr_timespec_valid(timeout)) {
		errno = EINVAL;
		return -1;
	}
	pthread_testcancel();
	c.ours = malloc((size_t)c.num_ours * sizeof(*c.ours));
	if (!c.ours) {
		errno = ENOMEM;
		return -1;
	}
	c.num_ours = gather(&c, c.ours);
	lr_wait_init(&c.wait, &select_ops);
	ready = lr_wait_run(&c.wait, timeout, mask);
	if (ready >= 0)
		return ready;
	errno = -ready;
	return -1;
}
