/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The @options of ports (share, conf, extmem, offset), and the calls that do the
 * same for a program. What they add to the request is taken back by the port's
 * list of cleanups.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nmlib.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* An option of the request, freed with the parse. */
struct owned_option {
	struct nmport_cleanup_d cleanup;
	union {
		struct nmreq_option head;
		struct nmreq_opt_extmem extmem;
		struct nmreq_opt_offsets offsets;
	} u;
};

struct mapped_file {
	struct nmport_cleanup_d cleanup;
	void *mem;
	size_t size;
};

static void
drop_option(struct nmport_cleanup_d *c, struct nmport_d *d)
{
	struct owned_option *o = (struct owned_option *)c;

	nmreq_remove_option(&d->hdr, &o->u.head);
	if (d->extmem == &o->u.extmem)
		d->extmem = NULL;
	nmctx_free(d->ctx, o);
}

static void
drop_file(struct nmport_cleanup_d *c, struct nmport_d *d)
{
	struct mapped_file *f = (struct mapped_file *)c;

	munmap(f->mem, f->size);
	nmctx_free(d->ctx, f);
}

/* A blank option of this type in the request of d, which has none of it yet. */
static struct owned_option *
add_option(struct nmport_d *d, uint32_t reqtype)
{
	const char *name = nmreq_option_name(reqtype);
	struct owned_option *o;

	if (d->register_done || nmreq_find_option(&d->hdr, reqtype)) {
		errno = EBUSY;
		nmctx_ferror(d->ctx, "option %s: %s", name, d->register_done ?
			     "the port is registered" : "given twice");
		return NULL;
	}
	o = lr_nmctx_zalloc(d->ctx, sizeof(*o));
	if (o == NULL)
		return NULL;
	o->u.head.nro_reqtype = reqtype;
	o->cleanup.run = drop_option;
	nmreq_push_option(&d->hdr, &o->u.head);
	lr_nmport_add_cleanup(d, &o->cleanup);
	return o;
}

int
nmport_extmem(struct nmport_d *d, void *base, size_t size)
{
	struct owned_option *o;

	if (base == NULL || size == 0) {
		errno = EINVAL;
		nmctx_ferror(d->ctx, "option extmem: no memory at all");
		return -1;
	}
	o = add_option(d, NETMAP_REQ_OPT_EXTMEM);
	if (o == NULL)
		return -1;
	d->extmem = &o->u.extmem;
	d->extmem->nro_usrptr = (uintptr_t)base;
	d->extmem->nro_info.nr_memsize = size;
	return 0;
}

