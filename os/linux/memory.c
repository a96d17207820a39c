/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in the kernel: our memory, the caller's, and what is shared.
 *
 * Shared memory is an offset space of pages, each found by its number. It comes in pieces, one per os_mem_commit, that we
 * see as one range of addresses: contiguous pages if there are any, else pages mapped so. Every page has a reference count
 * of its own in both cases; a mapping that outlives us keeps its pages by holding one. Pages are charged to the
 * memory cgroup of the caller.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "fail.h"
#include "os/os.h"
#include "pages.h"

/*
 * Failures are told by the core, in words: the page allocator need not dump its state, and nobody is killed for us to have
 * memory. Programs ask for as much as there is.
 */
#define GFP_OURS (GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* What one os_mem_commit gave. */
struct piece {
	char *addr;
	size_t len;
	unsigned long first;	/* number of its first page in the offset space */
};

struct os_mem {
	refcount_t refs;	/* its maker, and the files of its mappings */
	uint64_t size;
	struct xarray pages;	/* number of a page -> piece; has its own lock, read under RCU */
};

#ifdef LR_DEBUG
atomic_t os_fail_countdown;
#endif

void *os_zalloc(size_t size)
{
	return os_fail_alloc() ? NULL : kvzalloc(size, GFP_OURS);
}

void os_free(void *p)
{
	kvfree(p);
}

int os_copyin(void *dst, uint64_t uaddr, size_t len)
{
	return copy_from_user(dst, u64_to_user_ptr(uaddr), len) ? -EFAULT : 0;
}

int os_copyout(uint64_t uaddr, const void *src, size_t len)
{
	return copy_to_user(u64_to_user_ptr(uaddr), src, len) ? -EFAULT : 0;
}

int os_mem_create(struct os_mem **out, uint64_t size)
{
	struct os_mem *mem;

	if (size == 0 || !PAGE_ALIGNED(size))
		return -EINVAL;
	mem = os_zalloc(sizeof(*mem));
	if (!mem)
		return -ENOMEM;
	refcount_set(&mem->refs, 1);
	mem->size = size;
	xa_init_flags(&mem->pages, XA_FLAGS_ACCOUNT);
	*out = mem;
	return 0;
}

static struct piece *piece_alloc(unsigned long first, size_t len)
{
	struct piece *p = os_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->first = first;
	p->len = len;
	if (os_fail_alloc())
		goto err_pages;
	p->addr = alloc_pages_exact(len, (GFP_OURS & ~__GFP_RETRY_MAYFAIL) | __GFP_ZERO | __GFP_NORETRY);
	if (!p->addr)
		p->addr = __vmalloc(len, GFP_OURS | __GFP_ZERO);
	if (p->addr)
		return p;
err_pages:
	os_free(p);
	return NULL;
}

static void piece_free(struct piece *p)
{
	if (is_vmalloc_addr(p->addr))
		vfree(p->addr);
	else
		free_pages_exact(p->addr, p->len);
	os_free(p);
}

void *os_mem_commit(struct os_mem *mem, uint64_t offset, size_t len)
{
	unsigned long first = offset >> PAGE_SHIFT, n = len >> PAGE_SHIFT, i;
	struct piece *p;

	os_assert(n && PAGE_ALIGNED(offset | len) && offset + len <= mem->size);
	p = piece_alloc(first, len);
	if (!p)
		return NULL;
	for (i = 0; i < n; i++)
		if (xa_insert(&mem->pages, first + i, p, GFP_OURS))
			goto err_insert;
	return p->addr;

err_insert:
	while (i--)
		xa_erase(&mem->pages, first + i);
	piece_free(p);
	return NULL;
}

static void mem_free(struct os_mem *mem)
{
	unsigned long number;
	struct piece *p;

	/* A piece stands there once for each page; its last page is met last. */
	xa_for_each(&mem->pages, number, p)
		if (number == p->first + (p->len >> PAGE_SHIFT) - 1)
			piece_free(p);
	xa_destroy(&mem->pages);
	os_free(mem);
}

void os_mem_get(struct os_mem *mem)
{
	refcount_inc(&mem->refs);
}

void os_mem_put(struct os_mem *mem)
{
	if (refcount_dec_and_test(&mem->refs))
		mem_free(mem);
}

void os_mem_destroy(struct os_mem *mem)
{
	os_mem_put(mem);
}

uint64_t os_mem_size(const struct os_mem *mem)
{
	return mem->size;
}

struct page *os_mem_page(struct os_mem *mem, uint64_t offset)
{
	unsigned long number = offset >> PAGE_SHIFT;
	const struct piece *p = xa_load(&mem->pages, number);
	const char *addr;

	if (!p)
		return NULL;
	addr = p->addr + ((number - p->first) << PAGE_SHIFT);
	return is_vmalloc_addr(addr) ? vmalloc_to_page(addr) : virt_to_page(addr);
}
