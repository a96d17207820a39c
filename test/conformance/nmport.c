/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnetmap: ports by name, in one call and in single steps, the errors and their
 * sentences. SEMANTICS 12. What needs no device is in test/unit.
 */
#include <libnetmap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

static char message[1200];
static int messages;

static void keep(struct nmctx *ctx, const char *text)
{
	(void)ctx;
	messages++;
	snprintf(message, sizeof(message), "%s", text);
}

static void quiet(void)
{
	nmctx_get()->error = keep;
}

/* "netmap:" + a name of this process + rest */
static const char *spec(const char *rest)
{
	static char text[4][128];
	static unsigned int next;
	char *s = text[next++ % 4];

	snprintf(s, sizeof(text[0]), "netmap:%s%s", unique(""), rest);
	return s;
}

static struct nmport_d *must_open(const char *s)
{
	struct nmport_d *d = nmport_open(s);

	if (!d)
		FAIL("%s: %s", s, strerror(errno));
	return d;
}

/* Fails with this errno and exactly one sentence. */
static void refused(const char *s, int err)
{
	struct nmport_d *d;

	messages = 0;
	errno = 0;
	d = nmport_open(s);
	CHECK_MSG(!d, "%s was opened", s);
	CHECK_MSG(errno == err, "%s: %s, not %s", s, strerror(errno), strerror(err));
	CHECK_MSG(messages == 1 && strlen(message) > 5, "%s: %d messages: %s", s, messages, message);
}

CASE(port_open_and_close)
{
	struct nmport_d *d = must_open(spec("{1"));

	CHECK(d->fd >= 0 && d->nifp && d->mem);
	CHECK(d->register_done && d->mmap_done);
	CHECK_EQ(d->first_tx_ring, 0);
	CHECK_EQ(d->last_tx_ring, 0);
	CHECK_EQ(d->first_rx_ring, 0);
	CHECK_EQ(d->last_rx_ring, 0);
	CHECK_EQ(d->reg.nr_mode, NR_REG_ALL_NIC);
	CHECK_OK(ioctl(d->fd, NIOCTXSYNC, NULL));
	nmport_close(d);
	nmport_close(NULL);
}

CASE(port_open_errors)
{
	quiet();
	refused("netmap:lrnosuch0", ENXIO);
	CHECK_MSG(strstr(message, "lrnosuch0"), "%s", message);
	refused("", EINVAL);
	refused("lrnosuch0", EINVAL);
	refused("netmap:", EINVAL);
	refused("netmap:a{1}", EINVAL);
	refused("netmap:a/?", EINVAL);
	refused("netmap:a@conf:nonsense=1", EINVAL);
	refused("netmap:a@conf:rings=x", EINVAL);
	refused("netmap:a@nonsense", EINVAL);
	refused(spec("{1-9"), EINVAL);
	CHECK_MSG(strstr(message, "9"), "%s", message);
}

CASE(port_busy)
{
	struct nmport_d *d = must_open(spec("{1/x"));

	quiet();
	refused(spec("{1"), EBUSY);
	nmport_close(d);
	nmport_close(must_open(spec("{1")));
}

CASE(conf_option)
{
	struct nmport_d *d = must_open(spec("{1@conf:tx-slots=50,rx-slots=70"));

	CHECK_EQ(NETMAP_TXRING(d->nifp, 0)->num_slots, 50);
	CHECK_EQ(NETMAP_RXRING(d->nifp, 0)->num_slots, 70);
	nmport_close(d);
	d = must_open(spec("{1@conf:rings=3,slots=16"));
	CHECK_EQ(d->nifp->ni_tx_rings, 3);
	CHECK_EQ(d->nifp->ni_rx_rings, 3);
	CHECK_EQ(d->last_tx_ring, 2);
	CHECK_EQ(NETMAP_RXRING(d->nifp, 2)->num_slots, 16);
	nmport_close(d);
	quiet();
	refused(spec("{1@conf:slots=99999999"), EINVAL);
}

/* Offsets and external memory come later: refused, with a sentence. */
CASE(options_of_later)
{
	quiet();
	nmport_enable_option("offset");
	messages = 0;
	CHECK(nmport_open(spec("{1@offset:initial=64,bits=16")) == NULL);
	CHECK(errno == EOPNOTSUPP || errno == EINVAL);
	CHECK_EQ(messages, 1);
}

