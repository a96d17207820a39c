/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system knows about a network interface: its address and its link. */
#include "interface.h"

#include "interrupt.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* data: what some requests put their answer into, or NULL. */
static bool ask(const char *name, unsigned long request, struct ifreq *answer, void *data)
{
	int fd, failed;

	if (strlen(name) >= IFNAMSIZ)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	memset(answer, 0, sizeof(*answer));
	snprintf(answer->ifr_name, sizeof(answer->ifr_name), "%s", name);
	if (data)
		answer->ifr_data = data;
	failed = ioctl(fd, request, answer);
	close(fd);
	return !failed;
}

bool interface_address(const char *name, uint8_t address[6])
{
	struct ifreq answer;

	if (!ask(name, SIOCGIFHWADDR, &answer, NULL) || answer.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return false;
	memcpy(address, answer.ifr_hwaddr.sa_data, 6);
	return true;
}

static bool link_is_up(const char *name, bool *exists)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq answer;
	short flags;

	*exists = ask(name, SIOCGIFFLAGS, &answer, NULL);
	flags = answer.ifr_flags;
	if (!*exists || !(flags & IFF_UP))
		return false;
	/* The driver knows at once what the flag may say only a second later. */
	if (ask(name, SIOCETHTOOL, &answer, &link))
		return link.data;
	return flags & IFF_RUNNING;
}

bool interface_wait(const char *name, unsigned int seconds)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	const unsigned int tries = seconds * 100;

	for (unsigned int i = 0;; i++) {
		bool exists, up = link_is_up(name, &exists);

		if (up || !exists)
			return true;
		if (i >= tries || interrupt_seen())
			return false;
		nanosleep(&pause, NULL);
	}
}
