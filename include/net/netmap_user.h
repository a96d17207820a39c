/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap for programs: from offsets in the shared memory to pointers, and, with
 * NETMAP_WITH_LIBS defined, ports that are opened by name (nm_open and friends).
 * Everything is in this header, there is nothing to link. It may be included
 * from several files of one program, in C and in C++. See netmap(4).
 *
 *	d = nm_open("netmap:eth0", NULL, 0, NULL);
 *	while (poll(&(struct pollfd){ .fd = d->fd, .events = POLLIN }, 1, -1) >= 0)
 *		while ((buf = nm_nextpkt(d, &hdr)))
 *			use(buf, hdr.len);
 */
#ifndef NET_NETMAP_USER_H
#define NET_NETMAP_USER_H

#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <net/netmap.h>

#define NETMAP_DEVICE_NAME	"/dev/netmap"

/* The netmap_if at offset ofs of the mapping. */
#define NETMAP_IF(mem, ofs)	((struct netmap_if *)(void *)((char *)(mem) + (ofs)))

/* Ring n; host rings come after the NIC rings of their direction. */
#define NETMAP_TXRING(nifp, n)	nm_if_ring((nifp), (nifp)->ring_ofs[n])
#define NETMAP_RXRING(nifp, n)	nm_if_ring((nifp), (nifp)->ring_ofs[(n) +	\
	(nifp)->ni_tx_rings + (nifp)->ni_host_tx_rings])

/* The buffer with this index; the index of a buffer. */
#define NETMAP_BUF(ring, idx)	nm_ring_buf((ring), (idx))
#define NETMAP_BUF_IDX(ring, buf)						\
	((uint32_t)(((const char *)(buf) - nm_ring_buf((ring), 0)) /		\
		    (ptrdiff_t)(ring)->nr_buf_size))

/* Where in its buffer the packet of a slot starts, and its data (OFFSETS). */
#define NETMAP_ROFFSET(ring, slot)	((slot)->ptr & (ring)->offset_mask)
#define NETMAP_WOFFSET(ring, slot, offset)					\
	((void)((slot)->ptr = ((slot)->ptr & ~(ring)->offset_mask) |		\
			      ((uint64_t)(offset) & (ring)->offset_mask)))
#define NETMAP_BUF_OFFSET(ring, slot)						\
	(NETMAP_BUF((ring), (slot)->buf_idx) + NETMAP_ROFFSET((ring), (slot)))

static inline struct netmap_ring *
nm_if_ring(const struct netmap_if *nifp, ssize_t ofs)
{
	return (struct netmap_ring *)(uintptr_t)((const char *)nifp + ofs);
}

static inline char *
nm_ring_buf(const struct netmap_ring *ring, uint32_t idx)
{
	return (char *)(uintptr_t)((const char *)ring + ring->buf_ofs +
				   (uint64_t)idx * ring->nr_buf_size);
}

/* The slot after slot i. */
static inline uint32_t
nm_ring_next(const struct netmap_ring *ring, uint32_t i)
{
	return i + 1 == ring->num_slots ? 0 : i + 1;
}

/* The program has no slot of this ring. */
static inline int
nm_ring_empty(const struct netmap_ring *ring)
{
	return ring->head == ring->tail;
}

/* How many slots the program has: free ones (tx), received ones (rx). */
static inline uint32_t
nm_ring_space(const struct netmap_ring *ring)
{
	uint32_t head = ring->head, tail = ring->tail;

	return tail >= head ? tail - head : tail + ring->num_slots - head;
}

/* Slots were filled that are not sent yet, as of the last sync. */
static inline int
nm_tx_pending(const struct netmap_ring *ring)
{
	return nm_ring_next(ring, ring->tail) != ring->head;
}

/* Copies a packet. */
static inline void
nm_pkt_copy(const void *src, void *dst, int len)
{
	if (len > 0)
		memcpy(dst, src, (size_t)len);
}

