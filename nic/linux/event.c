/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What happens to interfaces while ports are on them. The notifier runs under rtnl and must not wait for the control
 * lock, whose holders wait for rtnl: names are followed by a work item.
 */
#include <linux/rtnetlink.h>
#include <linux/workqueue.h>

#include "core/control.h"
#include "nic.h"

static void follow_names(struct work_struct *work)
{
	lr_control_lock();
	rtnl_lock();
	lr_nic_follow_names();
	rtnl_unlock();
	lr_control_unlock();
}

static DECLARE_WORK(names_work, follow_names);

/* Who waits to send may go on: the interface came up, or got its link. */
static void wake_senders(struct lr_nic *nic)
{
	struct lr_port *p = nic->port;
	uint32_t i;

	for (i = 0; i < p->num_rings[LR_TX]; i++)
		os_waitq_wake(&p->ring[LR_TX][i].wq);
}

static int notify(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct lr_nic *nic;

	list_for_each_entry(nic, &lr_nics, list) {
		if (nic->dev != dev)
			continue;
		switch (event) {
		case NETDEV_UNREGISTER:		/* also when it leaves for another namespace */
			lr_nic_lose(nic);
			break;
		case NETDEV_CHANGENAME:
			schedule_work(&names_work);
			break;
		case NETDEV_UP:
		case NETDEV_CHANGE:
			wake_senders(nic);
			break;
		}
	}
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = notify };

int lr_event_init(void)
{
	return register_netdevice_notifier(&notifier);
}

void lr_event_fini(void)
{
	unregister_netdevice_notifier(&notifier);
	cancel_work_sync(&names_work);
}
