// SPDX-License-Identifier: MIT
// Makes a Request out of a parsed head. The rules are RFC 9112, sections 3 and 6.

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/headers.hpp"
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
    throw BadHead(400, "The request line must end with HTTP/1.1");
  if (version[5] != '1') throw BadHead(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
  request.minor_version = version[7] == '0' ? 0 : 1;
  request.method = line.substr(0, first);
  if (!is_token(request.method)) throw BadHead(400, "The method is not a token");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  for (const char c : target)
    if (c <= ' ' || c > '~' || c == '#') throw BadHead(400, "The request target has a character that a URI can't have");
  const bool no_path = request.method == "CONNECT" || (request.method == "OPTIONS" && target == "*");
  if (!no_path && !target.starts_with('/')) {  // the absolute form
    const std::size_t host = target.find("://");
    if (host == target.npos || host == 0) throw BadHead(400, "The request target must begin with /");
    if (target.size() == host + 3 || target[host + 3] == '/' || target[host + 3] == '?')
      throw BadHead(400, "The request target has no host");
  }
  request.set_target(target);
}

/// Empty: it has none.
template <class Stream>
std::string remote_address_of(Stream& stream) {
  if constexpr (requires(error_code error) { lowest_layer(stream).remote_endpoint(error).address().to_string(); }) {
    error_code error;
    const auto endpoint = lowest_layer(stream).remote_endpoint(error);
    if (!error) return endpoint.address().to_string();
  }
  return {};
}

/// What a complete head means. Throws BadHead.
inline Request finish_request(Request&& request, HeadParser& head) {
  const std::string* const host = head.unique_header("Host");
  if (!host && request.minor_version > 0) throw BadHead(400, "There is no Host header");
  const auto no_host = [](char c) {
    return c <= ' ' || c > '~' || std::string_view("\"#/<>?@\\^`{|},").find(c) != std::string_view::npos;
  };
  if (host && std::any_of(host->begin(), host->end(), no_host)) throw BadHead(400, "The Host header is not a host");
  request.chunked = head.chunked();
  if (request.chunked && request.minor_version == 0) throw BadHead(400, "Transfer-Encoding is not HTTP/1.0");
  request.content_length = head.content_length();
  request.headers = std::move(head.headers());
  request.rest = std::move(head.rest());
  return std::move(request);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
