/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native virtio-net with split rings against a model: direct and indirect descriptors, both ways to suppress notifications,
 * mergeable buffers.
 */
#include "native_virtio.h"

static int virtio_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_virtio_tx, r, flags);
}

static int virtio_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_virtio_rx, r, flags);
}

#define VIRTIO_MODEL .txsync = virtio_txsync, .rxsync = virtio_rxsync, .start = virtio_start, .stop = virtio_stop, \
	.run = virtio_run, .finish = virtio_finish, .receive = virtio_receive, .rave = virtio_rave, .reorders = true

static const struct native_ops single_ops = { VIRTIO_MODEL, .one_buffer_rx = true };
static const struct native_ops merging_ops = { VIRTIO_MODEL };

static struct virtio model;

/* What a device may have agreed to. */
static const struct kind {
	bool indirect, event_idx, mergeable;
	uint32_t header_len;
} kinds[] = {
	{ false, false, false, 10 },
	{ true, false, false, 12 },
	{ false, true, true, 12 },
	{ true, true, true, 12 },
	{ true, true, false, 10 },
};

static const struct native_ops *be(const struct kind *k)
{
	model = (struct virtio){
		.indirect = k->indirect, .event_idx = k->event_idx, .mergeable = k->mergeable, .header_len = k->header_len,
	};
	return k->mergeable ? &merging_ops : &single_ops;
}

static void all_sizes(void)
{
	static const uint32_t sizes[] = { 4, 8, 16, 64, 128, 256, 1024 };
	unsigned int i, k;

	for (k = 0; k < LR_ARRAY_SIZE(kinds); k++) {
		for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
			native_exchange(be(&kinds[k]), &model, sizes[i], 2048, 9216, 64, NATIVE_ROUNDS);
			native_exchange(be(&kinds[k]), &model, sizes[i], 256, 2000, 8, NATIVE_ROUNDS);
		}
		if (unit_failed())
			printf("# kind %u\n", k);
	}
}

static void hostile(int harm)
{
	static const uint32_t sizes[] = { 4, 8, 256 };
	unsigned int i, k;

	for (k = 0; k < LR_ARRAY_SIZE(kinds); k++)
		for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++)
			native_hostile(be(&kinds[k]), &model, sizes[i], harm, 2 * NATIVE_ROUNDS);
}

static void hostile_program(void)
{
	hostile(SCRIBBLING);
}

static void raving_device(void)
{
	hostile(RAVING);
	hostile(RAVING | SCRIBBLING);
}

/* Whoever sleeps is woken; whoever does not is left alone. */
static void interrupts_of(struct world *w)
{
	uint8_t data[60] = { 0 };
	uint32_t i, k;

	for (i = 0; i < 500 && !unit_failed(); i++) {
		for (k = 1 + dice(w, 5); k && program_write(w); k--)
			;
		program_submit(w);
		CHECK_EQ(world_sync(w, false), 0);
		model.tx.irq = model.rx.irq = false;
		if (w->tx->hwtail != lr_pos_prev(w->tx->hwcur, w->n) && dice(w, 2)) {
			bool again = lr_virtio_tx_arm(&model.t);

			CHECK(!again || model.t.q.used_idx != model.tx.written);
			virtio_finish(w);
			CHECK(again || model.tx.irq);
			lr_virtio_disarm(&model.t.q);
		} else {
			lr_virtio_disarm(&model.t.q);
			virtio_finish(w);
			CHECK(!model.tx.irq);
		}
		CHECK_EQ(world_sync(w, false), 0);
		if (dice(w, 2)) {
			bool again = lr_virtio_rx_arm(&model.x);

			CHECK(virtio_receive(w, data, sizeof(data), true));
			vqueue_show(&model.rx);
			CHECK(again || model.rx.irq);
			lr_virtio_disarm(&model.x.q);
		} else {
			CHECK(virtio_receive(w, data, sizeof(data), true));
			vqueue_show(&model.rx);
			CHECK(!model.rx.irq);
		}
		CHECK_EQ(world_sync(w, true), 0);
	}
}

static void interrupts(void)
{
	struct world w;
	unsigned int k;

	for (k = 0; k < LR_ARRAY_SIZE(kinds) && !unit_failed(); k++) {
		world_begin(&w, be(&kinds[k]), &model, 64, 2048, 1514, 8, 5000);
		interrupts_of(&w);
		world_end(&w);
	}
}

