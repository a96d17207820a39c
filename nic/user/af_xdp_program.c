/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program: five instructions that give a packet to the socket of its queue, or to the host where there is none.
 *
 *	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
 *
 * It is attached by a link, never by netlink: a link goes away with its last descriptor. A socket leaves the map by
 * itself when it closes.
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
	close_fd(&nic->link);
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

/* The name of a program, "" when it cannot be had. */
static void program_name(uint32_t id, char *name, size_t size)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	name[0] = '\0';
	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
		lr_text(name, size, "%s", info.name);
	close(fd);
}

int lr_xdp_busy(struct lr_xdp_nic *nic, struct lr_why *why)
{
	const char *dev = nic->dev->name;
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;

	if (nic->link < 0)
		bpf_xdp_query_id((int)nic->dev->index, 0, &id);
	if (!id)
		return -EBUSY;
	program_name(id, name, sizeof(name));
	if (strcmp(name, PROGRAM_NAME) == 0)
		return lr_why(why, -EBUSY,
			      "another process receives from %s through netmap (XDP program %u); end it first", dev,
			      id);
	return lr_why(why, -EBUSY,
		      "%s has an XDP program: id %u%s%s. End what attached it, or run 'ip link set dev %s xdp off', "
		      "or set NETMAP_NIC=af_packet",
		      dev, id, name[0] ? ", " : "", name, dev);
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

int lr_xdp_attach(struct lr_xdp_nic *nic, struct lr_why *why)
{
	int err;

	if (nic->link >= 0)
		return 0;
	err = attach_mode(nic, XDP_FLAGS_DRV_MODE);
	if (err == -EBUSY || err == -EEXIST)
		return lr_xdp_busy(nic, why);
	nic->generic = err != 0;
	if (!err)
		return 0;
	lr_text(nic->no_native, sizeof(nic->no_native), "%s", no_native(err));
	err = attach_mode(nic, XDP_FLAGS_SKB_MODE);
	if (err == -EBUSY || err == -EEXIST)
		return lr_xdp_busy(nic, why);
	if (err)
		lr_why(why, err,
		       "cannot attach an XDP program to %s: %s; native XDP: %s. NETMAP_NIC=af_packet does without",
		       nic->dev->name, strerror(-err), nic->no_native);
	return err;
}

void lr_xdp_detach(struct lr_xdp_nic *nic)
{
	close_fd(&nic->link);
}

int lr_xdp_redirect(struct lr_xdp_queue *q, struct lr_why *why)
{
	if (bpf_map_update_elem(q->nic->map, &q->index, &q->fd, 0) == 0)
		return 0;
	return lr_why(why, -errno, "cannot direct queue %u of %s to its socket: %s", q->index, q->nic->dev->name,
		      strerror(errno));
}
