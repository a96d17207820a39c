/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native vmxnet3 against a model: generation bits, rings of completions. The model looks at descriptors whether it was told or
 * not, and completes more tx frames than it was asked to.
 */
#include "native.h"
#include "nic/native/vmxnet3.h"

#define VMX_MAX 4096

struct vmx {
	struct lr_vmxnet3_tx t;
	struct lr_vmxnet3_rx x;
	struct lr_vmxnet3_desc tx[VMX_MAX], rx[VMX_MAX];
	struct lr_vmxnet3_comp txc[VMX_MAX], rxc[VMX_MAX];
	uint32_t txprod, rxprod;
	uint8_t wants;

	uint32_t t_at, t_gen, tc_at, tc_gen;	/* next descriptor and completion, and their generations */
	uint32_t x_at, x_gen, xc_at, xc_gen;
	uint8_t frame[FRAME_MAX];
	uint32_t frame_len;
	uint32_t done[VMX_MAX], done_first, done_end;	/* last descriptors of frames whose completion is due */
};

static int vmx_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_vmxnet3_tx, r, flags);
}

static int vmx_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_vmxnet3_rx, r, flags);
}

static int vmx_start(struct world *w)
{
	struct vmx *m = w->dev;
	int err;

	memset(m, 0, sizeof(*m));
	m->t_gen = m->tc_gen = m->x_gen = m->xc_gen = 1;
	m->t.comp = m->txc;
	m->t.tx = (struct lr_native_tx){
		.dma = &w->dma, .hw.desc = m->tx, .doorbell = &m->txprod, .max_frame = w->max_frame, .max_pieces = w->max_pieces,
	};
	m->x.wants_doorbell = dice(w, 2) ? &m->wants : NULL;
	m->x.rx = (struct lr_native_rx){
		.dma = &w->dma, .hw = { .desc = m->rx, .done = m->rxc, .len = w->rx->buf_len }, .doorbell = &m->rxprod,
	};
	w->tx->priv = &m->t;
	w->rx->priv = &m->x;
	err = lr_vmxnet3_tx_start(&m->t, w->tx);
	if (err)
		return err;
	err = lr_native_rx_start(&lr_vmxnet3_rx, &m->x.rx, w->rx);
	if (err)
		lr_native_tx_stop(&m->t.tx);
	return err;
}

static void vmx_stop(struct world *w)
{
	struct vmx *m = w->dev;

	lr_native_tx_stop(&m->t.tx);
	lr_native_rx_stop(&lr_vmxnet3_rx, &m->x.rx, w->rx);
}

static void vmx_next(struct world *w, uint32_t *at, uint32_t *gen)
{
	*at = lr_pos_next(*at, w->n);
	*gen ^= !*at;
}

/* --- Transmit --------------------------------------------------------------------------------------------- */

/* Takes one descriptor if it is the device's. */
static bool vmx_tx_one(struct world *w)
{
	struct vmx *m = w->dev;
	uint64_t word = le64_to_cpu(os_load(&m->tx[m->t_at].word));
	uint32_t len = word & LR_VMXNET3_LEN;
	const char *data;

	if ((word >> LR_VMXNET3_TX_GEN_SHIFT & 1) != m->t_gen || lr_pos_next(m->done_end, w->n) == m->done_first)
		return false;
	CHECK(!(word & ~(LR_VMXNET3_TX_EOP | LR_VMXNET3_TX_CQ | 1u << LR_VMXNET3_TX_GEN_SHIFT | LR_VMXNET3_LEN)));
	CHECK(!(word & LR_VMXNET3_TX_CQ) || word & LR_VMXNET3_TX_EOP);
	data = dma_ptr(w, le64_to_cpu(os_load(&m->tx[m->t_at].addr)), len);
	if (!data || !len || len > w->tx->buf_len || m->frame_len + len > FRAME_MAX) {
		FAIL("a descriptor of %u bytes after %u", len, m->frame_len);
		return false;
	}
	memcpy(m->frame + m->frame_len, data, len);
	m->frame_len += len;
	if (word & LR_VMXNET3_TX_EOP) {
		wire_sent(w, m->frame, m->frame_len);
		m->frame_len = 0;
		if (word & LR_VMXNET3_TX_CQ || !dice(w, 4)) {
			m->done[m->done_end] = m->t_at;
			m->done_end = lr_pos_next(m->done_end, w->n);
		}
	}
	vmx_next(w, &m->t_at, &m->t_gen);
	return true;
}

