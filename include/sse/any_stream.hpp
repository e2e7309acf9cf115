// SPDX-License-Identifier: MIT
// A byte stream of any type, for clients: a socket, or TLS over one. It is the type that ClientOptions::connect
// returns.

#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/error.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A connected stream of bytes of any type with `async_read_some` and `async_write_some` over an Asio socket: TCP, a
/// Unix socket, TLS, Beast's. It is what ClientOptions::connect makes.
class AnyStream {
 public:
  AnyStream() = default;
  template <class Stream>
  requires(!std::same_as<Stream, AnyStream>) AnyStream(Stream stream)
      : stream_(std::make_unique<Holder<Stream>>(std::move(stream))) {}

  /// As the stream's own; cancelled by `cancel`.
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer buffer, error_code& error) {
    return stream_->read_some(buffer, error);
  }
  /// All of `buffer`.
  asio::awaitable<void> write(asio::const_buffer buffer, error_code& error) { return stream_->write(buffer, error); }
  /// What is under way completes with `operation_aborted`.
  void cancel(error_code& error) { stream_->cancel(error); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer buffer, error_code& error) = 0;
    virtual asio::awaitable<void> write(asio::const_buffer buffer, error_code& error) = 0;
    virtual void cancel(error_code& error) = 0;
  };
  template <class Stream>
  struct Holder final : Base {
    explicit Holder(Stream&& connected) : stream(std::move(connected)) {}
    asio::awaitable<std::size_t> read_some(asio::mutable_buffer buffer, error_code& error) override {
      co_return co_await stream.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
    }
    asio::awaitable<void> write(asio::const_buffer buffer, error_code& error) override {
      co_await asio::async_write(stream, buffer, asio::redirect_error(asio::use_awaitable, error));
    }
    void cancel(error_code& error) override { detail::lowest_layer(stream).cancel(error); }

    Stream stream;
  };

  std::unique_ptr<Base> stream_;
};

/// Connects over TCP to the URL's host and port: every address in turn, each but the last for at most 2 s. What a
/// `connect` of your own begins with. Errors: sse::system_error. Cancellation: terminal and partial.
inline asio::awaitable<tcp::socket> connect_tcp(Url url) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  error_code error;
  const auto addresses = co_await resolver.async_resolve(url.host, std::to_string(url.port),
                                                         asio::redirect_error(asio::use_awaitable, error));
  std::size_t left = addresses.size();
  for (const auto& address : addresses) {
    tcp::socket socket(executor);
    detail::StreamTimeout<tcp::socket> deadline(socket, executor, std::chrono::seconds(--left > 0 ? 2 : 0));
    co_await socket.async_connect(address.endpoint(), asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    co_return socket;
  }
  throw system_error(error, "Cannot connect to " + url.authority());
}

/// Connects to an http URL; Error for https, which needs a `connect` of your own.
inline asio::awaitable<AnyStream> connect_plain(Url url) {
  if (url.scheme != "http") throw Error("sse: ClientOptions::connect is needed for " + url.to_string());
  co_return AnyStream(co_await connect_tcp(std::move(url)));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
