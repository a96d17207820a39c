/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: all that a client of netmapd can reach. An input is what a client does on up to three connections: messages good
 * and bad, with descriptors of all kinds; calls, whose questions are answered from the input; numbers in the door, in the
 * rings and slots, holes in the memory. The daemon is in this process, with its threads.
 *
 * Checked: nothing breaks; the daemon ends each connection when the client does; nothing is left then.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/client.h"
#include "daemon/config.h"
#include "daemon/message.h"
#include "daemon/user.h"
#include "input.h"

#define CLIENTS 3
#define STEPS 60

struct peer {
	int sock;
	struct lrd_door *door;
	int fds[LRD_FDS_MAX];	/* -1: not entered */
	int memory;
	char *base;		/* the first 256 KiB: netmap_ifs, rings */
};

#define SEEN (256u << 10)

static struct peer peers[CLIENTS];
static int netns;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	small_regions();
	lr_config.limits = (struct lr_limits){ .descriptors = 3, .rings = 40, .memory = 64, .requests = 1000000 };
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	MUST(netns >= 0);
	lr_users_init();
	return lr_core_init();
}

static void hang_up(struct peer *p)
{
	unsigned int i;

	if (p->sock < 0)
		return;
	close(p->sock);
	p->sock = -1;
	for (i = 0; i < LRD_FDS_MAX; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	if (p->door)
		munmap(p->door, LRD_DOOR_SIZE);
	if (p->memory >= 0)
		close(p->memory);
	if (p->base)
		munmap(p->base, SEEN);
}

static void dial(struct peer *p)
{
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	*p = (struct peer){ .sock = ends[0], .fds = { -1, -1, -1, -1 }, .memory = -1 };
	lr_client_start(ends[1]);
}

static void enter(struct peer *p)
{
	struct lrd_msg m = { .type = LRD_HELLO, .cmd = LRD_VERSION, .word = 8 };
	int fds[LRD_FDS_MAX];
	unsigned int n;
	void *door;

	if (lr_message_send(p->sock, -1, &m, NULL, 0) || lr_message_receive(p->sock, -1, &m, fds, &n, 2000))
		return;
	MUST(n == (m.type == LRD_WELCOME ? LRD_FDS_MAX : 0));
	if (!n)
		return;
	memcpy(p->fds, fds, sizeof(fds));
	door = mmap(NULL, LRD_DOOR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p->fds[0], 0);
	p->door = door == MAP_FAILED ? NULL : door;
}

/* --- Calls --------------------------------------------------------------------------------------------------- */

/* What is mostly asked for: a header, then a body. Names are few, so that connections meet. */
static void answer(struct input *in, struct lrd_msg *m, unsigned int turn)
{
	static const char *const names[] = { "a{1", "a}1", "vale0:a", "vale0:b", "n", "vale1:a{2", "" };
	struct nmreq_header h = { .nr_version = NETMAP_API, .nr_body = 4096 };
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	unsigned int what = input_below(in, 16);
	uint32_t i;

	if (m->type == LRD_WRITE) {
		m->len = what == 1 ? 8 : 0;
	} else if (turn == 0 && what < 13) {
		h.nr_reqtype = what < 9 ? NETMAP_REQ_REGISTER : (uint16_t)(1 + input_below(in, 16));
		h.nr_options = what == 8 ? 8192 : 0;
		strcpy(h.nr_name, names[input_below(in, LR_ARRAY_SIZE(names))]);
		memset(m->data, 0, m->len);
		memcpy(m->data, &h, m->len < sizeof(h) ? m->len : sizeof(h));
	} else if (turn == 1 && what < 12) {
		reg.nr_mode = 1 + input_below(in, 8) % (what < 8 ? 1 : 8);
		reg.nr_tx_slots = reg.nr_rx_slots = 4 + input_below(in, 60);
		reg.nr_tx_rings = reg.nr_rx_rings = (uint16_t)input_below(in, 4);
		reg.nr_extra_bufs = what == 5 ? input_below(in, 100) : 0;
		reg.nr_mem_id = what == 6 ? (uint16_t)input_below(in, 5) : 0;
		memset(m->data, 0, m->len);
		memcpy(m->data, &reg, m->len < sizeof(reg) ? m->len : sizeof(reg));
	} else {
		for (i = 0; i < m->len; i++)
			m->data[i] = (unsigned char)input_number(in, 1);
		m->len = what == 15 ? input_below(in, LRD_DATA_MAX + 1) : m->len;
	}
	m->type = what == 14 ? input_below(in, 12) : LRD_DATA;
	m->result = what == 13 ? -EFAULT : 0;
}

static void done(struct peer *p, const struct lrd_msg *m, int *fds, unsigned int n)
{
	void *base;

	if (m->cmd == LRD_BOUND && n == 1 && p->memory < 0) {
		p->memory = fds[0];
		base = mmap(NULL, SEEN, PROT_READ | PROT_WRITE, MAP_SHARED, p->memory, 0);
		p->base = base == MAP_FAILED ? NULL : base;
		n = 0;
	}
	while (n)
		close(fds[--n]);
}

static void call(struct input *in, struct peer *p)
{
	static const unsigned long cmds[] = { NIOCCTRL, NIOCCTRL, NIOCCTRL, NIOCREGIF, NIOCGINFO, NIOCREG, NIOCTXSYNC, 77 };
	struct lrd_msg m = { .type = LRD_CALL, .cmd = (uint32_t)cmds[input_below(in, 8)], .addr = 4096 };
	unsigned int turns = input_below(in, 24), i, n;
	int line[2], fds[LRD_FDS_MAX], with[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) == 0);
	with[0] = line[1];
	with[1] = netns;
	lr_message_send(p->sock, -1, &m, with, 2);
	close(line[1]);
	for (i = 0; i < turns; i++) {
		if (lr_message_receive(line[0], p->sock, &m, fds, &n, 2000))
			break;
		if (m.type == LRD_DONE) {
			done(p, &m, fds, n);
			break;
		}
		MUST((m.type == LRD_READ || m.type == LRD_WRITE) && m.len <= LRD_DATA_MAX && !n);
		answer(in, &m, i);
		if (lr_message_send(line[0], -1, &m, NULL, 0))
			break;
	}
	close(line[0]);
}

