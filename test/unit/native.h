/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native NICs, nic/native, against models of their devices: what is the same for all. A port with one tx and one rx ring, whose
 * syncs are those of the NIC; a program that sends and receives frames of all kinds, good and bad; the wire, where each
 * frame is looked at.
 *
 *	program -- slots -- txsync, rxsync -- descriptors -- model -- wire
 *
 * A frame carries its number, and the rest of it follows from that. What the program submits comes out on the wire with the
 * same bytes, or was to be dropped and is counted; what comes from the wire reaches the program in order, or was damaged and
 * is counted. Models reach memory by device addresses only, which are made up such that all that is not a buffer of the
 * region is found out. Buffers are counted at the end.
 *
 * Everything is random, from a seed that is printed and may be given in NATIVE_SEED.
 */
#ifndef TEST_UNIT_NATIVE_H
#define TEST_UNIT_NATIVE_H

#include <time.h>

#include "core.h"
#include "nic/native/sync.h"

#if defined(__SANITIZE_THREAD__)
#define NATIVE_ROUNDS 400
#elif defined(__SANITIZE_ADDRESS__)
#define NATIVE_ROUNDS 1500
#else
#define NATIVE_ROUNDS 6000
#endif

#define FRAME_MAX 20000		/* bytes */
#define PATTERN (1u << 16)
#define STASH_MAX 8192
#define DRAIN_ROUNDS 80		/* a frame may need as many to get through, a piece at a time */

struct world;

/* A model of a device and the sync code made for it. */
struct native_ops {
	int (*txsync)(struct lr_ring *r, unsigned int flags);
	int (*rxsync)(struct lr_ring *r, unsigned int flags);
	/* Both directions, from empty rings of descriptors; 0 or -errno. stop leaves the model as it is. */
	int (*start)(struct world *w);
	void (*stop)(struct world *w);
	/* A random part of what there is to do; all of it. */
	void (*run)(struct world *w);
	void (*finish)(struct world *w);
	/* A frame from the wire. False: no buffers, or busy. */
	bool (*receive)(struct world *w, const uint8_t *data, uint32_t len, bool damaged);
	/* Writes nonsense where the device may write. NULL: cannot. */
	void (*rave)(struct world *w);
	bool reorders;		/* sends in another order */
	uint32_t pad;		/* frames are at least so long on the wire */
	bool one_buffer_rx;	/* a received frame takes one buffer at most */
};

enum frame_state { FRAME_NONE, FRAME_GOOD, FRAME_BAD, FRAME_DONE };

struct frame {
	uint32_t len;
	uint8_t state;
};

struct world {
	const struct native_ops *ops;
	void *dev;
	uint64_t seed;
	uint32_t n;
	struct lr_file *file;
	struct lr_ring *tx, *rx;
	struct lr_region *region;
	struct lr_dma dma;
	uint64_t *piece;
	uint32_t max_frame, max_pieces;
	bool hostile;		/* anything may be in slots: frames are not what was meant */
	bool raving;		/* the device's books are in disorder, too */

	uint32_t stash[STASH_MAX], stashed;	/* buffers that are in no slot */
	struct frame *sent, *got;		/* by number */
	uint32_t frames;			/* room in both */
	uint32_t submitted, tx_bad, wired, tx_last;	/* frames written to slots, to be dropped, seen on the wire */
	uint32_t tx_fill;			/* slots are written up to here; head is behind */
	uint32_t pushed, rx_next, received, rx_lost;	/* frames from the wire; expected next; received; lost on the way */
	uint32_t rx_cut;			/* of those lost: half received when the device stopped, which nobody counts */
	uint8_t *sent_good;			/* per tx slot: the frame last written there was to be sent */
	uint32_t *last;				/* per rx slot: the buffer it had when the program gave it back */
	uint32_t ruined;			/* rx slots given back without a buffer; each costs the region one */
};

static uint8_t pattern[PATTERN + FRAME_MAX];

static inline uint32_t dice(struct world *w, uint32_t n)
{
	return unit_random(&w->seed) % n;
}

/* --- Frames ---------------------------------------------------------------------------------------- */

