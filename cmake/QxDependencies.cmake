# Everything from outside, as imported targets. Debian 12 is the floor.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq>=4.3)
pkg_check_modules(CZMQ REQUIRED IMPORTED_TARGET libczmq>=4.2)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(GSL REQUIRED IMPORTED_TARGET gsl>=2.7)
pkg_check_modules(RMATH REQUIRED IMPORTED_TARGET libRmath>=4.0) # r-mathlib
pkg_check_modules(MUPARSER REQUIRED IMPORTED_TARGET muparser>=2.3) # C API: muParserDLL.h
if(BUILD_TESTING)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check>=0.15)
endif()
find_program(QX_PROTOC_C NAMES protoc-c protoc REQUIRED)

