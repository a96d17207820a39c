/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: port specifications, through libnetmap and through nm_open(). The first bytes of an input choose what the
 * program has set, the rest are specifications, one a line.
 *
 * /dev/netmap is the core itself, linked in; other files that a specification names are small ones made for it: no input
 * opens anything of this machine. Checked: what a parser refused it has left alone, names have an end, ports that open can be
 * used, and nothing is left afterwards, neither descriptors nor memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define NETMAP_WITH_LIBS
#include <libnetmap.h>
#include <net/netmap_user.h>

#include "input.h"
#include "waiter.h"

/* --- The device, and other files ------------------------------------------------------------------ */

#define FILES 16

static struct {
	int fd;
	struct lr_file *file;
} table[FILES];

static bool running;	/* an input: what is opened now is ours to answer */

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
int __real_ioctl(int fd, unsigned long cmd, ...);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long cmd, ...);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

static int find(int fd)
{
	int i;

	for (i = 0; i < FILES; i++)
		if (table[i].file && table[i].fd == fd)
			return i;
	return -1;
}

static int open_device(void)
{
	int i;

	for (i = 0; i < FILES && table[i].file; i++)
		;
	MUST(i < FILES);
	table[i].fd = eventfd(0, EFD_CLOEXEC);
	table[i].file = lr_file_open();
	MUST(table[i].fd >= 0 && table[i].file);
	return table[i].fd;
}

static int open_other(const char *path)
{
	int fd;

	if (strlen(path) % 4 == 0) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	MUST(fd >= 0 && ftruncate(fd, (off_t)(strlen(path) % 4 - 1) * 4096) == 0);
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	int mode = 0;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	if (!running)
		return __real_open(path, flags, mode);
	return strcmp(path, NETMAP_DEVICE_NAME) == 0 ? open_device() : open_other(path);
}

int __wrap_close(int fd)
{
	int i = running ? find(fd) : -1;

	if (i >= 0) {
		lr_file_close(table[i].file);
		table[i].file = NULL;
	}
	return __real_close(fd);
}

int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	int i = running ? find(fd) : -1, err;
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (i < 0)
		return __real_ioctl(fd, cmd, arg);
	err = lr_file_ioctl(table[i].file, cmd, ADDR(arg));
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	int i = running && fd >= 0 ? find(fd) : -1;
	struct lr_region *region = i >= 0 ? lr_file_region(table[i].file) : NULL;

	if (region && len > region->size) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return __real_mmap(addr, len, prot, flags, region ? os_mem_fd(region->mem) : fd, offset);
}

/* --- The context: counts what is out ------------------------------------------------------------------ */

static long blocks;

static void *count_malloc(struct nmctx *ctx, size_t size)
{
	(void)ctx;
	blocks++;
	return malloc(size);
}

static void count_free(struct nmctx *ctx, void *p)
{
	(void)ctx;
	blocks -= p != NULL;
	free(p);
}

static void read_error(struct nmctx *ctx, const char *text)
{
	(void)ctx;
	MUST(text[0] && strlen(text) < 1024);
}

static struct nmctx ctx = { .error = read_error, .malloc = count_malloc, .free = count_free };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	small_regions();
	nmctx_set_default(&ctx);
	return lr_core_init();
}

/* --- What is done with a specification -------------------------------------------------------------------- */

static void check_request(const struct nmport_d *d)
{
	MUST(d->hdr.nr_name[0] && strnlen(d->hdr.nr_name, sizeof(d->hdr.nr_name)) < sizeof(d->hdr.nr_name));
	MUST(d->hdr.nr_version == NETMAP_API && d->hdr.nr_reqtype == NETMAP_REQ_REGISTER);
	MUST(d->reg.nr_mode > NR_REG_DEFAULT && d->reg.nr_mode <= NR_REG_ONE_SW);
	MUST(d->fd == -1 && !d->register_done && !d->mmap_done);
}

static void use_port(struct nmport_d *d)
{
	static const char packet[600];

	MUST(d->nifp && d->mem && d->fd >= 0);
	nmport_inject(d, packet, sizeof(packet));
	nmport_inject(d, packet, 1);
	MUST(ioctl(d->fd, NIOCTXSYNC, NULL) == 0 && ioctl(d->fd, NIOCRXSYNC, NULL) == 0);
}

