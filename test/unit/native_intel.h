/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of Intel's controllers for the tests of nic/native: one queue each way, with legacy or advanced tx descriptors,
 * legacy or extended (advanced: the same) rx descriptors. It does what the datasheets say, at its own pace: fetches, sends
 * and writes back when dice say so; reads only [head, tail) of its rings; where descriptors are overwritten it overwrites
 * them with rubbish.
 */
#ifndef TEST_UNIT_NATIVE_INTEL_H
#define TEST_UNIT_NATIVE_INTEL_H

#include "native.h"
#include "nic/native/e1000e.h"
#include "nic/native/igb.h"
#include "nic/native/ixgbe.h"

#define INTEL_RING_MAX 4096

struct intel {
	/* What kind it is. */
	bool legacy_tx, legacy_rx;
	uint32_t rx_errors, rx_harmless;	/* bits of the status and error word (legacy: of the error byte) */
	const struct lr_tx_format *tx_format;
	const struct lr_rx_format *rx_format;

	struct lr_native_tx t;
	struct lr_native_rx x;
	__le64 tx[INTEL_RING_MAX][2], rx[INTEL_RING_MAX][2];
	uint32_t tdt, rdt;	/* doorbells */

	uint32_t tdh;
	uint8_t frame[FRAME_MAX];	/* being sent */
	uint32_t frame_len, paylen;
	uint32_t back[INTEL_RING_MAX], back_first, back_end;	/* descriptors to be written back */

	uint32_t rdh, shown;		/* rx descriptors [shown, rdh) are full and not written back */
	uint64_t word[INTEL_RING_MAX];	/* what will be */
	uint8_t in[FRAME_MAX];		/* being received */
	uint32_t in_len, in_at;
	bool busy, damaged;
};

static int intel_start(struct world *w)
{
	struct intel *m = w->dev;
	int err;

	memset(m->tx, 0, sizeof(m->tx));
	memset(m->rx, 0, sizeof(m->rx));
	m->tdt = m->rdt = m->tdh = m->rdh = m->shown = m->frame_len = m->paylen = m->back_first = m->back_end = 0;
	m->busy = false;
	m->t = (struct lr_native_tx){
		.dma = &w->dma, .hw.desc = m->tx, .doorbell = &m->tdt, .max_frame = w->max_frame, .max_pieces = w->max_pieces,
	};
	m->x = (struct lr_native_rx){ .dma = &w->dma, .hw = { .desc = m->rx, .len = w->rx->buf_len }, .doorbell = &m->rdt };
	w->tx->priv = &m->t;
	w->rx->priv = &m->x;
	err = lr_native_tx_start(m->tx_format, &m->t, w->tx);
	if (err)
		return err;
	err = lr_native_rx_start(m->rx_format, &m->x, w->rx);
	if (err)
		lr_native_tx_stop(&m->t);
	return err;
}

static void intel_stop(struct world *w)
{
	struct intel *m = w->dev;

	lr_native_tx_stop(&m->t);
	lr_native_rx_stop(m->rx_format, &m->x, w->rx);
}

/* --- Transmit --------------------------------------------------------------------------------------- */

/* Length, and whether it is the last of its frame and to be reported. What we did not ask for must not be set. */
static uint32_t intel_tx_decode(struct world *w, uint64_t word, bool *eop, bool *rs)
{
	struct intel *m = w->dev;
	uint32_t cmd = (uint32_t)(word >> 24) & 0xff;

	*eop = cmd & 1;
	*rs = cmd & 8;
	if (w->raving)
		return word & 0xffff;
	CHECK(!*rs || *eop);
	CHECK(cmd & 2);	/* IFCS */
	if (m->legacy_tx) {
		CHECK(!(cmd & ~0xbu));
		CHECK(!(word >> 32) && !(word >> 16 & 0xff));
		return word & 0xffff;
	}
	CHECK_EQ(cmd & ~0xbu, 0x20);	/* DEXT */
	CHECK_EQ(word >> 16 & 0xff, 0x30);	/* data */
	CHECK(!(word >> 32 & 0x3fff));
	if (!m->frame_len)
		m->paylen = (uint32_t)(word >> 46);
	else
		CHECK(!(word >> 46));
	return word & 0xffff;
}

static void intel_tx_one(struct world *w)
{
	struct intel *m = w->dev;
	uint64_t addr = le64_to_cpu(os_load(&m->tx[m->tdh][0])), word = le64_to_cpu(os_load(&m->tx[m->tdh][1]));
	bool eop, rs;
	uint32_t len = intel_tx_decode(w, word, &eop, &rs);
	const char *data = dma_ptr(w, addr, len);

	if (w->raving && m->frame_len + len > FRAME_MAX)
		m->frame_len = 0;
	if (!data || !len || len > w->tx->buf_len || m->frame_len + len > FRAME_MAX) {
		FAIL("a descriptor of %u bytes after %u", len, m->frame_len);
		return;
	}
	memcpy(m->frame + m->frame_len, data, len);
	m->frame_len += len;
	if (rs && lr_pos_next(m->back_end, w->n) != m->back_first) {
		m->back[m->back_end] = m->tdh;
		m->back_end = lr_pos_next(m->back_end, w->n);
	}
	m->tdh = lr_pos_next(m->tdh, w->n);
	if (!eop)
		return;
	if (!m->legacy_tx && !w->raving)
		CHECK_EQ(m->paylen, m->frame_len);
	wire_sent(w, m->frame, m->frame_len);
	m->frame_len = 0;
}

