/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Xdp: load an XDP program given as instructions and hang it on an interface by a link, which the kernel takes off
 * when our last descriptor of it closes.
 */
#ifndef BENCH_XDP_H
#define BENCH_XDP_H

#include "measure.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <unistd.h>

/* The instruction words that our programs need; the names are those of the kernel's own macros. */
#define XDP_INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define XDP_MOV_IMM(d, i) XDP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define XDP_MOV_REG(d, s) XDP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define XDP_ADD_IMM(d, i) XDP_INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define XDP_LOAD(size, d, s, o) XDP_INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define XDP_STORE(size, d, s, o) XDP_INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define XDP_LOAD_MAP(d, fd) XDP_INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), XDP_INSN(0, 0, 0, 0, 0)
#define XDP_JUMP_ZERO(d, o) XDP_INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, 0)
#define XDP_CALL(f) XDP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define XDP_EXIT() XDP_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Returns the link's descriptor, or -1 after a message; *generic tells what it became. */
static inline int xdp_attach(const char *ifname, const char *name, const struct bpf_insn *insns, size_t count,
			     bool *generic)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	unsigned ifindex = if_nametoindex(ifname);
	int prog, link;

	if (!ifindex) {
		fprintf(stderr, "%s: no such interface\n", ifname);
		return -1;
	}
	prog = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "Dual BSD/GPL", insns, count, NULL);
	if (prog < 0) {
		fprintf(stderr, "cannot load an XDP program: %s\n", strerror(errno));
		return -1;
	}
	*generic = false;
	link = bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
	if (link < 0 && errno == EOPNOTSUPP) {
		*generic = true;
		opts.flags = XDP_FLAGS_SKB_MODE;
		link = bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
	}
	if (link < 0)
		fprintf(stderr, "cannot attach an XDP program to %s: %s\n", ifname, strerror(errno));
	close(prog);	/* the link holds it */
	return link < 0 ? -1 : link;
}

#endif
