# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that the namespace tests use. Read by the top Makefile.

NETNS_PROGRAMS := $(patsubst test/netns/%.c,$(B)/test/netns/%,$(wildcard test/netns/*.c))

$(B)/obj/test/netns/%.o: test/netns/%.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/test/netns/%: $(B)/obj/test/netns/%.o $(B)/lib/libnetmap.so
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $< -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../../lib' -lnetmap -o $@
