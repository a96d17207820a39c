/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Headers of TCP segments. See segment.h. IPv4 identifications count up, as NICs do it.
 */
#include "core/segment.h"

#define TCP 6

bool lr_segment_find(struct lr_segment *s, const uint8_t *head, uint32_t n, uint32_t gso_type, uint32_t gso_size,
		     uint32_t csum_start)
{
	uint32_t kind = gso_type & ~LR_GSO_ECN, ip;

	if (kind != LR_GSO_TCPV4 && kind != LR_GSO_TCPV6)
		return false;
	memcpy(s->head, head, n);
	s->size = gso_size;
	s->tcp = csum_start;
	s->v6 = kind == LR_GSO_TCPV6;
	for (ip = 12; ip + 4 < n && (lr_get16(head + ip) == 0x8100 || lr_get16(head + ip) == 0x88a8); ip += 4)
		;
	s->ip = ip += 2;
	if (!gso_size || s->tcp & 1 || s->tcp + 20 > n || s->tcp < ip + (s->v6 ? 40 : 20))
		return false;
	if (s->v6 && s->head[ip] >> 4 != 6)
		return false;
	if (!s->v6 && (s->head[ip] >> 4 != 4 || (s->head[ip] & 15u) * 4 != s->tcp - ip || s->head[ip + 9] != TCP))
		return false;
	s->head_len = s->tcp + (s->head[s->tcp + 12] >> 4) * 4u;
	return s->head_len >= s->tcp + 20 && s->head_len < n;
}

void lr_segment_make(const struct lr_segment *s, uint8_t *head, uint32_t ofs, uint32_t n, bool last, uint64_t sum)
{
	uint8_t *ip = head + s->ip, *tcp = head + s->tcp;
	uint32_t tcp_len = s->head_len - s->tcp + n, seq = lr_get32(s->head + s->tcp + 4) + ofs;
	uint8_t pseudo[4] = { 0, TCP, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len };

	memcpy(head, s->head, s->head_len);
	if (s->v6) {
		lr_put16(ip + 4, s->head_len - s->ip - 40 + n);
	} else {
		lr_put16(ip + 2, s->head_len - s->ip + n);
		lr_put16(ip + 4, lr_get16(ip + 4) + ofs / s->size);
		lr_put16(ip + 10, 0);
		lr_sum_put(ip + 10, lr_sum_add(0, ip, s->tcp - s->ip));
	}
	lr_put16(tcp + 4, seq >> 16);
	lr_put16(tcp + 6, seq);
	if (ofs)
		tcp[13] &= 0x7f;	/* CWR: the first only */
	if (!last)
		tcp[13] &= 0xf6;	/* FIN, PSH: the last only */
	lr_put16(tcp + 16, 0);
	sum = lr_sum_add(sum, pseudo, 4);
	sum = lr_sum_add(sum, ip + (s->v6 ? 8 : 12), s->v6 ? 32 : 8);
	lr_sum_put(tcp + 16, lr_sum_add(sum, tcp, s->head_len - s->tcp));
}