static void vmx_tx_complete(struct world *w)
{
	struct vmx *m = w->dev;
	struct lr_vmxnet3_comp *c = &m->txc[m->tc_at];

	c->word[0] = cpu_to_le32(m->done[m->done_first] | dice(w, 1000) << 12);
	os_store(&c->word[3], cpu_to_le32(m->tc_gen << 31 | dice(w, 1000)));
	m->done_first = lr_pos_next(m->done_first, w->n);
	vmx_next(w, &m->tc_at, &m->tc_gen);
}

/* --- Receive ------------------------------------------------------------------------------------------------- */

static bool vmx_receive(struct world *w, const uint8_t *data, uint32_t len, bool damaged)
{
	struct vmx *m = w->dev;
	uint64_t word = le64_to_cpu(os_load(&m->rx[m->x_at].word));
	struct lr_vmxnet3_comp *c = &m->rxc[m->xc_at];
	char *to;

	if (word >> LR_VMXNET3_RX_GEN_SHIFT != m->x_gen || len > w->rx->buf_len)
		return false;
	CHECK_EQ(word & UINT32_MAX >> 1, w->rx->buf_len);
	to = dma_ptr(w, le64_to_cpu(os_load(&m->rx[m->x_at].addr)), w->rx->buf_len);
	if (!to)
		return false;
	memcpy(to, data, len);
	c->word[0] = cpu_to_le32(m->x_at | LR_VMXNET3_RX_WHOLE | dice(w, 65536) << 16);
	c->word[1] = cpu_to_le32(dice(w, UINT32_MAX));
	c->word[2] = cpu_to_le32(len | (damaged ? LR_VMXNET3_RX_ERROR : 0) | dice(w, 65536) << 16);
	os_store(&c->word[3], cpu_to_le32(m->xc_gen << 31 | dice(w, UINT32_MAX) >> 1));
	vmx_next(w, &m->x_at, &m->x_gen);
	vmx_next(w, &m->xc_at, &m->xc_gen);
	m->wants = !dice(w, 4);
	return true;
}

/* --- Time -------------------------------------------------------------------------------------------------------- */

static void vmx_work(struct world *w, uint32_t send, uint32_t complete)
{
	struct vmx *m = w->dev;

	while (send-- && !unit_failed() && vmx_tx_one(w))
		;
	for (; complete && m->done_first != m->done_end; complete--)
		vmx_tx_complete(w);
}

static void vmx_run(struct world *w)
{
	vmx_work(w, dice(w, dice(w, 4) ? 16 : w->n), dice(w, 6));
}

static void vmx_finish(struct world *w)
{
	vmx_work(w, w->n, w->n);
}

/* Completions of anything. */
static void vmx_rave(struct world *w)
{
	struct vmx *m = w->dev;
	struct lr_vmxnet3_comp *ring = dice(w, 2) ? m->txc : m->rxc;
	uint32_t k;

	for (k = dice(w, 8); k; k--)
		os_store(&ring[dice(w, w->n)].word[dice(w, 4)], cpu_to_le32(dice(w, UINT32_MAX) * 2 + dice(w, 2)));
}

static const struct native_ops vmx_ops = {
	.txsync = vmx_txsync, .rxsync = vmx_rxsync, .start = vmx_start, .stop = vmx_stop, .run = vmx_run, .finish = vmx_finish,
	.receive = vmx_receive, .rave = vmx_rave, .one_buffer_rx = true,
};

static struct vmx model;

