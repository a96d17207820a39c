/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets of a pcap file, all in memory. */
#ifndef PKT_GEN_CAPTURE_H
#define PKT_GEN_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_packet {
	uint8_t *bytes;
	uint32_t length;
};

struct capture {
	uint8_t *file;
	size_t size;
	struct capture_packet *packets;
	size_t count;
	size_t cut;		/* packets of which the file has only the start */
	uint32_t longest;
};

/* False after a message on stderr. */
bool capture_load(struct capture *capture, const char *path);
/* Puts so many zero bytes, at most 16, before each packet: the virtio-net header. */
void capture_prefix(struct capture *capture, uint32_t length);
void capture_fini(struct capture *capture);

#endif
