/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users: accounts and permissions.
 *
 * Whoever has a port mapped sees the whole region. So a region belongs to the user whose port was the first in it, until it has no
 * port any more, and other users get none there; only root may join. The global region, where NICs are, is for those who may
 * open a NIC.
 *
 * Lock: `accounts`, of all here; after the control lock.
 */
#include "daemon/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/vale.h"
#include "core/vale_nic.h"
#include "daemon/config.h"

#define GROUPS_MAX 256

struct lr_user {
	struct lr_user *next;
	uid_t uid;
	gid_t groups[GROUPS_MAX];
	int num_groups;
	unsigned int descriptors, rings;	/* of connections, and of persistent ports */
	uint64_t memory;
	double tokens;		/* requests that may be made at once */
	int64_t refilled;	/* when, ns */
};

struct owner {
	struct owner *next;
	const struct lr_region *region;
	uid_t uid;
	unsigned int ports;
};

static pthread_mutex_t accounts = PTHREAD_MUTEX_INITIALIZER;
static struct lr_user *users;
static struct owner *owners;
static uint64_t own_netns;
static __thread struct lr_charge *current;

/* --- Accounts ------------------------------------------------------------------------------------------ */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The groups of the account, and the one the process runs with. */
static void find_groups(struct lr_user *u, gid_t gid)
{
	struct passwd pw, *found = NULL;
	char text[4096];

	u->num_groups = GROUPS_MAX - 1;
	if (getpwuid_r(u->uid, &pw, text, sizeof(text), &found) != 0 || !found)
		u->num_groups = 0;
	else if (getgrouplist(pw.pw_name, pw.pw_gid, u->groups, &u->num_groups) < 0)
		u->num_groups = GROUPS_MAX - 1;
	u->groups[u->num_groups++] = gid;
}

static struct lr_user *user_find(uid_t uid)
{
	struct lr_user *u;

	for (u = users; u && u->uid != uid; u = u->next)
		;
	return u;
}

static struct lr_user *user_create(const struct ucred *who)
{
	struct lr_user *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->uid = who->uid;
	find_groups(u, who->gid);
	u->tokens = lr_config.limits.requests;
	u->refilled = now_ns();
	u->next = users;
	users = u;
	return u;
}

struct lr_user *lr_user_enter(const struct ucred *who)
{
	struct lr_user *u;

	pthread_mutex_lock(&accounts);
	u = user_find(who->uid);
	if (!u)
		u = user_create(who);
	if (u && u->descriptors == lr_config.limits.descriptors)
		u = NULL;
	if (u)
		u->descriptors++;
	pthread_mutex_unlock(&accounts);
	return u;
}

/* Who left with nothing owed need not be remembered. */
static void user_forget(struct lr_user *u)
{
	double most = lr_config.limits.requests;
	struct lr_user **at;

	if (u->descriptors || u->rings || u->tokens + (double)(now_ns() - u->refilled) * 1e-9 * most < most)
		return;
	for (at = &users; *at != u; at = &(*at)->next)
		;
	*at = u->next;
	free(u);
}

void lr_user_leave(struct lr_user *u)
{
	pthread_mutex_lock(&accounts);
	u->descriptors--;
	user_forget(u);
	pthread_mutex_unlock(&accounts);
}

void lr_user_pace(struct lr_user *u)
{
	double rate = lr_config.limits.requests, missing;
	struct timespec t;
	int64_t now;

	pthread_mutex_lock(&accounts);
	now = now_ns();
	u->tokens += (double)(now - u->refilled) * 1e-9 * rate;
	if (u->tokens > rate)
		u->tokens = rate;
	u->refilled = now;
	u->tokens -= 1;
	missing = -u->tokens / rate;
	pthread_mutex_unlock(&accounts);
	if (missing <= 0)
		return;
	t = (struct timespec){ (time_t)missing, (long)((missing - (double)(time_t)missing) * 1e9) };
	nanosleep(&t, NULL);
}

