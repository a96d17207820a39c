/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VALE: switches and ports that come and go; who gets which packet, whole and in order; what is lost is counted where it was
 * lost. Headers and hostile programs have tests of their own (vale_header_test.c, vale_hostile_test.c).
 */
#include "vale_port.h"
#include "core/vale_function.h"

static int refused(const char *name, struct nmreq_register reg, const char *part)
{
	struct lr_file *f = lr_file_open();
	int err = core_ask(f, NETMAP_REQ_REGISTER, name, &reg);

	if (err)
		CHECK_HAS(core_why(f), part);
	lr_file_close(f);
	return err;
}

static void names(void)
{
	const struct nmreq_register all = { .nr_mode = NR_REG_ALL_NIC };
	static const char *const good[] = { "vale:a", "valeSW_1:p_9", "vale0:1" };
	struct lr_file *f;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(good); i++) {
		f = core_must_open(good[i], 8);
		CHECK(f->port->region->id > LR_REGION_GLOBAL && f->nifp->ni_flags & NI_PRIV_MEM);
		vale_close(&f, 1);
	}
	CHECK_EQ(refused("vale0:", all, "no port"), -EINVAL);
	CHECK_EQ(refused("vale:", all, "no port"), -EINVAL);
	CHECK_EQ(refused("vale-0:1", all, "letters"), -EINVAL);
	CHECK_EQ(refused("vale0:a:b", all, "letters"), -EINVAL);
	CHECK_EQ(refused("vale0:a.b", all, "letters"), -EINVAL);
	CHECK_EQ(refused("vale0:a", (struct nmreq_register){ .nr_mode = NR_REG_SW }, "host rings"), -EOPNOTSUPP);
	CHECK_EQ(refused("vale0:a", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 3 }, "slots"), -EINVAL);
	CHECK_EQ(refused("vale0:a", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_mem_id = 77 }, "region 77"), -EINVAL);
	CHECK(core_is_empty());
}

/* A region of one's own, or that of somebody else. */
static void regions(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct lr_file *f[3] = { core_must_open("vale0:a", 8), core_must_open("vale0:b", 8), NULL };
	int err;

	CHECK(f[0]->port->region != f[1]->port->region);
	reg.nr_mem_id = f[0]->port->region->id;
	f[2] = core_open("vale0:c", &reg, &err);
	CHECK(f[2] && f[2]->port->region == f[0]->port->region);
	vale_close(f, 3);
}

static void a_port_twice(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 8), core_must_open("vale0:a", 8), core_must_open("vale0:b", 8) };

	CHECK(f[0]->port == f[1]->port);
	vale_send_one(f[2], 1, 2, 7);
	vale_get(f[1], 7, FRAME);
	lr_file_close(f[0]);
	f[0] = f[1];
	vale_drain(f[0]);
	vale_send_one(f[2], 1, 2, 8);
	vale_get(f[0], 8, FRAME);
	f[1] = f[2];
	vale_close(f, 2);
}

/* --- Who gets it ------------------------------------------------------------------------------------------------- */

static void unknown_known_everybody(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 16), core_must_open("vale0:b", 16), core_must_open("vale0:c", 16) };
	struct lr_file *other = core_must_open("vale1:b", 16);

	/* Unknown: all others. */
	vale_send_one(f[0], 2, 1, 10);
	vale_get(f[1], 10, FRAME);
	vale_get(f[2], 10, FRAME);
	CHECK_EQ(vale_waiting(f[0]), 0);
	/* The answer: whoever asked, alone. */
	vale_send_one(f[1], 1, 2, 11);
	vale_get(f[0], 11, FRAME);
	CHECK_EQ(vale_waiting(f[2]), 0);
	vale_send_one(f[0], 2, 1, 12);
	vale_get(f[1], 12, FRAME);
	CHECK_EQ(vale_waiting(f[2]), 0);
	/* Everybody, a group. */
	vale_send_one(f[0], 0xff, 1, 13);
	vale_get(f[1], 13, FRAME);
	vale_get(f[2], 13, FRAME);
	/* To itself: it has it already. */
	vale_send_one(f[0], 1, 1, 14);
	CHECK_EQ(vale_waiting(f[0]) + vale_waiting(f[1]) + vale_waiting(f[2]), 0);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);
	/* The address moves to another port. */
	vale_send_one(f[2], 0xff, 2, 15);
	vale_get(f[0], 15, FRAME);
	vale_get(f[1], 15, FRAME);
	vale_send_one(f[0], 2, 1, 16);
	vale_get(f[2], 16, FRAME);
	CHECK_EQ(vale_waiting(f[1]), 0);
	CHECK_EQ(vale_waiting(other), 0);
	lr_file_close(other);
	vale_close(f, 3);
}

