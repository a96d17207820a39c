/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: requests. An input is a script: open and close descriptors, lay out requests with bodies and lists of
 * options in a small arena, and make them; pointers lead anywhere in the arena, to pages that cannot be written or are not
 * there, and in circles. Legacy and classic requests too, and syncs between them.
 *
 * Checked: every result is 0 or an errno; a failed register has bound nothing, one that worked says where its rings are; there
 * is a sentence for each failure; nothing is left when all descriptors are closed.
 */
#include <sys/mman.h>

#include "input.h"

#define FILES 4
#define ROOM 16384	/* to be written and read; then a page to read, then one that is not there */

static char *arena;
static struct lr_file *files[FILES];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	unsigned int i;

	(void)argc;
	(void)argv;
	arena = mmap(NULL, ROOM + 2 * OS_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(arena != MAP_FAILED);
	/* What can only be read are good requests, whose answers cannot be written. */
	for (i = 0; i < OS_PAGE_SIZE; i += 64)
		memcpy(arena + ROOM + i, &reg, sizeof(reg));
	MUST(mprotect(arena + ROOM, OS_PAGE_SIZE, PROT_READ) == 0);
	MUST(mprotect(arena + ROOM + OS_PAGE_SIZE, OS_PAGE_SIZE, PROT_NONE) == 0);
	small_regions();
	return lr_core_init();
}

/* Addresses with all that can be wrong with them; never one of ours outside the arena. Mostly right: what is 0 is. */
static uint64_t address(struct input *in)
{
	switch (input_number(in, 1) % 24) {
	case 7: return 0;
	case 1: return ADDR(arena + ROOM + OS_PAGE_SIZE) + input_below(in, OS_PAGE_SIZE);
	case 2: return ADDR(arena + ROOM) + (input_number(in, 1) << 6) % OS_PAGE_SIZE;
	case 8: return ADDR(arena + ROOM) + input_below(in, OS_PAGE_SIZE);
	case 3: return ADDR(arena + ROOM) - input_below(in, 200);
	case 4: return ADDR(arena + ROOM + OS_PAGE_SIZE) - input_below(in, 200);
	case 5: return UINT64_MAX - input_below(in, 200);
	case 6: return input_number(in, 8) | UINT64_C(1) << 63;
	default: return ADDR(arena) + (input_number(in, 1) << 6) % ROOM;
	}
}

static bool in_arena(uint64_t a, size_t size)
{
	return a >= ADDR(arena) && a < ADDR(arena + ROOM) && size <= ADDR(arena + ROOM) - a;
}

static void put(uint64_t at, const void *what, size_t size)
{
	if (in_arena(at, size))
		memcpy((void *)(uintptr_t)at, what, size);
}

static void put_name(struct input *in, char *name, size_t room)
{
	static const char *const names[] = { "x{1", "x}1", "x", "x{2", "y}z", "y", "", "vale0:1", "x{1{", "{", "lo", "x/1" };
	unsigned int choice = input_below(in, 16);
	size_t i;

	memset(name, 0, room);
	if (choice < LR_ARRAY_SIZE(names)) {
		memcpy(name, names[choice], strlen(names[choice]) + 1);
		return;
	}
	for (i = 0; i < room && in->left && *in->p; i++)
		name[i] = (char)input_number(in, 1);
	input_number(in, 1);
}

static uint32_t some_number(struct input *in)
{
	switch (input_below(in, 8)) {
	case 7: return (uint32_t)input_number(in, 4);
	case 6: return input_below(in, 65536);
	case 5: return 4 + input_below(in, 64);
	default: return input_below(in, 4);
	}
}

/* Most fields have their default: a request where all are odd gets nowhere. */
static struct nmreq_register some_register(struct input *in)
{
	static const uint32_t modes[] = { NR_REG_ALL_NIC, NR_REG_ONE_NIC, NR_REG_NULL, NR_REG_PIPE_MASTER, NR_REG_PIPE_SLAVE, NR_REG_SW };
	uint32_t odd = (uint32_t)input_number(in, 2), mode = input_below(in, 8);
	struct nmreq_register reg = { .nr_mode = mode < LR_ARRAY_SIZE(modes) ? modes[mode] : some_number(in) };

