/* SPDX-License-Identifier: BSD-2-Clause */
#define NAME	surface_one
#include "surface.inc"

#ifdef __cplusplus
extern "C"
#endif
uint32_t (*surface_both(int which))(struct nmport_d *);

uint32_t surface_two(struct nmport_d *port);

uint32_t (*surface_both(int which))(struct nmport_d *)
{
	return which ? surface_one : surface_two;
}

int
main(void)
{
	return surface_both(0) == surface_both(1);
}
