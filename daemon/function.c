/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwarding functions out of shared objects. See function.h.
 *
 * Such code is part of the daemon from then on, and may do what the daemon may: so it has to be a file that nobody else can write
 * or put another in the place of. Links are not followed, as each of them would be one more place to look after.
 *
 * Loaded by the main thread before there is a client, and unloaded when there is none any more.
 */
#include "daemon/function.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/vale_function.h"
#include "daemon/config.h"

#define NETNS_ANY 0

struct loaded {
	struct loaded *next;
	const struct lr_config_function *config;
	void *object;
	bool opened, set;
	void *arg;
	netmap_vale_function forward;
	int (*open)(const char *name, const char *arguments, void **arg);
	void (*close)(void *arg);
};

static struct loaded *functions;

__attribute__((format(printf, 3, 4)))
static int wrong(const struct lr_config_function *c, int err, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "netmapd: forwarding function of %s: ", c->name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return err;
}

/* --- Who can write it ------------------------------------------------------------------------------------ */

/* In a directory with the sticky bit others can make files, and take away none but their own. */
static int check_one(const struct lr_config_function *c, const char *path, bool last)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return wrong(c, -errno, "%s: %s", path, strerror(errno));
	if (last && !S_ISREG(st.st_mode))
		return wrong(c, -EINVAL, "%s is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return wrong(c, -EPERM, "%s belongs to user %u; it must be root's%s", path, st.st_uid,
			     geteuid() ? ", or of the user whose netmapd this is" : "");
	if (st.st_mode & (S_IWGRP | S_IWOTH) && (last || !(st.st_mode & S_ISVTX)))
		return wrong(c, -EPERM, "%s can be written by %s (mode %04o); chmod go-w would do", path,
			     st.st_mode & S_IWOTH ? "all users" : "its group", st.st_mode & 07777);
	return 0;
}

/* The file, and each directory on the way to it. */
static int check_path(const struct lr_config_function *c)
{
	char path[PATH_MAX], *end;
	int err;

	if (!realpath(c->file, path))
		return wrong(c, -errno, "%s: %s", c->file, strerror(errno));
	if (strcmp(path, c->file) != 0)
		return wrong(c, -ELOOP, "%s has links in its path: it is %s, name that", c->file, path);
	err = check_one(c, "/", false);
	for (end = strchr(path + 1, '/'); end && !err; end = strchr(end + 1, '/')) {
		*end = '\0';
		err = check_one(c, path, false);
		*end = '/';
	}
	return err ? err : check_one(c, path, true);
}

/* --- Loading ------------------------------------------------------------------------------------------------ */

static int open_object(struct loaded *f)
{
	const struct lr_config_function *c = f->config;

	f->object = dlopen(c->file, RTLD_NOW | RTLD_LOCAL);
	if (!f->object)
		return wrong(c, -ENOEXEC, "%s", dlerror());
	*(void **)&f->forward = dlsym(f->object, "netmap_vale_forward");
	*(void **)&f->open = dlsym(f->object, "netmap_vale_open");
	*(void **)&f->close = dlsym(f->object, "netmap_vale_close");
	if (!f->forward)
		return wrong(c, -ENOEXEC, "%s has no function netmap_vale_forward", c->file);
	if (!f->open && c->arguments[0])
		return wrong(c, -EINVAL, "%s takes no arguments: it has no function netmap_vale_open", c->file);
	return 0;
}

static int start(struct loaded *f)
{
	const struct lr_config_function *c = f->config;
	struct lr_why why = { "" };
	int err = f->open ? f->open(c->name, c->arguments, &f->arg) : 0;

	if (err)
		return wrong(c, err, "%s does not take the arguments \"%s\": %s", c->file, c->arguments, strerror(abs(err)));
	f->opened = true;
	err = lr_vale_set_function(c->name, NETNS_ANY, f->forward, f->arg, &why);
	if (err)
		return wrong(c, err, "%s", why.text);
	f->set = true;
	return 0;
}

static int load(const struct lr_config_function *c)
{
	struct loaded *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return wrong(c, -ENOMEM, "no memory");
	f->config = c;
	f->next = functions;
	functions = f;
	err = check_path(c);
	if (!err)
		err = open_object(f);
	return err ? err : start(f);
}

int lr_functions_load(void)
{
	const struct lr_config_function *c;
	int err = 0;

	for (c = lr_config.functions; c && !err; c = c->next)
		err = load(c);
	return err;
}

void lr_functions_unload(void)
{
	struct loaded *f;

	while ((f = functions)) {
		functions = f->next;
		if (f->set)
			lr_vale_clear_function(f->config->name, NETNS_ANY);
		if (f->opened && f->close)
			f->close(f->arg);
		if (f->object)
			dlclose(f->object);
		free(f);
	}
}
