/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets of a pcap file, all in memory. The format is that of pcap-savefile(5): a file header of 24 bytes, then
 * for each packet a header of 16 bytes and its data, in the byte order of the machine that wrote it.
 */
#include "capture.h"

#include "../lib/fault.h"

#include <byteswap.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_HEADER 24
#define PACKET_HEADER 16
#define MAGIC_MICRO 0xa1b2c3d4
#define MAGIC_NANO 0xa1b23c4d
#define MAGIC_PCAPNG 0x0a0d0d0a
#define LINK_ETHERNET 1
#define PACKET_MAX 65535

static uint32_t load32(const uint8_t *from, bool swapped)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return swapped ? bswap_32(value) : value;
}

/* Reads all there is, so that a pipe will do. Returns what went wrong, or NULL. */
static const char *file_read(struct capture *capture, FILE *stream)
{
	size_t room = 1 << 16;

	for (;;) {
		uint8_t *larger = realloc(capture->file, room);

		if (!larger)
			return strerror(ENOMEM);
		capture->file = larger;
		capture->size += fread(larger + capture->size, 1, room - capture->size, stream);
		if (capture->size < room)
			return ferror(stream) ? strerror(errno) : NULL;
		room *= 2;
	}
}

/* Checks the header of the file. Returns what is wrong with it, or NULL. */
static const char *header_check(const struct capture *capture, bool *swapped)
{
	uint32_t magic;

	if (capture->size < FILE_HEADER)
		return "too short to be a pcap file";
	magic = load32(capture->file, false);
	if (magic == MAGIC_PCAPNG)
		return "a pcapng file, only pcap is understood";
	*swapped = magic == bswap_32(MAGIC_MICRO) || magic == bswap_32(MAGIC_NANO);
	if (!*swapped && magic != MAGIC_MICRO && magic != MAGIC_NANO)
		return "no pcap file";
	/* The high half of the link type has other uses. */
	if ((load32(capture->file + 20, *swapped) & 0xffff) != LINK_ETHERNET)
		return "not a capture of Ethernet packets";
	return NULL;
}

/*
 * Walks the packets, first only counting them, then with capture->packets to be filled. Returns what is wrong, or
 * NULL.
 */
static const char *packets_walk(struct capture *capture, bool swapped)
{
	size_t at = FILE_HEADER;

	capture->count = capture->cut = 0;
	while (at < capture->size) {
		uint32_t length;

		if (capture->size - at < PACKET_HEADER)
			return "cut off inside a packet header";
		length = load32(capture->file + at + 8, swapped);
		if (length > PACKET_MAX)
			return "damaged: a packet is longer than 65535 bytes";
		if (length < load32(capture->file + at + 12, swapped))
			capture->cut++;
		at += PACKET_HEADER;
		if (capture->size - at < length)
			return "cut off inside a packet";
		if (capture->packets)
			capture->packets[capture->count] = (struct capture_packet){ capture->file + at, length };
		if (length > capture->longest)
			capture->longest = length;
		capture->count += length > 0;
		at += length;
	}
	return capture->count ? NULL : "without packets";
}

static const char *load(struct capture *capture, const char *path)
{
	FILE *stream = fopen(path, "re");
	const char *wrong;
	bool swapped;

	if (!stream)
		return strerror(errno);
	wrong = file_read(capture, stream);
	fclose(stream);
	if (!wrong)
		wrong = header_check(capture, &swapped);
	if (!wrong)
		wrong = packets_walk(capture, swapped);
	if (wrong)
		return wrong;
	capture->packets = calloc(capture->count + 1, sizeof(*capture->packets));
	if (!capture->packets)
		return strerror(ENOMEM);
	return packets_walk(capture, swapped);
}

bool capture_load(struct capture *capture, const char *path)
{
	const char *wrong;

	memset(capture, 0, sizeof(*capture));
	wrong = load(capture, path);
	if (wrong) {
		fault_say("-P: %s: %s", path, wrong);
		capture_fini(capture);
		return false;
	}
	if (capture->cut)
		fault_say("-P: %s: %zu of %zu packets were cut short when they were captured, they are sent so", path,
			  capture->cut, capture->count);
	return true;
}

void capture_prefix(struct capture *capture, uint32_t length)
{
	if (!length)
		return;
	/* The header that the file has there has been read. */
	for (size_t i = 0; i < capture->count; i++) {
		struct capture_packet *packet = &capture->packets[i];

		packet->bytes -= length;
		packet->length += length;
		memset(packet->bytes, 0, length);
	}
	capture->longest += length;
}

void capture_fini(struct capture *capture)
{
	free(capture->packets);
	free(capture->file);
	memset(capture, 0, sizeof(*capture));
}
