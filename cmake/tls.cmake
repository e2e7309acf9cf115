# sse::tls: what a program links that includes sse/tls.hpp. A parent project gets it where OpenSSL is installed; SSE_TLS=ON makes a
# missing OpenSSL an error. It is never fetched.

set(SSE_TLS "" CACHE STRING "The target sse::tls: ON, OFF, or empty for ON where OpenSSL is found")
if(SSE_TLS STREQUAL "" AND NOT TARGET OpenSSL::SSL)
  find_package(OpenSSL 1.1.1 QUIET)
elseif(SSE_TLS AND NOT TARGET OpenSSL::SSL)
  find_package(OpenSSL 1.1.1 REQUIRED)
endif()
if(TARGET OpenSSL::SSL AND (SSE_TLS OR SSE_TLS STREQUAL ""))
  add_library(sse_tls INTERFACE)
  add_library(sse::tls ALIAS sse_tls)
  set_target_properties(sse_tls PROPERTIES EXPORT_NAME tls)
  target_link_libraries(sse_tls INTERFACE sse)
  # Installed as names: sseConfig.cmake finds them where the component is asked for.
  foreach(library IN ITEMS OpenSSL::SSL OpenSSL::Crypto)
    target_link_libraries(sse_tls INTERFACE $<BUILD_INTERFACE:${library}> $<INSTALL_INTERFACE:$<1:${library}>>)
  endforeach()
endif()
