/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * NIOCCTRL: copies the request in, checks it, does it, copies the answer out. See control.h.
 */
#include "core/control.h"
#include "core/list.h"
#include "core/vale_nic.h"
#include "core/vale_request.h"

static struct os_mutex control;

int lr_core_init(void)
{
	os_mutex_init(&control);
	return 0;
}

void lr_core_fini(void)
{
	lr_vale_clear();
	os_mutex_fini(&control);
}

void lr_control_lock(void)
{
	os_mutex_lock(&control);
}

void lr_control_unlock(void)
{
	os_mutex_unlock(&control);
}

void lr_control_lock_too(struct os_mutex *m)
{
	os_mutex_lock_under(m, &control);
}

void lr_control_assert_locked(void)
{
	os_mutex_assert_held(&control);
}

/*
 * A request on its way: everything copied in once, before the control lock, and out after it. A program can make its
 * memory answer as slowly as it likes: nobody shall wait for that. Too large for a kernel stack.
 */
struct request {
	struct lr_file *file;
	struct nmreq_header hdr;
	uint64_t uaddr;		/* of the header */
	union {
		struct nmreq_register reg;
		struct nmreq_port_info_get port_info;
		struct nmreq_pools_info pools_info;
		struct nmreq_port_hdr port_hdr;
		struct nmreq_vale_attach vale_attach;
		struct nmreq_vale_detach vale_detach;
		struct nmreq_vale_list vale_list;
		struct nmreq_vale_newif vale_newif;
		struct nmreq_vale_polling vale_polling;
		struct nmreq_port_stats stats;
		struct nmreq_list list;
		struct nmreq_reason reason;
		char bytes[128];
	} body;
	struct lr_options opts;
	struct lr_port *bound;	/* by a register request */
	void *array;		/* what a request answers beside its body: so many bytes for that address */
	size_t array_len;
	uint64_t array_to;
	struct lr_why said;	/* what a reason request asks for */
	struct lr_why why;
};

int lr_port_named(const char *name, struct lr_port **out, struct lr_why *why)
{
	struct lr_port_query q = { .name = name, .netns = os_netns_id(), .mode = NR_REG_ALL_NIC };

	*out = lr_port_find(name, q.netns, NULL);
	if (!*out)
		return lr_port_get(&q, out, why);
	lr_port_hold(*out);
	return 0;
}

/* The port named, or with an empty name the one that the descriptor is bound to. */
static int request_port(struct request *req, struct lr_port **out)
{
	if (req->hdr.nr_name[0])
		return lr_port_named(req->hdr.nr_name, out, &req->why);
	*out = req->file->port;
	if (!*out)
		return lr_why(&req->why, -EINVAL, "the request names no port, and the descriptor is bound to none");
	lr_port_hold(*out);
	return 0;
}

int lr_port_info(const char *name, struct nmreq_port_info_get *info, struct lr_why *why)
{
	struct nmreq_pools_info pools;
	struct lr_port *p;
	int err;

	memset(info, 0, sizeof(*info));
	if (!name[0]) {
		lr_region_info(lr_region_find(LR_REGION_GLOBAL), &pools);
		info->nr_memsize = pools.nr_memsize;
		info->nr_mem_id = LR_REGION_GLOBAL;
		return 0;
	}
	err = lr_port_named(name, &p, why);
	if (err)
		return err;
	info->nr_memsize = p->region->size;
	info->nr_tx_slots = p->config.slots[LR_TX];
	info->nr_rx_slots = p->config.slots[LR_RX];
	info->nr_tx_rings = (uint16_t)p->num_rings[LR_TX];
	info->nr_rx_rings = (uint16_t)p->num_rings[LR_RX];
	info->nr_host_tx_rings = (uint16_t)p->num_rings[LR_HOST_TX];
	info->nr_host_rx_rings = (uint16_t)p->num_rings[LR_HOST_RX];
	info->nr_mem_id = p->region->id;
	lr_port_put(p);
	return 0;
}

static int do_register(struct request *req)
{
	struct lr_register r = { .reg = req->body.reg, .name = req->hdr.nr_name };
	int err = lr_register(req->file, &r, &req->why);

	req->body.reg = r.reg;
	req->bound = r.port;
	return err;
}

static int do_port_info(struct request *req)
{
	return lr_port_info(req->hdr.nr_name, &req->body.port_info, &req->why);
}

