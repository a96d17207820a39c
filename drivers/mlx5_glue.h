/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * mlx5 (ConnectX-5 and later, BlueField): included by the driver's en_main.c, with the hooks of mlx5.cocci. See
 * nic/linux/native.h.
 *
 * A queue changes hands while all channels are opened anew, as the driver does for each change of parameters: the link stays,
 * although the stack is told otherwise for a moment, and all queues stop that long. A queue becomes netmap's when its channel is
 * activated, unused as yet, and is not enabled then, so the driver's poll leaves it alone. When its channel is deactivated the
 * device's queue is reset, and its completion queue emptied: so the driver finds it as it would be if nobody had used it, whether
 * it closes it, as nearly always, or not.
 *
 * Interrupts: a completion queue raises one after it was armed. Those of netmap's queues are armed by who is going to sleep, and
 * their events wake him instead of scheduling the channel's poll.
 *
 * Ring i of netmap's is channel i: its receive queue, and its send queue of the first traffic class.
 *
 * What the device must be set up for beforehand is said where it is refused: receive queues of single buffers ("cyclic"), and
 * completions that are not compressed.
 *
 * After the driver's own functions: mlx5e_flush_rq, mlx5e_health_sq_to_ready (resets), mlx5e_notify_hw, mlx5e_poll_rx_cq.
 */
#ifndef LR_MLX5_GLUE_H
#define LR_MLX5_GLUE_H

#include "nic/linux/native.h"
#include "nic/native/mlx5.h"
#include "os_compat.h"

#define LR_MLX5_DRAIN 20	/* milliseconds for what is to be sent */

static int mlx5e_modify_rq_state(struct mlx5e_rq *rq, int curr_state, int next_state);

static struct mlx5e_channel *lr_mlx5_channel(const struct lr_native *n, unsigned int i)
{
	struct mlx5e_priv *priv = netdev_priv(n->dev);

	return priv->channels.c[i];
}

static struct mlx5_wq_cyc *lr_mlx5_wq(struct mlx5e_channel *c, enum lr_ring_kind kind)
{
	return kind == LR_TX ? &c->sq[0].wq : &c->rq.wqe.wq;
}

static struct mlx5e_cq *lr_mlx5_cq(struct mlx5e_channel *c, enum lr_ring_kind kind)
{
	return kind == LR_TX ? &c->sq[0].cq : &c->rq.cq;
}

/* --- Rings ----------------------------------------------------------------------------------------------- */

/* What the queues cannot be lent with. NULL: nothing. */
static const char *lr_mlx5_obstacle(const struct mlx5e_priv *priv)
{
	const struct mlx5e_params *params = &priv->channels.params;

	if (mlx5_eswitch_mode(priv->mdev) == MLX5_ESWITCH_OFFLOADS)
		return "its switch has taken it over (switchdev)";
	if (params->rq_wq_type != MLX5_WQ_TYPE_CYCLIC)
		return "its receive queues are striding ones: ethtool --set-priv-flags with rx_striding_rq off makes others";
	if (MLX5E_GET_PFLAG(params, MLX5E_PFLAG_RX_CQE_COMPRESS))
		return "its completions are compressed: ethtool --set-priv-flags with rx_cqe_compress off makes others";
	if (params->tx_min_inline_mode != MLX5_INLINE_MODE_NONE)
		return "it wants headers in descriptors (inline mode)";
	if (params->xdp_prog)
		return "an XDP program has its queues";
	if (priv->htb)
		return "traffic classes have queues of it (HTB)";
	return NULL;
}

static int lr_mlx5_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct mlx5e_priv *priv = netdev_priv(n->dev);
	const char *obstacle;

	if (!netif_device_present(n->dev))
		return lr_why(why, -ENODEV, "%s is not there at the moment", n->dev->name);
	obstacle = lr_mlx5_obstacle(priv);
	if (obstacle)
		return lr_why(why, -EOPNOTSUPP, "%s", obstacle);
	info->buf_len = round_down(info->buf_size, LR_MLX5_BLOCK);
	if (lr_native_max_frame(n) > info->buf_len)
		return lr_why(why, -EOPNOTSUPP, "frames of its MTU (%u) do not fit one buffer (%u bytes)", n->dev->mtu, info->buf_len);
	info->dma = mlx5_core_dma_dev(priv->mdev);
	info->rings[LR_TX] = info->rings[LR_RX] = priv->channels.params.num_channels;
	info->slots[LR_TX] = 1u << priv->channels.params.log_sq_size;
	info->slots[LR_RX] = 1u << priv->channels.params.log_rq_mtu_frames;
	return 0;
}

