/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NIC kind of port in user space: any network interface of the caller's namespace, through the best back end that
 * the caller is allowed to use. NETMAP_NIC=af_xdp or af_packet in the environment decides otherwise.
 */
#include <stdlib.h>

#include "host.h"
#include "nic.h"

static const struct lr_nic_backend *const backends[] = { &lr_af_xdp, &lr_af_packet };

static bool nic_match(const struct lr_port_query *q)
{
	(void)q;
	return true;
}

/* Whether NETMAP_NIC, if set, names a back end. */
static int wish(const char **name, struct lr_why *why)
{
	const char *env = getenv("NETMAP_NIC");
	unsigned int i;

	*name = NULL;
	if (!env || !*env)
		return 0;
	for (i = 0; i < LR_ARRAY_SIZE(backends); i++) {
		if (strcmp(env, backends[i]->name) == 0) {
			*name = env;
			return 0;
		}
	}
	return lr_why(why, -EINVAL, "NETMAP_NIC is '%s' in the environment, it can be af_xdp or af_packet", env);
}

/* A failure that says nothing about what is possible here. */
static bool lacks_resources(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

/* The first back end that works; p->backend keeps why an earlier one did not. */
static int choose(struct lr_port *p, struct lr_netdev *d, struct lr_why *why)
{
	struct lr_why all = { "" };
	const char *name;
	unsigned int i;
	int err, result = 0;

	err = wish(&name, why);
	if (err)
		return err;
	for (i = 0; i < LR_ARRAY_SIZE(backends) && !lacks_resources(err); i++) {
		struct lr_why one = { "" };
		size_t len = strlen(all.text);

		if (name && strcmp(name, backends[i]->name) != 0)
			continue;
		err = backends[i]->create(p, d, &one);
		if (!err)
			return 0;
		result = result == -EPERM ? result : err;
		lr_text(all.text + len, sizeof(all.text) - len, "%s%s: %s", len ? "; " : "", backends[i]->name,
			one.text);
		lr_text(p->backend, sizeof(p->backend), "%s", all.text);
	}
	return lr_why(why, result, "%s cannot be opened. %s", p->name, all.text);
}

static int configure(struct lr_port *p, const struct lr_port_query *q, struct lr_why *why)
{
	struct lr_port_config want = q->config;
	unsigned int k;
	int err;

	for (k = 0; k < LR_RING_KINDS; k++) {
		/* What the hardware has; wishes are answered with it. */
		if (!lr_kind_is_host(k))
			want.rings[k] = p->config.rings[k];
		else if (want.rings[k] > LR_HOST_RINGS_MAX)
			return lr_why(why, -EINVAL, "%u host rings were asked for, the limit is %u", want.rings[k],
				      LR_HOST_RINGS_MAX);
		else
			p->config.rings[k] = 1;
		p->config.slots[k] = LR_NIC_SLOTS;
	}
	err = lr_port_config_check(&want, &p->config, why);
	if (err)
		return err;
	p->config = want;
	err = lr_port_set_rings(p, why);
	if (!err)
		lr_host_take_rings(p);
	return err;
}

static int nic_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	struct lr_netdev *d = os_zalloc(sizeof(*d));
	struct lr_port *p;
	int err;

	if (!d)
		return lr_why(why, -ENOMEM, "no memory for %s", q->name);
	p = lr_port_alloc(q->name, q->netns, &lr_nic_kind, NULL);
	if (!p) {
		err = lr_why(why, -ENOMEM, "no memory for %s", q->name);
		goto err_port;
	}
	err = lr_netdev_open(d, q->name, p, why);
	if (err)
		goto err_netdev;
	d->host = lr_host_create(d);
	if (!d->host) {
		err = lr_why(why, -ENOMEM, "no memory for %s", q->name);
		goto err_region;
	}
	p->region = lr_region_get(q->mem_id ? q->mem_id : LR_REGION_GLOBAL, &err, why);
	if (!p->region)
		goto err_region;
	err = choose(p, d, why);
	if (err)
		goto err_region;
	err = configure(p, q, why);
	if (err) {
		p->ops->destroy(p);
		return err;
	}
	*out = p;
	return 0;

err_region:
	lr_netdev_close(d);
err_netdev:
	lr_port_free(p);
err_port:
	os_free(d);
	return err;
}

const struct lr_port_kind lr_nic_kind = {
	.match = nic_match,
	.full_name = lr_port_plain_name,
	.create = nic_create,
};
