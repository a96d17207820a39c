/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The module's parameters, by the names that users of netmap know. What a parameter says of memory is used by the next
 * region that is made: the global one is made for its first user and goes with its last. A value out of its limits is
 * refused, with a line in the kernel's log that tells them.
 */
#define pr_fmt(fmt) "netmap: " fmt

#include <linux/module.h>

#include "core/control.h"
#include "nic/linux/param.h"
#include "os/linux/fail.h"

unsigned int lr_admode;
unsigned int lr_generic_rings;
unsigned int lr_generic_ringsize = 1024;
unsigned int lr_generic_mit = 100000;
unsigned int lr_verbose;

/* --- Numbers with limits ----------------------------------------------------------------------- */

struct number {
	unsigned int *value;
	unsigned int min, max;
};

static int number_set(const char *text, const struct kernel_param *kp)
{
	const struct number *n = kp->arg;
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (err)
		return err;
	if (value < n->min || value > n->max) {
		pr_warn("%s is %u, it must be from %u to %u\n", kp->name, value, n->min, n->max);
		return -EINVAL;
	}
	WRITE_ONCE(*n->value, value);
	return 0;
}

static int number_get(char *buf, const struct kernel_param *kp)
{
	const struct number *n = kp->arg;

	return sysfs_emit(buf, "%u\n", READ_ONCE(*n->value));
}

static const struct kernel_param_ops number_ops = { .set = number_set, .get = number_get };

#define NUMBER(name, min, max, text)						\
	static const struct number name##_number = { &lr_##name, min, max };	\
	module_param_cb(name, &number_ops, (void *)&name##_number, 0644);	\
	MODULE_PARM_DESC(name, text)

NUMBER(admode, 0, 2, "how NICs are driven: 0 native where the driver can, else emulated; 1 native only; 2 emulated only (0)");
NUMBER(generic_rings, 0, LR_RINGS_MAX, "most rings of an emulated NIC in each direction; 0: as many as it has queues (0)");
NUMBER(generic_ringsize, LR_SLOTS_MIN, LR_SLOTS_MAX, "slots of a ring of an emulated NIC when the program does not say (1024)");
NUMBER(generic_mit, 0, NSEC_PER_SEC, "a receiver on an emulated NIC is woken at most once in so many nanoseconds; 0: for each packet (100000)");
NUMBER(verbose, 0, 1, "1: each request is told in the kernel's log, with its result (0)");

module_param_named(no_timestamp, lr_no_timestamp, bool, 0644);
MODULE_PARM_DESC(no_timestamp, "Y: rings get no time stamps, also where programs ask for them (N)");

/* --- What regions are made of -------------------------------------------------------------------- */

/* arg points at a number in lr_region_params. */
static int pool_set(const char *text, const struct kernel_param *kp)
{
	struct lr_region_params *set = &lr_region_params[(uint32_t *)kp->arg >= (uint32_t *)&lr_region_params[1]];
	struct lr_region_params want = *set;
	struct lr_why why = { "" };
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (err)
		return err;
	((uint32_t *)&want)[(uint32_t *)kp->arg - (uint32_t *)set] = value;
	err = lr_region_params_check(&want, &why);
	if (err) {
		pr_warn("%s: %s\n", kp->name, why.text);
		return err;
	}
	WRITE_ONCE(*(uint32_t *)kp->arg, value);
	return 0;
}

static int pool_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(*(uint32_t *)kp->arg));
}

static const struct kernel_param_ops pool_ops = { .set = pool_set, .get = pool_get };

/* What the global region has: objects of a pool, or their size; 0 while there is none. */
struct reading {
	enum lr_pool_kind pool;
	bool size;
};

static int reading_get(char *buf, const struct kernel_param *kp)
{
	const struct reading *what = kp->arg;
	const struct lr_region *r;
	uint32_t value = 0;

	/* The file is there before the core is, and after. */
	if (THIS_MODULE->state != MODULE_STATE_LIVE)
		return sysfs_emit(buf, "0\n");
	lr_control_lock();
	r = lr_region_find(LR_REGION_GLOBAL);
	if (r)
		value = what->size ? r->pool[what->pool].size : r->pool[what->pool].num;
	lr_control_unlock();
	return sysfs_emit(buf, "%u\n", value);
}

/* On the command line of insmod, where no file's mode is in the way. */
static int reading_set(const char *text, const struct kernel_param *kp)
{
	pr_warn("%s can only be read\n", kp->name);
	return -EPERM;
}

static const struct kernel_param_ops reading_ops = { .set = reading_set, .get = reading_get };

#define POOL_NUMBER(name, set, kind, field, text)						\
	module_param_cb(name, &pool_ops, &lr_region_params[set].pool[kind].field, 0644);	\
	MODULE_PARM_DESC(name, text)

#define POOL_READING(name, kind, is_size, text)							\
	static const struct reading name##_reading = { kind, is_size };				\
	module_param_cb(name, &reading_ops, (void *)&name##_reading, 0444);			\
	MODULE_PARM_DESC(name, text)

#define POOL(name, kind, what)									\
	POOL_NUMBER(name##_num, 0, kind, num, what " in the global region, for NICs and all that share with them");	\
	POOL_NUMBER(name##_size, 0, kind, size, "bytes of each of them");			\
	POOL_NUMBER(priv_##name##_num, 1, kind, num, what " in a private region, for pipes that stand alone");		\
	POOL_NUMBER(priv_##name##_size, 1, kind, size, "bytes of each of them");		\
	POOL_READING(name##_curr_num, kind, false, what " that the global region has now; 0: it is not there");		\
	POOL_READING(name##_curr_size, kind, true, "bytes of each of them")

POOL(if, LR_POOL_IF, "most descriptors");
POOL(ring, LR_POOL_RING, "most rings");
POOL(buf, LR_POOL_BUF, "most buffers");

/* --- Debug builds ----------------------------------------------------------------------------------- */

#ifdef LR_DEBUG
module_param_named(fail_alloc, os_fail_countdown.counter, int, 0644);
MODULE_PARM_DESC(fail_alloc, "N: the N-th allocation from now fails, once; reads how many there are until then (0)");
#endif
