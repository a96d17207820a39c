/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The legacy ioctls on struct nmreq, NIOCREGIF and NIOCGINFO, and the classic NIOCREG: translated to the requests
 * of today.
 */
#include "core/control.h"
#include "core/vale_nic.h"
#include "core/vale_request.h"

#define OLDEST_API 11	/* versions that a struct nmreq may have */
#define NEWEST_API 15

/* Before nr_flags had a mode, bits of nr_ringid said what to bind. */
static uint32_t legacy_mode(const struct nmreq *r)
{
	uint32_t mode = r->nr_flags & NR_REG_MASK;

	if (mode != NR_REG_DEFAULT)
		return mode;
	if (r->nr_ringid & NETMAP_SW_RING)
		return NR_REG_SW;
	if (r->nr_ringid & NETMAP_HW_RING)
		return NR_REG_ONE_NIC;
	return NR_REG_ALL_NIC;
}

static void to_register(const struct nmreq *r, struct nmreq_register *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->nr_tx_slots = r->nr_tx_slots;
	reg->nr_rx_slots = r->nr_rx_slots;
	reg->nr_tx_rings = r->nr_tx_rings;
	reg->nr_rx_rings = r->nr_rx_rings;
	reg->nr_mem_id = r->nr_arg2;
	reg->nr_ringid = r->nr_ringid & NETMAP_RING_MASK;
	reg->nr_mode = legacy_mode(r);
	reg->nr_extra_bufs = r->nr_arg3;
	reg->nr_flags = r->nr_flags & ~(uint32_t)NR_REG_MASK;
	if (r->nr_ringid & NETMAP_NO_TX_POLL)
		reg->nr_flags |= NR_NO_TX_POLL;
	if (r->nr_ringid & NETMAP_DO_RX_POLL)
		reg->nr_flags |= NR_DO_RX_POLL;
}

static void from_register(const struct nmreq_register *reg, struct nmreq *r)
{
	r->nr_offset = (uint32_t)reg->nr_offset;
	r->nr_memsize = (uint32_t)reg->nr_memsize;
	r->nr_tx_slots = reg->nr_tx_slots;
	r->nr_rx_slots = reg->nr_rx_slots;
	r->nr_tx_rings = reg->nr_tx_rings;
	r->nr_rx_rings = reg->nr_rx_rings;
	r->nr_arg2 = reg->nr_mem_id;
	r->nr_arg3 = reg->nr_extra_bufs;
}

/* The struct has 32 bits for the region's size and the netmap_if's place in it. */
static int check_size(const struct lr_register *req, struct lr_why *why)
{
	if (req->reg.nr_memsize <= UINT32_MAX)
		return 0;
	return lr_why(why, -EOVERFLOW, "the memory region is larger than a legacy request can say: lower buf_num, or use NIOCCTRL");
}

static int legacy_register(struct lr_file *f, struct nmreq *r, struct lr_register *req, struct lr_why *why)
{
	int err;

	req->host_hole = !req->classic && r->nr_version < NETMAP_API;
	to_register(r, &req->reg);
	err = lr_register(f, req, why);
	if (!err)
		err = check_size(req, why);
	if (!err)
		from_register(&req->reg, r);
	return err;
}

static int legacy_info(struct nmreq *r, const char *name, struct lr_why *why)
{
	struct nmreq_port_info_get info;
	int err = lr_port_info(name, &info, why);

	if (err)
		return err;
	r->nr_offset = 0;
	r->nr_memsize = (uint32_t)info.nr_memsize;
	r->nr_tx_slots = info.nr_tx_slots;
	r->nr_rx_slots = info.nr_rx_slots;
	r->nr_tx_rings = info.nr_tx_rings;
	r->nr_rx_rings = info.nr_rx_rings;
	r->nr_arg2 = info.nr_mem_id;
	return 0;
}

/* The length of virtio-net headers, in nr_arg1. */
static int legacy_header(struct nmreq *r, bool set, struct lr_why *why)
{
	struct lr_port *p;
	uint32_t len = r->nr_arg1;
	int err = lr_port_named(r->nr_name, &p, why);

	if (err)
		return err;
	err = lr_port_header(p, &len, set, why);
	if (!err)
		r->nr_arg1 = (uint16_t)len;
	lr_port_put(p);
	return err;
}

