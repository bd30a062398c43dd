# SPDX-License-Identifier: MIT
#
# The front door. `make help` lists what there is; everything else is CMake with Ninja (CMakePresets.json).

SHELL := /bin/sh
.DEFAULT_GOAL := all
.PHONY: help all run test night bench asan tsan msan valgrind fuzz afl build-coverage coverage coverage-parsers format conf clean

help:
	@echo 'make            build everything into build/'
	@echo 'make run        install what is missing, build, start a server with ./data on loopback'
	@echo 'make test       install what is missing, build, run every test'
	@echo 'make night      run every test, those with a long form in it, then every fuzz target FUZZ_SECONDS=1200: a night'
	@echo 'make bench      build the release preset, measure, print one table (build/bench.json)'
	@echo 'make check      format, lint, and the rules of the house (scripts/check NAME for one of them)'
	@echo 'make asan       build with Address- and UndefinedBehaviorSanitizer, run the tests'
	@echo 'make tsan       build with ThreadSanitizer, run the tests'
	@echo 'make msan       build the readers that are ours to the bottom with MemorySanitizer, replay their corpora'
	@echo 'make valgrind   run some unit tests, and two people who talk, under memcheck: some minutes'
	@echo 'make fuzz       try random input on every parser, SECONDS=30 for each (tests/fuzz/README.md)'
	@echo 'make afl        try random input on one parser with AFL++, TARGET=conf SECONDS=30'
	@echo 'make coverage   run the tests with gcov counters, print the coverage of each folder'
	@echo 'make coverage-parsers  likewise of the readers of outside bytes and crypto/mls, file by file, in a minute'
	@echo 'make format     lay out the C files as .clang-format says'
	@echo 'make conf       write conf/ and docs/sdk/ anew from the tables and headers they come from'
	@echo 'make clean      remove all build folders (not ./data)'
	@echo 'tests/run WORD  run only the test programs whose name contains WORD'

all:
	@scripts/bootstrap verify
	@test -f build/build.ninja || cmake --preset dev
	@cmake --build build

run:
	@scripts/bootstrap
	@test -f build/build.ninja || cmake --preset dev
	@cmake --build build
	@scripts/run

test:
	@scripts/bootstrap test
	@test -f build/build.ninja || cmake --preset dev
	@cmake --build build
	@tests/run

# Both to the end, whatever the first finds.
night: FUZZ_SECONDS ?= 1200
night:
	@SOTTO_NIGHT=1 $(MAKE) --no-print-directory test; tests=$$?; \
	    $(MAKE) --no-print-directory fuzz SECONDS=$(FUZZ_SECONDS); targets=$$?; \
	    echo "tests: exit code $$tests, fuzz targets: exit code $$targets"; test $$tests$$targets = 00

bench:
	@scripts/bootstrap bench
	@test -f build-release/build.ninja || cmake --preset release
	@cmake --build build-release
	@tests/bench/run

check:
	@scripts/bootstrap check
	@test -f build/build.ninja || cmake --preset dev
	@cmake --build build
	@scripts/check

asan tsan:
	@scripts/bootstrap test
	@test -f build-$@/build.ninja || cmake --preset $@
	@cmake --build build-$@
	@tests/run --build build-$@

msan:
	@scripts/bootstrap fuzz
	@test -f build-msan/build.ninja || cmake --preset msan
	@cmake --build --preset msan
	@tests/run --build build-msan --kind unit

# One of each sort: readers, the running core, the store, each module, each library, the client, and a conversation.
memcheck = unit/test_wire unit/test_frame unit/test_conf_parse unit/test_http_head unit/test_ws_frame \
    unit/test_ws_deflate unit/test_session unit/test_rpc unit/test_store_tidy unit/test_keyx \
    unit/fuzz_token unit/test_chat_window unit/test_opaque unit/test_mls_welcome unit/test_mls_view \
    unit/test_client_conn unit/test_client_framing unit/test_client_store unit/test_backup unit/test_verify \
    scenario/30_chat_talk:two_people_talk_live

valgrind: export SOTTO_VALGRIND = 1
valgrind:
	@scripts/bootstrap valgrind
	@test -f build/build.ninja || cmake --preset dev
	@cmake --build build
	@tests/run $(memcheck)

fuzz afl: SECONDS ?= 30
fuzz:
	@scripts/bootstrap fuzz
	@test -f build-fuzz/build.ninja || cmake --preset fuzz
	@cmake --build --preset fuzz
	@tests/fuzz/run --seconds $(SECONDS)

build-coverage:
	@scripts/bootstrap test
	@test -f build-coverage/build.ninja || cmake --preset coverage
	@cmake --build build-coverage
	@find build-coverage -name '*.gcda' -delete

afl: TARGET ?= conf
afl:
	@scripts/bootstrap afl
	@test -f build-afl/build.ninja || cmake --preset afl
	@cmake --build build-afl --target fuzz_$(TARGET)
	@mkdir -p build-afl/found
	@AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_AUTORESUME=1 AFL_BENCH_UNTIL_CRASH=1 AFL_TRY_AFFINITY=1 \
	    afl-fuzz -V $(SECONDS) -i tests/fuzz/corpus/$(TARGET) -o build-afl/found/$(TARGET) -- build-afl/fuzz/fuzz_$(TARGET)
	@! ls build-afl/found/$(TARGET)/default/crashes/id* build-afl/found/$(TARGET)/default/hangs/id* 2>/dev/null

coverage: build-coverage
	@tests/run --build build-coverage; status=$$?; scripts/coverage build-coverage; exit $$status

coverage-parsers: build-coverage
	@tests/run --build build-coverage unit/ scenario/02_ scenario/07_ scenario/08_ scenario/09_http && \
	    scripts/coverage --parsers build-coverage

format:
	@scripts/bootstrap check
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

conf: all
	@build/bin/sottod -c conf/sotto.conf --config-doc conf
	@scripts/sdk-docs

clean:
	@rm -rf build build-release build-asan build-tsan build-fuzz build-coverage build-msan build-afl