/* The tables of the pages of a queue and of its completion queue, one behind the other. */
static void **lr_mlx5_pages(struct mlx5_frag_buf_ctrl *wq, struct mlx5_frag_buf_ctrl *cq, void ***done)
{
	u32 per_wq = PAGE_SIZE >> wq->log_stride, per_cq = PAGE_SIZE >> cq->log_stride;
	u32 pages = wq->sz_m1 / per_wq + 1, i;
	void **page = os_zalloc((pages + cq->sz_m1 / per_cq + 1) * sizeof(*page));

	if (!page)
		return NULL;
	*done = page + pages;
	for (i = 0; i < pages; i++)
		page[i] = mlx5_frag_buf_get_wqe(wq, i * per_wq);
	for (i = 0; i <= cq->sz_m1 / per_cq; i++)
		(*done)[i] = mlx5_frag_buf_get_wqe(cq, i * per_cq);
	return page;
}

static int lr_mlx5_start_tx(struct lr_native *n, struct lr_ring *r, struct mlx5e_txqsq *sq, void **page, void **done)
{
	struct lr_mlx5_tx *v = r->priv;

	*v = (struct lr_mlx5_tx){
		.tx.dma = &n->dma,
		.tx.hw.desc = page,
		.tx.hw.mask = r->num_slots - 1,
		.tx.hw.shift = PAGE_SHIFT - LR_MLX5_BLOCK_SHIFT,
		.tx.doorbell = sq->uar_map,
		.tx.max_frame = lr_native_max_frame(n),
		.tx.max_pieces = min(mlx5e_get_max_sq_wqebbs(sq->mdev) * LR_MLX5_BLOCK / 16, LR_MLX5_SEGMENTS) - 2,
		.done = done,
		.done_mask = sq->cq.wq.fbc.sz_m1,
		.sq_record = sq->wq.db,
		.cq_record = sq->cq.wq.db,
		.queue = sq->sqn,
		.key = be32_to_cpu(sq->mkey_be),
	};
	return lr_mlx5_tx_start(v, r);
}

static int lr_mlx5_start_rx(struct lr_native *n, struct lr_ring *r, struct mlx5e_rq *rq, void **page, void **done)
{
	struct lr_mlx5_rx *v = r->priv;

	*v = (struct lr_mlx5_rx){
		.rx.dma = &n->dma,
		.rx.hw.desc = page,
		.rx.hw.done = done,
		.rx.hw.mask = r->num_slots - 1,
		.rx.hw.shift = PAGE_SHIFT - LR_MLX5_BLOCK_SHIFT,
		.rx.hw.len = r->buf_len,
		.rq_record = rq->wqe.wq.db,
		.cq_record = rq->cq.wq.db,
		.key = be32_to_cpu(rq->mkey_be),
	};
	return lr_mlx5_rx_start(v, r);
}

static int lr_mlx5_start(struct lr_native *n, struct lr_ring *r)
{
	struct mlx5e_channel *c = lr_mlx5_channel(n, r->index);
	struct mlx5e_cq *cq = lr_mlx5_cq(c, r->kind);
	void **done, **page = lr_mlx5_pages(&lr_mlx5_wq(c, r->kind)->fbc, &cq->wq.fbc, &done);
	int err;

	if (!page)
		return -ENOMEM;
	err = r->kind == LR_TX ? lr_mlx5_start_tx(n, r, &c->sq[0], page, done) : lr_mlx5_start_rx(n, r, &c->rq, page, done);
	if (err)
		os_free(page);
	else
		WRITE_ONCE(cq->lr, r);
	return err;
}

/* The completion queue is the driver's again, after so many entries, and empty. The device adds nothing to it any more. */
static void lr_mlx5_leave(struct mlx5e_cq *cq, u32 taken)
{
	u32 i;

	WRITE_ONCE(cq->lr, NULL);
	synchronize_irq(cq->mcq.irqn);
	cq->wq.cc = taken;
	for (i = 0; i <= cq->wq.fbc.sz_m1 && mlx5_cqwq_get_cqe(&cq->wq); i++)
		mlx5_cqwq_pop(&cq->wq);
	mlx5_cqwq_update_db_record(&cq->wq);
}

