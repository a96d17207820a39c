/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnetmap: ports by name. See libnetmap(3).
 *
 * A port specification is (spaces only for reading)
 *
 *	netmap:NAME | valeS:P   {ID | }ID   ^ | ^N | * | -N   /letters   @N   @option...
 *
 *	{ID }ID		master, slave end of pipe ID under that port
 *	^ ^N * -N	host rings, host ring pair N, NIC and host rings, NIC ring pair N
 *	/letters	x exclusive, z zero-copy monitor, t r copy monitor of tx, rx,
 *			R T bind rx, tx rings only
 *	@N		use memory region N
 *	@share:PORT  @conf:rings=..,..  @extmem:file=..,..  @offset:initial=..,..
 *
 * Unless said otherwise: functions that return a pointer return NULL, those
 * that return an int return -1 on failure, with errno set and a sentence
 * given to the error callback of the context. The names, the structs and their
 * layouts are those of netmap's own library, so programs built against either
 * run with the other. Different ports may be used by different threads at once
 * after nmctx_set_threadsafe(); one port by one thread at a time.
 */
#ifndef LIBNETMAP_H
#define LIBNETMAP_H

#include <stddef.h>
#include <stdint.h>

#include <net/netmap.h>
#include <net/netmap_user.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct nmctx;
struct nmem_d;
struct nmport_cleanup_d;
struct nmport_d;

/*
 * A port. The library writes all fields; those up to reg are the program's to
 * change between nmport_prepare() and nmport_open_desc(), and cur_*_ring at
 * any time.
 */
struct nmport_d {
	struct nmreq_header hdr;	/* the register request, its options */
	struct nmreq_register reg;	/* and its body, in and out */

	struct nmem_d *mem;		/* the mapping, shared between ports */
	struct nmctx *ctx;
	int register_done;		/* steps that were done */
	int mmap_done;
	struct nmreq_opt_extmem *extmem; /* option EXTMEM in hdr, or NULL */

	int fd;				/* for poll and ioctl; -1 when closed */
	struct netmap_if *nifp;
	uint16_t first_tx_ring;		/* rings that are bound: first to last. */
	uint16_t last_tx_ring;		/* None: first is 1, last is 0 */
	uint16_t first_rx_ring;
	uint16_t last_rx_ring;
	uint16_t cur_tx_ring;		/* ring that nmport_inject() tries first */
	uint16_t cur_rx_ring;		/* for the program's use */

	struct nmport_cleanup_d *clist;	/* private: undone by _undo_parse() */
};

/*
 * nmport_open: opens, registers and maps the port.
 * nmport_close: the reverse; NULL is allowed. The rings, and every descriptor's
 * pointers into the mapping if it was the last user of it, are gone.
 */
struct nmport_d *nmport_open(const char *portspec);
void nmport_close(struct nmport_d *d);

/*
 * Puts one packet of size bytes into a tx ring, in as many slots as it needs
 * (at most NETMAP_MAX_FRAGS), beginning with the ring that was used last. Does
 * not sync, except when all rings are full: once. Returns size, or 0 when
 * there is no room or the packet is empty or too long; errno is left alone.
 */
int nmport_inject(struct nmport_d *d, const void *buf, size_t size);

/*
 * nmport_open() in two steps, to change the request between them. _prepare
 * parses; _open_desc registers and maps. _undo_open_desc leaves a prepared
 * port, that may be opened again; _undo_prepare frees it.
 */
struct nmport_d *nmport_prepare(const char *portspec);
int nmport_open_desc(struct nmport_d *d);
void nmport_undo_prepare(struct nmport_d *d);
void nmport_undo_open_desc(struct nmport_d *d);

/*
 * The single steps. Each _undo_ may be called any number of times, and undoes
 * nothing that was not done.
 *
 * nmport_new: a blank port, with the default context. ENOMEM.
 * nmport_parse: fills hdr and reg, with options. EINVAL for a bad spec, EBUSY if
 *	the port is registered; for @share also the errors of PORT_INFO_GET, for
 *	@extmem those of open and mmap. On failure the port is as new.
 * nmport_register: opens the control device and binds. The errno of open or
 *	of the request; the sentence is the device's own where it has one. EBUSY
 *	when it is bound already.
 * nmport_mmap: maps the region, or shares the mapping that another port of this
 *	context has of the same region. EINVAL if not registered, EBUSY if mapped.
 * nmport_delete: frees the port; the steps must have been undone. NULL is allowed.
 */