/* --- Regions --------------------------------------------------------------------------------------------- */

static struct owner *owner_find(const struct lr_region *region)
{
	struct owner *o;

	for (o = owners; o && o->region != region; o = o->next)
		;
	return o;
}

static bool may_share(const struct lr_user *u, const struct owner *o)
{
	if (o->uid == u->uid || u->uid == 0)
		return true;
	return lr_config.share_nic_memory && o->region->id == LR_REGION_GLOBAL;
}

static int own(struct lr_charge *c, const struct lr_region *region)
{
	struct owner *o = owner_find(region);

	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o)
			return -ENOMEM;
		*o = (struct owner){ owners, region, c->user->uid, 0 };
		owners = o;
	}
	o->ports++;
	c->region = region;
	return 0;
}

static void disown(struct lr_charge *c)
{
	struct owner **at, *o;

	for (at = &owners; *at && (*at)->region != c->region; at = &(*at)->next)
		;
	o = *at;
	if (!o || --o->ports)
		return;
	*at = o->next;
	free(o);
}

/* --- Permissions ----------------------------------------------------------------------------------------- */

/* A user's own daemon is for him alone, and what it cannot do the kernel refuses it. */
static bool may_all(const struct lr_user *u)
{
	return u->uid == 0 || u->uid == geteuid();
}

static int admit_nic(const struct lr_port *p, const struct lr_user *u, struct lr_why *why)
{
	if (may_all(u) || (p->netns == own_netns && lr_config_nic(p->name, u->uid, u->groups, u->num_groups)))
		return 0;
	return lr_why(why, -EPERM, "user %u may not open %s: no rule in netmapd's configuration says so", u->uid, p->name);
}

static int admit_region(const struct lr_port *p, const struct lr_user *u, struct lr_why *why)
{
	const struct owner *o = owner_find(p->region);

	if (o && !may_share(u, o))
		return lr_why(why, -EPERM, "%s is in memory region %u, which user %u has: it can be shared by programs of one user only",
			      p->name, p->region->id, o->uid);
	if (p->region->id != LR_REGION_GLOBAL || may_all(u) || lr_config_nic(NULL, u->uid, u->groups, u->num_groups))
		return 0;
	return lr_why(why, -EPERM, "%s is in the memory of the NICs, and user %u may not open any: ask for another region",
		      p->name, u->uid);
}

static int charge(struct lr_user *u, const char *name, unsigned int rings, uint64_t memory, struct lr_why *why)
{
	const struct lr_limits *l = &lr_config.limits;

	if (rings > l->rings || u->rings > l->rings - rings)
		return lr_why(why, -ENOMEM, "user %u has %u rings in use and %s needs %u, netmapd's limit is %u", u->uid, u->rings, name,
			      rings, l->rings);
	if ((u->memory + memory) >> 20 > l->memory)
		return lr_why(why, -ENOMEM, "user %u has %llu MiB in use and %s needs %llu, netmapd's limit is %u", u->uid,
			      (unsigned long long)u->memory >> 20, name, (unsigned long long)memory >> 20, l->memory);
	u->rings += rings;
	u->memory += memory;
	return 0;
}

/*
 * As if all rings were new: who comes second pays as much. Rings of NICs are nobody's. Of extra buffers there are never more than
 * the region can have: who wants more gets those.
 */
static int admit_size(const struct lr_port *p, bool nic, uint32_t extra_bufs, struct lr_charge *c, struct lr_why *why)
{
	const struct lr_pool *bufs = &p->region->pool[LR_POOL_BUF];
	uint64_t memory = (uint64_t)(extra_bufs < bufs->num ? extra_bufs : bufs->num) * bufs->size;
	unsigned int rings = 0, k;
	int err;

	for (k = 0; k < LR_RING_KINDS && !nic; k++) {
		rings += p->num_rings[k];
		memory += (uint64_t)p->num_rings[k] * p->config.slots[k] * bufs->size;
	}
	err = charge(c->user, p->name, rings, memory, why);
	if (err)
		return err;
	c->rings += rings;
	c->memory += memory;
	return 0;
}