static inline void __attribute__((format(printf, 3, 4)))
nm_log(const char *func, int line, const char *fmt, ...)
{
	struct timeval now;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gettimeofday(&now, NULL);
	fprintf(stderr, "%03d.%06d %s [%d] %s\n", (int)(now.tv_sec % 1000),
		(int)now.tv_usec, func, line, text);
}

static inline int
nm_log_allowed(long *sec, int *count, int lps)
{
	long now = (long)time(NULL);

	if (*sec != now) {
		*sec = now;
		*count = 0;
	}
	return (*count)++ < lps;
}

/* Messages on stderr: D prints, RD at most lps times a second, ND nothing. */
#ifndef ND
#define ND(...)		do { } while (0)
#define D(...)		nm_log(__func__, __LINE__, __VA_ARGS__)
#define RD(lps, ...)								\
	do {									\
		static long nm_rd_sec_;						\
		static int nm_rd_count_;					\
		if (nm_log_allowed(&nm_rd_sec_, &nm_rd_count_, (lps)))		\
			D(__VA_ARGS__);						\
	} while (0)
#endif

/* A received packet, as nm_nextpkt() and nm_dispatch() describe it. */
struct nm_desc;
struct nm_pkthdr {
	struct timeval ts;		/* when it was received, or the ring's
					 * last sync */
	uint32_t caplen;		/* bytes at buf */
	uint32_t len;			/* bytes in the packet */
	uint64_t flags;			/* NM_MORE_PKTS */
	struct nm_desc *d;		/* where it came from */
	struct netmap_slot *slot;	/* its slot, NULL if it took several */
	uint8_t *buf;			/* the data */
};

#define NM_MORE_PKTS	1	/* more packets follow in this batch */

struct nm_stat {
	uint32_t ps_recv;		/* packets received */
	uint32_t ps_drop;		/* lost in netmap */
	uint32_t ps_ifdrop;		/* lost in the NIC */
};

#define NM_ERRBUF_SIZE	512

/*
 * An open port. nm_open() writes all fields; cur_*_ring and hdr are state of
 * nm_inject() and nm_nextpkt(); snaplen and those after it belong to the
 * program (libpcap's, in the first place), except st and msg.
 */
struct nm_desc {
	struct nm_desc *self;		/* points to itself while it is open */
	int fd;				/* for poll and ioctl */
	void *mem;			/* the mapping */
	uint64_t memsize;		/* its size, bytes */
	int done_mmap;			/* it is ours to unmap */
	struct netmap_if *nifp;
	uint16_t first_tx_ring, last_tx_ring;	/* rings that are bound; none: */
	uint16_t cur_tx_ring;			/* first is 1, last is 0 */
	uint16_t first_rx_ring, last_rx_ring;
	uint16_t cur_rx_ring;
	struct nmreq req;		/* the register request, in and out */
	struct nm_pkthdr hdr;		/* the packet given out last */

	struct netmap_ring *some_ring;	/* any ring, for the buffer macros */
	void *buf_start;		/* first and one past the last buffer */
	void *buf_end;

	int snaplen;
	int promisc;
	int to_ms;
	char *errbuf;

	uint32_t if_flags;
	uint32_t if_reqcap;
	uint32_t if_curcap;

	struct nm_stat st;
	char msg[NM_ERRBUF_SIZE];	/* the last error in words */
};

NM_ABI_ASSERT(sizeof(struct nm_stat) == 12);
#ifdef __LP64__
NM_ABI_SIZE(nm_pkthdr, 56);
NM_ABI_SIZE(nm_desc, 760);
NM_ABI_FIELD(nm_desc, req, 60);
NM_ABI_FIELD(nm_desc, hdr, 120);
NM_ABI_FIELD(nm_desc, msg, 248);
#endif

#define P2NMD(p)		((struct nm_desc *)(p))
#define IS_NETMAP_DESC(d)	((d) && P2NMD(d)->self == P2NMD(d))
#define NETMAP_FD(d)		(P2NMD(d)->fd)

