/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnetmap and nm_open() against a made-up device. The n-th call of the device, or
 * allocation, is made to fail, for every n; what is open, mapped or allocated
 * afterwards is counted.
 */
#include <pthread.h>

#include "nmreq_device.h"

static int lock_depth, lock_errors, locks;

static void
count_lock(struct nmctx *ctx, int lock)
{
	(void)ctx;
	lock_errors += lock ? lock_depth++ != 0 : lock_depth-- != 1;
	locks += lock;
}

static int
nothing_left(void)
{
	return fds == 0 && maps == 0 && blocks == 0 && test_ctx.mem_descs == NULL;
}

static void
ring_ranges(void)
{
	static const struct { const char *spec; uint16_t tx[2], rx[2]; } t[] = {
		{ "netmap:eth9", { 0, 3 }, { 0, 3 } },
		{ "netmap:eth9^", { 4, 4 }, { 4, 4 } },
		{ "netmap:eth9^0", { 4, 4 }, { 4, 4 } },
		{ "netmap:eth9*", { 0, 4 }, { 0, 4 } },
		{ "netmap:eth9-2", { 2, 2 }, { 2, 2 } },
		{ "netmap:eth9/R", { 1, 0 }, { 0, 3 } },
		{ "netmap:eth9-3/T", { 3, 3 }, { 1, 0 } },
	};
	struct nm_desc *n;
	struct nmport_d *d;
	size_t i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		d = nmport_open(t[i].spec);
		check(d && d->first_tx_ring == t[i].tx[0] && d->last_tx_ring == t[i].tx[1] &&
		      d->first_rx_ring == t[i].rx[0] && d->last_rx_ring == t[i].rx[1] &&
		      d->cur_tx_ring == t[i].tx[0] && d->cur_rx_ring == t[i].rx[0] &&
		      d->reg.nr_mem_id == REGION && d->nifp && d->fd == 1000,
		      "nmport_open %s", t[i].spec);
		nmport_close(d);
		n = nm_open(t[i].spec, NULL, 0, NULL);
		check(n && n->first_tx_ring == t[i].tx[0] && n->last_tx_ring == t[i].tx[1] &&
		      n->first_rx_ring == t[i].rx[0] && n->last_rx_ring == t[i].rx[1] &&
		      IS_NETMAP_DESC(n) && n->memsize == MEMSIZE &&
		      (char *)n->buf_start == (char *)n->mem + BUFS_OFS &&
		      (char *)n->buf_end == (char *)n->mem + MEMSIZE,
		      "nm_open %s", t[i].spec);
		nm_close(n);
	}
	check(nothing_left(), "nothing left");
}

/* What nm_open() prints when it fails; the caller frees it. errno is kept. */
static char *
nm_open_says(const char *spec)
{
	FILE *real = stderr;
	char *text = NULL;
	size_t size, n;
	int err;

	stderr = open_memstream(&text, &size);
	nm_close(nm_open(spec, NULL, 0, NULL));
	err = errno;
	fclose(stderr);
	stderr = real;
	n = strcspn(text, "\n");
	text[n] = '\0';
	errno = err;
	return text;
}

static void
reasons(void)
{
	char *said;

	knows_reason = 1;
	check(!nmport_open("netmap:eth9-7") && errno == EINVAL && !strcmp(message,
	      "eth9: eth9 has 4 ring pairs, another one was asked for"),
	      "the device's reason: %s", message);
	said = nm_open_says("netmap:eth9-7");
	check(errno == EINVAL && strstr(said, "eth9: eth9 has 4 ring pairs, another"),
	      "nm_open has it too: %s", said);
	free(said);
	check(!nmport_open("netmap:eth9@3") && errno == EBUSY && strlen(message) > 10,
	      "a device without words: %s", message);
	knows_reason = 0;
	check(!nmport_open("netmap:eth9-7") && errno == EINVAL &&
	      strlen(message) > 10, "a device without reasons: %s", message);
	said = nm_open_says("netmap:eth9-7");
	check(errno == EINVAL && strstr(said, "eth9: Invalid argument"),
	      "nm_open without reasons: %s", said);
	free(said);
	check(!nmport_open("netmap:no") && errno == ENXIO, "the same: %s", message);
	knows_reason = 1;
	check(nothing_left(), "nothing left");
}