/* Bytes [from, from + len) of frame id. */
static void frame_fill(uint32_t id, uint32_t from, char *to, uint32_t len)
{
	uint32_t at = id * 31 % PATTERN, k;

	memcpy(to, pattern + at + from, len);
	for (k = from; k < 4 && k < from + len; k++)
		to[k - from] = (char)(id >> 8 * k);
}

static bool frame_is(uint32_t id, uint32_t from, const uint8_t *data, uint32_t len)
{
	char want[FRAME_MAX];

	frame_fill(id, from, want, len);
	return !memcmp(want, data, len);
}

static uint32_t frame_id(const uint8_t *data)
{
	return data[0] | data[1] << 8 | data[2] << 16 | (uint32_t)data[3] << 24;
}

/* --- The device's view of memory ----------------------------------------------------------------------- */

#define DMA_BASE UINT64_C(0x4200000000)
#define DMA_STEP UINT64_C(0x10000)	/* from one piece to the next: what is between is nobody's */

/* What the device finds at an address; [addr, addr + len) must be of one buffer that it was told of. */
static char *dma_ptr(struct world *w, uint64_t addr, uint32_t len)
{
	uint64_t off = addr - DMA_BASE, piece = off / DMA_STEP, in = off % DMA_STEP;
	uint32_t per = w->dma.mask + 1, pieces = (w->dma.bufs + per - 1) / per, idx;

	/* Pieces are not in order. */
	piece = pieces - 1 - piece;
	idx = (uint32_t)piece * per + (uint32_t)(in / w->dma.size);
	if (addr < DMA_BASE || piece >= pieces || in % w->dma.size + len > w->dma.size || in / w->dma.size >= per ||
	    idx < LR_BUF_FIRST || idx >= w->dma.bufs) {
		FAIL("the device reaches for %#llx, %u bytes", (unsigned long long)addr, len);
		return NULL;
	}
	return lr_region_buf(w->region, idx) + in % w->dma.size;
}

static void dma_make(struct world *w, unsigned int shift)
{
	uint32_t i, pieces;

	w->dma.bufs = lr_region_bufs_committed(w->region);
	w->dma.size = w->region->pool[LR_POOL_BUF].size;
	w->dma.shift = shift;
	w->dma.mask = (1u << shift) - 1;
	pieces = (w->dma.bufs + w->dma.mask) >> shift;
	w->piece = calloc(pieces, sizeof(*w->piece));
	for (i = 0; i < pieces; i++)
		w->piece[i] = DMA_BASE + (pieces - 1 - i) * DMA_STEP;
	w->dma.piece = w->piece;
}

/* --- The wire ----------------------------------------------------------------------------------------------- */

/* The device sends this. */
static void wire_sent(struct world *w, const uint8_t *data, uint32_t len)
{
	uint32_t id = frame_id(data), want, k;

	w->wired++;
	if (w->raving)
		return;
	if (len < LR_FRAME_MIN || len > w->max_frame)
		FAIL("a frame of %u bytes on the wire", len);
	if (w->hostile)
		return;
	if (id >= w->submitted || w->sent[id].state != FRAME_GOOD) {
		FAIL("frame %u of %u on the wire, state %d", id, w->submitted, id < w->submitted ? w->sent[id].state : -1);
		return;
	}
	CHECK(w->ops->reorders || id >= w->tx_last);
	w->tx_last = id;
	want = w->sent[id].len;
	w->sent[id].state = FRAME_DONE;
	CHECK_EQ(len, want < w->ops->pad ? w->ops->pad : want);
	CHECK(frame_is(id, 0, data, want < len ? want : len));
	for (k = want; k < len; k++)
		CHECK_EQ(data[k], 0);
}

/* Frames of all kinds come, as many as the device takes. */
static void wire_push(struct world *w, uint32_t most)
{
	uint8_t data[FRAME_MAX];

	while (most-- && w->pushed < w->frames) {
		uint32_t limit = w->ops->one_buffer_rx || dice(w, 3) ? w->rx->buf_len : w->max_frame;
		uint32_t len = LR_FRAME_MIN + dice(w, dice(w, 2) ? 64 : limit - LR_FRAME_MIN + 1);
		bool damaged = !dice(w, 20);

		frame_fill(w->pushed, 0, (char *)data, len);
		if (!w->ops->receive(w, data, len, damaged))
			return;
		w->got[w->pushed].len = len;
		w->got[w->pushed++].state = damaged ? FRAME_BAD : FRAME_GOOD;
	}
}

