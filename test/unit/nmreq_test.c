/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port specifications and options, without a device: the cross product of all
 * good parts, a list of bad specs, option syntax, lists of options, and a walk in
 * which the n-th allocation fails, for every n.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libnetmap.h>
#include <net/netmap_linerate.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

static int checks, failures;

/* Prints one line for a check. */
static void __attribute__((format(printf, 2, 3)))
check(int good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d ", good ? "" : "not ", ++checks);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	failures += !good;
}

/* The test's context: keeps the last message, counts and limits memory. */
static char message[1200];
static int messages;
static long blocks, allocations, fail_at;

static void
keep_message(struct nmctx *ctx, const char *text)
{
	(void)ctx;
	messages++;
	snprintf(message, sizeof(message), "%s", text);
	errno = EDOM;		/* the library must not mind */
}

static void *
count_malloc(struct nmctx *ctx, size_t size)
{
	void *p;

	(void)ctx;
	if (++allocations == fail_at)
		return NULL;
	p = malloc(size);
	blocks += p != NULL;
	return p;
}

static void
count_free(struct nmctx *ctx, void *p)
{
	(void)ctx;
	blocks--;
	free(p);
}

static struct nmctx test_ctx = {
	.error = keep_message,
	.malloc = count_malloc,
	.free = count_free,
};

/* A spec is put together from these, and so is what it must become. */
static const struct { const char *spec, *name; } names[] = {
	{ "netmap:eth0", "eth0" },
	{ "netmap:veth-lan", "veth-lan" },
	{ "netmap:br-3f2a", "br-3f2a" },
	{ "netmap:a-1-b", "a-1-b" },
	{ "netmap:eth0.100", "eth0.100" },
	{ "vale0:1", "vale0:1" },
	{ "vale:x", "vale:x" },
	{ "valeSW_1:port", "valeSW_1:port" },
	{ "netmap:eth0{1", "eth0{1" },
	{ "netmap:eth0}in", "eth0}in" },
	{ "vale0:p{7", "vale0:p{7" },
};

static const struct { const char *spec; uint32_t mode; uint16_t ringid; } rings[] = {
	{ "", NR_REG_ALL_NIC, 0 },
	{ "^", NR_REG_SW, 0 },
	{ "^0", NR_REG_ONE_SW, 0 },
	{ "^12", NR_REG_ONE_SW, 12 },
	{ "*", NR_REG_NIC_SW, 0 },
	{ "-0", NR_REG_ONE_NIC, 0 },
	{ "-65535", NR_REG_ONE_NIC, 65535 },
};

static const struct { const char *spec; uint64_t flags; } letters[] = {
	{ "", 0 },
	{ "/x", NR_EXCLUSIVE },
	{ "/z", NR_ZCOPY_MON | NR_MONITOR_TX | NR_MONITOR_RX },
	{ "/t", NR_MONITOR_TX },
	{ "/rt", NR_MONITOR_TX | NR_MONITOR_RX },
	{ "/xR", NR_EXCLUSIVE | NR_RX_RINGS_ONLY },
	{ "/TT", NR_TX_RINGS_ONLY },
};

static const struct { const char *spec; uint16_t mem_id; uint16_t tx, rx; } ends[] = {
	{ "", 0, 0, 0 },
	{ "@1", 1, 0, 0 },
	{ "@65535", 65535, 0, 0 },
	{ "@2@conf:tx-rings=3", 2, 3, 0 },
	{ "@conf:4,rx-rings=2", 0, 4, 2 },
};

static void
check_spec(size_t n, size_t r, size_t l, size_t e)
{
	char spec[200];
	struct nmport_d *d;

	snprintf(spec, sizeof(spec), "%s%s%s%s", names[n].spec, rings[r].spec,
		 letters[l].spec, ends[e].spec);
	d = nmport_prepare(spec);
	check(d && strcmp(d->hdr.nr_name, names[n].name) == 0 &&
	      d->reg.nr_mode == rings[r].mode && d->reg.nr_ringid == rings[r].ringid &&
	      d->reg.nr_flags == letters[l].flags && d->reg.nr_mem_id == ends[e].mem_id &&
	      d->reg.nr_tx_rings == ends[e].tx && d->reg.nr_rx_rings == ends[e].rx &&
	      d->reg.nr_tx_slots == 0 && d->fd == -1 && !d->register_done &&
	      d->hdr.nr_version == NETMAP_API && d->hdr.nr_options == 0 &&
	      d->hdr.nr_reqtype == NETMAP_REQ_REGISTER, "spec %s", spec);
	nmport_undo_prepare(d);
}

