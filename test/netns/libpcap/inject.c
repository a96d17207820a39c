/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject DEVICE FILE: sends the packets of a capture file with pcap_inject() and looks for answers now and then, as
 * programs do that probe a network. Whether DEVICE is eth0 or netmap:eth0 is libpcap's business.
 *
 * On a netmap port it is the look for answers that makes the packets leave: libpcap only puts them into a ring.
 * And it takes some milliseconds, so a receiver is not overrun.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define BURST 32	/* packets between two looks */
#define WAIT_MSEC 10

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "inject: %s: %s\n", what, why);
	return 1;
}

static void ignore(u_char *user, const struct pcap_pkthdr *head, const u_char *data)
{
	(void)user;
	(void)head;
	(void)data;
}

static int look(pcap_t *device)
{
	struct pollfd p = { .fd = pcap_get_selectable_fd(device), .events = POLLIN };
	int rc = poll(&p, 1, WAIT_MSEC);

	if (rc < 0 || p.revents & ~POLLIN)
		return fail("poll", rc < 0 ? strerror(errno) : "an error of the device");
	if (rc > 0 && pcap_dispatch(device, -1, ignore, NULL) < 0)
		return fail("pcap_dispatch", pcap_geterr(device));
	return 0;
}

static int send_all(pcap_t *device, pcap_t *file)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	unsigned long sent = 0;
	int rc, n;

	while ((rc = pcap_next_ex(file, &head, &data)) == 1) {
		n = pcap_inject(device, data, head->caplen);
		if (n < 0)
			return fail("pcap_inject", pcap_geterr(device));
		if ((bpf_u_int32)n != head->caplen)
			return fail("pcap_inject", "it took another number of bytes");
		if (++sent % BURST == 0 && look(device))
			return 1;
	}
	if (rc != PCAP_ERROR_BREAK)
		return fail("reading", pcap_geterr(file));
	if (look(device))
		return 1;
	printf("sent %lu packets\n", sent);
	return 0;
}

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *device, *file;
	int rc;

	if (argc != 3) {
		rc = argc != 2 || strcmp(argv[1], "-h") != 0;
		fprintf(rc ? stderr : stdout, "usage: inject DEVICE FILE\n");
		return rc ? 2 : 0;
	}
	file = pcap_open_offline(argv[2], why);
	if (!file)
		return fail(argv[2], why);
	device = pcap_open_live(argv[1], 65535, 1, WAIT_MSEC, why);
	if (!device) {
		pcap_close(file);
		return fail(argv[1], why);
	}
	rc = send_all(device, file);
	pcap_close(device);
	pcap_close(file);
	return rc;
}
