/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile programs: threads write anything anywhere in the memory they share with us, while others sync, poll, open and
 * close. We neither crash nor hang nor write outside the region (sanitizers watch), a pipe of somebody else goes on as if
 * nothing were, and ports opened afterwards are as good as new.
 *
 * Twice: with threads that write through our own mapping, atomically, so that a thread sanitizer sees each access that we
 * make without care; and with threads that have another mapping of the whole region, as another process would, and go on
 * writing while rings come and go.
 */
#include <sys/mman.h>

#include "core.h"
#include "waiter.h"

#define SYNCS 60000	/* of each hostile thread */
#define REOPENS 1000

static _Atomic bool done;

/* --- The innocent ------------------------------------------------------------------------------------ */

struct innocent {
	struct lr_file *tx, *rx;
	uint32_t sent, got;
};

static void innocent_send(struct innocent *in)
{
	struct netmap_ring *r = core_tx(in->tx);
	uint32_t n = core_ring(in->tx, LR_TX, 0)->num_slots;

	CHECK_EQ(lr_file_ioctl(in->tx, NIOCTXSYNC, 0), 0);
	for (; r->head != r->tail; in->sent++) {
		struct netmap_slot *s = &r->slot[r->head];

		s->len = (uint16_t)(60 + in->sent % 1000);
		s->flags = in->sent % 3 ? NS_MOREFRAG : 0;
		memcpy(lr_region_buf(in->tx->port->region, s->buf_idx), &in->sent, sizeof(in->sent));
		r->head = r->cur = lr_pos_next(r->head, n);
	}
	CHECK_EQ(lr_file_ioctl(in->tx, NIOCTXSYNC, 0), 0);
}

static void innocent_receive(struct innocent *in)
{
	struct netmap_ring *r = core_rx(in->rx);
	uint32_t n = core_ring(in->rx, LR_RX, 0)->num_slots, id;

	CHECK_EQ(lr_file_ioctl(in->rx, NIOCRXSYNC, 0), 0);
	for (; r->head != r->tail; in->got++) {
		struct netmap_slot *s = &r->slot[r->head];

		memcpy(&id, lr_region_buf(in->rx->port->region, s->buf_idx), sizeof(id));
		CHECK_EQ(id, in->got);
		CHECK_EQ(s->len, 60 + id % 1000);
		CHECK_EQ(s->flags & NS_MOREFRAG, id % 3 ? NS_MOREFRAG : 0);
		r->head = r->cur = lr_pos_next(r->head, n);
	}
}

static void *innocent_run(void *arg)
{
	struct innocent *in = arg;

	while (!done && !unit_failed()) {
		innocent_send(in);
		innocent_receive(in);
	}
	return NULL;
}

/* A pipe of somebody else, and what must not have happened to it. */
static void innocent_begin(struct innocent *in, const char *master, const char *slave)
{
	*in = (struct innocent){ core_must_open(master, 32), core_must_open(slave, 32), 0, 0 };
}

static void innocent_end(struct innocent *in)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		innocent_send(in);
		innocent_receive(in);
	}
	CHECK(in->got > 60 && in->got <= in->sent);
	CHECK_EQ(core_ring(in->tx, LR_TX, 0)->count.drops, 0);
	CHECK_EQ(core_ring(in->tx, LR_TX, 0)->count.resets, 0);
	CHECK_EQ(core_ring(in->tx, LR_TX, 0)->count.bad_slots, 0);
	CHECK_EQ(core_ring(in->rx, LR_RX, 0)->count.bad_slots, 0);
	lr_file_close(in->tx);
	lr_file_close(in->rx);
}

/* --- Values ------------------------------------------------------------------------------------------------ */

/* A number that could do harm, or one that could be right. */
static uint32_t evil(uint64_t *seed, uint32_t right)
{
	static const uint32_t edges[] = { 0, 1, 2, UINT32_MAX, UINT32_MAX - 1, 0x7fffffff, 0x80000000, 0x10000, 32767, 32768, 163840 };
	uint32_t random = unit_random(seed);

	switch (random % 4) {
	case 0: return edges[random / 4 % LR_ARRAY_SIZE(edges)];
	case 1: return random / 4 * 2654435761u;
	default: return right ? random / 4 % right : 0;
	}
}

