/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the soak and the netmapd with faults share: a file named by LR_FAULTS, mapped by both.
 */
#ifndef TEST_SOAK_FAULT_H
#define TEST_SOAK_FAULT_H

#include <stdint.h>

enum fault_kind { FAULT_MEMORY, FAULT_SHARED, FAULT_MAP, FAULT_DESCRIPTOR, FAULT_THREAD, FAULT_KINDS };

#define FAULT_NAMES { "memory", "shared memory", "mappings", "descriptors", "threads" }

struct faults {
	uint32_t one_in;	/* of so many calls one fails; 0: none does */
	uint32_t seed;
	uint64_t calls;
	uint64_t failed[FAULT_KINDS];
	uint64_t allocated;	/* bytes that the daemon has of malloc and its like; some 50 ms old */
};

#endif
