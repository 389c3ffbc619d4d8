qx_add_check_test(test_hostile SOURCES integration/test_hostile.c LINK qx_host qx_proto qx_common PkgConfig::ZMQ
    LABELS integration release threads)
if(BUILD_TESTING)
    add_dependencies(test_hostile qx-master qx-worker qx_basic)
endif()
