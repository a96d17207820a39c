/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces on a switch, with one that is in memory: frames that the test puts on its wire, or that its host sends, come into the
 * switch, and the other way round; attach, detach, polling; persistent ports; programs that scribble in the region that
 * they share with the interface.
 */
#include "vale_port.h"
#include "core/vale_nic.h"

#define ROOM 8192

/* One side of the interface: its wire, or its host. */
struct side {
	pthread_mutex_t lock;
	uint32_t in[ROOM], num_in, next_in;	/* numbers of frames that are to come in */
	uint32_t out[ROOM], num_out;		/* those that went out */
	struct lr_ring *rx;
};

static struct side sides[2] = { { .lock = PTHREAD_MUTEX_INITIALIZER }, { .lock = PTHREAD_MUTEX_INITIALIZER } };
static bool forbidden;

static struct side *side_of(const struct lr_ring *r)
{
	return &sides[lr_kind_is_host(r->kind)];
}

static int sim_txsync(struct lr_ring *r, unsigned int flags)
{
	struct side *s = side_of(r);
	uint32_t i;

	(void)flags;
	pthread_mutex_lock(&s->lock);
	for (i = r->hwcur; i != r->head; i = lr_pos_next(i, r->num_slots)) {
		struct lr_slot slot = lr_slot_read(&r->slot[i]);

		if (lr_slot_ok(r, slot) && s->num_out < ROOM)
			memcpy(&s->out[s->num_out++], lr_region_buf(r->port->region, slot.idx) + 14, 4);
	}
	pthread_mutex_unlock(&s->lock);
	os_store(&r->hwcur, r->head);
	os_store(&r->hwtail, lr_pos_prev(r->head, r->num_slots));
	return 0;
}

static int sim_rxsync(struct lr_ring *r, unsigned int flags)
{
	struct side *s = side_of(r);
	uint32_t tail = r->hwtail;

	(void)flags;
	os_store(&r->hwcur, r->head);
	pthread_mutex_lock(&s->lock);
	while (s->next_in < s->num_in && lr_pos_next(tail, r->num_slots) != r->hwcur) {
		uint32_t id = s->in[s->next_in++];
		struct lr_slot slot = lr_slot_read(&r->slot[tail]);
		uint8_t *p;

		if (!lr_buf_ok(r, slot.idx))
			break;
		p = (uint8_t *)lr_region_buf(r->port->region, slot.idx);
		memset(p, (int)id, FRAME);
		vale_mac(p, 0xff);
		vale_mac(p + 6, lr_kind_is_host(r->kind) ? 51 : 50);
		memcpy(p + 14, &id, 4);
		lr_slot_write(&r->slot[tail], slot.idx, FRAME, 0);
		lr_count(&r->count.packets, 1);
		tail = lr_pos_next(tail, r->num_slots);
	}
	pthread_mutex_unlock(&s->lock);
	os_store(&r->hwtail, tail);
	return 0;
}

