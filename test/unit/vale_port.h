/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of a VALE switch for tests: frames with a number in them, put into one and taken from another.
 */
#ifndef TEST_UNIT_VALE_PORT_H
#define TEST_UNIT_VALE_PORT_H

#include "core.h"
#include "core/vale.h"

#define FRAME 60

/* Addresses are a number; 0xff is everybody's. */
static inline void vale_mac(uint8_t *to, unsigned int number)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	const uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number };

	memcpy(to, number == 0xff ? all : mac, 6);
}

static inline struct netmap_slot *vale_next_slot(const struct lr_file *f)
{
	struct netmap_ring *r = core_tx(f);

	CHECK(r->head != r->tail);
	return &r->slot[r->head];
}

static inline void vale_advance(struct netmap_ring *r)
{
	r->head = r->cur = lr_pos_next(r->head, r->num_slots);
}

static inline char *vale_buf(const struct lr_file *f, const struct netmap_slot *s)
{
	return lr_region_buf(f->port->region, s->buf_idx);
}

/* A frame into the next slot: to and from these addresses, with a number behind the header and zeros after it. */
static inline void vale_put(const struct lr_file *f, unsigned int to, unsigned int from, uint32_t id, uint16_t len, uint16_t flags)
{
	struct netmap_slot *s = vale_next_slot(f);
	uint8_t *p = (uint8_t *)vale_buf(f, s);

	memset(p, (int)id, len);
	vale_mac(p, to);
	vale_mac(p + 6, from);
	memcpy(p + 14, &id, sizeof(id));
	s->len = len;
	s->flags = flags;
	vale_advance(core_tx(f));
}

static inline void vale_send(struct lr_file *f)
{
	CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
}

/* Slots that wait for the receiver. */
static inline uint32_t vale_waiting(struct lr_file *f)
{
	struct netmap_ring *r = core_rx(f);

	CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
	return lr_pos_dist(r->head, r->tail, r->num_slots);
}

/* Takes the next frame, which must be this. */
static inline void vale_get(struct lr_file *f, uint32_t id, uint16_t len)
{
	struct netmap_ring *r = core_rx(f);
	struct netmap_slot *s = &r->slot[r->head];
	const uint8_t *p;
	uint32_t found, i;

	if (!vale_waiting(f)) {
		FAIL("frame %u has not come", id);
		return;
	}
	p = (const uint8_t *)vale_buf(f, s);
	memcpy(&found, p + 14, sizeof(found));
	CHECK_EQ(found, id);
	CHECK_EQ(s->len, len);
	CHECK_EQ(s->flags, 0);
	for (i = 18; i < len; i++)
		CHECK_EQ(p[i], (uint8_t)id);
	vale_advance(r);
}

/* One frame. */
static inline void vale_send_one(struct lr_file *f, unsigned int to, unsigned int from, uint32_t id)
{
	vale_put(f, to, from, id, FRAME, 0);
	vale_send(f);
}

/* All that waits is taken; how much. */
static inline uint32_t vale_drain(struct lr_file *f)
{
	struct netmap_ring *r = core_rx(f);
	uint32_t n = vale_waiting(f);

	r->head = r->cur = r->tail;
	CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
	return n;
}

static inline struct lr_counters *vale_count(const struct lr_file *f, enum lr_ring_kind kind)
{
	return &core_ring(f, kind, 0)->count;
}

static inline unsigned int vale_number(const struct lr_file *f)
{
	struct nmreq_vale_list list = { 0 };
	struct nmreq_header h = core_header(NETMAP_REQ_VALE_LIST, f->port->name, &list);
	struct lr_file *any = lr_file_open();

	CHECK_EQ(lr_file_ioctl(any, NIOCCTRL, ADDR(&h)), 0);
	lr_file_close(any);
	return list.nr_port_idx;
}

static inline void vale_close(struct lr_file **f, unsigned int n)
{
	while (n--)
		lr_file_close(f[n]);
	CHECK(core_is_empty());
}

#endif
