# Finds standalone Asio and makes the target asio::asio: one that exists already, then a package's own CMake files
# (vcpkg, Conan), then the headers alone (Debian). Sets asio_FOUND and asio_VERSION. sse installs it beside its own files.

if(NOT TARGET asio::asio)
  find_package(asio CONFIG QUIET)
endif()

if(TARGET asio::asio)
  get_target_property(asio_directories asio::asio INTERFACE_INCLUDE_DIRECTORIES)
  find_path(asio_INCLUDE_DIR asio.hpp PATHS ${asio_directories} NO_DEFAULT_PATH NO_CACHE)
else()
  find_path(asio_INCLUDE_DIR asio.hpp)
  mark_as_advanced(asio_INCLUDE_DIR)
endif()

if(EXISTS "${asio_INCLUDE_DIR}/asio/version.hpp")
  file(STRINGS "${asio_INCLUDE_DIR}/asio/version.hpp" asio_VERSION REGEX "#define ASIO_VERSION [0-9]+")
  string(REGEX REPLACE ".*#define ASIO_VERSION ([0-9]+).*" "\\1" asio_VERSION "${asio_VERSION}")
  math(EXPR asio_VERSION_MAJOR "${asio_VERSION} / 100000")
  math(EXPR asio_VERSION_MINOR "${asio_VERSION} / 100 % 1000")
  math(EXPR asio_VERSION_PATCH "${asio_VERSION} % 100")
  set(asio_VERSION "${asio_VERSION_MAJOR}.${asio_VERSION_MINOR}.${asio_VERSION_PATCH}")
endif()

include(FindPackageHandleStandardArgs)
if(TARGET asio::asio AND NOT asio_VERSION) # headers that only the target's generator expressions name
  set(asio_FOUND TRUE)
  return()
endif()
find_package_handle_standard_args(asio REQUIRED_VARS asio_INCLUDE_DIR VERSION_VAR asio_VERSION)

if(asio_FOUND AND NOT TARGET asio::asio)
  find_package(Threads REQUIRED)
  add_library(asio::asio INTERFACE IMPORTED GLOBAL)
  set_target_properties(asio::asio PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${asio_INCLUDE_DIR}"
                                              INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
