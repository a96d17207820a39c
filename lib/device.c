/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open descriptors of /dev/netmap in this process: open, ioctl, mmap, dup, close. See device.h.
 */
#include "device.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <net/netmap.h>

#include "core/control.h"
#include "core/file.h"
#include "core/region.h"
#include "daemon.h"
#include "device_libc.h"
#include "device_param.h"
#include "waiter.h"

static const char device_path[] = "/dev/netmap";

/* Sentences about requests that fail go to stderr. NETMAP_VERBOSE=1 */
static bool verbose;

/* --- The core, made with the first open --------------------------------------------------- */

static int core_error;

static void core_start(void)
{
	const char *v = secure_getenv("NETMAP_VERBOSE");

	verbose = v && *v && strcmp(v, "0") != 0;
	lr_table_adopt();
	core_error = lr_params_from_environment();
	if (!core_error)
		core_error = lr_core_init();
	if (!core_error)
		core_error = lr_fork_init();
}

/* --- Descriptions ------------------------------------------------------------------------------ */

/* Puts the descriptors by which the NIC tells of packets into the epoll set that fd is, or takes them out. */
static void sources(struct lr_desc *d, int fd, int op)
{
	struct lr_file *f = d->file;
	const struct lr_port *port = os_load_acquire(&f->port);
	struct epoll_event event = { .events = EPOLLIN };
	unsigned int i;

	for (i = 0; i < f->n[LR_RX]; i++) {
		const struct os_waitq *wq = &port->ring[LR_RX][f->first[LR_RX] + i].wq;

		if (wq->lent)
			lr_libc()->epoll_ctl(fd, op, wq->side[0].fd, &event);
	}
}

/*
 * Who polls the descriptor past us should wake up for packets. Who comes through us needs no such thing, and it costs
 * hundreds of cycles for each packet sent, as the kernel then looks for sleepers: it ends with the first sign of that.
 */
static void expose(struct lr_desc *d, int fd)
{
	sources(d, fd, EPOLL_CTL_ADD);
	os_store_release(&d->exposed, true);	/* partner: the exchange in conceal */
}

static void conceal(struct lr_desc *d, int fd)
{
	if (os_likely(!os_load(&d->exposed)) || !__atomic_exchange_n(&d->exposed, false, __ATOMIC_ACQ_REL))
		return;
	sources(d, fd, EPOLL_CTL_DEL);
}

/* Events of poll, as the core has them. */
static unsigned int poll_bits(int events)
{
	return (events & (POLLIN | POLLRDNORM) ? LR_POLLIN : 0) | (events & (POLLOUT | POLLWRNORM) ? LR_POLLOUT : 0);
}

static unsigned int file_ask(struct lr_desc *d, int fd, unsigned int want, struct os_waiter *waiter)
{
	conceal(d, fd);
	if (os_unlikely(os_load(&d->shared)))
		lr_fork_use(d);
	return lr_file_poll(d->file, want, waiter);
}

static unsigned int remote_ask(struct lr_remote *r, unsigned int want, struct os_waiter *waiter)
{
	lr_remote_conceal(r);
	return lr_remote_poll(r, want, waiter);
}

static int device_ask(struct lr_desc *d, int fd, int events, struct lr_wait *wait, struct os_waiter *waiter)
{
	const int in = POLLIN | POLLRDNORM, out = POLLOUT | POLLWRNORM;
	struct lr_remote *r = os_load_acquire(&d->remote);
	unsigned int got;

	(void)wait;
	if (waiter)
		os_waiter_add(waiter, d->wake, POLLIN);
	if (os_load_acquire(&d->closed))
		return POLLERR;
	got = r ? remote_ask(r, poll_bits(events), waiter) : file_ask(d, fd, poll_bits(events), waiter);
	return (got & LR_POLLIN ? events & in : 0) | (got & LR_POLLOUT ? events & out : 0) |
	       (got & LR_POLLERR ? POLLERR : 0);
}

static void device_destroy(struct lr_desc *d)
{
	if (d->remote)
		lr_remote_close(d->remote);
	if (d->file && os_load(&d->shared))
		lr_fork_close(d);
	else if (d->file)
		lr_file_close(d->file);
}

static const struct lr_desc_ops device_ops = {
	.ask = device_ask,
	.destroy = device_destroy,
};

bool lr_desc_is_device(const struct lr_desc *d)
{
	return d->ops == &device_ops;
}

uint64_t lr_device_stamp(const struct lr_desc *d, int events)
{
	const struct lr_remote *r = os_load_acquire(&d->remote);

	return r ? lr_remote_stamp(r, events) : lr_file_stamp(d->file, poll_bits(events));
}

/* --- open ------------------------------------------------------------------------------------------ */

enum host { HOST_ANY, HOST_INPROCESS, HOST_DAEMON, HOST_DEVICE, HOST_BAD };

