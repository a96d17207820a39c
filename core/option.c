/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The options of a NIOCCTRL request: a list in the program's memory, which may be anything.
 */
#include "core/control.h"

/* Size of the whole option; options not named here have just the head. */
static uint32_t option_size(const struct nmreq_option *o)
{
	switch (o->nro_reqtype) {
	case NETMAP_REQ_OPT_EXTMEM:
		return sizeof(struct nmreq_opt_extmem);
	case NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS:
		return o->nro_size > NETMAP_REQ_MAXSIZE ? NETMAP_REQ_MAXSIZE + 1 :
		       o->nro_size < sizeof(*o) ? sizeof(*o) : (uint32_t)o->nro_size;
	case NETMAP_REQ_OPT_CSB:
		return sizeof(struct nmreq_opt_csb);
	case NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
		return sizeof(struct nmreq_opt_sync_kloop_mode);
	case NETMAP_REQ_OPT_OFFSETS:
		return sizeof(struct nmreq_opt_offsets);
	case NETMAP_REQ_OPT_REASON:
		return sizeof(struct nmreq_opt_reason);
	default:
		return sizeof(*o);
	}
}

static const char *option_name(uint32_t reqtype)
{
	static const char *const names[] = { "", "EXTMEM", "SYNC_KLOOP_EVENTFDS", "CSB", "SYNC_KLOOP_MODE", "OFFSETS" };

	if (reqtype == NETMAP_REQ_OPT_REASON)
		return "REASON";
	return reqtype && reqtype < LR_ARRAY_SIZE(names) ? names[reqtype] : "unknown";
}

/* The option that carries the reason: its content, and its status. */
static int take_reason(struct lr_options *opts, unsigned int i, struct lr_why *why)
{
	struct nmreq_opt_reason o;

	if (os_copyin(&o, opts->opt[i].uaddr, sizeof(o)) < 0)
		return lr_why(why, -EFAULT, "the option REASON is at an address that cannot be read");
	if (!o.nro_text || !o.nro_len) {
		opts->opt[i].status = EINVAL;
		return lr_why(why, -EINVAL, "the option REASON has no room for text");
	}
	opts->opt[i].status = 0;
	opts->reason_text = o.nro_text;
	opts->reason_len = o.nro_len;
	return 0;
}

static bool is_repeated(const struct lr_options *opts, unsigned int i)
{
	unsigned int j;

	for (j = 0; j < opts->n; j++)
		if (j != i && opts->opt[j].reqtype == opts->opt[i].reqtype)
			return true;
	return false;
}

/* Says of each option whether it can be used. All are looked at: each gets its status. */
static int judge(struct lr_options *opts, uint16_t reqtype, struct lr_why *why)
{
	int err = 0, e;
	unsigned int i;

	for (i = 0; i < opts->n; i++) {
		opts->opt[i].status = EOPNOTSUPP;
		if (is_repeated(opts, i)) {
			opts->opt[i].status = EINVAL;
			e = lr_why(why, -EINVAL, "the option %s (%u) is there twice", option_name(opts->opt[i].reqtype),
				   opts->opt[i].reqtype);
		} else if (opts->opt[i].reqtype == NETMAP_REQ_OPT_REASON) {
			e = take_reason(opts, i, why);
		} else {
			e = lr_why(why, -EOPNOTSUPP, "the option %s (%u) cannot be used with request %u in this version",
				   option_name(opts->opt[i].reqtype), opts->opt[i].reqtype, reqtype);
		}
		if (!err)
			err = e;
	}
	return err;
}

static int read_list(struct lr_options *opts, uint64_t list, struct lr_why *why)
{
	struct nmreq_option o;

	for (; list; list = o.nro_next) {
		if (os_copyin(&o, list, sizeof(o)) < 0)
			return lr_why(why, -EFAULT, "option number %u is at an address that cannot be read", opts->n + 1);
		opts->size += option_size(&o);
		if (opts->size > NETMAP_REQ_MAXSIZE || opts->n == LR_OPTIONS_MAX)
			return lr_why(why, -EMSGSIZE, "body and options take more than %u bytes, or the list of options is circular",
				      NETMAP_REQ_MAXSIZE);
		opts->opt[opts->n].uaddr = list;
		opts->opt[opts->n++].reqtype = o.nro_reqtype;
	}
	return 0;
}

int lr_options_in(struct lr_options *opts, uint64_t list, uint16_t reqtype, struct lr_why *why)
{
	/* Of a list that is no good, those that could be read get their status too, and the reason its text. */
	int err = read_list(opts, list, why), e = judge(opts, reqtype, why);

	return err ? err : e;
}

int lr_options_out(const struct lr_options *opts, const struct lr_why *why)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < opts->n; i++)
		if (os_copyout(opts->opt[i].uaddr + offsetof(struct nmreq_option, nro_status), &opts->opt[i].status,
			       sizeof(opts->opt[i].status)) < 0)
			err = -EFAULT;
	if (opts->reason_len && lr_why_copyout(why, opts->reason_text, opts->reason_len) < 0)
		err = -EFAULT;
	return err;
}
