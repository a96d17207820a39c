/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What the sync code of native NICs needs beside the OS contract: byte order, barriers towards a device, a device's registers.
 * Names and meaning are the kernel's. In user space the device is a model that runs in a test.
 */
#ifndef LR_NATIVE_OS_H
#define LR_NATIVE_OS_H

#include "os/os.h"

#ifdef __KERNEL__

#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>

typedef void __iomem *lr_reg;

/* A doorbell; all that was written to descriptors before is there when the device hears it. */
static inline void lr_reg_write(lr_reg reg, uint32_t v)
{
	writel(v, reg);
}

/* A doorbell of eight bytes, also where the register may be written through a buffer. */
static inline void lr_reg_write_be64(lr_reg reg, __be64 v)
{
	wmb();
	writeq(le64_to_cpu((__force __le64)v), reg);
}

/* Between our store and a load of what the device writes, where each side looks at the other's. */
static inline void lr_dma_mb(void)
{
	mb();
}

#else

#include <endian.h>
#include <linux/types.h>

typedef uint32_t *lr_reg;

#define cpu_to_le16(v) ((__le16)htole16(v))
#define cpu_to_le32(v) ((__le32)htole32(v))
#define cpu_to_le64(v) ((__le64)htole64(v))
#define le16_to_cpu(v) ((uint16_t)le16toh(v))
#define le32_to_cpu(v) ((uint32_t)le32toh(v))
#define le64_to_cpu(v) ((uint64_t)le64toh(v))
#define cpu_to_be32(v) ((__be32)htobe32(v))
#define cpu_to_be64(v) ((__be64)htobe64(v))
#define be32_to_cpu(v) ((uint32_t)be32toh(v))
#define be64_to_cpu(v) ((uint64_t)be64toh(v))

static inline void lr_reg_write(lr_reg reg, uint32_t v)
{
	os_store_release(reg, v);
}

static inline void lr_reg_write_be64(lr_reg reg, __be64 v)
{
	os_store_release((__be64 *)(void *)reg, v);
}

/* Models run in the thread that syncs: what the compiler may not reorder is in order. */
static inline void dma_wmb(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void dma_rmb(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void lr_dma_mb(void)
{
	__asm__ volatile("" ::: "memory");
}

#endif

/* A descriptor of constants only does its work when all of it is one piece of code. */
#define LR_INLINE static inline __attribute__((__always_inline__))
/* What is rare stays out of the way, with registers of its own. */
#define LR_APART static os_noinline __attribute__((__unused__))

#endif