static void
good_specs(void)
{
	size_t n, r, l, e;

	for (n = 0; n < ARRAY_LEN(names); n++)
		for (r = 0; r < ARRAY_LEN(rings); r++)
			for (l = 0; l < ARRAY_LEN(letters); l++)
				for (e = 0; e < ARRAY_LEN(ends); e++)
					check_spec(n, r, l, e);
}

static const struct { const char *spec; int err; } bad_specs[] = {
	/* names */
	{ NULL, EINVAL }, { "", EINVAL }, { "eth0", EINVAL }, { "netmap", EINVAL },
	{ "netmap:", EINVAL }, { " netmap:eth0", EINVAL }, { "NETMAP:eth0", EINVAL },
	{ "netmap:-0", EINVAL }, { "netmap:^", EINVAL }, { "netmap:*", EINVAL },
	{ "netmap:/x", EINVAL }, { "netmap:@1", EINVAL }, { "netmap:@conf:1", EINVAL },
	{ "vale", EINVAL }, { "vale0", EINVAL }, { "vale0:", EINVAL },
	{ "vale:", EINVAL }, { "vale0:^", EINVAL }, { "vale-1:x", EINVAL },
	{ "vale0 :x", EINVAL }, { "val0:x", EINVAL }, { "vale0{1", EINVAL },
	{ "netmap:0123456789012345678901234567890123456789012345678901234567890123",
	  EINVAL },
	{ "vale0:012345678901234567890123456789012345678901234567890123456", 0 },
	{ "vale0:0123456789012345678901234567890123456789012345678901234567", EINVAL },
	{ "netmap:012345678901234567890123456789012345678901234567890123456789012", 0 },
	/* pipes */
	{ "netmap:{1", EINVAL }, { "netmap:}1", EINVAL }, { "netmap:eth0{", EINVAL },
	{ "netmap:eth0}", EINVAL }, { "netmap:eth0{1{2", EINVAL },
	{ "netmap:eth0{1}2", EINVAL }, { "netmap:eth0{}", EINVAL },
	{ "netmap:eth0{/x", EINVAL }, { "netmap:eth0{^", EINVAL },
	{ "vale0:{1", EINVAL },
	/* rings */
	{ "netmap:eth0-", EINVAL }, { "netmap:eth0-/x", EINVAL },
	{ "netmap:eth0-@1", EINVAL }, { "netmap:eth0-65536", EINVAL },
	{ "netmap:eth0-99999999999999999999", EINVAL }, { "netmap:eth0^65536", EINVAL },
	{ "netmap:eth0^^", EINVAL }, { "netmap:eth0**", EINVAL },
	{ "netmap:eth0*1", EINVAL }, { "netmap:eth0^-1", EINVAL },
	{ "netmap:eth0*^", EINVAL }, { "netmap:eth0^x", EINVAL },
	{ "netmap:eth0^ ", EINVAL }, { "netmap:eth0-1^", EINVAL },
	{ "netmap:eth0-1*", EINVAL }, { "netmap:eth0-x", 0 }, { "netmap:eth0-1x^", 0 },
	/* letters */
	{ "netmap:eth0/", EINVAL }, { "netmap:eth0/@1", EINVAL },
	{ "netmap:eth0/q", EINVAL }, { "netmap:eth0/x/r", EINVAL },
	{ "netmap:eth0/X", EINVAL }, { "netmap:eth0/x ", EINVAL },
	{ "netmap:eth0/x\x80", EINVAL }, { "netmap:eth0/1", EINVAL },
	/* region and options */
	{ "netmap:eth0@", EINVAL }, { "netmap:eth0@65536", EINVAL },
	{ "netmap:eth0@1x", EINVAL }, { "netmap:eth0@-1", EINVAL },
	{ "netmap:eth0@1/x", EINVAL }, { "netmap:eth0@1@", EINVAL },
	{ "netmap:eth0@1@2", EINVAL }, { "netmap:eth0@nosuch:1", EINVAL },
	{ "netmap:eth0@nosuch", EINVAL }, { "netmap:eth0@con:1", EINVAL },
	{ "netmap:eth0@CONF:1", EINVAL }, { "netmap:eth0@:", EINVAL },
	{ "netmap:eth0@conf", EINVAL }, { "netmap:eth0@conf:", EINVAL },
	{ "netmap:eth0@conf:1@", EINVAL }, { "netmap:eth0@conf:1@@conf:1", EINVAL },
	{ "netmap:eth0@conf:x", EINVAL }, { "netmap:eth0@conf:-1", EINVAL },
	{ "netmap:eth0@conf:1x", EINVAL }, { "netmap:eth0@conf:65536", EINVAL },
	{ "netmap:eth0@conf:rings", EINVAL }, { "netmap:eth0@conf:rings=", EINVAL },
	{ "netmap:eth0@conf:=1", EINVAL }, { "netmap:eth0@conf:=", EINVAL },
	{ "netmap:eth0@conf:rings==1", EINVAL }, { "netmap:eth0@conf:ring=1", EINVAL },
	{ "netmap:eth0@conf:1,2", EINVAL }, { "netmap:eth0@conf:1,rings=2", EINVAL },
	{ "netmap:eth0@conf:1,", EINVAL }, { "netmap:eth0@conf:,1", EINVAL },
	{ "netmap:eth0@conf:,", EINVAL },
	{ "netmap:eth0@conf:rings=1,,slots=2", EINVAL },
	{ "netmap:eth0@conf:slots=4294967296", EINVAL },
	{ "netmap:eth0@conf:slots=18446744073709551617", EINVAL },
	{ "netmap:eth0@conf:slots=1,slots=1", EINVAL },
	{ "netmap:eth0@conf:slots=0x10", EINVAL }, { "netmap:eth0@conf:slots= 1", EINVAL },
	{ "netmap:eth0@share", EINVAL }, { "netmap:eth0@share:", EINVAL },
	{ "netmap:eth0@share:port=", EINVAL }, { "netmap:eth0@share:{1", EINVAL },
	{ "netmap:eth0@share:netmap:", EINVAL },
	{ "netmap:eth0@extmem:", EINVAL }, { "netmap:eth0@extmem:buf-num=1", EINVAL },
	{ "netmap:eth0@extmem:/dev/null,buf-num=x", EINVAL },
	{ "netmap:eth0@extmem:/nonexistent/file", ENOENT },
	{ "netmap:eth0@extmem:file=/dev", EISDIR },
	{ "netmap:eth0@offset:8", EOPNOTSUPP }, { "netmap:eth0@offset", EOPNOTSUPP },
};

