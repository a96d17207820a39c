/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host side of a NIC port: what is made for it and when. See host.h; packets are in host_sync.c.
 */
#include <net/ethernet.h>
#include <linux/if_packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host.h"
#include "nic.h"
#include "os/user/waiter.h"

#define LONGEST 65600u	/* the longest packet there is, with its headers */

struct lr_host *lr_host_create(struct lr_netdev *d)
{
	struct lr_host *h = os_zalloc(sizeof(*h));
	unsigned int i;

	if (!h)
		return NULL;
	h->dev = d;
	h->hooks = h->wire = h->from.fd = h->to.fd = -1;
	for (i = 0; i < LR_HOST_RINGS_MAX; i++)
		h->rx[i].fd = -1;
	os_mutex_init(&h->lock);
	return h;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Nobody uses the port: nothing of it is left, or it is another process's. The socket takes its hooks along. */
static void close_all(struct lr_host *h)
{
	close_fd(&h->hooks);
	memset(h->on, 0, sizeof(h->on));
	close_fd(&h->wire);
	lr_tap_close(&h->from);
	lr_tap_close(&h->to);
	h->lost = 0;
}

void lr_host_destroy(struct lr_host *h)
{
	if (!h)
		return;
	close_all(h);
	os_mutex_fini(&h->lock);
	os_free(h->rest);
	os_free(h);
}

/* --- Hooks -------------------------------------------------------------------------------------------- */

/* What the interface is called now. */
static void ask_name(const struct lr_netdev *d, char name[IFNAMSIZ])
{
	struct ifreq ifr = { .ifr_ifindex = (int)d->index };

	lr_text(name, IFNAMSIZ, "%s", ioctl(d->ctl, SIOCGIFNAME, &ifr) < 0 ? d->name : ifr.ifr_name);
}

/* h->lock held, the thread in the interface's namespace. */
static int open_hooks(struct lr_host *h, struct lr_why *why)
{
	if (h->hooks >= 0)
		return 0;
	h->hooks = lr_hook_open();
	if (h->hooks < 0)
		return lr_why(why, -EOPNOTSUPP, "no netfilter socket for hooks on %s: %s", h->dev->name, strerror(-h->hooks));
	ask_name(h->dev, h->name);
	return 0;
}

static int hook_on(struct lr_host *h, enum lr_hook_do what, struct lr_why *why)
{
	int err = lr_hook_add(h->hooks, what, h->dev->index, h->name, h->from.index, why);

	h->on[what] = !err;
	return err;
}

static void count_cut(struct lr_host *h)
{
	uint64_t n = h->on[LR_HOOK_CUT] ? lr_hook_dropped(h->hooks, h->dev->index) : 0;

	if (n < h->cut)
		return;
	lr_count(&h->dev->port->ring[LR_HOST_RX][0].count.drops, n - h->cut);
	h->cut = n;
}

static void hook_off(struct lr_host *h, enum lr_hook_do what)
{
	if (what == LR_HOOK_CUT) {
		count_cut(h);
		h->cut = 0;
	}
	lr_hook_del(h->hooks, what, h->dev->index);
	h->on[what] = false;
}

/* Which hooks there have to be on the interface. */
static void wanted(const struct lr_host *h, bool want[LR_HOOKS])
{
	const struct lr_port *p = h->dev->port;

	memset(want, 0, LR_HOOKS * sizeof(*want));
	want[LR_HOOK_DIVERT] = h->users[LR_HOST_RX];
	want[LR_HOOK_CUT] = !h->users[LR_HOST_RX] && h->users[LR_TX] && h->users[LR_TX] == p->num_rings[LR_TX];
	want[LR_HOOK_KEEP] = h->copies && h->users[LR_RX];
	want[LR_HOOK_UNMARK] = h->to.fd >= 0 && !want[LR_HOOK_KEEP];
}

/* First what is new, so that nothing slips through. h->lock held; namespace. */
static int update(struct lr_host *h, struct lr_why *why)
{
	bool want[LR_HOOKS];
	unsigned int i;
	int err = 0, e;

	wanted(h, want);
	for (i = 0; i < LR_HOOKS; i++) {
		if (!want[i] || h->on[i])
			continue;
		e = open_hooks(h, why);
		if (!e)
			e = hook_on(h, i, why);
		err = err ? err : e;
	}
	for (i = 0; i < LR_HOOKS; i++)
		if (h->on[i] && !want[i])
			hook_off(h, i);
	return err;
}

void lr_host_follow(struct lr_host *h)
{
	struct lr_why why = { "" };
	char name[IFNAMSIZ];
	unsigned int i;

	os_mutex_lock(&h->lock);
	if (h->hooks >= 0)
		ask_name(h->dev, name);
	/* Linux 6.16 and newer takes hooks from an interface whose name changes. */
	if (h->hooks >= 0 && strcmp(name, h->name) != 0) {
		lr_text(h->name, sizeof(h->name), "%s", name);
		for (i = 0; i < LR_HOOKS; i++) {
			if (!h->on[i])
				continue;
			hook_off(h, i);
			if (hook_on(h, i, &why) < 0)
				os_log("%s", why.text);
		}
	}
	if (h->to.fd >= 0)
		lr_tap_follow(&h->to, h->dev);
	os_mutex_unlock(&h->lock);
}

/* --- Ways to the stack and to the wire ------------------------------------------------------------------ */

/* h->lock held; namespace. */
static int open_to(struct lr_host *h, struct lr_why *why)
{
	int err = open_hooks(h, why);

	if (err || h->to.fd >= 0)
		return err;
	err = lr_tap_open(&h->to, h->dev, 0, why);
	if (err)
		return err;
	err = lr_tap_return(&h->to, h->dev, why);
	if (!err)
		err = lr_hook_add(h->hooks, LR_HOOK_MARK_TO, h->to.index, h->to.name, h->to.index, why);
	if (!err)
		err = update(h, why);
	if (err)
		lr_tap_close(&h->to);
	return err;
}

static int open_wire(struct lr_host *h, struct lr_why *why)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_ifindex = (int)h->dev->index };
	int ours = (int)LR_HOOK_PRIORITY, fd;

	if (h->wire >= 0)
		return 0;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return lr_why(why, -errno, "no packet socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &ours, sizeof(ours)) == 0 &&
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		h->wire = fd;
		return 0;
	}
	lr_why(why, -errno, "cannot use a packet socket on %s: %s", h->dev->name, strerror(errno));
	close(fd);
	return -EIO;
}

