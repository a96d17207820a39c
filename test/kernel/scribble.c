/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that overwrite all of a region's memory that they can reach, while others sync its rings. The kernel lives, and
 * ports in other regions do not notice; afterwards everything can be opened as if nothing had been.
 *
 *	scribblers  any page of the bad region, any word, or what hurts: ring heads, slots, list heads
 *	syncers     sync and poll the same rings
 *	this one    a pipe in another region, every packet checked; ports that come and go in the bad one
 */
#include <sys/wait.h>

#include "kernel.h"

#define PAGE 4096ul

static struct port bad[2];
/* Where things are, from before the netmap_ifs were written over. */
static struct netmap_ring *ring[4];
static uint32_t slots[4];
static size_t bytes;

static uint32_t nasty(void)
{
	static const uint32_t list[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 2048, 4096, 65535 };

	switch (any(4)) {
	case 0:
		return list[any(10)];
	case 1:
		return any(UINT32_MAX);
	default:
		return any(3000);
	}
}

static void scribble_ring(struct netmap_ring *r, uint32_t num)
{
	uint32_t *word = (uint32_t *)(void *)r;

	word[any(64)] = nasty();
	for (int i = 0; i < 4; i++) {
		struct netmap_slot *s = &r->slot[any(num)];

		s->buf_idx = nasty();
		s->len = (uint16_t)nasty();
		s->flags = (uint16_t)nasty();
		s->ptr = nasty();
	}
	if (any(3) == 0) {
		uint32_t tail = r->tail;

		/* Right for once, so that packets with whatever is in the slots move. */
		r->head = tail;
		r->cur = tail;
	}
}

static void scribble(void *arg)
{
	(void)arg;
	for (;;) {
		int i = (int)any(4);

		scribble_ring(ring[i], slots[i]);
		bad[any(2)].nifp->ni_bufs_head = nasty();
		for (int n = 0; n < 8; n++) {
			uint32_t *at = (uint32_t *)(void *)(bad[0].mem + (size_t)any((uint32_t)(bytes / PAGE)) * PAGE);

			if (touch_read(at) == 0)
				at[any(PAGE / 4)] = nasty();
		}
	}
}

static void sync_all(void *arg)
{
	const struct port *p = arg;

	for (;;) {
		CHECK_OK(ioctl(p->fd, NIOCTXSYNC, NULL));
		CHECK_OK(ioctl(p->fd, NIOCRXSYNC, NULL));
		poll_port(p, (short)(any(2) ? POLLIN : POLLOUT | POLLIN), 0);
	}
}

/* Buffers that nobody has back may run out in a region that is treated so: an error then, no worse. */
static void come_and_go(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_NULL, .nr_mem_id = bad[0].reg.nr_mem_id, .nr_extra_bufs = any(20),
		.nr_tx_rings = 1, .nr_rx_rings = 1, .nr_tx_slots = 8, .nr_rx_slots = 8 };
	int fd = dev_open(), err = ask(fd, NETMAP_REQ_REGISTER, unique("visit"), &reg);

	CHECK_MSG(err == 0 || err == ENOMEM, "a new port in the bad region: %s (%s)", strerror(err), why);
	ioctl(fd, NIOCTXSYNC, NULL);
	close(fd);
}

static void attack(void)
{
	struct port good[2];
	pid_t pid[6];

	bytes = bad[0].reg.nr_memsize;
	for (int i = 0; i < 4; i++) {
		ring[i] = i & 1 ? rx_ring(&bad[i / 2], 0) : tx_ring(&bad[i / 2], 0);
		slots[i] = ring[i]->num_slots;
	}
	pipe_open(good, unique("good"), 64);
	for (int i = 0; i < 3; i++)
		pid[i] = spawn(scribble, NULL);
	for (int i = 3; i < 6; i++)
		pid[i] = spawn(sync_all, &bad[i & 1]);
	for (uint32_t i = 0; i < scaled(400); i++) {
		pipe_flow(good, 100);
		come_and_go();
		if (i % 20 == 0) {
			check_progress();
			/* Death in the middle of it, and a successor. */
			reap_killed(pid[i / 20 % 3], SIGKILL);
			pid[i / 20 % 3] = spawn(scribble, NULL);
		}
	}
	for (int i = 0; i < 6; i++)
		reap_killed(pid[i], SIGKILL);
	CHECK_EQ(ring_stats(good[0].fd, good[0].name, 0, 0).resets, 0);
	CHECK_EQ(ring_stats(good[0].fd, good[0].name, 0, 0).bad_slots, 0);
	port_close(&good[0]);
	port_close(&good[1]);
}

CASE(pipe_in_a_region_of_its_own)
{
	struct port p[2];
	char name[64];

	small_regions();
	snprintf(name, sizeof(name), "%s", unique("bad"));
	pipe_open(bad, name, 64);
	attack();
	port_close(&bad[0]);
	port_close(&bad[1]);
	pipe_open(p, name, 64);
	pipe_flow(p, 1000);
	port_close(&p[0]);
	port_close(&p[1]);
}

static void flood(void *arg)
{
	char frame[1500];

	for (uint32_t i = 0;; i++) {
		frame_fill(frame, i, 60 + any(1440));
		if (send(*(int *)arg, frame, 60 + any(1440), 0) < 0)
			usleep(1000);
	}
}

/* The same on an interface, with packets coming in: the region of all interfaces, which the good pipe does not share. */
CASE(interface)
{
	struct nmreq_register want = { .nr_extra_bufs = 30 };
	struct port p;
	int sock, got = -1;
	pid_t flooder;

	small_regions();
	CHECK_EQ(param_set("buf_num", 12000), 0);
	sock = wire_socket();
	bad[0] = port_open(wire_near(), &want);
	bad[1] = port_open(wire_near(), NULL);
	flooder = spawn(flood, &sock);
	attack();
	reap_killed(flooder, SIGKILL);
	port_close(&bad[0]);
	port_close(&bad[1]);
	drain(sock);
	p = port_open(wire_near(), NULL);
	for (int i = 0; i < 20 && got != 999; i++) {
		struct netmap_ring *r = tx_ring(&p, 0);

		frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), 999, 300);
		r->slot[r->head].len = 300;
		r->head = r->cur = nm_ring_next(r, r->head);
		txsync(&p);
		got = wire_receive(sock, 200, NULL);
	}
	CHECK_EQ(got, 999);
	port_close(&p);
}
