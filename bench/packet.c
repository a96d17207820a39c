/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet: an AF_PACKET sender with a transmit ring in shared memory (PACKET_MMAP, TPACKET_V2) past the queueing
 * discipline: the best that the kernel offered before AF_XDP.
 *
 * The frames are written before the clock starts. Measured: handing slots over and the send() for each batch. The
 * count is of slots that the kernel has given back.
 */
#include "args.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SLOT 2048u
#define BLOCK (1u << 16)
#define DATA TPACKET_ALIGN(sizeof(struct tpacket2_hdr))

static const char letters[] = "i:b:r:l:t:c:S:D:s:d:h";
static const char purpose[] = "packet -i NAME [options]: send through an AF_PACKET transmit ring\n";

struct packet {
	struct args args;
	char *ring;
	size_t size;
	unsigned next;		/* slot to hand over next */
	unsigned oldest;	/* first slot that is the kernel's */
	unsigned pending;	/* slots that are the kernel's */
	uint64_t done, kicks, errors;
	int fd;
};

static struct tpacket2_hdr *slot(const struct packet *p, unsigned i)
{
	return (struct tpacket2_hdr *)(p->ring + (size_t)i * SLOT);
}

static int prepare(struct packet *p)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(p->args.ifname) };
	struct tpacket_req req = { .tp_frame_size = SLOT, .tp_block_size = BLOCK };
	int version = TPACKET_V2, one = 1, space = 64 << 20;

	if (!to.sll_ifindex) {
		fprintf(stderr, "%s: no such interface\n", p->args.ifname);
		return -1;
	}
	if (p->args.ring < BLOCK / SLOT)
		p->args.ring = BLOCK / SLOT;
	if (p->args.batch > p->args.ring)
		p->args.batch = p->args.ring;
	req.tp_frame_nr = p->args.ring;
	req.tp_block_nr = p->args.ring / (BLOCK / SLOT);
	p->size = (size_t)p->args.ring * SLOT;
	p->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (p->fd < 0) {
		fprintf(stderr, "cannot make a packet socket: %s\n", strerror(errno));
		return -1;
	}
	setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
	if (setsockopt(p->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(p->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    setsockopt(p->fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req))) {
		fprintf(stderr, "cannot have a transmit ring of %u slots: %s\n", p->args.ring, strerror(errno));
		return -1;
	}
	p->ring = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->fd, 0);
	if (p->ring == MAP_FAILED || bind(p->fd, (struct sockaddr *)&to, sizeof(to))) {
		fprintf(stderr, "cannot use %s: %s\n", p->args.ifname, strerror(errno));
		return -1;
	}
	for (unsigned i = 0; i < p->args.ring; i++)
		args_frame(&p->args, (char *)slot(p, i) + DATA);
	return 0;
}

/* Count the slots that came back, in order; a frame that the kernel finds malformed is an error of ours. */
static void reclaim(struct packet *p)
{
	while (p->pending) {
		uint32_t status = __atomic_load_n(&slot(p, p->oldest)->tp_status, __ATOMIC_ACQUIRE);

		if (status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING))
			return;
		if (status & TP_STATUS_WRONG_FORMAT)
			p->errors++;
		else
			p->done++;
		p->oldest = (p->oldest + 1) & (p->args.ring - 1);
		p->pending--;
	}
}

static void submit(struct packet *p)
{
	for (unsigned n = 0; n < p->args.batch && p->pending < p->args.ring; n++) {
		struct tpacket2_hdr *h = slot(p, p->next);

		h->tp_len = p->args.length;
		__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
		p->next = (p->next + 1) & (p->args.ring - 1);
		p->pending++;
	}
}

static void kick(struct packet *p)
{
	p->kicks++;
	if (send(p->fd, NULL, 0, MSG_DONTWAIT) < 0)
		p->errors++;
}

int main(int argc, char **argv)
{
	struct packet p = { .fd = -1 };
	uint64_t end, deadline, now;
	struct measure m;

	args_parse(&p.args, argc, argv, letters, purpose);
	if (p.args.rest != argc) {
		args_help(stderr, purpose, letters);
		return 2;
	}
	if (prepare(&p))
		return 1;
	measure_catch_signals();
	measure_pin(p.args.core);
	measure_start(&m);
	end = m.nsec + (uint64_t)(p.args.seconds * 1e9);
	do {
		reclaim(&p);
		submit(&p);
		kick(&p);
		now = measure_nsec();
	} while (now < end && !measure_interrupted);
	for (deadline = now + 200000000u; p.pending && measure_nsec() < deadline; reclaim(&p))
		kick(&p);
	measure_stop(&m);
	measure_print(&m, "packet-tx", p.done, " kicks=%" PRIu64 " errors=%" PRIu64 " missing=%u", p.kicks, p.errors, p.pending);
	munmap(p.ring, p.size);
	close(p.fd);
	return 0;
}
