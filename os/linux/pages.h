/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Kernel only: the pages behind shared memory, for whoever maps them into programs.
 */
#ifndef LR_OS_PAGES_H
#define LR_OS_PAGES_H

#include "os/os.h"

struct page;

/*
 * The page at an offset, or NULL where nothing is committed. Does not sleep; may run beside os_mem_commit. Whoever keeps it
 * beyond os_mem_destroy takes a reference to it.
 */
struct page *os_mem_page(struct os_mem *mem, uint64_t offset);

#endif