/* --- The program: buffers ---------------------------------------------------------------------------------- */

/* A slot of the program's gets another buffer now and then, and may or may not be marked so; always when it has none. */
static uint16_t program_swap(struct world *w, struct lr_ring *r, uint32_t pos, uint32_t one_in)
{
	struct lr_slot s = lr_slot_read(&r->slot[pos]);
	bool good = lr_dma_ok(&w->dma, r, s.idx);
	uint32_t i;

	if (!w->stashed || (good && dice(w, one_in)))
		return 0;
	i = dice(w, w->stashed);
	lr_slot_write(&r->slot[pos], w->stash[i], s.len, 0);
	if (good)
		w->stash[i] = s.idx;
	else
		w->stash[i] = w->stash[--w->stashed];
	return dice(w, 2) ? NS_BUF_CHANGED : 0;
}

/* An index that is no buffer of the program's; the one that was there is kept. */
static void program_ruin(struct world *w, struct lr_ring *r, uint32_t pos)
{
	static const uint32_t bad[] = { 0, 1, UINT32_MAX, UINT32_MAX - 1, 0x80000000, 1u << 20 };
	struct lr_slot s = lr_slot_read(&r->slot[pos]);

	if (w->stashed < STASH_MAX && lr_buf_ok(r, s.idx))
		w->stash[w->stashed++] = s.idx;
	lr_slot_write(&r->slot[pos], dice(w, 3) ? bad[dice(w, LR_ARRAY_SIZE(bad))] : w->dma.bufs, s.len, s.flags);
}

/* --- The program: transmit ------------------------------------------------------------------------------------ */

enum tx_kind { TX_ONE, TX_MANY, TX_SHORT, TX_EMPTY, TX_LONG, TX_RUINED, TX_KINDS };

static bool tx_is_good(const struct world *w, enum tx_kind kind, uint32_t k, uint32_t total)
{
	return (kind == TX_ONE || kind == TX_MANY) && k <= w->max_pieces && total >= LR_FRAME_MIN && total <= w->max_frame;
}

/* One slot of frame id, which begins at byte `from`. The slot has a buffer. */
static void tx_write_slot(struct world *w, uint32_t id, uint32_t from, uint32_t len, uint16_t flags)
{
	uint32_t pos = w->tx_fill;

	CHECK(!w->sent_good[pos] || !(lr_slot_read(&w->tx->slot[pos]).flags & (NS_BUF_CHANGED | NS_REPORT)));
	flags |= program_swap(w, w->tx, pos, 4);
	flags |= dice(w, 12) ? 0 : NS_REPORT;
	flags |= dice(w, 30) ? 0 : NS_FORWARD | 3 << NS_PORT_SHIFT;
	frame_fill(id, from, lr_region_buf(w->region, lr_slot_read(&w->tx->slot[pos]).idx), len);
	lr_slot_write(&w->tx->slot[pos], lr_slot_read(&w->tx->slot[pos]).idx, (uint16_t)len, flags);
	w->tx_fill = lr_pos_next(pos, w->n);
}

