/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Switches: made with their first port, gone with the last. Each network namespace has its own. All of it under the
 * control lock; what senders read is written so that they may read it meanwhile. See vale.h.
 */
#include "core/control.h"
#include "core/vale.h"
#include "core/vale_function.h"

static struct lr_switch *switches;

size_t lr_vale_prefix(const char *name)
{
	size_t len;

	if (strncmp(name, NM_BDG_NAME, 4) != 0)
		return 0;
	len = strcspn(name, ":");
	return name[len] ? len : 0;
}

struct lr_switch *lr_switch_find(const char *name, size_t len, uint64_t netns)
{
	struct lr_switch *sw;

	for (sw = switches; sw; sw = sw->next)
		if (sw->netns == netns && strlen(sw->name) == len && strncmp(sw->name, name, len) == 0)
			return sw;
	return NULL;
}

struct lr_switch *lr_switch_by_index(unsigned int index, uint64_t netns)
{
	struct lr_switch *sw;

	for (sw = switches; sw; sw = sw->next)
		if (sw->netns == netns && sw->index == index)
			return sw;
	return NULL;
}

struct lr_switch *lr_switch_next(const struct lr_switch *sw)
{
	return sw ? sw->next : switches;
}

static struct lr_switch *switch_create(const char *name, size_t len, uint64_t netns, struct lr_why *why)
{
	struct lr_switch *sw;
	unsigned int index = 0;

	while (index < LR_SWITCHES_MAX && lr_switch_by_index(index, netns))
		index++;
	if (index == LR_SWITCHES_MAX) {
		lr_why(why, -ENOSPC, "there are %u switches already", LR_SWITCHES_MAX);
		return NULL;
	}
	sw = os_zalloc(sizeof(*sw));
	if (!sw) {
		lr_why(why, -ENOMEM, "no memory for a switch");
		return NULL;
	}
	memcpy(sw->name, name, len);	/* the name of a port, its end is zero bytes here */
	sw->netns = netns;
	sw->index = (uint16_t)index;
	sw->table.tick = os_seconds() / LR_VALE_TICK;
	sw->next = switches;
	switches = sw;
	lr_vale_find_function(sw);
	return sw;
}

static void switch_destroy(struct lr_switch *sw)
{
	struct lr_switch **at;

	for (at = &switches; *at != sw; at = &(*at)->next)
		;
	*at = sw->next;
	os_free(sw);
}

static unsigned int free_number(const struct lr_switch *sw)
{
	unsigned int i = 1;

	while (i <= LR_VALE_PORTS && sw->port[i])
		i++;
	return i;
}

int lr_switch_join(struct lr_vale_port *vp, uint64_t netns, struct lr_why *why)
{
	size_t len = lr_vale_prefix(vp->name);
	struct lr_switch *sw = lr_switch_find(vp->name, len, netns);
	unsigned int index;

	lr_control_assert_locked();
	if (!sw)
		sw = switch_create(vp->name, len, netns, why);
	if (!sw)
		return -ENOMEM;
	index = free_number(sw);
	if (index > LR_VALE_PORTS)
		return lr_why(why, -ENOSPC, "%s has %u ports, there is no room for another", sw->name, LR_VALE_PORTS);
	vp->sw = sw;
	vp->index = (uint8_t)index;
	sw->num_ports++;
	/* Partner: senders, which find it complete. */
	os_store_release(&sw->port[index], vp);
	if (index > sw->top)
		os_store(&sw->top, index);
	return 0;
}

void lr_switch_leave(struct lr_vale_port *vp)
{
	struct lr_switch *sw = vp->sw;

	lr_control_assert_locked();
	os_store(&sw->port[vp->index], (struct lr_vale_port *)NULL);
	lr_switch_settle(sw);
	/* Nobody learns it any more; its number may be another's then. */
	lr_vale_forget(&sw->table, vp->index);
	while (sw->top && !sw->port[sw->top])
		os_store(&sw->top, sw->top - 1);
	if (--sw->num_ports == 0)
		switch_destroy(sw);
}

void lr_switch_add_source(struct lr_switch *sw, struct lr_vale_source *src)
{
	lr_control_assert_locked();
	src->next = sw->sources;
	sw->sources = src;
}

void lr_switch_del_source(struct lr_switch *sw, struct lr_vale_source *src)
{
	struct lr_vale_source **at;

	lr_control_assert_locked();
	for (at = &sw->sources; *at != src; at = &(*at)->next)
		;
	*at = src->next;
}

void lr_switch_settle(struct lr_switch *sw)
{
	struct lr_vale_source *src;

	lr_control_assert_locked();
	for (src = sw->sources; src; src = src->next) {
		os_mutex_lock(&src->section);
		os_mutex_unlock(&src->section);
	}
}

void lr_switch_set_function(struct lr_switch *sw, netmap_vale_function function, void *arg)
{
	lr_control_assert_locked();
	/* Never the one with the other's argument. */
	os_store(&sw->function, (netmap_vale_function)NULL);
	lr_switch_settle(sw);
	sw->function_arg = arg;
	os_store_release(&sw->function, function);
}
