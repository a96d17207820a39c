/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memif: packets from one process to another, through DPDK's shared memory interface: what pair.c does with netmap.
 *
 * Two processes, each with an lcore of its own that polls, as DPDK is used; rings of the same size as there, the same batch. No packet
 * is written or read here either: the driver copies into the ring and out of it. Counted is what the receiver has taken, over
 * a span of its own that begins with the first packet.
 *
 * DPDK gets plain memory, no huge pages and no devices; memif's rings are in a memfd of its own. What DPDK leaves in files is in a
 * directory that goes with us.
 */
#include "args.h"

#include <ftw.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <sys/wait.h>

#define BUFFERS 8191	/* the rings of both directions, and batches */
#define CACHE 512
#define PATIENCE 5	/* seconds until the other end must be there */

static const char purpose[] = "memif [-b N] [-l N] [-t S]: packets from one process to another, through DPDK's memif\n";

/* The client must not come before the server listens: it would not come back. */
static int listening[2];

struct end {
	uint16_t port;
	struct rte_mempool *pool;
};

static int start_dpdk(bool server, const char *socket)
{
	int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
	char lcore[16], vdev[256];
	char *argv[] = {
		"memif", "--no-huge", "-m", "64", "--no-pci", "--no-telemetry", "--log-level=error", "--file-prefix",
		server ? "server" : "client", "-l", lcore, "--vdev", vdev, NULL,
	};

	snprintf(lcore, sizeof(lcore), "%d", server ? 0 : (cores > 1 ? 1 : 0));
	/* rsize is a logarithm: 1024. */
	snprintf(vdev, sizeof(vdev), "net_memif0,role=%s,socket=%s,socket-abstract=no,rsize=10", server ? "server" : "client", socket);
	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv);
}

static int start_port(struct end *e, bool server)
{
	char go = 0;
	struct rte_eth_conf conf;
	struct rte_eth_link link;

	memset(&conf, 0, sizeof(conf));
	e->pool = rte_pktmbuf_pool_create("packets", BUFFERS, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!e->pool || rte_eth_dev_get_port_by_name("net_memif0", &e->port) || rte_eth_dev_configure(e->port, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(e->port, 0, 1024, SOCKET_ID_ANY, NULL, e->pool) ||
	    rte_eth_tx_queue_setup(e->port, 0, 1024, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(e->port))
		return -1;
	if (server && write(listening[1], &go, 1) != 1)
		return -1;
	for (int i = 0; i < PATIENCE * 100; i++) {
		if (rte_eth_link_get_nowait(e->port, &link) == 0 && link.link_status)
			return 0;
		usleep(10000);
	}
	return -1;
}

static int start(struct end *e, bool server, const char *socket)
{
	char go;

	if ((server || read(listening[0], &go, 1) == 1) && start_dpdk(server, socket) >= 0 && start_port(e, server) == 0)
		return 0;
	fprintf(stderr, "memif does not start as %s\n", server ? "server" : "client");
	return -1;
}

/* What the ring has no room for is offered again. */
static int sender(const struct args *args, const char *socket)
{
	struct rte_mbuf *batch[32768];
	unsigned have = 0, sent;
	struct end e;

	if (start(&e, false, socket))
		return 1;
	while (!measure_interrupted) {
		if (!have) {
			if (rte_pktmbuf_alloc_bulk(e.pool, batch, args->batch))
				return 1;
			for (; have < args->batch; have++)
				batch[have]->data_len = batch[have]->pkt_len = (uint16_t)args->length;
		}
		sent = rte_eth_tx_burst(e.port, 0, batch + (args->batch - have), (uint16_t)have);
		have -= sent;
		if (!sent)
			rte_pause();
	}
	rte_pktmbuf_free_bulk(batch + (args->batch - have), have);
	return 0;
}

static unsigned receive_some(struct end *e, const struct args *args, uint64_t *bytes)
{
	struct rte_mbuf *batch[32768];
	unsigned n = rte_eth_rx_burst(e->port, 0, batch, (uint16_t)args->batch);

	for (unsigned i = 0; i < n; i++)
		*bytes += batch[i]->data_len;
	rte_pktmbuf_free_bulk(batch, n);
	if (!n)
		rte_pause();
	return n;
}

static int receiver(const struct args *args, const char *socket)
{
	uint64_t packets = 0, bytes = 0, end;
	struct measure m;
	struct end e;

	if (start(&e, true, socket))
		return 1;
	end = measure_nsec() + PATIENCE * UINT64_C(1000000000);
	while (!receive_some(&e, args, &bytes))
		if (measure_interrupted || measure_nsec() > end)
			return 1;
	bytes = 0;
	measure_start(&m);
	end = measure_nsec() + (uint64_t)(args->seconds * 1e9);
	while (!measure_interrupted && measure_nsec() < end)
		packets += receive_some(&e, args, &bytes);
	measure_stop(&m);
	if (bytes != packets * args->length) {
		fprintf(stderr, "%" PRIu64 " packets of %u bytes came as %" PRIu64 " bytes\n", packets, args->length, bytes);
		return 1;
	}
	measure_print(&m, "memif", packets, " batch=%u", args->batch);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/memif-XXXXXX", socket[64];
	struct args args;
	int ret, status;
	pid_t pid;

	args_parse(&args, argc, argv, "b:l:t:h", purpose);
	if (!mkdtemp(dir) || setenv("RUNTIME_DIRECTORY", dir, 1) || pipe(listening)) {
		perror(dir);
		return 1;
	}
	snprintf(socket, sizeof(socket), "%s/socket", dir);
	measure_catch_signals();
	pid = fork();
	if (pid == 0) {
		close(listening[1]);
		_exit(sender(&args, socket));
	}
	ret = pid > 0 ? receiver(&args, socket) : 1;
	kill(pid, SIGTERM);
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)))
		ret = 1;
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return ret;
}
