/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject DEVICE FILE: sends the packets of a capture file with libpcap's pcap_inject(), as any program does that knows
 * nothing of netmap. Whether DEVICE is eth0 or netmap:eth0 is libpcap's business.
 *
 * The receiver acknowledges nothing, so there is a pause after every few packets: a slow machine must not lose any.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BURST 32	/* packets without a pause */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "inject: %s: %s\n", what, why);
	return 1;
}

static void rest(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
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
		if (++sent % BURST == 0)
			rest();
	}
	if (rc != PCAP_ERROR_BREAK)
		return fail("reading", pcap_geterr(file));
	printf("sent %lu packets\n", sent);
	return 0;
}

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *device, *file;
	int rc;

	if (argc != 3 || strcmp(argv[1], "-h") == 0) {
		fprintf(stderr, "usage: inject DEVICE FILE\n");
		return argc == 2 ? 0 : 2;
	}
	file = pcap_open_offline(argv[2], why);
	if (!file)
		return fail(argv[2], why);
	device = pcap_open_live(argv[1], 65535, 1, 10, why);
	if (!device) {
		pcap_close(file);
		return fail(argv[1], why);
	}
	rc = send_all(device, file);
	pcap_close(device);
	pcap_close(file);
	return rc;
}
