/* SPDX-License-Identifier: BSD-2-Clause */
#define NAME	surface_two
#include "surface.inc"
