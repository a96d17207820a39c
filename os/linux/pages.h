/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Kernel only: the pages behind shared memory, and mappings of them in programs.
 */
#ifndef LR_OS_PAGES_H
#define LR_OS_PAGES_H

#include "os/os.h"

struct page;
struct vm_area_struct;

/*
 * The page at an offset, or NULL where nothing is committed. Does not sleep; may run beside os_mem_commit. Whoever keeps it
 * beyond his use of the memory takes a reference to it.
 */
struct page *os_mem_page(struct os_mem *mem, uint64_t offset);

/* Another user of the memory, beside the one that made it and has os_mem_destroy; any context that may sleep. */
void os_mem_get(struct os_mem *mem);
void os_mem_put(struct os_mem *mem);

uint64_t os_mem_size(const struct os_mem *mem);

/*
 * Maps the memory into a program, as the mmap operation of a file: the offset in vma is an offset in the memory. 0, -EINVAL
 * when it is beyond the end or not shared, -ENOMEM.
 */
int os_mem_map(struct os_mem *mem, struct vm_area_struct *vma);

#endif