static int sim_ring_start(struct lr_ring *r, struct lr_why *why)
{
	struct side *s = side_of(r);

	(void)why;
	if (lr_kind_is_tx(r->kind))
		return 0;
	pthread_mutex_lock(&s->lock);
	s->num_in = s->next_in = s->num_out = 0;
	s->rx = r;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void sim_ring_stop(struct lr_ring *r)
{
	if (!lr_kind_is_tx(r->kind))
		side_of(r)->rx = NULL;
}

static int sim_admit(struct lr_port *p, struct lr_why *why)
{
	return forbidden ? lr_why(why, -EPERM, "no permission for %s", p->name) : 0;
}

static const struct lr_port_ops sim_ops = {
	.kind = "nic",
	.admit = sim_admit,
	.txsync = sim_txsync,
	.rxsync = sim_rxsync,
	.ring_start = sim_ring_start,
	.ring_stop = sim_ring_stop,
	.destroy = lr_port_free,
};

static bool sim_match(const struct lr_port_query *q)
{
	(void)q;
	return true;
}

static int sim_create(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why)
{
	struct lr_port *p;
	unsigned int k;
	int err;

	if (strcmp(q->name, "sim0") != 0)
		return lr_why(why, -ENXIO, "there is no interface '%s'", q->name);
	p = lr_port_alloc(q->name, q->netns, &lr_nic_kind, &sim_ops);
	for (k = 0; k < LR_RING_KINDS; k++) {
		p->config.rings[k] = 1;
		p->config.slots[k] = 64;
	}
	p->region = lr_region_get(LR_REGION_GLOBAL, &err, why);
	if (!p->region || lr_port_set_rings(p, why) < 0)
		abort();
	*out = p;
	return 0;
}

const struct lr_port_kind lr_nic_kind = {
	.match = sim_match,
	.full_name = lr_port_plain_name,
	.create = sim_create,
};

/* --- The test's end ------------------------------------------------------------------------------------------------ */

static void arrives(unsigned int side, uint32_t id)
{
	struct side *s = &sides[side];

	pthread_mutex_lock(&s->lock);
	if (s->num_in < ROOM)
		s->in[s->num_in++] = id;
	pthread_mutex_unlock(&s->lock);
	os_waitq_wake(&s->rx->wq);
}

static uint32_t num_out(unsigned int side)
{
	uint32_t n;

	pthread_mutex_lock(&sides[side].lock);
	n = sides[side].num_out;
	pthread_mutex_unlock(&sides[side].lock);
	return n;
}

/* The interface is served by a thread: it may take a while. */
static void wait_out(unsigned int side, uint32_t n, uint32_t last)
{
	unsigned int ms;

	for (ms = 0; ms < 20000 && num_out(side) < n; ms++)
		usleep(1000);
	CHECK_EQ(num_out(side), n);
	CHECK_EQ(sides[side].out[n - 1], last);
}

static void wait_get(struct lr_file *f, uint32_t id)
{
	unsigned int ms;

	for (ms = 0; ms < 20000 && !vale_waiting(f); ms++)
		usleep(1000);
	vale_get(f, id, FRAME);
}

static int attach(const char *name, uint32_t mode, struct nmreq_vale_attach *req)
{
	struct lr_file *f = lr_file_open();
	int err;

	*req = (struct nmreq_vale_attach){ .reg.nr_mode = mode };
	err = core_ask(f, NETMAP_REQ_VALE_ATTACH, name, req);
	CHECK(!err || core_why(f)[0]);
	lr_file_close(f);
	return err;
}

static int detach(const char *name, struct nmreq_vale_detach *req)
{
	struct lr_file *f = lr_file_open();
	int err;

	*req = (struct nmreq_vale_detach){ 0 };
	err = core_ask(f, NETMAP_REQ_VALE_DETACH, name, req);
	CHECK(!err || core_why(f)[0]);
	lr_file_close(f);
	return err;
}

static int polling(const char *name, bool on, uint32_t mode, uint32_t first, uint32_t n)
{
	struct nmreq_vale_polling req = { .nr_mode = mode, .nr_first_cpu_id = first, .nr_num_polling_cpus = n };
	struct lr_file *f = lr_file_open();
	int err = core_ask(f, on ? NETMAP_REQ_VALE_POLLING_ENABLE : NETMAP_REQ_VALE_POLLING_DISABLE, name, &req);

	CHECK(!err || core_why(f)[0]);
	lr_file_close(f);
	return err;
}

/* --- Cases ---------------------------------------------------------------------------------------------------------- */

static void carry(struct lr_file *a, unsigned int rounds)
{
	uint32_t i, out = num_out(0);

	for (i = 0; i < rounds; i++) {
		vale_send_one(a, 0xff, 1, i);
		wait_out(0, out + i + 1, i);
		arrives(0, 1000 + i);
		wait_get(a, 1000 + i);
	}
}

/* Frames that came in, as the interface's counters say. */
static uint64_t came_in(void)
{
	struct lr_port *p;
	uint64_t n;

	lr_control_lock();
	p = lr_port_find("sim0", os_netns_id(), NULL);
	n = p ? p->ring[LR_RX][0].count.packets : UINT64_MAX;
	lr_control_unlock();
	return n;
}

static void wire_alone(void)
{
	struct lr_file *a = core_must_open("vale0:a", 64);
	struct nmreq_vale_attach at;
	struct nmreq_vale_detach de;
	unsigned int i, k;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), 0);
		CHECK(at.port_index == 2 && at.reg.nr_tx_rings == 1 && at.reg.nr_rx_slots == 64 && at.reg.nr_mem_id == 1);
		carry(a, 20);
		/* More than the interface has room for at once: nothing waits, and all that fits goes. */
		for (k = 0; k < 63; k++)
			vale_put(a, 0xff, 1, 5000 + k, FRAME, 0);
		vale_send(a);
		wait_out(0, 20 + 63, 5062);
		CHECK_EQ(came_in(), 20);
		CHECK_EQ(detach("vale0:sim0", &de), 0);
		CHECK_EQ(de.port_index, at.port_index);
		vale_send_one(a, 50, 1, 7);
	}
	CHECK_EQ(vale_count(a, LR_TX)->drops, 3);
	vale_close(&a, 1);
}

