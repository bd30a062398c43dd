# SPDX-License-Identifier: MIT
#
# The CMake package of the module SDK. A module that lives anywhere says
#
#     find_package(SottoSdk REQUIRED)      # -DSottoSdk_DIR=<sotto>/sdk/cmake, or an installed SDK
#     sotto_add_module(NAME echo SOURCES echo.c PROTO echo.proto)
#
# and gets echo.so. Targets: sotto_sdk (the headers), sotto_flags (warnings and hardening), and, where it is
# built or installed, sotto_harness (a host for unit tests). Inside Sotto's own tree the same file is included.
include_guard(GLOBAL)

# Installed, everything lies beside this file; in the source tree the general parts are in <top>/cmake.
set(SOTTO_SDK_COMMON "${CMAKE_CURRENT_LIST_DIR}")
set(SOTTO_SDK_INCLUDE "${CMAKE_CURRENT_LIST_DIR}/../../../include")
if(NOT EXISTS "${SOTTO_SDK_COMMON}/SottoFlags.cmake")
    set(SOTTO_SDK_COMMON "${CMAKE_CURRENT_LIST_DIR}/../../cmake")
    set(SOTTO_SDK_INCLUDE "${CMAKE_CURRENT_LIST_DIR}/../include")
endif()
cmake_path(NORMAL_PATH SOTTO_SDK_COMMON)
cmake_path(NORMAL_PATH SOTTO_SDK_INCLUDE)

if(NOT TARGET sotto_flags)
    # Somebody else's project: our warnings, but whether they are errors is for that project to say.
    set(SOTTO_WERROR OFF CACHE BOOL "Treat the warnings of sotto_flags as errors")
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4)
    include("${SOTTO_SDK_COMMON}/SottoFlags.cmake")
    include("${SOTTO_SDK_COMMON}/SottoProto.cmake")
endif()
find_program(SOTTO_PYTHON python3 REQUIRED)

if(NOT TARGET sotto_sdk)
    add_library(sotto_sdk INTERFACE)
    target_include_directories(sotto_sdk INTERFACE "${SOTTO_SDK_INCLUDE}")
    target_link_libraries(sotto_sdk INTERFACE PkgConfig::PROTOBUFC)
endif()

# The host for unit tests, when this is an installed SDK that brings it.
if(NOT TARGET sotto_harness AND EXISTS "${CMAKE_CURRENT_LIST_DIR}/../../libsotto-harness.a")
    pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
    add_library(sotto_harness STATIC IMPORTED)
    set_target_properties(sotto_harness PROPERTIES
        IMPORTED_LOCATION "${CMAKE_CURRENT_LIST_DIR}/../../libsotto-harness.a")
    target_link_libraries(sotto_harness INTERFACE sotto_sdk PkgConfig::SQLITE)
endif()

# sotto_add_module(NAME <name> SOURCES <files> PROTO <name>.proto [MIGRATIONS <NNNN_name.sql>...]
#                  [LIBS <targets>])
#
# Makes
#   module_<name>          <name>.so in build/modules; it exports sotto_module_entry and nothing else, and does
#                          not link if it uses a symbol that no library in LIBS has
#   module_<name>_objects  the same code for unit tests to link
#   <name>_proto           the generated messages, for clients to link
#   SOTTO_MODULES          a global property: every module_<name> of this build
# and generates for the module's sources
#   <name>.pb-c.h          the messages
#   <name>.rpc.h           the table of methods (see sotto/rpc.h) and the schema
#   <name>.migrations.h    static const struct sotto_migration_row <name>_migrations[], from the SQL files
function(sotto_add_module)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;PROTO" "SOURCES;MIGRATIONS;LIBS")
    foreach(needed IN ITEMS NAME PROTO SOURCES)
        if(NOT arg_${needed})
            message(FATAL_ERROR "sotto_add_module: ${needed} is missing")
        endif()
    endforeach()
    set(tools "${CMAKE_CURRENT_FUNCTION_LIST_DIR}")
    if(NOT EXISTS "${tools}/sotto-rpc-gen")
        set(tools "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../tools")
    endif()
    set(proto_target ${arg_NAME}_proto)
    set(objects module_${arg_NAME}_objects)
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.generated")
    file(MAKE_DIRECTORY "${generated}")

    sotto_proto(${proto_target} "${arg_PROTO}")
    get_target_property(desc ${proto_target} SOTTO_DESC)
    add_custom_command(
        OUTPUT "${generated}/${arg_NAME}.rpc.h"
        COMMAND "${SOTTO_PYTHON}" "${tools}/sotto-rpc-gen" --name "${arg_NAME}"
                --out "${generated}/${arg_NAME}.rpc.h" "${desc}"
        DEPENDS "${desc}" "${tools}/sotto-rpc-gen"
        COMMENT "Generating ${arg_NAME}.rpc.h"
        VERBATIM)
    set(headers "${generated}/${arg_NAME}.rpc.h")
    if(arg_MIGRATIONS)
        list(TRANSFORM arg_MIGRATIONS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
        add_custom_command(
            OUTPUT "${generated}/${arg_NAME}.migrations.h"
            COMMAND "${SOTTO_PYTHON}" "${tools}/sotto-sql-gen" "${arg_NAME}"
                    "${generated}/${arg_NAME}.migrations.h" ${arg_MIGRATIONS}
            DEPENDS ${arg_MIGRATIONS} "${tools}/sotto-sql-gen"
            COMMENT "Generating ${arg_NAME}.migrations.h"
            VERBATIM)
        list(APPEND headers "${generated}/${arg_NAME}.migrations.h")
    endif()

    add_library(${objects} OBJECT ${arg_SOURCES} ${headers})
    target_include_directories(${objects}
        PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}" "${generated}")
    set_target_properties(${objects} PROPERTIES
        POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden
        C_STANDARD 11 C_STANDARD_REQUIRED ON)
    target_link_libraries(${objects} PRIVATE sotto_flags PUBLIC sotto_sdk ${proto_target} ${arg_LIBS})

    set(exports "${generated}/${arg_NAME}.map")
    file(CONFIGURE OUTPUT "${exports}" CONTENT "{ global: sotto_module_entry; local: *; };\n")
    add_library(module_${arg_NAME} MODULE)
    set_target_properties(module_${arg_NAME} PROPERTIES
        PREFIX "" OUTPUT_NAME "${arg_NAME}" LINKER_LANGUAGE C
        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/modules"
        LINK_DEPENDS "${exports}")
    target_link_libraries(module_${arg_NAME} PRIVATE ${objects} sotto_flags)
    target_link_options(module_${arg_NAME} PRIVATE "-Wl,--version-script=${exports}")
    set_property(GLOBAL APPEND PROPERTY SOTTO_MODULES module_${arg_NAME})
endfunction()
