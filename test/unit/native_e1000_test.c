/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native e1000 (82540: legacy descriptors) and e1000e (82574: extended rx descriptors) against a model.
 */
#include "native_intel.h"

static int e1000_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_e1000_tx, r, flags);
}

static int e1000_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_e1000_rx, r, flags);
}

static int e1000e_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_e1000e_tx, r, flags);
}

static int e1000e_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_e1000e_rx, r, flags);
}

static const struct native_ops e1000_ops = { .txsync = e1000_txsync, .rxsync = e1000_rxsync, .pad = 60, INTEL_MODEL };
static const struct native_ops e1000e_ops = { .txsync = e1000e_txsync, .rxsync = e1000e_rxsync, .pad = 17, INTEL_MODEL };

static struct intel e1000 = {
	.e = INTEL_ENGINE(e1000), .legacy_tx = true, .legacy_rx = true, .rx_errors = 0x97, .rx_harmless = 0x60,
};
static struct intel e1000e = {
	.e = INTEL_ENGINE(e1000e), .legacy_tx = true, .rx_errors = 0x97000000, .rx_harmless = 0x60000000,
};

static void all_sizes(const struct native_ops *ops, struct intel *m)
{
	static const uint32_t sizes[] = { 4, 5, 8, 13, 16, 48, 80, 127, 128, 255, 256, 300, 1000, 4096 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_exchange(ops, m, sizes[i], 2048, 9216, 64, NATIVE_ROUNDS);
		native_exchange(ops, m, sizes[i], 256, 2000, 8, NATIVE_ROUNDS);
	}
}

static void e1000_all_sizes(void)
{
	all_sizes(&e1000_ops, &e1000);
}

static void e1000e_all_sizes(void)
{
	all_sizes(&e1000e_ops, &e1000e);
}

static void hostile(int harm)
{
	static const uint32_t sizes[] = { 4, 8, 100, 256 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_hostile(&e1000_ops, &e1000, sizes[i], harm, 4 * NATIVE_ROUNDS);
		native_hostile(&e1000e_ops, &e1000e, sizes[i], harm, 4 * NATIVE_ROUNDS);
	}
}

static void hostile_program(void)
{
	hostile(SCRIBBLING);
}

static void raving_device(void)
{
	hostile(RAVING);
	hostile(RAVING | SCRIBBLING);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		{ "e1000: all is sent, received or counted, in rings of all sizes", e1000_all_sizes },
		{ "e1000e: all is sent, received or counted, in rings of all sizes", e1000e_all_sizes },
		{ "a program that writes anything into slots", hostile_program },
		{ "a device that reports nonsense, with a good program and a bad one", raving_device },
	};

	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
