/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What programs ask about switches. See vale_request.h.
 */
#include "core/control.h"
#include "core/vale.h"
#include "core/vale_request.h"

/* The port that is called so, or that is the interface of that name. */
static bool is_called(const struct lr_vale_port *vp, const char *name)
{
	return strcmp(vp->name, name) == 0 || strcmp(vp->name + lr_vale_prefix(vp->name) + 1, name) == 0;
}

/* The first port from number *at on that is called so; any name when it is empty. */
static struct lr_vale_port *next_port(const struct lr_switch *sw, uint32_t at, const char *name)
{
	for (; at <= sw->top; at++)
		if (sw->port[at] && (!name[0] || is_called(sw->port[at], name)))
			return sw->port[at];
	return NULL;
}

int lr_vale_list(char name[NETMAP_REQ_IFNAMSIZ], struct nmreq_vale_list *list, struct lr_why *why)
{
	uint64_t netns = os_netns_id();
	uint32_t i, at = name[0] ? 0 : list->nr_port_idx;

	lr_control_assert_locked();
	for (i = name[0] ? 0 : list->nr_bridge_idx; i < LR_SWITCHES_MAX; i++, at = 0) {
		const struct lr_switch *sw = lr_switch_by_index(i, netns);
		const struct lr_vale_port *vp = sw ? next_port(sw, at, name) : NULL;

		if (!vp)
			continue;
		list->nr_bridge_idx = sw->index;
		list->nr_port_idx = vp->index;
		lr_text(name, NETMAP_REQ_IFNAMSIZ, "%s", vp->name);
		return 0;
	}
	if (name[0])
		return lr_why(why, -ENOENT, "no switch has a port '%s'", name);
	return lr_why(why, -ENOENT, "there are no more ports of switches");
}
