/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the global region is made of, as the environment has it; for the in-process host and for netmapd.
 */
#include "device_param.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/region.h"

static int read_param(const char *name, uint32_t *value)
{
	const char *text = secure_getenv(name);
	unsigned long v;
	char *end;

	if (!text || !*text)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 0);
	if (errno || *end || *text == '-' || v > UINT32_MAX) {
		fprintf(stderr, "netmap: %s=%s is not a number that can be used\n", name, text);
		return -EINVAL;
	}
	*value = (uint32_t)v;
	return 0;
}

int lr_params_from_environment(void)
{
	static const struct {
		const char *num, *size;
	} names[LR_POOLS] = {
		[LR_POOL_IF] = { "NETMAP_IF_NUM", "NETMAP_IF_SIZE" },
		[LR_POOL_RING] = { "NETMAP_RING_NUM", "NETMAP_RING_SIZE" },
		[LR_POOL_BUF] = { "NETMAP_BUF_NUM", "NETMAP_BUF_SIZE" },
	};
	struct lr_region_params params = lr_region_params[0];
	struct lr_why why = { "" };
	unsigned int k;
	int err = 0;

	for (k = 0; k < LR_POOLS; k++) {
		if (read_param(names[k].num, &params.pool[k].num) < 0)
			err = -EINVAL;
		if (read_param(names[k].size, &params.pool[k].size) < 0)
			err = -EINVAL;
	}
	if (err)
		return err;
	err = lr_region_params_check(&params, &why);
	if (err)
		fprintf(stderr, "netmap: the memory asked for with NETMAP_{IF,RING,BUF}_{NUM,SIZE}: %s\n", why.text);
	else
		lr_region_params[0] = params;
	return err;
}