/* With err 0: a good one, for comparison with its neighbours. */
static void
check_bad_spec(const char *spec, int err)
{
	struct nmport_d *d;

	messages = 0;
	message[0] = '\0';
	errno = 0;
	d = nmport_prepare(spec);
	check(err ? !d && errno == err && messages == 1 && strlen(message) > 10 :
	      d && messages == 0, "refused %s (%s)", spec ? spec : "NULL", message);
	nmport_undo_prepare(d);
}

/* Every prefix of a good spec must be taken or refused, never anything else. */
static void
prefixes(const char *spec)
{
	char *copy = strdup(spec);
	int odd = 0;
	size_t len;

	for (len = strlen(spec); len > 0; len--) {
		struct nmport_d *d;

		copy[len] = '\0';
		messages = 0;
		d = nmport_prepare(copy);
		odd += d ? messages != 0 : messages != 1;
		nmport_undo_prepare(d);
	}
	check(odd == 0 && blocks == 0, "all prefixes of %s", spec);
	free(copy);
}

/* Random bytes of the grammar's own alphabet, the same on each run. */
static void
random_specs(void)
{
	static const char *const words[] = {
		"netmap:", "vale", ":", "eth0", "{", "}", "1", "99999", "^", "*", "-",
		"/", "x", "z", "@", "conf", "share", "extmem", "=", ",", "rings",
		"slots", " ", "\xff", "\n", "%s%n",
	};
	uint32_t seed = 12345;
	int i, odd = 0;

	for (i = 0; i < 20000; i++) {
		char spec[300] = "";
		struct nmport_d *d;
		int n;

		if (i % 2)
			strcpy(spec, "netmap:eth0");
		for (n = (int)(seed >> 28); n >= 0; n--) {
			seed = seed * 1664525 + 1013904223;
			strcat(spec, words[(seed >> 8) % ARRAY_LEN(words)]);
		}
		messages = 0;
		d = nmport_prepare(spec);
		odd += d ? messages != 0 : messages < 1;
		nmport_undo_prepare(d);
	}
	check(odd == 0 && blocks == 0, "20000 random specs");
}

