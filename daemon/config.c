/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file. Read once, by the main thread, before there is any client; never changed after. A setting that is
 * not known is an error: a limit with a slip in its name would be none.
 */
#include "daemon/config.h"

#include <errno.h>
#include <grp.h>
#include <libconfig.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/region.h"
#include "os/os.h"

struct lr_config lr_config = {
	.limits = { .descriptors = 1024, .rings = 4096, .memory = 4096, .requests = 5000 },
};

/* Who may open a NIC. */
struct rule {
	struct rule *next;
	const char *name;
	uid_t *users;
	gid_t *groups;
	unsigned int num_users, num_groups;
};

static struct rule *rules;

static int wrong(const config_setting_t *s, const char *what)
{
	fprintf(stderr, "netmapd: %s:%u: %s: %s\n", config_setting_source_file(s) ? config_setting_source_file(s) : "netmapd.conf",
		config_setting_source_line(s), config_setting_name(s) ? config_setting_name(s) : "entry", what);
	return -EINVAL;
}

static int read_number(const config_setting_t *s, unsigned int min, unsigned int max, unsigned int *out)
{
	long long v = config_setting_get_int64(s);

	if ((config_setting_type(s) != CONFIG_TYPE_INT && config_setting_type(s) != CONFIG_TYPE_INT64) || v < min || v > max) {
		fprintf(stderr, "netmapd: a number from %u to %u is wanted\n", min, max);
		return wrong(s, "not in range");
	}
	*out = (unsigned int)v;
	return 0;
}

static int read_text(const config_setting_t *s, const char **out)
{
	const char *text = config_setting_get_string(s);

	if (!text)
		return wrong(s, "must be a text, in quotation marks");
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

/* A list, and each of its entries; `must` says so. */
static int read_list(const config_setting_t *s, int (*read_entry)(const config_setting_t *e), const char *must)
{
	int i, err = 0;

	if (!config_setting_is_list(s))
		return wrong(s, must);
	for (i = 0; i < config_setting_length(s) && !err; i++)
		err = read_entry(config_setting_get_elem(s, (unsigned int)i));
	return err;
}

/* --- Sections --------------------------------------------------------------------------------------- */

static int read_limits(const config_setting_t *s)
{
	const struct {
		const char *name;
		unsigned int *value, max;
	} known[] = {
		{ "descriptors", &lr_config.limits.descriptors, 1000000 },
		{ "rings", &lr_config.limits.rings, 1000000 },
		{ "memory", &lr_config.limits.memory, 1u << 24 },
		{ "requests", &lr_config.limits.requests, 1000000 },
	};
	unsigned int k;
	int i, err;

	if (!config_setting_is_group(s))
		return wrong(s, "must be a group, { ... }");
	for (i = 0; i < config_setting_length(s); i++) {
		config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);

		for (k = 0; k < LR_ARRAY_SIZE(known) && strcmp(config_setting_name(e), known[k].name) != 0; k++)
			;
		err = k == LR_ARRAY_SIZE(known) ? wrong(e, "there is no such limit") : read_number(e, 1, known[k].max, known[k].value);
		if (err)
			return err;
	}
	return 0;
}

static int read_region(const config_setting_t *s)
{
	static const char *const pools[LR_POOLS] = { "if", "ring", "buf" };
	struct lr_region_params *p = &lr_region_params[0];
	struct lr_why why = { "" };
	char name[16];
	unsigned int k;
	int i, err;

	if (!config_setting_is_group(s))
		return wrong(s, "must be a group, { ... }");
	for (i = 0; i < config_setting_length(s); i++) {
		config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);

		err = 1;
		for (k = 0; k < LR_POOLS && err > 0; k++) {
			snprintf(name, sizeof(name), "%s_num", pools[k]);
			if (strcmp(name, config_setting_name(e)) == 0)
				err = read_number(e, 1, UINT32_MAX, &p->pool[k].num);
			snprintf(name, sizeof(name), "%s_size", pools[k]);
			if (strcmp(name, config_setting_name(e)) == 0)
				err = read_number(e, 1, UINT32_MAX, &p->pool[k].size);
		}
		if (err)
			return err > 0 ? wrong(e, "there is no such parameter of a region") : err;
	}
	return lr_region_params_check(p, &why) ? wrong(s, why.text) : 0;
}

static int read_busy(const config_setting_t *s)
{
	unsigned int cpu;
	int i, n = config_setting_length(s);

	if (!config_setting_is_aggregate(s) || config_setting_is_group(s) || n > LRD_BUSY_MAX)
		return wrong(s, "must be a list of processors, [ 2, 3 ]");
	for (i = 0; i < n; i++) {
		if (read_number(config_setting_get_elem(s, (unsigned int)i), 0, 4095, &cpu))
			return -EINVAL;
		lr_config.busy[lr_config.num_busy++] = (int)cpu;
	}
	return 0;
}

/* A user's or a group's number, from a name or a number. */
static int read_id(const config_setting_t *s, bool user, uint32_t *id)
{
	const char *name = config_setting_get_string(s);
	struct passwd *pw;
	struct group *gr;

	if (!name)
		return read_number(s, 0, UINT32_MAX - 1, id);
	pw = user ? getpwnam(name) : NULL;
	gr = user ? NULL : getgrnam(name);
	if (!pw && !gr)
		return wrong(s, user ? "there is no such user" : "there is no such group");
	*id = pw ? pw->pw_uid : gr->gr_gid;
	return 0;
}

