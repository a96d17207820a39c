/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native i40e (XL710) and ice (E810) against a model: one queue each way. It fetches, sends, writes back and fills when dice
 * say so; reads only [head, tail) of its rings; overwrites with rubbish what the datasheets say is overwritten.
 *
 *	XL710	writes back where it has come to, for some of the frames to be reported; rx descriptors of 16 bytes, which now
 *		and then tell of a flow filter and not of a frame
 *	E810	writes back descriptors to be reported; rx descriptors of 32 bytes
 */
#include "native.h"
#include "nic/native/i40e.h"
#include "nic/native/ice.h"

#define XL_RING_MAX 4096
#define XL_DD 1u
#define XL_EOF 2u

struct xl {
	bool ice;
	uint32_t rx_errors, rx_harmless;	/* bits of the status word */
	const struct lr_tx_format *tx_format;
	const struct lr_rx_format *rx_format;

	struct lr_native_tx t;
	struct lr_native_rx x;
	__le64 tx[XL_RING_MAX][2], rx[XL_RING_MAX * 4];
	__le32 head;		/* written back */
	uint32_t tdt, rdt;	/* doorbells */

	uint32_t tdh;
	uint8_t frame[FRAME_MAX];	/* being sent */
	uint32_t frame_len, pieces;
	uint32_t back[XL_RING_MAX], back_first, back_end;	/* descriptors to be reported */

	uint32_t rdh, shown;		/* rx descriptors [shown, rdh) are full and not written back */
	uint64_t word[XL_RING_MAX];	/* status, what will be */
	uint32_t len[XL_RING_MAX];
	uint8_t in[FRAME_MAX];		/* being received */
	uint32_t in_len, in_at;
	bool busy, damaged, filter;
};

static int xl_start(struct world *w)
{
	struct xl *m = w->dev;
	int err;

	memset(m->tx, 0, sizeof(m->tx));
	memset(m->rx, 0, sizeof(m->rx));
	m->head = 0;
	m->tdt = m->rdt = m->tdh = m->rdh = m->shown = m->frame_len = m->pieces = m->back_first = m->back_end = 0;
	m->busy = false;
	m->t = (struct lr_native_tx){
		.dma = &w->dma, .hw.desc = m->tx, .hw.queue = &m->head, .doorbell = &m->tdt, .max_frame = w->max_frame,
		.max_pieces = w->max_pieces,
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

static void xl_stop(struct world *w)
{
	struct xl *m = w->dev;

	lr_native_tx_stop(&m->t);
	lr_native_rx_stop(m->rx_format, &m->x, w->rx);
}

/* --- Transmit --------------------------------------------------------------------------------------- */

/* Length, and whether it is the last of its frame and to be reported. What we did not ask for must not be set. */
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
	}
	return word >> 34 & 0x3fff;
}

static void xl_tx_one(struct world *w)
{
	struct xl *m = w->dev;
	uint64_t addr = le64_to_cpu(os_load(&m->tx[m->tdh][0])), word = le64_to_cpu(os_load(&m->tx[m->tdh][1]));
	bool eop, rs;
	uint32_t len = xl_tx_decode(w, word, &eop, &rs);
	const char *data = dma_ptr(w, addr, len);

	if (w->raving && m->frame_len + len > FRAME_MAX)
		m->frame_len = 0;
	if (!data || !len || len > w->tx->buf_len || m->frame_len + len > FRAME_MAX) {
		FAIL("a descriptor of %u bytes after %u", len, m->frame_len);
		return;
	}
	memcpy(m->frame + m->frame_len, data, len);
	m->frame_len += len;
	m->pieces++;
	if (rs && lr_pos_next(m->back_end, w->n) != m->back_first) {
		m->back[m->back_end] = m->tdh;
		m->back_end = lr_pos_next(m->back_end, w->n);
	}
	m->tdh = lr_pos_next(m->tdh, w->n);
	if (!eop)
		return;
	if (!w->raving)
		CHECK(m->pieces <= LR_XL_TX_PIECES);
	wire_sent(w, m->frame, m->frame_len);
	m->frame_len = m->pieces = 0;
}

/* What is due, or for the XL710 the last of several. */
static void xl_tx_back(struct world *w)
{
	struct xl *m = w->dev;
	uint32_t d = m->back[m->back_first];

	m->back_first = lr_pos_next(m->back_first, w->n);
	if (!m->ice) {
		if (m->back_first == m->back_end || dice(w, 2))
			os_store(&m->head, cpu_to_le32(lr_pos_next(d, w->n)));
		return;
	}
	if (!w->raving)	/* it may be the device's again, and it goes by what is there */
		os_store(&m->tx[d][0], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 20));
	os_store(&m->tx[d][1], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 4 | 0xf));
}

/* --- Receive ----------------------------------------------------------------------------------------- */

/* One bit of many. */
static uint64_t xl_pick_bit(struct world *w, uint32_t bits)
{
	uint32_t bit;

	do
		bit = 1u << dice(w, 32);
	while (!(bits & bit));
	return bit;
}

