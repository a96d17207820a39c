/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * All that differs between the kernels we build for, 6.1 and newer. Newer names are given to older kernels, so that
 * one who reads the rest need not think of it; each says since when the kernel has it.
 */
#ifndef LR_OS_COMPAT_H
#define LR_OS_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

/* 6.3: flags of a mapping change through functions, which see to its lock. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
