// SPDX-License-Identifier: MIT
// The bodies of detail/http1/head_parser.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/headers.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The next complete line, without its end.
SSE_DECL std::optional<std::string_view> HeadParser::next_line() {
  for (; scanned_ < text_.size(); ++scanned_) {
    if (scanned_ >= max_size_)
      throw BadHead(started_ ? 431 : 414, "The head is longer than " + std::to_string(max_size_) + " bytes");
    const auto c = static_cast<unsigned char>(text_[scanned_]);
    const bool after_cr = scanned_ > line_begin_ && text_[scanned_ - 1] == '\r';
    if (after_cr != (c == '\n')) throw BadHead(400, "A line must end with CR LF and contain neither elsewhere");
    if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7F)
      throw BadHead(400, "The head must not contain control characters");
    if (c != '\n') continue;
    const std::size_t begin = std::exchange(line_begin_, ++scanned_);
    return std::string_view(text_).substr(begin, scanned_ - 2 - begin);
  }
  return std::nullopt;
}

/// True: it is the empty line that ends the head.
SSE_DECL bool HeadParser::take_header(std::string_view line) {
  if (line.empty()) {
    make_headers();
    return true;
  }
  if (line.front() == ' ' || line.front() == '\t') throw BadHead(400, "A header line must not begin with white space");
  if (count_++ == max_headers_)
    throw BadHead(431, "The head has more than " + std::to_string(max_headers_) + " headers");
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) throw BadHead(400, "A header line must be NAME: VALUE");
  return false;
}

SSE_DECL void HeadParser::make_headers() {
  headers_.reserve(count_);
  std::string_view lines = std::string_view(text_).substr(headers_begin_);
  for (; headers_.size() < count_; lines.remove_prefix(lines.find('\n') + 1)) {
    const std::string_view line = lines.substr(0, lines.find('\r'));
    const std::size_t colon = line.find(':');
    headers_.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  text_ = text_.substr(scanned_);
}

SSE_DECL const std::string* HeadParser::unique_header(std::string_view name) const {
  const std::string* found = nullptr;
  for (const auto& [key, value] : headers_)
    if (same_name(key, name) && std::exchange(found, &value))
      throw BadHead(400, "The header " + std::string(name) + " must not be repeated");
  return found;
}

SSE_DECL std::optional<std::uint64_t> HeadParser::content_length() const {
  const std::string* const text = unique_header("Content-Length");
  if (!text) return std::nullopt;
  if (text->empty() || !std::all_of(text->begin(), text->end(), is_digit))
    throw BadHead(400, "Content-Length must be a decimal number");
  std::uint64_t value = 0;
  if (std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
    throw BadHead(413, "Content-Length must be less than 2^64");
  return value;
}

SSE_DECL bool HeadParser::chunked() const {
  const std::string* const coding = unique_header("Transfer-Encoding");
  if (!coding) return false;
  if (find_header(headers_, "Content-Length"))
    throw BadHead(400, "Content-Length and Transfer-Encoding must not both be present");
  if (same_name(*coding, "chunked")) return true;
  for (std::string_view rest = *coding; !rest.empty();) {
    std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    one = trimmed(one);
    if (same_name(one, "chunked")) break;
    if (!one.empty()) throw BadHead(501, "Only the transfer coding chunked is supported");
  }
  throw BadHead(400, "The transfer coding chunked must be the last one and stand only once");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