/* The numbers of a port and its switch, in nr_arg1 and nr_arg2. */
static int legacy_list(struct nmreq *r, struct lr_why *why)
{
	struct nmreq_vale_list list = { .nr_bridge_idx = r->nr_arg1, .nr_port_idx = r->nr_arg2 };
	char name[NETMAP_REQ_IFNAMSIZ];
	int err;

	lr_text(name, sizeof(name), "%s", r->nr_name);
	err = lr_vale_list(name, &list, why);
	if (err)
		return err;
	lr_text(r->nr_name, sizeof(r->nr_name), "%s", name);
	r->nr_arg1 = list.nr_bridge_idx;
	r->nr_arg2 = (uint16_t)list.nr_port_idx;
	return 0;
}

/* An interface on a switch, with its host rings if nr_arg1 says so; or off it again. */
static int legacy_attach(struct nmreq *r, bool on, struct lr_why *why)
{
	struct nmreq_vale_attach attach = { .reg.nr_mode = r->nr_arg1 & NETMAP_BDG_HOST ? NR_REG_NIC_SW : NR_REG_ALL_NIC };
	struct nmreq_vale_detach detach = { 0 };

	return on ? lr_vale_attach(r->nr_name, &attach, why) : lr_vale_detach(r->nr_name, &detach, why);
}

static int legacy_newif(const struct nmreq *r, struct lr_why *why)
{
	struct nmreq_vale_newif newif = {
		.nr_tx_slots = r->nr_tx_slots, .nr_rx_slots = r->nr_rx_slots, .nr_tx_rings = r->nr_tx_rings,
		.nr_rx_rings = r->nr_rx_rings, .nr_mem_id = r->nr_arg2,
	};

	return lr_vale_newif(r->nr_name, &newif, why);
}

/* nr_cmd: requests of another kind in the same struct. */
static int legacy_command(struct nmreq *r, struct lr_why *why)
{
	switch (r->nr_cmd) {
	case NETMAP_VNET_HDR_GET:
	case NETMAP_BDG_VNET_HDR:
		return legacy_header(r, r->nr_cmd == NETMAP_BDG_VNET_HDR, why);
	case NETMAP_BDG_LIST:
		return legacy_list(r, why);
	case NETMAP_BDG_ATTACH:
	case NETMAP_BDG_DETACH:
		return legacy_attach(r, r->nr_cmd == NETMAP_BDG_ATTACH, why);
	case NETMAP_BDG_NEWIF:
		return legacy_newif(r, why);
	case NETMAP_BDG_DELIF:
		return lr_vale_delif(r->nr_name, why);
	default:
		return lr_why(why, -EOPNOTSUPP, "nr_cmd %u is not in this version", r->nr_cmd);
	}
}

/* The classic struct is uninitialised but for its name. */
static void classic_init(struct nmreq *r)
{
	char name[sizeof(r->nr_name)];

	memcpy(name, r->nr_name, sizeof(name));
	memset(r, 0, sizeof(*r));
	memcpy(r->nr_name, name, sizeof(name));
	r->nr_version = NETMAP_API;
}

static int legacy_run(struct lr_file *f, unsigned long cmd, struct nmreq *r, struct lr_register *req, struct lr_why *why)
{
	int err;

	if (cmd == NIOCREG)
		classic_init(r);
	if (r->nr_version < OLDEST_API || r->nr_version > NEWEST_API) {
		uint32_t asked = r->nr_version;

		r->nr_version = NETMAP_API;
		return lr_why(why, -EINVAL, "API version %u was asked for, this is version %u", asked, NETMAP_API);
	}
	err = lr_name_check(r->nr_name, sizeof(r->nr_name), why);
	if (err)
		return err;
	if (cmd == NIOCGINFO)
		return legacy_info(r, r->nr_name, why);
	if (r->nr_cmd)
		return legacy_command(r, why);
	req->name = r->nr_name;
	req->classic = cmd == NIOCREG;
	return legacy_register(f, r, req, why);
}

int lr_legacy_ioctl(struct lr_file *f, unsigned long cmd, uint64_t arg)
{
	struct lr_register req = { .port = NULL };
	struct lr_why why = { "" };
	struct nmreq r;
	int err;

	if (os_copyin(&r, arg, sizeof(r)) < 0)
		return lr_control_unreadable(f);
	lr_control_lock();
	err = legacy_run(f, cmd, &r, &req, &why);
	lr_control_unlock();
	if (!err)
		why.text[0] = '\0';	/* what failed on the way was mended */
	if (os_copyout(arg, &r, sizeof(r)) < 0)
		err = lr_why(&why, -EFAULT, "the request is at an address that cannot be written");
	lr_control_lock();
	f->why = why;
	if (req.port)
		lr_register_end(f, req.port, err);
	lr_control_unlock();
	return err;
}
