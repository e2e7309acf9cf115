# Builds SOURCE with SSE_INSTALL_COMPILED in BINARY and installs it into an empty PREFIX. Optimised, and without semantic
# interposition, as Clang does by itself: a function calls another of its file directly, not the one of another library.
file(REMOVE_RECURSE "${PREFIX}")
function(run)
  execute_process(COMMAND "${CMAKE_COMMAND}" ${ARGN} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run(-S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_BUILD_TYPE=Release
    "-DCMAKE_CXX_FLAGS=${CXXFLAGS} -fno-semantic-interposition"
    -DSSE_BUILD_TESTS=OFF -DSSE_BUILD_EXAMPLES=OFF -DSSE_INSTALL_COMPILED=ON)
run(--build "${BINARY}")
run(--install "${BINARY}" --prefix "${PREFIX}")
