# SPDX-License-Identifier: MIT
#
# sotto_flags: warnings and hardening for every target of ours (link it PRIVATE). Generated code does not link
# it. Flags that a compiler or an architecture lacks are left out by a probe, never by a version number.
#
# Asserts are part of the program: no build type defines NDEBUG.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

set(SOTTO_SANITIZE "" CACHE STRING "Sanitizers for the whole tree: 'address,undefined', 'thread' or 'memory'")
option(SOTTO_COVERAGE "Build with gcov counters" OFF)
option(SOTTO_FUZZ "Build the libFuzzer programs of tests/fuzz (clang; the preset fuzz)" OFF)
option(SOTTO_WERROR "Treat the warnings of sotto_flags as errors" ON)

set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

# Whole-tree switches: instrumented and plain objects must not be mixed, so generated code gets these too.
if(SOTTO_SANITIZE)
    add_compile_options(-fsanitize=${SOTTO_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${SOTTO_SANITIZE})
    if(SOTTO_SANITIZE MATCHES "memory")
        add_compile_options(-fsanitize-memory-track-origins -fno-optimize-sibling-calls)
    endif()
    if(SOTTO_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
endif()
if(SOTTO_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(SOTTO_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()

add_library(sotto_flags INTERFACE)
if(SOTTO_SANITIZE MATCHES "thread")
    target_sources(sotto_flags INTERFACE
        $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${PROJECT_SOURCE_DIR}/cmake/tsan_signals.c>)
endif()

# The server and the clients are Linux programs; -std=c11 alone would hide POSIX.
target_compile_definitions(sotto_flags INTERFACE _GNU_SOURCE)

target_compile_options(sotto_flags INTERFACE
    -Wall -Wextra $<$<BOOL:${SOTTO_WERROR}>:-Werror>
    -Wshadow -Wvla -Wundef -Wpointer-arith -Wformat=2 -Wdate-time
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -fno-common
    # __FILE__ (asserts, logs) names a file of the project, not of the machine that built it.
    -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sotto_flags INTERFACE -Wlogical-op -Wduplicated-cond -Walloca)
else()
    # Clang's -Wformat=2 also complains about functions that pass on a format and its va_list.
    target_compile_options(sotto_flags INTERFACE -Wno-format-nonliteral)
endif()

# Adds a flag to sotto_flags if the compiler takes it.
function(sotto_hardening_flag flag)
    string(MAKE_C_IDENTIFIER "SOTTO_HAS${flag}" probe)
    check_c_compiler_flag("${flag}" ${probe})
    if(${probe})
        target_compile_options(sotto_flags INTERFACE "${flag}")
    endif()
endfunction()

sotto_hardening_flag(-fstack-protector-strong)
sotto_hardening_flag(-fstack-clash-protection)
sotto_hardening_flag(-fcf-protection)
# Clang before 16 asks for a second flag with a long name before it accepts the first.
check_c_compiler_flag(-ftrivial-auto-var-init=zero SOTTO_HAS_auto_var_init)
if(SOTTO_SANITIZE MATCHES "memory")
    # MemorySanitizer looks for variables that nobody set: nobody but us may set them.
elseif(SOTTO_HAS_auto_var_init)
    target_compile_options(sotto_flags INTERFACE -ftrivial-auto-var-init=zero)
else()
    set(auto_var_init -ftrivial-auto-var-init=zero
        -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
    check_c_compiler_flag("${auto_var_init}" SOTTO_HAS_auto_var_init_clang)
    if(SOTTO_HAS_auto_var_init_clang)
        target_compile_options(sotto_flags INTERFACE ${auto_var_init})
    endif()
endif()

# FORTIFY_SOURCE needs optimisation, and hides errors from a sanitizer.
if(NOT SOTTO_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(sotto_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

target_link_options(sotto_flags INTERFACE
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
# A shared object must not use a symbol that nobody it links defines. Clang's sanitizers leave theirs to the
# executable, so there this check cannot hold.
if(NOT (CMAKE_C_COMPILER_ID MATCHES "Clang" AND SOTTO_SANITIZE))
    target_link_options(sotto_flags INTERFACE
        $<$<OR:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>,$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>>:-Wl,-z,defs>)
endif()