static void
share(void)
{
	struct nmport_d *d = nmport_prepare("netmap:eth0@share:eth9");
	const char *p = "netmap:eth9^", *start = p;

	check(d && d->reg.nr_mem_id == REGION, "@share");
	nmport_close(d);
	d = nmport_prepare("netmap:eth0@7@share:port=netmap:eth9");
	check(d && d->reg.nr_mem_id == REGION, "@share of the region given");
	nmport_close(d);
	check(!nmport_prepare("netmap:eth0@8@share:eth9") && errno == EINVAL,
	      "@share of another region: %s", message);
	check(!nmport_prepare("netmap:eth0@share:eth8") && errno == ENXIO,
	      "@share of no port: %s", message);
	check(!nmport_prepare("netmap:eth0@share:eth9-1") && errno == EINVAL,
	      "@share with rings: %s", message);
	check(nmreq_get_mem_id(&p, &test_ctx) == REGION && p == start + 11, "get_mem_id");
	p = start = "eth8";
	check(nmreq_get_mem_id(&p, &test_ctx) == -1 && errno == ENXIO && p == start,
	      "get_mem_id of no port");
	check(nothing_left(), "nothing left");
}

static void
shared_mapping(void)
{
	struct nmport_d *a = nmport_open("netmap:eth9-0"), *b, *c;

	b = nmport_clone(a);
	check(b && b->reg.nr_mem_id == REGION && b->reg.nr_memsize == 0, "clone");
	b->reg.nr_ringid = 1;
	check(nmport_open_desc(b) == 0 && maps == 1 && b->mem == a->mem &&
	      a->mem->refcount == 2 && b->first_tx_ring == 1, "one mapping for both");
	check(nmport_register(b) == -1 && errno == EBUSY && nmport_mmap(b) == -1 &&
	      errno == EBUSY && nmport_parse(b, "netmap:x") == -1 && errno == EBUSY,
	      "no step is done twice");
	check(nmport_offset(b, 0, 0, 0, 0) == -1 && errno == EBUSY,
	      "no options after registration");
	nmport_close(a);
	check(maps == 1 && fds == 1 && NETMAP_TXRING(b->nifp, 1)->num_slots == SLOTS,
	      "the first may go first");
	c = nmport_open("netmap:eth9-2");
	check(c && maps == 1 && c->mem == b->mem, "and a third comes");
	nmport_undo_open_desc(b);
	nmport_undo_open_desc(b);
	nmport_undo_register(b);
	nmport_undo_mmap(b);
	check(fds == 1 && b->fd == -1 && !b->nifp && !b->register_done && !b->mmap_done,
	      "undone twice");
	check(b->reg.nr_ringid == 1 && b->reg.nr_memsize == 0, "the request as it was");
	check(nmport_open_desc(b) == 0 && maps == 1, "and opened again");
	nmport_undo_register(b);
	check(!b->mmap_done, "undo_register takes the mapping along");
	nmport_undo_prepare(b);
	nmport_close(c);
	check(nothing_left(), "nothing left");
	check(locks > 0 && lock_errors == 0 && lock_depth == 0, "locks in pairs");
}

/* A frame of this size must be put into this many slots, and arrive unchanged. */
static void
inject_size(size_t size, uint32_t slots, int use_desc)
{
	static char frame[16384], got[16384];
	struct nmport_d *d = use_desc ? NULL : nmport_open("netmap:eth9-1");
	struct nm_desc *n = use_desc ? nm_open("netmap:eth9-1", NULL, 0, NULL) : NULL;
	struct netmap_ring *ring = NETMAP_TXRING(d ? d->nifp : n->nifp, 1);
	size_t i, done = 0;
	int rc, good = 1;
	uint32_t s;

	for (i = 0; i < size; i++)
		frame[i] = (char)(i * 7 + 3);
	ring->slot[0].flags = NS_BUF_CHANGED | NS_MOREFRAG | NS_REPORT;
	rc = d ? nmport_inject(d, frame, size) : nm_inject(n, frame, size);
	for (s = 0; s < ring->head; s++) {
		struct netmap_slot *slot = &ring->slot[s];

		memcpy(got + done, NETMAP_BUF(ring, slot->buf_idx), slot->len);
		done += slot->len;
		good &= !(slot->flags & NS_MOREFRAG) == (s + 1 == ring->head);
		good &= !(slot->flags & NS_BUF_CHANGED) == (s > 0);
		good &= !(slot->flags & NS_REPORT);
	}
	check(rc == (slots ? (int)size : 0) && ring->head == slots && ring->cur == slots &&
	      good && (!slots || (done == size && !memcmp(frame, got, size))),
	      "%s %zu bytes: %u slots", d ? "nmport_inject" : "nm_inject", size, slots);
	nmport_close(d);
	nm_close(n);
}

