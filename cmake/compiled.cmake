# sse::compiled: the bodies of sse's functions in a library, so that a program's own files compile them no more. It is static,
# or as BUILD_SHARED_LIBS says, and is built only where a target links it or SSE_INSTALL_COMPILED asks for it.

if(SSE_INSTALL_COMPILED AND SSE_INSTALL)
  add_library(sse_compiled)
else()
  add_library(sse_compiled EXCLUDE_FROM_ALL)
endif()
add_library(sse::compiled ALIAS sse_compiled)
file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/sse.cpp" CONTENT "#include <sse/src.hpp>\n")
target_sources(sse_compiled PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/sse.cpp")
target_link_libraries(sse_compiled PUBLIC sse)
target_compile_definitions(sse_compiled PUBLIC SSE_SEPARATE_COMPILATION)
target_compile_options(sse_compiled PRIVATE ${big_object})
if(TARGET sse_warnings)
  target_link_libraries(sse_compiled PRIVATE $<BUILD_INTERFACE:sse_warnings>)
endif()
# Visible in any case, and independent of its position: two shared libraries of a program share one process's manager.
set_target_properties(sse_compiled PROPERTIES
  OUTPUT_NAME sse EXPORT_NAME compiled VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET default VISIBILITY_INLINES_HIDDEN OFF WINDOWS_EXPORT_ALL_SYMBOLS ON)
