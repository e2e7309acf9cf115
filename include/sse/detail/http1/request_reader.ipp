// SPDX-License-Identifier: MIT
// The bodies of detail/http1/request_reader.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Takes a request line apart (RFC 9112, 3). Throws BadHead.
inline void take_request_line(std::string_view line, Request& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) throw BadHead(400, "The request line must be METHOD TARGET HTTP/1.1");
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    throw BadHead(400, "The request line must end with HTTP/1.0 or HTTP/1.1");
  if (version[5] != '1') throw BadHead(505, "Only HTTP/1.0 and HTTP/1.1 are supported");
  request.minor_version = version[7] == '0' ? 0 : 1;
  request.method = line.substr(0, first);
  if (!is_token(request.method)) throw BadHead(400, "The method must be a token");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  for (const char c : target)
    if (c <= ' ' || c > '~' || c == '#') throw BadHead(400, "The request target must contain only characters of a URI");
  const bool no_path = request.method == "CONNECT" || (request.method == "OPTIONS" && target == "*");
  if (!no_path && !target.starts_with('/')) {  // the absolute form
    const std::size_t host = target.find("://");
    if (host == target.npos || host == 0) throw BadHead(400, "The request target must begin with a slash");
    if (target.size() == host + 3 || target[host + 3] == '/' || target[host + 3] == '?')
      throw BadHead(400, "The request target must have a host");
  }
  request.set_target(target);
}

/// Throws BadHead.
inline void check_host(const HeadParser& head, const Request& request) {
  const std::string* const host = head.unique_header("Host");
  if (!host && request.minor_version > 0) throw BadHead(400, "The Host header is missing");
  const auto no_host = [](char c) {
    return c <= ' ' || c > '~' || std::string_view("\"#/<>?@\\^`{|},").find(c) != std::string_view::npos;
  };
  if (host && std::any_of(host->begin(), host->end(), no_host))
    throw BadHead(400, "The Host header must be HOST or HOST:PORT");
}

SSE_DECL bool RequestReader::feed(std::string_view bytes) {
  try {
    return head_.feed(bytes, [&](std::string_view line) { take_request_line(line, request_); });
  } catch (const BadHead& bad) {
    throw HttpError(bad.status, bad.what());
  }
}

SSE_DECL Request RequestReader::take(std::string remote_address) {
  try {
    check_host(head_, request_);
    request_.chunked = head_.chunked();
    if (request_.chunked && request_.minor_version == 0)
      throw BadHead(400, "Transfer-Encoding is not allowed in an HTTP/1.0 request");
    request_.content_length = head_.content_length();
  } catch (const BadHead& bad) {
    throw HttpError(bad.status, bad.what());
  }
  request_.headers = std::move(head_.headers());
  request_.rest = std::move(head_.rest());
  request_.remote_address = std::move(remote_address);
  return std::move(request_);
}

SSE_DECL HttpError head_timeout(const RequestLimits& limits) {
  return HttpError(408, "The request head did not arrive within " + std::to_string(limits.timeout.count()) + " ms");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