/* --- Through our own mapping -------------------------------------------------------------------------------- */

struct victim {
	struct lr_file *file;
	uint64_t seed;		/* of the scribbler */
};

static void scribble_ring(struct netmap_ring *s, uint32_t slots, uint64_t *seed)
{
	struct netmap_slot *slot = &s->slot[unit_random(seed) % slots];
	uint32_t what = unit_random(seed) % 8, v = evil(seed, what < 2 ? slots : 4000);

	switch (what) {
	case 0: os_store(&s->head, v); break;
	case 1: os_store(&s->cur, v); break;
	case 2: os_store(&s->tail, v); break;
	case 3: os_store(&s->flags, v); break;
	case 4: os_store(&slot->ptr, (uint64_t)v << 32 | v); break;
	default: lr_slot_write(slot, v, (uint16_t)evil(seed, 2048), (uint16_t)evil(seed, 64)); break;
	}
}

static void *scribbler(void *arg)
{
	struct victim *v = arg;
	unsigned int k;

	while (!done)
		for (k = 0; k < LR_RING_KINDS; k++)
			if (v->file->n[k])
				scribble_ring(core_ring(v->file, k, 0)->shared, core_ring(v->file, k, 0)->num_slots, &v->seed);
	return NULL;
}

/* Our own books, whatever the program has written. */
static void check_books(struct lr_ring *r)
{
	os_mutex_lock(&r->lock);
	CHECK(r->head < r->num_slots && r->cur < r->num_slots && r->tail < r->num_slots);
	CHECK(r->hwcur < r->num_slots && os_load(&r->hwtail) < r->num_slots);
	CHECK(lr_pos_valid(r->num_slots, r->hwcur, os_load(&r->hwtail), r->head, r->head));
	os_mutex_unlock(&r->lock);
}

static void *victim_run(void *arg)
{
	struct victim *v = arg;
	uint64_t seed = v->file->port->name[4] + v->file->n[LR_TX];
	struct os_waiter w;
	unsigned int i, k;

	os_waiter_init(&w);
	for (i = 0; i < SYNCS && !unit_failed(); i++) {
		switch (unit_random(&seed) % 4) {
		case 0: CHECK_EQ(lr_file_ioctl(v->file, NIOCTXSYNC, 0), 0); break;
		case 1: CHECK_EQ(lr_file_ioctl(v->file, NIOCRXSYNC, 0), 0); break;
		case 2: lr_file_poll(v->file, LR_POLLIN | LR_POLLOUT, NULL); break;
		default:
			lr_file_poll(v->file, LR_POLLIN | LR_POLLOUT, &w);
			os_waiter_release(&w);
		}
		for (k = 0; k < LR_RING_KINDS; k++)
			if (v->file->n[k])
				check_books(core_ring(v->file, k, 0));
	}
	os_waiter_fini(&w);
	return NULL;
}

/* A pair of ports that nobody scribbles on carries packets, in the same region too. */
static void fresh_pair(const char *master, const char *slave)
{
	struct innocent in;

	innocent_begin(&in, master, slave);
	innocent_end(&in);
}

static void through_our_mapping(void)
{
	struct nmreq_register null = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_rx_rings = 1, .nr_tx_slots = 16, .nr_rx_slots = 16 };
	struct victim v[3] = { { core_must_open("lrevil{1", 16), 1 }, { core_must_open("lrevil}1", 16), 2 }, { NULL, 3 } };
	pthread_t scribblers[3], victims[3], innocent_thread;
	struct innocent in;
	unsigned int i;
	int err;

	v[2].file = core_open("lrevilnull", &null, &err);
	if (!v[2].file)
		abort();
	innocent_begin(&in, "lrgood{1", "lrgood}1");
	done = false;
	pthread_create(&innocent_thread, NULL, innocent_run, &in);
	for (i = 0; i < 3; i++) {
		pthread_create(&scribblers[i], NULL, scribbler, &v[i]);
		pthread_create(&victims[i], NULL, victim_run, &v[i]);
	}
	for (i = 0; i < 3; i++)
		pthread_join(victims[i], NULL);
	done = true;
	for (i = 0; i < 3; i++)
		pthread_join(scribblers[i], NULL);
	pthread_join(innocent_thread, NULL);
	CHECK(core_ring(v[0].file, LR_TX, 0)->count.resets);
	for (i = 0; i < 3; i++)
		lr_file_close(v[i].file);
	innocent_end(&in);
	fresh_pair("lrevil{1", "lrevil}1");
	CHECK(core_is_empty());
}

