/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Interfaces on switches, and persistent ports. Control lock held.
 */
#ifndef LR_VALE_NIC_H
#define LR_VALE_NIC_H

#include <net/netmap.h>

#include "core/why.h"

int lr_vale_attach(const char *name, struct nmreq_vale_attach *req, struct lr_why *why);
int lr_vale_detach(const char *name, struct nmreq_vale_detach *req, struct lr_why *why);
/* on: threads of its own poll the interface, as req says; off: as before. */
int lr_vale_polling(const char *name, const struct nmreq_vale_polling *req, bool on, struct lr_why *why);

/* Makes and removes a persistent port. */
int lr_vale_newif(const char *name, const struct nmreq_vale_newif *req, struct lr_why *why);
int lr_vale_delif(const char *name, struct lr_why *why);

/* vale_nic.c, for the above: an interface that is no persistent port; mode: of its rings. */
int lr_vale_nic_attach(const char *name, struct nmreq_vale_attach *req, uint32_t mode, struct lr_why *why);
int lr_vale_nic_detach(const char *name, struct nmreq_vale_detach *req, struct lr_why *why);
bool lr_vale_nic_is_attached(const char *name, uint64_t netns);
void lr_vale_nic_clear(void);

/* Everything that lives without a descriptor is taken down. Takes the control lock itself. */
void lr_vale_clear(void);

/*
 * Set by a host that decides who may change what is attached to switches, and which persistent ports there are: asked for each such
 * request, of the calling thread. NULL: everybody may.
 */
extern int (*lr_vale_admit)(struct lr_why *why);

/*
 * Set by a host that keeps accounts, both or none: a persistent port of this configuration, as it was asked for, is made; *payer is
 * for the other one, when it goes. 0 or -errno.
 */
struct lr_port_config;
extern int (*lr_vale_charge)(const struct lr_port_config *config, void **payer, struct lr_why *why);
extern void (*lr_vale_refund)(const struct lr_port_config *config, void *payer);

static inline int lr_vale_may(struct lr_why *why)
{
	return lr_vale_admit ? lr_vale_admit(why) : 0;
}

/*
 * Given by the host: makes a network interface for a persistent port; removes it. 1: there is one now; 0: this host has none, the
 * port is the switch's alone.
 */
int lr_vale_if_create(const char *name, struct lr_why *why);
void lr_vale_if_destroy(const char *name, uint64_t netns);

#endif
