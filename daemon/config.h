/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file, netmapd.conf(5) in netmapd(8): libconfig's format.
 */
#ifndef LR_DAEMON_CONFIG_H
#define LR_DAEMON_CONFIG_H

#include <stdbool.h>
#include <sys/types.h>

#define LRD_CONFIG "/etc/netmapd.conf"
#define LRD_BUSY_MAX 64

/* What one user may have at a time. */
struct lr_limits {
	unsigned int descriptors, rings;
	unsigned int memory;	/* MiB, of regions that are his own */
	unsigned int requests;	/* a second */
};

/* Another forwarding function for the switches of this name. */
struct lr_config_function {
	struct lr_config_function *next;
	const char *name, *file, *arguments;
};

struct lr_config {
	char socket[108];	/* "": the default */
	struct lr_limits limits;
	bool share_nic_memory;	/* users of NICs share the global region, whoever they are */
	unsigned int num_busy;
	int busy[LRD_BUSY_MAX];	/* processors that serve by polling */
	struct lr_config_function *functions;
};

extern struct lr_config lr_config;

/* path NULL: the default file, if there is one. What is wrong is said on stderr, with the line. 0 or -EINVAL. */
int lr_config_read(const char *path);

/* Has this user, of these groups, a rule for the NIC? With name NULL: for any? */
bool lr_config_nic(const char *name, uid_t uid, const gid_t *groups, int num_groups);

#endif
