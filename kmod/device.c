/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * /dev/netmap: the calls of programs, handed to the core. An open file is a struct lr_file; the kernel keeps it while a call
 * on it runs, and releases it with the last descriptor. Mappings do not keep it (os/linux/map.c).
 */
#define pr_fmt(fmt) "netmap: " fmt

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "core/file.h"
#include "kmod/device.h"
#include "nic/linux/param.h"
#include "os/linux/pages.h"

static int device_open(struct inode *inode, struct file *file)
{
	file->private_data = lr_file_open();
	return file->private_data ? 0 : -ENOMEM;
}

static int device_release(struct inode *inode, struct file *file)
{
	lr_file_close(file->private_data);
	return 0;
}

/* With the parameter verbose: who asked for what, and what came of it. Syncs are too many. */
static noinline long verbose_ioctl(struct lr_file *f, unsigned int cmd, unsigned long arg)
{
	char why[sizeof_field(struct lr_why, text)];
	int err = lr_file_ioctl(f, cmd, arg);

	if (cmd == NIOCTXSYNC || cmd == NIOCRXSYNC)
		return err;
	lr_file_why(f, why, sizeof(why));
	pr_info_ratelimited("%s[%d]: ioctl 0x%08x: %d%s%s\n", current->comm, task_pid_nr(current), cmd, err, why[0] ? ", " : "", why);
	return err;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (unlikely(READ_ONCE(lr_verbose)))
		return verbose_ioctl(file->private_data, cmd, arg);
	return lr_file_ioctl(file->private_data, cmd, arg);
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct lr_region *region = lr_file_region(file->private_data);

	return region ? os_mem_map(region->mem, vma) : -ENODEV;
}

static __poll_t device_poll(struct file *file, struct poll_table_struct *table)
{
	__poll_t want = poll_requested_events(table), got = 0;
	struct os_waiter waiter = { .file = file, .table = table };
	unsigned int events = 0, ready;

	if (want & (EPOLLIN | EPOLLRDNORM))
		events |= LR_POLLIN;
	if (want & (EPOLLOUT | EPOLLWRNORM))
		events |= LR_POLLOUT;
	/* Who is woken and looks again is in the queues already; then this records nothing. */
	ready = lr_file_poll(file->private_data, events, &waiter);
	if (ready & LR_POLLIN)
		got |= EPOLLIN | EPOLLRDNORM;
	if (ready & LR_POLLOUT)
		got |= EPOLLOUT | EPOLLWRNORM;
	if (ready & LR_POLLERR)
		got |= EPOLLERR;
	return got;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,	/* all requests have the same layout in 32 bits */
	.mmap = device_mmap,
	.poll = device_poll,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "netmap",
	.mode = 0600,
	.fops = &device_fops,
};

int lr_device_init(void)
{
	return misc_register(&device);
}

void lr_device_fini(void)
{
	misc_deregister(&device);
}