/* The states of both kinds of queues have the same numbers. */
static int lr_mlx5_move(struct mlx5e_channel *c, enum lr_ring_kind kind, int from, int to)
{
	struct mlx5e_modify_sq_param p = { .curr_state = from, .next_state = to };

	return kind == LR_TX ? mlx5e_modify_sq(c->mdev, c->sq[0].sqn, &p) : mlx5e_modify_rq_state(&c->rq, from, to);
}

/* What is to be sent is, as far as the device goes on sending; what it has received by then is taken by a last sync. */
static void lr_mlx5_stop(struct lr_native *n, struct lr_ring *r)
{
	struct mlx5e_channel *c = lr_mlx5_channel(n, r->index);
	struct lr_mlx5_tx *t = r->priv;
	struct lr_mlx5_rx *x = r->priv;
	bool tx = r->kind == LR_TX;
	void *page = tx ? t->tx.hw.desc : x->rx.hw.desc;
	int i, err;

	for (i = 0; tx && i < LR_MLX5_DRAIN && t->tx.done != t->tx.next && !t->tx.broken; i++) {
		usleep_range(1000, 2000);
		lr_tx_reclaim(&lr_mlx5_tx, &t->tx, r);
	}
	err = lr_mlx5_move(c, r->kind, MLX5_RQC_STATE_RDY, MLX5_RQC_STATE_RST);
	if (err)	/* an error has stopped it */
		err = lr_mlx5_move(c, r->kind, MLX5_RQC_STATE_ERR, MLX5_RQC_STATE_RST);
	if (!tx)
		lr_mlx5_rxsync(r, 0);
	lr_mlx5_leave(lr_mlx5_cq(c, r->kind), tx ? t->taken : lr_mlx5_rx_taken(x));
	*lr_mlx5_wq(c, r->kind)->db = 0;
	if (!err)
		err = lr_mlx5_move(c, r->kind, MLX5_RQC_STATE_RST, MLX5_RQC_STATE_RDY);
	if (err)
		netdev_err(n->dev, "%s queue %u does not reset: %d\n", tx ? "tx" : "rx", r->index, err);
	if (tx)
		lr_native_tx_stop(&t->tx);
	else
		lr_mlx5_rx_stop(x, r);
	os_free(page);
}

/* What is there already and was not taken raises an event, too. */
static void lr_mlx5_arm(struct lr_native *n, struct lr_ring *r)
{
	struct mlx5e_cq *cq = lr_mlx5_cq(lr_mlx5_channel(n, r->index), r->kind);
	struct lr_mlx5_tx *t = r->priv;
	struct lr_mlx5_rx *x = r->priv;

	cq->wq.cc = r->kind == LR_TX ? t->taken : lr_mlx5_rx_taken(x);
	mlx5_cqwq_update_db_record(&cq->wq);
	mlx5e_cq_arm(cq);
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

static int lr_mlx5_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct mlx5e_priv *priv = netdev_priv(n->dev);
	int err = 0;

	if (!netif_running(n->dev) || !netif_device_present(n->dev)) {
		lr_native_want(n, kind, i, on);
		return 0;
	}
	netdev_lock_ops(n->dev);
	mutex_lock(&priv->state_lock);
	lr_native_want(n, kind, i, on);
	if (test_bit(MLX5E_STATE_OPENED, &priv->state))
		err = mlx5e_safe_reopen_channels(priv);
	if (err) {
		netdev_err(n->dev, "its channels cannot be opened anew: %d\n", err);
		/* They are the old ones. What runs must not be used any more at least. */
		lr_native_want(n, kind, i, false);
		lr_native_stop(n, kind, i);
	}
	mutex_unlock(&priv->state_lock);
	netdev_unlock_ops(n->dev);
	return err;
}