	reg.nr_tx_slots = odd & 1 ? some_number(in) : 0;
	reg.nr_rx_slots = odd & 2 ? some_number(in) : 0;
	reg.nr_tx_rings = (uint16_t)(odd & 4 ? some_number(in) : 0);
	reg.nr_rx_rings = (uint16_t)(odd & 8 ? some_number(in) : 0);
	reg.nr_host_tx_rings = (uint16_t)(odd & 16 ? some_number(in) : 0);
	reg.nr_mem_id = (uint16_t)(odd & 32 ? some_number(in) : 0);
	reg.nr_ringid = (uint16_t)(odd & 64 ? some_number(in) : 0);
	reg.nr_extra_bufs = odd & 128 ? some_number(in) : 0;
	reg.nr_flags = odd & 256 ? input_number(in, 3) : 0;
	reg.nr_flags |= (odd & 512 ? NR_EXCLUSIVE : 0) | (odd & 1024 ? NR_RX_RINGS_ONLY : 0) | (odd & 2048 ? NR_TX_RINGS_ONLY : 0);
	return reg;
}

/* A list of options from here on; where each leads to is the input's choice. */
static uint64_t some_options(struct input *in)
{
	static const uint32_t types[] = { 1, 2, 3, 4, 5, NETMAP_REQ_OPT_REASON, NETMAP_REQ_OPT_REASON, 6 };
	unsigned int n = input_below(in, 6);
	uint64_t list = n ? address(in) : 0, at = list;

	while (n--) {
		struct nmreq_opt_reason o = { .nro_opt.nro_reqtype = types[input_below(in, LR_ARRAY_SIZE(types))] };

		o.nro_text = address(in);
		o.nro_len = some_number(in);
		o.nro_opt.nro_size = some_number(in);
		o.nro_opt.nro_next = n || input_below(in, 8) == 7 ? address(in) : 0;
		put(at, &o, sizeof(o));
		at = o.nro_opt.nro_next;
	}
	return list;
}

/* How many of the descriptors have bound this ring. */
static unsigned int users_of(const struct lr_ring *r)
{
	unsigned int n = 0, i;

	for (i = 0; i < FILES; i++) {
		const struct lr_file *f = files[i];

		n += f && f->port == r->port && r->index >= f->first[r->kind] && r->index - f->first[r->kind] < f->n[r->kind];
	}
	return n;
}

static void check_bound(const struct lr_file *f)
{
	const struct lr_port *p = f->port;
	bool pipe = strcmp(p->ops->kind, "pipe") == 0;
	unsigned int k;
	uint32_t i;

	for (k = 0; k < LR_RING_KINDS; k++) {
		MUST((uint32_t)f->first[k] + f->n[k] <= p->num_rings[k]);
		for (i = 0; i < p->num_rings[k]; i++) {
			const struct lr_ring *r = &p->ring[k][i], *sender = pipe && k == LR_RX ? r->priv : NULL;

			MUST(r->users == users_of(r) && (!r->exclusive || r->users == 1));
			/* A pipe's sender has the memory of the ring it fills, too. */
			MUST(r->mem_refs == r->users + (sender && sender->users) && !r->mem_refs == !r->shared);
		}
	}
	MUST(f->nifp && lr_region_offset(p->region, LR_POOL_IF, f->nifp_object) < p->region->size);
}

static void check_all(void)
{
	unsigned int i, j, sharing;

	for (i = 0; i < FILES; i++) {
		if (!files[i] || !files[i]->port)
			continue;
		check_bound(files[i]);
		for (j = sharing = 0; j < FILES; j++)
			sharing += files[j] && files[j]->port && files[j]->port->region == files[i]->port->region;
		MUST(files[i]->port->region->pool[LR_POOL_IF].taken == sharing);
	}
}

/* Makes it, and looks at what must be so whatever it was. */
static int make(struct lr_file *f, unsigned long cmd, uint64_t arg)
{
	struct lr_port *before = f->port;
	int err = lr_file_ioctl(f, cmd, arg);

	MUST(err <= 0 && err > -4096);
	if (before)
		MUST(f->port == before);
	if (err && !before)
		MUST(!f->port);
	check_all();
	return err;
}

