/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helpers of port.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

_Thread_local char why[256];

int dev_open(void)
{
	int fd = open(NETMAP_DEVICE_NAME, O_RDWR);

	if (fd < 0)
		FAIL("open %s: %s", NETMAP_DEVICE_NAME, strerror(errno));
	return fd;
}

struct nmreq_header header(uint16_t reqtype, const char *name, void *body)
{
	struct nmreq_header h = {
		.nr_version = NETMAP_API,
		.nr_reqtype = reqtype,
		.nr_body = PTR(body),
	};

	memcpy(h.nr_name, name, strnlen(name, sizeof(h.nr_name)));
	return h;
}

int ctrl(int fd, uint16_t reqtype, const char *name, void *body)
{
	struct nmreq_header h = header(reqtype, name, body);
	struct nmreq_opt_reason o = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON,
		.nro_text = PTR(why),
		.nro_len = sizeof(why),
	};
	int err;

	h.nr_options = PTR(&o);
	memset(why, 'x', sizeof(why) - 1);
	err = ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0;
	if (memchr(why, 0, sizeof(why)) == NULL)
		FAIL("the reason is not terminated");
	if (!err && why[0])
		FAIL("a reason for success: %s", why);
	if (!err && o.nro_opt.nro_status)
		FAIL("success, but the reason option has status %u", o.nro_opt.nro_status);
	if (err && why[0] == 'x')
		FAIL("the reason was not written");
	return err;
}

const char *unique(const char *suffix)
{
	static _Thread_local char names[8][NETMAP_REQ_IFNAMSIZ];
	static _Thread_local unsigned int next;
	char *name = names[next++ % 8];

	snprintf(name, NETMAP_REQ_IFNAMSIZ, "t%d%s", (int)getpid(), suffix);
	return name;
}

int port_register(struct port *p)
{
	if (p->reg.nr_mode == NR_REG_DEFAULT)
		p->reg.nr_mode = NR_REG_ALL_NIC;
	return ctrl(p->fd, NETMAP_REQ_REGISTER, p->name, &p->reg);
}

void port_map(struct port *p)
{
	p->mem = mmap(NULL, p->reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (p->mem == MAP_FAILED)
		FAIL("mmap of %llu bytes of %s: %s", (unsigned long long)p->reg.nr_memsize,
		     p->name, strerror(errno));
	p->nifp = NETMAP_IF(p->mem, p->reg.nr_offset);
}

struct port port_open(const char *name, const struct nmreq_register *want)
{
	struct port p = { .fd = dev_open() };
	int err;

	memcpy(p.name, name, strnlen(name, sizeof(p.name) - 1));
	if (want)
		p.reg = *want;
	err = port_register(&p);
	if (err)
		FAIL("register %s: %s (%s)", name, strerror(err), why);
	port_map(&p);
	return p;
}

void port_close(struct port *p)
{
	if (p->mem)
		CHECK_OK(munmap(p->mem, p->reg.nr_memsize));
	CHECK_OK(close(p->fd));
	p->mem = NULL;
	p->nifp = NULL;
	p->fd = -1;
}

void pipe_open(struct port p[2], const char *name, uint32_t slots)
{
	struct nmreq_register want = { .nr_tx_slots = slots, .nr_rx_slots = slots };
	char full[NETMAP_REQ_IFNAMSIZ];

	snprintf(full, sizeof(full), "%s{1", name);
	p[0] = port_open(full, &want);
	snprintf(full, sizeof(full), "%s}1", name);
	p[1] = port_open(full, &want);
}

struct netmap_ring *tx_ring(const struct port *p, unsigned int i)
{
	return NETMAP_TXRING(p->nifp, i);
}

struct netmap_ring *rx_ring(const struct port *p, unsigned int i)
{
	return NETMAP_RXRING(p->nifp, i);
}

void txsync(const struct port *p)
{
	CHECK_OK(ioctl(p->fd, NIOCTXSYNC, NULL));
}

void rxsync(const struct port *p)
{
	CHECK_OK(ioctl(p->fd, NIOCRXSYNC, NULL));
}

short poll_port(const struct port *p, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = p->fd, .events = events };
	int n = poll(&pfd, 1, timeout_ms);

	CHECK_OK(n);
	CHECK_EQ(n, pfd.revents != 0);
	return pfd.revents;
}

uint32_t ring_add(const struct netmap_ring *r, uint32_t i, uint32_t n)
{
	return (i + n) % r->num_slots;
}

/* Byte i of packet seq, after the number itself. */
static uint8_t pattern(uint32_t seq, unsigned int i)
{
	return (uint8_t)(seq * 31 + i * 7);
}

