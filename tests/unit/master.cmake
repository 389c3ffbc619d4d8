qx_add_check_test(test_catalogue SOURCES unit/test_catalogue.c LINK qx_master)
qx_add_check_test(test_blobs SOURCES unit/test_blobs.c LINK qx_master)
qx_add_check_test(test_job SOURCES unit/test_job.c LINK qx_master)