/* A batch with everything in it: each receiver has its own in the order in which they were sent. */
static void mixed_batch(void)
{
	struct lr_file *f[4];
	uint32_t next[4] = { 0 }, i, k;
	char name[16];

	for (k = 0; k < 4; k++) {
		snprintf(name, sizeof(name), "vale0:%u", k);
		f[k] = core_must_open(name, 1024);
		vale_send_one(f[k], 0xff, k + 1, 0);
	}
	for (k = 0; k < 4; k++)
		vale_drain(f[k]);
	for (i = 0; i < 1000; i++) {
		static const unsigned int to[] = { 2, 3, 0xff, 4, 2, 77 };

		vale_put(f[0], to[i % 6], 1, i, (uint16_t)(FRAME + i % 900), i % 50 == 9 ? NS_NO_LEARN : 0);
	}
	vale_send(f[0]);
	for (i = 0; i < 1000; i++)
		for (k = 1; k < 4; k++)
			if (i % 6 == 2 || i % 6 == 5 || (k == 1 && i % 6 % 4 == 0) || (k == 2 && i % 6 == 1) || (k == 3 && i % 6 == 3)) {
				vale_get(f[k], i, (uint16_t)(FRAME + i % 900));
				next[k]++;
			}
	CHECK(next[1] == 666 && next[2] == 500 && next[3] == 500);
	for (k = 0; k < 4; k++)
		CHECK_EQ(vale_waiting(f[k]), 0);
	CHECK_EQ(vale_count(f[0], LR_TX)->packets, 1001);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);	/* the first of all, when nobody else was there */
	vale_close(f, 4);
}

static void addresses_not_learnt(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 16), core_must_open("vale0:b", 16), core_must_open("vale0:c", 16) };
	uint8_t *p;

	vale_put(f[1], 0xff, 2, 1, FRAME, NS_NO_LEARN);
	/* A group, and no address at all. */
	vale_put(f[1], 0xff, 3, 2, FRAME, 0);
	p = (uint8_t *)vale_buf(f[1], &core_tx(f[1])->slot[1]);
	p[6] |= 1;
	vale_put(f[1], 0xff, 3, 3, FRAME, 0);
	p = (uint8_t *)vale_buf(f[1], &core_tx(f[1])->slot[2]);
	memset(p + 6, 0, 6);
	vale_send(f[1]);
	CHECK_EQ(vale_drain(f[0]), 3);
	CHECK_EQ(vale_drain(f[2]), 3);
	vale_send_one(f[0], 2, 1, 4);
	CHECK_EQ(vale_drain(f[1]), 1);
	CHECK_EQ(vale_drain(f[2]), 1);
	vale_put(f[0], 0, 1, 5, FRAME, 0);
	p = (uint8_t *)vale_buf(f[0], &core_tx(f[0])->slot[1]);
	memset(p, 0, 6);
	vale_send(f[0]);
	CHECK_EQ(vale_drain(f[1]), 1);
	CHECK_EQ(vale_drain(f[2]), 1);
	vale_close(f, 3);
}

