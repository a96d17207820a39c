/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options, without a device: the syntax, lists of them in requests, the calls that
 * do what @offset and @extmem do, and the states of ports and contexts around them.
 */
#include <unistd.h>

#include "nmreq_check.h"

#include <net/netmap_linerate.h>

/* err 0: the spec is a good one. */
static void
check_prepare(const char *spec, int err)
{
	struct nmport_d *d;

	errno = 0;
	d = nmport_prepare(spec);
	check(err ? !d && errno == err : d != NULL, "%s: %s", spec, strerror(err));
	nmport_undo_prepare(d);
}

/* A parser of the test's own, and what it was called with. */
static struct nmreq_parse_ctx seen;
static int parsed, callback_err;

static int
callback(struct nmreq_parse_ctx *p)
{
	static char copies[NMREQ_OPT_MAXKEYS][32];
	int i;

	parsed++;
	seen = *p;
	for (i = 0; i < NMREQ_OPT_MAXKEYS; i++)
		if (p->keys[i])
			seen.keys[i] = strcpy(copies[i], p->keys[i]);
	errno = callback_err;
	return callback_err ? -1 : 0;
}

static struct nmreq_opt_parser plain = {
	.prefix = "plain", .parse = callback, .default_key = -1, .nr_keys = 2,
	.flags = NMREQ_OPTF_ALLOWEMPTY,
	.keys = { { "a", 0, 0 }, { "b", 1, NMREQ_OPTK_ALLOWEMPTY } },
};

static struct nmreq_opt_parser full = {
	.prefix = "full", .parse = callback, .default_key = 15, .nr_keys = 3,
	.next = &plain,
	.keys = { { "must", 3, NMREQ_OPTK_MUSTSET }, { "def", 15, 0 },
		  { "wild", 99, NMREQ_OPTK_MUSTSET } },
};

static void
option_syntax(void)
{
	static const struct { const char *opt; int err, calls, key; const char *value; } t[] = {
		{ "", 0, 0, 0, NULL }, { "@plain", 0, 1, 0, NULL },
		{ "@plain:", 0, 1, 1, NULL }, { "@plain:a=1", 0, 1, 0, "1" },
		{ "@plain:b", 0, 1, 1, "" }, { "@plain:b=", 0, 1, 1, "" },
		{ "@plain:b=x", 0, 1, 1, "x" }, { "@plain:a=1=2", 0, 1, 0, "1=2" },
		{ "@plain:a=x:y", 0, 1, 0, "x:y" }, { "@plain:a=1,b", 0, 1, 1, "" },
		{ "@plain@plain@plain:a=z", 0, 3, 0, "z" },
		{ "@full:5,must=6", 0, 1, 15, "5" }, { "@full:must=6", 0, 1, 3, "6" },
		{ "@full:must=6,def=7", 0, 1, 15, "7" },
		{ "@full:must=6,7", EINVAL, 0, 0, NULL }, { "@full", EINVAL, 0, 0, NULL },
		{ "@full:5", EINVAL, 0, 0, NULL }, { "@full:wild=1", EINVAL, 0, 0, NULL },
		{ "@plain:1", EINVAL, 0, 0, NULL }, { "@plain:a", EINVAL, 0, 0, NULL },
		{ "@plain:b,b", EINVAL, 0, 0, NULL }, { "@plain:a=", EINVAL, 0, 0, NULL },
		{ "@plain:c=1", EINVAL, 0, 0, NULL }, { "plain", EINVAL, 0, 0, NULL },
		{ "@", EINVAL, 0, 0, NULL }, { "@plain@", EINVAL, 1, 0, NULL },
		{ "@plain@other", EINVAL, 1, 0, NULL },
	};
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		memset(&seen, 0, sizeof(seen));
		parsed = callback_err = 0;
		errno = 0;
		rc = nmreq_options_decode(t[i].opt, &full, &seen, &test_ctx);
		check((t[i].err ? rc == -1 && errno == t[i].err : rc == 0) &&
		      parsed == t[i].calls && blocks == 0 && (rc || parsed == 0 ||
		      (seen.token == &seen && seen.ctx == &test_ctx &&
		       (t[i].value ? seen.keys[t[i].key] && strcmp(seen.keys[t[i].key],
						t[i].value) == 0 : !seen.keys[t[i].key]))),
		      "options '%s'", t[i].opt);
	}
	callback_err = EDQUOT;
	parsed = 0;
	rc = nmreq_options_decode("@plain@plain", &full, NULL, &test_ctx);
	check(rc == -1 && errno == EDQUOT && parsed == 1, "a parser's error ends it");
	callback_err = 0;
	plain.flags |= NMREQ_OPTF_DISABLED;
	rc = nmreq_options_decode("@plain", &full, NULL, &test_ctx);
	check(rc == -1 && errno == EOPNOTSUPP, "a disabled option");
	rc = nmreq_options_decode("@plain", NULL, NULL, &test_ctx);
	check(rc == -1 && errno == EINVAL, "no parsers at all");
	check(nmreq_options_decode("", NULL, NULL, &test_ctx) == 0, "nothing to parse");
}

