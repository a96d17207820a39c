/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control device and the form of requests: descriptors that are not bound,
 * unknown ioctls, header, body and options, whatever is wrong with them.
 * SEMANTICS 1 and 2.
 */
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

/* --- The device ------------------------------------------------------------- */

CASE(device_opens)
{
	int a = dev_open(), b = dev_open(), c;

	CHECK(a != b);
	c = open(NETMAP_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	CHECK_OK(c);
	CHECK(fcntl(c, F_GETFD) & FD_CLOEXEC);
	CHECK(!(fcntl(a, F_GETFD) & FD_CLOEXEC));
	CHECK_OK(close(a));
	a = openat(AT_FDCWD, NETMAP_DEVICE_NAME, O_RDWR);
	CHECK_OK(a);
	CHECK_OK(close(a));
	CHECK_OK(close(b));
	CHECK_OK(close(c));
	CHECK_ERRNO(ioctl(c, NIOCTXSYNC, NULL), EBADF);
}

CASE(device_opens_a_thousand_times)
{
	for (int i = 0; i < 1000; i++)
		CHECK_OK(close(dev_open()));
}

CASE(unbound_sync)
{
	int fd = dev_open();

	CHECK_ERRNO(ioctl(fd, NIOCTXSYNC, NULL), ENXIO);
	CHECK_ERRNO(ioctl(fd, NIOCRXSYNC, NULL), ENXIO);
	close(fd);
}

CASE(unbound_poll)
{
	struct port p = { .fd = dev_open() };

	CHECK(poll_port(&p, POLLIN, 1000) & POLLERR);
	CHECK(poll_port(&p, POLLOUT, 1000) & POLLERR);
	CHECK(poll_port(&p, POLLIN | POLLOUT, -1) & POLLERR);
	close(p.fd);
}

CASE(unbound_mmap)
{
	int fd = dev_open();
	void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(m == MAP_FAILED);
	CHECK_MSG(errno == ENODEV || errno == EINVAL, "mmap: %s", strerror(errno));
	close(fd);
}

CASE(unknown_ioctls)
{
	static const unsigned long cmds[] = {
		0, 1, 0xffff, 0xffffffff, _IO('i', 0), _IO('i', 255), _IOWR('i', 151, char),
		_IOW('i', 145, struct nmreq), _IO('x', 148), _IOWR('n', 151, struct nmreq_header),
		0x5401 /* TCGETS */, 0x8912 /* SIOCGIFCONF */,
	};
	struct port p = port_open(unique("{1"), NULL);
	int unbound = dev_open();
	char arg[16384];

	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		memset(arg, 0xa5, sizeof(arg));
		for (int j = 0; j < 4; j++) {
			int fd = j & 1 ? p.fd : unbound;

			errno = 0;
			CHECK_EQ(ioctl(fd, cmds[i], j & 2 ? arg : NULL), -1);
			CHECK_MSG(errno == ENOTTY || errno == EOPNOTSUPP, "ioctl 0x%lx: %s",
				  cmds[i], strerror(errno));
		}
	}
	txsync(&p);
	port_close(&p);
	close(unbound);
}

CASE(ioctls_with_bad_pointers)
{
	static const unsigned long cmds[] = { NIOCCTRL, NIOCREGIF, NIOCGINFO, NIOCREG };
	int fd = dev_open();

	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		CHECK_ERRNO(ioctl(fd, cmds[i], NULL), EFAULT);
		CHECK_ERRNO(ioctl(fd, cmds[i], (void *)8), EFAULT);
		CHECK_ERRNO(ioctl(fd, cmds[i], (void *)UINTPTR_MAX), EFAULT);
		CHECK_ERRNO(ioctl(fd, cmds[i], (void *)(UINTPTR_MAX / 2)), EFAULT);
	}
	close(fd);
}

/* --- The header ------------------------------------------------------------- */

/* Registers the null port in h and says how it ended. */
static int request(int fd, struct nmreq_header *h)
{
	return ioctl(fd, NIOCCTRL, h) < 0 ? errno : 0;
}

static struct nmreq_register null_port(void)
{
	return (struct nmreq_register){ .nr_mode = NR_REG_NULL };
}

CASE(wrong_version)
{
	static const uint16_t versions[] = { 0, 1, 11, 13, 16, 255, 0x0e00, 0xffff };
	struct nmreq_register reg = null_port();
	int fd = dev_open();

	for (unsigned int i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique(""), &reg);

		h.nr_version = versions[i];
		CHECK_EQ(request(fd, &h), EINVAL);
		CHECK_EQ(h.nr_version, NETMAP_API);
	}
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, unique(""), &reg));
	close(fd);
}

CASE(reserved_not_zero)
{
	struct nmreq_register reg = null_port();
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique(""), &reg);
	int fd = dev_open();

	h.nr_reserved = 1;
	CHECK_EQ(request(fd, &h), EINVAL);
	h.nr_reserved = 0x80000000;
	CHECK_EQ(request(fd, &h), EINVAL);
	close(fd);
}

CASE(unknown_requests)
{
	static const uint16_t types[] = { 0, 16, 17, 255, 0x4c00, 0x4c05, 0x8001, 0xffff };
	uint64_t body[64];
	int fd = dev_open();

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		memset(body, 0, sizeof(body));
		CHECK_REFUSED_ANY(ctrl(fd, types[i], "x", body), EINVAL, EOPNOTSUPP);
	}
	close(fd);
}

