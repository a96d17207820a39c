/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The module: what begins and ends with it, in order and in reverse.
 */
#include <linux/module.h>

#include "core/control.h"
#include "core/vale_nic.h"
#include "kmod/device.h"
#include "nic/linux/nic.h"

static int __init netmap_init(void)
{
	int err = lr_core_init();

	if (err)
		return err;
	err = lr_nic_init();
	if (err)
		goto err_nic;
	err = lr_device_init();
	if (err)
		goto err_device;
	return 0;

err_device:
	lr_nic_fini();
err_nic:
	lr_core_fini();
	return err;
}

static void __exit netmap_exit(void)
{
	lr_device_fini();
	lr_vale_clear();	/* interfaces on switches */
	lr_nic_fini();
	lr_core_fini();
}

module_init(netmap_init);
module_exit(netmap_exit);

MODULE_DESCRIPTION("netmap: packet I/O through shared rings");
MODULE_AUTHOR("the linerate authors");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_VERSION(LR_VERSION);