static enum host host_wanted(void)
{
	const char *h = secure_getenv("NETMAP_HOST");

	if (!h || !*h)
		return HOST_ANY;
	if (strcmp(h, "inprocess") == 0)
		return HOST_INPROCESS;
	if (strcmp(h, "device") == 0)
		return HOST_DEVICE;
	if (strcmp(h, "daemon") == 0)
		return HOST_DAEMON;
	fprintf(stderr, "netmap: NETMAP_HOST=%s is none of device, daemon, inprocess\n", h);
	return HOST_BAD;
}

/* A connection to the daemon, for d. 0, -ENOENT when there is none, or -errno. */
static int join_daemon(struct lr_desc *d)
{
	char why[LRD_REASON_MAX];
	int err;

	d->remote = lr_remote_find(&err, why);
	if (err && err != -ENOENT && verbose)
		fprintf(stderr, "netmap: netmapd: %s\n", why[0] ? why : strerror(-err));
	return err;
}

/* Who answers for d: the daemon, or with HOST_ANY and without one, we. */
static int choose(struct lr_desc *d, enum host host)
{
	int err = host == HOST_INPROCESS ? -ENOENT : join_daemon(d);

	if ((err != -ENOENT && err != -EACCES) || host == HOST_DAEMON)
		return err;
	d->file = lr_file_open();
	d->undecided = host == HOST_ANY;
	return d->file ? 0 : -ENOMEM;
}

/* A number for a new open device, or -errno. */
static int open_ours(int flags, enum host host)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct lr_desc *d;
	int fd, err;

	pthread_once(&once, core_start);
	if (core_error)
		return core_error;
	/* A child that borrows its parent's memory may not open anything in it. */
	if (!lr_table_mine())
		return -ENODEV;
	fd = epoll_create1(flags & O_CLOEXEC ? EPOLL_CLOEXEC : 0);
	if (fd < 0)
		return -errno;
	d = lr_desc_create(&device_ops);
	if (!d) {
		err = -errno;
		goto err_fd;
	}
	err = choose(d, host);
	if (!err)
		err = lr_fd_set(fd, d);
	lr_desc_put(d);
	if (!err)
		return fd;
err_fd:
	lr_libc()->close(fd);
	return err;
}

/* Is what the real open gave good? A device is; so is another copy of us, whose descriptors are of no type. */
static bool is_answer(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || !(st.st_mode & S_IFMT));
}

int lr_device_open(int fd, const char *path, int flags)
{
	int saved = errno, ours;
	enum host host;

	/* Whatever else the kernel says, it has read the path, so can we. */
	if (fd < 0 && (errno == EFAULT || errno == EMFILE || errno == ENFILE || errno == EINTR))
		return fd;
	if (os_likely(strcmp(path, device_path) != 0) || flags & (O_PATH | O_DIRECTORY))
		return fd;
	host = host_wanted();
	if (host == HOST_DEVICE || (fd >= 0 && host == HOST_ANY && is_answer(fd)))
		goto real;
	if (fd >= 0)
		lr_libc()->close(fd);
	ours = host == HOST_BAD ? -EINVAL : open_ours(flags, host);
	errno = ours < 0 ? -ours : saved;
	return ours < 0 ? -1 : ours;
real:
	errno = saved;
	return fd;
}

bool lr_device_exists(const char *path)
{
	int saved = errno;
	bool exists;

	if (errno != ENOENT || strcmp(path, device_path) != 0)
		return false;
	exists = host_wanted() <= HOST_DAEMON;
	errno = saved;
	return exists;
}

/* --- dup and close ---------------------------------------------------------------------------------- */

void lr_device_forget(int fd)
{
	if (lr_table_mine())
		lr_fd_set(fd, NULL);
}

void lr_device_forget_range(unsigned int first, unsigned int last)
{
	if (os_load(&lr_fd_count) && lr_table_mine())
		lr_fd_forget_range(first, last);
}

int lr_device_share(int fd, int copy)
{
	struct lr_desc *d;
	int err = 0;

	if (fd == copy || !lr_table_mine())
		return copy;
	d = lr_fd_get(fd);
	if (!d)
		return copy;
	err = lr_fd_set(copy, d);
	lr_desc_put(d);
	if (!err)
		return copy;
	lr_libc()->close(copy);
	errno = -err;
	return -1;
}

/* --- ioctl and mmap --------------------------------------------------------------------------------- */

static void say_why(const char *text)
{
	if (text[0])
		fprintf(stderr, "netmap: %s\n", text);
}

static int file_ioctl(struct lr_desc *d, int fd, unsigned int cmd, void *arg)
{
	bool bound = os_load_acquire(&d->file->port) != NULL;
	char why[sizeof(d->file->why.text)];
	int err;

	if (os_unlikely(os_load(&d->shared)))
		lr_fork_use(d);
	if (cmd == NIOCTXSYNC)
		conceal(d, fd);
	err = lr_file_ioctl(d->file, cmd, (uintptr_t)arg);
	if (os_unlikely(!bound) && !err && os_load_acquire(&d->file->port))
		expose(d, fd);
	if (os_unlikely(err) && verbose) {
		lr_file_why(d->file, why, sizeof(why));
		say_why(why);
	}
	return err;
}

