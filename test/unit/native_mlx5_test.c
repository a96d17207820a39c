/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native mlx5 against a model: queues and completion queues in pages that are not one behind the other, records in memory, a
 * register that gets the last entry, counters of 16 bits that wrap, completions that come when they like. The model knows how
 * much room its completion queues have by their records only, and finds out when it would overrun them.
 */
#include "native.h"
#include "nic/native/mlx5.h"

#define MLX_MAX 4096
#define MLX_QUEUE 0x00abcdu
#define MLX_KEY 0x12345678u
#define MLX_ENTRY 0x0123456789abcdefu	/* what the driver has written to entries of the receive queue */
#define MLX_PAGES (MLX_MAX / 4)

/* A queue's memory: pages of 1 << shift blocks, in any order. */
struct mlx_mem {
	__be64 block[MLX_MAX][LR_MLX5_WORDS];
	void *page[MLX_PAGES];
};

/* A completion queue: what is due, in order, and how far the device is. */
struct mlx_cq {
	struct mlx_mem mem;
	__be32 record;
	uint32_t size, pi;
	struct {
		uint64_t word5, word6, last;
	} due[MLX_MAX];
	uint32_t due_first, due_end;
};

struct mlx {
	struct lr_mlx5_tx t;
	struct lr_mlx5_rx x;
	struct mlx_mem sq, rq;
	struct mlx_cq tc, xc;
	__be32 sq_record, rq_record;
	uint64_t reg;
	unsigned int shift;
	uint16_t sent, told;	/* blocks done; blocks the register told of */
	uint32_t rung, received;
	uint32_t fails;		/* so many errors are to come, of this kind */
	uint32_t error;
	uint8_t frame[FRAME_MAX];
};

static int mlx_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_mlx5_txsync(r, flags);
}

static int mlx_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_mlx5_rxsync(r, flags);
}

static void mem_make(struct world *w, struct mlx_mem *mem, unsigned int shift, uint32_t blocks)
{
	uint32_t pages = ((blocks - 1) >> shift) + 1, i, k;
	void *page;

	for (i = 0; i < pages; i++)
		mem->page[i] = mem->block[i << shift];
	for (i = 0; i < pages; i++) {
		k = dice(w, pages);
		page = mem->page[i];
		mem->page[i] = mem->page[k];
		mem->page[k] = page;
	}
}

static void cq_make(struct world *w, struct mlx_cq *cq, unsigned int shift, uint32_t size)
{
	uint32_t i;

	cq->size = size;
	mem_make(w, &cq->mem, shift, size);
	for (i = 0; i < size; i++)
		cq->mem.block[i][7] = cpu_to_be64(0xf1ull);
}

static int mlx_start(struct world *w)
{
	struct mlx *m = w->dev;
	uint32_t tx_size = dice(w, 2) && w->n < MLX_MAX ? 2 * w->n : w->n, d;
	int err;

	memset(m, 0, sizeof(*m));
	m->shift = 2 + dice(w, 5);
	mem_make(w, &m->sq, m->shift, w->n);
	mem_make(w, &m->rq, m->shift, (w->n + 3) / 4);
	cq_make(w, &m->tc, m->shift, tx_size);
	cq_make(w, &m->xc, m->shift, w->n);
	m->t = (struct lr_mlx5_tx){
		.tx = {
			.dma = &w->dma, .hw = { .desc = m->sq.page, .mask = w->n - 1, .shift = m->shift },
			.doorbell = (lr_reg)(void *)&m->reg, .max_frame = w->max_frame, .max_pieces = w->max_pieces,
		},
		.done = m->tc.mem.page, .done_mask = tx_size - 1, .sq_record = &m->sq_record, .cq_record = &m->tc.record,
		.queue = MLX_QUEUE, .key = MLX_KEY,
	};
	m->x = (struct lr_mlx5_rx){
		.rx = {
			.dma = &w->dma,
			.hw = { .desc = m->rq.page, .done = m->xc.mem.page, .mask = w->n - 1, .shift = m->shift, .len = w->rx->buf_len },
		},
		.rq_record = &m->rq_record, .cq_record = &m->xc.record, .key = MLX_KEY,
	};
	for (d = 0; d < w->n; d++)
		lr_mlx5_rx_entry(&m->x.rx.hw, d)[0] = MLX_ENTRY;
	w->tx->priv = &m->t;
	w->rx->priv = &m->x;
	err = lr_mlx5_tx_start(&m->t, w->tx);
	if (err)
		return err;
	err = lr_mlx5_rx_start(&m->x, w->rx);
	if (err)
		lr_native_tx_stop(&m->t.tx);
	return err;
}

