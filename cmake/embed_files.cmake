# sse_embed_files(TARGET FILE...): compiles the files into TARGET, which reads them with page_files() of page_files.hpp.
# Also a script, which writes the C++ source: cmake -DOUTPUT=... -DFILES=... -P embed_files.cmake

function(sse_embed_files target)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/${target}_page_files.cpp")
  string(REPLACE ";" "," files "${ARGN}") # a list would end at its first semicolon on the command line
  add_custom_command(OUTPUT "${output}"
                     COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${output}" "-DFILES=${files}" -P "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
                     DEPENDS ${ARGN} "${CMAKE_CURRENT_FUNCTION_LIST_FILE}" VERBATIM)
  target_sources(${target} PRIVATE "${output}")
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE OR NOT OUTPUT)
  return()
endif()

set(content_type_html "text/html; charset=utf-8")
set(content_type_css "text/css; charset=utf-8")
set(content_type_js "text/javascript; charset=utf-8")
set(content_type_svg "image/svg+xml")
set(content_type_png "image/png")
set(content_type_json "application/json")

set(bodies "")
set(table "")
set(index 0)
string(REPLACE "," ";" files "${FILES}")
foreach(file IN LISTS files)
  cmake_path(GET file FILENAME name)
  cmake_path(GET file EXTENSION LAST_ONLY extension)
  string(REPLACE "." "content_type_" type "${extension}")
  if(NOT DEFINED ${type})
    message(FATAL_ERROR "embed_files: no content type is known for ${name}")
  endif()
  file(READ "${file}" bytes HEX)
  # An array of numbers, not a string: compilers limit the length of a string literal.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND bodies "constexpr unsigned char body_${index}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${name}\", \"${${type}}\", text(body_${index})},\n")
  math(EXPR index "${index} + 1")
endforeach()

file(WRITE "${OUTPUT}" "#include \"page_files.hpp\"

#include <cstddef>

namespace {

${bodies}
// Without the zero that ends each array, so that an empty file is one too.
template <std::size_t N>
std::string_view text(const unsigned char (&body)[N]) {
  return {reinterpret_cast<const char*>(body), N - 1};
}

}  // namespace

std::span<const PageFile> page_files() {
  static const PageFile files[] = {
${table}  };
  return files;
}
")