/* One frame of a random kind into the next slots. False: no room. */
static bool program_write(struct world *w)
{
	uint32_t dear = dice(w, 40), k = 1, i, total = 0, room = lr_pos_dist(w->tx_fill, w->tx->tail, w->n), at = w->tx_fill;
	enum tx_kind kind = dear < TX_KINDS ? dear : dice(w, 3) ? TX_ONE : TX_MANY;
	const uint32_t id = w->submitted, buf_len = w->tx->buf_len;
	uint32_t ruin;

	if (kind == TX_MANY || (kind >= TX_LONG && dice(w, 2)))
		k = 2 + dice(w, dice(w, 30) ? 6 : w->max_pieces);
	if (k > room || id == w->frames)
		return false;
	ruin = dice(w, k);
	for (i = 0; i < k; i++) {
		uint32_t len = 1 + dice(w, dice(w, 2) ? buf_len : buf_len / 4);

		if (k == 1 && len < LR_FRAME_MIN)
			len = LR_FRAME_MIN;
		if (kind == TX_SHORT || kind == TX_EMPTY)
			len = kind == TX_EMPTY ? 0 : 1 + dice(w, LR_FRAME_MIN - 1);
		if (total + len > FRAME_MAX - NETMAP_MAX_FRAGS)
			len = 1;
		tx_write_slot(w, id, total, len, i + 1 < k ? NS_MOREFRAG : 0);
		total += len;
		if (kind == TX_LONG && i == ruin)
			os_store(&w->tx->slot[lr_pos_prev(w->tx_fill, w->n)].len, (uint16_t)(buf_len + 1 + dice(w, 65535 - buf_len)));
	}
	if (kind == TX_RUINED)
		program_ruin(w, w->tx, (at + ruin) % w->n);
	w->sent[id].len = total;
	w->sent[id].state = tx_is_good(w, kind, k, total) ? FRAME_GOOD : FRAME_BAD;
	w->tx_bad += w->sent[id].state == FRAME_BAD;
	for (i = 0; i < k; i++)
		w->sent_good[(at + i) % w->n] = w->sent[id].state == FRAME_GOOD;
	w->submitted++;
	return true;
}

/* Slots that were written are submitted, up to any of them: frames need not be complete. */
static void program_submit(struct world *w)
{
	struct netmap_ring *s = w->tx->shared;
	uint32_t ready = lr_pos_dist(s->head, w->tx_fill, w->n), k = dice(w, 3) ? ready : dice(w, ready + 1);

	s->head = s->cur = (s->head + k) % w->n;
}

/* --- The program: receive -------------------------------------------------------------------------------------- */

/* Frames [rx_next, id) did not arrive: each must have a reason. */
static void rx_skipped(struct world *w, uint32_t id)
{
	for (; w->rx_next < id; w->rx_next++, w->rx_lost++)
		if (w->got[w->rx_next].state != FRAME_BAD && w->got[w->rx_next].len <= w->rx->buf_len - 12)
			FAIL("frame %u of %u bytes is lost", w->rx_next, w->got[w->rx_next].len);
}

/* Takes the frame at pos, `left` slots before tail. Returns its slots. */
static uint32_t rx_take(struct world *w, uint32_t pos, uint32_t left)
{
	uint32_t id = 0, from = 0, k = 0;
	struct lr_slot s;

	do {
		const uint8_t *data;

		if (k == left) {
			FAIL("a part of a frame");
			return left;
		}
		s = lr_slot_read(&w->rx->slot[pos]);
		if (!lr_dma_ok(&w->dma, w->rx, s.idx) || !s.len || s.len > w->rx->buf_len) {
			FAIL("a slot with buffer %u, length %u", s.idx, s.len);
			return left;
		}
		CHECK(s.idx == w->last[pos] || s.flags & NS_BUF_CHANGED);
		data = (const uint8_t *)lr_region_buf(w->region, s.idx);
		if (!k) {
			id = frame_id(data);
			if (id < w->rx_next || id >= w->pushed || w->got[id].state != FRAME_GOOD) {
				FAIL("frame %u received after %u, of %u", id, w->rx_next, w->pushed);
				return left;
			}
		}
		if (from + s.len <= FRAME_MAX)
			CHECK(frame_is(id, from, data, s.len));
		from += s.len;
		k++;
		pos = lr_pos_next(pos, w->n);
	} while (s.flags & NS_MOREFRAG);
	CHECK_EQ(from, w->got[id].len);
	rx_skipped(w, id);
	w->rx_next++;
	w->received++;
	return k;
}

/* Looks at some of what is there and gives its slots back: so what was received must have stayed as it is for a while. */
static void program_receive(struct world *w, uint32_t most)
{
	struct netmap_ring *s = w->rx->shared;

	while (most-- && s->head != s->tail && !unit_failed()) {
		uint32_t k = rx_take(w, s->head, lr_pos_dist(s->head, s->tail, w->n));

		for (; k; k--) {
			uint16_t flags = program_swap(w, w->rx, s->head, 5);

			if (flags)
				os_store(&w->rx->slot[s->head].flags, flags);
			if (!dice(w, 300) && w->ruined < w->n / 2) {
				program_ruin(w, w->rx, s->head);
				w->ruined++;
			}
			w->last[s->head] = lr_slot_read(&w->rx->slot[s->head]).idx;
			s->head = s->cur = lr_pos_next(s->head, w->n);
		}
	}
}