static void mlx_stop(struct world *w)
{
	struct mlx *m = w->dev;
	uint32_t d;

	lr_native_tx_stop(&m->t.tx);
	lr_mlx5_rx_stop(&m->x, w->rx);
	for (d = 0; d < w->n; d++)
		CHECK_EQ(lr_mlx5_rx_entry(&m->x.rx.hw, d)[0], MLX_ENTRY);
}

/* --- Completions ------------------------------------------------------------------------------------------ */

static uint32_t cq_dues(const struct mlx_cq *cq)
{
	return cq->due_end - cq->due_first;
}

static void cq_add(struct world *w, struct mlx_cq *cq, uint32_t op, uint16_t counter, uint32_t len, uint32_t error)
{
	uint32_t i = cq->due_end++ % MLX_MAX;

	if (cq_dues(cq) > MLX_MAX) {
		FAIL("%u completions are due", cq_dues(cq));
		return;
	}
	cq->due[i].word5 = (uint64_t)dice(w, UINT32_MAX) << 32 | len;
	cq->due[i].word6 = (uint64_t)dice(w, UINT32_MAX) << 16 | dice(w, 256) << 8 | error;
	cq->due[i].last = (uint64_t)MLX_QUEUE << 32 | (uint32_t)counter << 16 | dice(w, 256) << 8 | op;
}

/* Writes what is due, at most so many. */
static void cq_write(struct world *w, struct mlx_cq *cq, unsigned int shift, uint32_t most)
{
	for (; most && cq_dues(cq); most--, cq->pi++, cq->due_first++) {
		uint32_t i = cq->due_first % MLX_MAX, out = (cq->pi - be32_to_cpu(os_load(&cq->record))) & LR_MLX5_CI;
		__be64 *done = lr_mlx5_block(cq->mem.page, shift, cq->pi & (cq->size - 1));

		if (out >= cq->size && !w->raving) {
			FAIL("completion %u overruns a queue of %u", cq->pi, cq->size);
			return;
		}
		done[5] = cpu_to_be64(cq->due[i].word5);
		done[6] = cpu_to_be64(cq->due[i].word6);
		os_store(&done[7], cpu_to_be64(cq->due[i].last | !!(cq->pi & cq->size)));
	}
}

/* --- Transmit --------------------------------------------------------------------------------------------- */

/* Has the register been written? Then it says what the record says. */
static void mlx_hear(struct world *w)
{
	struct mlx *m = w->dev;
	uint64_t word = be64_to_cpu((__be64)os_load(&m->reg));
	uint16_t counter = (uint16_t)be32_to_cpu(os_load(&m->sq_record));

	if (m->told == counter)
		return;
	if ((uint16_t)((word >> 40) + 1) != counter || (word >> 8 & 0xffffff) != MLX_QUEUE)
		FAIL("the register has %#llx, the record %u", (unsigned long long)word, counter);
	if ((uint16_t)(counter - m->told) >= w->n)
		FAIL("%u blocks at once, of %u", (uint16_t)(counter - m->told), w->n);
	m->told = counter;
	m->rung++;
}

/* Segment s of the entry at block `sent`. */
static const __be64 *mlx_segment(struct world *w, uint32_t s)
{
	struct mlx *m = w->dev;

	return lr_mlx5_block(m->sq.page, m->shift, (m->sent + s / 4) & (w->n - 1)) + 2 * (s % 4);
}

/* The data of a frame; its length or 0. */
static uint32_t mlx_tx_data(struct world *w, uint32_t segments)
{
	struct mlx *m = w->dev;
	uint32_t total = 0, s;

	for (s = 2; s < segments; s++) {
		uint64_t word = be64_to_cpu(os_load(&mlx_segment(w, s)[0]));
		uint32_t len = (uint32_t)(word >> 32);
		const char *data = dma_ptr(w, be64_to_cpu(os_load(&mlx_segment(w, s)[1])), len);

		if (!data || !len || len > w->tx->buf_len || total + len > FRAME_MAX || (uint32_t)word != MLX_KEY) {
			FAIL("segment %u of %u: %u bytes after %u, key %#x", s, segments, len, total, (uint32_t)word);
			return 0;
		}
		memcpy(m->frame + total, data, len);
		total += len;
	}
	return total;
}

