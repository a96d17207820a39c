/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program: five instructions that give a packet to the socket of its queue, or to the host where there is none.
 *
 *	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
 *
 * It is attached by a link, never by netlink: a link goes away with its last descriptor. A socket leaves the map by
 * itself when it closes. An interface has room for one program, so processes that use different queues of it share one.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <unistd.h>

#include "af_xdp.h"

#define PROGRAM_NAME "netmap_xsk"

#define INSN(c, dst, src, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (dst), .src_reg = (src), .off = (o), .imm = (i) })

static int load(struct lr_xdp_nic *nic, bool frags)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, nic->map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP,
		    .prog_flags = frags ? BPF_F_XDP_HAS_FRAGS : 0);

	nic->prog = bpf_prog_load(BPF_PROG_TYPE_XDP, PROGRAM_NAME, "Dual BSD/GPL", insns, LR_ARRAY_SIZE(insns), &opts);
	nic->frags = frags;
	return nic->prog < 0 ? nic->prog : 0;
}

static int load_why(int err, struct lr_why *why)
{
	if (err == -EPERM || err == -EACCES)
		return lr_why(why, -EPERM, "no permission to load XDP programs (needs CAP_BPF and CAP_NET_ADMIN)");
	return lr_why(why, err, "cannot load an XDP program: %s", strerror(-err));
}

int lr_xdp_program_load(struct lr_xdp_nic *nic, struct lr_why *why)
{
	int err;

	nic->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "netmap_xsks", sizeof(uint32_t), sizeof(int), nic->queues, NULL);
	if (nic->map < 0) {
		err = nic->map;
		nic->map = -1;
		return load_why(err, why);
	}
	err = load(nic, true);
	if (err == -EINVAL)
		err = load(nic, false); /* Linux before 5.18 */
	if (!err)
		return 0;
	nic->prog = -1;
	lr_xdp_program_unload(nic);
	return load_why(err, why);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void lr_xdp_program_unload(struct lr_xdp_nic *nic)
{
	lr_xdp_detach(nic);
	close_fd(&nic->prog);
	close_fd(&nic->map);
}

static int attach_mode(struct lr_xdp_nic *nic, uint32_t mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode);

	nic->link = bpf_link_create(nic->prog, (int)nic->dev->index, BPF_XDP, &opts);
	if (nic->link >= 0)
		return 0;
	nic->link = -1;
	return -errno;
}

/* What is attached to the interface: its id, and what it is. False: nothing, or we may not know. */
static bool attached(const struct lr_xdp_nic *nic, struct bpf_prog_info *info, uint32_t *map_id)
{
	uint32_t len = sizeof(*info), id = 0;
	int fd;

	memset(info, 0, sizeof(*info));
	if (bpf_xdp_query_id((int)nic->dev->index, 0, &id) < 0 || !id)
		return false;
	info->nr_map_ids = 1;
	info->map_ids = (uintptr_t)map_id;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, info, &len);
		close(fd);
	}
	info->id = id;
	return true;
}

static bool is_netmap(const struct bpf_prog_info *info)
{
	return strcmp(info->name, PROGRAM_NAME) == 0 && info->nr_map_ids == 1;
}

static int busy(const struct lr_xdp_nic *nic, struct lr_why *why)
{
	const char *dev = nic->dev->name;
	struct bpf_prog_info info;
	uint32_t map;

	if (attached(nic, &info, &map) && is_netmap(&info))
		return lr_why(why, -EBUSY,
			      "another process receives from %s through netmap, and sharing it needs CAP_SYS_ADMIN",
			      dev);
	return lr_why(why, -EBUSY,
		      "%s has an XDP program: id %u%s%s. End what attached it, or run 'ip link set dev %s xdp off', "
		      "or set NETMAP_NIC=af_packet",
		      dev, info.id, info.name[0] ? ", " : "", info.name, dev);
}

/* The link by which a program is attached; -ENOENT when there is none (any more). */
static int find_link(uint32_t prog_id)
{
	struct bpf_link_info info;
	uint32_t id = 0, len;

	while (bpf_link_get_next_id(id, &id) == 0) {
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_LINK_TYPE_XDP &&
		    info.prog_id == prog_id)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

/*
 * Another process receives from other queues through netmap: its program serves us, too. With a descriptor of the link we
 * keep it attached when that process ends. Fails with -EBUSY when it is no program of ours, -ENOENT when it has just gone.
 */
static int join(struct lr_xdp_nic *nic)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, how);
	struct bpf_prog_info info;
	uint32_t map_id = 0;

	if (!attached(nic, &info, &map_id))
		return -ENOENT;
	if (!is_netmap(&info))
		return -EBUSY;
	nic->link = find_link(info.id);
	if (nic->link < 0)
		return -ENOENT;
	nic->their_map = bpf_map_get_fd_by_id(map_id);
	if (nic->their_map < 0) {
		close_fd(&nic->link);
		return -ENOENT;
	}
	nic->generic = bpf_xdp_query((int)nic->dev->index, 0, &how) == 0 && how.attach_mode == XDP_ATTACHED_SKB;
	if (nic->generic)
		lr_text(nic->no_native, sizeof(nic->no_native), "as another process has it");
	return 0;
}

/* Why the driver did not want the program, in few words. */
static const char *no_native(int err)
{
	switch (err) {
	case -EOPNOTSUPP: return "not supported by the driver";
	case -ERANGE: return "MTU of the interface or its peer too large";
	case -ENOSPC: return "fewer rx queues than the peer has tx queues";
	default: return strerror(-err);
	}
}

/* Native before generic. -EBUSY: something is attached already. */
static int attach(struct lr_xdp_nic *nic, struct lr_why *why)
{
	int err = attach_mode(nic, XDP_FLAGS_DRV_MODE);

	if (err && err != -EBUSY && err != -EEXIST) {
		lr_text(nic->no_native, sizeof(nic->no_native), "%s", no_native(err));
		err = attach_mode(nic, XDP_FLAGS_SKB_MODE);
		nic->generic = true;
	} else {
		nic->generic = false;
	}
	if (!err || err == -EBUSY || err == -EEXIST)
		return err ? -EBUSY : 0;
	return lr_why(why, err,
		      "cannot attach an XDP program to %s: %s; native XDP: %s. NETMAP_NIC=af_packet does without",
		      nic->dev->name, strerror(-err), nic->no_native);
}

int lr_xdp_attach(struct lr_xdp_nic *nic, struct lr_why *why)
{
	int err = -EBUSY, tries;

	if (nic->link >= 0)
		return 0;
	/* Who is there may go between our attempts. */
	for (tries = 0; tries < 3 && err == -EBUSY; tries++) {
		err = attach(nic, why);
		if (err == -EBUSY && join(nic) == 0)
			return 0;
	}
	return err == -EBUSY ? busy(nic, why) : err;
}

void lr_xdp_detach(struct lr_xdp_nic *nic)
{
	close_fd(&nic->link);
	close_fd(&nic->their_map);
}

int lr_xdp_redirect(struct lr_xdp_queue *q, struct lr_why *why)
{
	int map = q->nic->their_map >= 0 ? q->nic->their_map : q->nic->map;

	if (bpf_map_update_elem(map, &q->index, &q->fd, 0) == 0)
		return 0;
	return lr_why(why, -errno, "cannot direct queue %u of %s to its socket: %s", q->index, q->nic->dev->name,
		      strerror(errno));
}