/* The program says where. */
static void override(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 16), core_must_open("vale0:b", 16), core_must_open("vale0:c", 16) };
	unsigned int n = vale_number(f[2]);

	CHECK(n >= 1 && n <= 254);
	vale_put(f[0], 0xff, 1, 1, FRAME, (uint16_t)(n << NS_PORT_SHIFT));
	vale_send(f[0]);
	vale_get(f[2], 1, FRAME);
	CHECK_EQ(vale_waiting(f[1]), 0);
	vale_put(f[0], 0xff, 1, 2, FRAME, 200 << NS_PORT_SHIFT);	/* nobody has it */
	vale_put(f[0], 0xff, 1, 3, FRAME, (uint16_t)(vale_number(f[0]) << NS_PORT_SHIFT));
	vale_send(f[0]);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 2);
	vale_put(f[0], 2, 1, 4, FRAME, (uint16_t)(255 << NS_PORT_SHIFT));
	vale_send(f[0]);
	vale_get(f[1], 4, FRAME);
	vale_get(f[2], 4, FRAME);
	CHECK_EQ(vale_waiting(f[0]), 0);
	vale_close(f, 3);
}

static unsigned int to_port(void *arg, const void *frame, uint32_t len, unsigned int port, unsigned int ring)
{
	const uint8_t *p = frame;

	CHECK(len == FRAME && port && !ring);
	return p[5] == 9 ? 5000 : *(unsigned int *)arg;
}

static void another_function(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 16), core_must_open("vale0:b", 16), core_must_open("vale0:c", 16) };
	unsigned int to = vale_number(f[2]);
	struct lr_why why = { "" };

	CHECK_EQ(lr_vale_set_function("switch", 0, to_port, &to, &why), -EINVAL);
	CHECK_EQ(lr_vale_set_function("vale0:a", 0, to_port, &to, &why), -EINVAL);
	CHECK_EQ(lr_vale_set_function("vale0", 0, to_port, &to, NULL), 0);
	why.text[0] = '\0';
	CHECK_EQ(lr_vale_set_function("vale0", 0, to_port, &to, &why), -EBUSY);
	CHECK_HAS(why.text, "vale0");
	vale_send_one(f[0], 0xff, 1, 1);
	vale_get(f[2], 1, FRAME);
	CHECK_EQ(vale_waiting(f[1]), 0);
	vale_send_one(f[0], 9, 1, 2);	/* nonsense is nobody */
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);
	lr_vale_clear_function("vale0", 1);	/* of another namespace: not this one */
	vale_send_one(f[0], 0xff, 1, 3);
	CHECK_EQ(vale_waiting(f[1]), 0);
	vale_get(f[2], 3, FRAME);
	lr_vale_clear_function("vale0", 0);
	vale_send_one(f[0], 0xff, 1, 3);
	vale_get(f[1], 3, FRAME);
	vale_close(f, 3);
	/* There before the switch is. */
	CHECK_EQ(lr_vale_set_function("vale0", 0, to_port, &to, NULL), 0);
	f[0] = core_must_open("vale0:a", 16);
	f[1] = core_must_open("vale0:b", 16);
	f[2] = core_must_open("vale0:c", 16);
	vale_send_one(f[0], 0xff, 1, 4);
	CHECK_EQ(vale_waiting(f[1]), 0);
	vale_get(f[2], 4, FRAME);
	vale_close(f, 3);
	lr_vale_clear_function("vale0", 0);
}

/* --- Packets of several slots, and bad ones ---------------------------------------------------------------------- */

static void put_fragments(const struct lr_file *f, uint32_t id, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		vale_put(f, 0xff, 1, id + i, (uint16_t)(FRAME + i), i + 1 < n ? NS_MOREFRAG : 0);
}

static void get_fragments(struct lr_file *f, uint32_t id, unsigned int n)
{
	struct netmap_ring *r = core_rx(f);
	unsigned int i;

	CHECK(vale_waiting(f) >= n);
	for (i = 0; i < n; i++) {
		struct netmap_slot *s = &r->slot[r->head];
		uint32_t found;

		CHECK_EQ(s->flags, i + 1 < n ? NS_MOREFRAG | (n - 1 - i) << NS_PORT_SHIFT : 0);
		CHECK_EQ(s->len, FRAME + i);
		memcpy(&found, vale_buf(f, s) + 14, sizeof(found));
		CHECK_EQ(found, id + i);
		vale_advance(r);
	}
}

