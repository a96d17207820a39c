/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In fuzzers there are no interfaces: whatever name comes out of an input, no real one is opened.
 */
#include "core/port.h"
#include "core/vale_nic.h"

static bool any_match(const struct lr_port_query *q)
{
	(void)q;
	return true;
}

static int none_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	(void)out;
	return lr_why(why, -ENXIO, "there is no interface '%s'", q->name);
}

const struct lr_port_kind lr_nic_kind = {
	.match = any_match,
	.full_name = lr_port_plain_name,
	.create = none_create,
};

int lr_vale_if_create(const char *name, struct lr_why *why)
{
	(void)name;
	(void)why;
	return 0;
}

void lr_vale_if_destroy(const char *name, uint64_t netns)
{
	(void)name;
	(void)netns;
}
