# SPDX-License-Identifier: BSD-2-Clause
#
# Tests of netmapd: process.c what only processes can show, with the public interface; hostile.c speaks the protocol by
# hand. Both run under with.sh. Read by the top Makefile.

DAEMON_TESTS := $(patsubst test/daemon/%.c,$(B)/test/daemon/%,$(wildcard test/daemon/*.c))

$(B)/obj/test/daemon/%.o: test/daemon/%.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -I. -Iinclude -Itest/lib -Itest/conformance $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/test/daemon/%: $(B)/obj/test/daemon/%.o $(CONFORMANCE_SHARED) $(if $(filter tsan,$(SAN)),,$(B)/obj/daemon/message.o) $(CONFORMANCE_LIB)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $(filter %.o,$^) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../../lib' \
		$(if $(filter tsan,$(SAN)),-Wl$(,)--whole-archive $(CONFORMANCE_LIB) -Wl$(,)--no-whole-archive $(LIBS),\
		-Wl$(,)--no-as-needed -lnetmap) -lpthread -o $@
