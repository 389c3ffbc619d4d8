qx_add_check_test(test_decl SOURCES unit/test_decl.c LINK qx_common)
qx_add_check_test(test_json_out SOURCES unit/test_json_out.c LINK qx_common)
qx_add_check_test(test_table SOURCES unit/test_table.c LINK qx_common)
