# sse::gzip: what a program links that includes sse/gzip.hpp. A parent project gets it where zlib is installed, or where it sets
# SSE_GZIP to ON; then zlib must be.

set(SSE_GZIP "" CACHE STRING "The target sse::gzip: ON, OFF, or empty for ON where zlib is found")
if(SSE_GZIP STREQUAL "" AND NOT TARGET ZLIB::ZLIB)
  find_package(ZLIB QUIET)
endif()
if(SSE_GZIP OR (SSE_GZIP STREQUAL "" AND TARGET ZLIB::ZLIB))
  if(NOT TARGET ZLIB::ZLIB)
    find_package(ZLIB REQUIRED)
  endif()
  add_library(sse_gzip INTERFACE)
  add_library(sse::gzip ALIAS sse_gzip)
  set_target_properties(sse_gzip PROPERTIES EXPORT_NAME gzip)
  # Installed as a name: sseConfig.cmake finds it where the component is asked for.
  target_link_libraries(sse_gzip INTERFACE sse $<BUILD_INTERFACE:ZLIB::ZLIB> $<INSTALL_INTERFACE:$<1:ZLIB::ZLIB>>)
endif()
