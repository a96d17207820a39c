/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The @options of a port specification: @name:key=value,key=value,... split
 * and checked against a list of parsers, which are then called.
 */
#include <errno.h>
#include <string.h>

#include "nmlib.h"

static struct nmreq_opt_parser *
find_parser(struct nmreq_opt_parser *list, const char *name)
{
	while (list && strcmp(list->prefix, name))
		list = list->next;
	return list;
}

/* Programs make parsers too: keys that have no place are not there. */
static const struct nmreq_opt_key *
find_key(const struct nmreq_opt_parser *parser, const char *name)
{
	const struct nmreq_opt_key *k;
	int i;

	for (i = 0; i < parser->nr_keys && i < NMREQ_OPT_MAXKEYS; i++) {
		k = &parser->keys[i];
		if (k->id >= 0 && k->id < NMREQ_OPT_MAXKEYS && k->key &&
		    strcmp(k->key, name) == 0)
			return k;
	}
	return NULL;
}

static const struct nmreq_opt_key *
default_key(const struct nmreq_opt_parser *parser)
{
	const struct nmreq_opt_key *k;
	int i;

	for (i = 0; i < parser->nr_keys && i < NMREQ_OPT_MAXKEYS; i++) {
		k = &parser->keys[i];
		if (k->id >= 0 && k->id < NMREQ_OPT_MAXKEYS &&
		    (k->id == parser->default_key || (k->flags & NMREQ_OPTK_DEFAULT)))
			return k;
	}
	return NULL;
}

/* One key=value, key or, if it is the first, value. */
static int
decode_item(struct nmreq_opt_parser *parser, char *item, int first,
	    struct nmreq_parse_ctx *pctx)
{
	const struct nmreq_opt_key *k;
	char *value = strchr(item, '=');

	if (value) {
		*value++ = '\0';
		k = find_key(parser, item);
	} else {
		k = find_key(parser, item);
		if (k && (k->flags & NMREQ_OPTK_ALLOWEMPTY)) {
			value = item + strlen(item);
		} else {
			value = item;
			k = first ? default_key(parser) : NULL;
		}
	}
	if (k == NULL) {
		nmctx_ferror(pctx->ctx, "option %s: '%s' is not one of its keys",
			     parser->prefix, item);
		return -1;
	}
	if (*value == '\0' && !(k->flags & NMREQ_OPTK_ALLOWEMPTY)) {
		nmctx_ferror(pctx->ctx, "option %s: '%s' has no value",
			     parser->prefix, k->key);
		return -1;
	}
	if (pctx->keys[k->id]) {
		nmctx_ferror(pctx->ctx, "option %s: '%s' is given twice",
			     parser->prefix, k->key);
		return -1;
	}
	pctx->keys[k->id] = value;
	return 0;
}

static int
check_must_set(const struct nmreq_opt_parser *parser, struct nmreq_parse_ctx *pctx)
{
	const struct nmreq_opt_key *k;
	int i;

	for (i = 0; i < parser->nr_keys && i < NMREQ_OPT_MAXKEYS; i++) {
		k = &parser->keys[i];
		if (!(k->flags & NMREQ_OPTK_MUSTSET) || k->id < 0 ||
		    k->id >= NMREQ_OPT_MAXKEYS || pctx->keys[k->id])
			continue;
		nmctx_ferror(pctx->ctx, "option %s: '%s' must be given",
			     parser->prefix, k->key);
		return -1;
	}
	return 0;
}

/* One option, without its @; text is cut to pieces. */
static int
decode_option(char *text, struct nmreq_opt_parser *parsers,
	      struct nmreq_parse_ctx *pctx)
{
	struct nmreq_opt_parser *parser;
	char *item = strchr(text, ':'), *next;
	int first;

	if (item)
		*item++ = '\0';
	parser = find_parser(parsers, text);
	errno = EINVAL;
	if (parser == NULL) {
		nmctx_ferror(pctx->ctx, "there is no option '%s'", text);
		return -1;
	}
	if (parser->flags & NMREQ_OPTF_DISABLED) {
		nmctx_ferror(pctx->ctx, "option %s: the program has it off", text);
		errno = EOPNOTSUPP;
		return -1;
	}
	memset(pctx->keys, 0, sizeof(pctx->keys));
	if ((item == NULL || *item == '\0') && !(parser->flags & NMREQ_OPTF_ALLOWEMPTY)) {
		nmctx_ferror(pctx->ctx, "option %s: no value after it", text);
		return -1;
	}
	for (first = 1; item && *item; item = next, first = 0) {
		next = strchr(item, ',');
		if (next)
			*next++ = '\0';
		if (next && *next == '\0') {
			nmctx_ferror(pctx->ctx, "option %s: ends with a comma", text);
			return -1;
		}
		if (*item == '\0') {
			nmctx_ferror(pctx->ctx, "option %s: nothing between two "
				     "commas", text);
			return -1;
		}
		if (decode_item(parser, item, first, pctx))
			return -1;
	}
	if (check_must_set(parser, pctx))
		return -1;
	errno = 0;
	return parser->parse(pctx);
}

int
nmreq_options_decode(const char *opt, struct nmreq_opt_parser *parsers,
		     void *token, struct nmctx *ctx)
{
	struct nmreq_parse_ctx pctx = { .ctx = ctx, .token = token };
	char *copy, *text, *next;
	int rc = 0, err;

	if (*opt == '\0')
		return 0;
	if (*opt != '@') {
		nmctx_ferror(ctx, "%s: options start with @", opt);
		errno = EINVAL;
		return -1;
	}
	copy = lr_nmctx_zalloc(ctx, strlen(opt) + 1);
	if (copy == NULL)
		return -1;
	memcpy(copy, opt, strlen(opt));
	for (text = copy + 1; text && rc == 0; text = next) {
		next = strchr(text, '@');
		if (next)
			*next++ = '\0';
		rc = decode_option(text, parsers, &pctx);
	}
	err = errno;
	nmctx_free(ctx, copy);
	errno = err;
	return rc ? -1 : 0;
}