static int do_pools_info(struct request *req)
{
	struct nmreq_pools_info *info = &req->body.pools_info;
	uint16_t id = info->nr_mem_id ? info->nr_mem_id : LR_REGION_GLOBAL;
	struct lr_region *region;
	struct lr_port *p;
	int err;

	if (req->hdr.nr_name[0]) {
		err = lr_port_named(req->hdr.nr_name, &p, &req->why);
		if (err)
			return err;
		lr_region_info(p->region, info);
		lr_port_put(p);
		return 0;
	}
	region = lr_region_find(id);
	if (!region && id != LR_REGION_GLOBAL)
		return lr_why(&req->why, -EINVAL, "there is no memory region %u", id);
	lr_region_info(region, info);
	return 0;
}

static int do_port_hdr(struct request *req)
{
	struct lr_port *p;
	int err = request_port(req, &p);

	if (err)
		return err;
	err = lr_port_header(p, &req->body.port_hdr.nr_hdr_len, req->hdr.nr_reqtype == NETMAP_REQ_PORT_HDR_SET, &req->why);
	lr_port_put(p);
	return err;
}

static uint32_t count_rings(const struct lr_port *p)
{
	uint32_t n = 0;
	unsigned int k;

	for (k = 0; k < LR_RING_KINDS; k++)
		n += p->num_rings[k];
	return n;
}

/* Zeroed, to go to the program with the answer; NULL without memory. */
static void *make_array(struct request *req, uint32_t n, size_t size, uint64_t to)
{
	req->array = os_zalloc(n * size);
	if (!req->array)
		lr_why(&req->why, -ENOMEM, "no memory for a list of %u", n);
	else
		req->array_len = n * size;
	req->array_to = to;
	return req->array;
}

/* The counters of the first rings, as many as the program has room for. */
static int snapshot(struct request *req, const struct lr_port *p, uint32_t n)
{
	struct nm_ring_stats *to = make_array(req, n, sizeof(*to), req->body.stats.nr_rings);
	unsigned int k;
	uint32_t i;

	if (!to)
		return -ENOMEM;
	for (k = 0; k < LR_RING_KINDS; k++)
		for (i = 0; i < p->num_rings[k] && n; i++, n--)
			lr_ring_stats(&p->ring[k][i], to++);
	return 0;
}

static int do_stats(struct request *req)
{
	struct nmreq_port_stats *s = &req->body.stats;
	uint32_t room = s->nr_rings ? s->nr_count : 0;
	struct lr_port *p;
	int err = request_port(req, &p);

	if (err)
		return err;
	if (p->ops->describe)
		p->ops->describe(p);
	s->nr_count = count_rings(p);
	if (room && s->nr_count)
		err = snapshot(req, p, room < s->nr_count ? room : s->nr_count);
	s->nr_users = p->bound;
	lr_text(s->nr_backend, sizeof(s->nr_backend), "%s", p->backend);
	lr_port_put(p);
	return err;
}

static int do_ports(struct request *req)
{
	struct nmreq_list *l = &req->body.list;
	uint32_t there = lr_list_ports(NULL, 0), n = l->nr_list && l->nr_count < there ? l->nr_count : there;

	if (l->nr_list && n) {
		if (!make_array(req, n, sizeof(struct nm_port_entry), l->nr_list))
			return -ENOMEM;
		lr_list_ports(req->array, n);
	}
	l->nr_count = there;
	lr_text(l->nr_host, sizeof(l->nr_host), "%s", os_host_name());
	return 0;
}

static int do_regions(struct request *req)
{
	struct nmreq_list *l = &req->body.list;
	uint32_t there = lr_list_regions(NULL, 0), n = l->nr_list && l->nr_count < there ? l->nr_count : there;

	if (l->nr_list && n) {
		if (!make_array(req, n, sizeof(struct nm_region_entry), l->nr_list))
			return -ENOMEM;
		lr_list_regions(req->array, n);
	}
	l->nr_count = there;
	lr_text(l->nr_host, sizeof(l->nr_host), "%s", os_host_name());
	return 0;
}

/* Why the request before this one failed. */
static int do_reason(struct request *req)
{
	if (!req->body.reason.nr_text || !req->body.reason.nr_len)
		return lr_why(&req->why, -EINVAL, "the request has no room for text");
	req->said = req->file->why;
	return 0;
}

static int do_vale_list(struct request *req)
{
	return lr_vale_list(req->hdr.nr_name, &req->body.vale_list, &req->why);
}

