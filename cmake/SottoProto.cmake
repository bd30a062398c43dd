# SPDX-License-Identifier: MIT
#
# sotto_proto(<target> <file.proto> [ROOT <dir>] [LIBS <other proto targets>])
#
# Makes the static library <target> from a .proto: protobuf-c's code, and beside it the descriptor set
# <name>.desc with all imports (its path is the target property SOTTO_DESC). Imports resolve from ROOT, by
# default the top of the project; a target whose .proto imports another names that one's target in LIBS.
#
# Who links <target> may write the generated header as "modules/chat/chat.pb-c.h" (the path from ROOT) or just
# as "chat.pb-c.h". Generated code is not ours to polish, so it is compiled without our warnings.
find_program(SOTTO_PROTOC protoc REQUIRED)
find_program(SOTTO_PROTOC_C protoc-c REQUIRED)

function(sotto_proto target proto)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "ROOT" "LIBS")
    if(NOT arg_ROOT)
        set(arg_ROOT "${PROJECT_SOURCE_DIR}")
    endif()
    cmake_path(ABSOLUTE_PATH proto BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    cmake_path(ABSOLUTE_PATH arg_ROOT BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    cmake_path(RELATIVE_PATH proto BASE_DIRECTORY "${arg_ROOT}" OUTPUT_VARIABLE path)
    cmake_path(GET path PARENT_PATH folder)
    cmake_path(GET path STEM LAST_ONLY name)

    set(out "${CMAKE_BINARY_DIR}/proto/${target}")
    set(code "${out}/${folder}/${name}.pb-c.c")
    set(desc "${out}/${name}.desc")
    file(MAKE_DIRECTORY "${out}/${folder}")

    set(imported "")
    foreach(lib IN LISTS arg_LIBS)
        get_target_property(lib_proto ${lib} SOTTO_PROTO)
        list(APPEND imported "${lib_proto}")
    endforeach()

    add_custom_command(
        OUTPUT "${code}" "${out}/${folder}/${name}.pb-c.h"
        COMMAND "${SOTTO_PROTOC_C}" "--proto_path=${arg_ROOT}" "--c_out=${out}" "${path}"
        DEPENDS "${proto}" ${imported}
        COMMENT "Generating ${name}.pb-c.c"
        VERBATIM)
    add_custom_command(
        OUTPUT "${desc}"
        COMMAND "${SOTTO_PROTOC}" "--proto_path=${arg_ROOT}" --include_imports
                "--descriptor_set_out=${desc}" "${path}"
        DEPENDS "${proto}" ${imported}
        COMMENT "Generating ${name}.desc"
        VERBATIM)

    # The header and the descriptor set are listed as sources so that they exist before any user compiles.
    add_library(${target} STATIC "${code}" "${out}/${folder}/${name}.pb-c.h" "${desc}")
    set_target_properties(${target} PROPERTIES
        SOTTO_DESC "${desc}"
        SOTTO_HEADER "${out}/${folder}/${name}.pb-c.h"
        SOTTO_PROTO "${proto}"
        POSITION_INDEPENDENT_CODE ON
        C_VISIBILITY_PRESET hidden)
    target_compile_options(${target} PRIVATE -w)
    target_include_directories(${target} SYSTEM PUBLIC "${out}" "${out}/${folder}")
    target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUFC ${arg_LIBS})
    add_custom_target(${target}_files DEPENDS "${code}" "${desc}")
    add_dependencies(${target} ${target}_files)
endfunction()