/* Flags of nm_open(), beside NR_* of the request. */
enum {
	NM_OPEN_NO_MMAP = 0x040000,	/* don't map; use the parent's mapping */
	NM_OPEN_IFNAME = 0x080000,	/* take name and rings from the parent */
	NM_OPEN_ARG1 = 0x100000,	/* take nr_arg1 from the parent */
	NM_OPEN_ARG2 = 0x200000,	/* take nr_arg2 (the region) */
	NM_OPEN_ARG3 = 0x400000,	/* take nr_arg3 (extra buffers) */
	NM_OPEN_RING_CFG = 0x800000	/* take numbers of rings and slots */
};

typedef void (*nm_cb_t)(unsigned char *arg, const struct nm_pkthdr *hdr,
			const unsigned char *buf);

#endif /* NET_NETMAP_USER_H */

/* On its own, so that it is there even if the file was included without it. */
#if defined(NETMAP_WITH_LIBS) && !defined(NET_NETMAP_USER_LIBS)
#define NET_NETMAP_USER_LIBS

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <net/netmap_linerate.h>

/*
 * Port names: netmap:NAME or valeS:P, then {ID or }ID, then one of ^ ^N * -N,
 * then / and letters of x z t r R T, then @N. See netmap(4).
 */

/* A dash starts a ring number if the name ends after it, or after digits. */
static inline int
nm_spec_dash(const char *p)
{
	if (*p++ != '-')
		return 0;
	p += strspn(p, "0123456789");
	return strchr("^*/@", *p) != NULL;	/* the end of the string too */
}

static inline int
nm_spec_number(const char **p, uint32_t max, uint32_t *out)
{
	uint32_t n = 0;

	if (**p < '0' || **p > '9')
		return 0;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (uint32_t)(**p - '0');
		if (n > max)
			return 0;
	}
	*out = n;
	return 1;
}

/* Name and pipe end. A long name with a numbered pipe takes the old spelling. */
static inline int
nm_spec_name(const char **p, struct nmreq *req, uint32_t *mode)
{
	const char *name = *p, *brace = NULL, *end;
	uint32_t id;

	if (strncmp(name, "netmap:", 7) == 0)
		name += 7;
	else if (strncmp(name, NM_BDG_NAME, 4) != 0 || strchr(name, ':') == NULL)
		return 0;
	for (end = name; *end && !strchr("^*/@", *end) && !nm_spec_dash(end); end++) {
		if (*end != '{' && *end != '}')
			continue;
		if (brace)
			return 0;
		brace = end;
	}
	if (end == name || brace == name || (brace && end == brace + 1))
		return 0;
	*p = end;
	memset(req->nr_name, 0, sizeof(req->nr_name));
	if ((size_t)(end - name) >= sizeof(req->nr_name)) {
		if (!brace || (size_t)(brace - name) >= sizeof(req->nr_name))
			return 0;
		*mode = *brace == '{' ? NR_REG_PIPE_MASTER : NR_REG_PIPE_SLAVE;
		end = brace++;
		if (!nm_spec_number(&brace, NETMAP_RING_MASK, &id) || brace != *p)
			return 0;
		req->nr_ringid = (uint16_t)id;
	}
	memcpy(req->nr_name, name, (size_t)(end - name));
	return 1;
}

static inline int
nm_spec_rings(const char **p, struct nmreq *req, uint32_t *mode)
{
	uint32_t n = 0;

	if (**p != '^' && **p != '*' && **p != '-')
		return 1;
	if (*mode)
		return 0;
	switch (*(*p)++) {
	case '*':
		*mode = NR_REG_NIC_SW;
		return 1;
	case '^':
		if (**p < '0' || **p > '9') {
			*mode = NR_REG_SW;
			return 1;
		}
		*mode = NR_REG_ONE_SW;
		break;
	default:
		*mode = NR_REG_ONE_NIC;
	}
	if (!nm_spec_number(p, NETMAP_RING_MASK, &n))
		return 0;
	req->nr_ringid = (uint16_t)n;
	return 1;
}