static void fragments(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 1024), core_must_open("vale0:b", 1024), core_must_open("vale0:c", 128) };
	unsigned int n;

	for (n = 2; n <= 64; n++) {
		put_fragments(f[0], 1000 * n, n);
		vale_put(f[0], 0xff, 1, 5, FRAME, 0);
		vale_send(f[0]);
		get_fragments(f[1], 1000 * n, n);
		vale_get(f[1], 5, FRAME);
		vale_drain(f[2]);
	}
	/* One too many: dropped, also its rest that comes later. */
	put_fragments(f[0], 0, 65);
	vale_put(f[0], 0xff, 1, 6, FRAME, 0);
	vale_send(f[0]);
	vale_get(f[1], 6, FRAME);
	CHECK_EQ(vale_waiting(f[1]), 0);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);
	vale_close(f, 3);
}

/* A packet whose end is not there yet stays with its sender. */
static void end_comes_later(void)
{
	struct lr_file *f[2] = { core_must_open("vale0:a", 16), core_must_open("vale0:b", 16) };
	struct netmap_ring *r = core_tx(f[0]);
	uint32_t i;

	vale_put(f[0], 0xff, 1, 1, FRAME, 0);
	vale_put(f[0], 0xff, 1, 2, FRAME, NS_MOREFRAG);
	vale_put(f[0], 0xff, 1, 3, FRAME + 1, NS_MOREFRAG);
	vale_send(f[0]);
	vale_get(f[1], 1, FRAME);
	CHECK_EQ(vale_waiting(f[1]), 0);
	CHECK_EQ(r->tail, 0);
	vale_put(f[0], 0xff, 1, 4, FRAME + 2, 0);
	vale_send(f[0]);
	get_fragments(f[1], 2, 3);
	/* One that can never end. */
	for (i = 0; i < 15; i++)
		vale_put(f[0], 0xff, 1, i, FRAME, NS_MOREFRAG);
	vale_send(f[0]);
	CHECK_EQ(lr_pos_dist(r->head, r->tail, 16), 15);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);
	vale_put(f[0], 0xff, 1, 5, FRAME, NS_MOREFRAG);
	vale_put(f[0], 0xff, 1, 6, FRAME, 0);
	vale_put(f[0], 0xff, 1, 7, FRAME, 0);
	vale_send(f[0]);
	vale_get(f[1], 7, FRAME);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);
	vale_close(f, 2);
}

static void bad_slots(void)
{
	struct lr_file *f[2] = { core_must_open("vale0:a", 32), core_must_open("vale0:b", 32) };
	struct netmap_ring *r = core_tx(f[0]);

	vale_put(f[0], 0xff, 1, 1, 13, 0);		/* too short for a header */
	vale_put(f[0], 0xff, 1, 1, 0, 0);
	vale_put(f[0], 0xff, 1, 1, FRAME, 0);
	r->slot[2].buf_idx = 1;
	vale_put(f[0], 0xff, 1, 1, FRAME, 0);
	r->slot[3].buf_idx = UINT32_MAX;
	vale_put(f[0], 0xff, 1, 1, FRAME, 0);
	r->slot[4].len = 2049;
	vale_put(f[0], 0xff, 1, 1, FRAME, NS_MOREFRAG);
	vale_put(f[0], 0xff, 1, 1, FRAME, NS_MOREFRAG);
	r->slot[6].len = 5000;
	vale_put(f[0], 0xff, 1, 1, FRAME, 0);
	vale_put(f[0], 0xff, 1, 9, 14 + 4, 0);
	vale_send(f[0]);
	vale_get(f[1], 9, 18);
	CHECK_EQ(vale_waiting(f[1]), 0);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 6);
	CHECK_EQ(vale_count(f[0], LR_TX)->bad_slots, 4);
	CHECK_EQ(vale_count(f[0], LR_TX)->packets, 1);
	/* All slots are usable again. */
	put_fragments(f[0], 50, 20);
	vale_send(f[0]);
	get_fragments(f[1], 50, 20);
	vale_close(f, 2);
}

