/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Forwarding functions, as they were registered. See vale_function.h.
 */
#include "core/control.h"
#include "core/vale.h"
#include "core/vale_function.h"

struct function {
	struct function *next;
	char name[NETMAP_REQ_IFNAMSIZ];	/* of the switch */
	uint64_t netns;			/* 0: any */
	netmap_vale_function function;
	void *arg;
};

static struct function *functions;

static bool is_for(const struct function *f, const struct lr_switch *sw)
{
	return (!f->netns || f->netns == sw->netns) && strcmp(f->name, sw->name) == 0;
}

static struct function *find(const char *name, uint64_t netns)
{
	struct function *f;

	for (f = functions; f; f = f->next)
		if (f->netns == netns && strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

void lr_vale_find_function(struct lr_switch *sw)
{
	const struct function *f;

	for (f = functions; f; f = f->next) {
		if (!is_for(f, sw))
			continue;
		lr_switch_set_function(sw, f->function, f->arg);
		return;
	}
}

/* All switches that it is for get what is there for them now. */
static void apply(const struct function *f)
{
	struct lr_switch *sw;

	for (sw = lr_switch_next(NULL); sw; sw = lr_switch_next(sw)) {
		if (!is_for(f, sw))
			continue;
		lr_switch_set_function(sw, NULL, NULL);
		lr_vale_find_function(sw);
	}
}

static int add(const char *name, uint64_t netns, netmap_vale_function function, void *arg, struct lr_why *why)
{
	struct function *f;

	if (find(name, netns))
		return lr_why(why, -EBUSY, "%s has another forwarding function", name);
	f = os_zalloc(sizeof(*f));
	if (!f)
		return lr_why(why, -ENOMEM, "no memory for a forwarding function");
	lr_text(f->name, sizeof(f->name), "%s", name);
	f->netns = netns;
	f->function = function;
	f->arg = arg;
	f->next = functions;
	functions = f;
	apply(f);
	return 0;
}

int lr_vale_set_function(const char *name, uint64_t netns, netmap_vale_function function, void *arg, struct lr_why *why)
{
	size_t len = strnlen(name, NETMAP_REQ_IFNAMSIZ);
	int err;

	if (len >= NETMAP_REQ_IFNAMSIZ || strncmp(name, NM_BDG_NAME, 4) != 0 || name[strcspn(name, ":")])
		return lr_why(why, -EINVAL, "'%.63s' is no name of a switch: that is vale, and letters or digits", name);
	lr_control_lock();
	err = add(name, netns, function, arg, why);
	lr_control_unlock();
	return err;
}

void lr_vale_clear_function(const char *name, uint64_t netns)
{
	struct function **at, *f;

	lr_control_lock();
	f = find(name, netns);
	for (at = &functions; f && *at != f; at = &(*at)->next)
		;
	if (f) {
		*at = f->next;
		apply(f);
		os_free(f);
	}
	lr_control_unlock();
}
