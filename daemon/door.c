/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's side of a door. See door.h, and protocol.h for the order of things.
 */
#include "daemon/door.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <net/netmap.h>

#include "os/user/waiter.h"

#define IN 0
#define OUT 1

/* The memory: nobody can make it shorter under us. */
static int memory_create(struct lrd_door **out)
{
	int fd = memfd_create("netmapd-door", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;
	void *mem;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, LRD_DOOR_SIZE) < 0 || fallocate(fd, 0, 0, LRD_DOOR_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto err;
	mem = mmap(NULL, LRD_DOOR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		goto err;
	*out = mem;
	return fd;
err:
	err = -errno;
	close(fd);
	return err;
}

/*
 * Neither side may be able to make the other one's write or read wait: an eventfd's flags belong to all who have it, so
 * the bell, which clients write, is read with a flag of the call; and for the chimes, which we write, there are pipes,
 * whose ends have flags of their own. To take a chime back we have an end of our own, opened anew.
 */
static int chime_create(struct lr_door *d, int i, int *theirs)
{
	char path[32];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	*theirs = ends[0];
	d->chime[i] = ends[1];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	d->heard[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return d->heard[i] < 0 ? -errno : 0;
}

static void close_all(const int *fds, unsigned int n)
{
	while (n--)
		if (fds[n] >= 0)
			close(fds[n]);
}

int lr_door_init(struct lr_door *d, int theirs[LRD_FDS_MAX])
{
	int err;

	*d = (struct lr_door){ .bell = -1, .chime = { -1, -1 }, .heard = { -1, -1 } };
	os_waiter_init(&d->waiter);
	theirs[1] = theirs[2] = theirs[3] = -1;
	theirs[0] = memory_create(&d->shared);
	if (theirs[0] < 0)
		return theirs[0];
	d->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	theirs[1] = d->bell < 0 ? -1 : fcntl(d->bell, F_DUPFD_CLOEXEC, 3);
	err = theirs[1] < 0 ? -errno : chime_create(d, IN, &theirs[2]);
	if (!err)
		err = chime_create(d, OUT, &theirs[3]);
	if (!err)
		return 0;
	close_all(theirs, LRD_FDS_MAX);
	lr_door_fini(d);
	return err;
}

void lr_door_fini(struct lr_door *d)
{
	os_waiter_fini(&d->waiter);
	munmap(d->shared, LRD_DOOR_SIZE);
	close_all(&d->bell, 1);
	close_all(d->chime, 2);
	close_all(d->heard, 2);
}

/* --- Chimes ------------------------------------------------------------------------------------------ */

/* Chimes from before are taken away; it is we alone who ring them. */
static void quiet(struct lr_door *d, unsigned int events)
{
	static const unsigned int bit[2] = { LR_POLLIN, LR_POLLOUT };
	char bytes[64];
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (events & d->rung & bit[i])
			while (read(d->heard[i], bytes, sizeof(bytes)) == sizeof(bytes))
				;
	d->rung &= ~events;
}

/* A pipe that is full is readable anyway. */
static void chime(struct lr_door *d, unsigned int events)
{
	char c = 0;
	ssize_t n;

	if (events & LR_POLLIN)
		n = write(d->chime[IN], &c, 1);
	if (events & LR_POLLOUT)
		n = write(d->chime[OUT], &c, 1);
	(void)n;
	d->rung |= events;
}

void lr_door_news(struct lr_door *d)
{
	os_waiter_release(&d->waiter);
	chime(d, d->armed);
	d->armed = 0;
}

/* Records first, and looks after if it is to. */
static unsigned int arm_lane(struct lr_door *d, struct lr_file *f, unsigned int events, bool look)
{
	unsigned int ready;

	quiet(d, events);
	if (d->armed & events)
		os_waiter_release(&d->waiter);	/* not twice */
	else
		d->armed |= events;
	lr_file_record(f, d->waiter.n ? events : d->armed, &d->waiter);
	if (!look)
		return 0;
	ready = lr_file_poll(f, events, NULL);
	if (ready)
		lr_door_news(d);
	return ready;
}

/* --- Lanes ------------------------------------------------------------------------------------------- */

static int32_t run(struct lr_door *d, struct lr_file *f, unsigned int k, bool arm)
{
	unsigned int events = k == LRD_POLL_OUT ? LR_POLLOUT : LR_POLLIN, ready;

	if (k == LRD_TXSYNC || k == LRD_RXSYNC)
		return lr_file_ioctl(f, k == LRD_TXSYNC ? NIOCTXSYNC : NIOCRXSYNC, 0);
	if (k == LRD_WATCH_IN)
		return d->polled ? 0 : (int32_t)arm_lane(d, f, events, false);
	ready = arm ? arm_lane(d, f, events, true) : lr_file_poll(f, events, NULL);
	d->polled |= arm && !(ready & LR_POLLERR);	/* that is before there is a port */
	os_store(&d->shared->lane[k].stamp, lr_file_stamp(f, events));
	return (int32_t)(ready & (events | LR_POLLERR));
}

static void wake_sleepers(struct lrd_lane *l)
{
	/* The half of the answer that holds the number: this is little endian's first. */
	syscall(SYS_futex, &l->answer, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool serve_lane(struct lr_door *d, struct lr_file *f, unsigned int k)
{
	struct lrd_lane *l = &d->shared->lane[k];
	uint32_t ask = __atomic_load_n(&l->ask, __ATOMIC_SEQ_CST);
	bool arm;
	int32_t result;

	if (ask == d->done[k])
		return false;
	/* Partner: lr_remote_ask, which sets arm before it asks. */
	arm = os_load(&l->arm) && __atomic_exchange_n(&l->arm, 0, __ATOMIC_SEQ_CST);
	result = run(d, f, k, arm);
	d->done[k] = ask;
	/* Partner: lane_wait, which counts itself in sleepers and looks at the answer after. */
	__atomic_store_n(&l->answer, lrd_answer(ask, result), __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&l->sleepers, __ATOMIC_SEQ_CST))
		wake_sleepers(l);
	return true;
}

bool lr_door_serve(struct lr_door *d, struct lr_file *f)
{
	bool any = false;
	unsigned int k;

	for (k = 0; k < LRD_LANES; k++)
		any |= serve_lane(d, f, k);
	return any;
}

bool lr_door_asked(const struct lr_door *d)
{
	unsigned int k;

	for (k = 0; k < LRD_LANES; k++)
		if (__atomic_load_n(&d->shared->lane[k].ask, __ATOMIC_SEQ_CST) != d->done[k])
			return true;
	return false;
}

bool lr_door_sleep(struct lr_door *d)
{
	/* Partner: ring in lib/daemon_door.c, which asks first and looks at asleep after. */
	__atomic_store_n(&d->shared->asleep, 1, __ATOMIC_SEQ_CST);
	if (!lr_door_asked(d))
		return true;
	lr_door_awake(d);
	return false;
}

void lr_door_awake(struct lr_door *d)
{
	os_store(&d->shared->asleep, 0u);
}

/* Old rings of the bell are taken away. */
void lr_door_quiet(struct lr_door *d)
{
	uint64_t v;
	struct iovec iov = { &v, sizeof(v) };
	ssize_t n = preadv2(d->bell, &iov, 1, -1, RWF_NOWAIT);

	(void)n;
}