static void indirect(void)
{
	struct lr_file *f[2] = { core_must_open("vale0:a", 32), core_must_open("vale0:b", 32) };
	struct netmap_slot *s;
	char data[200];
	uint32_t id = 77;

	memset(data, 77, sizeof(data));
	vale_mac((uint8_t *)data, 0xff);
	vale_mac((uint8_t *)data + 6, 1);
	memcpy(data + 14, &id, sizeof(id));
	s = vale_next_slot(f[0]);
	vale_put(f[0], 0xff, 1, 1, 150, NS_INDIRECT);
	s->ptr = ADDR(data);
	/* A header in the slot, the rest elsewhere. */
	vale_put(f[0], 0xff, 1, 20, FRAME, NS_MOREFRAG);
	s = vale_next_slot(f[0]);
	vale_put(f[0], 0xff, 1, 1, FRAME + 1, NS_INDIRECT);
	s->ptr = ADDR(data);
	/* Nowhere. */
	s = vale_next_slot(f[0]);
	vale_put(f[0], 0xff, 1, 2, 150, NS_INDIRECT);
	s->ptr = 0x1000;
	vale_put(f[0], 0xff, 1, 3, 150, 0);
	vale_send(f[0]);
	vale_get(f[1], 77, 150);
	CHECK_EQ(vale_waiting(f[1]), 3);
	CHECK_EQ(core_rx(f[1])->slot[1].flags, NS_MOREFRAG | 1 << NS_PORT_SHIFT);
	CHECK_EQ(vale_buf(f[1], &core_rx(f[1])->slot[2])[40], 77);
	vale_advance(core_rx(f[1]));
	vale_advance(core_rx(f[1]));
	vale_get(f[1], 3, 150);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 1);
	vale_close(f, 2);
}

/* Every length, and not a byte of what lies behind it. */
static void lengths(void)
{
	struct lr_file *f[2] = { core_must_open("vale0:a", 32), core_must_open("vale0:b", 32) };
	uint32_t len;

	for (len = 18; len <= 2048; len++) {
		struct netmap_ring *r = core_rx(f[1]);
		char *behind = vale_buf(f[1], &r->slot[r->head]);

		memset(behind, 0x55, 2048);
		memset(vale_buf(f[0], vale_next_slot(f[0])), 0x66, 2048);
		vale_put(f[0], 0xff, 1, len, (uint16_t)len, 0);
		vale_send(f[0]);
		vale_get(f[1], len, (uint16_t)len);
		CHECK(len == 2048 || (behind[len] == 0x55 && behind[2047] == 0x55));
	}
	vale_close(f, 2);
}

/* --- What is lost, and where ------------------------------------------------------------------------------------- */

static void slow_receiver(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 64), core_must_open("vale0:b", 64), core_must_open("vale0:c", 8) };
	uint32_t i, round;

	for (round = 0; round < 40; round++) {
		for (i = 0; i < 50; i++)
			vale_put(f[0], 0xff, 1, i, FRAME, 0);
		vale_send(f[0]);
		CHECK_EQ(lr_pos_dist(core_tx(f[0])->head, core_tx(f[0])->tail, 64), 63);
		for (i = 0; i < 50; i++)
			vale_get(f[1], i, FRAME);
		vale_drain(f[1]);
	}
	CHECK_EQ(vale_count(f[1], LR_RX)->packets, 2000);
	CHECK_EQ(vale_count(f[1], LR_RX)->drops, 0);
	CHECK_EQ(vale_count(f[2], LR_RX)->packets, 7);
	CHECK_EQ(vale_count(f[2], LR_RX)->drops, 1993);
	CHECK_EQ(vale_count(f[0], LR_TX)->packets, 2000);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 0);
	for (i = 0; i < 7; i++)
		vale_get(f[2], i, FRAME);
	/* Whole packets: where three slots are free, one of two fits and not the next. */
	for (i = 0; i < 4; i++)
		vale_put(f[0], 0xff, 1, i, FRAME, 0);
	vale_send(f[0]);
	vale_drain(f[1]);
	vale_drain(f[2]);
	for (i = 0; i < 4; i++)
		vale_put(f[0], 0xff, 1, i, FRAME, 0);
	put_fragments(f[0], 10, 2);
	put_fragments(f[0], 20, 2);
	vale_put(f[0], 0xff, 1, 30, FRAME, 0);
	vale_send(f[0]);
	for (i = 0; i < 4; i++)
		vale_get(f[2], i, FRAME);
	get_fragments(f[2], 10, 2);
	CHECK_EQ(vale_waiting(f[2]), 0);
	vale_close(f, 3);
}

