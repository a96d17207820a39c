# SPDX-License-Identifier: BSD-2-Clause
#
# The soak, and a netmapd whose system calls and allocations fail on demand (fault.c). Read by the top Makefile.

SOAK_PROGRAMS := $(B)/test/soak/soak $(B)/test/soak/netmapd
SOAK_WRAPS := calloc realloc aligned_alloc memfd_create ftruncate fallocate mmap eventfd pipe2 socket pthread_create

.PHONY: soak-programs
soak-programs: $(SOAK_PROGRAMS)

$(B)/obj/test/soak/%.o: test/soak/%.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/test/soak/soak: $(patsubst %.c,$(B)/obj/%.o,$(filter-out test/soak/fault.c,$(wildcard test/soak/*.c))) $(B)/lib/libnetmap.so
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $(filter %.o,$^) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../../lib' -Wl,--no-as-needed -lnetmap -o $@

$(B)/test/soak/netmapd: $(patsubst %.c,$(B)/obj/%.o,$(NETMAPD_SRCS) test/soak/fault.c)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $^ $(patsubst %,-Wl$(,)--wrap=%,$(SOAK_WRAPS)) $(NETMAPD_LIBS) -o $@
