/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program linked with libnetmap: with the preload library there too, there are two that could answer. Both ends of
 * a pipe must be on the same one, and the program's own calls must find it.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <libnetmap.h>

int main(void)
{
	struct nmport_d *a = nmport_open("netmap:both{1"), *b = nmport_open("netmap:both}1");
	struct pollfd p = { .events = POLLIN };
	char data[60] = "hello";

	if (!a || !b)
		return 1;
	p.fd = b->fd;
	if (poll(&p, 1, 10) != 0 || nmport_inject(a, data, sizeof(data)) != sizeof(data))
		return 2;
	p.fd = a->fd;
	poll(&p, 1, 0);
	p.fd = b->fd;
	if (poll(&p, 1, 5000) != 1 || p.revents != POLLIN)
		return 3;
	nmport_close(a);
	nmport_close(b);
	puts("works");
	return 0;
}
