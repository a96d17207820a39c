/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of Intel's controllers for the tests of nic/native: one queue each way, with legacy or advanced tx descriptors,
 * legacy or extended (advanced: the same) rx descriptors. Where descriptors are overwritten it overwrites them with rubbish.
 */
#ifndef TEST_UNIT_NATIVE_INTEL_H
#define TEST_UNIT_NATIVE_INTEL_H

#include "native_engine.h"
#include "nic/native/e1000e.h"
#include "nic/native/igb.h"
#include "nic/native/ixgbe.h"

struct intel {
	struct engine e;
	/* What kind it is. */
	bool legacy_tx, legacy_rx;
	uint32_t rx_errors, rx_harmless;	/* bits of the status and error word (legacy: of the error byte) */

	uint32_t paylen;	/* the frame's, as its first descriptor has it */
};

/* --- Transmit --------------------------------------------------------------------------------------- */

/* What we did not ask for must not be set. */
static uint32_t intel_tx_decode(struct world *w, uint64_t word, bool *eop, bool *rs)
{
	struct intel *m = w->dev;
	uint32_t cmd = (uint32_t)(word >> 24) & 0xff, len = word & 0xffff;

	*eop = cmd & 1;
	*rs = cmd & 8;
	if (w->raving)
		return len;
	CHECK(!*rs || *eop);
	CHECK(cmd & 2);	/* IFCS */
	if (m->legacy_tx) {
		CHECK(!(cmd & ~0xbu));
		CHECK(!(word >> 32) && !(word >> 16 & 0xff));
		return len;
	}
	CHECK_EQ(cmd & ~0xbu, 0x20);	/* DEXT */
	CHECK_EQ(word >> 16 & 0xff, 0x30);	/* data */
	CHECK(!(word >> 32 & 0x3fff));
	if (!m->e.frame_len)
		m->paylen = (uint32_t)(word >> 46);
	else
		CHECK(!(word >> 46));
	if (*eop)
		CHECK_EQ(m->paylen, m->e.frame_len + len);
	return len;
}

static void intel_tx_back(struct world *w, uint32_t d)
{
	struct intel *m = w->dev;
	__le64 *words = m->e.tx[d];

	if (m->legacy_tx) {
		os_store(&words[1], words[1] | cpu_to_le64(UINT64_C(1) << 32));
		return;
	}
	if (!w->raving)	/* it may be the device's again, and it goes by what is there */
		os_store(&words[0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 20));
	os_store(&words[1], cpu_to_le64(UINT64_C(1) << 32 | dice(w, 1000)));
}

/* --- Receive ----------------------------------------------------------------------------------------- */

static uint64_t intel_rx_word(struct world *w, uint32_t len)
{
	struct intel *m = w->dev;
	uint32_t status = 1 | (m->e.busy ? 0 : 2) | (dice(w, 64) << 2), errors = 0;

	if (!m->e.busy && m->e.damaged)
		errors = engine_pick_bit(w, m->rx_errors);
	if (!m->e.busy && !dice(w, 3))
		errors |= engine_pick_bit(w, m->rx_harmless);
	if (m->legacy_rx)
		return len | (uint64_t)dice(w, 65536) << 16 | (uint64_t)(status & 0xff) << 32 | (uint64_t)errors << 40 |
		       (uint64_t)dice(w, 65536) << 48;
	return status | errors | (uint64_t)len << 32 | (uint64_t)dice(w, 65536) << 48;
}

static void intel_rx_show(struct world *w, uint32_t d, __le64 *words)
{
	struct intel *m = w->dev;

	if (!m->legacy_rx && !w->raving)
		os_store(&words[0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 24));
	os_store(&words[1], cpu_to_le64(m->e.word[d]));
}

/* Descriptors done that are not, lengths and errors that cannot be. Addresses it does not touch: it will use them. */
static void intel_rave(struct world *w)
{
	struct intel *m = w->dev;
	uint32_t k = dice(w, w->n);

	for (; k; k--) {
		__le64 *word = &m->e.rx[2 * dice(w, w->n) + 1];

		if (dice(w, 2))
			os_store(word, cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 32 | dice(w, UINT32_MAX)));
		else
			*word |= cpu_to_le64(m->legacy_rx ? UINT64_C(3) << 32 : 3);
	}
	/* Tx is done before it was sent; it is sent nevertheless. */
	if (m->e.t.report_first != m->e.t.report_end)
		m->e.tx[m->e.t.report[m->e.t.report_first]][1] |= cpu_to_le64(UINT64_C(1) << 32);
}

/* What is the same in each native_ops, and in each struct intel. */
#define INTEL_MODEL ENGINE_MODEL, .rave = intel_rave
#define INTEL_ENGINE(NAME) { \
	.tx_format = &lr_##NAME##_tx, .rx_format = &lr_##NAME##_rx, .rx_words = 2, .tx_decode = intel_tx_decode, \
	.tx_back = intel_tx_back, .rx_word = intel_rx_word, .rx_show = intel_rx_show, \
}

#endif