static inline int
nm_spec_letters(const char **p, struct nmreq *req)
{
	if (**p != '/')
		return 1;
	if ((*p)[1] == '\0' || (*p)[1] == '@')
		return 0;
	for ((*p)++; **p && **p != '@'; (*p)++) {
		switch (**p) {
		case 'x':
			req->nr_flags |= NR_EXCLUSIVE;
			break;
		case 'z':
			req->nr_flags |= NR_ZCOPY_MON | NR_MONITOR_TX | NR_MONITOR_RX;
			break;
		case 't':
			req->nr_flags |= NR_MONITOR_TX;
			break;
		case 'r':
			req->nr_flags |= NR_MONITOR_RX;
			break;
		case 'R':
			req->nr_flags |= NR_RX_RINGS_ONLY;
			break;
		case 'T':
			req->nr_flags |= NR_TX_RINGS_ONLY;
			break;
		default:
			return 0;
		}
	}
	return 1;
}

/* Returns the part that is wrong, or NULL. */
static inline const char *
nm_spec_parse(const char *spec, struct nmreq *req)
{
	uint32_t mode = NR_REG_DEFAULT, mem_id;

	if (!nm_spec_name(&spec, req, &mode))
		return "name (netmap:NAME or valeS:PORT, at most 15 characters)";
	if (!nm_spec_rings(&spec, req, &mode))
		return "ring number";
	if (!nm_spec_letters(&spec, req))
		return "letters (one or more of xztrRT)";
	if (*spec == '@') {
		spec++;
		if (!nm_spec_number(&spec, UINT16_MAX, &mem_id))
			return "memory region (a number)";
		req->nr_arg2 = (uint16_t)mem_id;
	}
	if (*spec)
		return "end (nothing may follow)";
	if (mode)
		req->nr_flags = (req->nr_flags & ~(uint32_t)NR_REG_MASK) | mode;
	return NULL;
}

/* The sentence for a failed step: kept in d->msg, and printed. Keeps errno. */
static inline void __attribute__((format(printf, 2, 3)))
nm_fail(struct nm_desc *d, const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->msg, sizeof(d->msg), fmt, ap);
	va_end(ap);
	nm_log("nm_open", __LINE__, "%s", d->msg);
	errno = err;
}

/*
 * Why the request failed. The legacy request that was made has no room for words,
 * so it is made again in the new form; should it succeed now, d is closed anyway.
 */
static inline void
nm_ask_why(const struct nm_desc *d, char *text, uint32_t size)
{
	struct nmreq_opt_reason reason;
	struct nmreq_register reg;
	struct nmreq_header hdr;
	int err = errno;

	memset(&reason, 0, sizeof(reason));
	reason.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON;
	reason.nro_text = (uintptr_t)text;
	reason.nro_len = size;
	memset(&reg, 0, sizeof(reg));
	reg.nr_tx_slots = d->req.nr_tx_slots;
	reg.nr_rx_slots = d->req.nr_rx_slots;
	reg.nr_tx_rings = d->req.nr_tx_rings;
	reg.nr_rx_rings = d->req.nr_rx_rings;
	reg.nr_mem_id = d->req.nr_arg2;
	reg.nr_ringid = d->req.nr_ringid & NETMAP_RING_MASK;
	reg.nr_mode = d->req.nr_flags & NR_REG_MASK;
	reg.nr_extra_bufs = d->req.nr_arg3;
	reg.nr_flags = d->req.nr_flags & ~(uint32_t)NR_REG_MASK;
	memset(&hdr, 0, sizeof(hdr));
	hdr.nr_version = NETMAP_API;
	hdr.nr_reqtype = NETMAP_REQ_REGISTER;
	memcpy(hdr.nr_name, d->req.nr_name, sizeof(d->req.nr_name) - 1);
	hdr.nr_options = (uintptr_t)&reason;
	hdr.nr_body = (uintptr_t)&reg;
	text[0] = '\0';
	if (ioctl(d->fd, NIOCCTRL, &hdr) == 0 || text[0] == '\0')
		snprintf(text, size, "%s", err == ENXIO ?
			 "no such port or interface" : strerror(err));
	errno = err;
}

