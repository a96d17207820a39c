/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of libnetmap share and programs don't see. The library knows
 * the device only by name: open("/dev/netmap"), ioctl, mmap, close.
 */
#ifndef LIB_NMLIB_H
#define LIB_NMLIB_H

#include <libnetmap.h>
#include <net/netmap_linerate.h>

/* A step of nmport_undo_parse(). The last one added is run first. */
struct nmport_cleanup_d {
	struct nmport_cleanup_d *next;
	void (*run)(struct nmport_cleanup_d *self, struct nmport_d *d);
};

/* A port as it is allocated. */
struct lr_nmport {
	struct nmport_d d;
	/* The request, for another registration; valid while register_done. */
	struct nmreq_register asked;
};

/*
 * Adds a step to d->clist. Memory of the step is the caller's; run() frees it.
 */
static inline void
lr_nmport_add_cleanup(struct nmport_d *d, struct nmport_cleanup_d *c)
{
	c->next = d->clist;
	d->clist = c;
}

/* The list of parsers of the @options that ports have. */
struct nmreq_opt_parser *lr_nmport_parsers(void);

/* nmctx_malloc, zeroed; on failure ENOMEM and the sentence are set. */
void *lr_nmctx_zalloc(struct nmctx *ctx, size_t size);

/*
 * Opens the control device, or makes a request on it. 0 or more, or -1 with
 * errno and the sentence set: the device's own reason if it has one. hdr is
 * left as it was, apart from what the device writes.
 */
int lr_nmreq_device_open(struct nmctx *ctx);
int lr_nmreq_ask(int fd, struct nmreq_header *hdr, struct nmctx *ctx);

/*
 * Length of the port name at the start of a spec's part, pipe end included: all
 * before rings, letters or options. 0 if it is not well-formed.
 */
size_t lr_nmreq_name_len(const char *spec);

#endif /* LIB_NMLIB_H */