static int remote_ioctl(struct lr_remote *r, int fd, unsigned int cmd, void *arg)
{
	char why[LRD_REASON_MAX];
	bool bound;
	int err;

	if (cmd == NIOCTXSYNC || cmd == NIOCRXSYNC)
		return lr_remote_sync(r, cmd == NIOCTXSYNC);
	bound = os_load_acquire(&r->memory) >= 0;
	err = lr_remote_ioctl(r, cmd, (uintptr_t)arg, why);
	if (!bound && !err && os_load_acquire(&r->memory) >= 0)
		lr_remote_expose(r, fd);
	if (err && verbose)
		say_why(why);
	return err;
}

/*
 * A descriptor that is not bound yet, and nobody has said who shall have it: for what only makes sense between processes it goes
 * to a daemon, which is started for that. Where that cannot be, it stays here.
 */
static struct lr_remote *decide(struct lr_desc *d, unsigned int cmd, void *arg)
{
	char why[LRD_REASON_MAX] = "";
	struct lr_remote *r;
	int err;

	if (os_load_acquire(&d->file->port) || !lr_remote_wanted(cmd, (uintptr_t)arg))
		return NULL;
	pthread_mutex_lock(&d->lock);
	r = os_load_acquire(&d->remote);
	if (!r) {
		r = lr_remote_start(&err, why);
		os_store_release(&d->remote, r);
		if (!r && verbose)
			fprintf(stderr, "netmap: no netmapd can be started: %s\n", why[0] ? why : strerror(-err));
	}
	os_store(&d->undecided, r == NULL);
	pthread_mutex_unlock(&d->lock);
	return r;
}

static int device_ioctl(struct lr_desc *d, int fd, unsigned int cmd, void *arg)
{
	struct lr_remote *r = os_load_acquire(&d->remote);

	if (os_unlikely(os_load(&d->undecided)) && !r && cmd != NIOCTXSYNC && cmd != NIOCRXSYNC)
		r = decide(d, cmd, arg);
	os_store(&d->calls, os_load(&d->calls) + 1);
	return r ? remote_ioctl(r, fd, cmd, arg) : file_ioctl(d, fd, cmd, arg);
}

int lr_device_ioctl(int fd, unsigned long cmd, void *arg)
{
	struct lr_desc *d = lr_fd_get(fd);
	int state, err;

	/* What the kernel does for every descriptor, it does for ours. */
	if (!d || !lr_desc_is_device(d) || cmd == FIOCLEX || cmd == FIONCLEX || cmd == FIONBIO || cmd == FIOASYNC) {
		if (d)
			lr_desc_put(d);
		return lr_libc()->ioctl(fd, cmd, arg);
	}
	state = lr_call_begin();
	err = device_ioctl(d, fd, (unsigned int)cmd, arg);
	lr_desc_put(d);
	lr_call_end(state);
	if (os_likely(!err))
		return 0;
	errno = -err;
	return -1;
}

/* What is to be mapped instead, and its size; or -errno. */
static int memory_of(struct lr_desc *d, uint64_t *size)
{
	struct lr_remote *r = os_load_acquire(&d->remote);
	struct lr_region *region;
	int fd;

	if (r) {
		fd = os_load_acquire(&r->memory);
		*size = r->size;
		return fd < 0 ? -ENODEV : fd;
	}
	region = lr_file_region(d->file);
	if (!region)
		return -ENODEV;
	*size = region->size;
	return os_mem_fd(region->mem);
}

/* The descriptor to map instead, or -errno. */
static int mappable(struct lr_desc *d, size_t len, int flags, off_t offset)
{
	uint64_t size;
	int fd = memory_of(d, &size);

	if (fd < 0)
		return fd;
	if (!(flags & MAP_SHARED))
		return -EINVAL;
	if (offset < 0 || (uint64_t)offset > size || len > size - (uint64_t)offset)
		return -EINVAL;
	return fd;
}

void *lr_device_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct lr_desc *d = lr_fd_get(fd);
	void *mem = MAP_FAILED;
	int err = 0;

	if (!d || !lr_desc_is_device(d)) {
		mem = lr_libc()->mmap(addr, len, prot, flags, fd, offset);
		err = errno;
	} else {
		int memory = mappable(d, len, flags, offset);

		if (memory >= 0)
			mem = lr_libc()->mmap(addr, len, prot, flags, memory, offset);
		err = memory < 0 ? -memory : errno;
	}
	if (d)
		lr_desc_put(d);
	if (mem == MAP_FAILED)
		errno = err;
	return mem;
}
