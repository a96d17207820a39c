/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of ports and memory regions. netmap_linerate.h.
 */
#include <stdlib.h>

#include "port.h"

#define ROOM 512

static struct nm_port_entry ports[ROOM];
static struct nm_region_entry regions[ROOM];

static unsigned int get_ports(int fd, uint32_t room)
{
	struct nmreq_list body = { .nr_list = PTR(ports), .nr_count = room };

	memset(ports, 0xee, sizeof(ports));
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_PORTS_GET, "", &body));
	CHECK(body.nr_host[0] && memchr(body.nr_host, 0, sizeof(body.nr_host)));
	return body.nr_count;
}

static const struct nm_port_entry *find(unsigned int n, const char *name)
{
	for (unsigned int i = 0; i < n && i < ROOM; i++)
		if (strcmp(ports[i].name, name) == 0)
			return &ports[i];
	return NULL;
}

static const struct nm_region_entry *region(int fd, uint16_t id)
{
	struct nmreq_list body = { .nr_list = PTR(regions), .nr_count = ROOM };

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGIONS_GET, "", &body));
	for (unsigned int i = 0; i < body.nr_count && i < ROOM; i++)
		if (regions[i].id == id)
			return &regions[i];
	return NULL;
}

/* They come and go with those who use them. */
CASE(ports_that_are_open)
{
	struct nmreq_register want = { .nr_tx_slots = 33, .nr_rx_slots = 44 };
	const struct nm_port_entry *e;
	int fd = dev_open();
	struct port p;

	CHECK(!find(get_ports(fd, ROOM), unique("{1")));
	p = port_open(unique("{1"), &want);
	e = find(get_ports(fd, ROOM), p.name);
	CHECK(e != NULL);
	CHECK_EQ(strcmp(e->kind, "pipe"), 0);
	CHECK_EQ(e->users, 1);
	CHECK_EQ(e->mem_id, p.reg.nr_mem_id);
	CHECK_EQ(e->rings[0], 1);
	CHECK_EQ(e->rings[1], 0);
	CHECK_EQ(e->rings[2], 1);
	CHECK_EQ(e->slots[0], 33);
	CHECK_EQ(e->slots[1], 0);
	CHECK_EQ(e->slots[2], 44);
	port_close(&p);
	CHECK(!find(get_ports(fd, ROOM), p.name));
	close(fd);
}

CASE(less_room_than_ports)
{
	struct port p[2];
	unsigned int there;
	int fd = dev_open();

	pipe_open(p, unique("x"), 0);
	there = get_ports(fd, ROOM);
	CHECK(there >= 2);
	CHECK_EQ(get_ports(fd, 1), there);
	CHECK((unsigned char)ports[1].name[0] == 0xee);
	CHECK_EQ(get_ports(fd, 0), there);
	CHECK((unsigned char)ports[0].name[0] == 0xee);
	port_close(&p[0]);
	port_close(&p[1]);
	close(fd);
}

CASE(regions_that_are_used)
{
	struct nmreq_register want = { .nr_extra_bufs = 100 };
	struct port p = port_open(unique("{1"), NULL), more;
	const struct nm_region_entry *r = region(p.fd, p.reg.nr_mem_id);
	uint32_t used;

	CHECK(r != NULL);
	CHECK_EQ(r->size, p.reg.nr_memsize);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(r->pool[i].used <= r->pool[i].ready && r->pool[i].ready <= r->pool[i].num && r->pool[i].size);
	used = r->pool[2].used;
	CHECK(used >= p.reg.nr_tx_slots + p.reg.nr_rx_slots);
	more = port_open(unique("}1"), &want);
	r = region(p.fd, p.reg.nr_mem_id);
	CHECK(r && r->pool[2].used >= used + 100);
	port_close(&more);
	r = region(p.fd, p.reg.nr_mem_id);
	CHECK(r && r->pool[2].used == used);
	port_close(&p);
}

CASE(absurd_lists)
{
	struct nmreq_list body = { .nr_list = 0x10, .nr_count = 7 };
	struct port p = port_open(unique("{1"), NULL);

	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_PORTS_GET, "", &body), EFAULT);
	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_REGIONS_GET, "", &body), EFAULT);
	body = (struct nmreq_list){ .nr_list = 0, .nr_count = UINT32_MAX };
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORTS_GET, "", &body));
	CHECK(body.nr_count >= 1 && body.nr_count < UINT32_MAX);
	body = (struct nmreq_list){ .nr_list = PTR(ports), .nr_count = UINT32_MAX };
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORTS_GET, "", &body));
	CHECK(body.nr_count >= 1);
	port_close(&p);
}
