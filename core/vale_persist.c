/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Persistent ports: made and removed by request, and put on a switch and taken off as interfaces are. Where the host can make
 * network interfaces each is one, and carries the host's packets into the switch. Elsewhere it is a port
 * of the switch that stays when no program has it open: with its number and what was learnt of it.
 */
#include "core/control.h"
#include "core/vale.h"
#include "core/vale_nic.h"
#include "core/vale_request.h"

struct persist {
	struct persist *next;
	uint64_t netns;
	char name[IFNAMSIZ];
	bool interface;			/* the host has made one */
	uint16_t mem_id;
	struct lr_port_config config;	/* as it was asked for */
	void *payer;
	struct lr_port *port;		/* on its switch; NULL: on none, or an interface */
	char attached[NETMAP_REQ_IFNAMSIZ];	/* as what */
};

static struct persist *persists;

static struct persist *find(const char *name)
{
	uint64_t netns = os_netns_id();
	struct persist *p;

	for (p = persists; p; p = p->next)
		if (p->netns == netns && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static int check_name(const char *name, struct lr_why *why)
{
	size_t len = strlen(name), i;

	if (!len || len >= IFNAMSIZ)
		return lr_why(why, -EINVAL, "the name of a persistent port has from 1 to %u characters", IFNAMSIZ - 1);
	for (i = 0; i < len; i++)
		if (!((name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
		      name[i] == '_'))
			return lr_why(why, -EINVAL, "'%s': the name of a persistent port is of letters, digits and _", name);
	return 0;
}

int (*lr_vale_admit)(struct lr_why *why);
int (*lr_vale_charge)(const struct lr_port_config *config, void **payer, struct lr_why *why);
void (*lr_vale_refund)(const struct lr_port_config *config, void *payer);

int lr_vale_newif(const char *name, const struct nmreq_vale_newif *req, struct lr_why *why)
{
	struct persist *p;
	int err = check_name(name, why);

	lr_control_assert_locked();
	if (!err)
		err = lr_vale_may(why);
	if (err)
		return err;
	if (find(name))
		return lr_why(why, -EEXIST, "there is a persistent port %s already", name);
	p = os_zalloc(sizeof(*p));
	if (!p)
		return lr_why(why, -ENOMEM, "no memory for %s", name);
	lr_text(p->name, sizeof(p->name), "%s", name);
	p->netns = os_netns_id();
	p->mem_id = req->nr_mem_id;
	p->config.rings[LR_TX] = req->nr_tx_rings;
	p->config.rings[LR_RX] = req->nr_rx_rings;
	p->config.slots[LR_TX] = req->nr_tx_slots;
	p->config.slots[LR_RX] = req->nr_rx_slots;
	err = lr_vale_charge ? lr_vale_charge(&p->config, &p->payer, why) : 0;
	if (err)
		goto err_charge;
	err = lr_vale_if_create(name, why);
	if (err < 0)
		goto err_create;
	p->interface = err;
	p->next = persists;
	persists = p;
	return 0;

err_create:
	if (lr_vale_refund)
		lr_vale_refund(&p->config, p->payer);
err_charge:
	os_free(p);
	return err;
}

static void destroy(struct persist *p)
{
	struct persist **at;

	for (at = &persists; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	if (p->port)
		lr_port_put(p->port);
	if (p->interface)
		lr_vale_if_destroy(p->name, p->netns);
	if (lr_vale_refund)
		lr_vale_refund(&p->config, p->payer);
	os_free(p);
}

int lr_vale_delif(const char *name, struct lr_why *why)
{
	struct persist *p = find(name);
	int err = lr_vale_may(why);

	lr_control_assert_locked();
	if (err)
		return err;
	if (!p)
		return lr_why(why, -ENXIO, "there is no persistent port '%s'", name);
	if (p->attached[0])
		return lr_why(why, -EBUSY, "%s is attached as %s: detach it first", name, p->attached);
	destroy(p);
	return 0;
}

/* The part of a name behind the colon; NULL with the reason. */
static const char *port_part(const char *name, struct lr_why *why)
{
	size_t len = lr_vale_prefix(name);

	/* Neither a port of a switch nor a pipe: a switch in a switch could have to wait for itself. */
	if (len && name[len + 1] && !name[len + 1 + strcspn(name + len + 1, ":{}")])
		return name + len + 1;
	lr_why(why, -EINVAL, "'%s' is no interface on a switch: those are named valeS:P", name);
	return NULL;
}

static int attach_port(struct persist *p, const char *name, struct nmreq_vale_attach *req, struct lr_why *why)
{
	struct lr_port_query q = { .name = name, .netns = p->netns, .mode = NR_REG_ALL_NIC, .mem_id = p->mem_id, .config = p->config };
	struct nmreq_vale_list list = { 0 };
	char found[NETMAP_REQ_IFNAMSIZ];
	int err = lr_port_get(&q, &p->port, why);

	if (err) {
		p->port = NULL;
		return err;
	}
	lr_text(found, sizeof(found), "%s", name);
	err = lr_vale_list(found, &list, why);
	req->port_index = list.nr_port_idx;
	req->reg.nr_memsize = p->port->region->size;
	req->reg.nr_mem_id = p->port->region->id;
	return err;
}

int lr_vale_attach(const char *name, struct nmreq_vale_attach *req, struct lr_why *why)
{
	const char *part = port_part(name, why);
	struct persist *p = part ? find(part) : NULL;
	int err = lr_vale_may(why);

	lr_control_assert_locked();
	if (!part)
		return -EINVAL;
	if (err)
		return err;
	if (req->reg.nr_mode != NR_REG_ALL_NIC && req->reg.nr_mode != NR_REG_NIC_SW)
		return lr_why(why, -EINVAL, "nr_mode is %u; to attach an interface it is NR_REG_ALL_NIC (1), or with its host rings NR_REG_NIC_SW (3)",
			      req->reg.nr_mode);
	if (lr_vale_nic_is_attached(name, os_netns_id()) || (p && p->attached[0]))
		return lr_why(why, -EBUSY, "%s is attached already%s%s", part, p ? ": " : "", p ? p->attached : "");
	if (!p)
		return lr_vale_nic_attach(name, req, req->reg.nr_mode, why);
	/* All there is to an interface of ours is the host on it. */
	err = p->interface ? lr_vale_nic_attach(name, req, NR_REG_SW, why) : attach_port(p, name, req, why);
	if (!err)
		lr_text(p->attached, sizeof(p->attached), "%s", name);
	return err;
}

int lr_vale_detach(const char *name, struct nmreq_vale_detach *req, struct lr_why *why)
{
	const char *part = port_part(name, why);
	struct persist *p = part ? find(part) : NULL;
	struct nmreq_vale_list list = { 0 };
	char found[NETMAP_REQ_IFNAMSIZ];
	int err = lr_vale_may(why);

	lr_control_assert_locked();
	if (!part)
		return -EINVAL;
	if (err)
		return err;
	/* An interface that was attached before this port was made is not lost. */
	if (!p || strcmp(p->attached, name) != 0)
		return lr_vale_nic_detach(name, req, why);
	if (p->interface) {
		err = lr_vale_nic_detach(name, req, why);
		if (err)
			return err;
	} else {
		lr_text(found, sizeof(found), "%s", name);
		lr_vale_list(found, &list, NULL);
		req->port_index = list.nr_port_idx;
		lr_port_put(p->port);
		p->port = NULL;
	}
	p->attached[0] = '\0';
	return 0;
}

void lr_vale_clear(void)
{
	lr_control_lock();
	lr_vale_nic_clear();
	while (persists)
		destroy(persists);
	lr_control_unlock();
}
