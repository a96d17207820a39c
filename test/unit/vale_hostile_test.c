/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile programs on a switch: threads write anything into the rings that they share with us, of ports that send and of ports
 * that receive, while others sync, and ports come and go. We neither crash nor hang nor write where we should not (sanitizers
 * watch), and two ports of somebody else on the same switch get every packet whole, in order, or counted as lost.
 *
 * Writes are atomic, so that a thread sanitizer sees each access that we make without care; but for the bytes of packets: a
 * receiver that has one buffer in two slots gets two packets at once into it, and may be sending it too: whoever looks at its
 * addresses then sees either.
 */
#include "vale_port.h"

#define EVIL 3
#define ROUNDS 100000

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:lr_packet_copy\nrace:lr_copy_ends\nrace:copy_some\nrace:look_up\n";
}

/* Long enough a memory to know where the other access was: what is suppressed is known by that. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "history_size=7";
}

static _Atomic bool done;

struct evil {
	struct lr_file *file;
	uint64_t seed, run_seed;
	pthread_t scribbler, runner;
};

static uint32_t some_value(uint64_t *seed, uint32_t right)
{
	static const uint32_t edges[] = { 0, 1, 2, UINT32_MAX, 0x7fffffff, 0x80000000, 0x10000, 2047, 2048, 2049, 13, 14, 32767, 32768 };
	uint32_t random = unit_random(seed);

	switch (random % 4) {
	case 0: return edges[random / 4 % LR_ARRAY_SIZE(edges)];
	case 1: return random / 4 * 2654435761u;
	default: return random / 4 % right;
	}
}

static void *scribble(void *arg)
{
	struct evil *e = arg;

	while (!done) {
		struct lr_ring *r = core_ring(e->file, unit_random(&e->seed) & 1 ? LR_TX : LR_RX, 0);
		struct netmap_slot *slot = &r->shared->slot[unit_random(&e->seed) % r->num_slots];

		switch (unit_random(&e->seed) % 8) {
		case 0: os_store(&r->shared->head, some_value(&e->seed, r->num_slots)); break;
		case 1: os_store(&r->shared->cur, some_value(&e->seed, r->num_slots)); break;
		case 2: os_store(&r->shared->tail, some_value(&e->seed, r->num_slots)); break;
		/* Indirect data is copied over buffers, which is a race of its own: only from where there is nothing. */
		case 3: os_store(&slot->ptr, (uint64_t)(some_value(&e->seed, 100) & 0xfff)); break;
		default:
			lr_slot_write(slot, some_value(&e->seed, 200), (uint16_t)some_value(&e->seed, 2048),
				      (uint16_t)some_value(&e->seed, 65536));
		}
	}
	return NULL;
}

static void *run(void *arg)
{
	struct evil *e = arg;
	uint64_t seed = e->run_seed;
	unsigned int i;

	for (i = 0; i < ROUNDS && !unit_failed(); i++) {
		struct netmap_ring *t = core_tx(e->file);
		uint32_t n = core_ring(e->file, LR_TX, 0)->num_slots;

		if (unit_random(&seed) % 2)
			os_store(&t->head, (os_load(&t->head) + unit_random(&seed) % 8) % n);
		os_store(&t->cur, os_load(&t->head));
		switch (unit_random(&seed) % 3) {
		case 0: CHECK_EQ(lr_file_ioctl(e->file, NIOCTXSYNC, 0), 0); break;
		case 1: CHECK_EQ(lr_file_ioctl(e->file, NIOCRXSYNC, 0), 0); break;
		default: lr_file_poll(e->file, LR_POLLIN | LR_POLLOUT, NULL); break;
		}
	}
	return NULL;
}

/* Ports that come, get something and go. */
static void *come_and_go(void *arg)
{
	char name[32];
	unsigned int i;

	(void)arg;
	for (i = 0; i < 400 && !done && !unit_failed(); i++) {
		struct lr_file *f;

		snprintf(name, sizeof(name), "vale0:guest%u", i % 3);
		f = core_must_open(name, 16);
		vale_send_one(f, i % 2 ? 0xff : 2, 30 + i % 3, i);
		vale_drain(f);
		lr_file_close(f);
	}
	return NULL;
}

struct stream {
	struct lr_file *from, *to;
	uint32_t next, seen;
};

/* Everything that waits; what comes from the other one of us must be whole and in order. */
static void take(struct stream *s)
{
	struct netmap_ring *r = core_rx(s->to);
	uint32_t left = vale_waiting(s->to);
	bool goes_on = false;

	for (; left--; vale_advance(r)) {
		struct netmap_slot *slot = &r->slot[r->head];
		const uint8_t *p = (const uint8_t *)vale_buf(s->to, slot);
		uint8_t ours[6];
		uint32_t id, i;

		if (!goes_on)
			s->seen++;
		vale_mac(ours, 1);
		if (!goes_on && slot->len == FRAME && !slot->flags && memcmp(p + 6, ours, 6) == 0) {
			memcpy(&id, p + 14, 4);
			CHECK(id >= s->next);
			s->next = id + 1;
			for (i = 18; i < FRAME; i++)
				CHECK_EQ(p[i], (uint8_t)id);
		}
		goes_on = slot->flags & NS_MOREFRAG;
	}
	CHECK_EQ(lr_file_ioctl(s->to, NIOCRXSYNC, 0), 0);
}

