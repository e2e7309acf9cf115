# Builds SOURCE with SSE_INSTALL_COMPILED in BINARY and installs it into an empty PREFIX.
file(REMOVE_RECURSE "${PREFIX}")
function(run)
  execute_process(COMMAND "${CMAKE_COMMAND}" ${ARGN} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run(-S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${CXXFLAGS}"
    -DSSE_BUILD_TESTS=OFF -DSSE_BUILD_EXAMPLES=OFF -DSSE_INSTALL_COMPILED=ON)
run(--build "${BINARY}")
run(--install "${BINARY}" --prefix "${PREFIX}")
