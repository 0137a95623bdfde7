# SPDX-License-Identifier: GPL-3.0-or-later
#
# The one makefile. Each floor folder becomes one static archive, the two programs link the
# archives, and every library is asked for (pkg-config) only by the target that needs it: the
# agent builds without the server's libraries, the server without libssh.

VERSION   := 0.1.0
PREFIX    ?= /usr/local
SBINDIR   ?= $(PREFIX)/sbin
MANDIR    ?= $(PREFIX)/share/man
DOCDIR    ?= $(PREFIX)/share/doc/p2v
HOOKDIR   ?= $(PREFIX)/share/p2v/hooks
COMPDIR   ?= $(PREFIX)/share/bash-completion/completions
BUILD     ?= build
PKG_CONFIG ?= pkg-config

# SAN=address|undefined|thread builds with a sanitizer (used by check-asan, check-ubsan, check-tsan).
SAN ?=
ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
endif

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2 -fno-common
ifeq ($(WERROR),1)
WARN += -Werror
endif
HARDEN := -fstack-protector-strong -fPIE -fcf-protection
ifeq ($(SAN),)
HARDEN += -D_FORTIFY_SOURCE=2
else
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
ALL_CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DP2V_VERSION='"$(VERSION)"' -I. $(CPPFLAGS)
ALL_CFLAGS = -std=gnu17 $(WARN) $(HARDEN) $(SANFLAGS) -pthread $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread $(SANFLAGS) $(LDFLAGS)

# What pkg-config is asked, per archive; evaluated only when a target of that archive is made.
pc_common    := jansson libcrypto
pc_wire      := libzstd libcrypto
pc_disk      := blkid ext2fs com_err libntfs-3g liburing
pc_track     := libbpf
pc_machine   := jansson
pc_inventory := jansson blkid libcryptsetup
pc_convert   := libxml-2.0 libzstd
pc_postfix   := libguestfs jansson libarchive hivex yaml-0.1
pc_p2v-agent := libssh jansson libpng
pc_p2v-server := jansson libvirt libcrypto
pc_tests     := check

# inventory/ makes two archives: machine, the model and plans, which the server needs too; and the rest,
# which probes devices and is the agent's.
FLOORS := common wire disk track machine inventory convert postfix
AGENT_FLOORS := inventory machine track disk wire common
SERVER_FLOORS := postfix convert machine wire common
ARCHIVES := $(FLOORS:%=$(BUILD)/lib%.a)

