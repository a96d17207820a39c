/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests: their list of options, and the parts of a port specification that
 * become a request (name, rings, letters, region).
 */
#include <errno.h>
#include <string.h>

#define NETMAP_WITH_LIBS	/* nm_spec_dash, nm_spec_number */
#include "nmlib.h"

void
nmreq_header_init(struct nmreq_header *hdr, uint16_t reqtype, void *body)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->nr_version = NETMAP_API;
	hdr->nr_reqtype = reqtype;
	hdr->nr_body = (uintptr_t)body;
}

void
nmreq_push_option(struct nmreq_header *hdr, struct nmreq_option *opt)
{
	opt->nro_next = hdr->nr_options;
	hdr->nr_options = (uintptr_t)opt;
}

void
nmreq_remove_option(struct nmreq_header *hdr, struct nmreq_option *opt)
{
	uint64_t *link = &hdr->nr_options;

	while (*link) {
		struct nmreq_option *o = (struct nmreq_option *)(uintptr_t)*link;

		if (o == opt) {
			*link = o->nro_next;
			o->nro_next = 0;
			return;
		}
		link = &o->nro_next;
	}
}

struct nmreq_option *
nmreq_find_option(struct nmreq_header *hdr, uint32_t reqtype)
{
	struct nmreq_option *o;

	nmreq_foreach_option(hdr, o)
		if (o->nro_reqtype == reqtype)
			break;
	return o;
}

void
nmreq_free_options(struct nmreq_header *hdr)
{
	struct nmctx *ctx = nmctx_get();
	struct nmreq_option *o;

	while ((o = (struct nmreq_option *)(uintptr_t)hdr->nr_options)) {
		hdr->nr_options = o->nro_next;
		nmctx_free(ctx, o);
	}
}

const char *
nmreq_option_name(uint32_t reqtype)
{
	switch (reqtype) {
	case NETMAP_REQ_OPT_EXTMEM:
		return "extmem";
	case NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS:
		return "sync-kloop-eventfds";
	case NETMAP_REQ_OPT_CSB:
		return "csb";
	case NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
		return "sync-kloop-mode";
	case NETMAP_REQ_OPT_OFFSETS:
		return "offsets";
	case NETMAP_REQ_OPT_REASON:
		return "reason";
	default:
		return "unknown";
	}
}

size_t
lr_nmreq_name_len(const char *spec)
{
	const char *p, *brace = NULL;

	for (p = spec; *p && !strchr("^*/@", *p) && !nm_spec_dash(p); p++) {
		if (*p != '{' && *p != '}')
			continue;
		if (brace || p == spec)
			return 0;
		brace = p;
	}
	if (brace && p == brace + 1)
		return 0;
	return (size_t)(p - spec);
}

/* A switch is named by letters, digits and _; NULL if spec has no such prefix. */
static const char *
after_switch(const char *spec)
{
	static const char word[] = "0123456789_abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (strncmp(spec, NM_BDG_NAME, strlen(NM_BDG_NAME)))
		return NULL;
	spec += strlen(NM_BDG_NAME);
	spec += strspn(spec, word);
	return *spec == ':' ? spec + 1 : NULL;
}

int
nmreq_header_decode(const char **ppspec, struct nmreq_header *hdr,
		    struct nmctx *ctx)
{
	static const char prefix[] = "netmap:";
	const char *spec = *ppspec, *name = spec, *port;
	size_t len;

	if (strncmp(spec, prefix, strlen(prefix)) == 0) {
		port = name = spec + strlen(prefix);
	} else {
		port = after_switch(spec);
		if (port == NULL) {
			nmctx_ferror(ctx, "%s: neither netmap:NAME nor "
				     NM_BDG_NAME "SWITCH:PORT", spec);
			goto err_inval;
		}
	}
	len = lr_nmreq_name_len(port);
	if (len == 0) {
		nmctx_ferror(ctx, "%s: no port name, or a pipe that is not "
			     "NAME{ID or NAME}ID", spec);
		goto err_inval;
	}
	len += (size_t)(port - name);
	if (len >= sizeof(hdr->nr_name)) {
		nmctx_ferror(ctx, "%s: the name has %zu characters, %zu are allowed",
			     spec, len, sizeof(hdr->nr_name) - 1);
		goto err_inval;
	}
	memset(hdr->nr_name, 0, sizeof(hdr->nr_name));
	memcpy(hdr->nr_name, name, len);
	*ppspec = name + len;
	return 0;

err_inval:
	errno = EINVAL;
	return -1;
}