/* In the interface's namespace, under h->lock; what fails is logged. */
static bool reach(struct lr_host *h, const int *fd, int (*open_it)(struct lr_host *, struct lr_why *))
{
	struct lr_why why = { "" };
	int err, back;

	if (os_likely(os_load_acquire(fd) >= 0))
		return true;
	err = lr_netdev_enter(h->dev, &back, &why);
	if (!err) {
		os_mutex_lock(&h->lock);
		err = open_it(h, &why);
		os_mutex_unlock(&h->lock);
		lr_netdev_leave(back);
	}
	if (err)
		os_log("%s: nothing can be forwarded: %s", h->dev->name, why.text);
	return !err;
}

bool lr_host_reach_stack(struct lr_host *h)
{
	return reach(h, &h->to.fd, open_to);
}

bool lr_host_reach_wire(struct lr_host *h)
{
	return reach(h, &h->wire, open_wire);
}

/* --- Rings ------------------------------------------------------------------------------------------------ */

static bool any_users(const struct lr_host *h)
{
	return h->users[LR_TX] || h->users[LR_RX] || h->users[LR_HOST_TX] || h->users[LR_HOST_RX];
}

static void count_lost(struct lr_host *h)
{
	uint64_t n = h->from.fd >= 0 ? lr_tap_drops(&h->from) : 0;
	uint32_t i, first = 0;

	for (i = LR_HOST_RINGS_MAX; i--;)
		if (h->rx[i].fd >= 0)
			first = i;
	if (n < h->lost)
		return;
	lr_count(&h->dev->port->ring[LR_HOST_RX][first].count.drops, n - h->lost);
	h->lost = n;
}

/* h->lock held; namespace. All that is not needed any more goes. */
static void settle(struct lr_host *h, bool elsewhere)
{
	if (elsewhere) {
		close_all(h);
		return;
	}
	if (!h->users[LR_HOST_TX] && !h->users[LR_RX] && h->to.fd >= 0) {
		lr_hook_del(h->hooks, LR_HOOK_MARK_TO, h->to.index);
		lr_tap_close(&h->to);
	}
	update(h, NULL);
	if (!h->users[LR_HOST_RX] && h->from.fd >= 0) {
		count_lost(h);
		lr_tap_close(&h->from);
		h->lost = 0;
	}
	if (!any_users(h))
		close_all(h);
}

