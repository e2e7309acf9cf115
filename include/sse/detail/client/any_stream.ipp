// SPDX-License-Identifier: MIT
// The bodies of any_stream.hpp: connections over TCP, perhaps through a proxy. For TLS, a user's own `connect` begins
// with connect_tcp.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "sse/any_stream.hpp"
#include "sse/config.hpp"
#include "sse/detail/client/tunnel.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/error.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline asio::awaitable<tcp::socket> connect_directly(Url url) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  error_code error;
  const auto addresses = co_await resolver.async_resolve(url.host, std::to_string(url.port),
                                                         asio::redirect_error(asio::use_awaitable, error));
  std::size_t left = addresses.size();
  for (const auto& address : addresses) {
    tcp::socket socket(executor);
    const detail::StreamTimeout<tcp::socket> time_limit(socket, executor, std::chrono::seconds(--left > 0 ? 2 : 0));
    co_await socket.async_connect(address.endpoint(), asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    co_return socket;
  }
  throw system_error(error, "Cannot connect to " + url.authority());
}

inline void expect_http(const Url& url) {
  if (url.scheme != "http")
    throw Error(errc::no_connector, "sse: ClientOptions::connect is needed for " + url.to_string());
}

inline asio::awaitable<AnyStream> connect_plain_through(Url url, Proxy proxy) {
  expect_http(url);
  co_return AnyStream(co_await connect_tcp(std::move(url), std::move(proxy)));
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL asio::awaitable<tcp::socket> connect_tcp(Url url, Proxy proxy) {
  if (!proxy.location()) co_return co_await detail::connect_directly(std::move(url));
  tcp::socket socket = co_await detail::connect_directly(*proxy.location());
  co_await detail::open_tunnel(socket, url, proxy);
  co_return socket;
}

SSE_DECL asio::awaitable<tcp::socket> connect_tcp(Url url) {
  Proxy proxy = Proxy::from_environment(url);
  co_return co_await connect_tcp(std::move(url), std::move(proxy));
}

SSE_DECL asio::awaitable<AnyStream> connect_plain(Url url) {
  detail::expect_http(url);
  co_return AnyStream(co_await connect_tcp(std::move(url)));
}

SSE_DECL std::function<asio::awaitable<AnyStream>(Url)> connect_through(Proxy proxy) {
  return [proxy = std::move(proxy)](Url url) { return detail::connect_plain_through(std::move(url), proxy); };
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