static void
inject(void)
{
	struct nmport_d *d;
	int i, n, use_desc;

	for (use_desc = 0; use_desc < 2; use_desc++) {
		inject_size(0, 0, use_desc);
		inject_size(1, 1, use_desc);
		inject_size(1792, 1, use_desc);
		inject_size(1793, 2, use_desc);
		inject_size(7 * 1792, 7, use_desc);
		inject_size(7 * 1792 + 1, 0, use_desc);
	}
	d = nmport_open("netmap:eth9*");
	for (i = 0, n = 0; i < 100; i++)
		n += nmport_inject(d, "packet", 6) == 6;
	check(n == (NIC_RINGS + 1) * (SLOTS - 1), "all rings filled in turn");
	syncs = 0;
	errno = ERANGE;
	check(nmport_inject(d, "x", 1) == 0 && syncs == 1 && errno == ERANGE,
	      "one sync when all are full");
	d->cur_tx_ring = 60000;
	check(nmport_inject(d, "x", 1) == 0, "a wild cur_tx_ring");
	nmport_close(d);
	d = nmport_open("netmap:eth9/R");
	check(nmport_inject(d, "x", 1) == 0, "no tx rings");
	nmport_close(d);
	check(nothing_left(), "nothing left");
}

/* Puts a packet into an rx ring as the device would. */
static void
receive(struct netmap_ring *ring, const char *data, size_t size, size_t piece)
{
	for (; ; size -= piece, data += piece) {
		struct netmap_slot *slot = &ring->slot[ring->tail];
		size_t len = size < piece ? size : piece;

		memcpy(NETMAP_BUF(ring, slot->buf_idx), data, len);
		slot->len = (uint16_t)len;
		slot->flags = size > piece ? NS_MOREFRAG : 0;
		ring->tail = nm_ring_next(ring, ring->tail);
		if (size <= piece)
			break;
	}
}

static char heard[200];

static void
hear(unsigned char *arg, const struct nm_pkthdr *hdr, const unsigned char *buf)
{
	size_t at = strlen(heard);

	snprintf(heard + at, sizeof(heard) - at, "%.*s%s ", (int)hdr->caplen, buf,
		 hdr->flags & NM_MORE_PKTS ? "+" : "");
	*(int *)(void *)arg += hdr->caplen == hdr->len;
}

static void
rx(void)
{
	struct nm_desc *d = nm_open("netmap:eth9", NULL, 0, NULL);
	struct netmap_ring *r1 = NETMAP_RXRING(d->nifp, 1), *r3 = NETMAP_RXRING(d->nifp, 3);
	struct nm_pkthdr h;
	int whole = 0;

	check(nm_dispatch(d, -1, hear, (void *)&whole) == 0 && !nm_nextpkt(d, &h), "empty");
	receive(r1, "one", 3, 100);
	receive(r3, "two", 3, 100);
	receive(r1, "three", 5, 2);
	check(nm_dispatch(d, 0, hear, (void *)&whole) == 3 && whole == 3 &&
	      !strcmp(heard, "one+ three+ two "), "dispatch: %s", heard);
	check(r1->head == r1->tail && r1->cur == r1->tail && r3->head == 1, "all released");
	receive(r1, "four", 4, 100);
	receive(r1, "five", 4, 100);
	check(nm_dispatch(d, 1, hear, (void *)&whole) == 1 && nm_ring_space(r1) == 1,
	      "dispatch of one");
	check(nm_nextpkt(d, &h) && h.len == 4 && h.caplen == 4 && h.d == d && h.slot &&
	      !memcmp(h.buf, "five", 4) && r1->head == r1->tail, "nextpkt");
	receive(r3, "sixsix", 6, 3);
	check(nm_nextpkt(d, &h) && h.len == 6 && h.caplen == 3 && !h.slot &&
	      r3->head == r3->tail, "nextpkt of two slots");
	receive(r3, "half", 4, 100);
	r3->slot[r3->head].flags = NS_MOREFRAG;
	check(!nm_nextpkt(d, &h) && r3->head != r3->tail, "half a packet is not given");
	r3->head = r3->cur = r3->tail;
	nm_close(d);
	check(nothing_left(), "nothing left");
}

static void
parents(void)
{
	struct nmreq req = { .nr_tx_slots = 5, .nr_flags = NR_REG_SW, .nr_arg3 = 6 };
	struct nm_desc *p = nm_open("netmap:eth9", &req, NETMAP_NO_TX_POLL, NULL), *d;

	check(p && p->req.nr_tx_slots == 5 && p->req.nr_arg3 == 6 && p->first_tx_ring == 4 &&
	      p->req.nr_ringid == NETMAP_NO_TX_POLL, "a request to start from");
	d = nm_open("netmap:eth9-3", NULL, NM_OPEN_NO_MMAP | NM_OPEN_ARG3 | NM_OPEN_RING_CFG |
		    NR_EXCLUSIVE, p);
	check(d && d->mem == p->mem && !d->done_mmap && d->first_rx_ring == 3 &&
	      d->req.nr_arg3 == 6 && d->req.nr_tx_slots == 5 && maps == 1 &&
	      d->req.nr_flags == (NR_REG_ONE_NIC | NR_EXCLUSIVE), "a parent's mapping");
	nm_close(d);
	d = nm_open(NULL, NULL, NM_OPEN_IFNAME, p);
	check(d && d->mem != p->mem && maps == 2 && d->first_tx_ring == 4, "a parent's name");
	nm_close(d);
	d = nm_open("netmap:eth9", NULL, NM_OPEN_NO_MMAP, NULL);
	check(d && !d->mem && !d->nifp && !nm_inject(d, "x", 1) && nm_mmap(d, p) == 0 &&
	      d->mem == p->mem, "mapped later");
	nm_close(d);
	check(nm_close(p) == 0 && nm_close(NULL) == 0, "close");
	check(nothing_left(), "nothing left");
}

