# Installs sse, and exports it from the build tree too: -Dsse_DIR=<build tree> is enough to try a change in another project.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/sse")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/sseConfig.cmake.in" "${PROJECT_BINARY_DIR}/sseConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sseConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
file(RELATIVE_PATH prefix_from_pc "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
set(pc_definitions "")
if(SSE_USE_BOOST_ASIO)
  set(pc_definitions " -DSSE_USE_BOOST_ASIO")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/packaging/sse.pc.in" "${PROJECT_BINARY_DIR}/sse.pc" @ONLY)
configure_file("${CMAKE_CURRENT_LIST_DIR}/Findasio.cmake" "${PROJECT_BINARY_DIR}/Findasio.cmake" COPYONLY)

install(TARGETS sse EXPORT sseTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/sse" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT sseTargets NAMESPACE sse:: DESTINATION "${package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/sseConfig.cmake" "${PROJECT_BINARY_DIR}/sseConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/Findasio.cmake" DESTINATION "${package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/sse.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
if(PROJECT_IS_TOP_LEVEL) # a parent's own targets can't be named in its build tree
  export(EXPORT sseTargets NAMESPACE sse:: FILE "${PROJECT_BINARY_DIR}/sseTargets.cmake")
endif()
