/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Interfaces on a switch. The switch is the one user of the interface's rings, by a descriptor of its own: what they receive is
 * switched by a thread, a batch at a time, as it comes; what goes there is copied into tx rings by whoever
 * switches it. With host rings there is a second port, valeS:P^, which is the host.
 *
 * The rings are in memory that other programs may share: their own books are what counts (core/ring.c), and what is written
 * to their shared positions is not read again.
 */
#include "core/control.h"
#include "core/vale.h"
#include "core/vale_nic.h"

#define SPINS 64u		/* rounds without news before a thread sleeps */
#define WORKERS_MAX 64u

/* The NIC's rings of one kind, or the host's: a port. */
struct side {
	struct lr_vale_port vp;
	struct lr_vale_source *source;
	uint32_t num_sources;
	bool joined;
};

/* A thread, and the sources it takes care of: every `stride`th, from `first` on. */
struct worker {
	struct lr_vale_nic *nic;
	struct os_thread *thread;
	unsigned int first, stride;
	bool polls;
};

struct lr_vale_nic {
	struct lr_vale_nic *next;
	uint64_t netns;
	struct lr_file *file;		/* has bound the rings */
	struct side side[2];		/* NIC, host; either may be empty */
	struct worker *worker;
	unsigned int num_workers;
};

static struct lr_vale_nic *nics;

/* --- Threads --------------------------------------------------------------------------------------------------- */

/* What has come is switched, and its slots are given back with the next sync. Whether there was anything. */
static bool pump(struct lr_vale_source *src)
{
	struct lr_ring *r = src->ring;
	uint32_t from, to;

	if (lr_ring_sync(r, 0) < 0)
		return false;
	from = r->head;
	to = lr_vale_forward(src, from, r->tail);
	os_store(&r->shared->cur, to);
	os_store_release(&r->shared->head, to);
	return to != from;
}

/* Frames that the driver had no room for go on as it has. */
static void push(struct lr_vale_port *vp)
{
	uint32_t i;

	for (i = 0; i < vp->num_queues; i++) {
		struct lr_vale_queue *q = &vp->queue[i];
		struct lr_ring *r = q->ring;

		if (os_load(&r->hwcur) == os_load(&r->head))
			continue;
		os_mutex_lock(&q->lock);
		lr_ring_try_sync(r);
		os_mutex_unlock(&q->lock);
	}
}

static bool work(struct worker *w)
{
	bool any = false;
	unsigned int k;
	uint32_t i;

	for (k = 0; k < 2; k++) {
		struct side *s = &w->nic->side[k];

		for (i = w->first; i < s->num_sources; i += w->stride)
			any |= pump(&s->source[i]);
		if (w->first == 0)
			push(&s->vp);
	}
	return any;
}

static void record(const struct worker *w, struct os_waiter *waiter)
{
	unsigned int k;
	uint32_t i;

	for (k = 0; k < 2; k++) {
		const struct side *s = &w->nic->side[k];

		for (i = w->first; i < s->num_sources; i += w->stride) {
			struct lr_ring *r = s->source[i].ring;

			if (r->ops->wait)
				r->ops->wait(r, waiter);
			else
				os_waitq_record(&r->wq, waiter);
		}
	}
}

static void worker_run(struct os_thread *t, void *arg)
{
	struct worker *w = arg;
	unsigned int idle = 0;

	while (!os_thread_stopping(t)) {
		if (work(w)) {
			idle = 0;
			os_thread_yield();
			continue;
		}
		if (w->polls || ++idle < SPINS) {
			os_thread_yield();
			continue;
		}
		idle = 0;
		/* What comes after this wakes us. */
		record(w, os_thread_waiter(t));
		if (!work(w))
			os_thread_sleep(t);
	}
}

static void stop_workers(struct lr_vale_nic *nic)
{
	while (nic->num_workers)
		os_thread_stop(nic->worker[--nic->num_workers].thread);
	os_free(nic->worker);
	nic->worker = NULL;
}