static int read_ids(const config_setting_t *s, bool user, uint32_t **out, unsigned int *num)
{
	int i, n = config_setting_length(s);

	if (!config_setting_is_aggregate(s) || config_setting_is_group(s))
		return wrong(s, "must be a list, [ \"name\", ... ]");
	*out = calloc((size_t)n + 1, sizeof(**out));
	for (i = 0; *out && i < n; i++)
		if (read_id(config_setting_get_elem(s, (unsigned int)i), user, &(*out)[(*num)++]))
			return -EINVAL;
	return *out ? 0 : -ENOMEM;
}

static int read_rule(const config_setting_t *s)
{
	struct rule *r = calloc(1, sizeof(*r));
	int i, err = 0;

	if (!r || !config_setting_is_group(s))
		return wrong(s, "must be a group, { name = ...; users = [ ... ]; groups = [ ... ]; }");
	r->next = rules;
	rules = r;
	for (i = 0; i < config_setting_length(s) && !err; i++) {
		config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);
		const char *name = config_setting_name(e);

		if (strcmp(name, "name") == 0)
			err = read_text(e, &r->name);
		else if (strcmp(name, "users") == 0)
			err = read_ids(e, true, &r->users, &r->num_users);
		else if (strcmp(name, "groups") == 0)
			err = read_ids(e, false, &r->groups, &r->num_groups);
		else
			err = wrong(e, "a rule has a name, users and groups");
	}
	return !err && !r->name ? wrong(s, "a rule needs the name of a NIC, or \"*\"") : err;
}

static int read_nics(const config_setting_t *s)
{
	return read_list(s, read_rule, "must be a list, ( { name = ...; }, ... )");
}

static int read_socket(const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (!text || text[0] != '/' || strlen(text) >= sizeof(lr_config.socket))
		return wrong(s, "must be an absolute path of at most 107 characters");
	strcpy(lr_config.socket, text);
	return 0;
}

static int read_share(const config_setting_t *s)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return wrong(s, "must be true or false");
	lr_config.share_nic_memory = config_setting_get_bool(s);
	return 0;
}

static int read_function(const config_setting_t *s)
{
	struct lr_config_function *f = calloc(1, sizeof(*f));
	int i, err = 0;

	if (!f || !config_setting_is_group(s))
		return wrong(s, "must be a group, { switch = ...; file = ...; }");
	f->arguments = "";
	f->next = lr_config.functions;
	lr_config.functions = f;
	for (i = 0; i < config_setting_length(s) && !err; i++) {
		config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);
		const char *name = config_setting_name(e);

		if (strcmp(name, "switch") == 0)
			err = read_text(e, &f->name);
		else if (strcmp(name, "file") == 0)
			err = read_text(e, &f->file);
		else if (strcmp(name, "arguments") == 0)
			err = read_text(e, &f->arguments);
		else
			err = wrong(e, "a forwarding function has a switch, a file and arguments");
	}
	if (err)
		return err;
	return !f->name || !f->file || f->file[0] != '/' ? wrong(s, "needs a switch, and a file with its absolute path") : 0;
}

static int read_functions(const config_setting_t *s)
{
	return read_list(s, read_function, "must be a list, ( { switch = ...; file = ...; }, ... )");
}

/* --- The file ------------------------------------------------------------------------------------------ */

static int read_all(const config_setting_t *root)
{
	static const struct {
		const char *name;
		int (*read)(const config_setting_t *s);
	} known[] = {
		{ "socket", read_socket }, { "limits", read_limits }, { "nics", read_nics }, { "busy", read_busy },
		{ "region", read_region }, { "share_nic_memory", read_share }, { "functions", read_functions },
	};
	unsigned int k;
	int i, err = 0;

	for (i = 0; i < config_setting_length(root) && !err; i++) {
		config_setting_t *s = config_setting_get_elem(root, (unsigned int)i);

		for (k = 0; k < LR_ARRAY_SIZE(known) && strcmp(config_setting_name(s), known[k].name) != 0; k++)
			;
		err = k < LR_ARRAY_SIZE(known) ? known[k].read(s) : wrong(s, "there is no such setting");
	}
	return err;
}

int lr_config_read(const char *path)
{
	config_t c;
	int err;

	if (!path && access(LRD_CONFIG, R_OK) < 0 && errno == ENOENT)
		return 0;
	if (!path)
		path = LRD_CONFIG;
	config_init(&c);
	if (config_read_file(&c, path)) {
		err = read_all(config_root_setting(&c));
	} else {
		fprintf(stderr, "netmapd: %s:%d: %s\n", path, config_error_line(&c), config_error_text(&c));
		err = -EINVAL;
	}
	config_destroy(&c);
	return err;
}

static bool is_for(const struct rule *r, uid_t uid, const gid_t *groups, int num_groups)
{
	unsigned int i;
	int k;

	for (i = 0; i < r->num_users; i++)
		if (r->users[i] == uid)
			return true;
	for (i = 0; i < r->num_groups; i++)
		for (k = 0; k < num_groups; k++)
			if (r->groups[i] == groups[k])
				return true;
	return false;
}

bool lr_config_nic(const char *name, uid_t uid, const gid_t *groups, int num_groups)
{
	const struct rule *r;

	for (r = rules; r; r = r->next)
		if ((!name || strcmp(r->name, "*") == 0 || strcmp(r->name, name) == 0) && is_for(r, uid, groups, num_groups))
			return true;
	return false;
}