CASE(body_missing)
{
	static const uint16_t types[] = { NETMAP_REQ_REGISTER, NETMAP_REQ_PORT_INFO_GET,
		NETMAP_REQ_POOLS_INFO_GET, NETMAP_REQ_PORT_STATS_GET };
	int fd = dev_open();

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		CHECK_REFUSED_ANY(ctrl(fd, types[i], unique(""), NULL), EINVAL, EFAULT);
		CHECK_REFUSED(ctrl(fd, types[i], unique(""), (void *)16), EFAULT);
	}
	close(fd);
}

/* An object of size bytes that ends where nothing is mapped. */
static void *at_the_edge(size_t size)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED);
	CHECK_OK(mprotect(m + 4096, 4096, PROT_NONE));
	return m + 4096 - size;
}

CASE(body_truncated)
{
	struct nmreq_register reg = null_port();
	int fd = dev_open();
	char *cut = at_the_edge(sizeof(reg) - 8), *whole = at_the_edge(sizeof(reg));

	memcpy(cut, &reg, sizeof(reg) - 8);
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, unique(""), cut), EFAULT);
	memcpy(whole, &reg, sizeof(reg));
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, unique(""), whole));
	close(fd);
}

CASE(header_truncated)
{
	struct nmreq_register reg = null_port();
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique(""), &reg);
	char *cut = at_the_edge(sizeof(h) - 8);
	int fd = dev_open();

	memcpy(cut, &h, sizeof(h) - 8);
	CHECK_ERRNO(ioctl(fd, NIOCCTRL, cut), EFAULT);
	close(fd);
}

/* The answer cannot be written: an error, and nothing is bound. */
CASE(body_read_only)
{
	struct nmreq_register reg = null_port(), *ro;
	int fd = dev_open();

	ro = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(ro != MAP_FAILED);
	*ro = reg;
	CHECK_OK(mprotect(ro, 4096, PROT_READ));
	CHECK_EQ(ctrl(fd, NETMAP_REQ_REGISTER, unique("a"), ro), EFAULT);
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, unique("b"), &reg));
	close(fd);
}

/* --- Names ------------------------------------------------------------------ */

CASE(name_of_64_characters)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	char name[NETMAP_REQ_IFNAMSIZ];
	int fd = dev_open();

	memset(name, 'a', sizeof(name));
	for (uint32_t mode = NR_REG_ALL_NIC; mode <= NR_REG_ONE_SW; mode++) {
		struct nmreq_header h = header(NETMAP_REQ_REGISTER, "", &reg);

		reg.nr_mode = mode;
		memcpy(h.nr_name, name, sizeof(name));
		CHECK_EQ(request(fd, &h), EINVAL);
	}
	reg.nr_mode = NR_REG_NULL;
	name[63] = 0;
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, name, &reg));
	close(fd);
}

CASE(name_with_odd_bytes)
{
	static const char *const names[] = {
		"", " ", "\t", "\n", "/", "..", "a/b", "../eth0", "%s%n%x", "{", "}", "{}", "{1", "}1",
		"a{", "a}", "a{1{", "a{1{2", "a{1}2", "a{}", "a}{1", "{{1", "\x01", "\xff\xfe", "a\x80{1",
		"lo:1", "vale", "vale:", ":", "netmap:", "netmap:lo", "@", "*", "^", "-1", "a b",
		"lr-an-interface-name-longer-than-the-kernel-has-them",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
		struct port p = { .fd = dev_open(), .reg = reg };
		int err;

		strcpy(p.name, names[i]);
		err = port_register(&p);
		if (err) {
			CHECK_MSG(err == EINVAL || err == ENXIO || err == EOPNOTSUPP,
				  "name \"%s\": %s (%s)", names[i], strerror(err), why);
			CHECK_MSG(why[0], "name \"%s\": no reason", names[i]);
			for (const char *c = why; *c; c++)
				CHECK_MSG((unsigned char)*c >= ' ' && *c != 127,
					  "name %u: the reason has the byte 0x%02x", i,
					  (unsigned char)*c);
		} else {
			/* Only pipes may be called such things. */
			CHECK_MSG(strpbrk(names[i], "{}"), "name \"%s\" was accepted", names[i]);
		}
		close(p.fd);
	}
}

CASE(interface_unknown)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_port_info_get info = { 0 };
	int fd = dev_open();

	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, "lrnosuch0", &reg), ENXIO);
	CHECK_MSG(strstr(why, "lrnosuch0"), "the reason does not name it: %s", why);
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_PORT_INFO_GET, "lrnosuch0", &info), ENXIO);
	close(fd);
}

/* A request that fails leaves body and header as they were. */
CASE(failure_changes_nothing)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 77,
		.nr_extra_bufs = 9, .nr_offset = 5, .nr_memsize = 6 }, before = reg;
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, "lrnosuch0", &reg), hbefore = h;
	int fd = dev_open();

	CHECK_EQ(request(fd, &h), ENXIO);
	CHECK(memcmp(&reg, &before, sizeof(reg)) == 0);
	CHECK(memcmp(&h, &hbefore, sizeof(h)) == 0);
	CHECK_ERRNO(ioctl(fd, NIOCTXSYNC, NULL), ENXIO);
	close(fd);
}

CASE(second_register)
{
	struct nmreq_register reg = null_port();
	struct port p = port_open(unique("{1"), NULL);

	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_REGISTER, unique("n"), &reg), EBUSY);
	reg.nr_mode = NR_REG_ALL_NIC;
	CHECK_REFUSED(ctrl(p.fd, NETMAP_REQ_REGISTER, p.name, &reg), EBUSY);
	txsync(&p);
	port_close(&p);
}