CASE(enable_option)
{
	quiet();
	CHECK_OK(nmport_disable_option("conf"));
	refused(spec("{1@conf:slots=16"), EOPNOTSUPP);
	CHECK_OK(nmport_enable_option("conf"));
	nmport_close(must_open(spec("{1@conf:slots=16")));
	CHECK_ERRNO(nmport_enable_option("nonsense"), EOPNOTSUPP);
}

CASE(share_option)
{
	struct nmport_d *d = must_open(spec("{1")), *e;
	char s[256];

	snprintf(s, sizeof(s), "netmap:other{1@share:%s", d->hdr.nr_name);
	e = must_open(s);
	CHECK_EQ(e->reg.nr_mem_id, d->reg.nr_mem_id);
	CHECK(e->mem == d->mem);
	nmport_close(d);
	CHECK_OK(ioctl(e->fd, NIOCTXSYNC, NULL));
	nmport_close(e);
}

CASE(region_by_number)
{
	struct nmport_d *d = must_open(spec("{1")), *e;
	char s[256];

	snprintf(s, sizeof(s), "netmap:other{1@%u", d->reg.nr_mem_id);
	e = must_open(s);
	CHECK_EQ(e->reg.nr_mem_id, d->reg.nr_mem_id);
	nmport_close(e);
	nmport_close(d);
	quiet();
	CHECK(nmport_open(spec("{1@30000")) == NULL);
}

/* Two ports of one region have one mapping; it goes with the last. */
CASE(mapping_is_shared)
{
	struct nmport_d *d = must_open(spec("{1")), *e = must_open(spec("}1"));

	CHECK(d->mem == e->mem);
	CHECK_EQ(d->mem->refcount, 2);
	nmport_close(d);
	CHECK_EQ(e->mem->refcount, 1);
	NETMAP_TXRING(e->nifp, 0)->sem[0] = 1;
	nmport_close(e);
}

CASE(inject)
{
	struct nmport_d *d = must_open(spec("{1")), *e = must_open(spec("}1"));
	struct netmap_ring *r = NETMAP_RXRING(e->nifp, 0);
	static char packet[200000];

	for (int len = 1; len < 20000; len += 97) {
		uint32_t got = 0;

		for (int i = 0; i < len; i++)
			packet[i] = (char)(i + len);
		CHECK_EQ(nmport_inject(d, packet, (size_t)len), len);
		CHECK_OK(ioctl(d->fd, NIOCTXSYNC, NULL));
		CHECK_OK(ioctl(e->fd, NIOCRXSYNC, NULL));
		for (; !nm_ring_empty(r); r->head = r->cur = nm_ring_next(r, r->head)) {
			const struct netmap_slot *s = &r->slot[r->head];

			CHECK(memcmp(NETMAP_BUF(r, s->buf_idx), packet + got, s->len) == 0);
			got += s->len;
			CHECK_EQ(!!(s->flags & NS_MOREFRAG), got < (uint32_t)len);
		}
		CHECK_EQ(got, len);
	}
	CHECK_EQ(nmport_inject(d, packet, 0), 0);
	CHECK_EQ(nmport_inject(d, packet, sizeof(packet)), 0);
	nmport_close(d);
	nmport_close(e);
}

CASE(steps)
{
	struct nmport_d *d = nmport_new();

	CHECK(d);
	quiet();
	CHECK_ERRNO(nmport_mmap(d), EINVAL);
	CHECK_OK(nmport_parse(d, spec("{1")));
	d->reg.nr_extra_bufs = 5;
	CHECK_OK(nmport_register(d));
	CHECK(d->register_done && d->fd >= 0);
	CHECK_EQ(d->reg.nr_extra_bufs, 5);
	CHECK_ERRNO(nmport_register(d), EBUSY);
	CHECK_OK(nmport_mmap(d));
	CHECK(d->nifp->ni_bufs_head != 0);
	CHECK_ERRNO(nmport_mmap(d), EBUSY);
	nmport_undo_mmap(d);
	nmport_undo_mmap(d);
	CHECK_OK(nmport_mmap(d));
	nmport_undo_mmap(d);
	nmport_undo_register(d);
	nmport_undo_register(d);
	CHECK_OK(nmport_register(d));
	nmport_undo_register(d);
	nmport_undo_parse(d);
	nmport_undo_parse(d);
	nmport_delete(d);
	nmport_delete(NULL);
}