# postfix/data/*.tbl are compiled in: one generated C file.
FIX_TABLES := $(wildcard postfix/data/*.tbl)
GENERATED := $(BUILD)/gen/tables_data.c
# So are the scripts that run in Windows.
WINDOWS_SCRIPTS := $(wildcard postfix/windows/scripts/*)

# A folder and its rooms; postfix/data has no C.
src = $(sort $(wildcard $(1)/*.c $(1)/*/*.c))
MODEL := $(sort $(wildcard inventory/machine*.c inventory/plan/*.c))
src_of_floor = $(if $(filter machine,$(1)),$(MODEL),$(filter-out $(MODEL),$(call src,$(1))))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# The launcher of the agent's bundle is a program of its own.
LAUNCHER    := p2v-agent/bundle/launcher.c
AGENT_OBJS  := $(call obj,$(filter-out $(LAUNCHER),$(call src,p2v-agent)))
SERVER_OBJS := $(call obj,$(call src,p2v-server))
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.c))
FUZZERS     := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_TOOLS  := $(patsubst tests/tools/%.c,$(BUILD)/tests/tools/%,$(wildcard tests/tools/*.c)) \
	$(patsubst tests/preload/%.c,$(BUILD)/tests/preload/%.so,$(wildcard tests/preload/*.c))
TEST_LIB    := $(BUILD)/libtests.a

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all agent agent-bundle server demo check check-unit check-static check-e2e check-guests check-hot check-asan check-ubsan check-tsan \
	check-valgrind check-fuzz check-iso bench bench-counts iso pxe install deps deps-agent deps-server deps-test deps-iso \
	deps-bench help clean

all: agent server
agent: $(BUILD)/p2v-agent
server: $(BUILD)/p2v-server
agent-bundle: $(BUILD)/p2v-agent.bundle

# ---- programs and archives

# The programs' own parts as archives, without main(), for their unit tests.
$(BUILD)/libp2v-agent.a: $(filter-out %/main.o,$(AGENT_OBJS))
$(BUILD)/libp2v-server.a: $(filter-out %/main.o,$(SERVER_OBJS))
$(BUILD)/libp2v-%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/p2v-agent: $(AGENT_OBJS) $(AGENT_FLOORS:%=$(BUILD)/lib%.a)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $$($(PKG_CONFIG) --libs $(pc_p2v-agent) $(foreach f,$(AGENT_FLOORS),$(pc_$(f))))

$(BUILD)/p2v-server: $(SERVER_OBJS) $(SERVER_FLOORS:%=$(BUILD)/lib%.a)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $$($(PKG_CONFIG) --libs $(pc_p2v-server) $(foreach f,$(SERVER_FLOORS),$(pc_$(f))))

# One file for any machine. The tool compiles the launcher, for it generates a part of it.
$(BUILD)/p2v-agent.bundle: $(BUILD)/p2v-agent tools/agent-bundle $(LAUNCHER) p2v-agent/bundle/bundle.h
	$(call say,BUNDLE,$@)
	$(Q)CC='$(CC)' WARN='$(WARN)' tools/agent-bundle $< $@

define floor_rules
$(BUILD)/lib$(1).a: $(call obj,$(call src_of_floor,$(1))) $(2)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$^
endef
$(foreach f,$(filter-out common postfix,$(FLOORS)),$(eval $(call floor_rules,$(f))))
$(eval $(call floor_rules,common,$(BUILD)/obj/gen/tables_data.o))
$(eval $(call floor_rules,postfix,$(BUILD)/obj/gen/windows_scripts.o))

$(TEST_LIB): $(call obj,$(call src,tests/lib))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# The folder of a source decides which headers it may see: its own row of docs/layers.txt.
folder = $(if $(filter $(MODEL),$(1)),machine,$(firstword $(subst /, ,$(1))))
pc_of = $(if $(filter tests,$(call folder,$(1))),$(pc_tests) $(foreach f,$(FLOORS),$(pc_$(f))),$(pc_$(call folder,$(1))) $(pc_common))

$(BUILD)/obj/%.o: %.c $(MAKEFILE_LIST)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $$($(PKG_CONFIG) --cflags $(call pc_of,$<)) -MMD -MP -c -o $@ $<

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(GENERATED): postfix/data/gen.sh $(FIX_TABLES)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sh postfix/data/gen.sh postfix/data > $@

$(BUILD)/gen/windows_scripts.c: $(WINDOWS_SCRIPTS)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sh postfix/windows/scripts/gen.sh postfix/windows/scripts > $@

# ---- tests

TEST_LIBS = $$($(PKG_CONFIG) --libs $(pc_tests) $(foreach f,$(FLOORS),$(pc_$(f))))
# Tests that replace functions (tests/lib/fault.h, or their own) say so in a comment "WRAP: linker flags".
wrap = $(shell sed -n 's/^ \* WRAP: //p' tests/unit/$(1).c $(if $(shell grep -l tests/lib/fault.h tests/unit/$(1).c),tests/lib/fault.h))

# Archives in link order: a test of a program's part (test_agent_*, test_server_*) gets that archive in front.
TEST_ARCHIVES := $(foreach f,postfix convert inventory machine track disk wire common,$(BUILD)/lib$(f).a)

$(BUILD)/tests/unit/test_agent_%: $(BUILD)/obj/tests/unit/test_agent_%.o $(BUILD)/libp2v-agent.a $(TEST_LIB) $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(call wrap,$(@F)) -o $@ $< $(TEST_LIB) $(BUILD)/libp2v-agent.a $(TEST_ARCHIVES) \
		$(TEST_LIBS) $$($(PKG_CONFIG) --libs $(pc_p2v-agent))

$(BUILD)/tests/unit/test_server_%: $(BUILD)/obj/tests/unit/test_server_%.o $(BUILD)/libp2v-server.a $(TEST_LIB) $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(call wrap,$(@F)) -o $@ $< $(TEST_LIB) $(BUILD)/libp2v-server.a $(TEST_ARCHIVES) \
		$(TEST_LIBS) $$($(PKG_CONFIG) --libs $(pc_p2v-server))

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(TEST_LIB) $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(call wrap,$(@F)) -o $@ $< $(TEST_LIB) $(TEST_ARCHIVES) $(TEST_LIBS)

$(BUILD)/tests/tools/%: $(BUILD)/obj/tests/tools/%.o $(TEST_LIB) $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_LIB) $(TEST_ARCHIVES) $(TEST_LIBS)

# No sanitizer in these, and no hardening: they are guests in another program.
$(BUILD)/tests/preload/%.so: tests/preload/%.c
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O2 -fPIC -shared -o $@ $< -ldl

$(BUILD)/tests/fuzz/fuzz_agent_%: $(BUILD)/obj/tests/fuzz/fuzz_agent_%.o $(BUILD)/obj/tests/fuzz/replay.o \
		$(BUILD)/libp2v-agent.a $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libp2v-agent.a $(TEST_ARCHIVES) \
		$(TEST_LIBS) $$($(PKG_CONFIG) --libs $(pc_p2v-agent))

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(TEST_ARCHIVES) $(TEST_LIBS)

$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_ARCHIVES) $(TEST_LIBS)

RUN = P2V_BUILD=$(abspath $(BUILD)) tests/run

check: all $(UNIT_TESTS) $(FUZZERS) $(TEST_TOOLS)
	$(Q)$(RUN) unit fuzz static e2e
check-unit: $(UNIT_TESTS) $(FUZZERS)
	$(Q)$(RUN) unit fuzz
check-static: all
	$(Q)$(RUN) static
check-e2e: all $(TEST_TOOLS)
	$(Q)$(RUN) e2e
# Hours: no part of check. ONLY=ID,ID keeps these rows of tests/guests/matrix.tbl; FAST=1: finish --fast.
check-guests: all
	$(Q)P2V_BUILD=$(abspath $(BUILD)) tests/lib/rooted tests/guests/matrix $(if $(FAST),--fast) $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(FAMILY),--family $(FAMILY))
# A quarter of an hour and more: a whole machine that converts itself hot.
check-hot: all agent-bundle
	$(Q)P2V_BUILD=$(abspath $(BUILD)) tests/lib/rooted tests/guests/hot $(abspath $(BUILD))/hot
check-fuzz: $(FUZZERS)
	$(Q)$(RUN) fuzz
# The appliance tests spend their time in qemu, which no sanitizer sees.
check-asan:
	$(Q)NOT=test_postfix_ $(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address,undefined CFLAGS='-O1 -g' check-unit
check-ubsan:
	$(Q)NOT=test_postfix_ $(MAKE) --no-print-directory BUILD=$(BUILD)/ubsan SAN=undefined CFLAGS='-O1 -g' check-unit
check-tsan:
	$(Q)NOT=test_postfix_ $(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SAN=thread CFLAGS='-O1 -g' check-unit
check-valgrind: $(UNIT_TESTS)
	$(Q)$(RUN) valgrind
# Hours: no part of check. BENCH='--scale 16 --runs 1' and more: tests/bench/run.
bench: all
	$(Q)P2V_BUILD=$(abspath $(BUILD)) tests/lib/rooted tests/bench/run $(BENCH)
bench-counts: $(BUILD)/tests/bench/hot_loops
	$(Q)P2V_BUILD=$(abspath $(BUILD)) tests/bench/counts

demo: all
	$(Q)P2V_BUILD=$(abspath $(BUILD)) tests/lib/rooted tests/demo/run

# ---- the bootable medium: docs/iso.md

ISO_OPTIONS = --build $(abspath $(BUILD)) $(if $(KEY),--key $(KEY)) $(if $(CMDLINE),--cmdline '$(CMDLINE)') \
	$(if $(FIRMWARE),--firmware $(FIRMWARE))

iso pxe: agent
	$(Q)iso/build $(ISO_OPTIONS) $@
# An hour: no part of check. ONLY=TEXT,TEXT keeps rows of tests/iso/matrix.tbl.
check-iso: agent server
	$(Q)P2V_BUILD=$(abspath $(BUILD)) tests/iso/matrix $(if $(ONLY),--only $(ONLY))

# ---- installing

deps:
	$(Q)tools/deps all
deps-agent deps-server deps-test deps-iso deps-bench:
	$(Q)tools/deps $(@:deps-%=%)

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(DOCDIR) $(DESTDIR)$(COMPDIR) $(DESTDIR)$(HOOKDIR)
	install -m 0755 $(wildcard p2v-agent/quiesce/hooks/*) $(DESTDIR)$(HOOKDIR)
	install -m 0755 $(BUILD)/p2v-agent $(BUILD)/p2v-server $(DESTDIR)$(SBINDIR)
	install -m 0644 docs/man/p2v-agent.8 docs/man/p2v-server.8 $(DESTDIR)$(MANDIR)/man8
	install -m 0644 docs/man/p2v-agent-cmdline.7 $(DESTDIR)$(MANDIR)/man7
	install -m 0644 README.md LICENSE CHANGELOG.md SECURITY.md $(wildcard docs/*.md) $(DESTDIR)$(DOCDIR)
	$(BUILD)/p2v-agent completion > $(DESTDIR)$(COMPDIR)/p2v-agent
	$(BUILD)/p2v-server completion > $(DESTDIR)$(COMPDIR)/p2v-server

clean:
	rm -rf $(BUILD)/obj $(BUILD)/gen $(BUILD)/tests $(BUILD)/*.a $(BUILD)/p2v-agent $(BUILD)/p2v-server \
		$(BUILD)/p2v-agent.bundle \
		$(BUILD)/asan $(BUILD)/ubsan $(BUILD)/tsan

help:
	@printf '%s\n' \
	'make                 both programs, in build/' \
	'make agent|server    one of them, with its libraries only' \
	'make agent-bundle    build/p2v-agent.bundle: the agent and its libraries in one file' \
	'make demo            convert a real Debian source and boot the result (SOURCE=disk for your own)' \
	'make check           all tests: unit, fuzz corpora, static, end to end (STRICT=1: skips fail)' \
	'make check-unit|check-static|check-e2e|check-fuzz   one kind' \
	'make check-guests    convert the machines of tests/guests/matrix.tbl (ONLY=ID,ID JOBS=2 FAST=1)' \
	'make check-hot       a whole emulated machine converts itself while it works' \
	'make check-asan|check-ubsan|check-tsan|check-valgrind   unit tests under a checker' \
	'make iso|pxe         the bootable medium: an image, or for a boot server (KEY= CMDLINE= FIRMWARE=)' \
	'make check-iso       boot it on emulated machines of every kind; an hour (ONLY=TEXT)' \
	'make bench           speed against peers, into docs/benchmarks.md; hours (BENCH=options)' \
	'make bench-counts    instructions of the hot loops by callgrind, into docs/benchmarks.md' \
	'make install         DESTDIR= PREFIX=/usr/local' \
	'make deps            all Debian packages, or a part (deps-agent|deps-server|deps-test|deps-iso)' \
	'make deps-bench      the peers of make bench' \
	'make clean           remove what was built (downloads and test guests in build/cache stay)' \
	'make help            this text' \
	'variables            V=1 shows commands, WERROR=1, SAN=address, BUILD=dir, CFLAGS, LDFLAGS'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