/* ^ ^N * -N. The mode stays 0 if there is none of them. */
static int
decode_rings(const char **p, struct nmreq_register *reg, struct nmctx *ctx)
{
	const char *start = *p;
	uint32_t n;

	switch (*start) {
	case '*':
		reg->nr_mode = NR_REG_NIC_SW;
		++*p;
		return 0;
	case '^':
		++*p;
		if (**p < '0' || **p > '9') {
			reg->nr_mode = NR_REG_SW;
			return 0;
		}
		reg->nr_mode = NR_REG_ONE_SW;
		break;
	case '-':
		++*p;
		reg->nr_mode = NR_REG_ONE_NIC;
		break;
	default:
		return 0;
	}
	if (!nm_spec_number(p, UINT16_MAX, &n)) {
		nmctx_ferror(ctx, "'%s': %c takes the number of a ring, 0 to %u",
			     start, *start, UINT16_MAX);
		return -1;
	}
	reg->nr_ringid = (uint16_t)n;
	return 0;
}

static int
decode_letters(const char **p, struct nmreq_register *reg, struct nmctx *ctx)
{
	static const struct {
		char letter;
		uint32_t flags;
	} letters[] = {
		{ 'x', NR_EXCLUSIVE },
		{ 'z', NR_ZCOPY_MON | NR_MONITOR_TX | NR_MONITOR_RX },
		{ 't', NR_MONITOR_TX },
		{ 'r', NR_MONITOR_RX },
		{ 'R', NR_RX_RINGS_ONLY },
		{ 'T', NR_TX_RINGS_ONLY },
	};
	const char *start = *p;
	size_t i;

	if (*start != '/')
		return 0;
	while (*++*p && **p != '@') {
		for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
			if (letters[i].letter == **p)
				break;
		if (i == sizeof(letters) / sizeof(letters[0])) {
			nmctx_ferror(ctx, "'%s': none of x z t r R T is '%c'",
				     start, **p);
			return -1;
		}
		reg->nr_flags |= letters[i].flags;
	}
	if (*p == start + 1) {
		nmctx_ferror(ctx, "'%s': no letters after the /", start);
		return -1;
	}
	return 0;
}

/* @N; an @ that something else follows is left to the options. */
static int
decode_region(const char **p, struct nmreq_register *reg, struct nmctx *ctx)
{
	const char *start = *p;
	uint32_t n;

	if (start[0] != '@' || start[1] < '0' || start[1] > '9')
		return 0;
	++*p;
	if (!nm_spec_number(p, UINT16_MAX, &n)) {
		nmctx_ferror(ctx, "'%s': @ takes the number of a memory "
			     "region, 0 to %u", start, UINT16_MAX);
		return -1;
	}
	reg->nr_mem_id = (uint16_t)n;
	return 0;
}

int
nmreq_register_decode(const char **ppspec, struct nmreq_register *reg,
		      struct nmctx *ctx)
{
	struct nmreq_register r = *reg;
	const char *p = *ppspec;

	r.nr_mode = NR_REG_DEFAULT;
	if (decode_rings(&p, &r, ctx) || decode_letters(&p, &r, ctx) ||
	    decode_region(&p, &r, ctx))
		goto err_inval;
	if (*p && *p != '@') {
		nmctx_ferror(ctx, "'%s': this part of the port specification "
			     "makes no sense", p);
		goto err_inval;
	}
	if (r.nr_mode == NR_REG_DEFAULT)
		r.nr_mode = reg->nr_mode ? reg->nr_mode : (uint32_t)NR_REG_ALL_NIC;
	*reg = r;
	*ppspec = p;
	return 0;

err_inval:
	errno = EINVAL;
	return -1;
}