/* A queue whose device says what cannot be stops, until it is started again. */
static void breaks(struct world *w, bool rx, const char *what)
{
	vqueue_show(rx ? &model.rx : &model.tx);
	if (world_sync(w, rx) != -EIO || world_sync(w, rx) != -EIO)
		FAIL("%s: goes on", what);
	virtio_stop(w);
	CHECK_EQ(virtio_start(w), 0);
	CHECK_EQ(world_sync(w, rx), 0);
}

static void set_buffers(uint32_t d, uint16_t buffers)
{
	struct lr_virtio_header hdr = { .num_buffers = cpu_to_le16(buffers) };

	memcpy(model.rx.header + d * LR_VIRTIO_HEADER_ROOM, &hdr, sizeof(hdr));
}

static void nonsense_rx(struct world *w)
{
	const uint32_t step = model.indirect ? 1 : 2;
	uint32_t i;

	for (i = 0; i < w->n; i++)
		vqueue_use(&model.rx, i * step, 112);
	breaks(w, true, "more frames than buffers");
	CHECK_EQ(w->rx->count.packets, 0);
	vqueue_use(&model.rx, w->n * step, 112);
	breaks(w, true, "an unknown id");
	vqueue_use(&model.rx, (w->n - 1) * step, 112);
	breaks(w, true, "a buffer that it does not have");
	vqueue_use(&model.rx, 3 * step, 112);
	vqueue_use(&model.rx, 3 * step, 112);
	breaks(w, true, "a buffer twice");
	set_buffers(4, 2);
	vqueue_use(&model.rx, 4 * step, 112);
	vqueue_use(&model.rx, 4 * step, 112);
	breaks(w, true, "a buffer twice in a frame");
	set_buffers(5, 0);
	vqueue_use(&model.rx, 5 * step, 112);
	breaks(w, true, "a frame of no buffers");
	set_buffers(5, (uint16_t)w->n);
	vqueue_use(&model.rx, 5 * step, 112);
	breaks(w, true, "a frame of more buffers than it has");
	if (step == 2) {
		vqueue_use(&model.rx, 1, 112);
		breaks(w, true, "the middle of a chain");
	}
}

/* Puts three frames into the queue, one of two slots. */
static void nonsense_send(struct world *w)
{
	static const uint16_t flags[] = { 0, NS_MOREFRAG, 0, 0 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(flags); i++) {
		lr_slot_write(&w->tx->slot[w->tx_fill], lr_slot_read(&w->tx->slot[w->tx_fill]).idx, 60, flags[i]);
		w->tx_fill = lr_pos_next(w->tx_fill, w->n);
	}
	w->tx->shared->head = w->tx->shared->cur = w->tx_fill;
	CHECK_EQ(world_sync(w, false), 0);
}

static void nonsense_tx(struct world *w)
{
	const uint32_t step = model.indirect ? 1 : 2;
	static const struct {
		const char *what;
		uint32_t n, id[4];
	} cases[] = {
		{ "more frames than were sent", 4, { 0, 1, 3, 4 } },
		{ "a frame that was not sent", 1, { 4 } },
		{ "a frame twice, before its turn", 2, { 3, 3 } },
		{ "a frame twice, after it", 2, { 0, 0 } },
		{ "the second slot of a frame", 1, { 2 } },
		{ "no slot at all", 1, { 5000 } },
	};
	unsigned int i, k;

	for (i = 0; i < LR_ARRAY_SIZE(cases); i++) {
		nonsense_send(w);
		for (k = 0; k < cases[i].n; k++)
			vqueue_use(&model.tx, cases[i].id[k] * step, 0);
		breaks(w, false, cases[i].what);
	}
}

static void nonsense(void)
{
	struct world w;
	unsigned int k;

	for (k = 0; k < LR_ARRAY_SIZE(kinds) && !unit_failed(); k++) {
		world_begin(&w, be(&kinds[k]), &model, 64, 2048, 1514, 8, 1);
		nonsense_tx(&w);
		nonsense_rx(&w);
		world_end(&w);
	}
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		{ "all is sent, received or counted, in rings of all sizes and kinds", all_sizes },
		{ "nonsense stops the queue", nonsense },
		{ "interrupts when somebody sleeps", interrupts },
		{ "a program that writes anything into slots", hostile_program },
		{ "a device that reports nonsense, with a good program and a bad one", raving_device },
	};

	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