static void
bad_names(void)
{
	static const char *const bad[] = {
		NULL, "", "eth9", "netmap:", "vale", "netmap:eth9-", "netmap:eth9-4096",
		"netmap:eth9/", "netmap:eth9/q", "netmap:eth9@", "netmap:eth9@conf:1",
		"netmap:eth9@65536", "netmap:eth9^^", "netmap:{1", "netmap:eth9{1}2",
		"netmap:0123456789abcdef", "netmap:0123456789abcdef{1",
		"netmap:0123456789abcde{x", "netmap:0123456789abcde{4096",
		"netmap:0123456789abcde{1-1",
	};
	struct nmreq req;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		check(!nm_open(bad[i], NULL, 0, NULL) && errno == EINVAL, "nm_open %s",
		      bad[i] ? bad[i] : "NULL");
	memset(&req, 0, sizeof(req));
	check(!nm_spec_parse("netmap:0123456789abcde}77/x@3", &req) &&
	      !strcmp(req.nr_name, "0123456789abcde") && req.nr_ringid == 77 &&
	      req.nr_flags == (NR_REG_PIPE_SLAVE | NR_EXCLUSIVE) && req.nr_arg2 == 3,
	      "a long name with a pipe");
	memset(&req, 0, sizeof(req));
	check(!nm_spec_parse("vale1:a{b", &req) && !strcmp(req.nr_name, "vale1:a{b") &&
	      req.nr_flags == 0, "a short one");
	check(nothing_left(), "nothing left");
}

static void *
open_and_close(void *arg)
{
	int i, *good = arg;

	for (i = 0; i < 300; i++) {
		struct nmport_d *a = nmport_open("netmap:eth9-0@conf:slots=8");
		struct nmport_d *b = a ? nmport_clone(a) : NULL;

		*good += a && b && nmport_open_desc(b) == 0 && a->mem == b->mem &&
			 NETMAP_TXRING(b->nifp, 0)->num_slots == SLOTS;
		nmport_close(a);
		nmport_close(b);
	}
	return NULL;
}

static void
threads(void)
{
	void (*own_lock)(struct nmctx *, int) = test_ctx.lock;
	pthread_t t[4];
	int good[4] = { 0 }, i;

	nmctx_set_threadsafe();
	for (i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, open_and_close, &good[i]))
			abort();
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	check(good[0] + good[1] + good[2] + good[3] == 1200, "four threads");
	check(nothing_left(), "nothing left");
	test_ctx.lock = own_lock;
}

/* Each call and each allocation of an open fails once. */
static void
failure_walk(const char *spec, int use_desc)
{
	int good = 1, opened = 0;

	for (fail_at = 1; fail_at < 100 && !opened; fail_at++) {
		struct nmport_d *d = NULL;
		struct nm_desc *n = NULL;
		long made;

		calls = messages = 0;
		errno = 0;
		if (use_desc)
			n = nm_open(spec, NULL, 0, NULL);
		else
			d = nmport_open(spec);
		made = calls;
		opened = made < fail_at;
		good &= opened ? d || n : !d && !n && errno && errno != EBADF &&
			errno != EDOM && (use_desc || messages > 0);
		nmport_close(d);
		nm_close(n);
		good &= nothing_left();
	}
	check(good && opened, "each of %ld calls failing: %s", fail_at - 2, spec);
	fail_at = 0;
}

int
main(void)
{
	test_ctx.lock = count_lock;
	nmctx_set_default(&test_ctx);
	ring_ranges();
	reasons();
	share();
	shared_mapping();
	inject();
	rx();
	parents();
	bad_names();
	threads();
	nmport_enable_option("offset");
	failure_walk("netmap:eth9", 0);
	failure_walk("netmap:eth9-1@share:eth9@conf:slots=8", 0);
	failure_walk("netmap:eth9@offset:64@conf:1", 0);
	knows_reason = 0;
	failure_walk("netmap:eth9@offset:64", 0);
	failure_walk("netmap:eth9", 1);
	check(nothing_left(), "nothing left");
	printf("1..%d\n", checks);
	return failures != 0;
}