/* --- Worlds ------------------------------------------------------------------------------------------------------ */

static uint64_t native_seed(void)
{
	static uint64_t seed;
	const char *env = getenv("NATIVE_SEED");
	unsigned int i;
	uint64_t s;

	if (!seed) {
		seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 2654435761u ^ (uint64_t)getpid();
		printf("# NATIVE_SEED=%llu\n", (unsigned long long)seed);
		s = 1;
		for (i = 0; i < sizeof(pattern); i++)
			pattern[i] = (uint8_t)(unit_random(&s) >> 8);
	}
	return seed;
}

static int world_sync(struct world *w, bool rx)
{
	return lr_file_ioctl(w->file, rx ? NIOCRXSYNC : NIOCTXSYNC, 0);
}

/* The program looks at its rx slots. */
static void world_remember(struct world *w)
{
	uint32_t i;

	for (i = 0; i < w->n; i++)
		w->last[i] = lr_slot_read(&w->rx->slot[i]).idx;
}

/* The ring's syncs are those of the NIC. */
static void world_hook(struct world *w)
{
	w->tx->sync = w->ops->txsync;
	w->rx->sync = w->ops->rxsync;
	os_store(&w->tx->idle, false);
	os_store(&w->rx->idle, false);
}

/*
 * Rings of n slots, buf_len bytes a slot, frames of at most max_frame bytes in max_pieces slots. The model is at dev;
 * room for so many frames each way.
 */
static void world_begin(struct world *w, const struct native_ops *ops, void *dev, uint32_t n, uint32_t buf_len, uint32_t max_frame,
			uint32_t max_pieces, uint32_t frames)
{
	struct nmreq_register reg = {
		.nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_rx_rings = 1, .nr_tx_slots = n, .nr_rx_slots = n,
	};
	uint64_t seed = native_seed() + n * 977u + buf_len;
	int err;

	*w = (struct world){
		.ops = ops, .dev = dev, .seed = seed, .n = n, .max_frame = max_frame, .max_pieces = max_pieces, .frames = frames,
		.file = core_open("lrnative", &reg, &err),
	};
	if (!w->file) {
		printf("not ok %s: no port: %s\n", unit_name, strerror(-err));
		exit(1);
	}
	w->sent = calloc(frames, sizeof(*w->sent));
	w->got = calloc(frames, sizeof(*w->got));
	w->last = calloc(n, sizeof(*w->last));
	w->sent_good = calloc(n, 1);
	w->region = w->file->port->region;
	w->tx = core_ring(w->file, LR_TX, 0);
	w->rx = core_ring(w->file, LR_RX, 0);
	w->tx->buf_len = w->rx->buf_len = buf_len;
	CHECK_EQ(lr_region_take_bufs(w->region, w->stash, 64, NULL), 0);
	w->stashed = 64;
	lr_region_reserve_bufs(w->region, 2 * n);
	dma_make(w, dice(w, 3));
	err = ops->start(w);
	CHECK_EQ(err, 0);
	world_remember(w);
	world_hook(w);
}

/* Each buffer that is out is in one place. */
static void world_count_buffers(struct world *w)
{
	uint8_t *seen = calloc(w->dma.bufs, 1);
	struct lr_ring *rings[2] = { w->tx, w->rx };
	uint32_t found = 0, i, k, idx;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < w->n; i++) {
			idx = lr_slot_read(&rings[k]->slot[i]).idx;
			if (!lr_buf_ok(rings[k], idx) || idx >= w->dma.bufs)
				continue;
			CHECK(!seen[idx]);
			seen[idx] = 1;
			found++;
		}
	}
	for (i = 0; i < w->stashed; i++) {
		CHECK(!seen[w->stash[i]]);
		seen[w->stash[i]] = 1;
		found++;
	}
	CHECK_EQ(found, w->region->pool[LR_POOL_BUF].taken);
	free(seen);
}

