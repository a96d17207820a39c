/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system knows about a network interface: its address and its link. */
#include "interface.h"

#include "interrupt.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool ask(const char *name, unsigned long request, struct ifreq *answer)
{
	int fd, failed;

	if (strlen(name) >= IFNAMSIZ)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	memset(answer, 0, sizeof(*answer));
	snprintf(answer->ifr_name, sizeof(answer->ifr_name), "%s", name);
	failed = ioctl(fd, request, answer);
	close(fd);
	return !failed;
}

bool interface_address(const char *name, uint8_t address[6])
{
	struct ifreq answer;

	if (!ask(name, SIOCGIFHWADDR, &answer) || answer.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return false;
	memcpy(address, answer.ifr_hwaddr.sa_data, 6);
	return true;
}

bool interface_wait(const char *name, unsigned int seconds)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	const unsigned int tries = seconds * 100;
	struct ifreq answer;

	for (unsigned int i = 0;; i++) {
		if (!ask(name, SIOCGIFFLAGS, &answer))
			return true;
		if ((answer.ifr_flags & IFF_UP) && (answer.ifr_flags & IFF_RUNNING))
			return true;
		if (i >= tries || interrupt_seen())
			return false;
		nanosleep(&pause, NULL);
	}
}
