// SPDX-License-Identifier: MIT
// The bodies of detail/http1/request_reader.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Whether it is a method that is registered (RFC 9110, 16.1). Methods are case-sensitive.
inline bool is_registered_method(std::string_view method) noexcept {
  static constexpr std::array<std::string_view, 41> all{"ACL",
                                                        "BASELINE-CONTROL",
                                                        "BIND",
                                                        "CHECKIN",
                                                        "CHECKOUT",
                                                        "CONNECT",
                                                        "COPY",
                                                        "DELETE",
                                                        "GET",
                                                        "HEAD",
                                                        "LABEL",
                                                        "LINK",
                                                        "LOCK",
                                                        "MERGE",
                                                        "MKACTIVITY",
                                                        "MKCALENDAR",
                                                        "MKCOL",
                                                        "MKREDIRECTREF",
                                                        "MKWORKSPACE",
                                                        "MOVE",
                                                        "OPTIONS",
                                                        "ORDERPATCH",
                                                        "PATCH",
                                                        "POST",
                                                        "PROPFIND",
                                                        "PROPPATCH",
                                                        "PUT",
                                                        "QUERY",
                                                        "REBIND",
                                                        "REPORT",
                                                        "SEARCH",
                                                        "TRACE",
                                                        "UNBIND",
                                                        "UNCHECKOUT",
                                                        "UNLINK",
                                                        "UNLOCK",
                                                        "UPDATE",
                                                        "UPDATEREDIRECTREF",
                                                        "VERSION-CONTROL",
                                                        "M-SEARCH",
                                                        "NOTIFY"};
  return std::find(all.begin(), all.end(), method) != all.end();
}

/// Throws BadHead.
inline void check_method(std::string_view method, bool any) {
  constexpr std::size_t max_size = 255;
  if (!is_token(method)) throw BadHead(400, "The method must be a token");
  if (method.size() > max_size) throw BadHead(414, "The method must not be longer than 255 bytes");
  if (!any && !is_registered_method(method)) throw BadHead(501, "The method is not supported");
}

/// HOST or HOST:PORT (RFC 9110, 7.2); an empty host is one, too, as RFC 9112, 3.2 has it.
inline bool is_authority(std::string_view text) noexcept {
  const auto is_of_host = [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\"#/<>?@\\^`{|},[]:").find(c) == std::string_view::npos;
  };
  const auto is_of_literal = [&](char c) { return c == ':' || is_of_host(c); };
  const bool literal = text.starts_with('[');
  const std::size_t end = literal ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == text.npos) return false;
  const std::string_view host = text.substr(0, end).substr(literal ? 1 : 0);
  std::string_view port = text.substr(end + (literal ? 1 : 0));
  if (literal ? host.empty() || !std::all_of(host.begin(), host.end(), is_of_literal)
              : !std::all_of(host.begin(), host.end(), is_of_host))
    return false;
  if (port.empty()) return true;
  if (!port.starts_with(':')) return false;
  port.remove_prefix(1);
  unsigned number = 0;
  const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return port.empty() || (std::all_of(port.begin(), port.end(), is_digit) && error == std::errc() && number <= 65'535);
}

/// The authority of a target in the absolute form (RFC 9112, 3.2.2); empty: it is in another form. Throws BadHead.
inline std::string_view authority_of(const Request& request, std::string_view target) {
  const bool no_path = request.method == "CONNECT" || (request.method == "OPTIONS" && target == "*");
  if (no_path || target.starts_with('/')) return {};
  const std::size_t colon = target.find("://");
  if (colon == target.npos || colon == 0) throw BadHead(400, "The request target must begin with a slash");
  const std::string_view authority = target.substr(colon + 3, target.find_first_of("/?", colon + 3) - colon - 3);
  if (authority.empty() || authority.starts_with(':') || !is_authority(authority))
    throw BadHead(400, "The request target must have a host");
  return authority;
}

/// Takes a request line apart (RFC 9112, 3). Throws BadHead.
SSE_DECL void RequestReader::take_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) throw BadHead(400, "The request line must be METHOD TARGET HTTP/1.1");
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    throw BadHead(400, "The request line must end with HTTP/1.0 or HTTP/1.1");
  if (version[5] != '1') throw BadHead(505, "Only HTTP/1.0 and HTTP/1.1 are supported");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  for (const char c : target)
    if (c <= ' ' || c > '~' || c == '#') throw BadHead(400, "The request target must contain only characters of a URI");
  request_.minor_version = version[7] == '0' ? 0 : 1;
  request_.method = line.substr(0, first);
  check_method(request_.method, any_method_);
  authority_ = authority_of(request_, target);
  if (request_.method == "CONNECT" && !is_authority(target))
    throw BadHead(400, "The target of a CONNECT must be HOST:PORT");
  request_.set_target(target);
}

/// Throws BadHead.
SSE_DECL void RequestReader::take_host() {
  const std::string* const host = head_.unique_header("Host");
  if (!host && request_.minor_version > 0) throw BadHead(400, "The Host header is missing");
  if (host && !is_authority(*host)) throw BadHead(400, "The Host header must be HOST or HOST:PORT");
  if (authority_.empty()) return;
  for (auto& [name, value] : head_.headers())  // the target's counts, not what was received (RFC 9112, 3.2.2)
    if (same_name(name, "Host")) value = authority_;
  if (!host) head_.headers().emplace_back("Host", authority_);
}

SSE_DECL bool RequestReader::feed(std::string_view bytes) {
  try {
    return head_.feed(bytes, [&](std::string_view line) { take_request_line(line); });
  } catch (const BadHead& bad) {
    throw HttpError(bad.status, bad.what());
  }
}

SSE_DECL Request RequestReader::take(std::string remote_address) {
  try {
    take_host();
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

SSE_DECL std::string address_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL std::string address_prefix(std::string_view text, unsigned ipv6_bits, unsigned ipv4_bits) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(std::string(text), error);
  if (error) return std::string(text);
  if (address.is_v4() || address.to_v6().is_v4_mapped()) {
    const asio::ip::address_v4 v4 =
        address.is_v4() ? address.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    if (ipv4_bits >= 32) return v4.to_string();
    const asio::ip::address_v4::uint_type mask =
        ipv4_bits == 0 ? 0 : ~asio::ip::address_v4::uint_type{0} << (32 - ipv4_bits);
    return asio::ip::address_v4(v4.to_uint() & mask).to_string() + '/' + std::to_string(ipv4_bits);
  }
  if (ipv6_bits >= 128) return address.to_string();
  asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = std::min(ipv6_bits - std::min(ipv6_bits, 8 * i), 8u);
    bytes[i] = static_cast<unsigned char>(bytes[i] & (0xFF00u >> kept));
  }
  return asio::ip::address_v6(bytes).to_string() + '/' + std::to_string(ipv6_bits);
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
