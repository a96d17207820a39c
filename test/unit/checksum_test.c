/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums left to hardware: frames as a stack hands them over, with the sum of the pseudo header in the field, must
 * come out as a receiver wants them.
 */
#include "nic/user/checksum.h"
#include "unit.h"

struct frame {
	uint8_t b[2048];
	size_t len; /* of the frame, with what pads it */
	size_t ip, l4, end; /* where the headers are, and the end of the segment */
	unsigned int proto;
	bool v6;
};

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Ones' complement sum, the plain way. */
static uint32_t add(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t pseudo(const struct frame *f)
{
	uint8_t tail[4] = { 0, (uint8_t)f->proto };
	uint32_t sum = f->v6 ? add(0, f->b + f->ip + 8, 32) : add(0, f->b + f->ip + 12, 8);

	put16(tail + 2, (unsigned int)(f->end - f->l4));
	return add(sum, tail, 4);
}

/* A frame with `tags` VLAN tags, an IPv6 extension header if ext, and len bytes of TCP (6) or UDP (17). */
static void make(struct frame *f, bool v6, unsigned int tags, bool ext, unsigned int proto, size_t len, uint64_t *seed)
{
	uint8_t *p = f->b;
	size_t i;

	for (i = 0; i < sizeof(f->b); i++)
		f->b[i] = (uint8_t)unit_random(seed);
	p += 12;
	for (i = 0; i < tags; i++, p += 4)
		put16(p, i ? 0x8100 : 0x88a8);
	put16(p, v6 ? 0x86dd : 0x0800);
	p += 2;
	f->ip = (size_t)(p - f->b);
	f->v6 = v6;
	f->proto = proto;
	if (v6) {
		p[0] = 0x60;
		p[6] = ext ? 0 : (uint8_t)proto;
		put16(p + 4, (unsigned int)(len + (ext ? 16 : 0)));
		p += 40;
		if (ext) {
			p[0] = (uint8_t)proto;
			p[1] = 1;
			p += 16;
		}
	} else {
		p[0] = ext ? 0x47 : 0x45; /* with options */
		p[9] = (uint8_t)proto;
		put16(p + 6, 0x4000);
		put16(p + 2, (unsigned int)(len + (ext ? 28 : 20)));
		p += ext ? 28 : 20;
	}
	f->l4 = (size_t)(p - f->b);
	f->end = f->l4 + len;
	f->len = f->end + 7;
	put16(p + (proto == 6 ? 16 : 6), pseudo(f));
}

static void all_kinds(void)
{
	uint64_t seed = 1;
	struct frame f;
	unsigned int i;
	size_t len;

	for (i = 0; i < 32; i++) {
		for (len = 20; len < 1400; len += 1 + len / 9) {
			make(&f, i & 1, i >> 1 & 3, i >> 3 & 1, i >> 4 ? 17 : 6, len, &seed);
			CHECK(lr_checksum_complete(f.b, f.len));
			CHECK_EQ(add(pseudo(&f), f.b + f.l4, len), 0xffff);
		}
	}
}

/* The same in pieces of every size; and finished packets are known as such, nearly always. */
static void pieces(void)
{
	unsigned int i, chance = 0;
	struct lr_checksum c;
	uint64_t seed = 3;
	struct frame f;
	size_t piece, at;

	for (i = 0; i < 3000; i++) {
		uint64_t sum = 0;

		make(&f, i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1 ? 17 : 6, 20 + unit_random(&seed) % 1300, &seed);
		piece = 120 + unit_random(&seed) % 300;
		CHECK(lr_checksum_unfinished(f.b, piece, f.len, &c));
		for (at = 0; at < f.len; at += piece)
			sum = lr_checksum_add(sum, &c, f.b + at, at, f.len - at < piece ? f.len - at : piece);
		lr_checksum_finish(f.b, &c, sum);
		CHECK_EQ(add(pseudo(&f), f.b + f.l4, f.end - f.l4), 0xffff);
		chance += lr_checksum_unfinished(f.b, piece, f.len, &c);
	}
	CHECK(chance < 3);
}

/* Completing twice is completing once, also where a finished checksum looks like an unfinished one. */
static void by_chance(void)
{
	struct frame base, f, g;
	struct lr_checksum c;
	uint64_t seed = 4;
	unsigned int i, chance = 0;

	make(&base, false, 0, false, 6, 60, &seed);
	for (i = 0; i < 65536; i++) {
		f = base;
		put16(f.b + f.l4 + 20, i);
		lr_checksum_complete(f.b, f.len);
		g = f;
		if (!lr_checksum_unfinished(f.b, f.len, f.len, &c))
			continue;
		chance++;
		lr_checksum_complete(f.b, f.len);
		CHECK(memcmp(&f, &g, sizeof(f)) == 0);
	}
	CHECK(chance == 1 || chance == 2);
}

/* Nothing is touched that is not understood, or is cut short anywhere. */
static void damaged(void)
{
	struct frame f;
	uint64_t seed = 2;
	size_t len, i;

	for (i = 0; i < 8; i++) {
		make(&f, i & 1, i >> 1 & 1, i >> 2 & 1, 6, 100, &seed);
		for (len = 0; len < f.end; len++) {
			uint8_t *exact = malloc(len ? len : 1); /* for the sanitizer */

			memcpy(exact, f.b, len);
			CHECK(!lr_checksum_complete(exact, len));
			CHECK(memcmp(exact, f.b, len) == 0);
			free(exact);
		}
	}
	make(&f, false, 0, false, 6, 100, &seed);
	put16(f.b + f.ip + 6, 0x2000); /* a fragment */
	CHECK(!lr_checksum_complete(f.b, f.len));
	make(&f, false, 0, false, 132, 100, &seed); /* SCTP */
	CHECK(!lr_checksum_complete(f.b, f.len));
	for (i = 0; i < 200000; i++) {
		make(&f, i & 1, 0, i >> 1 & 1, i & 4 ? 17 : 6, unit_random(&seed) % 200, &seed);
		f.b[12 + unit_random(&seed) % 80] = (uint8_t)unit_random(&seed);
		lr_checksum_complete(f.b, f.len);
	}
}

static const struct unit_case cases[] = {
	{ "TCP and UDP over IPv4 and IPv6", all_kinds },
	{ "frames in pieces", pieces },
	{ "a finished checksum that looks unfinished", by_chance },
	{ "damaged frames", damaged },
};

int main(int argc, char **argv)
{
	return unit_main(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