static void intel_tx_back(struct world *w)
{
	struct intel *m = w->dev;
	__le64 *d = m->tx[m->back[m->back_first]];

	if (m->legacy_tx) {
		os_store(&d[1], d[1] | cpu_to_le64(UINT64_C(1) << 32));
	} else {
		if (!w->raving)	/* it may be the device's again, and it goes by what is there */
			os_store(&d[0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 20));
		os_store(&d[1], cpu_to_le64(UINT64_C(1) << 32 | dice(w, 1000)));
	}
	m->back_first = lr_pos_next(m->back_first, w->n);
}

/* --- Receive ----------------------------------------------------------------------------------------- */

/* One bit of many. */
static uint32_t intel_pick_bit(struct world *w, uint32_t bits)
{
	uint32_t bit;

	do
		bit = 1u << dice(w, 32);
	while (!(bits & bit));
	return bit;
}

/* Fills one descriptor. */
static void intel_rx_one(struct world *w)
{
	struct intel *m = w->dev;
	uint32_t len = m->in_len - m->in_at, bsize = m->x.hw.len, status, errors = 0;
	char *to;

	if (len > bsize)
		len = bsize;
	to = dma_ptr(w, le64_to_cpu(os_load(&m->rx[m->rdh][0])), bsize);
	if (!to)
		return;
	memcpy(to, m->in + m->in_at, len);
	m->in_at += len;
	m->busy = m->in_at < m->in_len;
	status = 1 | (m->busy ? 0 : 2) | (dice(w, 64) << 2);
	if (!m->busy && m->damaged)
		errors = intel_pick_bit(w, m->rx_errors);
	if (!m->busy && !dice(w, 3))
		errors |= intel_pick_bit(w, m->rx_harmless);
	if (m->legacy_rx)
		m->word[m->rdh] = len | (uint64_t)dice(w, 65536) << 16 | (uint64_t)(status & 0xff) << 32 | (uint64_t)errors << 40 |
				  (uint64_t)dice(w, 65536) << 48;
	else
		m->word[m->rdh] = status | errors | (uint64_t)len << 32 | (uint64_t)dice(w, 65536) << 48;
	m->rdh = lr_pos_next(m->rdh, w->n);
}

static bool intel_receive(struct world *w, const uint8_t *data, uint32_t len, bool damaged)
{
	struct intel *m = w->dev;

	/* Frames wait behind one another. */
	while (m->busy && m->rdh != os_load(&m->rdt) && !unit_failed())
		intel_rx_one(w);
	if (m->busy || os_load(&m->rdt) == m->rdh)
		return false;
	memcpy(m->in, data, len);
	m->in_len = len;
	m->in_at = 0;
	m->damaged = damaged;
	m->busy = true;
	return true;
}

static void intel_rx_show(struct world *w)
{
	struct intel *m = w->dev;

	if (!m->legacy_rx && !w->raving)
		os_store(&m->rx[m->shown][0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 24));
	os_store(&m->rx[m->shown][1], cpu_to_le64(m->word[m->shown]));
	m->shown = lr_pos_next(m->shown, w->n);
}

/* --- Time ------------------------------------------------------------------------------------------------ */

/* At most so many of everything. */
static void intel_work(struct world *w, uint32_t fetch, uint32_t back, uint32_t fill, uint32_t show)
{
	struct intel *m = w->dev;

	for (; fetch && m->tdh != os_load(&m->tdt) && !unit_failed(); fetch--)
		intel_tx_one(w);
	for (; back && m->back_first != m->back_end; back--)
		intel_tx_back(w);
	for (; fill && m->busy && m->rdh != os_load(&m->rdt) && !unit_failed(); fill--)
		intel_rx_one(w);
	for (; show && m->shown != m->rdh; show--)
		intel_rx_show(w);
}

static void intel_run(struct world *w)
{
	uint32_t much = dice(w, 4) ? 16 : w->n;

	intel_work(w, dice(w, much), dice(w, 4), dice(w, much), dice(w, much));
}

static void intel_finish(struct world *w)
{
	intel_work(w, w->n, w->n, w->n, w->n);
}

/* Descriptors done that are not, lengths and errors that cannot be. Addresses it does not touch: it will use them. */
static void intel_rave(struct world *w)
{
	struct intel *m = w->dev;
	uint32_t k = dice(w, w->n), d;

	for (; k; k--) {
		d = dice(w, w->n);
		if (dice(w, 2))
			os_store(&m->rx[d][1], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 32 | dice(w, UINT32_MAX)));
		else
			m->rx[d][1] |= cpu_to_le64(m->legacy_rx ? UINT64_C(3) << 32 : 3);
	}
	/* Tx is done before it was sent; it is sent nevertheless. */
	if (m->t.report_first != m->t.report_end)
		m->tx[m->t.report[m->t.report_first]][1] |= cpu_to_le64(UINT64_C(1) << 32);
}

/* What is the same in each native_ops. */
#define INTEL_MODEL .start = intel_start, .stop = intel_stop, .run = intel_run, .finish = intel_finish, \
	.receive = intel_receive, .rave = intel_rave

#endif
