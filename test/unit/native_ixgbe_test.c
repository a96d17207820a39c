/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native igb (I210) and ixgbe (82599), advanced descriptors, against a model.
 */
#include "native_intel.h"

static int igb_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_igb_tx, r, flags);
}

static int igb_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_igb_rx, r, flags);
}

static int ixgbe_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_ixgbe_tx, r, flags);
}

static int ixgbe_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_ixgbe_rx, r, flags);
}

static const struct native_ops igb_ops = { .txsync = igb_txsync, .rxsync = igb_rxsync, .pad = 17, INTEL_MODEL };
static const struct native_ops ixgbe_ops = { .txsync = ixgbe_txsync, .rxsync = ixgbe_rxsync, .pad = 17, INTEL_MODEL };

static struct intel igb = {
	.e = INTEL_ENGINE(igb), .rx_errors = 0x97000000, .rx_harmless = 0x60000000,
};
static struct intel ixgbe = {
	.e = INTEL_ENGINE(ixgbe), .rx_errors = 0x3b000000, .rx_harmless = 0xc4f00000,
};

static void all_sizes(const struct native_ops *ops, struct intel *m)
{
	static const uint32_t sizes[] = { 4, 5, 8, 13, 16, 48, 80, 127, 128, 255, 256, 300, 1000, 4096 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_exchange(ops, m, sizes[i], 2048, 9728, 40, NATIVE_ROUNDS);
		native_exchange(ops, m, sizes[i], 256, 2000, 8, NATIVE_ROUNDS);
	}
}

static void igb_all_sizes(void)
{
	all_sizes(&igb_ops, &igb);
}

static void ixgbe_all_sizes(void)
{
	all_sizes(&ixgbe_ops, &ixgbe);
}

static void hostile(int harm)
{
	static const uint32_t sizes[] = { 4, 8, 100, 256 };
	unsigned int i;

	for (i = 0; i < LR_ARRAY_SIZE(sizes) && !unit_failed(); i++) {
		native_hostile(&igb_ops, &igb, sizes[i], harm, 4 * NATIVE_ROUNDS);
		native_hostile(&ixgbe_ops, &ixgbe, sizes[i], harm, 4 * NATIVE_ROUNDS);
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
		{ "igb: all is sent, received or counted, in rings of all sizes", igb_all_sizes },
		{ "ixgbe: all is sent, received or counted, in rings of all sizes", ixgbe_all_sizes },
		{ "a program that writes anything into slots", hostile_program },
		{ "a device that reports nonsense, with a good program and a bad one", raving_device },
	};

	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
