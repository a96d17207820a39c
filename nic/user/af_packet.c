/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET back end: for who may not use XDP, such as root of a user namespace. Any interface, one pair of rings.
 * The host's stack would see what is received, too: host.h keeps it off. See af_packet.h.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "af_packet.h"
#include "host.h"
#include "nic.h"
#include "os/user/waiter.h"

#define FRAME_MIN 2048u
#define FRAME_MAX 65536u
#define FRAME_HEAD 128u /* more than the kernel's header and a VLAN tag take */
#define RING_BYTES_MAX (32u << 20)
#define SEND_SPACE (64 << 20)
#define DRAIN_MSEC 50

/* --- Sockets and their rings ------------------------------------------------------------------ */

/* Frames that hold what the interface carries; as many as slots, as long as that is not too much memory. */
static void plan(struct lr_packet_ring *k, const struct lr_netdev *d, uint32_t slots)
{
	uint32_t mtu = lr_netdev_mtu(d), frames = 2;

	k->frame_size = FRAME_MIN;
	while (k->frame_size < mtu + FRAME_HEAD && k->frame_size < FRAME_MAX)
		k->frame_size *= 2;
	while (frames < slots && 2 * frames <= RING_BYTES_MAX / k->frame_size)
		frames *= 2;
	k->mask = frames - 1;
	k->len = (size_t)frames * k->frame_size;
}

