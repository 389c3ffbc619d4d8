# The numerical base: errors, bytes, blocks, streams of random numbers, reducers, the merge tree.
qx_add_check_test(test_error SOURCES unit/test_error.c LINK qx_common)
qx_add_check_test(test_shortest SOURCES unit/test_shortest.c LINK qx_common)
qx_add_check_test(test_bytes SOURCES unit/test_bytes.c LINK qx_common)
qx_add_check_test(test_block SOURCES unit/test_block.c LINK qx_common)
qx_add_check_test(test_stream SOURCES unit/test_stream.c LABELS release)
qx_add_check_test(test_reduce SOURCES unit/test_reduce.c LINK qx_common LABELS release)
qx_add_check_test(test_tree SOURCES unit/test_tree.c LINK qx_common TIMEOUT 300)
qx_add_check_test(test_gsl_stream SOURCES unit/test_gsl_stream.c LINK qx_host PkgConfig::GSL)
qx_add_fuzzer(state SOURCE fuzz/fuzz_state.c LINK qx_common CORPUS fuzz/corpus/state)

add_test(NAME stream_tables_are_generated COMMAND sh -c
    "\"${PROJECT_SOURCE_DIR}/scripts/gen-ziggurat\" | cmp - \"${PROJECT_SOURCE_DIR}/include/quincunx/stream_tables.h\"")
qx_set_test(stream_tables_are_generated)
