# Helpers for tests. Every test runs with the sanitizer options below; a test that exits 77 was skipped.
set(QX_TEST_ENVIRONMENT
    "ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:abort_on_error=0"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp"
    "LSAN_OPTIONS=print_suppressions=0"
    "CK_DEFAULT_TIMEOUT=60"
    "QX_BIN_DIR=${CMAKE_BINARY_DIR}/bin"
    "QX_PLUGIN_DIR=${QX_PLUGIN_OUTPUT_DIR}"
    "QX_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
if(NOT DEFINED ENV{QX_REFERENCE_DIR})
    cmake_path(GET PROJECT_SOURCE_DIR PARENT_PATH parent)
    list(APPEND QX_TEST_ENVIRONMENT "QX_REFERENCE_DIR=${parent}/shared/reference")
endif()

# qx_set_test(NAME [TIMEOUT s] [LABELS label...] [ENVIRONMENT var=value...] [SERIAL])
# Gives a test made by add_test() the common properties.
function(qx_set_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "LABELS;ENVIRONMENT")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES
        TIMEOUT ${arg_TIMEOUT}
        SKIP_RETURN_CODE 77
        LABELS "${arg_LABELS}"
        ENVIRONMENT "${QX_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
    if(arg_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# qx_add_check_test(NAME SOURCES file... [LINK target...] [TIMEOUT s] [LABELS label...] [ENVIRONMENT var=value...] [SERIAL])
# A Check program that is one CTest test. Labels: threads = also run under tsan, release = also run in the release build.
function(qx_add_check_test name)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "SOURCES;LINK;LABELS;ENVIRONMENT")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE qx_flags ${arg_LINK} PkgConfig::CHECK Threads::Threads m)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/bin")
    add_test(NAME ${name} COMMAND ${name})
    set(serial)
    if(arg_SERIAL)
        set(serial SERIAL)
    endif()
    qx_set_test(${name} ${serial} TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABELS} ENVIRONMENT ${arg_ENVIRONMENT})
endfunction()

# qx_add_script_test(NAME SCRIPT file [ARGS arg...] [...as above])
# A shell or Python script that is one CTest test; it gets QX_BIN_DIR and friends in its environment.
function(qx_add_script_test name)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "SCRIPT;TIMEOUT" "ARGS;LABELS;ENVIRONMENT")
    cmake_path(ABSOLUTE_PATH arg_SCRIPT BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${arg_SCRIPT} ${arg_ARGS})
    set(serial)
    if(arg_SERIAL)
        set(serial SERIAL)
    endif()
    qx_set_test(${name} ${serial} TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABELS} ENVIRONMENT ${arg_ENVIRONMENT})
endfunction()

# qx_add_fuzzer(NAME SOURCE file [LINK target...] [CORPUS dir])
# A libFuzzer target (LLVMFuzzerTestOneInput), built by the target `fuzzers`. With QX_FUZZ ctest fuzzes it for
# $QX_FUZZ_SECONDS (tests/fuzz/fuzz.sh); in every other build a small driver replays the corpus through the same function as the
# test fuzz.NAME.
add_custom_target(fuzzers)
function(qx_add_fuzzer name)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "SOURCE;CORPUS" "LINK")
    cmake_path(ABSOLUTE_PATH arg_CORPUS BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    if(QX_FUZZ)
        add_executable(fuzz_${name} ${arg_SOURCE})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        add_test(NAME fuzz.${name} COMMAND "${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.sh"
            $<TARGET_FILE:fuzz_${name}> "${CMAKE_BINARY_DIR}/fuzz/${name}" "${arg_CORPUS}")
    else()
        add_executable(fuzz_${name} ${arg_SOURCE} "${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c")
        add_test(NAME fuzz.${name} COMMAND fuzz_${name} "${arg_CORPUS}")
    endif()
    add_dependencies(fuzzers fuzz_${name})
    target_link_libraries(fuzz_${name} PRIVATE qx_flags ${arg_LINK} Threads::Threads m)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/bin")
    qx_set_test(fuzz.${name} LABELS fuzz)
endfunction()
