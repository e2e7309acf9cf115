# sse::http2: what a program links that includes sse/http2.hpp. A parent project gets it where nghttp2 is installed; SSE_HTTP2=ON
# makes a missing nghttp2 an error. It is never fetched.

set(SSE_HTTP2 "" CACHE STRING "The target sse::http2: ON, OFF, or empty for ON where nghttp2 is found")
if(SSE_HTTP2 OR SSE_HTTP2 STREQUAL "")
  include("${CMAKE_CURRENT_LIST_DIR}/Findnghttp2.cmake")
  if(SSE_HTTP2 AND NOT TARGET nghttp2::nghttp2)
    message(FATAL_ERROR "sse: SSE_HTTP2 is ON, and nghttp2 1.50 or later was not found")
  endif()
endif()
if(TARGET nghttp2::nghttp2 AND (SSE_HTTP2 OR SSE_HTTP2 STREQUAL ""))
  add_library(sse_http2 INTERFACE)
  add_library(sse::http2 ALIAS sse_http2)
  set_target_properties(sse_http2 PROPERTIES EXPORT_NAME http2)
  # Installed as a name: sseConfig.cmake finds it where the component is asked for.
  target_link_libraries(sse_http2 INTERFACE sse $<BUILD_INTERFACE:nghttp2::nghttp2>
                                            $<INSTALL_INTERFACE:$<1:nghttp2::nghttp2>>)
endif()