/* One entry, if there is one. */
static bool mlx_tx_one(struct world *w)
{
	struct mlx *m = w->dev;
	uint64_t head, mode;
	uint32_t segments, total, op;

	mlx_hear(w);
	if (m->sent == m->told)
		return false;
	head = be64_to_cpu(os_load(&mlx_segment(w, 0)[0]));
	mode = be64_to_cpu(os_load(&mlx_segment(w, 0)[1]));
	segments = head & 0xff;
	op = head >> 32 & 0xff;
	if (head >> 40 != m->sent || (head >> 8 & 0xffffff) != MLX_QUEUE || (mode & ~LR_MLX5_COMPLETE) ||
	    (op ? op != 0x0a || segments < 3 || segments > 63 : segments != 1) ||
	    (segments + 3) / 4 > (uint16_t)(m->told - m->sent)) {
		FAIL("block %u: an entry %#llx, %#llx", m->sent, (unsigned long long)head, (unsigned long long)mode);
		return false;
	}
	if (op) {
		CHECK_EQ(os_load(&mlx_segment(w, 1)[0]), 0);
		CHECK_EQ(os_load(&mlx_segment(w, 1)[1]), 0);
		total = mlx_tx_data(w, segments);
		if (!total)
			return false;
		wire_sent(w, m->frame, total);
	}
	if (m->fails && op) {
		m->fails--;
		cq_add(w, &m->tc, 0xd0, m->sent, 0, m->error);
	} else if (mode) {
		cq_add(w, &m->tc, 0, m->sent, 0, 0);
	}
	m->sent = (uint16_t)(m->sent + (segments + 3) / 4);
	return true;
}

/* --- Receive ------------------------------------------------------------------------------------------------- */

static bool mlx_receive(struct world *w, const uint8_t *data, uint32_t len, bool damaged)
{
	static const uint32_t errors[] = { 1, 0x10, 0x11, 0x13, 0x22 };
	struct mlx *m = w->dev;
	uint32_t left = (be32_to_cpu(os_load(&m->rq_record)) - m->received) & 0xffff, d = m->received & (w->n - 1);
	const __be64 *entry = lr_mlx5_block(m->rq.page, m->shift, d / 4) + 2 * (d % 4);
	char *to;

	if (left >= w->n && !w->raving) {	/* completions of what was never received make room for one too many */
		FAIL("%u buffers of %u", left, w->n);
		return false;
	}
	if (!left || len > w->rx->buf_len)
		return false;
	CHECK_EQ(be64_to_cpu(os_load(&entry[0])), (uint64_t)(w->rx->buf_len | 1u << 31) << 32 | MLX_KEY);
	to = dma_ptr(w, be64_to_cpu(os_load(&entry[1])), w->rx->buf_len);
	if (!to)
		return false;
	memcpy(to, data, len);
	if (m->fails) {
		m->fails--;
		cq_add(w, &m->xc, 0xe0, (uint16_t)m->received, len, m->error);
	} else if (damaged) {
		cq_add(w, &m->xc, 0xe0, (uint16_t)m->received, len, errors[dice(w, LR_ARRAY_SIZE(errors))]);
	} else {
		cq_add(w, &m->xc, 0x20 | dice(w, 2) << 1, (uint16_t)m->received, len, dice(w, 256));
	}
	m->received++;
	return true;
}

/* --- Time -------------------------------------------------------------------------------------------------------- */

static void mlx_work(struct world *w, uint32_t send, uint32_t complete)
{
	struct mlx *m = w->dev;

	while (send-- && !unit_failed() && mlx_tx_one(w))
		;
	cq_write(w, &m->tc, m->shift, complete);
	cq_write(w, &m->xc, m->shift, complete);
}

static void mlx_run(struct world *w)
{
	mlx_work(w, dice(w, dice(w, 4) ? 16 : w->n), dice(w, dice(w, 3) ? 6 : w->n));
}