static int map_frames(struct lr_packet_ring *k, int option, struct lr_why *why)
{
	uint32_t frames = k->mask + 1;
	struct tpacket_req req = { .tp_frame_size = k->frame_size, .tp_frame_nr = frames };

	/* Blocks are pieces of kernel memory in one piece: not larger than need be. */
	req.tp_block_size = k->frame_size > OS_PAGE_SIZE ? k->frame_size : OS_PAGE_SIZE;
	req.tp_block_nr = (uint32_t)(k->len / req.tp_block_size);
	if (setsockopt(k->fd, SOL_PACKET, option, &req, sizeof(req)) < 0)
		return lr_why(why, -errno, "no packet ring of %u frames of %u bytes: %s", frames, k->frame_size,
			      strerror(errno));
	k->map = mmap(NULL, k->len, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
	if (k->map != MAP_FAILED)
		return 0;
	k->map = NULL;
	return lr_why(why, -errno, "cannot map a packet ring: %s", strerror(errno));
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int open_socket(struct lr_packet_ring *k, struct lr_why *why)
{
	/* Protocol 0: nothing comes in before bind. */
	k->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		return lr_why(why, -errno,
			      errno == EPERM ? "no permission for packet sockets (needs CAP_NET_RAW)"
					     : "no packet socket: %s",
			      strerror(errno));
	if (set_option(k->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2) == 0)
		return 0;
	return lr_why(why, -errno, "packet sockets have no TPACKET_V2: %s", strerror(errno));
}

static int bind_socket(const struct lr_packet_ring *k, const struct lr_netdev *d, uint16_t proto, struct lr_why *why)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(proto),
				    .sll_ifindex = (int)d->index };
	socklen_t len = sizeof(int);
	int pending;

	/* Bound to an interface that is down, it works and says ENETDOWN once. */
	if (bind(k->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
		return 0;
	}
	return lr_why(why, errno == ENODEV ? -ENXIO : -errno, "cannot bind a packet socket to %s: %s", d->name,
		      strerror(errno));
}

static void ring_close(struct lr_packet_ring *k)
{
	if (k->map)
		munmap(k->map, k->len);
	if (k->fd >= 0)
		close(k->fd);
	k->map = NULL;
	k->fd = -1;
	os_free(k->slots);
	os_free(k->in);
	k->slots = NULL;
	k->in = NULL;
	lr_nap_fini(&k->nap);
}

static int tx_open(struct lr_packet_ring *k, const struct lr_netdev *d, struct lr_why *why)
{
	int err;

	k->slots = os_zalloc((k->mask + 1) * sizeof(*k->slots));
	err = k->slots ? lr_nap_init(&k->nap) : -ENOMEM;
	if (err)
		return lr_why(why, err, "nothing left for a tx ring: %s", strerror(-err));
	k->discard = false;
	set_option(k->fd, SOL_PACKET, PACKET_LOSS, 1); /* a packet that is too long is dropped and stops nobody */
	set_option(k->fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	set_option(k->fd, SOL_SOCKET, SO_PRIORITY, (int)LR_HOOK_PRIORITY); /* to pass where the host is kept off */
	set_option(k->fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_SPACE);
	err = map_frames(k, PACKET_TX_RING, why);
	return err ? err : bind_socket(k, d, 0, why);
}

/* What a program sends to the host is not from the wire. */
static int leave_out_marked(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LR_HOOK_MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog prog = { .len = LR_ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int rx_open(struct lr_packet_ring *k, const struct lr_netdev *d, struct lr_why *why)
{
	int err;

	k->in = os_zalloc(sizeof(*k->in));
	if (!k->in)
		return lr_why(why, -ENOMEM, "no memory for a rx ring");
	set_option(k->fd, SOL_PACKET, PACKET_COPY_THRESH, 1);
	set_option(k->fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	if (set_option(k->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) < 0)
		return lr_why(why, -EOPNOTSUPP, "packet sockets cannot leave out what is sent: Linux 4.20 is needed");
	if (set_option(k->fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0)
		return lr_why(why, -errno, "packet sockets do not say what is to be cut: %s", strerror(errno));
	if (leave_out_marked(k->fd) < 0)
		return lr_why(why, -errno, "no filter for a packet socket: %s", strerror(errno));
	err = map_frames(k, PACKET_RX_RING, why);
	return err ? err : bind_socket(k, d, ETH_P_ALL, why);
}

/* --- The port --------------------------------------------------------------------------------- */

static struct lr_packet_ring *nic_ring(const struct lr_ring *r)
{
	struct lr_packet_nic *nic = r->port->priv;

	return &nic->ring[!lr_kind_is_tx(r->kind)];
}

static int packet_ring_start(struct lr_ring *r, struct lr_why *why)
{
	struct lr_packet_nic *nic = r->port->priv;
	struct lr_packet_ring *k = nic_ring(r);
	int err, back;

	err = lr_netdev_enter(nic->dev, &back, why);
	if (err)
		return err;
	plan(k, nic->dev, r->num_slots);
	os_store(&k->prod, 0u);
	os_store(&k->done, 0u);
	r->priv = k;
	err = open_socket(k, why);
	if (!err)
		err = lr_kind_is_tx(r->kind) ? tx_open(k, nic->dev, why) : rx_open(k, nic->dev, why);
	lr_netdev_leave(back);
	if (err) {
		ring_close(k);
		return err;
	}
	if (!lr_kind_is_tx(r->kind))
		os_waitq_lend(&r->wq, k->fd, POLLIN);
	lr_host_use(nic->dev->host, r);
	return 0;
}

static void tx_drain(struct lr_netdev *d, struct lr_ring *r)
{
	struct lr_packet_ring *k = r->priv;
	struct timespec nap = { .tv_nsec = 100000 };
	int i;

	for (i = 0; i < DRAIN_MSEC * 10 && os_load(&d->up); i++) {
		lr_packet_tx_reclaim(r);
		if (!lr_packet_in_flight(k))
			return;
		sendto(k->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		nanosleep(&nap, NULL);
	}
}

static void packet_ring_stop(struct lr_ring *r)
{
	struct lr_packet_nic *nic = r->port->priv;

	if (!lr_kind_is_tx(r->kind))
		os_waitq_lend(&r->wq, -1, 0);
	else if (!r->port->elsewhere)
		tx_drain(nic->dev, r);
	ring_close(r->priv);
	lr_host_unuse(nic->dev->host, r);
}

static void packet_wait(struct lr_ring *r, struct os_waiter *w)
{
	struct lr_packet_nic *nic = r->port->priv;
	struct lr_packet_ring *k = r->priv;
	uint32_t at = os_load(&r->hwtail);
	bool idle = os_load(&k->seen) == at;
	socklen_t len = sizeof(int);
	int pending;

	lr_netdev_wait(nic->dev, w, at, &k->seen);
	if (lr_kind_is_tx(r->kind)) {
		if (lr_packet_in_flight(k) && os_load(&nic->dev->up))
			lr_nap_take(&k->nap, at, w);
		return;
	}
	os_waitq_record(&r->wq, w);
	/* That the interface went down stays with the socket as an error, and would not let anybody sleep. */
	if (idle)
		getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
}

/* What the kernel lost for lack of frames. Asking sets its count to zero. */
static void packet_describe(struct lr_port *p)
{
	struct lr_packet_nic *nic = p->priv;
	struct lr_ring *r = &p->ring[LR_RX][0];
	struct tpacket_stats s;
	socklen_t len = sizeof(s);

	lr_netdev_read_news(nic->dev);
	lr_host_count(nic->dev->host);
	os_mutex_lock(&r->lock);
	if (nic->ring[1].fd >= 0 && getsockopt(nic->ring[1].fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
		lr_count(&r->count.drops, s.tp_drops);
	os_mutex_unlock(&r->lock);
}

static void packet_destroy(struct lr_port *p)
{
	struct lr_packet_nic *nic = p->priv;

	lr_netdev_close(nic->dev);
	os_free(nic->dev);
	os_free(nic);
	lr_port_free(p);
}

static const struct lr_port_ops packet_ops = {
	.kind = "nic",
	.ring_start = packet_ring_start,
	.ring_stop = packet_ring_stop,
	.txsync = lr_packet_txsync,
	.rxsync = lr_packet_rxsync,
	.wait = packet_wait,
	.forward = lr_host_forward,
	.describe = packet_describe,
	.destroy = packet_destroy,
};

static int packet_create(struct lr_port *p, struct lr_netdev *d, struct lr_why *why)
{
	struct lr_packet_ring probe = { .nap.fd = -1 };
	struct lr_packet_nic *nic;
	char whynot[sizeof(p->backend)];
	int err;

	err = open_socket(&probe, why);
	ring_close(&probe);
	if (err)
		return err;
	nic = os_zalloc(sizeof(*nic));
	if (!nic)
		return lr_why(why, -ENOMEM, "no memory");
	nic->dev = d;
	d->host->copies = true;
	nic->ring[0].fd = nic->ring[1].fd = nic->ring[0].nap.fd = nic->ring[1].nap.fd = -1;
	p->ops = &packet_ops;
	p->priv = nic;
	p->config.rings[LR_TX] = p->config.rings[LR_RX] = 1;
	lr_text(whynot, sizeof(whynot), "%s", p->backend);
	lr_text(p->backend, sizeof(p->backend), "af_packet: copies%s%s%s",
		whynot[0] ? " (" : "", whynot, whynot[0] ? ")" : "");
	return 0;
}

const struct lr_nic_backend lr_af_packet = { "af_packet", packet_create };
