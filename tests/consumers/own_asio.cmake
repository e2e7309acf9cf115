# Configures the project own_asio for each way in which a parent may have an Asio of its own. Nothing is downloaded.
file(REMOVE_RECURSE "${BINARY}")
foreach(how target "target and alias" "imported target" declared "declared, no package" available "overriding find_package")
  set(hidden OFF)
  if(how STREQUAL "declared, no package")
    set(hidden ON)
  endif()
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumers/own_asio" -B "${BINARY}" -G "${GENERATOR}"
                          "-DHOW=${how}" "-DSSE_SOURCE_DIR=${SOURCE}" "-DCMAKE_CXX_COMPILER=${CXX}"
                          -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DCMAKE_DISABLE_FIND_PACKAGE_asio=${hidden}
                  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output MATCHES "-- sse: Asio 1[.]99[.]7 from " OR output MATCHES "fetched")
    message(FATAL_ERROR "${how}: ${output}")
  endif()
endforeach()
