if(TARGET quincunx_objects)
    qx_add_check_test(test_session SOURCES unit/test_session.c $<TARGET_OBJECTS:quincunx_objects>
        LINK qx_proto qx_common PkgConfig::ZMQ)
endif()
if(TARGET qx_cli)
    qx_add_check_test(test_cli SOURCES unit/test_cli.c LINK qx_cli qx_common)
endif()
