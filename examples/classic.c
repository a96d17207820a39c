/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first program ever published for netmap: classic eth0 [count]. Only what it was printed without has been added:
 * headers, declarations, use_data(), an error check, and an end after count packets.
 */
#include <net/netmap_classic.h>

#include <stdio.h>

static void use_data(const char *buf, int len)
{
	printf("%d bytes, first is %02x\n", len, len ? (unsigned char)*buf : 0);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0, packets = 0;
	struct netmap_if *nifp;
	struct netmap_ring *ring;
	struct nmreq req;
	struct pollfd x[1];
	char *buf, *mem;
	int fd, i;

	if (argc < 2 || argv[1][0] == '-' || strlen(argv[1]) >= sizeof(req.nr_name)) {
		fprintf(argc > 1 ? stdout : stderr, "usage: classic interface [count]\n");
		return argc > 1 ? 0 : 2;
	}
	fd = open("/dev/netmap", O_RDWR);
	strcpy(req.nr_name, argv[1]);
	if (ioctl(fd, NIOCREG, &req)) {
		perror(argv[1]);
		return 1;
	}
	mem = mmap(NULL, req.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	nifp = NETMAP_IF(mem, req.nr_offset);
	ring = NETMAP_RX_RING(nifp, 0);
	x[0].fd = fd;
	x[0].events = POLLIN;
	while (!count || packets < count) {
		poll(x, 1, 1000);
		packets += ring->avail;
		for (; ring->avail > 0; ring->avail--) {
			i = ring->cur;
			buf = NETMAP_BUF(ring, i);
			use_data(buf, ring->slot[i].len);
			ring->cur = NETMAP_NEXT(ring, i);
		}
	}
	close(fd);
	return 0;
}
