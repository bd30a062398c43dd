# SPDX-License-Identifier: MIT
#
# sotto_unit_test(<name> SOURCES <files> [LIBS <targets>] [TIMEOUT <seconds>] [MSAN])
#
# Builds the cmocka program build/tests/<name> and writes it into build/tests/manifest.txt (name, seconds), from
# which tests/run starts it; in a build with MemorySanitizer only with MSAN. Put several sources of one noun into one test, never several nouns.
set(SOTTO_TEST_MANIFEST "${PROJECT_BINARY_DIR}/tests/manifest.txt")
file(WRITE "${SOTTO_TEST_MANIFEST}" "")

function(sotto_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "MSAN" "TIMEOUT" "SOURCES;LIBS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300) # of a program that takes seconds where it has the machine to itself
    endif()
    add_executable(${name} ${arg_SOURCES})
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support")
    target_link_libraries(${name} PRIVATE sotto_flags ${arg_LIBS} PkgConfig::CMOCKA)
    if(arg_MSAN OR NOT SOTTO_SANITIZE MATCHES "memory")
        file(APPEND "${SOTTO_TEST_MANIFEST}" "${name} ${arg_TIMEOUT}\n")
    endif()
endfunction()