/* The request: req first, then what the parent gives, then the name's part. */
static inline int
nm_prepare(struct nm_desc *d, const char *ifname, uint64_t flags,
	   const struct nm_desc *parent)
{
	struct nmreq *r = &d->req;
	const char *wrong;

	if (parent && (flags & NM_OPEN_IFNAME)) {
		memcpy(r->nr_name, parent->req.nr_name, sizeof(r->nr_name));
		r->nr_ringid = parent->req.nr_ringid;
		r->nr_flags = parent->req.nr_flags;
	}
	if (parent && (flags & NM_OPEN_ARG1))
		r->nr_arg1 = parent->req.nr_arg1;
	if (parent && (flags & NM_OPEN_ARG2))
		r->nr_arg2 = parent->req.nr_arg2;
	if (parent && (flags & NM_OPEN_ARG3))
		r->nr_arg3 = parent->req.nr_arg3;
	if (parent && (flags & NM_OPEN_RING_CFG)) {
		r->nr_tx_slots = parent->req.nr_tx_slots;
		r->nr_rx_slots = parent->req.nr_rx_slots;
		r->nr_tx_rings = parent->req.nr_tx_rings;
		r->nr_rx_rings = parent->req.nr_rx_rings;
	}
	if (!parent || !(flags & NM_OPEN_IFNAME)) {
		wrong = ifname ? nm_spec_parse(ifname, r) : "name (none given)";
		if (wrong) {
			errno = EINVAL;
			nm_fail(d, "%s: bad %s", ifname ? ifname : "", wrong);
			return -1;
		}
	}
	/* These two bits are nr_ringid's, and mean there what they say. */
	r->nr_ringid |= (uint16_t)(flags & (NETMAP_NO_TX_POLL | NETMAP_DO_RX_POLL));
	r->nr_flags |= (uint32_t)flags & (NR_MONITOR_TX | NR_MONITOR_RX |
		NR_ZCOPY_MON | NR_EXCLUSIVE | NR_RX_RINGS_ONLY |
		NR_TX_RINGS_ONLY | NR_DO_RX_POLL | NR_NO_TX_POLL);
	if ((r->nr_flags & NR_REG_MASK) == NR_REG_DEFAULT)
		r->nr_flags |= NR_REG_ALL_NIC;
	if (r->nr_version == 0)
		r->nr_version = NETMAP_API;
	return 0;
}

/* The rings of one direction that the mode binds, as first and last. */
static inline void
nm_bound_rings(const struct nmreq *r, uint32_t nic, uint32_t host, int none,
	       uint16_t *first, uint16_t *last)
{
	uint32_t id = r->nr_ringid & NETMAP_RING_MASK, from = 0, n = nic;

	switch (r->nr_flags & NR_REG_MASK) {
	case NR_REG_SW:
		from = nic;
		n = host;
		break;
	case NR_REG_NIC_SW:
		n = nic + host;
		break;
	case NR_REG_ONE_NIC:
		from = id;
		n = id < nic;
		break;
	case NR_REG_ONE_SW:
		from = nic + id;
		n = id < host;
		break;
	}
	if (none || n == 0) {
		from = 1;
		n = 0;
	}
	*first = (uint16_t)from;
	*last = (uint16_t)(from + n - 1);
}

/*
 * Maps the region of d, or takes the mapping of a parent that has the same
 * region (the parent must then stay open longer). Returns 0 or an errno.
 */