/* n threads; those that poll are on a processor each, from `cpu` on. */
static int start_workers(struct lr_vale_nic *nic, unsigned int n, int cpu, struct lr_why *why)
{
	unsigned int queues = nic->side[0].num_sources + nic->side[1].num_sources, i;

	nic->worker = os_zalloc(n * sizeof(*nic->worker));
	if (!nic->worker)
		return lr_why(why, -ENOMEM, "no memory for %u threads", n);
	for (i = 0; i < n; i++) {
		struct worker *w = &nic->worker[i];
		int err;

		*w = (struct worker){ .nic = nic, .first = i, .stride = n, .polls = cpu >= 0 };
		err = os_thread_start(&w->thread, worker_run, w, cpu < 0 ? -1 : cpu + (int)i, queues, "netmap-vale");
		if (err) {
			stop_workers(nic);
			return cpu < 0 ? lr_why(why, err, "a thread for the interface could not be started (%d)", -err) :
			       lr_why(why, err, "a thread could not be started on processor %d", cpu + (int)i);
		}
		nic->num_workers++;
	}
	return 0;
}

/* --- Attaching --------------------------------------------------------------------------------------------------- */

static void side_fini(struct side *s)
{
	struct lr_switch *sw = s->vp.sw;
	uint32_t i;

	for (i = 0; i < s->num_sources; i++) {
		lr_switch_del_source(sw, &s->source[i]);
		lr_vale_source_fini(&s->source[i]);
	}
	s->num_sources = 0;
	if (s->joined)
		lr_switch_leave(&s->vp);
	s->joined = false;
	for (i = 0; i < s->vp.num_queues; i++)
		lr_vale_queue_fini(&s->vp.queue[i]);
	os_free(s->vp.queue);
	os_free(s->source);
}

/* The rings of kinds tx and rx that the descriptor has bound become a port. Both directions, or none. */
static int side_init(struct side *s, struct lr_vale_nic *nic, enum lr_ring_kind tx, enum lr_ring_kind rx, struct lr_why *why)
{
	const struct lr_file *f = nic->file;
	uint32_t num_rx = f->n[rx], num_tx = f->n[tx], i;
	struct lr_port *p = nic->file->port;
	int err;

	s->vp.queue = os_zalloc(num_tx * sizeof(*s->vp.queue));
	s->source = os_zalloc(num_rx * sizeof(*s->source));
	if (!s->vp.queue || !s->source)
		return lr_why(why, -ENOMEM, "no memory for the rings of %s", s->vp.name);
	for (i = 0; i < num_tx; i++) {
		lr_vale_queue_init(&s->vp.queue[i], &p->ring[tx][f->first[tx] + i], true);
		s->vp.queue[i].open = true;
	}
	s->vp.num_queues = num_tx;
	err = lr_switch_join(&s->vp, nic->netns, why);
	if (err)
		return err;
	s->joined = true;
	for (i = 0; i < num_rx; i++) {
		lr_vale_source_init(&s->source[i], &s->vp, &p->ring[rx][f->first[rx] + i]);
		/* Nothing of what may stand in those slots was meant for us. */
		s->source[i].flags = 0;
		s->source[i].taken = &s->source[i].apart;
		lr_switch_add_source(s->vp.sw, &s->source[i]);
		s->num_sources++;
	}
	return 0;
}

static void nic_destroy(struct lr_vale_nic *nic)
{
	stop_workers(nic);
	side_fini(&nic->side[0]);
	side_fini(&nic->side[1]);
	if (nic->file->port)
		lr_unregister(nic->file);
	os_free(nic->file);
	os_free(nic);
}

static int bind_rings(struct lr_vale_nic *nic, const char *ifname, struct nmreq_register *reg, struct lr_why *why)
{
	struct lr_register r = { .reg = *reg, .name = ifname };
	int err;

	r.reg.nr_flags = NR_EXCLUSIVE;
	r.reg.nr_extra_bufs = 0;
	err = lr_register(nic->file, &r, why);
	if (err)
		return err;
	lr_register_end(nic->file, r.port, 0);
	*reg = r.reg;
	return 0;
}

/*
 * The sides of what is bound: the NIC's rings as valeS:P, the host's as valeS:P^; of an interface that is only there for
 * the host, those are valeS:P.
 */
static int make_sides(struct lr_vale_nic *nic, const char *name, uint32_t mode, struct lr_why *why)
{
	struct side *wire = &nic->side[0], *host = &nic->side[1];
	int err = 0;

	lr_text(wire->vp.name, sizeof(wire->vp.name), "%s", name);
	lr_text(host->vp.name, sizeof(host->vp.name), "%s%s", name, mode == NR_REG_SW ? "" : "^");
	if (mode != NR_REG_SW)
		err = side_init(wire, nic, LR_TX, LR_RX, why);
	if (!err && mode != NR_REG_ALL_NIC)
		err = side_init(host, nic, LR_HOST_TX, LR_HOST_RX, why);
	return err;
}

