/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that die by SIGKILL at random moments, under load. Whatever they were at, all of it is given back, and those who
 * share memory with them do not notice.
 */
#include "kernel.h"

static char name[40], bystanders[64];

/* --- The victims: each works until it is killed ---------------------------------------------------- */

static struct port open_end(const char *end)
{
	struct nmreq_register want = { .nr_tx_slots = 64, .nr_rx_slots = 64, .nr_extra_bufs = 8 };
	char full[NETMAP_REQ_IFNAMSIZ];

	snprintf(full, sizeof(full), "%s%s", name, end);
	return port_open(full, &want);
}

static void send_for_ever(void *arg)
{
	struct port p = open_end("{1");
	uint32_t seq = 0;

	(void)arg;
	for (;;) {
		put_packets(tx_ring(&p, 0), 1 + any(64), &seq);
		if (any(2))
			txsync(&p);
		else
			poll_port(&p, POLLOUT, 1);
	}
}

/* What it receives may come from several senders, one after the other. */
static void receive_for_ever(void *arg)
{
	struct port p = open_end("}1");
	struct netmap_ring *r = rx_ring(&p, 0);

	(void)arg;
	for (;;) {
		if (any(2))
			rxsync(&p);
		else
			poll_port(&p, POLLIN, 1);
		r->head = r->cur = any(2) ? r->tail : ring_add(r, r->head, any(nm_ring_space(r) + 1));
	}
}

static void open_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		struct port p = open_end(any(2) ? "{1" : "}1");

		txsync(&p);
		if (any(2))
			munmap(p.mem, p.reg.nr_memsize);
		close(p.fd);
	}
}

/* Buffers go from the list into rings and back. */
static void swap_for_ever(void *arg)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_tx_slots = 32, .nr_extra_bufs = 50 };
	struct port p = port_open(unique("swap"), &want);
	struct netmap_ring *r = tx_ring(&p, 0);

	(void)arg;
	for (;;) {
		struct netmap_slot *s = &r->slot[r->head];
		uint32_t idx = p.nifp->ni_bufs_head, *first = (uint32_t *)(void *)NETMAP_BUF(r, idx), next = *first;

		*(uint32_t *)(void *)NETMAP_BUF(r, s->buf_idx) = next;
		p.nifp->ni_bufs_head = s->buf_idx;
		s->buf_idx = idx;
		s->flags = NS_BUF_CHANGED;
		s->len = 60;
		r->head = r->cur = nm_ring_next(r, r->head);
		if (any(4) == 0)
			txsync(&p);
	}
}

static void ask_for_ever(void *arg)
{
	static struct nm_ring_stats rings[8];
	struct nmreq_pools_info info = { 0 };
	int fd = dev_open();

	(void)arg;
	for (;;) {
		struct nmreq_port_stats stats = { .nr_rings = PTR(rings), .nr_count = 8 };
		char full[NETMAP_REQ_IFNAMSIZ];

		snprintf(full, sizeof(full), "%s{1", name);
		ask(fd, NETMAP_REQ_PORT_STATS_GET, full, &stats);
		ask(fd, NETMAP_REQ_POOLS_INFO_GET, "", &info);
	}
}

/* --- Two who are not killed, in the same region ------------------------------------------------------- */

static void live_on(void *arg)
{
	struct nmreq_register want = { .nr_tx_slots = 16, .nr_rx_slots = 16 };
	int *report = arg;
	struct port p[2];

	p[0] = port_open(bystanders, &want);
	strcpy(strchr(bystanders, '{'), "}9");
	p[1] = port_open(bystanders, &want);
	for (;;) {
		pipe_flow(p, 500);
		CHECK_EQ(write(report[1], "x", 1), 1);
		/* The numbers begin anew with each flow. */
		usleep(1000);
	}
}

static void expect_progress(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	CHECK_MSG(poll(&pfd, 1, 10000) == 1, "who was not killed stands still");
	CHECK(read(fd, bytes, sizeof(bytes)) > 0);
}

typedef void victim(void *);

/* Kills n of a kind at a time, at moments up to so many microseconds after their birth. */
static void rounds(uint32_t count, victim *const *kinds, uint32_t n, uint32_t within)
{
	for (uint32_t i = 0; i < count; i++) {
		pid_t pid[4];

		for (uint32_t j = 0; j < n; j++)
			pid[j] = spawn(kinds[j], NULL);
		usleep(any(within));
		for (uint32_t j = 0; j < n; j++)
			reap_killed(pid[(j + i) % n], SIGKILL);
		check_progress();
	}
}