static inline int
nm_mmap(struct nm_desc *d, const struct nm_desc *parent)
{
	const struct netmap_if *nifp;
	uint32_t i, rings;

	if (d->mem)
		return 0;
	if (parent && parent->mem && parent->req.nr_arg2 == d->req.nr_arg2) {
		d->mem = parent->mem;
		d->memsize = parent->memsize;
	} else {
		void *mem = mmap(NULL, d->req.nr_memsize, PROT_READ | PROT_WRITE,
				 MAP_SHARED, d->fd, 0);

		if (mem == MAP_FAILED)
			return errno;
		d->mem = mem;
		d->memsize = d->req.nr_memsize;
		d->done_mmap = 1;
	}
	nifp = d->nifp = NETMAP_IF(d->mem, d->req.nr_offset);
	rings = nifp->ni_tx_rings + nifp->ni_host_tx_rings +
		nifp->ni_rx_rings + nifp->ni_host_rx_rings;
	for (i = 0; i < rings && d->some_ring == NULL; i++)
		if (nifp->ring_ofs[i])
			d->some_ring = nm_if_ring(nifp, nifp->ring_ofs[i]);
	if (d->some_ring) {
		d->buf_start = nm_ring_buf(d->some_ring, 0);
		d->buf_end = (char *)d->mem + d->memsize;
	}
	nm_bound_rings(&d->req, nifp->ni_tx_rings, nifp->ni_host_tx_rings,
		       d->req.nr_flags & NR_RX_RINGS_ONLY,
		       &d->first_tx_ring, &d->last_tx_ring);
	nm_bound_rings(&d->req, nifp->ni_rx_rings, nifp->ni_host_rx_rings,
		       d->req.nr_flags & NR_TX_RINGS_ONLY,
		       &d->first_rx_ring, &d->last_rx_ring);
	d->cur_tx_ring = d->first_tx_ring;
	d->cur_rx_ring = d->first_rx_ring;
	return 0;
}

/* Unbinds and frees; NULL is allowed. Returns 0, or EINVAL if d is not open. */
static inline int
nm_close(struct nm_desc *d)
{
	if (d == NULL)
		return 0;
	if (d->self != d)
		return EINVAL;
	if (d->done_mmap && d->mem)
		munmap(d->mem, d->memsize);
	if (d->fd >= 0)
		close(d->fd);
	memset(d, 0, sizeof(*d));
	d->fd = -1;
	free(d);
	return 0;
}

/*
 * Opens the port of that name. req: the request to start from, or NULL. flags:
 * NM_OPEN_*, NR_* of the request, NETMAP_NO_TX_POLL, NETMAP_DO_RX_POLL. arg: a
 * parent, that is an open port to take things from as the flags say, or NULL; a
 * parent in the same region lends its mapping if NM_OPEN_NO_MMAP is set.
 * Returns NULL, with errno and a sentence on stderr, if it can't.
 */
static inline struct nm_desc *
nm_open(const char *ifname, const struct nmreq *req, uint64_t flags,
	const struct nm_desc *arg)
{
	struct nm_desc *d = (struct nm_desc *)calloc(1, sizeof(*d));
	char why[256];
	int err;

	if (d == NULL)
		return NULL;
	d->self = d;
	d->fd = -1;
	if (req)
		d->req = *req;
	if (nm_prepare(d, ifname, flags, arg))
		goto fail;
	d->fd = open(NETMAP_DEVICE_NAME, O_RDWR);
	if (d->fd < 0) {
		nm_fail(d, "%s: %s", NETMAP_DEVICE_NAME, strerror(errno));
		goto fail;
	}
	if (ioctl(d->fd, NIOCREGIF, &d->req)) {
		nm_ask_why(d, why, sizeof(why));
		nm_fail(d, "%.15s: %s", d->req.nr_name, why);
		goto fail;
	}
	if (!(flags & NM_OPEN_NO_MMAP) || arg) {
		err = nm_mmap(d, flags & NM_OPEN_NO_MMAP ? arg : NULL);
		if (err) {
			errno = err;
			nm_fail(d, "%.15s: mmap of %u bytes: %s", d->req.nr_name,
				d->req.nr_memsize, strerror(err));
			goto fail;
		}
	}
	return d;
fail:
	err = errno;
	nm_close(d);
	errno = err;
	return NULL;
}

