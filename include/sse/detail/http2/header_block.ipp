// SPDX-License-Identifier: MIT
// The bodies of detail/http2/header_block.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/http2/header_block.hpp"
#include "sse/headers.hpp"
#include "sse/http_options.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL HeaderBlock::HeaderBlock(const StreamOptions& options) {
  push(":status", "200");
  push("content-type", "text/event-stream");
  push("cache-control", "no-cache, no-transform");
  push("x-accel-buffering", "no");
  for_each_stream_header(options, [&](std::string_view name, std::string_view value) {
    if (!same_name(name, "Content-Length")) add(name, value);
  });
}

SSE_DECL HeaderBlock::HeaderBlock(unsigned status, const Response& response) {
  push(":status", std::to_string(status));
  for_each_body_header(status, response, [&](std::string_view name, std::string_view value) { add(name, value); });
  for (const auto& [name, value] : response.headers)
    if (!same_name(name, "Content-Length")) add(name, value);
}

SSE_DECL HeaderBlock::HeaderBlock(unsigned status, const Headers& headers) {
  push(":status", std::to_string(status));
  for (const auto& [name, value] : headers) add(name, value);
}

SSE_DECL std::vector<nghttp2_nv> HeaderBlock::fields() const {
  std::vector<nghttp2_nv> fields;
  fields.reserve(fields_.size());
  auto* const text = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text_.data()));
  for (const Field& field : fields_)
    fields.push_back({text + field.name, text + field.value, field.value - field.name, field.end - field.value,
                      NGHTTP2_NV_FLAG_NONE});
  return fields;
}

SSE_DECL void HeaderBlock::add(std::string_view name, std::string_view value) {
  static constexpr std::array<std::string_view, 5> of_connections{"Connection", "Transfer-Encoding", "Keep-Alive",
                                                                  "Proxy-Connection", "Upgrade"};
  const auto is_it = [&](std::string_view other) { return same_name(name, other); };
  if (std::any_of(of_connections.begin(), of_connections.end(), is_it)) return;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  const auto* const lower_bytes = reinterpret_cast<const std::uint8_t*>(lower.data());
  if (!lower.starts_with(':') && nghttp2_check_header_name(lower_bytes, lower.size()) != 0) push(lower, value);
}

SSE_DECL void HeaderBlock::push(std::string_view name, std::string_view value) {
  std::string line;
  wire::append_line(line, value);
  std::string_view trimmed(line);
  while (!trimmed.empty() && (trimmed.front() == ' ' || trimmed.front() == '\t')) trimmed.remove_prefix(1);
  while (!trimmed.empty() && (trimmed.back() == ' ' || trimmed.back() == '\t')) trimmed.remove_suffix(1);
  const std::size_t begin = text_.size();
  text_.append(name).append(trimmed);
  fields_.push_back({begin, begin + name.size(), text_.size()});
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
