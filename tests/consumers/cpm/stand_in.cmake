# What CPM.cmake does to a package of which it has the folder, for a machine that can't download it: the options become cache
# entries, and its project is added inside a function, so that no variable of it reaches the caller.
function(CPMAddPackage)
  cmake_parse_arguments(package "" "NAME;SOURCE_DIR" "OPTIONS" ${ARGN})
  foreach(option IN LISTS package_OPTIONS)
    string(REGEX MATCH "^([^ ]+) +(.*)$" matched "${option}")
    set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}" CACHE INTERNAL "")
  endforeach()
  add_subdirectory("${package_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/_deps/${package_NAME}-build" EXCLUDE_FROM_ALL)
  set(${package_NAME}_ADDED YES PARENT_SCOPE)
endfunction()
