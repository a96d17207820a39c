/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native i40e (XL710) and ice (E810) against a model: one queue each way. It fetches, sends, writes back and fills when dice
 * say so; reads only [head, tail) of its rings; overwrites with rubbish what the datasheets say is overwritten.
 *
 *	XL710	writes back where it has come to, for some of the frames to be reported; rx descriptors of 16 bytes, which now
 *		and then tell of a flow filter and not of a frame
 *	E810	writes back descriptors to be reported; rx descriptors of 32 bytes
 */
#include "native_engine.h"
#include "nic/native/i40e.h"
#include "nic/native/ice.h"

#define XL_DD 1u
#define XL_EOF 2u

struct xl {
	struct engine e;
	bool ice;
	uint32_t rx_errors, rx_harmless;	/* bits of the status word */
};

/* --- Transmit --------------------------------------------------------------------------------------- */

/* What we did not ask for must not be set. */
static uint32_t xl_tx_decode(struct world *w, uint64_t word, bool *eop, bool *rs)
{
	const struct xl *m = w->dev;
	uint32_t cmd = (uint32_t)(word >> 4) & 0xfff;

	*eop = cmd & 1;
	*rs = cmd & 2;
	if (!w->raving) {
		CHECK(!*rs || *eop);
		CHECK_EQ(cmd & ~3u, m->ice ? 0 : 4);	/* ICRC */
		CHECK_EQ(word & 0xf, 0);		/* data */
		CHECK_EQ(word >> 16 & 0x3ffff, 0);	/* offsets */
		CHECK_EQ(word >> 48, 0);		/* tag */
		CHECK(m->e.pieces < LR_XL_TX_PIECES);
	}
	return word >> 34 & 0x3fff;
}

/* What is due, or for the XL710 the last of several. */
static void xl_tx_back(struct world *w, uint32_t d)
{
	struct xl *m = w->dev;

	if (!m->ice) {
		if (m->e.back_first == m->e.back_end || dice(w, 2))
			os_store(&m->e.head, cpu_to_le32(lr_pos_next(d, w->n)));
		return;
	}
	if (!w->raving)	/* it may be the device's again, and it goes by what is there */
		os_store(&m->e.tx[d][0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 20));
	os_store(&m->e.tx[d][1], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 4 | 0xf));
}

/* --- Receive ----------------------------------------------------------------------------------------- */

/* A frame that is damaged the XL710 may replace by what a flow filter has to tell, in its first descriptor. */
static uint64_t xl_rx_word(struct world *w, uint32_t len)
{
	struct xl *m = w->dev;
	uint64_t word = XL_DD;

	if (m->e.damaged && !m->ice && m->e.in_at == len && dice(w, 2)) {
		m->e.busy = false;
		m->e.len[m->e.rdh] = 0;
		return word | UINT64_C(1) << 63 | (uint64_t)dice(w, 256) << 19;
	}
	if (!m->e.busy) {
		word |= XL_EOF;
		if (m->e.damaged)
			word |= engine_pick_bit(w, m->rx_errors);
	}
	if (!dice(w, 3))
		word |= engine_pick_bit(w, m->rx_harmless);
	return word;
}

static void xl_rx_show(struct world *w, uint32_t at, __le64 *d)
{
	struct xl *m = w->dev;
	uint64_t len = m->e.len[at], word = m->e.word[at];

	if (m->ice) {
		/* Bits that have no meaning for us are anything. A raving device will use the address again. */
		if (!w->raving)
			os_store(&d[0], cpu_to_le64((uint64_t)dice(w, 65536) << 48 | len << 32 | (uint64_t)dice(w, 4) << 46 |
						    dice(w, UINT32_MAX)));
		os_store(&d[2], cpu_to_le64((uint64_t)dice(w, UINT32_MAX)));
		os_store(&d[3], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 32));
		os_store(&d[1], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 16 | word));
	} else {
		if (!w->raving)
			os_store(&d[0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 24));
		os_store(&d[1], cpu_to_le64(word | len << 38 | (uint64_t)dice(w, 256) << 30));
	}
}