/* --- Steps ------------------------------------------------------------------------------------------------------ */

/* Any message with any descriptors that are at hand. */
static void nonsense(struct input *in, struct peer *p)
{
	struct lrd_msg m = { .type = input_below(in, 12), .result = (int32_t)input_number(in, 4), .addr = input_number(in, 8),
			     .len = input_below(in, 600), .cmd = (uint32_t)input_number(in, 4), .zero = !input_below(in, 9) };
	int fds[LRD_FDS_MAX] = { p->sock, netns, p->fds[0], p->fds[1] };
	unsigned int n = input_below(in, LRD_FDS_MAX + 1), keep = 0;

	if (m.type == LRD_READ)
		m.len = 0;
	while (keep < n && fds[keep] >= 0)
		keep++;
	lr_message_send(p->sock, -1, &m, fds, keep);
}

static void knock(struct input *in, struct peer *p)
{
	unsigned int k = input_below(in, LRD_LANES + 1);
	uint32_t v = (uint32_t)input_number(in, 1);

	if (!p->door)
		return;
	if (k == LRD_LANES) {
		os_store((uint32_t *)(void *)p->door + v % (sizeof(*p->door) / 4), (uint32_t)input_number(in, 4));
	} else {
		os_store(&p->door->lane[k].arm, v & 1);
		__atomic_add_fetch(&p->door->lane[k].ask, 1, __ATOMIC_SEQ_CST);
	}
	if (write(p->fds[1], &(uint64_t){ 1 }, 8) < 0)
		MUST(errno == EAGAIN);
}

static void scribble(struct input *in, struct peer *p)
{
	uint32_t at = (uint32_t)input_number(in, 3) % (SEEN / 4);

	if (input_below(in, 8) == 0 && p->memory >= 0)
		fallocate(p->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at * 4096, 4096);
	else if (p->base)
		os_store((uint32_t *)(void *)p->base + at, (uint32_t)input_number(in, 2));
}

static void step(struct input *in)
{
	struct peer *p = &peers[input_below(in, CLIENTS)];
	unsigned int what = input_below(in, 16);

	if (p->sock < 0) {
		dial(p);
		if (what)
			enter(p);
	} else if (what < 5) {
		call(in, p);
	} else if (what < 9) {
		knock(in, p);
	} else if (what < 13) {
		scribble(in, p);
	} else if (what == 13) {
		nonsense(in, p);
	} else if (what == 14) {
		hang_up(p);
	} else {
		enter(p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		peers[i].sock = -1;
	for (i = 0; i < STEPS && in.left; i++)
		step(&in);
	for (i = 0; i < CLIENTS; i++)
		hang_up(&peers[i]);
	for (i = 0; lr_clients(); i++) {
		MUST(i < 50000);
		usleep(100);
	}
	must_be_empty();
	return 0;
}
