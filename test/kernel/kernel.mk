# SPDX-License-Identifier: BSD-2-Clause
#
# Tests of what only the kernel's /dev/netmap has; read by the top Makefile. They run in a virtual machine, with the module
# loaded, as root: all programs and scripts are put into $(B)/test/kernel/, and there
#
#	run.sh [-k netmap.ko] [-t SECONDS] [NAME...]
#
# runs all of them, or those named, one after the other: lines "ok NAME: case", "not ok NAME: case: why", "skip NAME: ...";
# exit code 1 if anything failed. It puts the module's parameters back after each. The environment: LR_SLOW=N makes long
# loops N times shorter. They need: a shell, ip, and the directory to be the only thing that is copied.

KERNEL_NAMES := $(filter-out kernel narrow,$(patsubst test/kernel/%.c,%,$(wildcard test/kernel/*.c)))
KERNEL_PROGRAMS := $(addprefix $(B)/test/kernel/,$(KERNEL_NAMES) narrow)
KERNEL_TESTS := $(KERNEL_PROGRAMS) $(B)/test/kernel/run.sh
KERNEL_SHARED := $(addprefix $(B)/obj/test/,kernel/kernel.o conformance/port.o conformance/wire.o lib/check.o)

# The public interface is all they see. -Wno-clobbered: of sigsetjmp, whose variables here are not read after it.
$(B)/obj/test/kernel/%.o: test/kernel/%.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude -Itest/lib $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/test/kernel/%: $(B)/obj/test/kernel/%.o $(KERNEL_SHARED)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $^ -lpthread -o $@

$(B)/test/kernel/%.sh: test/kernel/%.sh
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

# A program of 32 bits, for the kernel's other door; where the compiler cannot, a script that says so.
KERNEL_M32 := $(CC) -m32 -static -std=gnu11 -D_GNU_SOURCE -Iinclude -Itest/lib $(OPT) $(WARN) -fno-strict-aliasing
$(B)/test/kernel/narrow: test/kernel/narrow.c test/conformance/port.c test/lib/check.c test/conformance/port.h test/lib/check.h
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)if echo 'int main(void) { return 0; }' | $(CC) -m32 -static -x c - -o $@ 2>/dev/null; then \
		$(KERNEL_M32) $(filter %.c,$^) -o $@; \
	else \
		printf '#!/bin/sh\necho "skip narrow: the compiler makes no programs of 32 bits: gcc-multilib is missing"\nexit 77\n' >$@ && \
		chmod 755 $@; \
	fi