static void world_end(struct world *w)
{
	w->ops->stop(w);
	w->tx->sync = w->tx->ops->txsync;
	w->rx->sync = w->rx->ops->rxsync;
	if (!w->hostile && !unit_failed())
		world_count_buffers(w);
	while (w->stashed)
		lr_region_give(w->region, LR_POOL_BUF, w->stash[--w->stashed]);
	lr_file_close(w->file);
	free(w->sent);
	free(w->got);
	free(w->last);
	free(w->sent_good);
	free(w->piece);
}

/* --- Scenarios ------------------------------------------------------------------------------------------------------ */

/* One step of everything. */
static void world_step(struct world *w)
{
	uint32_t k;

	for (k = dice(w, 12); k && program_write(w); k--)
		;
	if (dice(w, 2))
		program_submit(w);
	if (dice(w, 3))
		w->ops->run(w);
	if (dice(w, 4))
		CHECK_EQ(world_sync(w, false), 0);
	wire_push(w, dice(w, 10));
	if (dice(w, 3))
		w->ops->run(w);
	if (dice(w, 4))
		CHECK_EQ(world_sync(w, true), 0);
	program_receive(w, dice(w, 14));
}

/* Until all is sent and received that can be: nothing may be stuck. */
static void world_drain(struct world *w)
{
	struct netmap_ring *s = w->tx->shared;
	uint32_t i;

	s->head = s->cur = w->tx_fill;
	for (i = 0; i < DRAIN_ROUNDS; i++) {
		CHECK_EQ(world_sync(w, false), 0);
		w->ops->finish(w);
		CHECK_EQ(world_sync(w, true), 0);
		program_receive(w, UINT32_MAX);
	}
	CHECK_EQ(world_sync(w, false), 0);
	rx_skipped(w, w->pushed);
}

static void world_check(struct world *w)
{
	const struct lr_counters *t = &w->tx->count, *x = &w->rx->count;
	uint32_t i, done = 0;

	for (i = 0; i < w->submitted; i++) {
		CHECK(w->sent[i].state != FRAME_GOOD);
		done += w->sent[i].state == FRAME_DONE;
	}
	CHECK_EQ(done, w->wired);
	CHECK_EQ(t->packets, w->wired);
	CHECK_EQ(t->drops, w->tx_bad);
	CHECK_EQ(t->packets + t->drops, w->submitted);
	CHECK_EQ(w->tx->hwcur, w->tx_fill);
	CHECK_EQ(w->tx->hwtail, lr_pos_prev(w->tx->hwcur, w->n));
	CHECK_EQ(x->packets, w->received);
	CHECK_EQ(x->drops + w->rx_cut, w->rx_lost);
	CHECK_EQ(w->received + w->rx_lost, w->pushed);
	CHECK(w->wired > 50 && w->received > 50);
}

/* Stopped while the program has frames in slots, and started again where the rings are. */
static void world_restart(struct world *w)
{
	world_drain(w);
	wire_push(w, w->n / 4);
	w->ops->finish(w);
	CHECK_EQ(world_sync(w, true), 0);
	w->ops->stop(w);
	world_count_buffers(w);
	CHECK_EQ(w->ops->start(w), 0);
	world_remember(w);
	CHECK_EQ(world_sync(w, false), 0);
}

/* An honest program, an honest device: every frame is accounted for. */
static void native_exchange(const struct native_ops *ops, void *dev, uint32_t n, uint32_t buf_len, uint32_t max_frame,
			    uint32_t max_pieces, uint32_t rounds)
{
	struct world w;
	uint32_t i;

	world_begin(&w, ops, dev, n, buf_len, max_frame, max_pieces, rounds * 12);
	for (i = 0; i < rounds && !unit_failed(); i++) {
		if (i == rounds / 2)
			world_restart(&w);
		world_step(&w);
	}
	if (!unit_failed())
		world_drain(&w);
	if (!unit_failed())
		world_check(&w);
	if (unit_failed())
		printf("# n=%u buf_len=%u: submitted %u wired %u dropped %llu, pushed %u received %u lost %u dropped %llu\n", n, buf_len,
		       w.submitted, w.wired, (unsigned long long)w.tx->count.drops, w.pushed, w.received, w.rx_lost,
		       (unsigned long long)w.rx->count.drops);
	world_end(&w);
}

