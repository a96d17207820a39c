/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* For Coccinelle only, which does not know them: what in the kernel's sources looks like no C. */
#define __free(x)