/* Maps all of a file; the caller has the sentence printed. */
static void *
map_file(const char *fname, size_t *size)
{
	void *mem = MAP_FAILED;
	struct stat st;
	int fd, err;

	fd = open(fname, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	if (fstat(fd, &st) == 0) {
		*size = (size_t)st.st_size;
		mem = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	err = errno;
	close(fd);
	errno = err;
	return mem;
}

int
nmport_extmem_from_file(struct nmport_d *d, const char *fname)
{
	struct mapped_file *f = lr_nmctx_zalloc(d->ctx, sizeof(*f));
	int err;

	if (f == NULL)
		return -1;
	f->cleanup.run = drop_file;
	f->mem = map_file(fname, &f->size);
	if (f->mem == MAP_FAILED) {
		nmctx_ferror(d->ctx, "option extmem: %s: %s", fname, strerror(errno));
		goto err_free;
	}
	if (nmport_extmem(d, f->mem, f->size))
		goto err_unmap;
	/*
	 * Cleanups run from the last to the first: the file goes before the
	 * option, which only points to it, and after the registration.
	 */
	lr_nmport_add_cleanup(d, &f->cleanup);
	return 0;

err_unmap:
	err = errno;
	munmap(f->mem, f->size);
	errno = err;
err_free:
	err = errno;
	nmctx_free(d->ctx, f);
	errno = err;
	return -1;
}

struct nmreq_pools_info *
nmport_extmem_getinfo(struct nmport_d *d)
{
	return d->extmem ? &d->extmem->nro_info : NULL;
}

int
nmport_offset(struct nmport_d *d, uint64_t initial, uint64_t maxoff,
	      uint64_t bits, uint64_t mingap)
{
	struct owned_option *o;

	if (initial > maxoff || bits > 64 ||
	    (bits > 0 && bits < 64 && maxoff >> bits)) {
		errno = EINVAL;
		nmctx_ferror(d->ctx, "option offsets: initial %llu, largest %llu in "
			     "%llu bits", (unsigned long long)initial,
			     (unsigned long long)maxoff, (unsigned long long)bits);
		return -1;
	}
	o = add_option(d, NETMAP_REQ_OPT_OFFSETS);
	if (o == NULL)
		return -1;
	o->u.offsets.nro_max_offset = maxoff;
	o->u.offsets.nro_initial_offset = initial;
	o->u.offsets.nro_offset_bits = (uint32_t)bits;
	o->u.offsets.nro_min_gap = mingap;
	return 0;
}

/* A value that is a number up to max; a key that is not there leaves *out. */
static int
decode_number(struct nmreq_parse_ctx *p, int key, uint64_t max, uint64_t *out)
{
	const char *value = p->keys[key], *c;
	uint64_t n = 0;

	if (value == NULL)
		return 0;
	for (c = value; *c >= '0' && *c <= '9'; c++) {
		uint64_t digit = (uint64_t)(*c - '0');

		if (n > (max - digit) / 10)
			break;
		n = n * 10 + digit;
	}
	if (c == value || *c) {
		errno = EINVAL;
		nmctx_ferror(p->ctx, "'%s' is not a number from 0 to %llu", value,
			     (unsigned long long)max);
		return -1;
	}
	*out = n;
	return 0;
}

static int
parse_share(struct nmreq_parse_ctx *p)
{
	struct nmport_d *d = p->token;
	const char *port = p->keys[0];
	int32_t mem_id = nmreq_get_mem_id(&port, p->ctx);

	if (mem_id < 0)
		return -1;
	if (*port) {
		errno = EINVAL;
		nmctx_ferror(p->ctx, "option share: '%s' after the port's name", port);
		return -1;
	}
	if (d->reg.nr_mem_id && d->reg.nr_mem_id != mem_id) {
		errno = EINVAL;
		nmctx_ferror(p->ctx, "option share: region %d, but %u was asked for",
			     (int)mem_id, d->reg.nr_mem_id);
		return -1;
	}
	d->reg.nr_mem_id = (uint16_t)mem_id;
	return 0;
}

enum {
	CONF_RINGS, CONF_TX_RINGS, CONF_RX_RINGS,
	CONF_HOST_RINGS, CONF_HOST_TX_RINGS, CONF_HOST_RX_RINGS,
	CONF_SLOTS, CONF_TX_SLOTS, CONF_RX_SLOTS,
};

/* The general key sets both directions, then each its own. */
static int
parse_conf(struct nmreq_parse_ctx *p)
{
	struct nmreq_register *r = &((struct nmport_d *)p->token)->reg;
	uint64_t v[9] = {
		0, r->nr_tx_rings, r->nr_rx_rings,
		0, r->nr_host_tx_rings, r->nr_host_rx_rings,
		0, r->nr_tx_slots, r->nr_rx_slots,
	};
	int general, key;

	for (general = CONF_RINGS; general <= CONF_SLOTS; general += 3) {
		uint64_t max = general == CONF_SLOTS ? UINT32_MAX : UINT16_MAX;

		for (key = general + 1; key <= general + 2; key++)
			if (decode_number(p, general, max, &v[key]) ||
			    decode_number(p, key, max, &v[key]))
				return -1;
	}
	r->nr_tx_rings = (uint16_t)v[CONF_TX_RINGS];
	r->nr_rx_rings = (uint16_t)v[CONF_RX_RINGS];
	r->nr_host_tx_rings = (uint16_t)v[CONF_HOST_TX_RINGS];
	r->nr_host_rx_rings = (uint16_t)v[CONF_HOST_RX_RINGS];
	r->nr_tx_slots = (uint32_t)v[CONF_TX_SLOTS];
	r->nr_rx_slots = (uint32_t)v[CONF_RX_SLOTS];
	return 0;
}

enum {
	EXTMEM_FILE, EXTMEM_IF_NUM, EXTMEM_IF_SIZE, EXTMEM_RING_NUM,
	EXTMEM_RING_SIZE, EXTMEM_BUF_NUM, EXTMEM_BUF_SIZE,
};

static int
parse_extmem(struct nmreq_parse_ctx *p)
{
	struct nmport_d *d = p->token;
	struct nmreq_pools_info *info;
	uint64_t v[EXTMEM_BUF_SIZE + 1] = { 0 };
	int key;

	for (key = EXTMEM_IF_NUM; key <= EXTMEM_BUF_SIZE; key++)
		if (decode_number(p, key, UINT32_MAX, &v[key]))
			return -1;
	if (nmport_extmem_from_file(d, p->keys[EXTMEM_FILE]))
		return -1;
	info = nmport_extmem_getinfo(d);
	info->nr_if_pool_objtotal = (uint32_t)v[EXTMEM_IF_NUM];
	info->nr_if_pool_objsize = (uint32_t)v[EXTMEM_IF_SIZE];
	info->nr_ring_pool_objtotal = (uint32_t)v[EXTMEM_RING_NUM];
	info->nr_ring_pool_objsize = (uint32_t)v[EXTMEM_RING_SIZE];
	info->nr_buf_pool_objtotal = (uint32_t)v[EXTMEM_BUF_NUM];
	info->nr_buf_pool_objsize = (uint32_t)v[EXTMEM_BUF_SIZE];
	return 0;
}

enum { OFFSET_INITIAL, OFFSET_BITS };

static int
parse_offset(struct nmreq_parse_ctx *p)
{
	uint64_t initial = 0, bits = 0;

	if (decode_number(p, OFFSET_INITIAL, UINT64_MAX, &initial) ||
	    decode_number(p, OFFSET_BITS, 64, &bits))
		return -1;
	return nmport_offset(p->token, initial, initial, bits, 0);
}

static struct nmreq_opt_parser parsers[] = {
	{
		.prefix = "share", .parse = parse_share, .nr_keys = 1,
		.next = &parsers[1],
		.keys = { { "port", 0, NMREQ_OPTK_DEFAULT | NMREQ_OPTK_MUSTSET } },
	},
	{
		.prefix = "conf", .parse = parse_conf, .nr_keys = 9,
		.next = &parsers[2],
		.keys = {
			{ "rings", CONF_RINGS, NMREQ_OPTK_DEFAULT },
			{ "tx-rings", CONF_TX_RINGS, 0 },
			{ "rx-rings", CONF_RX_RINGS, 0 },
			{ "host-rings", CONF_HOST_RINGS, 0 },
			{ "host-tx-rings", CONF_HOST_TX_RINGS, 0 },
			{ "host-rx-rings", CONF_HOST_RX_RINGS, 0 },
			{ "slots", CONF_SLOTS, 0 },
			{ "tx-slots", CONF_TX_SLOTS, 0 },
			{ "rx-slots", CONF_RX_SLOTS, 0 },
		},
	},
	{
		.prefix = "extmem", .parse = parse_extmem, .nr_keys = 7,
		.next = &parsers[3],
		.keys = {
			{ "file", EXTMEM_FILE, NMREQ_OPTK_DEFAULT | NMREQ_OPTK_MUSTSET },
			{ "if-num", EXTMEM_IF_NUM, 0 },
			{ "if-size", EXTMEM_IF_SIZE, 0 },
			{ "ring-num", EXTMEM_RING_NUM, 0 },
			{ "ring-size", EXTMEM_RING_SIZE, 0 },
			{ "buf-num", EXTMEM_BUF_NUM, 0 },
			{ "buf-size", EXTMEM_BUF_SIZE, 0 },
		},
	},
	{
		.prefix = "offset", .parse = parse_offset, .nr_keys = 2,
		.flags = NMREQ_OPTF_DISABLED,
		.keys = {
			{ "initial", OFFSET_INITIAL, NMREQ_OPTK_DEFAULT | NMREQ_OPTK_MUSTSET },
			{ "bits", OFFSET_BITS, 0 },
		},
	},
};

struct nmreq_opt_parser *
lr_nmport_parsers(void)
{
	return parsers;
}

static int
set_option(const char *opt, unsigned int disabled)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(parsers); i++) {
		if (strcmp(parsers[i].prefix, opt))
			continue;
		parsers[i].flags = (parsers[i].flags & ~NMREQ_OPTF_DISABLED) | disabled;
		return 0;
	}
	errno = EOPNOTSUPP;
	nmctx_ferror(nmctx_get(), "there is no option '%s'", opt);
	return -1;
}

int
nmport_enable_option(const char *opt)
{
	return set_option(opt, 0);
}

int
nmport_disable_option(const char *opt)
{
	return set_option(opt, NMREQ_OPTF_DISABLED);
}