static void leave(struct lr_host *h, struct lr_ring *r)
{
	int back = -1;
	bool there = lr_netdev_enter(h->dev, &back, NULL) == 0;

	os_mutex_lock(&h->lock);
	h->users[r->kind]--;
	settle(h, r->port->elsewhere);
	os_mutex_unlock(&h->lock);
	if (there)
		lr_netdev_leave(back);
}

static int rx_open(struct lr_host *h, struct lr_ring *r, struct lr_why *why)
{
	int err = 0;

	if (!h->rest)
		h->rest = os_zalloc(LONGEST);
	if (!h->rest)
		return lr_why(why, -ENOMEM, "no memory for a host ring");
	if (h->from.fd < 0)
		err = lr_tap_open(&h->from, h->dev, r->num_slots - 1, why);
	if (!err)
		err = lr_tap_queue(&h->from, why);
	if (err < 0)
		return err;
	h->rx[r->index].fd = err;
	return 0;
}

static int host_ring_start(struct lr_ring *r, struct lr_why *why)
{
	struct lr_host *h = lr_host_of(r->port);
	bool rx = !lr_kind_is_tx(r->kind);
	int err, back;

	err = lr_netdev_enter(h->dev, &back, why);
	if (err)
		return err;
	os_mutex_lock(&h->lock);
	h->users[r->kind]++;
	err = rx ? rx_open(h, r, why) : open_to(h, why);
	if (!err && rx)
		err = update(h, why);
	if (err) {
		h->users[r->kind]--;
		if (rx)
			close_fd(&h->rx[r->index].fd);
		settle(h, false);
	}
	os_mutex_unlock(&h->lock);
	lr_netdev_leave(back);
	if (!err && rx)
		os_waitq_lend(&r->wq, h->rx[r->index].fd, POLLIN);
	return err;
}

static void host_ring_stop(struct lr_ring *r)
{
	struct lr_host *h = lr_host_of(r->port);

	if (!lr_kind_is_tx(r->kind)) {
		os_waitq_lend(&r->wq, -1, 0);
		close_fd(&h->rx[r->index].fd);
	}
	leave(h, r);
}

void lr_host_use(struct lr_host *h, struct lr_ring *r)
{
	struct lr_port *p = r->port;
	struct lr_why why = { "" };
	size_t len = strlen(p->backend);
	int err, back;

	err = lr_netdev_enter(h->dev, &back, &why);
	os_mutex_lock(&h->lock);
	h->users[r->kind]++;
	if (!err)
		err = update(h, &why);
	os_mutex_unlock(&h->lock);
	lr_netdev_leave(back);
	if (err && !strstr(p->backend, "the host"))
		lr_text(p->backend + len, sizeof(p->backend) - len, "; the host goes on: %s", why.text);
}

void lr_host_unuse(struct lr_host *h, struct lr_ring *r)
{
	leave(h, r);
}

static void host_wait(struct lr_ring *r, struct os_waiter *w)
{
	struct lr_host *h = lr_host_of(r->port);
	struct lr_host_rx *x = &h->rx[r->index];

	if (lr_kind_is_tx(r->kind)) {
		lr_netdev_wait(h->dev, w, os_load(&r->hwtail), &x->seen);
		return;
	}
	lr_netdev_wait(h->dev, w, os_load(&r->hwtail), &x->seen);
	os_waitq_record(&r->wq, w);
}

void lr_host_count(struct lr_host *h)
{
	int back;

	if (lr_netdev_enter(h->dev, &back, NULL) < 0)
		return;
	os_mutex_lock(&h->lock);
	count_cut(h);
	count_lost(h);
	os_mutex_unlock(&h->lock);
	lr_netdev_leave(back);
}

static const struct lr_port_ops host_ops = {
	.kind = "nic",
	.ring_start = host_ring_start,
	.ring_stop = host_ring_stop,
	.forward = lr_host_forward,
	.wait = host_wait,
};

void lr_host_take_rings(struct lr_port *p)
{
	unsigned int k;
	uint32_t i;

	for (k = 0; k < LR_RING_KINDS; k++) {
		if (!lr_kind_is_host(k))
			continue;
		for (i = 0; i < p->num_rings[k]; i++) {
			p->ring[k][i].ops = &host_ops;
			p->ring[k][i].sync = lr_kind_is_tx(k) ? lr_host_txsync : lr_host_rxsync;
		}
	}
}