static void mlx_finish(struct world *w)
{
	mlx_work(w, w->n, UINT32_MAX);
}

/* Completions of anything. */
static void mlx_rave(struct world *w)
{
	struct mlx *m = w->dev;
	struct mlx_cq *cq = dice(w, 2) ? &m->tc : &m->xc;
	uint32_t k;

	for (k = dice(w, 8); k; k--) {
		__be64 *done = lr_mlx5_block(cq->mem.page, m->shift, dice(w, cq->size));

		done[5] = cpu_to_be64((uint64_t)dice(w, 4096));
		done[6] = cpu_to_be64((uint64_t)dice(w, UINT32_MAX));
		os_store(&done[7], cpu_to_be64((uint64_t)(dice(w, 2 * w->n) << 16 | (dice(w, 4) ? dice(w, 4) << 5 : dice(w, 256)) | dice(w, 2))));
	}
}

static const struct native_ops mlx_ops = {
	.txsync = mlx_txsync, .rxsync = mlx_rxsync, .start = mlx_start, .stop = mlx_stop, .run = mlx_run, .finish = mlx_finish,
	.receive = mlx_receive, .rave = mlx_rave, .one_buffer_rx = true,
};

static struct mlx model;

static void all_sizes(void)
{
	static const uint32_t sizes[] = { 4, 8, 16, 64, 128, 1024, 4096 };
	uint32_t wraps = 0;
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_exchange(&mlx_ops, &model, sizes[i], 2048, 9216, LR_MLX5_SEGMENTS - 2, NATIVE_ROUNDS);
		native_exchange(&mlx_ops, &model, sizes[i], 256, 2000, 8, NATIVE_ROUNDS);
		wraps += model.tc.pi > model.tc.size && model.xc.pi > model.xc.size;
	}
	CHECK(wraps >= 4);
}

static void hostile(int harm)
{
	static const uint32_t sizes[] = { 4, 8, 256 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++)
		native_hostile(&mlx_ops, &model, sizes[i], harm, 4 * NATIVE_ROUNDS);
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

/* A frame of k slots of `len` bytes each from slot `at` on, synced. */
static int send_frame(struct world *w, uint32_t at, uint32_t k, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < k; i++) {
		struct netmap_slot *s = &w->tx->slot[(at + i) & (w->n - 1)];

		lr_slot_write(s, lr_slot_read(s).idx, (uint16_t)len, i + 1 < k ? NS_MOREFRAG : 0);
	}
	w->tx->shared->head = w->tx->shared->cur = (at + k) & (w->n - 1);
	return world_sync(w, false);
}

/* Frames of every number of slots at every place of the ring, in turn with those of one: nothing of the one stays in the other. */
static void pieces(void)
{
	const uint32_t max = LR_MLX5_SEGMENTS - 2;
	struct world w;
	uint32_t k, at = 0, before, lap;

	world_begin(&w, &mlx_ops, &model, 128, 256, 256 * max, max, 1);
	w.hostile = true;	/* the frames are not those of the program's books */
	for (lap = 0; lap < 40 && !unit_failed(); lap++) {
		for (k = 1; k <= max && !unit_failed(); k++) {
			before = w.wired;
			CHECK_EQ(send_frame(&w, at, k, 60 + k % 3), 0);
			at = (at + k) & (w.n - 1);
			CHECK_EQ(send_frame(&w, at, 1, 60), 0);
			at = (at + 1) & (w.n - 1);
			mlx_finish(&w);
			CHECK_EQ(w.wired, before + 2);
			CHECK_EQ(model.sent, model.told);
			CHECK_EQ(world_sync(&w, false), 0);
			CHECK_EQ(w.tx->hwtail, lr_pos_prev(at, w.n));
		}
	}
	world_end(&w);
}

/* The counter of blocks has 16 bits: 20 times around. */
static void counter(void)
{
	struct world w;
	uint32_t i, k, at = 0, all = 0, first;

	world_begin(&w, &mlx_ops, &model, 1024, 256, 1514, 8, 1);
	w.hostile = true;
	for (i = 0; all < 20 * 65536 && !unit_failed(); i++) {
		k = 1 + i * 37 % 700;
		for (first = at; k; k--, at = (at + 1) & 1023)
			lr_slot_write(&w.tx->slot[at], lr_slot_read(&w.tx->slot[at]).idx, 60, 0);
		all += (at - first) & 1023;
		w.tx->shared->head = w.tx->shared->cur = at;
		CHECK_EQ(world_sync(&w, false), 0);
		mlx_finish(&w);
		CHECK_EQ(world_sync(&w, false), 0);
		CHECK_EQ(w.tx->hwtail, lr_pos_prev(at, w.n));
		CHECK_EQ(model.rung, i + 1);	/* one doorbell each */
	}
	CHECK_EQ(w.wired, all);
	world_end(&w);
}

