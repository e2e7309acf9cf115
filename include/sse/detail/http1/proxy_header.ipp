// SPDX-License-Identifier: MIT
// The bodies of detail/http1/proxy_header.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/proxy_header.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/http_error.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

[[noreturn]] inline void throw_bad_proxy_header() {
  throw HttpError(400, "The connection must begin with a PROXY header");
}

inline constexpr std::string_view proxy_signature("\r\n\r\n\0\r\nQUIT\n", 12);

SSE_DECL bool ProxyHeader::feed(std::string_view bytes) {
  text_.append(bytes);
  const auto begins_as = [&](std::string_view start) {
    const std::size_t size = std::min(start.size(), text_.size());
    return text_.compare(0, size, start, 0, size) == 0;
  };
  if (begins_as("PROXY ")) return feed_text();
  if (begins_as(proxy_signature)) return feed_binary();
  throw_bad_proxy_header();
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` and CR LF.
SSE_DECL bool ProxyHeader::feed_text() {
  constexpr std::size_t max_size = 107;
  const std::size_t end = text_.find('\n');
  if (std::min(end, text_.size()) >= max_size) throw_bad_proxy_header();
  if (end == text_.npos) return false;
  if (text_[end - 1] != '\r') throw_bad_proxy_header();
  take_line(std::string_view(text_).substr(0, end - 1));
  text_.erase(0, end + 1);
  return true;
}

SSE_DECL void ProxyHeader::take_line(std::string_view line) {
  std::array<std::string_view, 6> words;  // PROXY, the family, two addresses, two ports
  std::size_t count = 0;
  for (bool more = true; more && count < words.size(); ++count) {
    const std::size_t space = line.find(' ');
    more = space != line.npos;
    words[count] = line.substr(0, space);
    line.remove_prefix(more ? space + 1 : line.size());
  }
  if (words[1] == "UNKNOWN") return;
  const auto is_port = [](std::string_view text) {
    unsigned port = 0;
    const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && last == text.data() + text.size() && port <= 65'535;
  };
  error_code error, other_error;
  const asio::ip::address client = asio::ip::make_address(std::string(words[2]), error);
  const asio::ip::address server = asio::ip::make_address(std::string(words[3]), other_error);
  const bool is_v4 = words[1] == "TCP4";
  if (count != words.size() || !line.empty() || (!is_v4 && words[1] != "TCP6") || error || other_error ||
      client.is_v4() != is_v4 || server.is_v4() != is_v4 || !is_port(words[4]) || !is_port(words[5]))
    throw_bad_proxy_header();
  address_ = address_text(client);
}

/// Version 2: the signature, version and command, the family, a length, addresses and more.
SSE_DECL bool ProxyHeader::feed_binary() {
  constexpr std::size_t fixed_size = 16, max_size = 4'096;
  if (text_.size() < fixed_size) return false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text_[i]); };
  const std::size_t size = std::size_t{byte(14)} * 256 + byte(15);
  const unsigned command = byte(12), family = byte(13);
  if ((command != 0x20 && command != 0x21) || size > max_size) throw_bad_proxy_header();
  if (text_.size() < fixed_size + size) return false;
  const auto take_address = [&](auto bytes) {
    if (size < 2 * bytes.size() + 4) throw_bad_proxy_header();
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte(fixed_size + i);
    return bytes;
  };
  if (command == 0x21 && family == 0x11)
    address_ = address_text(asio::ip::address_v4(take_address(asio::ip::address_v4::bytes_type())));
  if (command == 0x21 && family == 0x21)
    address_ = address_text(asio::ip::address_v6(take_address(asio::ip::address_v6::bytes_type())));
  text_.erase(0, fixed_size + size);
  return true;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