/* Descriptors done that are not, lengths and heads that cannot be. Addresses it does not touch: it will use them. */
static void xl_rave(struct world *w)
{
	struct xl *m = w->dev;
	uint32_t k = dice(w, w->n), per = m->e.rx_words;

	for (; k; k--)
		os_store(&m->e.rx[dice(w, w->n) * per + 1], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 33 | dice(w, UINT32_MAX)));
	if (!m->ice)
		os_store(&m->e.head, cpu_to_le32(dice(w, 3) ? dice(w, w->n) : dice(w, UINT32_MAX)));
	else if (m->e.t.report_first != m->e.t.report_end)
		m->e.tx[m->e.t.report[m->e.t.report_first]][1] |= cpu_to_le64((uint64_t)0xf);
}

/* --- Cases ------------------------------------------------------------------------------------------------- */

static int i40e_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_i40e_tx, r, flags);
}

static int i40e_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_i40e_rx, r, flags);
}

static int ice_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_ice_tx, r, flags);
}

static int ice_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_ice_rx, r, flags);
}

#define XL_MODEL .pad = LR_XL_TX_PAD, ENGINE_MODEL, .rave = xl_rave

static const struct native_ops i40e_ops = { .txsync = i40e_txsync, .rxsync = i40e_rxsync, XL_MODEL };
static const struct native_ops ice_ops = { .txsync = ice_txsync, .rxsync = ice_rxsync, XL_MODEL };

#define XL_ENGINE(NAME, WORDS) { \
	.tx_format = &lr_##NAME##_tx, .rx_format = &lr_##NAME##_rx, .rx_words = WORDS, .tx_decode = xl_tx_decode, \
	.tx_back = xl_tx_back, .rx_word = xl_rx_word, .rx_show = xl_rx_show, \
}

static struct xl i40e = { .e = XL_ENGINE(i40e, 2), .rx_errors = 0x45u << 19, .rx_harmless = 0xbau << 19 | 0x7fffc };
static struct xl ice = { .e = XL_ENGINE(ice, 4), .ice = true, .rx_errors = 1u << 10, .rx_harmless = 0xfbfc };

static void all_sizes(const struct native_ops *ops, struct xl *m)
{
	static const uint32_t sizes[] = { 4, 5, 8, 13, 16, 48, 80, 127, 128, 255, 256, 300, 1000, 4096 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_exchange(ops, m, sizes[i], 2048, 9728, LR_XL_TX_PIECES, NATIVE_ROUNDS);
		native_exchange(ops, m, sizes[i], 256, 2000, 6, NATIVE_ROUNDS);
	}
}

static void i40e_all_sizes(void)
{
	all_sizes(&i40e_ops, &i40e);
}

static void ice_all_sizes(void)
{
	all_sizes(&ice_ops, &ice);
}

static void hostile(int harm)
{
	static const uint32_t sizes[] = { 4, 8, 100, 256 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_hostile(&i40e_ops, &i40e, sizes[i], harm, 4 * NATIVE_ROUNDS);
		native_hostile(&ice_ops, &ice, sizes[i], harm, 4 * NATIVE_ROUNDS);
	}
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

/* A head that the device cannot have come to stops the ring. */
static void nonsense(void)
{
	static const uint32_t heads[] = { 2, 3, 63, 64, 65, UINT32_MAX };
	struct world w;
	unsigned int i;

	world_begin(&w, &i40e_ops, &i40e, 64, 2048, 1514, 8, 1);
	for (i = 0; i < LR_ARRAY_SIZE(heads) && !unit_failed(); i++) {
		lr_slot_write(&w.tx->slot[i], lr_slot_read(&w.tx->slot[i]).idx, 60, 0);
		w.tx->shared->head = w.tx->shared->cur = i + 1;
		CHECK_EQ(world_sync(&w, false), 0);
		i40e.e.head = cpu_to_le32(heads[i]);
		CHECK_EQ(world_sync(&w, false), -EIO);
		engine_stop(&w);
		CHECK_EQ(engine_start(&w), 0);
		CHECK_EQ(world_sync(&w, false), 0);
	}
	world_end(&w);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		{ "i40e: all is sent, received or counted, in rings of all sizes", i40e_all_sizes },
		{ "ice: all is sent, received or counted, in rings of all sizes", ice_all_sizes },
		{ "i40e: nonsense stops the ring", nonsense },
		{ "a program that writes anything into slots", hostile_program },
		{ "a device that reports nonsense, with a good program and a bad one", raving_device },
	};

	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
