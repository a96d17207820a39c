/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Shared memory in the programs that map it. Pages are mapped as they are touched, one by one: most of a region is never
 * used by a program, and it grows while it is mapped.
 *
 * A mapping does not keep the descriptor open that it was made with, or closing that would not unbind it: it has a file of its
 * own, which holds the memory. A region that its last user left lives on in the mappings, seen by nobody else.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "os_compat.h"
#include "pages.h"

/* Where the region has no memory yet, there is none to see: SIGBUS. */
static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct page *page = os_mem_page(vmf->vma->vm_private_data, (u64)vmf->pgoff << PAGE_SHIFT);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct map_ops = {
	.fault = map_fault,
};

static int map_release(struct inode *inode, struct file *file)
{
	os_mem_put(file->private_data);
	return 0;
}

static const struct file_operations map_fops = {
	.owner = THIS_MODULE,	/* the module stays while something is mapped */
	.release = map_release,
};

/* A private copy, or what goes on beyond the end, would never meet a packet. */
static int check(const struct os_mem *mem, struct vm_area_struct *vma)
{
	u64 pages = os_mem_size(mem) >> PAGE_SHIFT;

	/* Of a descriptor that is only read the kernel takes VM_SHARED away. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	return vma->vm_pgoff > pages || vma_pages(vma) > pages - vma->vm_pgoff ? -EINVAL : 0;
}

int os_mem_map(struct os_mem *mem, struct vm_area_struct *vma)
{
	int err = check(mem, vma);
	struct file *file;

	if (err)
		return err;
	os_mem_get(mem);
	file = anon_inode_getfile("[netmap]", &map_fops, mem, O_RDWR);
	if (IS_ERR(file)) {
		os_mem_put(mem);
		return PTR_ERR(file);
	}
	vma_set_file(vma, file);
	fput(file);	/* the mapping has it now */
	vma->vm_private_data = mem;
	vma->vm_ops = &map_ops;
	/* It cannot grow past the region, and packets have no place in a core dump. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}