static void request(struct input *in, struct lr_file *f)
{
	static const uint16_t types[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, NETMAP_REQ_PORT_STATS_GET,
		NETMAP_REQ_REASON_GET, NETMAP_REQ_PORTS_GET, NETMAP_REQ_REGIONS_GET };
	struct nmreq_header h = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER };
	struct nmreq_register reg;
	uint64_t at = ADDR(arena);
	char why[256];
	int err;

	if (input_below(in, 3) == 2)
		h.nr_reqtype = types[input_below(in, LR_ARRAY_SIZE(types))];
	if (input_below(in, 32) == 31)
		h.nr_version = (uint16_t)some_number(in);
	if (input_below(in, 32) == 31)
		h.nr_reserved = some_number(in);
	put_name(in, h.nr_name, sizeof(h.nr_name));
	h.nr_body = address(in);
	if (h.nr_reqtype == NETMAP_REQ_REGISTER) {
		reg = some_register(in);
		put(h.nr_body, &reg, sizeof(reg));
	} else if (h.nr_body) {
		uint64_t pointer = address(in), number = some_number(in);

		put(h.nr_body, &pointer, sizeof(pointer));
		put(h.nr_body + 8, &number, sizeof(number));
	}
	h.nr_options = some_options(in);
	if (input_below(in, 8) == 7)
		at = address(in);
	put(at, &h, sizeof(h));
	if (!in_arena(at, sizeof(h))) {
		make(f, NIOCCTRL, at);
		return;
	}
	err = make(f, NIOCCTRL, at);
	if (h.nr_reqtype == NETMAP_REQ_REASON_GET && h.nr_version == NETMAP_API)
		return;
	lr_file_why(f, why, sizeof(why));
	MUST(!err == !why[0]);
}

static void legacy(struct input *in, struct lr_file *f)
{
	static const unsigned long cmds[] = { NIOCREGIF, NIOCGINFO, NIOCREG };
	struct nmreq r = { .nr_version = input_below(in, 8) < 7 ? 11 + input_below(in, 5) : some_number(in) };
	uint64_t at = input_below(in, 4) < 3 ? ADDR(arena) : address(in);

	put_name(in, r.nr_name, sizeof(r.nr_name));
	if (input_below(in, 4) == 3) {
		r.nr_tx_slots = some_number(in);
		r.nr_rx_slots = some_number(in);
		r.nr_tx_rings = (uint16_t)some_number(in);
		r.nr_rx_rings = (uint16_t)some_number(in);
		r.nr_ringid = (uint16_t)some_number(in);
	}
	r.nr_cmd = input_below(in, 4) < 3 ? 0 : (uint16_t)some_number(in);
	r.nr_arg1 = (uint16_t)some_number(in);
	r.nr_arg2 = (uint16_t)input_below(in, 4);
	r.nr_arg3 = some_number(in);
	r.nr_flags = input_below(in, 2) ? (uint32_t)input_number(in, 4) : input_below(in, 10);
	put(at, &r, sizeof(r));
	make(f, cmds[input_below(in, LR_ARRAY_SIZE(cmds))], at);
}

static void step(struct input *in)
{
	struct lr_file **f = &files[input_below(in, FILES)];
	unsigned int what = input_below(in, 16);
	uint64_t at;

	if (!*f || what == 15) {
		if (*f)
			lr_file_close(*f);
		*f = NULL;
		check_all();
		*f = lr_file_open();
		MUST(*f);
		return;
	}
	switch (what) {
	case 1: make(*f, NIOCTXSYNC, 0); break;
	case 2: make(*f, NIOCRXSYNC, 0); break;
	case 3: lr_file_poll(*f, input_below(in, 16), NULL); break;
	case 4: make(*f, input_below(in, 2) ? NIOCCTRL : input_number(in, 4), address(in)); break;
	case 5:
		at = input_number(in, 8);
		put(address(in), &at, sizeof(at));
		break;
	case 6: case 7: legacy(in, *f); break;
	default: request(in, *f); break;
	}
	check_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int i;

	memset(arena, 0, ROOM);
	while (in.left)
		step(&in);
	for (i = 0; i < FILES; i++) {
		if (files[i])
			lr_file_close(files[i]);
		files[i] = NULL;
	}
	must_be_empty();
	return 0;
}
