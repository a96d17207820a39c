/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For models of devices that fetch descriptors of two words from [head, tail) of one ring each way: what is the same for all.
 * They do what the datasheets say at their own pace: fetch, send, write back and fill when dice say so.
 *
 *	tx	fetched and gathered to frames; those to be reported are written back some time later
 *	rx	filled with the one frame that is coming in; written back later still, in order
 */
#ifndef TEST_UNIT_NATIVE_ENGINE_H
#define TEST_UNIT_NATIVE_ENGINE_H

#include "native.h"
#include "nic/native/rx.h"
#include "nic/native/tx.h"

#define ENGINE_RING_MAX 4096

/* A model begins with this. */
struct engine {
	const struct lr_tx_format *tx_format;
	const struct lr_rx_format *rx_format;
	uint32_t rx_words;	/* of a descriptor; the first is the address */
	/* Length, and whether it is the last of its frame and to be reported. Checks what is asked for. */
	uint32_t (*tx_decode)(struct world *w, uint64_t word, bool *eop, bool *rs);
	/* Reports descriptor d. */
	void (*tx_back)(struct world *w, uint32_t d);
	/* What will be written back of the descriptor at rdh, which holds len bytes; the frame goes on while busy. */
	uint64_t (*rx_word)(struct world *w, uint32_t len);
	/* Writes back descriptor d, whose words are at `words`. */
	void (*rx_show)(struct world *w, uint32_t d, __le64 *words);

	struct lr_native_tx t;
	struct lr_native_rx x;
	__le64 tx[ENGINE_RING_MAX][2], rx[ENGINE_RING_MAX * 4];
	__le32 head;		/* where the device writes how far it has come, if it does */
	uint32_t tdt, rdt;	/* doorbells */

	uint32_t tdh;
	uint8_t frame[FRAME_MAX];	/* being sent */
	uint32_t frame_len, pieces;
	uint32_t back[ENGINE_RING_MAX], back_first, back_end;	/* descriptors to be reported */

	uint32_t rdh, shown;		/* rx descriptors [shown, rdh) are full and not written back */
	uint64_t word[ENGINE_RING_MAX];	/* what will be */
	uint32_t len[ENGINE_RING_MAX];
	uint8_t in[FRAME_MAX];		/* being received */
	uint32_t in_len, in_at;
	bool busy, damaged;
};

static int engine_start(struct world *w)
{
	struct engine *e = w->dev;
	int err;

	memset(e->tx, 0, sizeof(e->tx));
	memset(e->rx, 0, sizeof(e->rx));
	e->head = 0;
	e->tdt = e->rdt = e->tdh = e->rdh = e->shown = e->frame_len = e->pieces = e->back_first = e->back_end = 0;
	e->busy = false;
	e->t = (struct lr_native_tx){
		.dma = &w->dma, .hw.desc = e->tx, .hw.queue = &e->head, .doorbell = &e->tdt, .max_frame = w->max_frame,
		.max_pieces = w->max_pieces,
	};
	e->x = (struct lr_native_rx){ .dma = &w->dma, .hw = { .desc = e->rx, .len = w->rx->buf_len }, .doorbell = &e->rdt };
	w->tx->priv = &e->t;
	w->rx->priv = &e->x;
	err = lr_native_tx_start(e->tx_format, &e->t, w->tx);
	if (err)
		return err;
	err = lr_native_rx_start(e->rx_format, &e->x, w->rx);
	if (err)
		lr_native_tx_stop(&e->t);
	return err;
}

static void engine_stop(struct world *w)
{
	struct engine *e = w->dev;

	w->rx_cut += e->busy && !e->x.skip;
	lr_native_tx_stop(&e->t);
	lr_native_rx_stop(e->rx_format, &e->x, w->rx);
}

/* One bit of many. */
static uint32_t engine_pick_bit(struct world *w, uint32_t bits)
{
	uint32_t bit;

	do
		bit = 1u << dice(w, 32);
	while (!(bits & bit));
	return bit;
}

/* --- Transmit --------------------------------------------------------------------------------------- */