static void
option_lists(void)
{
	struct nmreq_option a = { .nro_reqtype = 1 }, b = { .nro_reqtype = 2 },
		c = { .nro_reqtype = 1 }, *o;
	struct nmreq_header hdr;
	uint32_t type;
	int n = 0;

	memset(&hdr, 0xff, sizeof(hdr));
	nmreq_header_init(&hdr, NETMAP_REQ_PORT_INFO_GET, &a);
	check(hdr.nr_version == NETMAP_API && hdr.nr_reqtype == NETMAP_REQ_PORT_INFO_GET &&
	      hdr.nr_reserved == 0 && hdr.nr_name[0] == 0 && hdr.nr_name[63] == 0 &&
	      hdr.nr_options == 0 && hdr.nr_body == (uintptr_t)&a, "header_init");
	check(nmreq_find_option(&hdr, 1) == NULL, "find in an empty list");
	nmreq_remove_option(&hdr, &a);
	nmreq_push_option(&hdr, &a);
	nmreq_push_option(&hdr, &b);
	nmreq_push_option(&hdr, &c);
	nmreq_foreach_option(&hdr, o)
		n++;
	check(n == 3 && hdr.nr_options == (uintptr_t)&c, "push puts in front");
	check(nmreq_find_option(&hdr, 1) == &c && nmreq_find_option(&hdr, 2) == &b &&
	      nmreq_find_option(&hdr, 3) == NULL, "find gives the first of its type");
	nmreq_remove_option(&hdr, &b);
	nmreq_remove_option(&hdr, &b);
	check(nmreq_find_option(&hdr, 2) == NULL && c.nro_next == (uintptr_t)&a,
	      "remove from the middle, twice");
	nmreq_remove_option(&hdr, &c);
	nmreq_remove_option(&hdr, &a);
	check(hdr.nr_options == 0, "remove the rest");
	for (n = 0; n < 3; n++) {
		o = nmctx_malloc(nmctx_get(), sizeof(*o));
		memset(o, 0, sizeof(*o));
		nmreq_push_option(&hdr, o);
	}
	nmreq_free_options(&hdr);
	nmreq_free_options(&hdr);
	check(hdr.nr_options == 0 && blocks == 0, "free_options");
	for (n = 0, type = 0; type < 10; type++)
		n += nmreq_option_name(type) != NULL && nmreq_option_name(type)[0];
	check(n == 10 && !strcmp(nmreq_option_name(NETMAP_REQ_OPT_EXTMEM), "extmem") &&
	      !strcmp(nmreq_option_name(NETMAP_REQ_OPT_REASON), "reason") &&
	      !strcmp(nmreq_option_name(0xdeadbeef), "unknown"), "names of options");
}