static void through_libnetmap(const char *spec, const char *second)
{
	struct nmport_d *d = nmport_prepare(spec), *copy;

	if (!d) {
		MUST(errno);
		return;
	}
	check_request(d);
	copy = nmport_clone(d);
	if (nmport_open_desc(d) == 0) {
		use_port(d);
		MUST(nmport_parse(d, second) == -1 && errno == EBUSY);
	}
	if (copy && nmport_open_desc(copy) == 0)
		use_port(copy);
	nmport_close(copy);
	nmport_undo_open_desc(d);
	check_request(d);
	/* A second one on top of the first, and all of it undone. */
	if (nmport_parse(d, second) == 0) {
		check_request(d);
		if (nmport_open_desc(d) == 0)
			use_port(d);
	} else {
		MUST(!d->hdr.nr_name[0] && !d->hdr.nr_options && !d->extmem && !d->clist);
	}
	nmport_close(d);
}

static void through_nm_open(const char *spec, const char *second, uint64_t flags)
{
	struct nm_desc *d = nm_open(spec, NULL, flags & ~(uint64_t)NM_OPEN_IFNAME, NULL), *e;
	struct nm_pkthdr hdr;

	if (!d) {
		MUST(errno);
		return;
	}
	MUST(d->self == d && d->fd >= 0);
	e = nm_open(second, NULL, flags, d);
	nm_inject(d, "0123456789", 10);
	if (e) {
		nm_inject(e, spec, strlen(spec));
		nm_nextpkt(e, &hdr);
	}
	nm_nextpkt(d, &hdr);
	MUST(nm_close(e) == 0 && nm_close(d) == 0);
}

static void parsers_alone(const char *spec)
{
	struct nmreq_header hdr = { .nr_name = "as it was" }, hdr_before = hdr;
	struct nmreq_register reg = { .nr_tx_slots = 5 }, reg_before = reg;
	const char *p = spec;

	if (nmreq_header_decode(&p, &hdr, &ctx)) {
		MUST(p == spec && errno == EINVAL && memcmp(&hdr, &hdr_before, sizeof(hdr)) == 0);
	} else {
		MUST(p > spec && p <= spec + strlen(spec));
		MUST(hdr.nr_name[0] && !hdr.nr_name[sizeof(hdr.nr_name) - 1]);
	}
	spec = p;
	if (nmreq_register_decode(&p, &reg, &ctx))
		MUST(p == spec && errno == EINVAL && memcmp(&reg, &reg_before, sizeof(reg)) == 0);
	else
		MUST(p >= spec && (!*p || *p == '@') && reg.nr_mode && reg.nr_tx_slots == 5);
	p = spec;
	if (nmreq_get_mem_id(&p, &ctx) < 0)
		MUST(p == spec && errno);
}

/* A program's own options: whatever keys they have. */
static int parse_any(struct nmreq_parse_ctx *p)
{
	unsigned int i, n = 0;

	for (i = 0; i < NMREQ_OPT_MAXKEYS; i++)
		n += p->keys[i] ? (unsigned int)strlen(p->keys[i]) : 0;
	errno = EDOM;
	return n % 7 == 6 ? -1 : 0;
}

static void own_options(const char *spec, uint32_t shape)
{
	static const char *const names[] = { "a", "bb", "rings", "port", "" };
	struct nmreq_opt_parser list[2] = {
		{ .prefix = "a", .parse = parse_any, .default_key = (int)(shape % 20) - 2, .nr_keys = (int)(shape / 20 % 20), .next = &list[1] },
		{ .prefix = "conf", .parse = parse_any, .default_key = -1, .nr_keys = 2, .flags = shape & 3 },
	};
	int i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < NMREQ_OPT_MAXKEYS; i++)
			list[k].keys[i] = (struct nmreq_opt_key){ names[(shape + (uint32_t)i) % 5], i * (shape % 3 ? 1 : 3) - (int)(shape % 2), shape >> i & 7 };
	nmreq_options_decode(spec, list, NULL, &ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint32_t choice = (uint32_t)input_number(&in, 1), shape = (uint32_t)input_number(&in, 3);
	uint64_t flags = choice & 1 ? 0 : input_number(&in, 3);
	char *text = malloc(in.left + 1), *second, *options;
	int i;

	memcpy(text, in.p, in.left);
	text[in.left] = '\0';
	second = strchr(text, '\n');
	if (second)
		*second++ = '\0';
	else
		second = text + strlen(text);
	options = strchr(text, '@');

	running = true;
	(choice & 2 ? nmport_enable_option : nmport_disable_option)("offset");
	(choice & 4 ? nmport_disable_option : nmport_enable_option)("conf");
	parsers_alone(text);
	through_libnetmap(text, second);
	if (choice & 8)
		through_nm_open(text, second, flags);
	own_options(options ? options : second, shape);
	running = false;

	free(text);
	MUST(blocks == 0 && !ctx.mem_descs);
	for (i = 0; i < FILES; i++)
		MUST(!table[i].file);
	must_be_empty();
	return 0;
}
