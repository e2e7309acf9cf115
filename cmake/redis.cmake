# sse::redis: what a program links that includes sse/redis_log.hpp. A parent project gets it where hiredis is installed, or
# where it sets SSE_REDIS to ON; then hiredis is fetched if it is not.

set(SSE_REDIS "" CACHE STRING "The target sse::redis: ON, OFF, or empty for ON where hiredis is found")
if(SSE_REDIS OR (SSE_REDIS STREQUAL "" AND NOT WIN32))
  sse_find_hiredis("${SSE_REDIS}")
endif()
if(TARGET hiredis::hiredis AND (SSE_REDIS OR SSE_REDIS STREQUAL ""))
  add_library(sse_redis INTERFACE)
  add_library(sse::redis ALIAS sse_redis)
  set_target_properties(sse_redis PROPERTIES EXPORT_NAME redis)
  # Installed as names: sseConfig.cmake finds them where the component is asked for.
  set(libraries hiredis::hiredis)
  if(TARGET hiredis::hiredis_ssl AND TARGET OpenSSL::SSL)
    list(PREPEND libraries hiredis::hiredis_ssl)
    list(APPEND libraries OpenSSL::SSL)
    target_compile_definitions(sse_redis INTERFACE SSE_REDIS_TLS)
  endif()
  target_link_libraries(sse_redis INTERFACE sse)
  foreach(library IN LISTS libraries)
    target_link_libraries(sse_redis INTERFACE $<BUILD_INTERFACE:${library}> $<INSTALL_INTERFACE:$<1:${library}>>)
  endforeach()
endif()