/* Fills one descriptor. */
static void xl_rx_one(struct world *w)
{
	struct xl *m = w->dev;
	uint32_t len = m->in_len - m->in_at, bsize = m->x.hw.len, per = m->ice ? 4 : 2;
	uint64_t word = XL_DD;
	char *to;

	if (len > bsize)
		len = bsize;
	to = dma_ptr(w, le64_to_cpu(os_load(&m->rx[m->rdh * per])), bsize);
	if (!to)
		return;
	if (m->filter) {
		m->busy = m->filter = false;
		m->len[m->rdh] = 0;
		m->word[m->rdh] = word | UINT64_C(1) << 63 | (uint64_t)dice(w, 256) << 19;
		m->rdh = lr_pos_next(m->rdh, w->n);
		return;
	}
	memcpy(to, m->in + m->in_at, len);
	m->in_at += len;
	m->busy = m->in_at < m->in_len;
	if (!m->busy) {
		word |= XL_EOF;
		if (m->damaged)
			word |= xl_pick_bit(w, m->rx_errors);
	}
	if (!dice(w, 3))
		word |= xl_pick_bit(w, m->rx_harmless);
	m->len[m->rdh] = len;
	m->word[m->rdh] = word;
	m->rdh = lr_pos_next(m->rdh, w->n);
}

static bool xl_receive(struct world *w, const uint8_t *data, uint32_t len, bool damaged)
{
	struct xl *m = w->dev;

	/* Frames wait behind one another. */
	while (m->busy && m->rdh != os_load(&m->rdt) && !unit_failed())
		xl_rx_one(w);
	if (m->busy || os_load(&m->rdt) == m->rdh)
		return false;
	memcpy(m->in, data, len);
	m->in_len = len;
	m->in_at = 0;
	m->damaged = damaged;
	m->filter = damaged && !m->ice && dice(w, 2);
	m->busy = true;
	return true;
}

static void xl_rx_show(struct world *w)
{
	struct xl *m = w->dev;
	__le64 *d = &m->rx[m->shown * (m->ice ? 4 : 2)];
	uint64_t len = m->len[m->shown], word = m->word[m->shown];

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
	m->shown = lr_pos_next(m->shown, w->n);
}

/* --- Time ------------------------------------------------------------------------------------------------ */

/* At most so many of everything. */
static void xl_work(struct world *w, uint32_t fetch, uint32_t back, uint32_t fill, uint32_t show)
{
	struct xl *m = w->dev;

	for (; fetch && m->tdh != os_load(&m->tdt) && !unit_failed(); fetch--)
		xl_tx_one(w);
	for (; back && m->back_first != m->back_end; back--)
		xl_tx_back(w);
	for (; fill && m->busy && m->rdh != os_load(&m->rdt) && !unit_failed(); fill--)
		xl_rx_one(w);
	for (; show && m->shown != m->rdh; show--)
		xl_rx_show(w);
}

static void xl_run(struct world *w)
{
	uint32_t much = dice(w, 4) ? 16 : w->n;

	xl_work(w, dice(w, much), dice(w, 4), dice(w, much), dice(w, much));
}

static void xl_finish(struct world *w)
{
	xl_work(w, w->n, w->n, w->n, w->n);
}

/* Descriptors done that are not, lengths and heads that cannot be. Addresses it does not touch: it will use them. */
static void xl_rave(struct world *w)
{
	struct xl *m = w->dev;
	uint32_t k = dice(w, w->n), per = m->ice ? 4 : 2;

	for (; k; k--)
		os_store(&m->rx[dice(w, w->n) * per + 1], cpu_to_le64((uint64_t)dice(w, UINT32_MAX) << 33 | dice(w, UINT32_MAX)));
	if (!m->ice)
		os_store(&m->head, cpu_to_le32(dice(w, 3) ? dice(w, w->n) : dice(w, UINT32_MAX)));
	else if (m->t.report_first != m->t.report_end)
		m->tx[m->t.report[m->t.report_first]][1] |= cpu_to_le64((uint64_t)0xf);
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

#define XL_MODEL .pad = LR_XL_TX_PAD, .start = xl_start, .stop = xl_stop, .run = xl_run, .finish = xl_finish, \
	.receive = xl_receive, .rave = xl_rave

static const struct native_ops i40e_ops = { .txsync = i40e_txsync, .rxsync = i40e_rxsync, XL_MODEL };
static const struct native_ops ice_ops = { .txsync = ice_txsync, .rxsync = ice_rxsync, XL_MODEL };

static struct xl i40e = {
	.rx_errors = 0x45u << 19, .rx_harmless = 0xbau << 19 | 0x7fffc, .tx_format = &lr_i40e_tx, .rx_format = &lr_i40e_rx,
};
static struct xl ice = {
	.ice = true, .rx_errors = 1u << 10, .rx_harmless = 0xfbfc, .tx_format = &lr_ice_tx, .rx_format = &lr_ice_rx,
};

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
		i40e.head = cpu_to_le32(heads[i]);
		CHECK_EQ(world_sync(&w, false), -EIO);
		xl_stop(&w);
		CHECK_EQ(xl_start(&w), 0);
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