static void
offsets(void)
{
	static const struct { uint64_t init, max, bits, gap; int err; } t[] = {
		{ 0, 0, 0, 0, 0 }, { 64, 128, 0, 0, 0 }, { 64, 128, 8, 7, 0 },
		{ 64, 128, 64, 0, 0 }, { 0, UINT64_MAX, 64, 0, 0 }, { 1, 1, 1, 0, 0 },
		{ 64, 63, 0, 0, EINVAL }, { 0, 256, 8, 0, EINVAL }, { 0, 0, 65, 0, EINVAL },
		{ 0, 2, 1, 0, EINVAL }, { 0, 0, UINT64_MAX, 0, EINVAL },
		{ 0, UINT64_MAX, 63, 0, EINVAL },
	};
	struct nmreq_opt_offsets *o;
	struct nmport_d *d;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		d = nmport_new();
		rc = nmport_offset(d, t[i].init, t[i].max, t[i].bits, t[i].gap);
		o = (void *)nmreq_find_option(&d->hdr, NETMAP_REQ_OPT_OFFSETS);
		check(t[i].err ? rc == -1 && errno == t[i].err && !o :
		      rc == 0 && o && o->nro_initial_offset == t[i].init &&
		      o->nro_max_offset == t[i].max && o->nro_min_gap == t[i].gap &&
		      o->nro_offset_bits == t[i].bits, "offset case %zu", i);
		nmport_delete(d);
	}
	d = nmport_new();
	nmport_offset(d, 1, 1, 0, 0);
	check(nmport_offset(d, 1, 1, 0, 0) == -1 && errno == EBUSY, "offset twice");
	nmport_undo_parse(d);
	check(d->hdr.nr_options == 0 && nmport_offset(d, 2, 2, 0, 0) == 0,
	      "offset again after undo_parse");
	nmport_delete(d);

	check(nmport_enable_option("offset") == 0, "enable offset");
	d = nmport_prepare("netmap:e@offset:64,bits=16");
	o = d ? (void *)nmreq_find_option(&d->hdr, NETMAP_REQ_OPT_OFFSETS) : NULL;
	check(o && o->nro_initial_offset == 64 && o->nro_max_offset == 64 &&
	      o->nro_offset_bits == 16, "@offset once enabled");
	nmport_delete(d);
	check_prepare("netmap:e@offset:64,bits=65", EINVAL);
	check_prepare("netmap:e@offset:64,bits=4", EINVAL);
	check_prepare("netmap:e@offset:bits=4", EINVAL);
	check_prepare("netmap:e@offset:18446744073709551615", 0);
	check_prepare("netmap:e@offset:18446744073709551616", EINVAL);
	check_prepare("netmap:e@offset:1@offset:1", EBUSY);
	check(nmport_disable_option("offset") == 0, "disable offset");
	check_prepare("netmap:e@offset:64", EOPNOTSUPP);
	check(nmport_disable_option("conf") == 0, "disable conf");
	check_prepare("netmap:e@conf:1", EOPNOTSUPP);
	check(nmport_enable_option("conf") == 0, "enable conf");
	check_prepare("netmap:e@conf:1", 0);
	check(nmport_enable_option("nosuch") == -1 && errno == EOPNOTSUPP, "enable nosuch");
	check(nmport_disable_option("") == -1 && errno == EOPNOTSUPP, "disable nothing");
}

static char extmem_file[40];

static void
extmem(void)
{
	static char memory[4096];
	char spec[200];
	struct nmport_d *d = nmport_new(), *c;
	struct nmreq_pools_info *info;

	check(nmport_extmem_getinfo(d) == NULL, "no external memory at first");
	check(nmport_extmem(d, NULL, 10) == -1 && errno == EINVAL, "extmem at NULL");
	check(nmport_extmem(d, memory, 0) == -1 && errno == EINVAL, "extmem of no size");
	check(nmport_extmem(d, memory, sizeof(memory)) == 0, "extmem");
	info = nmport_extmem_getinfo(d);
	check(info && info->nr_memsize == sizeof(memory) && d->extmem &&
	      d->extmem->nro_usrptr == (uintptr_t)memory && d->extmem ==
	      (void *)nmreq_find_option(&d->hdr, NETMAP_REQ_OPT_EXTMEM), "extmem info");
	check(nmport_extmem(d, memory, 1) == -1 && errno == EBUSY, "extmem twice");
	check(nmport_extmem_from_file(d, extmem_file) == -1 && errno == EBUSY,
	      "extmem from file as well");
	c = nmport_clone(d);
	check(c == NULL && errno == EINVAL, "no clone with external memory");
	nmport_undo_parse(d);
	nmport_undo_parse(d);
	check(!d->extmem && !nmport_extmem_getinfo(d) && !d->hdr.nr_options,
	      "undo_parse drops it");
	check(nmport_extmem_from_file(d, extmem_file) == 0 &&
	      nmport_extmem_getinfo(d)->nr_memsize == 65536, "extmem from file");
	nmport_delete(d);

	snprintf(spec, sizeof(spec), "netmap:e@extmem:%s,if-num=1,if-size=2,ring-num=3,"
		 "ring-size=4,buf-num=5,buf-size=6", extmem_file);
	d = nmport_prepare(spec);
	info = d ? nmport_extmem_getinfo(d) : NULL;
	check(info && info->nr_if_pool_objtotal == 1 && info->nr_if_pool_objsize == 2 &&
	      info->nr_ring_pool_objtotal == 3 && info->nr_ring_pool_objsize == 4 &&
	      info->nr_buf_pool_objtotal == 5 && info->nr_buf_pool_objsize == 6 &&
	      info->nr_memsize == 65536, "@extmem with all its keys");
	nmport_undo_prepare(d);
	snprintf(spec, sizeof(spec), "netmap:e@extmem:%s@extmem:%s", extmem_file,
		 extmem_file);
	check_prepare(spec, EBUSY);
	check(blocks == 0, "no memory left behind");
}