/* lr_port_admit: the calling thread's client is about to bind p. */
static int admit(struct lr_port *p, uint32_t extra_bufs, struct lr_why *why)
{
	bool nic = strcmp(p->ops->kind, "nic") == 0;
	struct lr_charge *c = current;
	int err;

	if (!c)
		return 0;
	pthread_mutex_lock(&accounts);
	err = nic ? admit_nic(p, c->user, why) : 0;
	if (!err)
		err = admit_region(p, c->user, why);
	if (!err)
		err = admit_size(p, nic, extra_bufs, c, why);
	if (!err && !c->region)
		err = own(c, p->region);
	pthread_mutex_unlock(&accounts);
	return err;
}

/* lr_vale_admit: what is attached stays when the client has gone, and concerns all. */
static int admit_switches(struct lr_why *why)
{
	if (!current || may_all(current->user))
		return 0;
	return lr_why(why, -EPERM, "user %u may not change what is attached to switches: root may, and the user whose netmapd this is",
		      current->user->uid);
}

/* --- Persistent ports ------------------------------------------------------------------------------------ */

/* What it will have when it is a port of a switch. */
static void persistent_size(const struct lr_port_config *config, unsigned int *rings, uint64_t *memory)
{
	static const enum lr_ring_kind kind[2] = { LR_TX, LR_RX };
	unsigned int i;

	*rings = 0;
	*memory = 0;
	for (i = 0; i < 2; i++) {
		uint64_t n = config->rings[kind[i]] ? config->rings[kind[i]] : LR_VALE_RINGS;
		uint64_t slots = config->slots[kind[i]] ? config->slots[kind[i]] : LR_VALE_SLOTS;

		/* With more it can be made, and put on no switch. */
		n = n < LR_RINGS_MAX ? n : LR_RINGS_MAX;
		slots = slots < LR_SLOTS_MAX ? slots : LR_SLOTS_MAX;
		*rings += (unsigned int)n;
		*memory += n * slots * lr_region_params[0].pool[LR_POOL_BUF].size;
	}
}

/* lr_vale_charge: it stays when the connection has gone, so it is the user's. */
static int charge_persistent(const struct lr_port_config *config, void **payer, struct lr_why *why)
{
	struct lr_user *u = current ? current->user : NULL;
	unsigned int rings;
	uint64_t memory;
	int err;

	*payer = u;
	if (!u)
		return 0;
	persistent_size(config, &rings, &memory);
	pthread_mutex_lock(&accounts);
	err = charge(u, "a persistent port", rings, memory, why);
	pthread_mutex_unlock(&accounts);
	return err;
}

/* lr_vale_refund: whoever removes it. */
static void refund_persistent(const struct lr_port_config *config, void *payer)
{
	struct lr_user *u = payer;
	unsigned int rings;
	uint64_t memory;

	if (!u)
		return;
	persistent_size(config, &rings, &memory);
	pthread_mutex_lock(&accounts);
	u->rings -= rings;
	u->memory -= memory;
	user_forget(u);
	pthread_mutex_unlock(&accounts);
}

void lr_users_init(void)
{
	own_netns = os_netns_id();
	lr_vale_charge = charge_persistent;
	lr_vale_refund = refund_persistent;
	lr_vale_admit = admit_switches;
	lr_port_admit = admit;
}

void lr_charge_set(struct lr_charge *c)
{
	current = c;
}

void lr_charge_drop(struct lr_charge *c)
{
	pthread_mutex_lock(&accounts);
	c->user->rings -= c->rings;
	c->user->memory -= c->memory;
	if (c->region)
		disown(c);
	c->rings = 0;
	c->memory = 0;
	c->region = NULL;
	pthread_mutex_unlock(&accounts);
}
