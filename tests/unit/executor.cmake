qx_add_check_test(test_executor SOURCES unit/test_executor.c unit/trial.c LINK qx_pool LABELS threads)
if(BUILD_TESTING)
    add_dependencies(test_executor qx_basic)
endif()