struct nmport_d *nmport_new(void);
int nmport_parse(struct nmport_d *d, const char *portspec);
void nmport_undo_parse(struct nmport_d *d);
int nmport_register(struct nmport_d *d);
void nmport_undo_register(struct nmport_d *d);
int nmport_mmap(struct nmport_d *d);
void nmport_undo_mmap(struct nmport_d *d);
void nmport_delete(struct nmport_d *d);

/*
 * A new port with the request of d (which may be in any state), neither
 * registered nor mapped. The rings of d, if it was registered, are asked for
 * with the same counts and region. Options are not copied: EINVAL if the port
 * has an external memory.
 */
struct nmport_d *nmport_clone(struct nmport_d *d);

/*
 * For a port that is not registered yet: use size bytes at base as the memory
 * region. The memory stays the caller's, and must outlive the registration.
 * EBUSY if it has an external memory, EINVAL for a NULL base or zero size.
 */
int nmport_extmem(struct nmport_d *d, void *base, size_t size);

/* The same with a mapping of the file, unmapped by nmport_undo_parse(). */
int nmport_extmem_from_file(struct nmport_d *d, const char *fname);

/*
 * Pool sizes of the external memory: to be set before, read after
 * registration. NULL, without an error, if the port has none. Owned by the port.
 */
struct nmreq_pools_info *nmport_extmem_getinfo(struct nmport_d *d);

/*
 * For a port that is not registered yet: packets start at offsets in their
 * buffers. initial: of every slot at the start; maxoff: the largest that will
 * be used; bits: of slot.ptr that hold it, 0 all 64; mingap: bytes that stay
 * free past a received packet. EINVAL if initial > maxoff, or if they
 * do not fit in bits; EBUSY if given twice.
 */
int nmport_offset(struct nmport_d *d, uint64_t initial, uint64_t maxoff,
		  uint64_t bits, uint64_t mingap);

/*
 * Which @options nmport_parse() understands, for the whole program. All but
 * "offset" are on at start. EOPNOTSUPP for a name that is not one.
 */
int nmport_enable_option(const char *opt);
int nmport_disable_option(const char *opt);

/* A request of this type, version 14, with that body and no name or options. */
void nmreq_header_init(struct nmreq_header *hdr, uint16_t reqtype, void *body);

/*
 * Parse the parts of a specification. On success *ppspec is moved past the part,
 * on failure nothing is changed. EINVAL.
 *
 * nmreq_header_decode: prefix, name and pipe end, into nr_name. The other fields
 *	are left alone.
 * nmreq_register_decode: rings, letters and region, into nr_mode, nr_ringid,
 *	nr_flags, nr_mem_id, the others are left alone. Without rings in the
 *	spec the mode is ALL_NIC, unless reg has one already. The region only
 *	if given.
 */
int nmreq_header_decode(const char **ppspec, struct nmreq_header *hdr,
			struct nmctx *ctx);
int nmreq_register_decode(const char **ppspec, struct nmreq_register *reg,
			  struct nmctx *ctx);

/*
 * Which region the port uses that *ppspec begins with; "netmap:" may be left out.
 * Moves *ppspec past the name. Returns the region, or -1 with the errno of open
 * or of PORT_INFO_GET.
 */
int32_t nmreq_get_mem_id(const char **ppspec, struct nmctx *ctx);

/* Parsers of options: @prefix:key=value,key=value,... */
#define NMREQ_OPT_MAXKEYS	16

struct nmreq_parse_ctx {
	struct nmctx *ctx;
	void *token;				/* as given to _options_decode */
	const char *keys[NMREQ_OPT_MAXKEYS];	/* values by key id, or NULL;
						 * valid during the callback */
};

typedef int (*nmreq_opt_parser_cb)(struct nmreq_parse_ctx *);

struct nmreq_opt_key {
	const char *key;		/* its name */
	int id;				/* index in nmreq_parse_ctx.keys */
	unsigned int flags;
#define NMREQ_OPTK_ALLOWEMPTY	1U	/* may have no value: keys[id] is "" */
#define NMREQ_OPTK_MUSTSET	2U	/* must be there */
#define NMREQ_OPTK_DEFAULT	4U	/* this is the default key */
};

