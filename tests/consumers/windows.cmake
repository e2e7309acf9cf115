# Configures the project windows as CMake does on Windows: with this system's compiler, which compiles nothing.
file(REMOVE_RECURSE "${BINARY}")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumers/windows" -B "${BINARY}" -G "${GENERATOR}"
                        "-DSSE_SOURCE_DIR=${SOURCE}" "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_SYSTEM_NAME=Windows
                        -DCMAKE_CXX_COMPILER_WORKS=ON
                OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
if(NOT output MATCHES "left out on Windows")
  message(FATAL_ERROR "it is not told that examples are left out: ${output}")
endif()
file(READ "${BINARY}/linked.txt" linked)
foreach(library ws2_32 mswsock)
  if(NOT linked MATCHES ";${library};")
    message(FATAL_ERROR "sse::sse does not link ${library}, but ${linked}")
  endif()
endforeach()
