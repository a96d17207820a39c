/* SPDX-License-Identifier: BSD-2-Clause */
/* What the assertions that rows.awk writes need. */
#include <stddef.h>

#include <libnetmap.h>
#include <net/netmap.h>
#include <net/netmap_user.h>