static void nobody_there(void)
{
	struct lr_file *f[2] = { core_must_open("vale0:a", 64), NULL };
	struct nmreq_register tx_only = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_TX_RINGS_ONLY };
	uint32_t i;
	int err;

	for (i = 0; i < 10; i++)
		vale_put(f[0], 2, 1, i, FRAME, 0);
	vale_send(f[0]);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 10);
	/* A port that does not receive. */
	f[1] = core_open("vale0:b", &tx_only, &err);
	vale_send_one(f[0], 2, 1, 1);
	CHECK_EQ(vale_count(f[0], LR_TX)->drops, 10);
	CHECK_EQ(f[1]->port->ring[LR_RX][0].count.drops, 1);
	vale_close(f, 2);
}

/* What a receiver leaves behind is lost, and it begins anew. */
static void receiver_comes_again(void)
{
	struct lr_file *f[3] = { core_must_open("vale0:a", 64), core_must_open("vale0:b", 64), NULL };
	struct nmreq_register tx_only = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_TX_RINGS_ONLY };
	uint32_t i;
	int err;

	f[2] = core_open("vale0:b", &tx_only, &err);
	for (i = 0; i < 10; i++)
		vale_put(f[0], 0xff, 1, i, FRAME, 0);
	vale_send(f[0]);
	vale_get(f[1], 0, FRAME);
	CHECK_EQ(lr_file_ioctl(f[1], NIOCRXSYNC, 0), 0);
	lr_file_close(f[1]);
	CHECK_EQ(f[2]->port->ring[LR_RX][0].count.drops, 9);
	f[1] = core_must_open("vale0:b", 0);
	CHECK_EQ(vale_waiting(f[1]), 0);
	vale_send_one(f[0], 0xff, 1, 42);
	vale_get(f[1], 42, FRAME);
	vale_close(f, 3);
}

/* Leases end in any order; what is in them is seen in the order of sending. */
static void leases(void)
{
	struct lr_file *f[2] = { core_must_open("vale0:a", 64), core_must_open("vale0:b", 16) };
	struct lr_vale_source *src = core_ring(f[0], LR_TX, 0)->priv;
	struct lr_switch *sw = src->port->sw;
	struct lr_vale_queue *q = sw->port[vale_number(f[1])]->queue;
	struct lr_vale_lease l[4];
	unsigned int i;

	for (i = 0; i < 200; i++) {
		static const unsigned int order[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 0, 2, 1 } };
		const unsigned int *o = order[i % 6];
		bool done[3] = { false };
		unsigned int k, seen = 0;

		for (k = 0; k < 3; k++)
			CHECK(lr_vale_reserve(&l[k], q, 4 + (k == 1)));
		CHECK(!lr_vale_reserve(&l[3], q, 3));
		for (k = 0; k < 3; k++) {
			l[o[k]].packets = 1;
			lr_vale_publish(&l[o[k]], src);
			done[o[k]] = true;
			seen = done[0] ? done[1] ? done[2] ? 13 : 9 : 4 : 0;
			CHECK_EQ(vale_waiting(f[1]), seen);
		}
		vale_drain(f[1]);
	}
	CHECK_EQ(vale_count(f[1], LR_RX)->packets, 600);
	vale_close(f, 2);
}

/* --- Switches and ports that come and go ------------------------------------------------------------------------- */

