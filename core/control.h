/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Control requests: everything but sync and poll. One lock for all of it.
 */
#ifndef LR_CONTROL_H
#define LR_CONTROL_H

#include <net/netmap.h>
#include <net/netmap_linerate.h>

#include "core/file.h"

/* Before first use and after last. */
int lr_core_init(void);
void lr_core_fini(void);

/* The control lock: first in the order, taken in process context only. */
void lr_control_lock(void);
void lr_control_unlock(void);
void lr_control_assert_locked(void);

/* Locks m, one of several that its holder takes at once. */
void lr_control_lock_too(struct os_mutex *m);

/* NIOCCTRL: header, body, options. */
int lr_control_ioctl(struct lr_file *f, uint64_t arg);
/* NIOCREGIF, NIOCGINFO, NIOCREG on struct nmreq. */
int lr_legacy_ioctl(struct lr_file *f, unsigned long cmd, uint64_t arg);

/* --- What both of them do; control lock held -------------------------------------------- */

/* A register request: in, as the program wrote it; out, as it was granted. */
struct lr_register {
	struct nmreq_register reg;
	const char *name;
	struct lr_port *port;	/* out: bound, and not yet published */
	bool classic;		/* head := cur, avail comes back */
	bool host_hole;		/* API below 14: macros count on one host ring */
};

/*
 * Binds f; register.c. Sync and poll know of it once it has ended well, which is when the program has its answer: another
 * thread may be in them from then on, so that only close can undo it. Between the two f takes no other binding.
 */
int lr_register(struct lr_file *f, struct lr_register *req, struct lr_why *why);
/* err: the program could not be answered, all of it is undone. */
void lr_register_end(struct lr_file *f, struct lr_port *p, int err);
/* The descriptor is being closed; it is bound. */
void lr_unregister(struct lr_file *f);

/* What to return, and to say later, when not even the request can be read. Control lock not held. */
int lr_control_unreadable(struct lr_file *f);

/* A name as it came from a program, in `room` bytes: has an end, and no character that no port can have. */
int lr_name_check(const char *name, size_t room, struct lr_why *why);

/* A reference to the port of that name: as it is, or as it would be opened. */
int lr_port_named(const char *name, struct lr_port **out, struct lr_why *why);

/* What the port is like; with an empty name the global region only. */
int lr_port_info(const char *name, struct nmreq_port_info_get *info, struct lr_why *why);

/* --- Options of a NIOCCTRL request. option.c ------------------------------------------------ */

#define LR_OPTIONS_MAX (NETMAP_REQ_MAXSIZE / sizeof(struct nmreq_option))

struct lr_options {
	unsigned int n;
	uint32_t size;			/* of all, and the body */
	uint64_t reason_text;		/* where the reason goes, and how much of it */
	uint32_t reason_len;
	struct {
		uint64_t uaddr;
		uint32_t reqtype, status;
	} opt[LR_OPTIONS_MAX];
};

/*
 * Copies the list in and checks its form and that all options can be used with this request; what is wrong is in
 * their status. opts->size counts the body already.
 */
int lr_options_in(struct lr_options *opts, uint64_t list, uint16_t reqtype, struct lr_why *why);
/* Writes every status back, and the reason. */
int lr_options_out(const struct lr_options *opts, const struct lr_why *why);

#endif
