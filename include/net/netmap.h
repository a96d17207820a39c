/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The netmap binary interface, API version 14: the memory that programs share
 * with a port, and the requests made on the control device /dev/netmap.
 *
 *   netmap_if ──ring_ofs[]──► netmap_ring ──buf_ofs──► buffers
 *   (one per descriptor)      (header, then slots)     (found by slot.buf_idx)
 *
 *   slots of a ring:      head      cur        tail
 *                          ▼         ▼          ▼
 *        ... ours ...   [  the program's slots  )   ... ours ...
 *
 * Only offsets are stored in the shared memory, because each program maps it
 * where it likes. Layouts are frozen: they are asserted at the end of this
 * file, and test/unit/abi checks every field. The same file serves the kernel.
 *
 * In the comments "in" is written by the program, "out" by netmap.
 */
#ifndef NET_NETMAP_H
#define NET_NETMAP_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/if.h>
#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/time_types.h>
#include <linux/types.h>
#else
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/types.h>
#ifndef IFNAMSIZ		/* <net/if.h> hides it from strict -std=c11 */
#define IFNAMSIZ	16
#endif
#endif

#ifdef __clang__		/* C++ has no flexible arrays, only extensions */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#endif

#define NETMAP_API	14	/* nr_version of every request made here */
#define NETMAP_MIN_API	14	/* versions that NIOCCTRL may be given */
#define NETMAP_MAX_API	15

#define NM_CACHE_ALIGN	128	/* the program's part of a ring is this aligned */
#define NM_BDG_NAME	"vale"	/* names of VALE ports start so */

/*
 * One slot of a ring: a buffer and the packet, or part of one, in it. The
 * side that owns the slot writes it.
 */
struct netmap_slot {
	uint32_t buf_idx;	/* index of the buffer; 0 and 1 are never valid */
	uint16_t len;		/* bytes of the packet in this buffer */
	uint16_t flags;		/* NS_* */
	uint64_t ptr;		/* NS_INDIRECT: address of the data;
				 * otherwise the offset of the packet in the
				 * buffer, under netmap_ring.offset_mask */
};

#define NS_BUF_CHANGED	0x0001	/* buf_idx is another than at the last sync */
#define NS_REPORT	0x0002	/* tx: tell soon when this slot is sent */
#define NS_FORWARD	0x0004	/* released rx slot: pass on to the other side
				 * (NIC or host); needs NR_FORWARD */
#define NS_NO_LEARN	0x0008	/* VALE tx: don't learn the source address */
#define NS_INDIRECT	0x0010	/* VALE tx: the data is at ptr */
#define NS_MOREFRAG	0x0020	/* the packet goes on in the next slot */
#define NS_TXMON	0x0040	/* monitor rx: this packet was transmitted */

/* VALE tx: destination port; VALE rx: fragments left of the packet. */
#define NS_PORT_SHIFT	8
#define NS_PORT_MASK	(0xff << NS_PORT_SHIFT)

#define NETMAP_MAX_FRAGS	64	/* slots that one packet may take */

/*
 * A ring. head, cur, flags and the slots in [head, tail) belong to the
 * program between system calls, all else to netmap.
 */
struct netmap_ring {
	int64_t	 buf_ofs;	/* out: from this ring to buffer 0, bytes */
	uint32_t num_slots;	/* out */
	uint32_t nr_buf_size;	/* out: bytes in one buffer, and from one
				 * buffer to the next */
	uint16_t ringid;	/* out: index among the rings of its direction */
	uint16_t dir;		/* out: 0 tx, 1 rx */
	uint32_t head;		/* in: first slot the program keeps */
	uint32_t cur;		/* in: wake up when tail passes this slot */
	uint32_t tail;		/* out: first slot that netmap keeps */
	uint32_t flags;		/* in: NR_* */
	uint32_t pad0;
	__extension__ union {
#ifdef __KERNEL__
		struct __kernel_old_timeval ts;
#else
		struct timeval ts;	/* out: time of the last sync, NR_TIMESTAMP */
#endif
		int64_t	 pad_ts[2];	/* its size, also for programs of 32 bits */
	};
	uint64_t offset_mask;	/* out: bits of slot.ptr that hold an offset */
	uint64_t buf_align;	/* out: alignment that offsets must keep, bytes */
	uint32_t avail;		/* classic interface only (netmap_classic.h);
				 * out at each sync: slots from cur to tail */
	uint32_t pad1[13];
	uint8_t	 sem[128];	/* the program's own, netmap never looks */
	__extension__ struct netmap_slot slot[];
};

#define NR_TIMESTAMP	0x0002	/* ring flags: write ts at each sync */
#define NR_FORWARD	0x0004	/* ring flags: obey NS_FORWARD */

/*
 * What a descriptor has bound. All fields are written by netmap, except
 * ni_bufs_head, which the program updates as it uses its extra buffers.
 */
struct netmap_if {
	char	 ni_name[IFNAMSIZ];	/* name of the port, NUL-terminated */
	uint32_t ni_version;		/* NETMAP_API */
	uint32_t ni_flags;		/* NI_* */
	uint32_t ni_tx_rings;		/* NIC rings, host rings not counted */
	uint32_t ni_rx_rings;
	uint32_t ni_bufs_head;		/* first extra buffer; its first u32 is
					 * the index of the next; 0 ends */
	uint32_t ni_host_tx_rings;
	uint32_t ni_host_rx_rings;
	uint32_t ni_spare1[3];
	/*
	 * From this struct to each ring, bytes: tx NIC, tx host, rx NIC,
	 * rx host rings. 0 for a ring that this descriptor has not bound.
	 */
	__extension__ ssize_t ring_ofs[];
};

#define NI_PRIV_MEM	0x1	/* ni_flags: the region is the port's own */

/*
 * Requests: ioctl(fd, NIOCCTRL, &header), with a body whose struct depends
 * on nr_reqtype, and a list of options.
 */
#define NETMAP_REQ_IFNAMSIZ	64	/* port names, with their NUL */
#define NETMAP_REQ_MAXSIZE	4096	/* body and options together, bytes */

enum {					/* nr_reqtype: the body is a struct */
	NETMAP_REQ_REGISTER = 1,		/* nmreq_register */
	NETMAP_REQ_PORT_INFO_GET = 2,		/* nmreq_port_info_get */
	NETMAP_REQ_VALE_ATTACH = 3,		/* nmreq_vale_attach */
	NETMAP_REQ_VALE_DETACH = 4,		/* nmreq_vale_detach */
	NETMAP_REQ_VALE_LIST = 5,		/* nmreq_vale_list */
	NETMAP_REQ_PORT_HDR_SET = 6,		/* nmreq_port_hdr */
	NETMAP_REQ_PORT_HDR_GET = 7,		/* nmreq_port_hdr */
	NETMAP_REQ_VALE_NEWIF = 8,		/* nmreq_vale_newif */
	NETMAP_REQ_VALE_DELIF = 9,		/* none */
	NETMAP_REQ_VALE_POLLING_ENABLE = 10,	/* nmreq_vale_polling */
	NETMAP_REQ_VALE_POLLING_DISABLE = 11,	/* nmreq_vale_polling */
	NETMAP_REQ_POOLS_INFO_GET = 12,		/* nmreq_pools_info */
	NETMAP_REQ_SYNC_KLOOP_START = 13,	/* nmreq_sync_kloop_start */
	NETMAP_REQ_SYNC_KLOOP_STOP = 14,	/* none */
	NETMAP_REQ_CSB_ENABLE = 15		/* none; option CSB */
};

enum {					/* nro_reqtype: the option is a struct */
	NETMAP_REQ_OPT_EXTMEM = 1,		/* nmreq_opt_extmem */
	NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS = 2,	/* nmreq_opt_sync_kloop_eventfds */
	NETMAP_REQ_OPT_CSB = 3,			/* nmreq_opt_csb */
	NETMAP_REQ_OPT_SYNC_KLOOP_MODE = 4,	/* nmreq_opt_sync_kloop_mode */
	NETMAP_REQ_OPT_OFFSETS = 5,		/* nmreq_opt_offsets */
	NETMAP_REQ_OPT_MAX = 6			/* one past the last */
};

/* Heads every option. */
struct nmreq_option {
	uint64_t nro_next;	/* in: pointer to the next option, 0 ends */
	uint32_t nro_reqtype;	/* in: NETMAP_REQ_OPT_* */
	uint32_t nro_status;	/* out: 0 done, or an errno */
	uint64_t nro_size;	/* in: bytes, for options of variable size */
};

struct nmreq_header {
	uint16_t nr_version;	/* in: NETMAP_API; out: the same, if refused */
	uint16_t nr_reqtype;	/* in: NETMAP_REQ_* */
	uint32_t nr_reserved;	/* in: 0 */
	char	 nr_name[NETMAP_REQ_IFNAMSIZ];	/* in: the port, NUL-terminated */
	uint64_t nr_options;	/* in: pointer to the first option, or 0 */
	uint64_t nr_body;	/* in: pointer to the body, or 0 */
};

/* Binds the descriptor to a port. Zero in a size or count: the default. */
struct nmreq_register {
	uint64_t nr_offset;	/* out: of the netmap_if in the region, bytes */
	uint64_t nr_memsize;	/* out: size of the region, bytes */
	uint32_t nr_tx_slots;	/* in/out: slots in each tx ring */
	uint32_t nr_rx_slots;
	uint16_t nr_tx_rings;	/* in/out: NIC rings */
	uint16_t nr_rx_rings;
	uint16_t nr_host_tx_rings;
	uint16_t nr_host_rx_rings;
	uint16_t nr_mem_id;	/* in/out: region; 0 any, 1 the global one */
	uint16_t nr_ringid;	/* in: ring, for modes ONE_NIC and ONE_SW */
	uint32_t nr_mode;	/* in: NR_REG_* */
	uint32_t nr_extra_bufs;	/* in: buffers wanted; out: buffers got */
	uint32_t pad1;
	uint64_t nr_flags;	/* in: NR_* below */
};

enum {					/* nr_mode: rings to bind */
	NR_REG_DEFAULT = 0,		/* only in legacy requests */
	NR_REG_ALL_NIC = 1,		/* all NIC rings */
	NR_REG_SW = 2,			/* all host rings */
	NR_REG_NIC_SW = 3,		/* both */
	NR_REG_ONE_NIC = 4,		/* NIC ring pair nr_ringid */
	NR_REG_PIPE_MASTER = 5,		/* old way to say NAME{nr_ringid */
	NR_REG_PIPE_SLAVE = 6,		/* old way to say NAME}nr_ringid */
	NR_REG_NULL = 7,		/* a port without a device */
	NR_REG_ONE_SW = 8		/* host ring pair nr_ringid */
};

#define NR_REG_MASK		0xf	/* legacy: mode bits of nmreq.nr_flags */
#define NR_MONITOR_TX		0x100	/* copies of what the tx rings send */
#define NR_MONITOR_RX		0x200	/* copies of what the rx rings receive */
#define NR_ZCOPY_MON		0x400	/* monitor without copying */
#define NR_EXCLUSIVE		0x800	/* nobody else may bind these rings */
#define NR_RX_RINGS_ONLY	0x2000	/* bind no tx rings */
#define NR_TX_RINGS_ONLY	0x4000	/* bind no rx rings */
#define NR_ACCEPT_VNET_HDR	0x8000	/* packets may carry a virtio-net header */
#define NR_DO_RX_POLL		0x10000	/* poll syncs rx rings without POLLIN too */
#define NR_NO_TX_POLL		0x20000	/* poll syncs tx rings for POLLOUT only */

/* What a port has; all fields are out. */
struct nmreq_port_info_get {
	uint64_t nr_memsize;	/* size of its region, bytes */
	uint32_t nr_tx_slots;	/* slots in each ring */
	uint32_t nr_rx_slots;
	uint16_t nr_tx_rings;
	uint16_t nr_rx_rings;
	uint16_t nr_host_tx_rings;
	uint16_t nr_host_rx_rings;
	uint16_t nr_mem_id;	/* in/out: its region */
	uint16_t pad[3];
};

/* Puts the NIC P on the switch S; nr_name is "valeS:P". */
struct nmreq_vale_attach {
	struct nmreq_register reg;	/* in/out: nr_mode NIC_SW attaches the
					 * host rings too */
	uint32_t port_index;		/* out: of the port on the switch */
	uint32_t pad1;
};

struct nmreq_vale_detach {
	uint32_t port_index;		/* out: the index it had */
	uint32_t pad1;
};

/* Walks switches and ports: the next one from here on. */
struct nmreq_vale_list {
	uint16_t nr_bridge_idx;		/* in/out: index of the switch */
	uint16_t pad1;
	uint32_t nr_port_idx;		/* in/out: index of the port on it */
};

/* Length of the virtio-net header in packets of a VALE port. */
struct nmreq_port_hdr {
	uint32_t nr_hdr_len;		/* bytes: 0, 10 or 12; in (SET), out (GET) */
	uint32_t pad1;
};

/* Makes a persistent VALE port; zero: the default. */
struct nmreq_vale_newif {
	uint32_t nr_tx_slots;		/* in */
	uint32_t nr_rx_slots;
	uint16_t nr_tx_rings;
	uint16_t nr_rx_rings;
	uint16_t nr_mem_id;
	uint16_t pad1;
};

/* Gives a NIC that is attached to a switch its own polling threads. */
struct nmreq_vale_polling {
	uint32_t nr_mode;		/* in: NETMAP_POLLING_MODE_* */
	uint32_t nr_first_cpu_id;	/* in: first CPU, and */
	uint32_t nr_num_polling_cpus;	/* in: how many from there on */
	uint32_t pad1;
};

#define NETMAP_POLLING_MODE_SINGLE_CPU	1
#define NETMAP_POLLING_MODE_MULTI_CPU	2

/* The three pools of a region. In for EXTMEM, out otherwise. */
struct nmreq_pools_info {
	uint64_t nr_memsize;		/* size of the region, bytes */
	uint16_t nr_mem_id;		/* in/out: the region */
	uint16_t pad1[3];
	uint64_t nr_if_pool_offset;	/* start in the region, bytes */
	uint32_t nr_if_pool_objtotal;	/* objects */
	uint32_t nr_if_pool_objsize;	/* bytes in each */
	uint64_t nr_ring_pool_offset;
	uint32_t nr_ring_pool_objtotal;
	uint32_t nr_ring_pool_objsize;
	uint64_t nr_buf_pool_offset;
	uint32_t nr_buf_pool_objtotal;
	uint32_t nr_buf_pool_objsize;
};

struct nmreq_sync_kloop_start {
	uint32_t sleep_us;	/* in: microseconds between rounds, 0 none */
	uint32_t pad1;
};

/* CSB mode: what the program tells of a ring. Write cur before head. */
struct nm_csb_atok {
	uint32_t head;			/* in */
	uint32_t cur;			/* in */
	uint32_t appl_need_kick;	/* in: the program wants to be woken */
	uint32_t sync_flags;		/* in */
	uint32_t pad[12];
};

/* CSB mode: what netmap tells of a ring. Read hwcur after hwtail. */
struct nm_csb_ktoa {
	uint32_t hwcur;			/* out */
	uint32_t hwtail;		/* out */
	uint32_t kern_need_kick;	/* out: netmap wants to be woken */
	uint32_t pad[13];
};

/* Option of SYNC_KLOOP_START: descriptors to sleep on, per ring. */
struct nmreq_opt_sync_kloop_eventfds {
	struct nmreq_option nro_opt;	/* nro_size: the whole option */
	__extension__ struct {
		int32_t ioeventfd;	/* in: the program wakes netmap */
		int32_t irqfd;		/* in: netmap wakes the program */
	} eventfds[];			/* tx rings first, then rx rings */
};

/* Option of SYNC_KLOOP_START: who does the work of a wake-up. */
struct nmreq_opt_sync_kloop_mode {
	struct nmreq_option nro_opt;
	uint32_t mode;			/* in: NM_OPT_SYNC_KLOOP_* */
	uint32_t pad1;
};

#define NM_OPT_SYNC_KLOOP_DIRECT_TX	0x1	/* sync tx in the waker's context */
#define NM_OPT_SYNC_KLOOP_DIRECT_RX	0x2

/* Option of REGISTER: the region is the program's own memory. */
struct nmreq_opt_extmem {
	struct nmreq_option nro_opt;
	uint64_t nro_usrptr;		/* in: its address */
	struct nmreq_pools_info nro_info; /* in: sizes wanted; out: sizes used */
};

/* Option of REGISTER and CSB_ENABLE: two arrays, an entry per bound ring. */
struct nmreq_opt_csb {
	struct nmreq_option nro_opt;
	uint64_t csb_atok;		/* in: pointer to struct nm_csb_atok[] */
	uint64_t csb_ktoa;		/* in: pointer to struct nm_csb_ktoa[] */
};

/* Option of REGISTER: packets start at an offset in their buffers. */
struct nmreq_opt_offsets {
	struct nmreq_option nro_opt;
	uint64_t nro_max_offset;	/* in: largest that will be used, bytes */
	uint64_t nro_initial_offset;	/* in: of all slots at the start */
	uint32_t nro_offset_bits;	/* in: bits of slot.ptr for the offset,
					 * 0 all; out: bits used */
	uint32_t nro_tx_align;		/* in: alignment wanted; out: needed */
	uint64_t nro_min_gap;		/* in: bytes free past a received packet */
};

#define NIOCCTRL	_IOWR('i', 151, struct nmreq_header)
#define NIOCTXSYNC	_IO('i', 148)	/* sync the bound tx rings */
#define NIOCRXSYNC	_IO('i', 149)	/* sync the bound rx rings */

/*
 * Legacy requests: one struct for everything, names of at most 15 characters.
 */
struct nmreq {
	char	 nr_name[IFNAMSIZ];	/* in: the port */
	uint32_t nr_version;		/* in: 11 to 15; out: 14, if refused */
	uint32_t nr_offset;		/* out: of the netmap_if in the region */
	uint32_t nr_memsize;		/* out: size of the region, bytes */
	uint32_t nr_tx_slots;		/* in/out, as in nmreq_register */
	uint32_t nr_rx_slots;
	uint16_t nr_tx_rings;
	uint16_t nr_rx_rings;
	uint16_t nr_ringid;		/* in: ring or pipe, and NETMAP_* bits */
	uint16_t nr_cmd;		/* in: NETMAP_BDG_* and such, or 0 */
	uint16_t nr_arg1;		/* in: argument of nr_cmd */
	uint16_t nr_arg2;		/* in/out: region */
	uint32_t nr_arg3;		/* in/out: extra buffers */
	uint32_t nr_flags;		/* in: NR_REG_* and NR_* */
	uint32_t spare2[1];
};

/* Bits of nmreq.nr_ringid. */
#define NETMAP_RING_MASK	0x0fff	/* index of the ring */
#define NETMAP_NO_TX_POLL	0x1000	/* NR_NO_TX_POLL */
#define NETMAP_SW_RING		0x2000	/* host rings, if nr_flags has no mode */
#define NETMAP_HW_RING		0x4000	/* one NIC ring, likewise */
#define NETMAP_DO_RX_POLL	0x8000	/* NR_DO_RX_POLL */

/* nmreq.nr_cmd */
#define NETMAP_BDG_ATTACH	1
#define NETMAP_BDG_DETACH	2
#define NETMAP_BDG_REGOPS	3
#define NETMAP_BDG_LIST		4
#define NETMAP_BDG_VNET_HDR	5
#define NETMAP_BDG_NEWIF	6
#define NETMAP_BDG_DELIF	7
#define NETMAP_PT_HOST_CREATE	8
#define NETMAP_PT_HOST_DELETE	9
#define NETMAP_BDG_POLLING_ON	10
#define NETMAP_BDG_POLLING_OFF	11
#define NETMAP_VNET_HDR_GET	12

#define NETMAP_BDG_HOST		1	/* nr_arg1 of ATTACH: host rings too */

/* A private message to a switch's forwarding function. */
struct nm_ifreq {
	char nifr_name[IFNAMSIZ];	/* in: the switch */
	char data[256];			/* in/out: whatever the two agreed on */
};

#define NIOCGINFO	_IOWR('i', 145, struct nmreq)
#define NIOCREGIF	_IOWR('i', 146, struct nmreq)
#define NIOCCONFIG	_IOWR('i', 150, struct nm_ifreq)

/* The layouts that binaries depend on. */
#ifdef __cplusplus
#define NM_ABI_ASSERT(cond)	static_assert(cond, #cond)
#else
#define NM_ABI_ASSERT(cond)	_Static_assert(cond, #cond)
#endif
#define NM_ABI_SIZE(type, size)	NM_ABI_ASSERT(sizeof(struct type) == (size))
#define NM_ABI_FIELD(type, field, ofs) \
	NM_ABI_ASSERT(offsetof(struct type, field) == (ofs))

NM_ABI_SIZE(netmap_slot, 16);
NM_ABI_FIELD(netmap_slot, ptr, 8);
NM_ABI_SIZE(netmap_ring, 256);
NM_ABI_FIELD(netmap_ring, num_slots, 8);
NM_ABI_FIELD(netmap_ring, ringid, 16);
NM_ABI_FIELD(netmap_ring, head, 20);
NM_ABI_FIELD(netmap_ring, tail, 28);
NM_ABI_FIELD(netmap_ring, ts, 40);
NM_ABI_FIELD(netmap_ring, offset_mask, 56);
NM_ABI_FIELD(netmap_ring, buf_align, 64);
NM_ABI_FIELD(netmap_ring, avail, 72);
NM_ABI_FIELD(netmap_ring, sem, 128);
NM_ABI_FIELD(netmap_ring, slot, 256);
NM_ABI_SIZE(netmap_if, 56);
NM_ABI_FIELD(netmap_if, ni_bufs_head, 32);
NM_ABI_FIELD(netmap_if, ring_ofs, 56);
NM_ABI_SIZE(nmreq_option, 24);
NM_ABI_SIZE(nmreq_header, 88);
NM_ABI_SIZE(nmreq_register, 56);
NM_ABI_SIZE(nmreq_port_info_get, 32);
NM_ABI_SIZE(nmreq_vale_attach, 64);
NM_ABI_SIZE(nmreq_vale_detach, 8);
NM_ABI_SIZE(nmreq_vale_list, 8);
NM_ABI_SIZE(nmreq_port_hdr, 8);
NM_ABI_SIZE(nmreq_vale_newif, 16);
NM_ABI_SIZE(nmreq_vale_polling, 16);
NM_ABI_SIZE(nmreq_pools_info, 64);
NM_ABI_SIZE(nmreq_sync_kloop_start, 8);
NM_ABI_SIZE(nm_csb_atok, 64);
NM_ABI_SIZE(nm_csb_ktoa, 64);
NM_ABI_SIZE(nmreq_opt_sync_kloop_eventfds, 24);
NM_ABI_SIZE(nmreq_opt_sync_kloop_mode, 32);
NM_ABI_SIZE(nmreq_opt_extmem, 96);
NM_ABI_SIZE(nmreq_opt_csb, 40);
NM_ABI_SIZE(nmreq_opt_offsets, 56);
NM_ABI_SIZE(nmreq, 60);
NM_ABI_SIZE(nm_ifreq, 272);

#ifdef __clang__
#pragma clang diagnostic pop
#endif

#endif /* NET_NETMAP_H */
