/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the interface has and this version does not: monitors, host rings,
 * external memory, offsets, CSB. It must be refused, with words, and nothing may
 * break or stay behind.
 */
#include <stdio.h>

#include "wire.h"

/* Refused in any of the ways "not here" is said. */
static void refused(int err, const char *what)
{
	CHECK_MSG(err == EOPNOTSUPP || err == EINVAL, "%s: %s (%s)", what,
		  err ? strerror(err) : "success", why);
	CHECK_MSG(why[0], "%s: refused without a reason", what);
}

CASE(csb_requests)
{
	static const struct {
		uint16_t type;
		const char *what;
	} reqs[] = {
		{ NETMAP_REQ_SYNC_KLOOP_START, "SYNC_KLOOP_START" },
		{ NETMAP_REQ_SYNC_KLOOP_STOP, "SYNC_KLOOP_STOP" },
		{ NETMAP_REQ_CSB_ENABLE, "CSB_ENABLE" },
	};
	struct port p = port_open(unique("{1"), NULL);
	int unbound = dev_open();

	for (unsigned int i = 0; i < sizeof(reqs) / sizeof(reqs[0]); i++) {
		uint64_t body[16] = { 0 };

		refused(ctrl(unbound, reqs[i].type, "", body), reqs[i].what);
		refused(ctrl(p.fd, reqs[i].type, "", body), reqs[i].what);
	}
	txsync(&p);
	port_close(&p);
	close(unbound);
}

CASE(monitors)
{
	static const uint64_t flags[] = { NR_MONITOR_TX, NR_MONITOR_RX, NR_MONITOR_TX | NR_MONITOR_RX,
		NR_MONITOR_TX | NR_MONITOR_RX | NR_ZCOPY_MON };
	const char *name = unique("{1");
	struct port p = port_open(name, NULL);
	int fd = dev_open();

	for (unsigned int i = 0; i < 4; i++) {
		struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_flags = flags[i] };

		refused(ctrl(fd, NETMAP_REQ_REGISTER, name, &reg), "monitor");
	}
	txsync(&p);
	port_close(&p);
	close(fd);
}

CASE(host_rings)
{
	static const uint32_t modes[] = { NR_REG_SW, NR_REG_NIC_SW, NR_REG_ONE_SW };
	int fd = dev_open();

	for (unsigned int i = 0; i < 3; i++) {
		struct nmreq_register reg = { .nr_mode = modes[i] };

		refused(ctrl(fd, NETMAP_REQ_REGISTER, unique("{1"), &reg), "host rings of a pipe");
	}
	close(fd);
	/* A NIC has them in some hosts; then they are open. */
	for (unsigned int i = 0; i < 3; i++) {
		struct nmreq_register reg = { .nr_mode = modes[i] };
		int err;

		fd = dev_open();
		err = ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg);
		if (err)
			refused(err, "host rings of a NIC");
		else
			CHECK(reg.nr_host_tx_rings > 0 && reg.nr_host_rx_rings > 0);
		close(fd);
	}
}

/* A register request with an option that is known, but not here. */
static void option_refused(struct nmreq_option *o, const char *what)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_opt_reason r = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_REASON,
		.nro_text = PTR(why),
		.nro_len = sizeof(why),
	};
	struct nmreq_header h = header(NETMAP_REQ_REGISTER, unique("{1"), &reg);
	int fd = dev_open();

	h.nr_options = PTR(&r);
	r.nro_opt.nro_next = PTR(o);
	refused(ioctl(fd, NIOCCTRL, &h) < 0 ? errno : 0, what);
	CHECK_MSG(o->nro_status == EOPNOTSUPP || o->nro_status == EINVAL, "%s: status %u", what,
		  o->nro_status);
	h.nr_options = 0;
	CHECK_OK(ioctl(fd, NIOCCTRL, &h));
	close(fd);
}

CASE(register_options)
{
	static char memory[1 << 16] __attribute__((aligned(4096)));
	static struct nm_csb_atok atok[2];
	static struct nm_csb_ktoa ktoa[2];
	struct nmreq_opt_extmem extmem = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_EXTMEM,
		.nro_usrptr = PTR(memory),
		.nro_info.nr_memsize = sizeof(memory),
	};
	struct nmreq_opt_offsets offsets = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_OFFSETS,
		.nro_max_offset = 64,
	};
	struct nmreq_opt_csb csb = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_CSB,
		.csb_atok = PTR(atok),
		.csb_ktoa = PTR(ktoa),
	};

	option_refused(&extmem.nro_opt, "EXTMEM");
	option_refused(&offsets.nro_opt, "OFFSETS");
	option_refused(&csb.nro_opt, "CSB");
}

CASE(legacy_commands)
{
	static const uint16_t cmds[] = { NETMAP_BDG_REGOPS, NETMAP_PT_HOST_CREATE, NETMAP_PT_HOST_DELETE, 13, 14, 100 };

	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		uint16_t cmd = cmds[i];
		struct nmreq r = { .nr_name = "vale0:1", .nr_version = NETMAP_API, .nr_cmd = cmd };
		int fd = dev_open();

		CHECK_EQ(ioctl(fd, NIOCREGIF, &r), -1);
		CHECK_MSG(errno == EOPNOTSUPP || errno == EINVAL, "command %u: %s", cmd, strerror(errno));
		close(fd);
	}
}

CASE(config_ioctl)
{
	struct nm_ifreq r = { .nifr_name = "vale0" };
	int fd = dev_open();

	CHECK_EQ(ioctl(fd, NIOCCONFIG, &r), -1);
	CHECK_MSG(errno == EOPNOTSUPP || errno == EINVAL || errno == ENOTTY, "%s", strerror(errno));
	close(fd);
}