static void with_its_host(void)
{
	struct lr_file *a = core_must_open("vale0:a", 64);
	struct nmreq_vale_attach at;
	struct nmreq_vale_detach de;
	struct lr_file *any = lr_file_open();
	struct nmreq_vale_list list;

	CHECK_EQ(attach("vale0:sim0", NR_REG_NIC_SW, &at), 0);
	CHECK_EQ(core_ask(any, NETMAP_REQ_VALE_LIST, "vale0:sim0^", &list), 0);
	CHECK_EQ(list.nr_port_idx, at.port_index + 1);
	CHECK_EQ(core_ask(any, NETMAP_REQ_VALE_LIST, "sim0", &list), 0);
	CHECK_EQ(list.nr_port_idx, at.port_index);
	lr_file_close(any);
	vale_send_one(a, 0xff, 1, 1);
	wait_out(0, 1, 1);
	wait_out(1, 1, 1);
	arrives(0, 2);		/* from the wire: to the program and the host */
	wait_get(a, 2);
	wait_out(1, 2, 2);
	arrives(1, 3);		/* from the host: to the program and the wire */
	wait_get(a, 3);
	wait_out(0, 2, 3);
	vale_send_one(a, 51, 1, 4);	/* the host's own address */
	wait_out(1, 3, 4);
	vale_send_one(a, 50, 1, 5);
	wait_out(0, 3, 5);
	CHECK_EQ(num_out(1), 3);
	CHECK_EQ(detach("vale0:sim0", &de), 0);
	vale_close(&a, 1);
}

static void refusals(void)
{
	struct lr_file *a = core_must_open("vale0:a", 64), *nic;
	struct nmreq_vale_attach at;
	struct nmreq_vale_detach de;
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	int err;

	CHECK_EQ(attach("vale0:none", NR_REG_ALL_NIC, &at), -ENXIO);
	CHECK_EQ(attach("sim0", NR_REG_ALL_NIC, &at), -EINVAL);
	CHECK_EQ(attach("vale0:", NR_REG_ALL_NIC, &at), -EINVAL);
	CHECK_EQ(attach("vale0:vale1:x", NR_REG_ALL_NIC, &at), -EINVAL);
	CHECK_EQ(attach("vale0:x{1", NR_REG_ALL_NIC, &at), -EINVAL);
	CHECK_EQ(attach("vale0:sim0", NR_REG_SW, &at), -EINVAL);
	CHECK_EQ(detach("vale0:sim0", &de), -ENXIO);
	CHECK_EQ(detach("vale0:a", &de), -ENXIO);
	forbidden = true;
	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), -EPERM);
	forbidden = false;
	nic = core_must_open("sim0", 0);
	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), -EBUSY);
	lr_file_close(nic);
	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), 0);
	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), -EBUSY);
	CHECK_EQ(attach("vale1:sim0", NR_REG_ALL_NIC, &at), -EBUSY);
	CHECK(!core_open("sim0", &reg, &err) && err == -EBUSY);
	CHECK(!core_open("vale0:sim0", &reg, &err) && err == -EBUSY);
	forbidden = true;
	CHECK_EQ(detach("vale0:sim0", &de), -EPERM);
	CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_SINGLE_CPU, 0, 1), -EPERM);
	forbidden = false;
	CHECK_EQ(detach("vale0:sim0", &de), 0);
	vale_close(&a, 1);
}

static void polled(void)
{
	struct lr_file *a = core_must_open("vale0:a", 64);
	struct nmreq_vale_attach at;
	struct nmreq_vale_detach de;
	unsigned int i;

	CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_SINGLE_CPU, 0, 1), -ENXIO);
	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), 0);
	CHECK_EQ(polling("vale0:sim0", false, 0, 0, 0), -EINVAL);
	CHECK_EQ(polling("vale0:sim0", true, 7, 0, 1), -EINVAL);
	CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_MULTI_CPU, 0, 2), -EINVAL);
	CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_MULTI_CPU, 0, 0), -EINVAL);
	CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_SINGLE_CPU, 1000, 1), -EINVAL);
	CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_SINGLE_CPU, UINT32_MAX, 1), -EINVAL);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_SINGLE_CPU + i % 2, 0, 1), 0);
		CHECK_EQ(polling("vale0:sim0", true, NETMAP_POLLING_MODE_SINGLE_CPU, 0, 1), -EBUSY);
		carry(a, 5);
		if (i < 2)
			CHECK_EQ(polling("vale0:sim0", false, 0, 0, 0), 0);
		carry(a, 5);
	}
	CHECK_EQ(detach("vale0:sim0", &de), 0);
	vale_close(&a, 1);
}

