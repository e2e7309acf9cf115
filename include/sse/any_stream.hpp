// SPDX-License-Identifier: MIT
// A byte stream of any type, for clients: a socket, or TLS over one. It is the type that ClientOptions::connect
// returns.

#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/error.hpp"
#include "sse/proxy.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A connected stream of bytes of any type with `async_read_some` and `async_write_some` over an Asio socket: TCP, a
/// Unix socket, TLS, Beast's. ClientOptions::connect makes it. Thread safety: one thread or strand at a time, as of the
/// stream itself.
class AnyStream {
 public:
  AnyStream() = default;
  template <class Stream>
  requires(!std::same_as<Stream, AnyStream>) AnyStream(Stream stream)
      : stream_(std::make_unique<Holder<Stream>>(std::move(stream))) {}

  /// Reads some bytes, as the stream's `async_read_some` does. `cancel` ends it. Not to be called while another read is
  /// pending.
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer buffer, error_code& error) {
    return stream_->read_some(buffer, error);
  }
  /// Writes all of `buffer`; `cancel` ends it.
  asio::awaitable<void> write(asio::const_buffer buffer, error_code& error) { return stream_->write(buffer, error); }
  /// Completes the operations that are under way with `operation_aborted`.
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

/// Connects over TCP to the URL's host and port, through the proxy if there is one. It tries every address in turn,
/// each except the last for at most 2 s. A `connect` of your own begins with it.
///
/// @par Completion signature  awaitable<tcp::socket>
/// @par Errors  sse::system_error: the name has no address, none of them accepts, or the proxy cannot be reached.
/// BadResponse: the proxy refuses the connection; one with status 429 or 5xx is a failed attempt of a client.
/// @par Cancellation  terminal, partial.
/// @par Object lifetime  The operation owns what it uses.
/// @par Thread safety  Runs on the executor of the calling coroutine.
SSE_DECL asio::awaitable<tcp::socket> connect_tcp(Url url, Proxy proxy);
/// Connects through the proxy that the environment names, see Proxy::from_environment.
SSE_DECL asio::awaitable<tcp::socket> connect_tcp(Url url);

/// Connects to an http URL, as connect_tcp does. Throws Error for https, which needs a `connect` of your own.
SSE_DECL asio::awaitable<AnyStream> connect_plain(Url url);

/// Makes a ClientOptions::connect that uses this proxy, or none, regardless of the environment. Like connect_plain it
/// is for http only.
SSE_DECL std::function<asio::awaitable<AnyStream>(Url)> connect_through(Proxy proxy);

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/any_stream.ipp"
#endif