/*
 * Bytes of a packet to put in one slot of a ring. Behind AF_XDP the last 256
 * bytes of a buffer are not usable, so longer packets go on in the next slot.
 */
static inline uint32_t
nm_slot_room(const struct netmap_ring *ring, const struct netmap_slot *slot)
{
	uint64_t room = ring->nr_buf_size, ofs = NETMAP_ROFFSET(ring, slot);

	if (room >= 2048)
		room -= 256;
	return (uint32_t)(ofs < room ? room - ofs : 0);
}

static inline int
nm_ring_inject(struct netmap_ring *ring, const void *buf, size_t size)
{
	const char *data = (const char *)buf;
	uint32_t i = ring->head, last, n, space = nm_ring_space(ring);
	size_t room = 0;

	/* What the slots can take, so that nothing is sent by half. */
	for (n = 0, last = i; room < size; n++) {
		if (n == space || n == NETMAP_MAX_FRAGS)
			return 0;
		last = i;
		room += nm_slot_room(ring, &ring->slot[i]);
		i = nm_ring_next(ring, i);
	}
	for (i = ring->head; ; i = nm_ring_next(ring, i)) {
		struct netmap_slot *slot = &ring->slot[i];

		room = nm_slot_room(ring, slot);
		if (room > size)
			room = size;
		memcpy(NETMAP_BUF_OFFSET(ring, slot), data, room);
		slot->len = (uint16_t)room;
		slot->flags = (uint16_t)((slot->flags & NS_BUF_CHANGED) |
					 (i == last ? 0 : NS_MOREFRAG));
		if (i == last)
			break;
		data += room;
		size -= room;
	}
	ring->head = ring->cur = nm_ring_next(ring, last);
	return 1;
}

/*
 * Puts one packet into a tx ring, in several slots if it is long; sends when all
 * rings are full, and tries once more. The packet leaves with the next sync or
 * poll. Returns size, or 0 when there is no room.
 */
static inline int
nm_inject(struct nm_desc *d, const void *buf, size_t size)
{
	uint32_t n = (uint32_t)d->last_tx_ring + 1, i, k, tries;

	if (d->nifp == NULL || d->first_tx_ring >= n || size == 0)
		return 0;
	n -= d->first_tx_ring;
	for (tries = 0; tries < 2; tries++) {
		for (k = 0; k < n; k++) {
			i = d->first_tx_ring + ((uint32_t)d->cur_tx_ring -
						d->first_tx_ring + k) % n;
			if (nm_ring_inject(NETMAP_TXRING(d->nifp, i), buf, size)) {
				d->cur_tx_ring = (uint16_t)i;
				return (int)size;
			}
		}
		if (tries == 0)
			ioctl(d->fd, NIOCTXSYNC);
	}
	return 0;
}

/*
 * The packet at the head of a ring: how many slots it takes, and hdr filled
 * in. 0 if there is none, or it has not come in whole.
 */
static inline uint32_t
nm_ring_packet(struct nm_desc *d, struct netmap_ring *ring)
{
	uint32_t space = nm_ring_space(ring), i = ring->head, n, len = 0;
	struct netmap_slot *slot = &ring->slot[i];

	for (n = 0; n < space && n < NETMAP_MAX_FRAGS; ) {
		const struct netmap_slot *s = &ring->slot[i];

		n++;
		len += s->len;
		if (!(s->flags & NS_MOREFRAG))
			break;
		if (n == space && n < NETMAP_MAX_FRAGS && n + 1 < ring->num_slots)
			return 0;
		i = nm_ring_next(ring, i);
	}
	if (n == 0)
		return 0;
	d->hdr.ts = ring->ts;
	d->hdr.caplen = slot->len;
	d->hdr.len = len;
	d->hdr.flags = 0;
	d->hdr.d = d;
	d->hdr.slot = n == 1 ? slot : NULL;
	d->hdr.buf = (uint8_t *)NETMAP_BUF_OFFSET(ring, slot);
	return n;
}