/* What a program may write to slots and positions, at any time. */
struct scribbler {
	struct world *w;
	uint64_t seed;
	_Atomic bool done;
};

static uint32_t evil(uint64_t *seed, uint32_t right)
{
	static const uint32_t edges[] = { 0, 1, 2, UINT32_MAX, 0x7fffffff, 0x80000000, 65535, 2048, 2049 };
	uint32_t random = unit_random(seed);

	if (random % 4 == 0)
		return edges[random / 4 % LR_ARRAY_SIZE(edges)];
	return random % 4 == 1 ? random * 2654435761u : random / 4 % right;
}

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	struct world *w = s->w;

	while (!s->done) {
		struct lr_ring *r = unit_random(&s->seed) % 2 ? w->tx : w->rx;
		struct netmap_slot *slot = &r->slot[unit_random(&s->seed) % w->n];

		lr_slot_write(slot, evil(&s->seed, w->dma.bufs + 4), (uint16_t)evil(&s->seed, 300), (uint16_t)evil(&s->seed, 64));
		if (unit_random(&s->seed) % 16 == 0)
			os_store(&r->shared->head, evil(&s->seed, w->n));
	}
	return NULL;
}

/* Starts again; a ring without one good buffer does not, so there is one, unless it is overwritten meanwhile. */
static void world_revive(struct world *w)
{
	unsigned int i;
	int err = w->ops->start(w);

	for (i = 0; err && i < 10000; i++) {
		lr_slot_write(&w->tx->slot[w->n - 1], w->stash[0], 0, 0);
		lr_slot_write(&w->rx->slot[w->n - 1], w->stash[1], 0, 0);
		err = w->ops->start(w);
		CHECK(!err || err == -ENOMEM);
	}
	CHECK_EQ(err, 0);
}

/* Slots that the program has now, none of which it has written to. */
static void world_check_slots(struct world *w)
{
	uint32_t i;

	for (i = w->rx->head; i != w->rx->tail; i = lr_pos_next(i, w->n)) {
		struct lr_slot s = lr_slot_read(&w->rx->slot[i]);

		CHECK(lr_dma_ok(&w->dma, w->rx, s.idx));
		CHECK(s.len && s.len <= w->rx->buf_len);
	}
}

enum native_harm { SCRIBBLING = 1, RAVING = 2 };

/*
 * A program that writes anything anywhere meanwhile, a device that reports nonsense, or both. Nothing leaves the region,
 * nothing hangs.
 */
static void native_hostile(const struct native_ops *ops, void *dev, uint32_t n, int harm, uint32_t rounds)
{
	const bool raving = harm & RAVING;
	struct world w;
	struct scribbler s = { .w = &w };
	pthread_t thread;
	uint32_t i, broken = 0;

	world_begin(&w, ops, dev, n, 256, 1500, 8, 1);
	w.hostile = true;
	w.raving = raving;
	s.seed = w.seed;
	if (harm & SCRIBBLING)
		CHECK_EQ(pthread_create(&thread, NULL, scribble, &s), 0);
	for (i = 0; i < rounds && !unit_failed(); i++) {
		uint8_t data[1500] = { 0 };
		struct lr_ring *r = i % 2 ? w.tx : w.rx;
		uint32_t head = (os_load(&r->head) + dice(&w, n)) % n;

		os_store(&r->shared->head, head);
		os_store(&r->shared->cur, head);
		if (raving && !dice(&w, 20))
			ops->rave(&w);
		ops->run(&w);
		ops->receive(&w, data, LR_FRAME_MIN + dice(&w, ops->one_buffer_rx ? 200 : 1000), !dice(&w, 10));
		broken += world_sync(&w, i % 2 == 0) < 0;
		if (!(harm & SCRIBBLING))
			world_check_slots(&w);
		if (broken && !raving)
			FAIL("a ring is broken, and the device was not");
		if (broken && !dice(&w, 10)) {
			/* As after a reset of the device. */
			ops->stop(&w);
			world_revive(&w);
			broken = 0;
		}
	}
	s.done = true;
	if (harm & SCRIBBLING)
		pthread_join(thread, NULL);
	world_end(&w);
}

#endif
