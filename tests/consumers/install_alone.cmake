# Configures SOURCE into BINARY on a machine that has what sse itself needs, installs it, and finds it in a project. Neither
# the tests' dependencies nor the examples' are there, and there is no network.
file(REMOVE_RECURSE "${BINARY}")
set(absent -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
foreach(package Boost Catch2 CLI11 OpenSSL)
  list(APPEND absent -DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
# Always the same tree: what is said last is heard, also after a try that failed.
function(configure expected)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BINARY}/build" -G "${GENERATOR}"
                          "-DCMAKE_CXX_COMPILER=${CXX}" -DSSE_BUILD_EXAMPLES=OFF ${absent} ${ARGN}
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0)
    set(status 0)
  else()
    set(status 1)
  endif()
  if(NOT status EQUAL expected)
    message(FATAL_ERROR "configured with '${ARGN}': status ${status}, expected ${expected}: ${output}")
  endif()
endfunction()
configure(1)
configure(0 -DBUILD_TESTING=OFF)
configure(1 -DBUILD_TESTING=OFF -DSSE_BUILD_TESTS=ON)
configure(0 -UBUILD_TESTING -DSSE_BUILD_TESTS=OFF)

execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BINARY}/build" --prefix "${BINARY}/prefix"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumers/find_package" -B "${BINARY}/consumer" -G "${GENERATOR}"
                        "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_PREFIX_PATH=${BINARY}/prefix"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