int lr_vale_nic_attach(const char *name, struct nmreq_vale_attach *req, uint32_t mode, struct lr_why *why)
{
	struct lr_vale_nic *nic = os_zalloc(sizeof(*nic));
	int err = -ENOMEM;

	if (nic)
		nic->file = os_zalloc(sizeof(*nic->file));
	if (!nic || !nic->file) {
		os_free(nic);
		return lr_why(why, err, "no memory for %s", name);
	}
	nic->netns = os_netns_id();
	req->reg.nr_mode = mode;
	err = bind_rings(nic, name + lr_vale_prefix(name) + 1, &req->reg, why);
	if (!err)
		err = make_sides(nic, name, mode, why);
	if (!err)
		err = start_workers(nic, 1, -1, why);
	if (err) {
		nic_destroy(nic);
		return err;
	}
	req->port_index = nic->side[mode == NR_REG_SW].vp.index;
	nic->next = nics;
	nics = nic;
	return 0;
}

/* --- Finding --------------------------------------------------------------------------------------------------- */

/* The interface that is attached under this name, if the caller may have to do with it. NULL with *err. */
static struct lr_vale_nic *find(const char *name, int *err, struct lr_why *why)
{
	uint64_t netns = os_netns_id();
	struct lr_vale_nic *nic;

	for (nic = nics; nic; nic = nic->next) {
		struct lr_port *p = nic->file->port;

		if (nic->netns != netns || strcmp(nic->side[0].vp.name, name) != 0)
			continue;
		*err = p->ops->admit ? p->ops->admit(p, why) : 0;
		return *err ? NULL : nic;
	}
	*err = lr_why(why, -ENXIO, "no interface is attached as '%s'", name);
	return NULL;
}

static void detach(struct lr_vale_nic *nic)
{
	struct lr_vale_nic **at;

	for (at = &nics; *at != nic; at = &(*at)->next)
		;
	*at = nic->next;
	nic_destroy(nic);
}

int lr_vale_nic_detach(const char *name, struct nmreq_vale_detach *req, struct lr_why *why)
{
	struct lr_vale_nic *nic;
	int err;

	nic = find(name, &err, why);
	if (!nic)
		return err;
	req->port_index = nic->side[!nic->side[0].joined].vp.index;
	detach(nic);
	return 0;
}

bool lr_vale_nic_is_attached(const char *name, uint64_t netns)
{
	const struct lr_vale_nic *nic;

	for (nic = nics; nic; nic = nic->next)
		if (nic->netns == netns && strcmp(nic->side[0].vp.name, name) == 0)
			return true;
	return false;
}

void lr_vale_nic_clear(void)
{
	while (nics)
		detach(nics);
}

int lr_vale_polling(const char *name, const struct nmreq_vale_polling *req, bool on, struct lr_why *why)
{
	unsigned int n = req->nr_mode == NETMAP_POLLING_MODE_SINGLE_CPU ? 1 : req->nr_num_polling_cpus;
	struct lr_vale_nic *nic;
	bool polls;
	int err = lr_vale_may(why), e;

	if (err)
		return err;
	nic = find(name, &err, why);
	if (!nic)
		return err;
	polls = nic->num_workers && nic->worker[0].polls;
	if (polls == on)
		return lr_why(why, on ? -EBUSY : -EINVAL, on ? "%s is polled already" : "%s is not polled", name);
	if (on && req->nr_mode != NETMAP_POLLING_MODE_SINGLE_CPU && req->nr_mode != NETMAP_POLLING_MODE_MULTI_CPU)
		return lr_why(why, -EINVAL, "polling mode %u was asked for, there are 1 (one processor) and 2 (several)", req->nr_mode);
	if (on && (!n || n > WORKERS_MAX || n > nic->side[0].num_sources))
		return lr_why(why, -EINVAL, "%u processors were asked for to poll %s, which has %u rings", n, name, nic->side[0].num_sources);
	if (on && req->nr_first_cpu_id > UINT16_MAX)
		return lr_why(why, -EINVAL, "there is no processor %u", req->nr_first_cpu_id);
	stop_workers(nic);
	err = on ? start_workers(nic, n, (int)req->nr_first_cpu_id, why) : start_workers(nic, 1, -1, why);
	/* It goes on as before, if that is still possible. */
	e = err ? start_workers(nic, 1, -1, NULL) : 0;
	if (e)
		os_log("%s: its thread is gone, and no other could be started", name);
	return err;
}