static int do_vale_attach(struct request *req)
{
	return lr_vale_attach(req->hdr.nr_name, &req->body.vale_attach, &req->why);
}

static int do_vale_detach(struct request *req)
{
	return lr_vale_detach(req->hdr.nr_name, &req->body.vale_detach, &req->why);
}

static int do_vale_newif(struct request *req)
{
	return lr_vale_newif(req->hdr.nr_name, &req->body.vale_newif, &req->why);
}

static int do_vale_delif(struct request *req)
{
	return lr_vale_delif(req->hdr.nr_name, &req->why);
}

static int do_vale_polling(struct request *req)
{
	return lr_vale_polling(req->hdr.nr_name, &req->body.vale_polling, req->hdr.nr_reqtype == NETMAP_REQ_VALE_POLLING_ENABLE,
			       &req->why);
}

static int do_csb(struct request *req)
{
	return lr_why(&req->why, -EOPNOTSUPP, "request %u is for CSB mode, which is not in this version", req->hdr.nr_reqtype);
}

static const struct request_kind {
	uint16_t reqtype, body_size;
	int (*run)(struct request *req);
} request_kinds[] = {
	{ NETMAP_REQ_REGISTER, sizeof(struct nmreq_register), do_register },
	{ NETMAP_REQ_PORT_INFO_GET, sizeof(struct nmreq_port_info_get), do_port_info },
	{ NETMAP_REQ_VALE_ATTACH, sizeof(struct nmreq_vale_attach), do_vale_attach },
	{ NETMAP_REQ_VALE_DETACH, sizeof(struct nmreq_vale_detach), do_vale_detach },
	{ NETMAP_REQ_VALE_LIST, sizeof(struct nmreq_vale_list), do_vale_list },
	{ NETMAP_REQ_PORT_HDR_SET, sizeof(struct nmreq_port_hdr), do_port_hdr },
	{ NETMAP_REQ_PORT_HDR_GET, sizeof(struct nmreq_port_hdr), do_port_hdr },
	{ NETMAP_REQ_VALE_NEWIF, sizeof(struct nmreq_vale_newif), do_vale_newif },
	{ NETMAP_REQ_VALE_DELIF, 0, do_vale_delif },
	{ NETMAP_REQ_VALE_POLLING_ENABLE, sizeof(struct nmreq_vale_polling), do_vale_polling },
	{ NETMAP_REQ_VALE_POLLING_DISABLE, sizeof(struct nmreq_vale_polling), do_vale_polling },
	{ NETMAP_REQ_POOLS_INFO_GET, sizeof(struct nmreq_pools_info), do_pools_info },
	{ NETMAP_REQ_SYNC_KLOOP_START, sizeof(struct nmreq_sync_kloop_start), do_csb },
	{ NETMAP_REQ_SYNC_KLOOP_STOP, 0, do_csb },
	{ NETMAP_REQ_CSB_ENABLE, 0, do_csb },
	{ NETMAP_REQ_PORT_STATS_GET, sizeof(struct nmreq_port_stats), do_stats },
	{ NETMAP_REQ_PORTS_GET, sizeof(struct nmreq_list), do_ports },
	{ NETMAP_REQ_REGIONS_GET, sizeof(struct nmreq_list), do_regions },
	{ NETMAP_REQ_REASON_GET, sizeof(struct nmreq_reason), do_reason },
};

static const struct request_kind *find_kind(uint16_t reqtype)
{
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(request_kinds); i++)
		if (request_kinds[i].reqtype == reqtype)
			return &request_kinds[i];
	return NULL;
}

int lr_name_check(const char *name, size_t room, struct lr_why *why)
{
	size_t len = strnlen(name, room), i;

	if (len == room)
		return lr_why(why, -EINVAL, "the port name has no end: it may have at most %u characters", (unsigned int)room - 1);
	for (i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f || name[i] == '/')
			return lr_why(why, -EINVAL, "the port name has a character (0x%02x) that no name can have", (unsigned char)name[i]);
	return 0;
}

static int check_form(const struct nmreq_header *hdr, const struct request_kind *kind, struct lr_why *why)
{
	if (!kind)
		return lr_why(why, -EINVAL, "there is no request %u", hdr->nr_reqtype);
	if (hdr->nr_reserved)
		return lr_why(why, -EINVAL, "nr_reserved is %u, it must be 0", hdr->nr_reserved);
	if (!hdr->nr_body && kind->body_size)
		return lr_why(why, -EINVAL, "request %u has no body", hdr->nr_reqtype);
	if (hdr->nr_body && !kind->body_size)
		return lr_why(why, -EINVAL, "request %u takes no body", hdr->nr_reqtype);
	return lr_name_check(hdr->nr_name, sizeof(hdr->nr_name), why);
}