static void all_sizes(void)
{
	static const uint32_t sizes[] = { 4, 5, 32, 127, 128, 256, 300, 4096 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_exchange(&vmx_ops, &model, sizes[i], 2048, 9216, 64, NATIVE_ROUNDS);
		native_exchange(&vmx_ops, &model, sizes[i], 256, 2000, 8, NATIVE_ROUNDS);
	}
}

static void hostile(int harm)
{
	static const uint32_t sizes[] = { 4, 8, 256 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++)
		native_hostile(&vmx_ops, &model, sizes[i], harm, 4 * NATIVE_ROUNDS);
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

/* One completion of a descriptor that the device does not have stops the ring. */
static void nonsense(void)
{
	static const uint32_t ids[] = { 1, 2, 63, 64, 4095 };
	struct world w;
	unsigned int i;

	world_begin(&w, &vmx_ops, &model, 64, 2048, 1514, 8, 1);
	for (i = 0; i < LR_ARRAY_SIZE(ids) && !unit_failed(); i++) {
		lr_slot_write(&w.tx->slot[i], lr_slot_read(&w.tx->slot[i]).idx, 60, 0);
		w.tx->shared->head = w.tx->shared->cur = i + 1;
		CHECK_EQ(world_sync(&w, false), 0);
		model.txc[0].word[0] = cpu_to_le32(ids[i]);
		model.txc[0].word[3] = cpu_to_le32(1u << 31);
		CHECK_EQ(world_sync(&w, false), -EIO);
		model.rxc[0].word[0] = cpu_to_le32(ids[i] | LR_VMXNET3_RX_WHOLE);
		model.rxc[0].word[2] = cpu_to_le32(60);
		model.rxc[0].word[3] = cpu_to_le32(1u << 31);
		CHECK_EQ(world_sync(&w, true), -EIO);
		CHECK_EQ(w.rx->count.packets, 0);
		vmx_stop(&w);
		CHECK_EQ(vmx_start(&w), 0);
		CHECK_EQ(world_sync(&w, false), 0);
		CHECK_EQ(world_sync(&w, true), 0);
	}
	world_end(&w);
}

/* Where all queues must rest for one: what the device completed before is taken by a last sync, which does not ring the doorbell. */
static void rest(void)
{
	static const uint8_t deaf;
	uint8_t frame[80] = { 0 };
	struct world w;
	uint32_t round, i, pos = 0;

	world_begin(&w, &vmx_ops, &model, 64, 2048, 1514, 8, 1);
	for (round = 0; round < 20 && !unit_failed(); round++) {
		for (i = 0; i < 7; i++) {
			frame[30] = (uint8_t)(round * 7 + i);
			CHECK(vmx_receive(&w, frame, 60 + i, false));
		}
		model.x.wants_doorbell = &deaf;
		model.rxprod = UINT32_MAX;
		CHECK_EQ(lr_rxsync(&lr_vmxnet3_rx, w.rx, 0), 0);
		CHECK_EQ(model.rxprod, UINT32_MAX);
		vmx_stop(&w);
		CHECK_EQ(vmx_start(&w), 0);
		CHECK_EQ(world_sync(&w, true), 0);
		CHECK_EQ(lr_pos_dist(pos, w.rx->shared->tail, 64), 7);
		for (i = 0; i < 7; i++, pos = lr_pos_next(pos, 64)) {
			struct lr_slot slot = lr_slot_read(&w.rx->slot[pos]);

			CHECK_EQ(slot.len, 60 + i);
			CHECK_EQ((uint8_t)lr_region_buf(w.rx->port->region, slot.idx)[30], (uint8_t)(round * 7 + i));
		}
		w.rx->shared->head = w.rx->shared->cur = pos;
	}
	world_end(&w);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		{ "all is sent, received or counted, in rings of all sizes", all_sizes },
		{ "nonsense stops the ring", nonsense },
		{ "what came before a rest is there after it", rest },
		{ "a program that writes anything into slots", hostile_program },
		{ "a device that reports nonsense, with a good program and a bad one", raving_device },
	};

	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
