# How each dependency is found: a target that the parent project has, then find_package (or the system's files), then
# FetchContent with a pinned hash. Macros, so that find_package's targets and variables reach the caller.

include(FetchContent)

# sse_fetch_headers(NAME HEADER TARGET DETAILS...): downloads a header-only library and makes TARGET of its headers.
# Its own CMake project is not run: nothing of it is built, installed or warned about, and an imported target may be
# named by an exported one. FETCHCONTENT_SOURCE_DIR_<NAME> names a folder with the headers on a machine without network.
function(sse_fetch_headers name header target)
  message(STATUS "sse: ${name} was not found and is fetched")
  FetchContent_Declare(${name} ${ARGN} SOURCE_SUBDIR no_cmake_project)
  FetchContent_MakeAvailable(${name})
  if(TARGET ${target}) # the parent project declared it, with a CMake project
    return()
  endif()
  string(TOLOWER ${name} lower)
  set(source "${${lower}_SOURCE_DIR}")
  find_path(directory ${header} PATHS "${source}/include" "${source}/asio/include" "${source}/single_include" "${source}"
            NO_DEFAULT_PATH NO_CACHE)
  if(NOT directory)
    message(FATAL_ERROR "sse: no ${header} in ${source}")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${directory}")
endfunction()

macro(sse_find_threads)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED)
endmacro()

macro(sse_find_nlohmann_json)
  if(NOT TARGET nlohmann_json::nlohmann_json)
    find_package(nlohmann_json 3.11 QUIET)
  endif()
  if(NOT TARGET nlohmann_json::nlohmann_json)
    sse_fetch_headers(nlohmann_json nlohmann/json.hpp nlohmann_json::nlohmann_json # v3.12.0
      URL https://github.com/nlohmann/json/releases/download/v3.12.0/json.tar.xz
      URL_HASH SHA256=42f6e95cad6ec532fd372391373363b62a14af6d771056dbfc86160e6dfff7aa)
  endif()
endmacro()

# Also sets SSE_ASIO_VERSION.
macro(sse_find_asio)
  list(PREPEND CMAKE_MODULE_PATH "${PROJECT_SOURCE_DIR}/cmake")
  find_package(asio 1.22 QUIET MODULE)
  list(POP_FRONT CMAKE_MODULE_PATH)
  if(NOT TARGET asio::asio)
    get_property(asio_is_declared GLOBAL PROPERTY _FetchContent_asio_savedDetails DEFINED)
    if(asio_VERSION)
      message(STATUS "sse: Asio ${asio_VERSION} from ${asio_ORIGIN} is too old: 1.22 or later is needed, and is fetched")
    elseif(NOT asio_is_declared)
      message(STATUS "sse: Asio was not found and is fetched")
    endif()
    FetchContent_Declare(asio SOURCE_SUBDIR no_cmake_project # asio-1-36-0
      GIT_REPOSITORY https://github.com/chriskohlhoff/asio.git
      GIT_TAG 231cb29bab30f82712fcd54faaea42424cc6e710)
    include("${PROJECT_SOURCE_DIR}/cmake/Findasio.cmake") # as find_package, which may be switched off for asio
  endif()
  if(NOT TARGET asio::asio OR (asio_VERSION AND asio_VERSION VERSION_LESS 1.22))
    message(FATAL_ERROR "sse: Asio 1.22 or later is needed; found: Asio ${asio_VERSION} from ${asio_ORIGIN}")
  endif()
  set(SSE_ASIO_VERSION "${asio_VERSION}")
  string(REPLACE "  " " " SSE_ASIO "Asio ${asio_VERSION} from ${asio_ORIGIN}")
  message(STATUS "sse: ${SSE_ASIO}")
endmacro()

# Also sets SSE_BOOST_TARGET: Boost::boost is what a parent project with an older FindBoost has.
macro(sse_find_boost)
  if(NOT TARGET Boost::headers AND NOT TARGET Boost::boost)
    find_package(Boost 1.81 QUIET CONFIG)
  endif()
  if(NOT TARGET Boost::headers AND NOT TARGET Boost::boost)
    sse_fetch_headers(Boost boost/asio.hpp Boost::headers
      URL https://archives.boost.io/release/1.86.0/source/boost_1_86_0.tar.bz2
      URL_HASH SHA256=1bed88e40401b2cb7a1f76d4bab499e352fa4d0c5f31c0dbae64e24d34d7513b)
  endif()
  set(SSE_BOOST_TARGET Boost::boost)
  if(TARGET Boost::headers)
    set(SSE_BOOST_TARGET Boost::headers)
  endif()
endmacro()