/* Fetches one descriptor. */
static void engine_tx_one(struct world *w)
{
	struct engine *e = w->dev;
	uint64_t addr = le64_to_cpu(os_load(&e->tx[e->tdh][0])), word = le64_to_cpu(os_load(&e->tx[e->tdh][1]));
	bool eop, rs;
	uint32_t len = e->tx_decode(w, word, &eop, &rs);
	const char *data = dma_ptr(w, addr, len);

	if (w->raving && e->frame_len + len > FRAME_MAX)
		e->frame_len = 0;
	if (!data || !len || len > w->tx->buf_len || e->frame_len + len > FRAME_MAX) {
		FAIL("a descriptor of %u bytes after %u", len, e->frame_len);
		return;
	}
	memcpy(e->frame + e->frame_len, data, len);
	e->frame_len += len;
	e->pieces++;
	if (rs && lr_pos_next(e->back_end, w->n) != e->back_first) {
		e->back[e->back_end] = e->tdh;
		e->back_end = lr_pos_next(e->back_end, w->n);
	}
	e->tdh = lr_pos_next(e->tdh, w->n);
	if (!eop)
		return;
	wire_sent(w, e->frame, e->frame_len);
	e->frame_len = e->pieces = 0;
}

static void engine_tx_back(struct world *w)
{
	struct engine *e = w->dev;
	uint32_t d = e->back[e->back_first];

	e->back_first = lr_pos_next(e->back_first, w->n);
	e->tx_back(w, d);
}

/* --- Receive ----------------------------------------------------------------------------------------- */

/* Fills one descriptor. */
static void engine_rx_one(struct world *w)
{
	struct engine *e = w->dev;
	uint32_t len = e->in_len - e->in_at, bsize = e->x.hw.len;
	char *to;

	if (len > bsize)
		len = bsize;
	to = dma_ptr(w, le64_to_cpu(os_load(&e->rx[e->rdh * e->rx_words])), bsize);
	if (!to)
		return;
	memcpy(to, e->in + e->in_at, len);
	e->in_at += len;
	e->busy = e->in_at < e->in_len;
	e->len[e->rdh] = len;
	e->word[e->rdh] = e->rx_word(w, len);
	e->rdh = lr_pos_next(e->rdh, w->n);
}

static bool engine_receive(struct world *w, const uint8_t *data, uint32_t len, bool damaged)
{
	struct engine *e = w->dev;

	/* Frames wait behind one another. */
	while (e->busy && e->rdh != os_load(&e->rdt) && !unit_failed())
		engine_rx_one(w);
	if (e->busy || os_load(&e->rdt) == e->rdh)
		return false;
	memcpy(e->in, data, len);
	e->in_len = len;
	e->in_at = 0;
	e->damaged = damaged;
	e->busy = true;
	return true;
}

static void engine_rx_show(struct world *w)
{
	struct engine *e = w->dev;

	e->rx_show(w, e->shown, &e->rx[e->shown * e->rx_words]);
	e->shown = lr_pos_next(e->shown, w->n);
}

/* --- Time ------------------------------------------------------------------------------------------------ */

/* At most so many of everything. */
static void engine_work(struct world *w, uint32_t fetch, uint32_t back, uint32_t fill, uint32_t show)
{
	struct engine *e = w->dev;

	for (; fetch && e->tdh != os_load(&e->tdt) && !unit_failed(); fetch--)
		engine_tx_one(w);
	for (; back && e->back_first != e->back_end; back--)
		engine_tx_back(w);
	for (; fill && e->busy && e->rdh != os_load(&e->rdt) && !unit_failed(); fill--)
		engine_rx_one(w);
	for (; show && e->shown != e->rdh; show--)
		engine_rx_show(w);
}

static void engine_run(struct world *w)
{
	uint32_t much = dice(w, 4) ? 16 : w->n;

	engine_work(w, dice(w, much), dice(w, 4), dice(w, much), dice(w, much));
}

static void engine_finish(struct world *w)
{
	engine_work(w, w->n, w->n, w->n, w->n);
}

/* What is the same in each native_ops. */
#define ENGINE_MODEL .start = engine_start, .stop = engine_stop, .run = engine_run, .finish = engine_finish, \
	.receive = engine_receive

#endif
