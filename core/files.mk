# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# The one list of core sources, for the Makefile and for Kbuild.
CORE_SRCS := control.c file.c legacy.c list.c null.c option.c pipe.c port.c region.c register.c ring.c segment.c vale.c vale_deliver.c vale_forward.c vale_function.c vale_header.c vale_nic.c vale_persist.c vale_request.c vale_switch.c vale_table.c why.c
