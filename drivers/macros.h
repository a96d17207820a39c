/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* For Coccinelle only: what in the kernel's sources looks like no C to it. */
#define __free(x)
/* It concludes from __free(kfree) that this is a type. */
#define kfree(x) kfree_sensitive(x)
