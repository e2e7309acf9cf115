# sse::sqlite: what a program links that includes sse/sqlite_log.hpp. A parent project gets it where SQLite is installed, or
# where it sets SSE_SQLITE to ON; then SQLite is fetched if it is not.

set(SSE_SQLITE "" CACHE STRING "The target sse::sqlite: ON, OFF, or empty for ON where SQLite is found")
if(SSE_SQLITE STREQUAL "" AND NOT TARGET SQLite::SQLite3)
  find_package(SQLite3 3.24 QUIET)
endif()
if(SSE_SQLITE OR (SSE_SQLITE STREQUAL "" AND TARGET SQLite::SQLite3))
  sse_find_sqlite()
  add_library(sse_sqlite INTERFACE)
  add_library(sse::sqlite ALIAS sse_sqlite)
  set_target_properties(sse_sqlite PROPERTIES EXPORT_NAME sqlite)
  # Installed as a name: sseConfig.cmake finds it where the component is asked for.
  target_link_libraries(sse_sqlite INTERFACE sse $<BUILD_INTERFACE:SQLite::SQLite3> $<INSTALL_INTERFACE:$<1:SQLite::SQLite3>>)
endif()