static void
conf_values(void)
{
	static const struct { const char *conf; uint32_t want[6]; } cases[] = {
		/* tx, rx, host tx, host rx rings, tx, rx slots */
		{ "rings=3", { 3, 3, 0, 0, 0, 0 } },
		{ "rings=3,tx-rings=1", { 1, 3, 0, 0, 0, 0 } },
		{ "tx-rings=1,rings=3", { 1, 3, 0, 0, 0, 0 } },
		{ "host-rings=2", { 0, 0, 2, 2, 0, 0 } },
		{ "host-tx-rings=5,host-rx-rings=6", { 0, 0, 5, 6, 0, 0 } },
		{ "slots=4294967295", { 0, 0, 0, 0, UINT32_MAX, UINT32_MAX } },
		{ "slots=64,rx-slots=128", { 0, 0, 0, 0, 64, 128 } },
		{ "65535,slots=1", { 65535, 65535, 0, 0, 1, 1 } },
		{ "0", { 0, 0, 0, 0, 0, 0 } },
		{ "1@conf:slots=2@conf:tx-rings=3", { 3, 1, 0, 0, 2, 2 } },
	};
	char spec[100];
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const uint32_t *w = cases[i].want;
		struct nmport_d *d;

		snprintf(spec, sizeof(spec), "netmap:e@conf:%s", cases[i].conf);
		d = nmport_prepare(spec);
		check(d && d->reg.nr_tx_rings == w[0] && d->reg.nr_rx_rings == w[1] &&
		      d->reg.nr_host_tx_rings == w[2] && d->reg.nr_host_rx_rings == w[3] &&
		      d->reg.nr_tx_slots == w[4] && d->reg.nr_rx_slots == w[5],
		      "values of %s", spec);
		nmport_close(d);
	}
}

/* A parser of the test's own, and what it was called with. */
static struct nmreq_parse_ctx seen;
static int calls, callback_err;

static int
callback(struct nmreq_parse_ctx *p)
{
	static char copies[NMREQ_OPT_MAXKEYS][32];
	int i;

	calls++;
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
		calls = callback_err = 0;
		errno = 0;
		rc = nmreq_options_decode(t[i].opt, &full, &seen, &test_ctx);
		check((t[i].err ? rc == -1 && errno == t[i].err : rc == 0) &&
		      calls == t[i].calls && blocks == 0 && (rc || calls == 0 ||
		      (seen.token == &seen && seen.ctx == &test_ctx &&
		       (t[i].value ? seen.keys[t[i].key] && strcmp(seen.keys[t[i].key],
						t[i].value) == 0 : !seen.keys[t[i].key]))),
		      "options '%s'", t[i].opt);
	}
	callback_err = EDQUOT;
	calls = 0;
	rc = nmreq_options_decode("@plain@plain", &full, NULL, &test_ctx);
	check(rc == -1 && errno == EDQUOT && calls == 1, "a parser's error ends it");
	callback_err = 0;
	plain.flags |= NMREQ_OPTF_DISABLED;
	rc = nmreq_options_decode("@plain", &full, NULL, &test_ctx);
	check(rc == -1 && errno == EOPNOTSUPP, "a disabled option");
	rc = nmreq_options_decode("@plain", NULL, NULL, &test_ctx);
	check(rc == -1 && errno == EINVAL, "no parsers at all");
	check(nmreq_options_decode("", NULL, NULL, &test_ctx) == 0, "nothing to parse");
}

