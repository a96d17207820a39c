/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core as a host sees it, for tests: descriptors, requests, and the rings behind them. Names of ports that are not
 * pipes or null ports must not be those of interfaces.
 */
#ifndef TEST_UNIT_CORE_H
#define TEST_UNIT_CORE_H

#include "core/control.h"
#include "core/port.h"
#include "unit.h"

#define ADDR(p) ((uint64_t)(uintptr_t)(p))

static inline struct nmreq_header core_header(uint16_t reqtype, const char *name, void *body)
{
	struct nmreq_header h = { .nr_version = NETMAP_API, .nr_reqtype = reqtype, .nr_body = ADDR(body) };
	size_t i;

	for (i = 0; i < sizeof(h.nr_name) && name[i]; i++)
		h.nr_name[i] = name[i];
	return h;
}

static inline int core_ask(struct lr_file *f, uint16_t reqtype, const char *name, void *body)
{
	struct nmreq_header h = core_header(reqtype, name, body);

	return lr_file_ioctl(f, NIOCCTRL, ADDR(&h));
}

/* A new descriptor bound as reg says, which gets the answer; NULL with *err. */
static inline struct lr_file *core_open(const char *name, struct nmreq_register *reg, int *err)
{
	struct lr_file *f = lr_file_open();

	*err = f ? core_ask(f, NETMAP_REQ_REGISTER, name, reg) : -ENOMEM;
	if (f && *err) {
		lr_file_close(f);
		f = NULL;
	}
	return f;
}

/* The same where it must work: all rings, `slots` in each, 0 for the default. */
static inline struct lr_file *core_must_open(const char *name, uint32_t slots)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = slots, .nr_rx_slots = slots };
	int err;
	struct lr_file *f = core_open(name, &reg, &err);

	if (f)
		return f;
	printf("not ok %s: %s cannot be opened: %s\n", unit_name, name, strerror(-err));
	exit(1);
}

static inline struct lr_ring *core_ring(const struct lr_file *f, enum lr_ring_kind kind, unsigned int i)
{
	return &f->port->ring[kind][f->first[kind] + i];
}

static inline const char *core_why(struct lr_file *f)
{
	static __thread char text[256];

	lr_file_why(f, text, sizeof(text));
	return text;
}

/* No region is left: then nothing that has one is. */
static inline bool core_is_empty(void)
{
	unsigned int id;
	bool empty = true;

	lr_control_lock();
	for (id = 1; id < 64; id++)
		empty = empty && !lr_region_find((uint16_t)id);
	lr_control_unlock();
	return empty;
}

static inline struct netmap_ring *core_tx(const struct lr_file *f)
{
	return core_ring(f, LR_TX, 0)->shared;
}

static inline struct netmap_ring *core_rx(const struct lr_file *f)
{
	return core_ring(f, LR_RX, 0)->shared;
}

#endif
