/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow: sends and receives numbered packets, and checks every byte of what comes.
 *
 *	flow tx -i PORT -n COUNT ...	sends packets of sizes from -l to -L, in -f flows
 *	flow rx -i PORT -n COUNT ...	checks them: content, length, order within each flow
 *
 * PORT is a netmap port (netmap:eth0) or raw:eth0, a packet socket, so that the kernel
 * can be the other side. The sender has at most -w packets on the way and waits for
 * the receiver's acknowledgements, so nothing is lost for lack of room; with -w 0
 * it just sends, at -R packets a second. On a port of several rings flow N uses
 * ring N modulo their number; with -U the packets are UDP, each flow with addresses
 * of its own, so that a NIC spreads them over its queues. How many came out of each
 * ring is told at the end. With -o the packets sent, or received, go to a capture file.
 * Environment LR_SLOW=N: -t is N times longer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libnetmap.h>

#define ETHERTYPE_FLOW 0x88b6
#define MAGIC_DATA 0x666c6f77
#define MAGIC_ACK 0x61636b21
#define FLOWS_MAX 64
/* Acknowledgements have addresses of their own: a tap gives a flow the queue that its answers were sent from, for 3 s. */
#define ACK_FLOW FLOWS_MAX
#define RINGS_MAX 64
#define UDP_PORT 9		/* discard */
#define SLOT_MAX 1792		/* what a NIC slot may carry */
#define SIZE_MAX_FRAME 65536

struct head {
	struct ether_header eth;
	struct iphdr ip;	/* these two with -U only */
	struct udphdr udp;
} __attribute__((packed));

struct packet {
	uint16_t flow;
	uint32_t magic, seq, len, sum;
	uint8_t data[];
} __attribute__((packed));

struct wire {
	struct nmport_d *port;	/* a netmap port, or */
	int sock;		/* a packet socket */
	uint16_t piece;		/* bytes to put in a slot */
	bool stamp;
	uint64_t from_ring[RINGS_MAX];
	uint8_t frame[SIZE_MAX_FRAME];
};

static struct {
	const char *port;
	uint64_t count;
	unsigned int flows, min, max, piece, window, idle_ms, pause_ms, delay_ms, seconds;
	long rate, may_lose;
	bool stamp, udp;
	FILE *record;
} opt = { .flows = 1, .min = 60, .max = 1514, .piece = SLOT_MAX, .window = 64, .idle_ms = 5000 };

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "flow: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- Packets ---------------------------------------------------------------------- */

static uint8_t pattern(uint32_t flow, uint32_t seq, uint32_t i)
{
	return (uint8_t)(flow * 101 + seq * 13 + (i ^ (i >> 8)) * 7);
}

