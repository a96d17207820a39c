/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables, as wide as what is in them. */
#include "print.h"

#include "snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int name_width(const struct snapshot *s)
{
	size_t width = 4;
	uint32_t i;

	for (i = 0; i < s->port_count; i++)
		if (strlen(s->ports[i].entry.name) > width)
			width = strlen(s->ports[i].entry.name);
	return (int)width;
}

/* "2+1 x 1024": hardware rings, host rings, slots of each. */
static const char *ring_numbers(char text[40], const struct nm_port_entry *e, int kind)
{
	if (e->rings[kind + 1])
		snprintf(text, 40, "%u+%u x %u", e->rings[kind], e->rings[kind + 1], e->slots[kind]);
	else
		snprintf(text, 40, "%u x %u", e->rings[kind], e->slots[kind]);
	return text;
}

void print_ports(const struct snapshot *s)
{
	int width = name_width(s);
	uint32_t i;

	printf("%-*s  %-6s %5s  %-12s  %-12s %6s  %s\n", width, "PORT", "KIND", "USERS", "TX RINGS", "RX RINGS", "REGION", "BACK END");
	for (i = 0; i < s->port_count; i++) {
		const struct nm_port_entry *e = &s->ports[i].entry;
		char tx[40], rx[40];

		printf("%-*s  %-6s %5u  %-12s  %-12s %6u  %s\n", width, e->name, e->kind, e->users, ring_numbers(tx, e, 0),
		       ring_numbers(rx, e, 2), e->mem_id, e->backend);
	}
}

int print_rings(const struct snapshot *s, const char *name)
{
	int width = name_width(s), found = 0;
	uint32_t i, k;

	for (i = 0; name && i < s->port_count; i++)
		found |= strcmp(s->ports[i].entry.name, name) == 0;
	if (name && !found)
		return 0;
	printf("%-*s  %-7s %3s %5s %14s %16s %10s %6s %6s %12s %10s %10s\n", width, "PORT", "RINGS", "#", "SLOTS", "PACKETS",
	       "BYTES", "DROPS", "BAD", "RESETS", "SYNCS", "KICKS", "WAKEUPS");
	for (i = 0; i < s->port_count; i++) {
		const struct snapshot_port *p = &s->ports[i];

		for (k = 0; k < p->ring_count && (!name || strcmp(p->entry.name, name) == 0); k++) {
			const struct nm_ring_stats *r = &p->rings[k];

			printf("%-*s  %-7s %3u %5u %14" PRIu64 " %16" PRIu64 " %10" PRIu64 " %6" PRIu64 " %6" PRIu64 " %12" PRIu64
			       " %10" PRIu64 " %10" PRIu64 "\n",
			       width, p->entry.name, snapshot_ring_kind(r), r->ring, r->num_slots, r->packets, r->bytes, r->drops,
			       r->bad_slots, r->resets, r->syncs, r->kicks, r->wakeups);
		}
	}
	return 1;
}

void print_switches(const struct snapshot *s)
{
	uint32_t i;

	printf("%6s %4s  %s\n", "SWITCH", "#", "PORT");
	for (i = 0; i < s->vale_count; i++)
		printf("%6u %4u  %s\n", s->vales[i].bridge, s->vales[i].index, s->vales[i].name);
}

void print_memory(const struct snapshot *s)
{
	static const char *const pools[] = { "if", "ring", "buf" };
	uint32_t i;
	int k;

	printf("%6s %10s  %-5s %8s %10s %10s %10s %10s\n", "REGION", "MIB", "POOL", "BYTES", "USED", "READY", "MOST", "USED KIB");
	for (i = 0; i < s->region_count; i++) {
		const struct nm_region_entry *r = &s->regions[i];

		for (k = 0; k < 3; k++) {
			if (k == 0)
				printf("%6u %10.1f", r->id, (double)r->size / 1048576);
			else
				printf("%6s %10s", "", "");
			printf("  %-5s %8u %10u %10u %10u %10" PRIu64 "\n", pools[k], r->pool[k].size, r->pool[k].used,
			       r->pool[k].ready, r->pool[k].num, (uint64_t)r->pool[k].used * r->pool[k].size >> 10);
		}
	}
}

/* --- JSON (RFC 8259) ----------------------------------------------------------------------------- */

static void json_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void json_ring(const struct nm_ring_stats *r)
{
	printf("{\"ring\":%u,\"direction\":\"%s\",\"host\":%s,\"slots\":%u,\"hwcur\":%u,\"hwtail\":%u", r->ring,
	       r->dir ? "rx" : "tx", r->host ? "true" : "false", r->num_slots, r->hwcur, r->hwtail);
	printf(",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"drops\":%" PRIu64 ",\"kicks\":%" PRIu64 ",\"syncs\":%" PRIu64,
	       r->packets, r->bytes, r->drops, r->kicks, r->syncs);
	printf(",\"bad_slots\":%" PRIu64 ",\"resets\":%" PRIu64 ",\"wakeups\":%" PRIu64 "}", r->bad_slots, r->resets, r->wakeups);
}

static void json_port(const struct snapshot_port *p)
{
	const struct nm_port_entry *e = &p->entry;
	uint32_t i;

	printf("{\"name\":");
	json_text(e->name);
	printf(",\"kind\":");
	json_text(e->kind);
	printf(",\"users\":%u,\"region\":%u,\"backend\":", e->users, e->mem_id);
	json_text(e->backend);
	printf(",\"rings\":[");
	for (i = 0; i < p->ring_count; i++) {
		if (i)
			putchar(',');
		json_ring(&p->rings[i]);
	}
	printf("]}");
}

static void json_region(const struct nm_region_entry *r)
{
	static const char *const pools[] = { "if", "ring", "buf" };
	int k;

	printf("{\"id\":%u,\"bytes\":%" PRIu64, r->id, r->size);
	for (k = 0; k < 3; k++)
		printf(",\"%s\":{\"bytes\":%u,\"used\":%u,\"ready\":%u,\"most\":%u}", pools[k], r->pool[k].size, r->pool[k].used,
		       r->pool[k].ready, r->pool[k].num);
	putchar('}');
}

void print_json(const struct snapshot *s)
{
	uint32_t i;

	printf("{\"host\":");
	json_text(s->host);
	printf(",\"time\":%.9f,\"ports\":[", (double)s->time / 1e9);
	for (i = 0; i < s->port_count; i++) {
		if (i)
			putchar(',');
		json_port(&s->ports[i]);
	}
	printf("],\"switches\":[");
	for (i = 0; i < s->vale_count; i++) {
		printf("%s{\"switch\":%u,\"index\":%u,\"port\":", i ? "," : "", s->vales[i].bridge, s->vales[i].index);
		json_text(s->vales[i].name);
		putchar('}');
	}
	printf("],\"memory\":[");
	for (i = 0; i < s->region_count; i++) {
		if (i)
			putchar(',');
		json_region(&s->regions[i]);
	}
	printf("]}\n");
}
