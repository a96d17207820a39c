# SPDX-License-Identifier: BSD-2-Clause
#
# linerate. `make help` lists what there is. Everything built goes under build/ (or build/asan, build/tsan, ...).

include core/files.mk

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
SBINDIR ?= $(PREFIX)/sbin
UNITDIR ?= $(PREFIX)/lib/systemd/system
DOCDIR ?= $(PREFIX)/share/doc/linerate

# SAN=asan: address and undefined behaviour; SAN=tsan: threads. DEBUG=1: assertions of the core.
SAN ?=
DEBUG ?= $(if $(SAN),1,)
SUFFIX := $(if $(SAN),/$(SAN),$(if $(DEBUG),/debug,))
B := build$(SUFFIX)

CC ?= cc
OPT ?= -O2
CFLAGS ?= -g
WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-format-nonliteral
, := ,
SANFLAGS := $(if $(filter asan,$(SAN)),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
SANFLAGS += $(if $(filter tsan,$(SAN)),-fsanitize=thread -fno-omit-frame-pointer)
CPPFLAGS_ALL := -D_GNU_SOURCE $(if $(DEBUG),-DLR_DEBUG) -DLR_VERSION='"$(VERSION)"' -I. -Iinclude -Ios/user $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 $(OPT) $(CFLAGS) $(WARN) $(SANFLAGS) -fno-strict-aliasing
LIBS := -lbpf -lpthread -ldl

# --- What the libraries are made of -----------------------------------------------------------

DEVICE_SRCS := $(addprefix core/,$(CORE_SRCS)) $(wildcard os/user/*.c nic/user/*.c lib/device*.c lib/intercept*.c lib/daemon*.c) daemon/message.c daemon/path.c
LIBNETMAP_SRCS := $(wildcard lib/nm*.c)
LIB_OBJS := $(patsubst %.c,$(B)/obj/%.o,$(DEVICE_SRCS) $(LIBNETMAP_SRCS))
PRELOAD_OBJS := $(patsubst %.c,$(B)/obj/%.o,$(DEVICE_SRCS))

SONAME := libnetmap.so.1
LIBS_BUILT := $(B)/lib/libnetmap.so $(B)/lib/libnetmap.a $(B)/lib/libnetmap-preload.so $(B)/lib/pkgconfig/libnetmap.pc

# --- Programs ------------------------------------------------------------------------------------

TOOLS := pkt-gen bridge nmctl vale-ctl
TOOL_LIBS_nmctl := -lncurses -ltinfo
# The core of netmapd reaches its callers by messages: it has another os/user/caller.c, and none of the libc's functions.
NETMAPD_SRCS := $(addprefix core/,$(CORE_SRCS)) $(filter-out os/user/caller.c,$(wildcard os/user/*.c)) $(wildcard nic/user/*.c daemon/*.c) lib/device_param.c
NETMAPD_LIBS := -lbpf -lconfig -lpthread -ldl
EXAMPLES := $(patsubst examples/%.c,%,$(wildcard examples/*.c))
# Forwarding functions for netmapd to load.
FUNCTIONS := $(patsubst examples/function/%.c,$(B)/lib/vale_%.so,$(wildcard examples/function/*.c))
BINS := $(addprefix $(B)/bin/,$(TOOLS) $(EXAMPLES) netmapd)
# DPDK is compared with where it is installed.
DPDK := $(shell pkg-config --exists libdpdk 2>/dev/null && echo yes)
# bench/report.c collects and draws, the others measure.
BENCHES := $(patsubst bench/%.c,$(B)/bench/%,$(filter-out $(if $(DPDK),,bench/memif.c),$(wildcard bench/*.c)))
UNIT_TESTS := $(patsubst test/unit/%_test.c,$(B)/test/unit/%_test,$(wildcard test/unit/*_test.c))

.PHONY: all lib tools benches tests help clean demo check check-fast check-asan check-tsan kmod drivers check-kbuild check-vm check-vm-debug fuzz soak bench bench-vm style install uninstall install-dkms install-dkms-drivers uninstall-dkms deps
.DELETE_ON_ERROR:
.SECONDARY:

# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),:,printf '  %-4s%s\n' $(1) $(2))

all: ## build libraries, tools and examples
all: lib tools

-include test/conformance/conformance.mk test/daemon/daemon.mk test/netns/netns.mk test/kernel/kernel.mk test/soak/soak.mk

lib: $(LIBS_BUILT)
tools: $(BINS) $(FUNCTIONS)
benches: $(BENCHES)
tests: $(UNIT_TESTS) $(CONFORMANCE_TESTS) $(DAEMON_TESTS) $(NETNS_PROGRAMS) $(KERNEL_TESTS)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIC -fvisibility=hidden -MMD -MP -c $< -o $@

$(B)/lib/$(SONAME): $(LIB_OBJS) lib/libnetmap.map
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) -shared $(SANFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libnetmap.map $(LIB_OBJS) $(LIBS) -o $@

$(B)/lib/libnetmap.so: $(B)/lib/$(SONAME)
	@$(call say,LN,$@)
	$(Q)ln -sf $(SONAME) $@

$(B)/lib/libnetmap.a: $(LIB_OBJS)
	@mkdir -p $(@D)
	@rm -f $@
	@$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $(LIB_OBJS)

$(B)/lib/libnetmap-preload.so: $(PRELOAD_OBJS)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) -shared $(SANFLAGS) $(LDFLAGS) -Wl,-soname,libnetmap-preload.so $(PRELOAD_OBJS) $(LIBS) -o $@

# The file of a build tree names the default PREFIX; install writes it anew.
PC_EDIT := s|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|
$(B)/lib/pkgconfig/libnetmap.pc: lib/libnetmap.pc.in Makefile
	@mkdir -p $(@D)
	@$(call say,GEN,$@)
	$(Q)sed -e '$(PC_EDIT)' $< > $@

# Programs use the shared library of this tree, or the installed one once they are installed.
PROGRAM_LINK = -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lnetmap $(LIBS) -lm

define TOOL
$(B)/bin/$(1): $(patsubst %.c,$(B)/obj/%.o,$(wildcard cmd/$(1)/*.c cmd/lib/*.c)) $(B)/lib/libnetmap.so
	@mkdir -p $$(@D)
	@$(call say,LD,$$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $$(filter %.o,$$^) $$(PROGRAM_LINK) $(TOOL_LIBS_$(1)) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call TOOL,$(t))))

$(B)/bin/netmapd: $(patsubst %.c,$(B)/obj/%.o,$(NETMAPD_SRCS))
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $^ $(NETMAPD_LIBS) -o $@

$(addprefix $(B)/bin/,$(EXAMPLES)): $(B)/bin/%: $(B)/obj/examples/%.o $(B)/lib/libnetmap.so
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $< $(PROGRAM_LINK) -o $@

$(FUNCTIONS): $(B)/lib/vale_%.so: examples/function/%.c include/net/netmap_vale.h
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) -shared -fPIC -Iinclude $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS) $< -o $@

# Benches and unit tests may look inside: they take the static library.
$(B)/bench/%: $(B)/obj/bench/%.o $(B)/lib/libnetmap.a
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $< $(B)/lib/libnetmap.a $(LIBS) -lm -o $@

# What netmap is compared with does not run through it.
BENCH_BARE := packet report sink udp xsk
$(addprefix $(B)/bench/,$(BENCH_BARE)): $(B)/bench/%: $(B)/obj/bench/%.o
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $< -lbpf -lm -o $@

# Statically: else DPDK loads all drivers that there are.
DPDK_DRIVERS := bus_vdev mempool_ring net_memif
DPDK_LIBS := ethdev mempool mbuf ring eal net kvargs meter telemetry hash rcu
$(B)/obj/bench/memif.o: CFLAGS_ALL += $(if $(DPDK),$(shell pkg-config --cflags libdpdk 2>/dev/null))
$(B)/bench/memif: $(B)/obj/bench/memif.o
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $< -Wl,--whole-archive $(patsubst %,-l:librte_%.a,$(DPDK_DRIVERS)) -Wl,--no-whole-archive \
		-Wl,--start-group $(patsubst %,-l:librte_%.a,$(DPDK_LIBS)) -Wl,--end-group -lnuma -lbsd -lpthread -ldl -lm -o $@

# What is measured in a VM runs on the real device: libnetmap without the in-process host. Static, as pages are faulted in
# before the clock starts.
VM_LOAD_OBJS := $(patsubst %.c,$(B)/obj/%.o,$(filter-out bench/vm/profile.c,$(wildcard bench/vm/*.c)) $(LIBNETMAP_SRCS))
$(B)/bench/vm/load: $(VM_LOAD_OBJS)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) -static $(LDFLAGS) $^ -lbpf -lelf -lz -lpthread -o $@

$(B)/bench/vm/profile.so: bench/vm/profile.c
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) -shared -fPIC -fvisibility=hidden $(CFLAGS_ALL) $(LDFLAGS) $< -o $@

# Sanitizers have a poll and an ioctl of their own, which the linker would find first: tests of ours take all of the archive.
$(filter $(B)/test/unit/device%,$(UNIT_TESTS)): WHOLE := -Wl,--whole-archive
$(B)/test/unit/%_test: $(B)/obj/test/unit/%_test.o $(B)/lib/libnetmap.a
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $< $(WHOLE) $(B)/lib/libnetmap.a $(if $(WHOLE),-Wl$(,)--no-whole-archive) $(LIBS) -lm -o $@

help: ## this list
	@echo "linerate $(VERSION): make TARGET [SAN=asan|tsan] [DEBUG=1] [V=1] [PREFIX=...] [DESTDIR=...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | sort | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

deps: ## install the Debian packages that a build needs
	@scripts/deps.sh build

demo: ## build, then show the main job with real packets (root)
	@scripts/deps.sh demo
	@$(MAKE) --no-print-directory -j$$(nproc) all benches
	@scripts/demo.sh

check: ## all tests this machine can run (root; installs what is missing)
	@scripts/deps.sh check
	@scripts/check.sh full

check-fast: ## unit and conformance tests, the long ones left out: a minute and a half
	@scripts/check.sh fast

check-asan: ## the tests under address and undefined behaviour sanitizers
	@scripts/check.sh asan

check-tsan: ## the threaded tests under the thread sanitizer
	@scripts/check.sh tsan

kmod: ## netmap.ko for the running kernel, or KDIR=... (DEBUG=1: assertions)
	@scripts/kmod.sh $(if $(DEBUG),-d) $(KDIR)

drivers: ## network drivers that know netmap, for the running kernel, KDIR=... or KVER=6.1|6.12|7.2 (DRIVERS="e1000 ...")
	@scripts/drivers.sh $(if $(KVER),-k $(KVER)) $(if $(KDIR),-b $(KDIR)) $(DRIVERS)

check-kbuild: ## the module, for all installed kernel headers, with sparse
	@scripts/kbuild-check.sh

check-vm: ## the module on real kernels in QEMU: hours, or KERNELS="6.1 7.2" PARTS="raw native" (root)
	@scripts/deps.sh vm
	@$(MAKE) --no-print-directory -j$$(nproc) all tests
	@KERNELS="$(KERNELS)" PARTS="$(PARTS)" scripts/check.sh vm

check-vm-debug: ## the same on a kernel with KASAN, lockdep and kmemleak, which it builds first
	@scripts/deps.sh vm-debug
	@$(MAKE) --no-print-directory -j$$(nproc) all tests
	@test/vm/planted.sh
	@KERNELS=debug PARTS="$(PARTS)" scripts/check.sh vm

fuzz: ## each fuzz target for SECONDS (60)
	@SECONDS_EACH=$(or $(SECONDS),60) scripts/check.sh fuzz

soak: ## an hour (or SOAK_SECONDS) of clients, kills and faults on netmapd; every packet accounted for (SEED=)
	@scripts/deps.sh demo
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=asan soak-programs
	@SOAK_SECONDS="$(SOAK_SECONDS)" SEED="$(SEED)" test/soak/run.sh

bench: ## same-run ratios, charts and bench/out/results.json (QUICK=1: shorter)
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory -j$$(nproc) all benches
	@bench/run.sh $(if $(QUICK),quick)

bench-vm: ## guest instructions per packet in a VM, bench/out/results-vm.json (root; QUICK=1, KERNEL=6.12)
	@scripts/deps.sh vm
	@$(MAKE) -s --no-print-directory -j$$(nproc) $(B)/bench/report $(B)/bench/vm/load
	@bench/vm/run.sh $(if $(KERNEL),-k $(KERNEL)) $(if $(QUICK),-q)

style: ## house style, measured
	@scripts/style.sh

install: all ## into DESTDIR/PREFIX
	install -d $(DESTDIR)$(INCLUDEDIR)/net $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MANDIR)/man3 $(DESTDIR)$(MANDIR)/man4 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)
	install -m 644 include/net/*.h $(DESTDIR)$(INCLUDEDIR)/net
	install -m 644 include/libnetmap.h $(DESTDIR)$(INCLUDEDIR)
	install -m 755 $(B)/lib/$(SONAME) $(B)/lib/libnetmap-preload.so $(DESTDIR)$(LIBDIR)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libnetmap.so
	install -m 644 $(B)/lib/libnetmap.a $(DESTDIR)$(LIBDIR)
	sed -e '$(PC_EDIT)' lib/libnetmap.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/libnetmap.pc
	install -m 755 $(addprefix $(B)/bin/,$(TOOLS)) $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/bin/netmapd $(DESTDIR)$(SBINDIR)
	install -m 644 daemon/systemd/netmapd.socket $(DESTDIR)$(UNITDIR)
	sed -e 's|@SBINDIR@|$(SBINDIR)|' daemon/systemd/netmapd.service.in > $(DESTDIR)$(UNITDIR)/netmapd.service
	install -m 644 daemon/netmapd.conf $(DESTDIR)$(DOCDIR)
	install -m 644 man/*.3 $(DESTDIR)$(MANDIR)/man3
	install -m 644 man/*.4 $(DESTDIR)$(MANDIR)/man4
	install -m 644 man/*.8 $(DESTDIR)$(MANDIR)/man8

uninstall: ## takes back what install put there
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(patsubst include/%,%,$(wildcard include/net/*.h include/*.h)))
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(SONAME) libnetmap.so libnetmap.a libnetmap-preload.so pkgconfig/libnetmap.pc)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(TOOLS))
	rm -f $(DESTDIR)$(SBINDIR)/netmapd $(addprefix $(DESTDIR)$(UNITDIR)/,netmapd.socket netmapd.service) $(DESTDIR)$(DOCDIR)/netmapd.conf
	rm -f $(foreach s,3 4 8,$(addprefix $(DESTDIR)$(MANDIR)/man$(s)/,$(notdir $(wildcard man/*.$(s)))))

DKMS_TREE := /usr/src/linerate-$(VERSION)
DKMS_DRIVERS := /usr/src/linerate-drivers-$(VERSION)

# All that netmap.ko is built of, into DESTDIR/$(1).
define dkms-tree
	install -d $(DESTDIR)$(1)/nic $(DESTDIR)$(1)/scripts
	cp -r core os kmod include Makefile $(DESTDIR)$(1)
	cp -r nic/linux nic/native $(DESTDIR)$(1)/nic
	install -m 755 scripts/kmod.sh $(DESTDIR)$(1)/scripts
endef

install-dkms: ## the module's sources into DESTDIR/usr/src, and with dkms into each kernel as it comes
	$(call dkms-tree,$(DKMS_TREE))
	cp dkms.conf $(DESTDIR)$(DKMS_TREE)
	install -d $(DESTDIR)/usr/lib/udev/rules.d
	install -m 644 kmod/60-netmap.rules $(DESTDIR)/usr/lib/udev/rules.d
	$(if $(DESTDIR),,dkms install -m linerate -v $(VERSION))

install-dkms-drivers: ## the same for drivers that know netmap, in place of the kernel's: DRIVERS="e1000e igb"
	$(if $(DRIVERS),,$(error name the drivers, DRIVERS="...", of: $(patsubst drivers/%.cocci,%,$(wildcard drivers/*.cocci))))
	$(if $(DESTDIR),,scripts/deps.sh drivers)
	$(call dkms-tree,$(DKMS_DRIVERS))
	cp -r drivers $(DESTDIR)$(DKMS_DRIVERS)
	install -m 755 scripts/drivers.sh $(DESTDIR)$(DKMS_DRIVERS)/scripts
	scripts/drivers.sh -d $(DRIVERS) >$(DESTDIR)$(DKMS_DRIVERS)/dkms.conf
	$(if $(DESTDIR),,dkms install -m linerate-drivers -v $(VERSION))

uninstall-dkms: ## takes back what install-dkms and install-dkms-drivers put there
	$(if $(DESTDIR),,-dkms remove -m linerate-drivers -v $(VERSION) --all)
	$(if $(DESTDIR),,-dkms remove -m linerate -v $(VERSION) --all)
	rm -rf $(DESTDIR)$(DKMS_TREE) $(DESTDIR)$(DKMS_DRIVERS)
	rm -f $(DESTDIR)/usr/lib/udev/rules.d/60-netmap.rules

clean: ## removes build/
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