static uint32_t checksum(const uint8_t *p, uint32_t n)
{
	uint32_t a = 1, b = 0;

	for (uint32_t i = 0; i < n; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static uint32_t head_len(void)
{
	return opt.udp ? sizeof(struct head) : sizeof(struct ether_header);
}

static struct packet *packet_of(struct wire *w)
{
	return (void *)(w->frame + head_len());
}

static uint16_t ip_checksum(const void *head)
{
	const uint16_t *p = head;
	uint32_t sum = 0;

	for (unsigned int i = 0; i < sizeof(struct iphdr) / 2; i++)
		sum += p[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

/* Addresses for tests of networks (RFC 2544); no checksum, as UDP allows. */
static void udp_fill(struct head *h, uint32_t flow, uint32_t len)
{
	h->eth.ether_type = htons(ETHERTYPE_IP);
	h->ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(len - sizeof(h->eth))),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = htonl(0xc6120000 + flow),
		.daddr = htonl(0xc6130001),
	};
	h->ip.check = ip_checksum(&h->ip);
	h->udp = (struct udphdr){
		.source = htons((uint16_t)(10000 + flow)),
		.dest = htons(UDP_PORT),
		.len = htons((uint16_t)(len - sizeof(h->eth) - sizeof(h->ip))),
	};
}

static struct packet *head_fill(struct wire *w, uint32_t magic, uint32_t flow, uint32_t seq, uint32_t len)
{
	struct head *h = (void *)w->frame;
	struct packet *p = packet_of(w);

	memset(h->eth.ether_dhost, 0xff, ETH_ALEN);
	memcpy(h->eth.ether_shost, "\2flow", ETH_ALEN);
	h->eth.ether_type = htons(ETHERTYPE_FLOW);
	if (opt.udp)
		udp_fill(h, flow, len);
	p->flow = (uint16_t)flow;
	p->magic = magic;
	p->seq = seq;
	p->len = len;
	return p;
}

static uint32_t data_len(uint32_t len)
{
	return len - head_len() - (uint32_t)sizeof(struct packet);
}

static void packet_fill(struct wire *w, uint32_t flow, uint32_t seq, uint32_t len)
{
	struct packet *p = head_fill(w, MAGIC_DATA, flow, seq, len);
	uint32_t n = data_len(len);

	for (uint32_t i = 0; i < n; i++)
		p->data[i] = pattern(flow, seq, i);
	p->sum = checksum(p->data, n);
}

/* Is the frame one of ours, with this magic? */
static bool packet_is(struct wire *w, uint32_t len, uint32_t magic)
{
	const struct head *h = (const void *)w->frame;

	return len >= head_len() + sizeof(struct packet) &&
	       h->eth.ether_type == htons(opt.udp ? ETHERTYPE_IP : ETHERTYPE_FLOW) && packet_of(w)->magic == magic;
}

/* NULL, or what is wrong with a packet of ours. */
static const char *packet_check(const struct packet *p, uint32_t len)
{
	uint32_t n = data_len(len);

	if (p->len != len)
		return "length";
	if (p->flow >= FLOWS_MAX)
		return "flow number";
	if (p->sum != checksum(p->data, n))
		return "checksum";
	for (uint32_t i = 0; i < n; i++)
		if (p->data[i] != pattern(p->flow, p->seq, i))
			return "content";
	return NULL;
}

static uint32_t packet_len(uint32_t seq)
{
	return opt.min + (uint32_t)((uint64_t)seq * 37 % (opt.max - opt.min + 1));
}

/* --- The two kinds of wire ------------------------------------------------------------ */

static void raw_open(struct wire *w, const char *name)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(opt.udp ? ETHERTYPE_IP : ETHERTYPE_FLOW),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int size = 32 << 20;

	w->sock = socket(AF_PACKET, SOCK_RAW, addr.sll_protocol);
	if (w->sock < 0)
		die("socket");
	setsockopt(w->sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (!addr.sll_ifindex || bind(w->sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(name);
}

static void wire_open(struct wire *w)
{
	w->piece = (uint16_t)opt.piece;
	w->stamp = opt.stamp;
	if (strncmp(opt.port, "raw:", 4) == 0) {
		raw_open(w, opt.port + 4);
		return;
	}
	w->port = nmport_open(opt.port);
	if (!w->port)
		exit(2);
	for (unsigned int i = w->port->first_rx_ring; opt.stamp && i <= w->port->last_rx_ring; i++)
		NETMAP_RXRING(w->port->nifp, i)->flags |= NR_TIMESTAMP;
}

static bool port_wait(struct wire *w, short events, int ms)
{
	struct pollfd pfd = { .fd = w->port ? w->port->fd : w->sock, .events = events };
	int n = poll(&pfd, 1, ms);

	if (n < 0 && errno != EINTR)
		die("poll");
	if (n > 0 && (pfd.revents & POLLERR)) {
		errno = EIO;
		die("poll: POLLERR");
	}
	return n > 0;
}

/* Copies the frame into slots of the ring. False: there is no room. */
static bool ring_put(struct netmap_ring *r, const uint8_t *frame, uint32_t len, uint16_t piece)
{
	uint32_t i = r->head;

	if (nm_ring_space(r) < (len + piece - 1) / piece)
		return false;
	for (uint32_t done = 0; done < len; i = nm_ring_next(r, i)) {
		uint32_t n = len - done < piece ? len - done : piece;

		memcpy(NETMAP_BUF(r, r->slot[i].buf_idx), frame + done, n);
		done += n;
		r->slot[i].len = (uint16_t)n;
		r->slot[i].flags = done < len ? NS_MOREFRAG : 0;
	}
	r->head = r->cur = i;
	return true;
}

static void wire_send(struct wire *w, uint32_t flow, uint32_t len)
{
	uint32_t rings, i;

	if (!w->port) {
		while (send(w->sock, w->frame, len, 0) < 0)
			if (errno != ENOBUFS && errno != EINTR)
				die("send");
		return;
	}
	rings = w->port->last_tx_ring - w->port->first_tx_ring + 1u;
	i = w->port->first_tx_ring + flow % rings;
	while (!ring_put(NETMAP_TXRING(w->port->nifp, i), w->frame, len, w->piece) && !interrupted)
		port_wait(w, POLLOUT, 1000);
}

static void wire_flush(struct wire *w)
{
	if (w->port && ioctl(w->port->fd, NIOCTXSYNC, NULL) < 0)
		die("NIOCTXSYNC");
}

/* The packet at the ring's head, put together in w->frame; its length, 0 if there is none. */
static uint32_t ring_take(struct wire *w, struct netmap_ring *r)
{
	uint32_t len = 0;
	bool more = true;

	while (more && !nm_ring_empty(r)) {
		const struct netmap_slot *s = &r->slot[r->head];

		if (len + s->len <= sizeof(w->frame))
			memcpy(w->frame + len, NETMAP_BUF(r, s->buf_idx), s->len);
		len += s->len;
		more = s->flags & NS_MOREFRAG;
		r->head = r->cur = nm_ring_next(r, r->head);
	}
	if (len && w->stamp && llabs((long long)time(NULL) - r->ts.tv_sec) > 2) {
		fprintf(stderr, "flow: timestamp %lld is not the time\n", (long long)r->ts.tv_sec);
		exit(1);
	}
	return len;
}

/* The next packet of any ring. */
static uint32_t rings_take(struct wire *w, uint32_t magic)
{
	uint32_t len = 0;

	for (unsigned int i = w->port->first_rx_ring; !len && i <= w->port->last_rx_ring; i++) {
		len = ring_take(w, NETMAP_RXRING(w->port->nifp, i));
		if (packet_is(w, len, magic))
			w->from_ring[i % RINGS_MAX]++;
	}
	return len;
}

/* A packet of ours with this magic, in w->frame: its length, or 0 after ms without one. */
static uint32_t wire_receive(struct wire *w, uint32_t magic, int ms)
{
	double end = now() + ms / 1e3;

	do {
		uint32_t len = 0;

		if (!w->port) {
			ssize_t n = recv(w->sock, w->frame, sizeof(w->frame), MSG_DONTWAIT);

			len = n > 0 ? (uint32_t)n : 0;
		} else {
			len = rings_take(w, magic);
		}
		if (packet_is(w, len, magic))
			return len;
		if (!len && now() < end)
			port_wait(w, POLLIN, (int)((end - now()) * 1e3) + 1);
	} while (!interrupted && now() <= end);
	return 0;
}

/* --- The capture file ------------------------------------------------------------------ */

static void record_open(const char *name)
{
	static const uint32_t head[] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, SIZE_MAX_FRAME, 1 };

	opt.record = fopen(name, "wb");
	if (!opt.record || fwrite(head, sizeof(head), 1, opt.record) != 1)
		die(name);
}

/* The frame of w, if a file is wanted. */
static void record(const struct wire *w, uint32_t len)
{
	uint32_t head[] = { 0, 0, len, len };

	if (opt.record && (fwrite(head, sizeof(head), 1, opt.record) != 1 || fwrite(w->frame, len, 1, opt.record) != 1))
		die("capture file");
}

static void record_close(void)
{
	if (opt.record && fclose(opt.record))
		die("capture file");
}

/* --- Sender ------------------------------------------------------------------------------- */

/* Takes acknowledgements until at most `most` packets are on the way. */
static bool wait_acks(struct wire *w, uint64_t sent, uint64_t *acked, uint64_t most)
{
	wire_flush(w);
	while (sent - *acked > most) {
		if (!wire_receive(w, MAGIC_ACK, (int)opt.idle_ms)) {
			fprintf(stderr, "flow: of %llu packets sent %llu were acknowledged, then nothing more\n",
				(unsigned long long)sent, (unsigned long long)*acked);
			return false;
		}
		*acked = packet_of(w)->seq;
	}
	return true;
}

static void keep_rate(double start, uint64_t sent)
{
	double due = start + (double)sent / (double)opt.rate, t = now();

	if (due > t)
		usleep((unsigned int)((due - t) * 1e6));
}

/* A packet socket sends through the queue of the processor it is on: the order of packets is that of one queue. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET((unsigned int)sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

static bool send_all(struct wire *w)
{
	uint32_t seq[FLOWS_MAX] = { 0 };
	uint64_t sent = 0, acked = 0;
	double start;

	if (!w->port)
		stay_here();
	usleep(opt.delay_ms * 1000);
	start = now();
	while ((!opt.count || sent < opt.count) && !interrupted && (!opt.seconds || now() < start + opt.seconds)) {
		uint32_t flow = (uint32_t)(sent % opt.flows), len = packet_len(seq[flow]);

		packet_fill(w, flow, seq[flow]++, len);
		record(w, len);
		wire_send(w, flow, len);
		sent++;
		if (opt.window && sent - acked >= opt.window && !wait_acks(w, sent, &acked, opt.window / 2))
			return false;
		if (opt.rate && sent % 32 == 0) {
			wire_flush(w);
			keep_rate(start, sent);
		}
	}
	wire_flush(w);
	if (opt.window && !wait_acks(w, sent, &acked, 0))
		return false;
	/* Let the last ones leave. */
	for (int i = 0; w->port && i < 1000; i++) {
		bool pending = false;

		for (unsigned int r = w->port->first_tx_ring; r <= w->port->last_tx_ring; r++)
			pending |= nm_tx_pending(NETMAP_TXRING(w->port->nifp, r));
		if (!pending)
			break;
		usleep(1000);
		wire_flush(w);
	}
	printf("sent %llu\n", (unsigned long long)sent);
	return true;
}

/* --- Receiver ------------------------------------------------------------------------------- */

struct tally {
	uint32_t next[FLOWS_MAX];
	uint64_t got, lost, late, damaged, after_pause;
};

static void judge(struct tally *t, const struct packet *p, uint32_t len)
{
	const char *wrong = packet_check(p, len);

	t->got++;
	if (wrong) {
		if (t->damaged++ < 5)
			fprintf(stderr, "flow: packet %u of flow %u, %u bytes: wrong %s\n", p->seq, p->flow, len, wrong);
		return;
	}
	if (p->seq < t->next[p->flow]) {
		if (t->late++ < 5)
			fprintf(stderr, "flow: packet %u of flow %u comes after %u\n", p->seq, p->flow,
				t->next[p->flow] - 1);
		return;
	}
	t->lost += p->seq - t->next[p->flow];
	t->next[p->flow] = p->seq + 1;
}

static void acknowledge(struct wire *w, uint64_t got)
{
	struct packet *p = head_fill(w, MAGIC_ACK, ACK_FLOW, (uint32_t)got, 60);

	memset(p->data, 0, data_len(60));
	wire_send(w, 0, 60);
	wire_flush(w);
}

static void tell_rings(const struct wire *w)
{
	if (!w->port)
		return;
	printf("rings");
	for (unsigned int i = w->port->first_rx_ring; i <= w->port->last_rx_ring; i++)
		printf(" %llu", (unsigned long long)w->from_ring[i % RINGS_MAX]);
	printf("\n");
}

static bool receive_all(struct wire *w)
{
	struct tally t = { .got = 0 };
	double start = now();
	bool paused = false;

	printf("ready\n");
	fflush(stdout);
	while ((!opt.count || t.got < opt.count) && !interrupted) {
		uint32_t len = wire_receive(w, MAGIC_DATA, (int)opt.idle_ms);

		if (!len)
			break;
		record(w, len);
		judge(&t, packet_of(w), len);
		if (paused)
			t.after_pause++;
		if (opt.window && t.got % (opt.window / 4 + 1) == 0)
			acknowledge(w, t.got);
		if (opt.pause_ms && !paused && now() - start > opt.pause_ms / 1e3) {
			usleep(opt.pause_ms * 1000);
			paused = true;
		}
	}
	if (opt.window)
		acknowledge(w, t.got);
	tell_rings(w);
	printf("received %llu lost %llu late %llu damaged %llu\n", (unsigned long long)t.got,
	       (unsigned long long)t.lost, (unsigned long long)t.late, (unsigned long long)t.damaged);
	if (opt.pause_ms && t.after_pause < 1000) {
		fprintf(stderr, "flow: only %llu packets came after the pause\n", (unsigned long long)t.after_pause);
		return false;
	}
	return t.got && !t.late && !t.damaged && (opt.may_lose < 0 || t.lost <= (uint64_t)opt.may_lose) &&
	       (!opt.count || opt.may_lose || t.got == opt.count);
}

static _Noreturn void usage(int code)
{
	fputs("usage: flow tx|rx -i netmap:IF|raw:IF [-n count] [-f flows] [-l min] [-L max] [-s slot bytes]\n"
	      "            [-w window] [-R rate] [-S seconds] [-t idle ms] [-p pause ms] [-m may lose, -1 any] [-T] [-U]\n"
	      "            [-d delay ms] [-o capture file]\n"
	      "  -T  timestamps asked for and checked; -p: rx stops reading once for so long; -d: tx begins late; -U: UDP, spread over queues\n",
	      code ? stderr : stdout);
	exit(code);
}

static unsigned int slowness(void)
{
	const char *n = getenv("LR_SLOW");

	return n && atoi(n) > 0 ? (unsigned int)atoi(n) : 1;
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "i:n:f:l:L:s:w:R:S:t:p:m:d:o:TUh")) != -1) {
		long v = optarg ? atol(optarg) : 0;

		switch (c) {
		case 'i': opt.port = optarg; break;
		case 'n': opt.count = (uint64_t)v; break;
		case 'f': opt.flows = (unsigned int)v; break;
		case 'l': opt.min = (unsigned int)v; break;
		case 'L': opt.max = (unsigned int)v; break;
		case 's': opt.piece = (unsigned int)v; break;
		case 'w': opt.window = (unsigned int)v; break;
		case 'R': opt.rate = v; break;
		case 'S': opt.seconds = (unsigned int)v; break;
		case 't': opt.idle_ms = (unsigned int)v; break;
		case 'p': opt.pause_ms = (unsigned int)v; break;
		case 'm': opt.may_lose = v; break;
		case 'd': opt.delay_ms = (unsigned int)v; break;
		case 'o': record_open(optarg); break;
		case 'T': opt.stamp = true; break;
		case 'U': opt.udp = true; break;
		default: usage(c == 'h' ? 0 : 2);
		}
	}
	opt.idle_ms *= slowness();
	if (!opt.port || !opt.flows || opt.flows > FLOWS_MAX || opt.min < head_len() + sizeof(struct packet) ||
	    opt.max < opt.min || opt.max > SIZE_MAX_FRAME || !opt.piece)
		usage(2);
}

int main(int argc, char **argv)
{
	static struct wire w = { .sock = -1 };
	bool good;

	if (argc < 2)
		usage(2);
	options(argc - 1, argv + 1);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	wire_open(&w);
	if (strcmp(argv[1], "tx") == 0)
		good = send_all(&w);
	else if (strcmp(argv[1], "rx") == 0)
		good = receive_all(&w);
	else
		usage(2);
	nmport_close(w.port);
	record_close();
	return good ? 0 : 1;
}