static const struct lr_native_ops lr_mlx5_ops = {
	.driver = "mlx5",
	.tx_size = sizeof(struct lr_mlx5_tx),
	.rx_size = sizeof(struct lr_mlx5_rx),
	.without = NETIF_F_LRO | NETIF_F_GRO_HW | NETIF_F_HW_VLAN_CTAG_RX | NETIF_F_RXFCS,
	.info = lr_mlx5_info,
	.switch_ring = lr_mlx5_switch,
	.start = lr_mlx5_start,
	.stop = lr_mlx5_stop,
	.txsync = lr_mlx5_txsync,
	.rxsync = lr_mlx5_rxsync,
	.arm = lr_mlx5_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* The interface's memory is cleared when it gets another profile; this stays. */
static void lr_mlx5_clear(struct mlx5e_priv *priv)
{
	struct lr_native *n = priv->lr;

	memset(priv, 0, sizeof(*priv));
	priv->lr = n;
}

/* It is going to be freed. */
static void lr_mlx5_unregister(struct net_device *netdev)
{
	struct mlx5e_priv *priv = netdev_priv(netdev);

	if (priv->lr)
		lr_native_unregister(priv->lr);
}

/* What is against the channel's queue becoming netmap's. NULL: nothing. */
static const char *lr_mlx5_unfit(struct mlx5e_channel *c, enum lr_ring_kind kind)
{
	const struct lr_native *n = c->priv->lr;
	const struct mlx5_wq_cyc *wq = lr_mlx5_wq(c, kind);
	const struct mlx5_cqwq *cq = &lr_mlx5_cq(c, kind)->wq;
	const char *obstacle = lr_mlx5_obstacle(c->priv);

	if (obstacle)
		return obstacle;
	if (c->pdev != n->dma_dev)
		return "its channels belong to several devices";
	if (kind == LR_RX && lr_native_max_frame(n) > n->port->ring[LR_RX][c->ix].buf_len)
		return "frames of its MTU do not fit one buffer any more";
	if (kind == LR_RX && wq->fbc.log_stride != LR_MLX5_BLOCK_SHIFT - LR_MLX5_BUFS_SHIFT)
		return "its receive buffers have several pieces: a smaller MTU makes others";
	if (cq->fbc.sz_m1 != wq->fbc.sz_m1 || cq->fbc.log_stride != LR_MLX5_BLOCK_SHIFT)
		return "its completions are others than those of known devices";
	if (cq->cc || (kind == LR_TX ? c->sq[0].pc : wq->wqe_ctr))
		return "its queues are not new";
	return NULL;
}

/* A queue of the channel is going to be used, for the first time nearly always. True: by netmap. */
static bool lr_mlx5_begin(struct mlx5e_channel *c, enum lr_ring_kind kind, u32 slots)
{
	struct lr_native *n = c->priv->lr;
	const unsigned long *want;
	const char *unfit;

	if (!n || n->failed || c->ix >= LR_NATIVE_QUEUES)
		return false;
	want = kind == LR_TX ? n->want_tx : n->want_rx;
	if (find_next_bit(want, LR_NATIVE_QUEUES, c->priv->channels.num) < LR_NATIVE_QUEUES)
		lr_native_fail(n, "it has fewer channels now");
	if (!test_bit(c->ix, want))
		return false;
	unfit = lr_mlx5_unfit(c, kind);
	if (unfit)
		lr_native_fail(n, unfit);
	return lr_native_start(n, kind, c->ix, slots);
}

/* Other queues than those of channels, and those of other traffic classes, are none of ours. */
static bool lr_mlx5_begin_tx(struct mlx5e_txqsq *sq)
{
	struct mlx5e_channels *chs = &sq->priv->channels;

	return sq->ch_ix < chs->num && sq == &chs->c[sq->ch_ix]->sq[0] &&
	       lr_mlx5_begin(chs->c[sq->ch_ix], LR_TX, mlx5_wq_cyc_get_size(&sq->wq));
}

static bool lr_mlx5_begin_rx(struct mlx5e_rq *rq)
{
	return rq->channel && rq == &rq->channel->rq && lr_mlx5_begin(rq->channel, LR_RX, mlx5e_rqwq_get_size(rq));
}

/* The queue is going to rest, or to be closed. True: it was netmap's. */
static bool lr_mlx5_end_tx(struct mlx5e_txqsq *sq)
{
	if (!sq->cq.lr)
		return false;
	lr_native_stop(sq->priv->lr, LR_TX, sq->ch_ix);
	return true;
}

static void lr_mlx5_end_rx(struct mlx5e_rq *rq)
{
	if (rq->cq.lr)
		lr_native_stop(rq->channel->priv->lr, LR_RX, rq->channel->ix);
}

/* A completion queue has news. In interrupts. True: it is netmap's. */
bool lr_mlx5_event(struct mlx5e_cq *cq)
{
	struct lr_ring *r = READ_ONCE(cq->lr);

	if (likely(!r))
		return false;
	if (os_waitq_wake(&r->wq))
		lr_count(&r->count.wakeups, 1);
	return true;
}

#endif
