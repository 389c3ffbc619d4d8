set(plugin_dir "${CMAKE_BINARY_DIR}/tests/plugins")
qx_add_check_test(test_rule SOURCES unit/test_rule.c LINK qx_common)
qx_add_check_test(test_host SOURCES unit/test_host.c LINK qx_host ENVIRONMENT "QX_TEST_PLUGIN_DIR=${plugin_dir}")
add_dependencies(test_host test_plugins)
qx_add_script_test(conform.verdicts SCRIPT "${CMAKE_CURRENT_SOURCE_DIR}/unit/conform.sh"
    ENVIRONMENT "QX_TEST_PLUGIN_DIR=${plugin_dir}" TIMEOUT 300)
if(TARGET quincunx) # what pkg-config finds is installed with the library
    qx_add_script_test(template.builds_outside SCRIPT "${CMAKE_CURRENT_SOURCE_DIR}/unit/template.sh"
        ARGS "${CMAKE_BINARY_DIR}/tests/install/prefix" "${CMAKE_BINARY_DIR}/tests/template"
        ENVIRONMENT "CC=${CMAKE_C_COMPILER}" "QX_CMAKE=${CMAKE_COMMAND}" TIMEOUT 300 LABELS release)
    set_tests_properties(template.builds_outside PROPERTIES FIXTURES_REQUIRED install_tree)
endif()

qx_add_fuzzer(csv SOURCE "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_csv.c" LINK qx_common
    CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/csv")
qx_add_fuzzer(table SOURCE "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_table.c" LINK qx_common
    CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/table")
