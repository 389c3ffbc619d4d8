qx_add_check_test(test_sched SOURCES unit/test_sched.c LINK qx_core qx_common PkgConfig::JANSSON LABELS release)
if(TARGET qx_ledger)
    qx_add_check_test(test_ledger SOURCES unit/test_ledger.c LINK qx_ledger qx_common)
endif()
