/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking the control device. Each request takes along the option that lets the
 * device say in words why it failed; a device that does not know the option is
 * asked again without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nmlib.h"

#define REASON_SIZE	512

int
lr_nmreq_device_open(struct nmctx *ctx)
{
	int fd = open(NETMAP_DEVICE_NAME, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		nmctx_ferror(ctx, NETMAP_DEVICE_NAME ": %s", strerror(errno));
	return fd;
}

/* What an errno means here, when the device has no words for it. */
static const char *
explain(int err)
{
	switch (err) {
	case ENXIO:
		return "no such port or interface";
	case EBUSY:
		return "in use, and one of the users wants it alone";
	case EOPNOTSUPP:
		return "the device does not support this, or one of the options";
	default:
		return strerror(err);
	}
}

int
lr_nmreq_ask(int fd, struct nmreq_header *hdr, struct nmctx *ctx)
{
	char text[REASON_SIZE] = "";
	struct nmreq_opt_reason reason = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON,
		.nro_text = (uintptr_t)text,
		.nro_len = sizeof(text),
	};
	int rc;

	nmreq_push_option(hdr, &reason.nro_opt);
	rc = ioctl(fd, NIOCCTRL, hdr);
	nmreq_remove_option(hdr, &reason.nro_opt);
	/* A failed request has changed nothing, so it can be repeated. */
	if (rc < 0 && errno == EOPNOTSUPP && text[0] == '\0' &&
	    reason.nro_opt.nro_status == EOPNOTSUPP)
		rc = ioctl(fd, NIOCCTRL, hdr);
	if (rc >= 0)
		return 0;
	text[sizeof(text) - 1] = '\0';
	nmctx_ferror(ctx, "%.*s: %s", NETMAP_REQ_IFNAMSIZ - 1, hdr->nr_name,
		     text[0] ? text : explain(errno));
	return -1;
}

int32_t
nmreq_get_mem_id(const char **ppspec, struct nmctx *ctx)
{
	static const char prefix[] = "netmap:";
	struct nmreq_port_info_get info = { 0 };
	const char *name = *ppspec;
	struct nmreq_header hdr;
	int fd, rc, err;
	size_t len;

	nmreq_header_init(&hdr, NETMAP_REQ_PORT_INFO_GET, &info);
	if (strncmp(name, prefix, strlen(prefix)) == 0)
		name += strlen(prefix);
	len = lr_nmreq_name_len(name);
	if (len == 0 || len >= sizeof(hdr.nr_name)) {
		nmctx_ferror(ctx, "%s: not the name of a port", *ppspec);
		errno = EINVAL;
		return -1;
	}
	memcpy(hdr.nr_name, name, len);
	fd = lr_nmreq_device_open(ctx);
	if (fd < 0)
		return -1;
	rc = lr_nmreq_ask(fd, &hdr, ctx);
	err = errno;
	close(fd);
	errno = err;
	if (rc)
		return -1;
	*ppspec = name + len;
	return info.nr_mem_id;
}