# SQLite is C, so a fetched one is compiled, as a static library that nobody installs. Older than 3.24: not taken.
macro(sse_find_sqlite)
  if(NOT TARGET SQLite::SQLite3)
    find_package(SQLite3 3.24 QUIET)
  endif()
  if(NOT TARGET SQLite::SQLite3)
    message(STATUS "sse: SQLite was not found and is fetched")
    enable_language(C)
    FetchContent_Declare(sqlite3 SOURCE_SUBDIR no_cmake_project
      URL https://sqlite.org/2026/sqlite-amalgamation-3510300.zip
      URL_HASH SHA3_256=ced02ff9738970f338c9c8e269897b554bcda73f6cf1029d49459e1324dbeaea)
    FetchContent_MakeAvailable(sqlite3)
    add_library(sse_fetched_sqlite STATIC EXCLUDE_FROM_ALL "${sqlite3_SOURCE_DIR}/sqlite3.c")
    target_include_directories(sse_fetched_sqlite SYSTEM PUBLIC "${sqlite3_SOURCE_DIR}")
    target_compile_definitions(sse_fetched_sqlite PRIVATE SQLITE_OMIT_LOAD_EXTENSION)
    set_target_properties(sse_fetched_sqlite PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(sse_fetched_sqlite PUBLIC Threads::Threads)
    add_library(SQLite::SQLite3 ALIAS sse_fetched_sqlite)
  endif()
endmacro()

# sse_find_hiredis(FETCH): as SQLite. Its headers are copied, since they are included as <hiredis/hiredis.h>.
macro(sse_find_hiredis fetch)
  include("${PROJECT_SOURCE_DIR}/cmake/Findhiredis.cmake")
  if(NOT TARGET hiredis::hiredis AND "${fetch}")
    message(STATUS "sse: hiredis was not found and is fetched")
    enable_language(C)
    find_package(OpenSSL QUIET)
    FetchContent_Declare(hiredis SOURCE_SUBDIR no_cmake_project # v1.4.1
      URL https://github.com/redis/hiredis/archive/refs/tags/v1.4.1.tar.gz
      URL_HASH SHA256=ca3180359a8b1275838a45415851f8cd5c411e27bdbf18f4823012e45507d2e4)
    FetchContent_MakeAvailable(hiredis)
    file(GLOB sse_hiredis_headers "${hiredis_SOURCE_DIR}/*.h")
    file(COPY ${sse_hiredis_headers} DESTINATION "${PROJECT_BINARY_DIR}/hiredis_headers/hiredis")
    add_library(sse_fetched_hiredis STATIC EXCLUDE_FROM_ALL)
    foreach(sse_source alloc async hiredis net read sds sockcompat)
      target_sources(sse_fetched_hiredis PRIVATE "${hiredis_SOURCE_DIR}/${sse_source}.c")
    endforeach()
    target_include_directories(sse_fetched_hiredis SYSTEM PUBLIC "${PROJECT_BINARY_DIR}/hiredis_headers")
    set_target_properties(sse_fetched_hiredis PROPERTIES POSITION_INDEPENDENT_CODE ON)
    add_library(hiredis::hiredis ALIAS sse_fetched_hiredis)
    if(TARGET OpenSSL::SSL)
      target_sources(sse_fetched_hiredis PRIVATE "${hiredis_SOURCE_DIR}/ssl.c")
      target_link_libraries(sse_fetched_hiredis PUBLIC OpenSSL::SSL)
      add_library(hiredis::hiredis_ssl ALIAS sse_fetched_hiredis)
    endif()
  endif()
endmacro()

macro(sse_find_cli11)
  if(NOT TARGET CLI11::CLI11)
    find_package(CLI11 2.1 QUIET)
  endif()
  if(NOT TARGET CLI11::CLI11)
    sse_fetch_headers(CLI11 CLI/CLI.hpp CLI11::CLI11 # v2.4.2
      GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git
      GIT_TAG 6c7b07a878ad834957b98d0f9ce1dbe0cb204fc9)
  endif()
endmacro()

# Also includes Catch2's own module, for catch_discover_tests.
macro(sse_find_catch2)
  find_package(Catch2 3 QUIET)
  if(NOT TARGET Catch2::Catch2WithMain)
    message(STATUS "sse: Catch2 3 was not found and is fetched")
    FetchContent_Declare(Catch2 # v3.7.1
      GIT_REPOSITORY https://github.com/catchorg/Catch2.git
      GIT_TAG fa43b77429ba76c462b1898d6cd2f2d7a9416b14)
    FetchContent_MakeAvailable(Catch2)
    list(APPEND CMAKE_MODULE_PATH "${catch2_SOURCE_DIR}/extras")
  endif()
  include(Catch)
endmacro()

# Chart.js is one file. Sets SSE_CHART_JS to its path.
macro(sse_find_chart_js)
  find_file(SSE_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js NO_DEFAULT_PATH
            DOC "Chart.js 3, the minified UMD build")
  if(NOT SSE_CHART_JS)
    find_program(SSE_NPM npm DOC "npm, to ask for its registry")
    mark_as_advanced(SSE_NPM)
    if(NOT SSE_NPM)
      message(FATAL_ERROR "sse: the dashboard needs Chart.js 3: install libjs-chart.js, or npm to fetch it")
    endif()
    execute_process(COMMAND "${SSE_NPM}" config get registry OUTPUT_VARIABLE registry COMMAND_ERROR_IS_FATAL ANY
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX REPLACE "/+$" "" registry "${registry}")
    message(STATUS "sse: Chart.js was not found and is fetched")
    FetchContent_Declare(chart_js SOURCE_SUBDIR no_cmake_project
      URL "${registry}/chart.js/-/chart.js-3.9.1.tgz"
      URL_HASH SHA512=468d896cb9af83cde05c5e45e2c9e2690fa54db4afd7c13e4c87f670e7a21f522a7763c614eb5e9be0d4b9f319b02270144ef2c0f3a97d7141c114c6abb761eb)
    FetchContent_MakeAvailable(chart_js)
    set(SSE_CHART_JS "${chart_js_SOURCE_DIR}/dist/chart.min.js" CACHE FILEPATH "Chart.js 3, the minified UMD build" FORCE)
  endif()
endmacro()