void packet_fill(const struct netmap_ring *r, uint32_t slot, uint32_t seq, uint16_t len)
{
	uint8_t *buf = (uint8_t *)NETMAP_BUF(r, r->slot[slot].buf_idx);
	struct netmap_slot *s = (struct netmap_slot *)(uintptr_t)&r->slot[slot];

	memcpy(buf, &seq, sizeof(seq));
	for (unsigned int i = sizeof(seq); i < len; i++)
		buf[i] = pattern(seq, i);
	s->len = len;
	s->flags = 0;
}

uint32_t packet_seq(const struct netmap_ring *r, uint32_t slot)
{
	uint32_t seq;

	memcpy(&seq, NETMAP_BUF(r, r->slot[slot].buf_idx), sizeof(seq));
	return seq;
}

void packet_check(const struct netmap_ring *r, uint32_t slot, uint32_t seq, uint16_t len)
{
	const uint8_t *buf = (const uint8_t *)NETMAP_BUF(r, r->slot[slot].buf_idx);

	CHECK_MSG(r->slot[slot].len == len, "slot %u: packet of %u bytes, not %u", slot,
		  r->slot[slot].len, len);
	CHECK_MSG(packet_seq(r, slot) == seq, "slot %u: packet %u, not %u", slot,
		  packet_seq(r, slot), seq);
	for (unsigned int i = sizeof(seq); i < len; i++)
		if (buf[i] != pattern(seq, i))
			FAIL("packet %u is damaged at byte %u", seq, i);
}

/* Lengths go with the number, so both ends know them. */
static uint16_t length(uint32_t seq)
{
	return (uint16_t)(60 + seq % 97);
}

uint32_t put_packets(struct netmap_ring *r, uint32_t n, uint32_t *seq)
{
	uint32_t head = r->head, tail = r->tail, done = 0;

	for (; done < n && head != tail; done++, (*seq)++) {
		packet_fill(r, head, *seq, length(*seq));
		head = nm_ring_next(r, head);
	}
	r->head = r->cur = head;
	return done;
}

uint32_t take_packets(struct netmap_ring *r, uint32_t n, uint32_t *seq)
{
	uint32_t head = r->head, tail = r->tail, done = 0;

	for (; done < n && head != tail; done++, (*seq)++) {
		packet_check(r, head, *seq, length(*seq));
		head = nm_ring_next(r, head);
	}
	r->head = r->cur = head;
	return done;
}

struct nm_ring_stats ring_stats(int fd, const char *name, unsigned int dir, unsigned int index)
{
	static struct nm_ring_stats rings[256];
	struct nmreq_port_stats body = { .nr_rings = PTR(rings), .nr_count = 256 };

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_PORT_STATS_GET, name, &body));
	for (unsigned int i = 0; i < body.nr_count && i < 256; i++)
		if (rings[i].dir == dir && rings[i].ring == index && !rings[i].host)
			return rings[i];
	FAIL("no counters of ring %u, direction %u, of %s", index, dir, name);
}

/* Where region offsets put buffer 0: rings are the only place that tells. */
static ptrdiff_t buffer_zero(const struct port *p)
{
	const struct netmap_ring *r = p->reg.nr_tx_rings ? tx_ring(p, 0) : rx_ring(p, 0);

	return NETMAP_BUF(r, 0) - p->mem;
}

uint32_t list_walk(const struct port *holder, char *mem, uint32_t head, uint32_t *list, uint32_t max)
{
	ptrdiff_t zero = buffer_zero(holder);
	size_t size = tx_ring(holder, 0)->nr_buf_size;
	uint32_t n = 0;

	for (uint32_t idx = head; idx; n++) {
		CHECK_MSG(n < max, "more than %u buffers in the list", max);
		list[n] = idx;
		idx = *(uint32_t *)(void *)(mem + zero + idx * size);
	}
	return n;
}

uint32_t bufs_free(const struct port *holder)
{
	struct nmreq_register want = {
		.nr_mode = NR_REG_NULL,
		.nr_mem_id = holder->reg.nr_mem_id,
		.nr_extra_bufs = 1000000,
	};
	struct nmreq_pools_info pools = { .nr_mem_id = holder->reg.nr_mem_id };
	struct port p = port_open(unique("all"), &want);
	uint32_t n = p.reg.nr_extra_bufs, *list = malloc((n + 1) * sizeof(*list));
	uint8_t *seen;

	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_POOLS_INFO_GET, "", &pools));
	seen = calloc(pools.nr_buf_pool_objtotal, 1);
	CHECK_EQ(list_walk(holder, p.mem, p.nifp->ni_bufs_head, list, n), n);
	for (uint32_t i = 0; i < n; i++) {
		CHECK_MSG(list[i] > 1 && list[i] < pools.nr_buf_pool_objtotal, "extra buffer %u", list[i]);
		CHECK_MSG(!seen[list[i]], "buffer %u is in the list twice", list[i]);
		seen[list[i]] = 1;
	}
	free(seen);
	free(list);
	port_close(&p);
	return n;
}