static void rings(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_rings = 3, .nr_rx_rings = 2, .nr_tx_slots = 32, .nr_rx_slots = 32 };
	struct lr_file *f[2];
	unsigned int i;
	int err;

	f[0] = core_open("vale0:a", &reg, &err);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_rings = 3, .nr_rx_rings = 2, .nr_tx_slots = 32, .nr_rx_slots = 32 };
	f[1] = core_open("vale0:b", &reg, &err);
	for (i = 0; i < 3; i++) {
		struct lr_ring *r = core_ring(f[0], LR_TX, i);
		uint8_t *p = (uint8_t *)vale_buf(f[0], &r->shared->slot[0]);

		vale_mac(p, 0xff);
		vale_mac(p + 6, 1);
		r->shared->slot[0].len = FRAME;
		r->shared->head = r->shared->cur = 1;
	}
	vale_send(f[0]);
	CHECK_EQ(lr_file_ioctl(f[1], NIOCRXSYNC, 0), 0);
	CHECK_EQ(core_ring(f[1], LR_RX, 0)->shared->tail, 2);
	CHECK_EQ(core_ring(f[1], LR_RX, 1)->shared->tail, 1);
	vale_close(f, 2);
}

static void small_regions(uint32_t bufs)
{
	lr_region_params[1].pool[LR_POOL_BUF].num = bufs;
}

/* All there can be; and a storm among them. */
static void many_ports(void)
{
	const uint32_t bufs = lr_region_params[1].pool[LR_POOL_BUF].num;
	static struct lr_file *f[254];
	uint64_t received = 0, lost = 0;
	char name[32];
	uint32_t i, k;

	small_regions(64);
	for (i = 0; i < 254; i++) {
		snprintf(name, sizeof(name), "vale0:p%u", i);
		f[i] = core_must_open(name, 16);
	}
	CHECK_EQ(refused("vale0:p254", (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16, .nr_rx_slots = 16 }, "254"),
		 -ENOSPC);
	for (i = 0; i < 254; i++) {
		for (k = 0; k < 10; k++)
			vale_put(f[i], 0xff, i + 1000, k, FRAME, 0);
		vale_send(f[i]);
	}
	for (i = 0; i < 254; i++) {
		received += vale_count(f[i], LR_RX)->packets;
		lost += vale_count(f[i], LR_RX)->drops;
		CHECK_EQ(vale_drain(f[i]), 15);
	}
	CHECK_EQ(received, 254 * 15);
	CHECK_EQ(received + lost, 254 * 253 * 10);
	/* Now all are known. */
	for (i = 0; i < 254; i++)
		vale_send_one(f[i], (i + 1) % 254 + 1000, i + 1000, i);
	for (i = 0; i < 254; i++)
		vale_get(f[(i + 1) % 254], i, FRAME);
	vale_close(f, 254);
	small_regions(bufs);
}

/* A number is used again, and nothing is known of whom it was before. */
static void numbers(void)
{
	struct lr_file *f[4] = { core_must_open("vale0:a", 16), core_must_open("vale0:b", 16), core_must_open("vale0:c", 16) };
	unsigned int n = vale_number(f[1]);

	vale_send_one(f[1], 0xff, 2, 1);
	vale_drain(f[0]);
	vale_drain(f[2]);
	lr_file_close(f[1]);
	f[1] = core_must_open("vale0:d", 16);
	CHECK_EQ(vale_number(f[1]), n);
	vale_send_one(f[0], 2, 1, 2);
	CHECK_EQ(vale_drain(f[1]), 1);
	CHECK_EQ(vale_drain(f[2]), 1);
	vale_close(f, 3);
}

