// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * One bug of each kind that the debug kernel must find, for planted.sh: insmod planted.ko bug=use_after_free. It happens
 * while the module is loaded, which succeeds all the same. None of them needs a race or luck.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *bug = "none";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "which one");

static DEFINE_MUTEX(outer);
static DEFINE_MUTEX(inner);
static DEFINE_SPINLOCK(spin);
/* The compiler shall not see through it. */
static void *volatile place;
static volatile unsigned int amount = 40;

static void use_after_free(void)
{
	char *p = place = kmalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	((char *)place)[12] = 1;
}

static void out_of_bounds(void)
{
	place = vmalloc(100);
	if (!place)
		return;
	((char *)place)[60 + amount] = 1;
	vfree(place);
}

/* A page that a program could still have mapped when it goes back. */
static void page_after_free(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return;
	place = page_address(page);
	__free_page(page);
	((char *)place)[amount] = 1;
}

/* Both orders, by one thread: nothing hangs, and lockdep must see that it could. */
static void lock_order(void)
{
	mutex_lock(&outer);
	mutex_lock(&inner);
	mutex_unlock(&inner);
	mutex_unlock(&outer);
	mutex_lock(&inner);
	mutex_lock(&outer);
	mutex_unlock(&outer);
	mutex_unlock(&inner);
}

static void sleep_in_spinlock(void)
{
	spin_lock(&spin);
	mutex_lock(&outer);
	mutex_unlock(&outer);
	spin_unlock(&spin);
}

/* More than one: a stale pointer on some stack may hide the last. */
static void leak(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		place = kmalloc(200, GFP_KERNEL);
		/* To be known by in the report. */
		if (place)
			memset(place, 'L', 200);
	}
	place = NULL;
}

static void list_twice(void)
{
	static LIST_HEAD(head);
	static struct list_head node;

	list_add(&node, &head);
	list_del(&node);
	list_del(&node);
}

static void expire(struct timer_list *t)
{
}

static void free_armed_timer(void)
{
	struct timer_list *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return;
	timer_setup(t, expire, 0);
	mod_timer(t, jiffies + 10 * HZ);
	kfree(t);
}

static void shift(void)
{
	pr_info("planted: %d\n", 1 << amount);
}

static const struct {
	const char *name;
	void (*plant)(void);
} bugs[] = {
	{ "use_after_free", use_after_free },
	{ "out_of_bounds", out_of_bounds },
	{ "page_after_free", page_after_free },
	{ "lock_order", lock_order },
	{ "sleep_in_spinlock", sleep_in_spinlock },
	{ "leak", leak },
	{ "list_twice", list_twice },
	{ "free_armed_timer", free_armed_timer },
	{ "shift", shift },
};

static int __init planted_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(bugs[i].name, bug)) {
			bugs[i].plant();
			return 0;
		}
	return -EINVAL;
}
module_init(planted_init);

static void __exit planted_exit(void)
{
}
module_exit(planted_exit);

MODULE_DESCRIPTION("Bugs for the test of the debug kernel");
MODULE_LICENSE("Dual BSD/GPL");