static inline void
nm_ring_skip(struct netmap_ring *ring, uint32_t slots)
{
	uint32_t head = ring->head + slots;

	if (head >= ring->num_slots)
		head -= ring->num_slots;
	ring->head = ring->cur = head;
}

/* The next rx ring, from *ring on, that has a packet. Returns its slots. */
static inline uint32_t
nm_find_packet(struct nm_desc *d, struct netmap_ring **ring)
{
	uint32_t n = (uint32_t)d->last_rx_ring + 1, i, k, slots;

	if (d->nifp == NULL || d->first_rx_ring >= n)
		return 0;
	n -= d->first_rx_ring;
	for (k = 0; k < n; k++) {
		i = d->first_rx_ring + ((uint32_t)d->cur_rx_ring -
					d->first_rx_ring + k) % n;
		*ring = NETMAP_RXRING(d->nifp, i);
		slots = nm_ring_packet(d, *ring);
		if (slots) {
			d->cur_rx_ring = (uint16_t)i;
			return slots;
		}
	}
	return 0;
}

/*
 * The next received packet, or NULL; never waits and never syncs. The data is
 * good until the next sync. Of a packet in several slots only the first part is
 * given: caplen is then less than len.
 */
static inline unsigned char *
nm_nextpkt(struct nm_desc *d, struct nm_pkthdr *hdr)
{
	struct netmap_ring *ring = NULL;
	uint32_t slots = nm_find_packet(d, &ring);

	if (slots == 0)
		return NULL;
	nm_ring_skip(ring, slots);
	*hdr = d->hdr;
	return d->hdr.buf;
}

/* Copies a packet in several slots to one piece of memory. */
static inline void
nm_gather(struct nm_desc *d, struct netmap_ring *ring, uint32_t slots, uint8_t *to)
{
	uint32_t i = ring->head, len, done = 0;

	for (; slots; slots--, i = nm_ring_next(ring, i)) {
		len = ring->slot[i].len;
		if (len > d->hdr.len - done)
			len = d->hdr.len - done;
		memcpy(to + done, NETMAP_BUF_OFFSET(ring, &ring->slot[i]), len);
		done += len;
	}
	d->hdr.buf = to;
	d->hdr.caplen = done;
}

/*
 * Gives at most cnt received packets (cnt < 1: all there are) to the callback,
 * each in one piece. Never waits and never syncs. Returns how many.
 */
static inline int
nm_dispatch(struct nm_desc *d, int cnt, nm_cb_t cb, unsigned char *arg)
{
	struct netmap_ring *ring = NULL, *next_ring = NULL;
	uint32_t slots = nm_find_packet(d, &ring), next;
	uint8_t *whole = NULL;
	struct nm_pkthdr hdr;
	int n = 0;

	while (slots) {
		if (slots > 1 && whole == NULL)
			whole = (uint8_t *)malloc(NETMAP_MAX_FRAGS * (size_t)UINT16_MAX);
		if (slots > 1 && whole)
			nm_gather(d, ring, slots, whole);
		hdr = d->hdr;
		nm_ring_skip(ring, slots);
		n++;
		next = n == cnt ? 0 : nm_find_packet(d, &next_ring);
		if (next)
			hdr.flags |= NM_MORE_PKTS;
		cb(arg, &hdr, hdr.buf);
		slots = next;
		ring = next_ring;
	}
	free(whole);
	return n;
}

#endif /* NETMAP_WITH_LIBS */