static void massacre(victim *const *kinds, uint32_t n)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_tx_slots = 8 };
	struct census before;
	struct port holder;
	int report[2];
	pid_t other;

	small_regions();
	snprintf(name, sizeof(name), "%s", unique("par"));
	/* The parent of all pipes here, so that they share its region. */
	holder = port_open(name, &want);
	snprintf(bystanders, sizeof(bystanders), "%s{9", name);
	before = census_take(&holder);
	CHECK_OK(pipe(report));
	other = spawn(live_on, report);
	expect_progress(report[0]);
	for (int i = 0; i < 4; i++) {
		rounds(scaled(20), kinds, n, i & 1 ? 3000 : 40000);
		expect_progress(report[0]);
	}
	reap_killed(other, SIGKILL);
	CHECK_CENSUS(&holder, before);
	port_close(&holder);
}

CASE(sender_and_receiver)
{
	massacre((victim *const[]){ send_for_ever, receive_for_ever }, 2);
}

CASE(openers)
{
	massacre((victim *const[]){ open_for_ever, open_for_ever, send_for_ever }, 3);
}

CASE(askers)
{
	massacre((victim *const[]){ ask_for_ever, open_for_ever, receive_for_ever }, 3);
}

/* Killed in the middle of a swap a program has lost two buffers of its own at most; they come back with the region. */
CASE(swappers)
{
	struct census before, after;
	struct port holder;
	uint32_t kills = scaled(40);

	small_regions();
	holder = port_open(unique("h"), &(struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 1 });
	before = census_take(&holder);
	rounds(kills, (victim *const[]){ swap_for_ever }, 1, 20000);
	after = census_take(&holder);
	CHECK_EQ(after.ifs, before.ifs);
	CHECK_EQ(after.rings, before.rings);
	/* At the worst moment the rest of the list hangs on a buffer that is in the ring: all of it is lost. */
	CHECK_MSG(after.bufs <= before.bufs && after.bufs + 51 * kills >= before.bufs, "%u buffers, there were %u", after.bufs, before.bufs);
	port_close(&holder);
	/* A new region has all of them. */
	holder = port_open(unique("h"), &(struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 1 });
	CHECK_CENSUS(&holder, before);
	port_close(&holder);
}

/* --- On an interface ------------------------------------------------------------------------------------- */

static void nic_for_ever(void *arg)
{
	struct port p = port_open(wire_near(), NULL);

	(void)arg;
	for (uint32_t seq = 0;; seq++) {
		for (unsigned int i = 0; i < p.reg.nr_tx_rings; i++) {
			struct netmap_ring *r = tx_ring(&p, i);

			for (uint32_t n = any(32); n && !nm_ring_empty(r); n--) {
				frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, 60);
				r->slot[r->head].len = 60;
				r->head = r->cur = nm_ring_next(r, r->head);
			}
		}
		for (unsigned int i = 0; i < p.reg.nr_rx_rings; i++)
			rx_ring(&p, i)->head = rx_ring(&p, i)->cur = rx_ring(&p, i)->tail;
		poll_port(&p, any(2) ? POLLIN | POLLOUT : POLLIN, 1);
	}
}

static void flood(void *arg)
{
	int sock = *(int *)arg;
	char frame[60];

	frame_fill(frame, 1, sizeof(frame));
	for (;;)
		if (send(sock, frame, sizeof(frame), 0) < 0)
			usleep(1000);
}

static void open_nic_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		struct port p = { .fd = dev_open() };

		snprintf(p.name, sizeof(p.name), "%s", wire_near());
		CHECK_GRANTED(port_register(&p));
		close(p.fd);
	}
}

CASE(interface_under_load)
{
	struct census before;
	struct port holder, p;
	pid_t flooder;
	int sock, got = -1;

	small_regions();
	CHECK_EQ(param_set("buf_num", 12000), 0);
	sock = wire_socket();
	holder = port_open(unique("h"), &(struct nmreq_register){ .nr_mode = NR_REG_NULL, .nr_tx_rings = 1, .nr_mem_id = 1 });
	before = census_take(&holder);
	flooder = spawn(flood, &sock);
	rounds(scaled(20), (victim *const[]){ nic_for_ever }, 1, 100000);
	rounds(scaled(20), (victim *const[]){ nic_for_ever, open_nic_for_ever, nic_for_ever }, 3, 60000);
	reap_killed(flooder, SIGKILL);
	CHECK_CENSUS(&holder, before);
	/* And the interface is as good as new. */
	drain(sock);
	p = port_open(wire_near(), NULL);
	for (int i = 0; i < 20 && got != 777; i++) {
		struct netmap_ring *r = tx_ring(&p, 0);

		frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), 777, 100);
		r->slot[r->head].len = 100;
		r->head = r->cur = nm_ring_next(r, r->head);
		txsync(&p);
		got = wire_receive(sock, 200, NULL);
	}
	CHECK_EQ(got, 777);
	port_close(&p);
	port_close(&holder);
}
