# Installs sse, and exports it from the build tree too: -Dsse_DIR=<build tree> is enough to try a change in another project.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Headers alone are of every architecture, a compiled library is not.
set(targets sse)
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/sse")
set(any_architecture ARCH_INDEPENDENT)
if(SSE_INSTALL_COMPILED)
  list(APPEND targets sse_compiled)
  set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sse")
  set(any_architecture "")
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/sseConfig.cmake.in" "${PROJECT_BINARY_DIR}/sseConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sseConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ${any_architecture})
configure_file("${CMAKE_CURRENT_LIST_DIR}/Findasio.cmake" "${PROJECT_BINARY_DIR}/Findasio.cmake" COPYONLY)

install(TARGETS ${targets} EXPORT sseTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/sse" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        PATTERN "*.md" EXCLUDE PATTERN decisions EXCLUDE)
install(EXPORT sseTargets NAMESPACE sse:: DESTINATION "${package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/sseConfig.cmake" "${PROJECT_BINARY_DIR}/sseConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/Findasio.cmake" DESTINATION "${package_dir}")

# sse_install_component(TARGET NAME): in a set of its own, NAMETargets. Who does not ask for the component does not need its library.
function(sse_install_component target name)
  install(TARGETS ${target} EXPORT ${name}Targets)
  install(EXPORT ${name}Targets NAMESPACE sse:: DESTINATION "${package_dir}")
  if(PROJECT_IS_TOP_LEVEL) # a parent's own targets can't be named in its build tree
    export(EXPORT ${name}Targets NAMESPACE sse:: FILE "${PROJECT_BINARY_DIR}/${name}Targets.cmake")
  endif()
endfunction()
if(TARGET sse_sqlite)
  sse_install_component(sse_sqlite sseSqlite)
endif()
if(TARGET sse_redis)
  configure_file("${CMAKE_CURRENT_LIST_DIR}/Findhiredis.cmake" "${PROJECT_BINARY_DIR}/Findhiredis.cmake" COPYONLY)
  install(FILES "${CMAKE_CURRENT_LIST_DIR}/Findhiredis.cmake" DESTINATION "${package_dir}")
  sse_install_component(sse_redis sseRedis)
endif()
if(TARGET sse_tls)
  sse_install_component(sse_tls sseTls)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
if(PROJECT_IS_TOP_LEVEL)
  export(EXPORT sseTargets NAMESPACE sse:: FILE "${PROJECT_BINARY_DIR}/sseTargets.cmake")
endif()

# sse_install_pc(NAME FOLDER): NAME.pc, from cmake/packaging, for pkg-config.
set(pc_definitions "")
if(SSE_USE_BOOST_ASIO)
  set(pc_definitions " -DSSE_USE_BOOST_ASIO")
endif()
set(pc_libraries "-pthread")
if(WIN32)
  string(APPEND pc_libraries " -lws2_32 -lmswsock")
endif()
function(sse_install_pc name folder)
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE full_folder)
  file(RELATIVE_PATH prefix_from_pc "${full_folder}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
  configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/packaging/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${folder}/pkgconfig")
endfunction()
sse_install_pc(sse "${CMAKE_INSTALL_DATADIR}")
if(TARGET sse_tls)
  sse_install_pc(sse-tls "${CMAKE_INSTALL_DATADIR}")
endif()
if(SSE_INSTALL_COMPILED)
  sse_install_pc(sse-compiled "${CMAKE_INSTALL_LIBDIR}")
endif()
