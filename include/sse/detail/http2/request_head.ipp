// SPDX-License-Identifier: MIT
// The bodies of detail/http2/request_head.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/detail/http2/request_head.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL bool RequestHead::add(std::string_view name, std::string_view value, const RequestLimits& limits) {
  const bool full = size_ > limits.max_head_size;
  size_ += name.size() + value.size() + 4;
  if (size_ > 16 * limits.max_head_size) return false;
  if (full) return true;
  if (name == "content-length") has_length_ = true;
  if (name.starts_with(':'))
    add_pseudo(name, value);
  else if (name == "cookie")
    cookies_.append(cookies_.empty() ? "" : "; ").append(value);
  else if (name == "host" && host_.empty())
    host_ = value;
  else
    fields_.append(name).append(": ").append(value).append("\r\n");
  return true;
}

SSE_DECL void RequestHead::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") method_ = value;
  if (name == ":path") path_ = value;
  if (name == ":authority") authority_ = value;
}

SSE_DECL Request RequestHead::take(std::string remote_address, const RequestLimits& limits) {
  if (!authority_.empty() && !host_.empty() && !same_name(authority_, host_))
    throw HttpError(400, ":authority and Host must be the same");
  std::string text = method_ + ' ';
  text.append(method_ == "CONNECT" ? authority_ : path_).append(" HTTP/1.1\r\nHost: ");
  text.append(authority_.empty() ? host_ : authority_).append("\r\n");
  if (!cookies_.empty()) text.append("Cookie: ").append(cookies_).append("\r\n");
  text.append(fields_).append("\r\n");
  RequestReader reader(limits);
  if (!reader.feed(text) || size_ > limits.max_head_size)
    throw HttpError(431, "The head is longer than " + std::to_string(limits.max_head_size) + " bytes");
  return reader.take(std::move(remote_address));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
