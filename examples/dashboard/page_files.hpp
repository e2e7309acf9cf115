#pragma once

#include <span>
#include <string_view>

// A file of the page, as it is when the program is built. The build generates the bodies.
struct PageFile {
  std::string_view name, content_type, body;
};

std::span<const PageFile> page_files();
