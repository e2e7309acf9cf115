// SPDX-License-Identifier: MIT
// The body of open_tunnel (RFC 9110, 9.3.6).

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "sse/bad_response.hpp"
#include "sse/config.hpp"
#include "sse/detail/client/tunnel.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/http1/response_reader.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL asio::awaitable<void> open_tunnel(tcp::socket& socket, const Url& url, const Proxy& proxy) {
  const std::string host = url.host.find(':') == url.host.npos ? url.host : '[' + url.host + ']';
  const std::string target = host + ':' + std::to_string(url.port);
  std::string request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!proxy.authorization().empty()) request += "Proxy-Authorization: " + proxy.authorization() + "\r\n";
  request += "\r\n";
  const std::string failure = "The proxy " + proxy.location()->authority() + " does not connect to " + target;
  error_code error;
  co_await asio::async_write(socket, asio::buffer(request), asio::redirect_error(asio::use_awaitable, error));
  if (error) throw system_error(error, failure);
  constexpr std::size_t max_head_size = 16 * 1024, max_headers = 100;
  ResponseHead head(max_head_size, max_headers);
  std::array<char, 1024> buffer;
  std::string bytes;
  try {
    while (!head.parser.feed(bytes, [&](std::string_view line) { head.take_status_line(line); })) {
      const std::size_t size =
          co_await socket.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
      if (error) throw system_error(error, failure);
      bytes.assign(buffer.data(), size);
    }
  } catch (const BadHead& bad) {
    throw BadResponse(head.status, failure + ": " + bad.what());
  }
  const unsigned status = head.status;
  if (status == 429 || status >= 500) throw Unavailable(status, failure + ": status " + std::to_string(status));
  if (status < 200 || status > 299)
    throw BadResponse(status, failure + ": status " + std::to_string(status), std::move(head.parser.headers()));
  // Bytes behind the head would be the server's, and an HTTP server never sends first.
  if (!head.parser.rest().empty()) throw BadResponse(status, failure + ": it sent bytes behind its answer");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