static void
states(void)
{
	struct nmport_d *d, *c;

	nmport_close(NULL);
	nmport_delete(NULL);
	nmport_undo_prepare(NULL);
	d = nmport_new();
	nmport_undo_mmap(d);
	nmport_undo_register(d);
	nmport_undo_open_desc(d);
	nmport_undo_parse(d);
	check(nmport_mmap(d) == -1 && errno == EINVAL, "mmap before register");
	check(nmport_inject(d, "x", 1) == 0, "inject before mmap");
	check(nmport_parse(d, "netmap:eth0-1/x") == 0 && nmport_parse(d, "vale1:q") == 0 &&
	      strcmp(d->hdr.nr_name, "vale1:q") == 0, "parse again");
	c = nmport_clone(d);
	check(c && c != d && strcmp(c->hdr.nr_name, "vale1:q") == 0 && c->fd == -1 &&
	      c->hdr.nr_body == (uintptr_t)&c->reg && c->ctx == d->ctx, "clone");
	nmport_delete(c);
	check(nmport_parse(d, "netmap:eth0@conf:1@bad") == -1 && d->hdr.nr_name[0] == 0 &&
	      d->reg.nr_tx_rings == 0, "after a failed parse the port is as new");
	nmport_delete(d);
	check(blocks == 0, "no memory left behind");
}

static void
contexts(void)
{
	struct nmctx bare = { 0 }, *old;
	void *p;

	check(nmctx_set_default(&bare) == &test_ctx && nmctx_get() == &bare,
	      "set_default returns the old one");
	check(nmport_prepare("nothing good") == NULL && errno == EINVAL,
	      "a context without callbacks");
	p = nmctx_malloc(&bare, 10);
	check(p != NULL, "its malloc");
	nmctx_free(&bare, p);
	nmctx_free(&bare, NULL);
	nmctx_lock(&bare);
	nmctx_unlock(&bare);
	nmctx_set_threadsafe();
	check(bare.lock != NULL, "set_threadsafe");
	nmctx_lock(&bare);
	nmctx_unlock(&bare);
	old = nmctx_set_default(NULL);
	check(old == &bare && nmctx_get() != &bare && nmctx_get()->error &&
	      nmctx_get()->malloc && nmctx_get()->free, "the first context");
	nmctx_set_default(&test_ctx);
	errno = ERANGE;
	nmctx_ferror(&test_ctx, "%2000d", 1);
	check(errno == ERANGE && strlen(message) == 1023, "ferror cuts, and keeps errno");
}

int
main(void)
{
	FILE *file = tmpfile();

	if (file == NULL || ftruncate(fileno(file), 65536)) {
		perror("tmpfile");
		return 1;
	}
	snprintf(extmem_file, sizeof(extmem_file), "/proc/self/fd/%d", fileno(file));
	nmctx_set_default(&test_ctx);
	option_syntax();
	option_lists();
	offsets();
	extmem();
	states();
	contexts();
	check(blocks == 0, "no memory left behind");
	fclose(file);
	printf("1..%d\n", checks);
	return failures != 0;
}
