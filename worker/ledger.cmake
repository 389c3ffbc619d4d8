# What a worker owes the master: pure, so that the simulator of the scheduler can run thousands of them.
add_library(qx_ledger STATIC ledger.c)
target_link_libraries(qx_ledger PUBLIC qx_common PRIVATE $<BUILD_INTERFACE:qx_flags>)