/* One that the device stops with stops the ring; the others cost a frame each. After a start all is well again. */
static void errors(void)
{
	static const uint32_t fatal[] = { 2, 4, 5 }, lesser[] = { 1, 0x11, 0x22 };
	uint8_t data[60] = { 0 };
	struct world w;
	unsigned int i;

	world_begin(&w, &mlx_ops, &model, 64, 2048, 1514, 8, 1);
	w.hostile = true;
	for (i = 0; i < 3 && !unit_failed(); i++) {
		model.fails = 1;
		model.error = lesser[i];
		CHECK(mlx_receive(&w, data, 60, false));
		CHECK(mlx_receive(&w, data, 60, false));
		mlx_finish(&w);
		CHECK_EQ(world_sync(&w, true), 0);
		CHECK_EQ(w.rx->count.drops, i + 1);
		CHECK_EQ(w.rx->count.packets, i + 1);
	}
	for (i = 0; i < 3 && !unit_failed(); i++) {
		model.fails = 1;
		model.error = fatal[i];
		CHECK(mlx_receive(&w, data, 60, false));
		mlx_finish(&w);
		CHECK_EQ(world_sync(&w, true), -EIO);
		CHECK_EQ(world_sync(&w, true), -EIO);
		model.fails = 1;
		CHECK_EQ(send_frame(&w, w.tx->head, 1, 60), 0);
		mlx_finish(&w);
		CHECK_EQ(world_sync(&w, false), -EIO);
		CHECK_EQ(world_sync(&w, false), -EIO);
		mlx_stop(&w);
		CHECK_EQ(mlx_start(&w), 0);
		CHECK_EQ(world_sync(&w, false), 0);
		CHECK_EQ(world_sync(&w, true), 0);
	}
	CHECK_EQ(w.rx->count.packets, 3);
	world_end(&w);
}

/* A completion of what the device does not have stops the ring. */
static void nonsense(void)
{
	static const uint32_t counters[] = { 1, 2, 63, 64, 4096, 65535 };
	struct world w;
	unsigned int i;

	world_begin(&w, &mlx_ops, &model, 64, 2048, 1514, 8, 1);
	w.hostile = true;
	for (i = 0; i < LR_ARRAY_SIZE(counters) && !unit_failed(); i++) {
		CHECK_EQ(send_frame(&w, w.tx->head, 1, 60), 0);
		cq_add(&w, &model.tc, 0, (uint16_t)counters[i], 0, 0);
		if (counters[i] % 64)
			cq_add(&w, &model.xc, 0x20, (uint16_t)counters[i], 60, 0);
		else	/* the right place, but compressed */
			cq_add(&w, &model.xc, 0x2c, 0, 60, 0);
		cq_write(&w, &model.tc, model.shift, 1);
		cq_write(&w, &model.xc, model.shift, 1);
		CHECK_EQ(world_sync(&w, false), -EIO);
		CHECK_EQ(world_sync(&w, true), -EIO);
		CHECK_EQ(w.rx->count.packets, 0);
		mlx_stop(&w);
		CHECK_EQ(mlx_start(&w), 0);
		CHECK_EQ(world_sync(&w, false), 0);
		CHECK_EQ(world_sync(&w, true), 0);
		mlx_finish(&w);
	}
	world_end(&w);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		{ "all is sent, received or counted, in rings of all sizes", all_sizes },
		{ "frames of all numbers of slots, everywhere in the ring", pieces },
		{ "the counter of blocks goes around; one doorbell a sync", counter },
		{ "errors cost a frame, or stop the ring", errors },
		{ "nonsense stops the ring", nonsense },
		{ "a program that writes anything into slots", hostile_program },
		{ "a device that reports nonsense, with a good program and a bad one", raving_device },
	};

	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
