/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Lists of all there is. Ports are those of the caller's network namespace, as they are for him in all else.
 */
#include "core/control.h"
#include "core/list.h"

static void fill_port(struct nm_port_entry *e, const struct lr_port *p)
{
	unsigned int k;

	lr_text(e->name, sizeof(e->name), "%s", p->name);
	lr_text(e->kind, sizeof(e->kind), "%s", p->ops->kind);
	lr_text(e->backend, sizeof(e->backend), "%s", p->backend);
	e->users = p->bound;
	e->mem_id = p->region->id;
	for (k = 0; k < LR_RING_KINDS; k++) {
		e->rings[k] = (uint16_t)p->num_rings[k];
		e->slots[k] = p->num_rings[k] ? p->config.slots[k] : 0;
	}
}

uint32_t lr_list_ports(struct nm_port_entry *list, uint32_t room)
{
	const struct lr_port *p;
	uint64_t netns = os_netns_id();
	uint32_t n = 0;

	lr_control_assert_locked();
	for (p = lr_port_first(); p; p = p->next) {
		if (os_load(&p->gone) || p->netns != netns)
			continue;
		if (n < room)
			fill_port(&list[n], p);
		n++;
	}
	return n;
}

uint32_t lr_list_regions(struct nm_region_entry *list, uint32_t room)
{
	const struct lr_region *r;
	uint32_t n = 0;
	unsigned int k;

	lr_control_assert_locked();
	for (r = lr_region_first(); r; r = r->next, n++) {
		if (n >= room)
			continue;
		list[n].id = r->id;
		list[n].size = r->size;
		for (k = 0; k < LR_POOLS; k++) {
			list[n].pool[k].num = r->pool[k].num;
			list[n].pool[k].size = r->pool[k].size;
			/* Rings take buffers under locks of their own: a moment's view. */
			list[n].pool[k].used = os_load(&r->pool[k].taken);
			list[n].pool[k].ready = os_load(&r->pool[k].committed);
		}
	}
	return n;
}
