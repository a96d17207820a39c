/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports by name. A port goes through these states, and back:
 *
 *	new ──parse──► prepared ──register──► registered ──mmap──► open
 *
 * Each way back undoes what was done and nothing else, so it can be called in any
 * state and any number of times.
 */
#include <errno.h>
#include <string.h>

#include "nmlib.h"

static void
reset_request(struct nmport_d *d)
{
	memset(&d->reg, 0, sizeof(d->reg));
	nmreq_header_init(&d->hdr, NETMAP_REQ_REGISTER, &d->reg);
}

static struct nmport_d *
new_with_ctx(struct nmctx *ctx)
{
	struct lr_nmport *port = lr_nmctx_zalloc(ctx, sizeof(*port));

	if (port == NULL)
		return NULL;
	port->d.ctx = ctx;
	port->d.fd = -1;
	reset_request(&port->d);
	return &port->d;
}

struct nmport_d *
nmport_new(void)
{
	return new_with_ctx(nmctx_get());
}

void
nmport_delete(struct nmport_d *d)
{
	if (d == NULL)
		return;
	nmport_undo_open_desc(d);
	nmport_undo_parse(d);
	nmctx_free(d->ctx, d);
}

int
nmport_parse(struct nmport_d *d, const char *portspec)
{
	const char *p = portspec;
	int err;

	if (portspec == NULL || d->register_done) {
		errno = portspec ? EBUSY : EINVAL;
		nmctx_ferror(d->ctx, "%s", portspec ? "this port is registered" :
			     "no port specification");
		return -1;
	}
	if (nmreq_header_decode(&p, &d->hdr, d->ctx) ||
	    nmreq_register_decode(&p, &d->reg, d->ctx) ||
	    nmreq_options_decode(p, lr_nmport_parsers(), d, d->ctx)) {
		err = errno;
		nmport_undo_parse(d);
		errno = err;
		return -1;
	}
	return 0;
}

void
nmport_undo_parse(struct nmport_d *d)
{
	struct nmport_cleanup_d *c;

	/* The device may be using what the options point to. */
	nmport_undo_open_desc(d);
	while ((c = d->clist)) {
		d->clist = c->next;
		c->run(c, d);
	}
	reset_request(d);
}

struct nmport_d *
nmport_prepare(const char *portspec)
{
	struct nmport_d *d = nmport_new();
	int err;

	if (d == NULL)
		return NULL;
	if (nmport_parse(d, portspec)) {
		err = errno;
		nmport_delete(d);
		errno = err;
		return NULL;
	}
	return d;
}

void
nmport_undo_prepare(struct nmport_d *d)
{
	nmport_delete(d);
}

int
nmport_open_desc(struct nmport_d *d)
{
	int err;

	if (nmport_register(d))
		return -1;
	if (nmport_mmap(d)) {
		err = errno;
		nmport_undo_register(d);
		errno = err;
		return -1;
	}
	return 0;
}

void
nmport_undo_open_desc(struct nmport_d *d)
{
	nmport_undo_mmap(d);
	nmport_undo_register(d);
}

struct nmport_d *
nmport_open(const char *portspec)
{
	struct nmport_d *d = nmport_prepare(portspec);
	int err;

	if (d == NULL)
		return NULL;
	if (nmport_open_desc(d)) {
		err = errno;
		nmport_delete(d);
		errno = err;
		return NULL;
	}
	return d;
}

void
nmport_close(struct nmport_d *d)
{
	nmport_delete(d);
}

struct nmport_d *
nmport_clone(struct nmport_d *d)
{
	struct nmport_d *c;

	if (d->extmem) {
		errno = EINVAL;
		nmctx_ferror(d->ctx, "%s: a port with external memory can't be cloned",
			     d->hdr.nr_name);
		return NULL;
	}
	c = new_with_ctx(d->ctx);
	if (c == NULL)
		return NULL;
	memcpy(c->hdr.nr_name, d->hdr.nr_name, sizeof(c->hdr.nr_name));
	c->reg = d->reg;
	c->reg.nr_offset = 0;
	c->reg.nr_memsize = 0;
	/* Extra buffers are a list of their own for each who asks. */
	c->reg.nr_extra_bufs = 0;
	return c;
}
