# Runs the vcpkg port PORT_DIRECTORY as vcpkg would, with stand-ins for its functions, into an empty PACKAGES.
# What it can't show: whether vcpkg's own functions and ports have these names and these targets.
cmake_minimum_required(VERSION 3.22)
file(REMOVE_RECURSE "${PACKAGES}" "${PACKAGES}-build")
set(CURRENT_PACKAGES_DIR "${PACKAGES}")
set(PORT sse)

file(READ "${PORT_DIRECTORY}/vcpkg.json" manifest)
foreach(field name version license)
  string(JSON ${field} GET "${manifest}" ${field})
endforeach()
if(NOT "${name} ${version} ${license}" STREQUAL "${PORT} ${VERSION} MIT")
  message(FATAL_ERROR "vcpkg.json is of '${name} ${version} ${license}', not '${PORT} ${VERSION} MIT'")
endif()
foreach(feature asio boost tls http2)
  string(JSON described GET "${manifest}" features ${feature} description)
endforeach()

function(vcpkg_check_features)
  cmake_parse_arguments(PARSE_ARGV 0 check "" "OUT_FEATURE_OPTIONS" "FEATURES")
  set(options "")
  while(check_FEATURES)
    list(POP_FRONT check_FEATURES feature option)
    string(JSON described GET "${manifest}" features ${feature} description)
    set(value OFF)
    if(feature IN_LIST FEATURES)
      set(value ON)
    endif()
    list(APPEND options -D${option}=${value})
  endwhile()
  set(${check_OUT_FEATURE_OPTIONS} "${options}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 configure "" "SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${configure_SOURCE_PATH}" -B "${PACKAGES}-build" -G "${GENERATOR}"
                          "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_INSTALL_PREFIX=${PACKAGES}" ${configure_OPTIONS}
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${PACKAGES}-build" --target install OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 fixup "" "CONFIG_PATH" "")
  file(GLOB files "${PACKAGES}/${fixup_CONFIG_PATH}/*.cmake")
  if(NOT files)
    message(FATAL_ERROR "no CMake files in ${fixup_CONFIG_PATH}")
  endif()
  # One folder higher than it was, and so the prefix is nearer.
  foreach(file IN LISTS files)
    file(READ "${file}" text)
    string(REPLACE "\${CMAKE_CURRENT_LIST_DIR}/../../../" "\${CMAKE_CURRENT_LIST_DIR}/../../" text "${text}")
    string(REPLACE "LIST_FILE}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)" "LIST_FILE}\" PATH)"
                   text "${text}")
    get_filename_component(name "${file}" NAME)
    file(WRITE "${PACKAGES}/share/${PORT}/${name}" "${text}")
  endforeach()
  file(REMOVE_RECURSE "${PACKAGES}/share/cmake")
endfunction()

function(vcpkg_fixup_pkgconfig)
  if(NOT EXISTS "${PACKAGES}/share/pkgconfig/sse.pc")
    message(FATAL_ERROR "no sse.pc in share/pkgconfig")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 copyright "" "" "FILE_LIST")
  configure_file("${copyright_FILE_LIST}" "${PACKAGES}/share/${PORT}/copyright" COPYONLY)
endfunction()

include("${PORT_DIRECTORY}/portfile.cmake")

# vcpkg refuses a package that has anything else.
file(GLOB top RELATIVE "${PACKAGES}" "${PACKAGES}/*")
file(GLOB share RELATIVE "${PACKAGES}/share" "${PACKAGES}/share/*")
file(GLOB own RELATIVE "${PACKAGES}/share/sse" "${PACKAGES}/share/sse/*")
if(NOT "${top};${share}" STREQUAL "include;share;pkgconfig;sse" OR NOT "copyright" IN_LIST own OR NOT "usage" IN_LIST own)
  message(FATAL_ERROR "the package has '${top}', share '${share}', share/sse '${own}'")
endif()