/* Everything before the request itself: form, options (one of them may want to know of a bad form), body. */
static int request_in(struct request *req, const struct request_kind *kind)
{
	int err = check_form(&req->hdr, kind, &req->why), e;

	req->opts.size = kind ? kind->body_size : 0;
	e = lr_options_in(&req->opts, req->hdr.nr_options, req->hdr.nr_reqtype, &req->why);
	if (err || e)
		return err ? err : e;
	if (kind->body_size && os_copyin(&req->body, req->hdr.nr_body, kind->body_size) < 0)
		return lr_why(&req->why, -EFAULT, "the body of the request is at an address that cannot be read");
	return 0;
}

static int request_out(struct request *req, const struct request_kind *kind)
{
	if (req->array && os_copyout(req->array_to, req->array, req->array_len) < 0)
		return lr_why(&req->why, -EFAULT, "the list asked for (nr_rings, nr_list) is at an address that cannot be written");
	if (kind->reqtype == NETMAP_REQ_REASON_GET &&
	    lr_why_copyout(&req->said, req->body.reason.nr_text, req->body.reason.nr_len) < 0)
		return lr_why(&req->why, -EFAULT, "nr_text is an address that cannot be written");
	/* The one request that answers with a name. */
	if (kind->reqtype == NETMAP_REQ_VALE_LIST &&
	    os_copyout(req->uaddr + offsetof(struct nmreq_header, nr_name), req->hdr.nr_name, sizeof(req->hdr.nr_name)) < 0)
		return lr_why(&req->why, -EFAULT, "the header of the request is at an address that cannot be written");
	if (!kind->body_size || os_copyout(req->hdr.nr_body, &req->body, kind->body_size) == 0)
		return 0;
	return lr_why(&req->why, -EFAULT, "the body of the request is at an address that cannot be written");
}

/* The request is over, one way or the other. */
static void conclude(struct request *req, const struct request_kind *kind, int err)
{
	lr_control_lock();
	if (!kind || kind->reqtype != NETMAP_REQ_REASON_GET)
		req->file->why = req->why;
	if (req->bound)
		lr_register_end(req->file, req->bound, err);
	lr_control_unlock();
}

static int run(struct request *req)
{
	const struct request_kind *kind = find_kind(req->hdr.nr_reqtype);
	int err = request_in(req, kind), e;

	if (!err) {
		lr_control_lock();
		err = kind->run(req);
		lr_control_unlock();
	}
	if (!err)
		err = request_out(req, kind);
	if (!err)
		req->why.text[0] = '\0';	/* what failed on the way was mended */
	e = lr_options_out(&req->opts, &req->why);
	if (!err && e)
		err = lr_why(&req->why, e, "an option, or its room for text, is at an address that cannot be written");
	conclude(req, kind, err);
	os_free(req->array);
	return err;
}

int lr_control_unreadable(struct lr_file *f)
{
	lr_control_lock();
	f->why.text[0] = '\0';
	lr_why(&f->why, -EFAULT, "the request is at an address that cannot be read");
	lr_control_unlock();
	return -EFAULT;
}

/* The program was built for another version: it is told ours. */
static int wrong_version(struct lr_file *f, struct nmreq_header *hdr, uint64_t arg)
{
	lr_control_lock();
	f->why.text[0] = '\0';
	lr_why(&f->why, -EINVAL, "API version %u was asked for, this is version %u", hdr->nr_version, NETMAP_API);
	lr_control_unlock();
	hdr->nr_version = NETMAP_API;
	return os_copyout(arg, hdr, sizeof(*hdr)) < 0 ? -EFAULT : -EINVAL;
}

int lr_control_ioctl(struct lr_file *f, uint64_t arg)
{
	struct request *req = os_zalloc(sizeof(*req));
	int err;

	if (!req)
		return -ENOMEM;
	req->file = f;
	req->uaddr = arg;
	if (os_copyin(&req->hdr, arg, sizeof(req->hdr)) < 0)
		err = lr_control_unreadable(f);
	else if (req->hdr.nr_version != NETMAP_API)
		err = wrong_version(f, &req->hdr, arg);
	else
		err = run(req);
	os_free(req);
	return err;
}
