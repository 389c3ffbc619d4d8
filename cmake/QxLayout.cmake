# One layout for the build tree and for an installation, so that programs find each other and the plugins
# relative to /proc/self/exe in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

set(QX_PLUGIN_OUTPUT_DIR "${CMAKE_BINARY_DIR}/lib/quincunx/plugins")
set(QX_PLUGIN_INSTALL_DIR "${CMAKE_INSTALL_LIBDIR}/quincunx/plugins")

# From the directory of an installed binary to the plugins; the build tree is always ../lib/quincunx/plugins.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY "${CMAKE_INSTALL_FULL_BINDIR}"
           OUTPUT_VARIABLE QX_LIB_DIR_REL)
set(QX_PLUGIN_DIR_REL "${QX_LIB_DIR_REL}/quincunx/plugins")

set(QX_GENERATED_DIR "${CMAKE_BINARY_DIR}/generated")
configure_file("${CMAKE_CURRENT_LIST_DIR}/build_config.h.in" "${QX_GENERATED_DIR}/build_config.h" @ONLY)
configure_file("${PROJECT_SOURCE_DIR}/include/quincunx/version.h.in"
               "${QX_GENERATED_DIR}/include/quincunx/version.h" @ONLY)

# An installed binary finds libquincunx beside it without help from ldconfig.
set(CMAKE_INSTALL_RPATH "$ORIGIN/${QX_LIB_DIR_REL}")

# qx_add_plugin(NAME SOURCES file... [LINK target...])
# A task plugin: the shared object NAME.so, built with the public headers alone, in the plugin directory.
function(qx_add_plugin name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    add_library(${name} MODULE ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:qx_warnings> ${arg_LINK})
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY "${QX_PLUGIN_OUTPUT_DIR}")
    install(TARGETS ${name} LIBRARY DESTINATION "${QX_PLUGIN_INSTALL_DIR}" COMPONENT plugins)
endfunction()
