# Installs sse, and exports it from the build tree too: -Dsse_DIR=<build tree> is enough to try a change in another project.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/sse")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/sseConfig.cmake.in" "${PROJECT_BINARY_DIR}/sseConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sseConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
configure_file("${CMAKE_CURRENT_LIST_DIR}/Findasio.cmake" "${PROJECT_BINARY_DIR}/Findasio.cmake" COPYONLY)

install(TARGETS sse EXPORT sseTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/sse" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT sseTargets NAMESPACE sse:: DESTINATION "${package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/sseConfig.cmake" "${PROJECT_BINARY_DIR}/sseConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/Findasio.cmake" DESTINATION "${package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
export(EXPORT sseTargets NAMESPACE sse:: FILE "${PROJECT_BINARY_DIR}/sseTargets.cmake")
