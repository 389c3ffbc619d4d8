# qx_flags: every target of ours links it privately; generated code does not. qx_warnings is qx_flags without the
# include path to our folders, for what has to build with the public headers alone (plugins).
option(QX_WERROR "Warnings are errors" OFF)
option(QX_COVERAGE "Instrument for gcov" OFF)
option(QX_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
set(QX_SANITIZE "" CACHE STRING "Sanitizers, comma-separated: address,undefined or thread")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# No -march: binaries run on any x86-64, and answers do not depend on where they were built.
set(CMAKE_C_FLAGS_RELEASE "-O3 -g -DNDEBUG")

find_program(QX_CCACHE ccache)
if(QX_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${QX_CCACHE}")
endif()

add_library(qx_warnings INTERFACE)
target_compile_features(qx_warnings INTERFACE c_std_11)
target_compile_options(qx_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes>
    $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wno-format-truncation> # texts are cut on purpose; lengths are checked where they matter
    $<$<AND:$<COMPILE_LANGUAGE:C>,$<BOOL:${QX_WERROR}>>:-Werror>)
add_library(qx_flags INTERFACE)
target_link_libraries(qx_flags INTERFACE qx_warnings)
target_include_directories(qx_flags INTERFACE "${PROJECT_SOURCE_DIR}" "${QX_GENERATED_DIR}")

# These hold for generated code and third-party sources too.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-ffp-contract=off -fno-omit-frame-pointer)
if(QX_SANITIZE)
    add_compile_options(-fsanitize=${QX_SANITIZE} -fno-sanitize-recover=undefined)
    add_link_options(-fsanitize=${QX_SANITIZE})
endif()
if(QX_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(QX_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic
        "$<$<COMPILE_LANGUAGE:C>:SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/gcov_exit.h>")
    add_link_options(--coverage)
    add_custom_target(coverage-zero COMMAND "${PROJECT_SOURCE_DIR}/scripts/coverage" --zero "${CMAKE_BINARY_DIR}" VERBATIM)
    add_custom_target(coverage-report COMMAND "${PROJECT_SOURCE_DIR}/scripts/coverage" "${CMAKE_BINARY_DIR}" USES_TERMINAL VERBATIM)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    add_compile_definitions(_FORTIFY_SOURCE=2)
    add_compile_options(-fstack-protector-strong)
    add_link_options(-Wl,-z,relro,-z,now)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES C)
endif()
