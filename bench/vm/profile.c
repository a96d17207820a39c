/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profile: a plugin for QEMU that counts the instructions that the guest executes, by address, between the marks that
 * meter.h sets. It counts all of them: this is no sampling.
 *
 *	qemu -plugin build/bench/vm/profile.so,out=FILE
 *
 * For each span FILE gets a line "span N", and lines "ADDRESS COUNT" of the translation blocks (pieces of code without a
 * jump) that were executed in it. profile.sh turns them into functions. One virtual processor only: nothing is locked.
 *
 * QEMU's plugin interface, version 1, is in docs/devel/tcg-plugins.rst. Its header is in no package, so what we use of
 * it is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { PLUGIN_NO_REGISTERS };
enum { PLUGIN_ADD };

typedef void (*plugin_translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*plugin_executed)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, plugin_translated callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, plugin_executed callback, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *counter, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* A block, as it was translated; the same address may be translated many times. Never freed: QEMU adds to the count. */
struct block {
	struct block *next;
	uint64_t address, count;
};

static struct block *blocks;
static FILE *out;
static unsigned spans;

static void begin(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	for (struct block *b = blocks; b; b = b->next)
		b->count = 0;
}

static void end(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	fprintf(out, "span %u\n", ++spans);
	for (const struct block *b = blocks; b; b = b->next)
		if (b->count)
			fprintf(out, "%" PRIx64 " %" PRIu64 "\n", b->address, b->count);
	fflush(out);
}

/* nopl with one of meter.h's two numbers: 1 begins, 2 ends, 0 is no mark. */
static int mark(const struct qemu_plugin_insn *insn)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 }, number[] = { 0x4d, 0x52, 0x4c };
	const uint8_t *byte;

	if (qemu_plugin_insn_size(insn) != 7)
		return 0;
	byte = qemu_plugin_insn_data(insn);
	return memcmp(byte, nopl, 3) || memcmp(byte + 4, number, 3) ? 0 : byte[3];
}

/* Each instruction adds one for itself: a block that is left in its middle by a fault counts only what it did. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b = calloc(1, sizeof(*b));

	(void)id;
	if (!b)
		abort();
	b->address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	b->next = blocks;
	blocks = b;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		int what = mark(insn);

		if (what)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, what == 1 ? begin : end, PLUGIN_NO_REGISTERS, NULL);
		qemu_plugin_register_vcpu_insn_exec_inline(insn, PLUGIN_ADD, &b->count, 1);
	}
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	const char *file = NULL;

	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			file = argv[i] + 4;
	out = file ? fopen(file, "w") : NULL;
	if (!out) {
		fprintf(stderr, "profile.so: out=FILE is missing, or cannot be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
