# SPDX-License-Identifier: MIT
#
# The libraries the house is built on, one imported target each (docs/dependencies.md says why each is there):
#   PkgConfig::UV  PkgConfig::SODIUM  PkgConfig::JWT  PkgConfig::SQLITE  PkgConfig::CURL  PkgConfig::PROTOBUFC
#   PkgConfig::JANSSON  PkgConfig::CMOCKA  PkgConfig::EDIT  ZLIB::ZLIB  OpenSSL::Crypto  OpenSSL::SSL
# `scripts/bootstrap` installs what is missing.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(JWT REQUIRED IMPORTED_TARGET libjwt>=1.10)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.88)
pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
# Debian's libwslay-dev has a CMake package and no .pc file.
find_package(wslay REQUIRED CONFIG)
