# SPDX-License-Identifier: BSD-2-Clause
#
# The conformance suite, twice: NAME is linked with libnetmap; NAME-raw is not, and runs under the preload library
# or on the device. nmport.c and what else needs libnetmap.h exists linked only. Read by the top Makefile.

CONFORMANCE_NAMES := $(filter-out port wire,$(patsubst test/conformance/%.c,%,$(wildcard test/conformance/*.c)))
CONFORMANCE_LINKED_ONLY := $(patsubst test/conformance/%.c,%,$(wildcard test/conformance/nm*.c))
CONFORMANCE_RAW := $(addsuffix -raw,$(filter-out $(CONFORMANCE_LINKED_ONLY),$(CONFORMANCE_NAMES)))
CONFORMANCE_TESTS := $(addprefix $(B)/test/conformance/,$(CONFORMANCE_NAMES) $(if $(SAN),,$(CONFORMANCE_RAW)))
CONFORMANCE_SHARED := $(addprefix $(B)/obj/test/,conformance/port.o conformance/wire.o lib/check.o)

# No -I. and no os/user: the public interface is all they see.
$(B)/obj/test/conformance/%.o: test/conformance/%.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude -Itest/lib $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/obj/test/lib/%.o: test/lib/%.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude -Itest/lib $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/test/conformance/%-raw: $(B)/obj/test/conformance/%.o $(CONFORMANCE_SHARED)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $^ -lpthread -o $@

# Under the thread sanitizer, statically: its own poll would come before that of a shared libnetmap, and it takes no
# notice of locks that are taken inside of a poll.
CONFORMANCE_LIB := $(B)/lib/libnetmap.$(if $(filter tsan,$(SAN)),a,so)

$(B)/test/conformance/%: $(B)/obj/test/conformance/%.o $(CONFORMANCE_SHARED) $(CONFORMANCE_LIB)
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $(filter %.o,$^) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../../lib' \
		$(if $(filter tsan,$(SAN)),-Wl$(,)--whole-archive $(CONFORMANCE_LIB) -Wl$(,)--no-whole-archive $(LIBS),\
		-Wl$(,)--no-as-needed -lnetmap) -lpthread -o $@