struct nmreq_opt_parser {
	const char *prefix;		/* the name of the option */
	nmreq_opt_parser_cb parse;	/* 0, or -1 with errno */
	int default_key;		/* id of the key whose name may be left
					 * out when it comes first, or -1 */
	int nr_keys;			/* keys in use */
	unsigned int flags;
#define NMREQ_OPTF_DISABLED	1U	/* fails with EOPNOTSUPP */
#define NMREQ_OPTF_ALLOWEMPTY	2U	/* may have no keys at all */
	struct nmreq_opt_parser *next;	/* the list of parsers */
	struct nmreq_opt_key keys[NMREQ_OPT_MAXKEYS];
} __attribute__((aligned(16)));

/*
 * Parses a sequence of @options, "" included, and calls the parser of each, in
 * order. EINVAL for bad syntax, unknown options, unknown, repeated or missing
 * keys; EOPNOTSUPP for a disabled one; ENOMEM; whatever a parser sets. What
 * earlier parsers did stays done.
 */
int nmreq_options_decode(const char *opt, struct nmreq_opt_parser *parsers,
			 void *token, struct nmctx *ctx);

/*
 * The list of options of a request. None of these fail.
 * push: at the head; the option must outlive the request.
 * remove: if it is there. find: the first of this type, or NULL.
 * free: empties the list, and gives every option to nmctx_free() of the
 * default context, so all must have come from its nmctx_malloc().
 */
void nmreq_push_option(struct nmreq_header *hdr, struct nmreq_option *opt);
void nmreq_remove_option(struct nmreq_header *hdr, struct nmreq_option *opt);
struct nmreq_option *nmreq_find_option(struct nmreq_header *hdr, uint32_t reqtype);
void nmreq_free_options(struct nmreq_header *hdr);

/* A name for the type, for messages: never NULL, static. */
const char *nmreq_option_name(uint32_t reqtype);

/* for each option o_ of header h_; o_ may not be removed meanwhile */
#define nmreq_foreach_option(h_, o_)					\
	for ((o_) = (struct nmreq_option *)(uintptr_t)(h_)->nr_options;	\
	     (o_) != NULL;						\
	     (o_) = (struct nmreq_option *)(uintptr_t)(o_)->nro_next)

/* A mapping of a region. Private; shared by the ports of one context. */
struct nmem_d {
	uint16_t mem_id;
	int refcount;
	void *mem;
	size_t size;
	int is_extmem;		/* the memory is not ours to unmap */
	struct nmem_d *next;
	struct nmem_d *prev;
};

/*
 * What the library takes from its program. Callbacks get the context itself, so
 * it can be the first member of something larger.
 */
struct nmctx {
	int verbose;		/* the program's, for its callbacks */
	void (*error)(struct nmctx *, const char *);	/* a sentence, no \n;
							 * NULL: silence */
	void *(*malloc)(struct nmctx *, size_t);	/* NULL: malloc */
	void (*free)(struct nmctx *, void *);		/* NULL: free */
	void (*lock)(struct nmctx *, int);	/* 1 lock, 0 unlock; may be NULL */
	struct nmem_d *mem_descs;	/* private, under lock: the mappings */
};

/*
 * nmctx_get: the default context, used by nmport_new(). At first one that prints
 *	to stderr, with plain malloc and free, without lock.
 * nmctx_set_default: makes ctx the default, NULL: the first one again. Returns
 *	the old one. ctx must outlive the ports that use it. Not thread safe:
 *	call it before threads are made.
 * nmctx_set_threadsafe: gives the current default context a lock of the library,
 *	from then on threads can open and close ports at once. Likewise.
 * nmctx_ferror: formats a sentence, at most 1023 characters, for ctx->error;
 *	keeps errno.
 * The others call the callbacks. nmctx_free(ctx, NULL) is allowed.
 */
struct nmctx *nmctx_get(void);
struct nmctx *nmctx_set_default(struct nmctx *ctx);
void nmctx_set_threadsafe(void);
void nmctx_ferror(struct nmctx *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void *nmctx_malloc(struct nmctx *ctx, size_t size);
void nmctx_free(struct nmctx *ctx, void *ptr);
void nmctx_lock(struct nmctx *ctx);
void nmctx_unlock(struct nmctx *ctx);

#ifdef __LP64__
NM_ABI_SIZE(nmport_d, 216);
NM_ABI_SIZE(nmctx, 48);
NM_ABI_SIZE(nmem_d, 48);
NM_ABI_SIZE(nmreq_opt_key, 16);
NM_ABI_SIZE(nmreq_opt_parser, 304);
NM_ABI_SIZE(nmreq_parse_ctx, 144);
#endif

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* LIBNETMAP_H */
