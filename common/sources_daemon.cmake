# What the two daemons share beyond qx_common: sockets and configuration files. Executors and clients go without czmq.
add_library(qx_daemon STATIC options.c zmqx.c placement.c)
target_link_libraries(qx_daemon PUBLIC qx_common PRIVATE $<BUILD_INTERFACE:qx_flags> PkgConfig::CZMQ PkgConfig::ZMQ)