static void listing(void)
{
	struct lr_file *f[3] = { core_must_open("valex:a", 16), core_must_open("valey:a", 16), core_must_open("valex:b", 16) };
	static const char *const want[] = { "valex:a", "valex:b", "valey:a" };
	struct nmreq_vale_list list = { 0 };
	struct lr_file *any = lr_file_open();
	struct nmreq_header h;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		h = core_header(NETMAP_REQ_VALE_LIST, "", &list);
		CHECK_EQ(lr_file_ioctl(any, NIOCCTRL, ADDR(&h)), 0);
		CHECK(strcmp(h.nr_name, want[i]) == 0);
		list.nr_port_idx++;
	}
	h = core_header(NETMAP_REQ_VALE_LIST, "", &list);
	CHECK_EQ(lr_file_ioctl(any, NIOCCTRL, ADDR(&h)), -ENOENT);
	h = core_header(NETMAP_REQ_VALE_LIST, "valey:a", &list);
	CHECK_EQ(lr_file_ioctl(any, NIOCCTRL, ADDR(&h)), 0);
	CHECK(list.nr_bridge_idx == 1 && list.nr_port_idx == 1);
	CHECK_EQ(core_ask(any, NETMAP_REQ_VALE_LIST, "valey:b", &list), -ENOENT);
	CHECK_HAS(core_why(any), "valey:b");
	lr_file_close(any);
	vale_close(f, 3);
}

/* --- The table ------------------------------------------------------------------------------------------------------ */

static void table(void)
{
	static struct lr_vale_table t;
	uint64_t mac, seed = 1;
	unsigned int known = 0, i;

	for (mac = 1; mac <= 1500; mac++)
		lr_vale_learn(&t, mac * 0x10001, 1 + mac % 254, 10);
	for (mac = 1; mac <= 1500; mac++)
		known += lr_vale_lookup(&t, mac * 0x10001, 10 + LR_VALE_AGE) == 1 + mac % 254;
	CHECK(known >= 1400);
	CHECK_EQ(lr_vale_lookup(&t, 0x10001, 11 + LR_VALE_AGE), 0);
	/* Somebody invents addresses: the others' stay, but for one in a bucket. */
	memset(&t, 0, sizeof(t));
	for (mac = 1; mac <= 500; mac++)
		lr_vale_learn(&t, mac, 7, 10);
	for (i = 0; i < 200000; i++)
		lr_vale_learn(&t, (uint64_t)unit_random(&seed) << 8 | 2, 9, 10);
	for (known = 0, mac = 1; mac <= 500; mac++)
		known += lr_vale_lookup(&t, mac, 10) == 7;
	CHECK(known >= 480);
	lr_vale_forget(&t, 9);
	for (known = 0, i = 0; i < LR_VALE_ENTRIES; i++)
		known += t.entry[i] != 0;
	CHECK(known <= 500 && known >= 480);
	/* Old ones are swept, all of them when the clock has gone on for long. */
	t.tick = os_seconds() / LR_VALE_TICK - LR_VALE_AGE - 1;
	lr_vale_tick(&t);
	CHECK_EQ(lr_vale_lookup(&t, 1, t.tick), 0);
	memset(&t, 0, sizeof(t));
	t.tick = os_seconds() / LR_VALE_TICK - 1;
	lr_vale_learn(&t, 5, 7, t.tick);
	for (i = 0; i < 32; i++) {
		lr_vale_learn(&t, 6, 7, t.tick - 76);
		t.tick--;
		lr_vale_tick(&t);
	}
	CHECK_EQ(lr_vale_lookup(&t, 5, t.tick), 7);
	for (known = 0, i = 0; i < LR_VALE_ENTRIES; i++)
		known += t.entry[i] >> 16 == 6;
	CHECK(known <= 1);
}

static const struct unit_case cases[] = {
	{ "names", names },
	{ "regions", regions },
	{ "a port opened twice", a_port_twice },
	{ "unknown, known, everybody", unknown_known_everybody },
	{ "a mixed batch, in order", mixed_batch },
	{ "addresses that are not learnt", addresses_not_learnt },
	{ "the program says where", override },
	{ "another forwarding function", another_function },
	{ "packets of several slots", fragments },
	{ "a packet's end comes later", end_comes_later },
	{ "bad slots", bad_slots },
	{ "indirect data", indirect },
	{ "all lengths", lengths },
	{ "a slow receiver loses its own", slow_receiver },
	{ "nobody there", nobody_there },
	{ "a receiver comes again", receiver_comes_again },
	{ "leases", leases },
	{ "several rings", rings },
	{ "254 ports", many_ports },
	{ "numbers are used again", numbers },
	{ "listing", listing },
	{ "the table of addresses", table },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