/* --- Through another mapping, of the whole region -------------------------------------------------------------- */

static char *mapping;
static uint64_t mapping_size;
static struct nmreq_pools_info pools;

/* Anywhere in the first objects of each pool: netmap_ifs, rings, and the lists through the buffers. */
static void *vandal(void *arg)
{
	uint64_t seed = (uintptr_t)arg, at;

	while (!done) {
		uint32_t random = unit_random(&seed);

		switch (random % 4) {
		case 0: at = pools.nr_if_pool_offset + random / 4 % (8 * pools.nr_if_pool_objsize); break;
		case 1: at = pools.nr_buf_pool_offset + (uint64_t)(random / 4 % 2000) * pools.nr_buf_pool_objsize; break;
		default: at = pools.nr_ring_pool_offset + random / 4 % 12 * pools.nr_ring_pool_objsize + random / 64 % 600; break;
		}
		at &= ~UINT64_C(3);
		if (at + 4 <= mapping_size)
			os_store((uint32_t *)(void *)(mapping + at), evil(&seed, 3000));
	}
	return NULL;
}

static void *reopener(void *arg)
{
	const char *name = arg;
	uint64_t seed = (uintptr_t)name[strlen(name) - 2];
	int i, j, err;

	for (i = 0; i < REOPENS && !unit_failed(); i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16, .nr_rx_slots = 16,
					      .nr_extra_bufs = unit_random(&seed) % 50 };
		struct lr_file *f = core_open(name, &reg, &err);

		if (!f) {
			/* What the vandals have lost comes back with the region's last user only. */
			CHECK_EQ(err, -ENOMEM);
			continue;
		}
		for (j = 0; j < 20; j++) {
			CHECK_EQ(lr_file_ioctl(f, NIOCTXSYNC, 0), 0);
			CHECK_EQ(lr_file_ioctl(f, NIOCRXSYNC, 0), 0);
			lr_file_poll(f, LR_POLLIN | LR_POLLOUT, NULL);
		}
		check_books(core_ring(f, LR_TX, 0));
		check_books(core_ring(f, LR_RX, 0));
		lr_file_close(f);
	}
	return NULL;
}

static void through_another_mapping(void)
{
	struct nmreq_register null = { .nr_mode = NR_REG_NULL };
	pthread_t vandals[2], reopeners[3], innocent_thread;
	char *names[] = { "lrevil{1", "lrevil}1", "lrevil{2" };
	struct lr_file *keep;
	struct innocent in;
	uintptr_t i;
	int err;

	/* The region lives as long as its parent is there; the innocent have another. */
	keep = core_open("lrevil", &null, &err);
	if (!keep)
		abort();
	lr_region_info(keep->port->region, &pools);
	mapping_size = pools.nr_memsize;
	mapping = mmap(NULL, mapping_size, PROT_READ | PROT_WRITE, MAP_SHARED, os_mem_fd(keep->port->region->mem), 0);
	if (mapping == MAP_FAILED)
		abort();
	innocent_begin(&in, "lrgood{1", "lrgood}1");
	done = false;
	pthread_create(&innocent_thread, NULL, innocent_run, &in);
	for (i = 0; i < 2; i++)
		pthread_create(&vandals[i], NULL, vandal, (void *)(i + 1));
	for (i = 0; i < 3; i++)
		pthread_create(&reopeners[i], NULL, reopener, names[i]);
	for (i = 0; i < 3; i++)
		pthread_join(reopeners[i], NULL);
	done = true;
	for (i = 0; i < 2; i++)
		pthread_join(vandals[i], NULL);
	pthread_join(innocent_thread, NULL);
	innocent_end(&in);
	fresh_pair("lrevil{1", "lrevil}1");
	lr_file_close(keep);
	munmap(mapping, mapping_size);
	fresh_pair("lrevil{1", "lrevil}1");
	CHECK(core_is_empty());
}

static const struct unit_case cases[] = {
	{ "rings scribbled on while they sync", through_our_mapping },
	{ "a region scribbled on while rings come and go", through_another_mapping },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
