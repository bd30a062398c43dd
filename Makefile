# SPDX-License-Identifier: MIT
#
# The front door. `make help` lists what there is; everything else is CMake with Ninja (CMakePresets.json).

SHELL := /bin/sh
.DEFAULT_GOAL := all
.PHONY: help all run test night bench asan tsan fuzz build-coverage coverage coverage-parsers format conf clean

help:
	@echo 'make            build everything into build/'
	@echo 'make run        install what is missing, build, start a server with ./data on loopback'
	@echo 'make test       install what is missing, build, run every test'
	@echo 'make night      run every test, those with a long form in it: hours'
	@echo 'make bench      build the release preset, measure, print one table (build/bench.json)'
	@echo 'make check      format, lint, and the rules of the house (scripts/check NAME for one of them)'
	@echo 'make asan       build with Address- and UndefinedBehaviorSanitizer, run the tests'
	@echo 'make tsan       build with ThreadSanitizer, run the tests'
	@echo 'make fuzz       try random input on every parser, SECONDS=30 for each (tests/fuzz/README.md)'
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

night: export SOTTO_NIGHT = 1
night: test

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

fuzz: SECONDS ?= 30
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
	@rm -rf build build-release build-asan build-tsan build-fuzz build-coverage
