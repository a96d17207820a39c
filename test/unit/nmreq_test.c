/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port specifications, without a device: the cross product of all good parts, a
 * list of bad specs, random ones, and a walk in which the n-th allocation fails,
 * for every n.
 */
#include <unistd.h>

#include "nmreq_check.h"

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

/* Fails the first allocation, then the second, until all of them succeed. */
static void
malloc_walk(const char *spec)
{
	struct nmport_d *d = NULL;
	int good = 1;

	for (fail_at = 1; fail_at < 100; fail_at++) {
		calls = 0;
		messages = 0;
		errno = 0;
		d = nmport_prepare(spec);
		if (d) {
			nmport_undo_prepare(d);
			good &= blocks == 0;
			if (calls < fail_at)
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
	snprintf(spec, sizeof(spec), "valeab:c}d-12/xzrtRT@34@conf:rings=5,slots=6,"
		 "host-rings=7@extmem:/proc/self/fd/%d,buf-num=8", fileno(file));
	nmctx_set_default(&test_ctx);
	good_specs();
	for (i = 0; i < ARRAY_LEN(bad_specs); i++)
		check_bad_spec(bad_specs[i].spec, bad_specs[i].err);
	prefixes(spec);
	random_specs();
	conf_values();
	decode_moves();
	malloc_walk("netmap:eth0");
	malloc_walk(spec);
	check(blocks == 0, "no memory left behind");
	fclose(file);
	printf("1..%d\n", checks);
	return failures != 0;
}