static void
decode_moves(void)
{
	const char *start = "netmap:eth0{2-3/x@4@conf:1", *p = start, *q;
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_tx_slots = 9 };
	struct nmreq_header hdr;

	nmreq_header_init(&hdr, NETMAP_REQ_REGISTER, &reg);
	check(nmreq_header_decode(&p, &hdr, &test_ctx) == 0 && p == start + 13 &&
	      strcmp(hdr.nr_name, "eth0{2") == 0, "header_decode moves past the name");
	check(nmreq_register_decode(&p, &reg, &test_ctx) == 0 &&
	      strcmp(p, "@conf:1") == 0 && reg.nr_mode == NR_REG_ONE_NIC &&
	      reg.nr_ringid == 3 && reg.nr_mem_id == 4 && reg.nr_tx_slots == 9,
	      "register_decode moves past the region");
	q = p = "/x";
	memset(&reg, 0, sizeof(reg));
	reg.nr_mode = NR_REG_NULL;
	check(nmreq_register_decode(&p, &reg, &test_ctx) == 0 && *p == '\0' &&
	      reg.nr_mode == NR_REG_NULL, "register_decode keeps a mode");
	q = p = "^1/xq";
	reg.nr_flags = 0;
	check(nmreq_register_decode(&p, &reg, &test_ctx) == -1 && p == q &&
	      reg.nr_mode == NR_REG_NULL && reg.nr_flags == 0 && errno == EINVAL,
	      "a failed register_decode changes nothing");
	q = p = "eth0";
	check(nmreq_header_decode(&p, &hdr, &test_ctx) == -1 && p == q &&
	      strcmp(hdr.nr_name, "eth0{2") == 0, "a failed header_decode changes nothing");
	p = "";
	reg.nr_mode = 0;
	check(nmreq_register_decode(&p, &reg, &test_ctx) == 0 &&
	      reg.nr_mode == NR_REG_ALL_NIC, "register_decode of nothing");
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
	check_bad_spec("netmap:e@offset:64,bits=65", EINVAL);
	check_bad_spec("netmap:e@offset:64,bits=4", EINVAL);
	check_bad_spec("netmap:e@offset:bits=4", EINVAL);
	check_bad_spec("netmap:e@offset:18446744073709551615", 0);
	check_bad_spec("netmap:e@offset:18446744073709551616", EINVAL);
	check_bad_spec("netmap:e@offset:1@offset:1", EBUSY);
	check(nmport_disable_option("offset") == 0, "disable offset");
	check_bad_spec("netmap:e@offset:64", EOPNOTSUPP);
	check(nmport_disable_option("conf") == 0, "disable conf");
	check_bad_spec("netmap:e@conf:1", EOPNOTSUPP);
	check(nmport_enable_option("conf") == 0, "enable conf");
	check_bad_spec("netmap:e@conf:1", 0);
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
	check_bad_spec(spec, EBUSY);
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

/* Fails the first allocation, then the second, until all of them succeed. */
static void
malloc_walk(const char *spec)
{
	struct nmport_d *d = NULL;
	int good = 1;

	for (fail_at = 1; fail_at < 100; fail_at++) {
		allocations = 0;
		messages = 0;
		errno = 0;
		d = nmport_prepare(spec);
		if (d) {
			nmport_undo_prepare(d);
			good &= blocks == 0;
			if (allocations < fail_at)
				break;
		}
		good &= !d && errno == ENOMEM && messages > 0 && blocks == 0;
	}
	check(good && d, "each of %ld allocations failing: %s", fail_at - 1, spec);
	fail_at = 0;
}

int
main(void)
{
	FILE *file = tmpfile();
	char spec[200];
	size_t i;

	if (file == NULL || ftruncate(fileno(file), 65536)) {
		perror("tmpfile");
		return 1;
	}
	snprintf(extmem_file, sizeof(extmem_file), "/proc/self/fd/%d", fileno(file));
	nmctx_set_default(&test_ctx);
	good_specs();
	for (i = 0; i < ARRAY_LEN(bad_specs); i++)
		check_bad_spec(bad_specs[i].spec, bad_specs[i].err);
	snprintf(spec, sizeof(spec), "valeab:c}d-12/xzrtRT@34@conf:rings=5,slots=6,"
		 "host-rings=7@extmem:%s,buf-num=8", extmem_file);
	prefixes(spec);
	random_specs();
	conf_values();
	option_syntax();
	decode_moves();
	option_lists();
	offsets();
	extmem();
	states();
	contexts();
	malloc_walk("netmap:eth0");
	malloc_walk(spec);
	check(blocks == 0, "no memory left behind");
	fclose(file);
	printf("1..%d\n", checks);
	return failures != 0;
}