CASE(prepare_and_open)
{
	struct nmport_d *d = nmport_prepare(spec("{1"));

	CHECK(d);
	CHECK_EQ(d->fd, -1);
	d->reg.nr_tx_slots = 40;
	for (int i = 0; i < 3; i++) {
		CHECK_OK(nmport_open_desc(d));
		CHECK_EQ(NETMAP_TXRING(d->nifp, 0)->num_slots, 40);
		nmport_undo_open_desc(d);
	}
	nmport_undo_prepare(d);
}

CASE(clone)
{
	struct nmport_d *d = must_open(spec("{1@conf:slots=32,rings=2")), *e;

	e = nmport_clone(d);
	CHECK(e && !e->register_done && !e->mmap_done);
	CHECK_STREQ(e->hdr.nr_name, d->hdr.nr_name);
	CHECK_OK(nmport_open_desc(e));
	CHECK_EQ(e->nifp->ni_tx_rings, 2);
	CHECK(e->mem == d->mem);
	nmport_close(d);
	nmport_close(e);
}

CASE(extmem_misuse)
{
	static char memory[8192];
	struct nmport_d *d = nmport_prepare(spec("{1"));

	quiet();
	CHECK(nmport_extmem_getinfo(d) == NULL);
	CHECK_ERRNO(nmport_extmem(d, NULL, 4096), EINVAL);
	CHECK_ERRNO(nmport_extmem(d, memory, 0), EINVAL);
	CHECK_OK(nmport_extmem(d, memory, sizeof(memory)));
	CHECK_ERRNO(nmport_extmem(d, memory, sizeof(memory)), EBUSY);
	CHECK(nmport_extmem_getinfo(d) != NULL);
	CHECK_EQ(nmport_open_desc(d), -1);
	nmport_undo_prepare(d);
	d = nmport_prepare(spec("{1"));
	CHECK_EQ(nmport_extmem_from_file(d, "/nonexistent/file"), -1);
	CHECK_EQ(errno, ENOENT);
	nmport_undo_prepare(d);
}

CASE(mem_id_of_a_port)
{
	struct nmport_d *d = must_open(spec("{1"));
	const char *s = spec("{1 rest"), *p = s;
	int32_t id = nmreq_get_mem_id(&p, nmctx_get());

	quiet();
	CHECK_MSG(id == d->reg.nr_mem_id || id == -1, "region %d, not %u", id, d->reg.nr_mem_id);
	p = d->hdr.nr_name;
	CHECK_EQ(nmreq_get_mem_id(&p, nmctx_get()), d->reg.nr_mem_id);
	CHECK_STREQ(p, "");
	p = "netmap:lrnosuch0";
	CHECK_ERRNO(nmreq_get_mem_id(&p, nmctx_get()), ENXIO);
	nmport_close(d);
}

static void *open_and_close(void *arg)
{
	for (int i = 0; i < 100; i++) {
		char s[64];

		snprintf(s, sizeof(s), "netmap:thread%s%c1@conf:slots=16", (char *)arg, i & 1 ? '{' : '}');
		nmport_close(must_open(s));
	}
	return NULL;
}

CASE(thread_safe)
{
	pthread_t t[4];

	nmctx_set_threadsafe();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, open_and_close, (char *[]){ "a", "a", "b", "c" }[i]), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK(nmctx_get()->mem_descs == NULL);
}

CASE(port_of_an_interface)
{
	struct nmport_d *d, *e;
	char s[64];

	snprintf(s, sizeof(s), "netmap:%s", wire_near());
	d = must_open(s);
	CHECK_EQ(d->reg.nr_mem_id, 1);
	snprintf(s, sizeof(s), "netmap:%s", wire_far());
	e = must_open(s);
	CHECK(e->mem == d->mem);
	nmport_close(d);
	nmport_close(e);
	snprintf(s, sizeof(s), "netmap:%s-7", wire_near());
	quiet();
	refused(s, EINVAL);
	CHECK_MSG(strstr(message, "7") && strstr(message, wire_near()), "%s", message);
}