static void persistent(void)
{
	struct nmreq_vale_newif new = { .nr_tx_slots = 32, .nr_rx_slots = 16, .nr_tx_rings = 2 };
	struct lr_file *f = lr_file_open(), *a = core_must_open("vale0:a", 64), *p;
	struct nmreq_vale_attach at;
	struct nmreq_vale_detach de;
	unsigned int n;

	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_NEWIF, "v-0", &new), -EINVAL);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_NEWIF, "a_name_with_16_c", &new), -EINVAL);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_DELIF, "v0", NULL), -ENXIO);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_NEWIF, "v0", &new), 0);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_NEWIF, "v0", &new), -EEXIST);
	CHECK_EQ(attach("vale0:v0", NR_REG_ALL_NIC, &at), 0);
	CHECK_EQ(attach("vale1:v0", NR_REG_ALL_NIC, &at), -EBUSY);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_DELIF, "v0", NULL), -EBUSY);
	CHECK_HAS(core_why(f), "vale0:v0");
	/* Programs come and go; number and addresses stay. */
	p = core_must_open("vale0:v0", 0);
	CHECK(p->port->config.slots[LR_TX] == 32 && p->port->config.slots[LR_RX] == 16 && p->port->config.rings[LR_TX] == 2);
	n = vale_number(p);
	vale_send_one(p, 0xff, 9, 1);
	vale_drain(a);
	lr_file_close(p);
	vale_send_one(a, 9, 1, 2);
	CHECK_EQ(vale_count(a, LR_TX)->drops, 0);
	p = core_must_open("vale0:v0", 0);
	CHECK_EQ(vale_number(p), n);
	CHECK_EQ(p->port->ring[LR_RX][0].count.drops, 1);
	vale_send_one(a, 9, 1, 3);
	vale_get(p, 3, FRAME);
	lr_file_close(p);
	CHECK_EQ(detach("vale1:v0", &de), -ENXIO);
	CHECK_EQ(detach("vale0:v0", &de), 0);
	CHECK_EQ(de.port_index, n);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_DELIF, "v0", NULL), 0);
	lr_file_close(f);
	vale_close(&a, 1);
}

/* What is left when the host ends. */
static void cleared(void)
{
	struct nmreq_vale_newif new = { .nr_tx_slots = 32, .nr_rx_slots = 32 };
	struct lr_file *f = lr_file_open();
	struct nmreq_vale_attach at;

	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_NEWIF, "v0", &new), 0);
	CHECK_EQ(core_ask(f, NETMAP_REQ_VALE_NEWIF, "v1", &new), 0);
	CHECK_EQ(attach("vale0:v0", NR_REG_ALL_NIC, &at), 0);
	CHECK_EQ(attach("vale0:sim0", NR_REG_NIC_SW, &at), 0);
	lr_file_close(f);
	lr_vale_clear();
	CHECK(core_is_empty());
}

/* The interface's region is everybody's who has NIC ports: one of them writes where the switch's slots are. */
static void *scribble(void *arg)
{
	struct lr_ring *const *rings = arg;
	uint64_t seed = 3;
	unsigned int i;

	for (i = 0; i < 400000; i++) {
		struct lr_ring *r = rings[i % 2];
		uint32_t v = unit_random(&seed);

		switch (v / 7 % 5) {
		case 0: os_store(&r->shared->head, v % 70); break;
		case 1: os_store(&r->shared->cur, v % 70); break;
		case 2: os_store(&r->shared->tail, v); break;
		default: lr_slot_write(&r->slot[v % 64], v % 1000, (uint16_t)(v / 9 % 3000), (uint16_t)(v / 11)); break;
		}
	}
	return NULL;
}

static void scribbled(void)
{
	struct lr_file *a = core_must_open("vale0:a", 64), *b = core_must_open("vale0:b", 64);
	struct lr_ring *rings[2];
	struct nmreq_vale_attach at;
	struct nmreq_vale_detach de;
	pthread_t t;
	uint32_t i;

	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), 0);
	rings[0] = sides[0].rx;
	rings[1] = &rings[0]->port->ring[LR_TX][0];
	pthread_create(&t, NULL, scribble, rings);
	for (i = 0; i < 5000; i++) {
		vale_send_one(a, 0xff, 1, i);
		arrives(0, 0x1000000 + i);
		vale_drain(a);
		vale_drain(b);
	}
	pthread_join(t, NULL);
	CHECK_EQ(detach("vale0:sim0", &de), 0);
	CHECK_EQ(attach("vale0:sim0", NR_REG_ALL_NIC, &at), 0);
	vale_drain(a);
	carry(a, 10);
	CHECK_EQ(detach("vale0:sim0", &de), 0);
	lr_file_close(a);
	vale_close(&b, 1);
}

static const struct unit_case cases[] = {
	{ "an interface on a switch", wire_alone },
	{ "with its host rings", with_its_host },
	{ "refusals", refusals },
	{ "polled", polled },
	{ "persistent ports", persistent },
	{ "all is taken down", cleared },
	{ "scribbled on", scribbled },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
