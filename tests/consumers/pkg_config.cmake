# Builds the consumer against the installed PREFIX with PKG_CONFIG and the compiler alone, and runs it.
function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(ENV{PKG_CONFIG_PATH} "${PREFIX}/share/pkgconfig")
run("${PKG_CONFIG}" --modversion sse)
if(NOT output STREQUAL VERSION)
  message(FATAL_ERROR "pkg-config names the version '${output}', not '${VERSION}'")
endif()

run("${PKG_CONFIG}" --cflags --libs sse)
separate_arguments(flags UNIX_COMMAND "${output} ${CXXFLAGS}")
file(REMOVE_RECURSE "${BINARY}")
file(MAKE_DIRECTORY "${BINARY}")
set(sources "${CMAKE_CURRENT_LIST_DIR}/main.cpp" "${CMAKE_CURRENT_LIST_DIR}/socket.cpp")
run("${CXX}" -std=c++20 ${sources} ${flags} -o "${BINARY}/consumer")
run("${BINARY}/consumer")