static void *run_stream(void *arg)
{
	struct stream *s = arg;
	uint32_t id = 0, i;

	while (!done && !unit_failed()) {
		for (i = 0; i < 40; i++)
			vale_put(s->from, 2, 1, id++, FRAME, 0);
		vale_send(s->from);
		vale_drain(s->from);
		take(s);
	}
	return NULL;
}

/* Frames of an evil port have the addresses that are in its buffers: none of them is that of the innocent. */
static void fill_buffers(struct lr_file *f, unsigned int number)
{
	uint32_t i;

	for (i = 2; i < 2 + 32; i++) {
		uint8_t *p = (uint8_t *)lr_region_buf(f->port->region, i);

		vale_mac(p, i % 5 ? i % 3 + 1 : 0xff);
		vale_mac(p + 6, number + i % 4 * 256);
	}
}

static void scribbled_on(uint32_t hdr_len)
{
	struct nmreq_port_hdr hdr = { .nr_hdr_len = hdr_len };
	struct stream s = { core_must_open("vale0:good1", 64), core_must_open("vale0:good2", 64), 0, 0 };
	struct evil evil[EVIL];
	pthread_t stream, guests;
	struct nm_ring_stats stats;
	char name[32];
	unsigned int i;

	vale_send_one(s.to, 0xff, 2, 0);
	for (i = 0; i < EVIL; i++) {
		snprintf(name, sizeof(name), "vale0:evil%u", i);
		evil[i] = (struct evil){ .file = core_must_open(name, 16), .seed = i + 1, .run_seed = 77 * i };
		fill_buffers(evil[i].file, 10 + i);
	}
	/* One of them has headers; what is in its buffers is one then. */
	CHECK_EQ(core_ask(evil[0].file, NETMAP_REQ_PORT_HDR_SET, "", &hdr), 0);
	done = false;
	for (i = 0; i < EVIL; i++) {
		pthread_create(&evil[i].scribbler, NULL, scribble, &evil[i]);
		pthread_create(&evil[i].runner, NULL, run, &evil[i]);
	}
	pthread_create(&stream, NULL, run_stream, &s);
	pthread_create(&guests, NULL, come_and_go, NULL);
	for (i = 0; i < EVIL; i++)
		pthread_join(evil[i].runner, NULL);
	done = true;
	for (i = 0; i < EVIL; i++)
		pthread_join(evil[i].scribbler, NULL);
	pthread_join(stream, NULL);
	pthread_join(guests, NULL);
	take(&s);
	CHECK(s.next > 100);
	lr_ring_stats(core_ring(s.to, LR_RX, 0), &stats);
	CHECK_EQ(stats.packets, s.seen);
	CHECK_EQ(stats.bad_slots, 0);
	CHECK_EQ(vale_count(s.from, LR_TX)->bad_slots, 0);
	CHECK_EQ(vale_count(s.from, LR_TX)->drops, 0);
	for (i = 0; i < EVIL; i++)
		lr_file_close(evil[i].file);
	lr_file_close(s.from);
	vale_close(&s.to, 1);
}

static void without_headers(void)
{
	scribbled_on(0);
}

static void with_headers(void)
{
	scribbled_on(10);
}

/* --- Receivers that come and go --------------------------------------------------------------------------- */

static void *flood(void *arg)
{
	struct lr_file *f = arg;
	unsigned int i;

	while (!done) {
		for (i = 0; i < 8; i++)
			vale_put(f, 0xff, 1, i, FRAME, 0);
		vale_send(f);
	}
	return NULL;
}

/* Nobody takes anything; whoever counts what was lost, the closing one or a sender, no count is lost itself. */
static void counted_while_closing(void)
{
	const struct nmreq_register wish = { .nr_mode = NR_REG_ONE_NIC, .nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = 16, .nr_rx_slots = 16 };
	struct lr_file *from[2] = { core_must_open("vale0:a", 64), core_must_open("vale0:b", 64) }, *keeper, *to;
	struct nmreq_register reg = wish;
	pthread_t sender[2];
	uint64_t sent;
	unsigned int i;
	int err;

	reg.nr_ringid = 1;
	keeper = core_open("vale0:to", &reg, &err);
	CHECK_EQ(err, 0);
	done = false;
	for (i = 0; i < 2; i++)
		pthread_create(&sender[i], NULL, flood, from[i]);
	for (i = 0; i < 2000; i++) {
		reg = wish;
		to = core_open("vale0:to", &reg, &err);
		CHECK_EQ(err, 0);
		lr_file_close(to);
	}
	done = true;
	for (i = 0; i < 2; i++)
		pthread_join(sender[i], NULL);
	sent = vale_count(from[0], LR_TX)->packets + vale_count(from[1], LR_TX)->packets;
	CHECK_EQ(keeper->port->ring[LR_RX][0].count.drops, sent);
	lr_file_close(keeper);
	vale_close(from, 2);
}

static const struct unit_case cases[] = {
	{ "rings scribbled on while they are switched", without_headers },
	{ "and one has headers", with_headers },
	{ "lost packets are counted while receivers come and go", counted_while_closing },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
