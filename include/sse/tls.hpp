// SPDX-License-Identifier: MIT
// TLS for `serve`, for streams of your own, and for clients. A program that includes this header links OpenSSL (CMake's
// target sse::tls); with SSE_SEPARATE_COMPILATION one of its source files includes sse/tls_src.hpp.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/net/tls_operation.hpp"
#include "sse/detail/tls/openssl_layer.hpp"
#include "sse/proxy.hpp"

#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/ssl/context.hpp>
#else
#include <asio/ssl/context.hpp>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The server's side of TLS: the value of ServeOptions::tls. `sse::tls` makes it.
///
/// It speaks TLS 1.2 and 1.3, whatever the context allows, and never renegotiates. By ALPN it agrees on http/1.1, and
/// on h2 where `serve` speaks it; a client without ALPN, or with other protocols, is served HTTP/1.1. For that it sets
/// the context's ALPN callback. All else is as the context says: ciphers, client certificates, certificates by server
/// name.
///
/// It keeps OpenSSL's part of a context. An asio::ssl::context with a verify or password callback must live as long as
/// this object, because it owns the callback.
///
/// @par Thread safety  As many threads as you like at once.
class TlsServer final : public detail::TlsAcceptor {
 public:
  explicit TlsServer(asio::ssl::context& context) { set_context(context); }

  /// Replaces the context: handshakes that begin later use this one, with a renewed certificate for example. Streams
  /// and handshakes that have begun go on as they are.
  void set_context(asio::ssl::context& context) { set_context(context.native_handle()); }
  void set_context(asio::ssl::context&& context) { set_context(context); }

  /// For `serve`.
  std::unique_ptr<detail::TlsLayer> make_layer(detail::TlsLayer::Socket socket, std::string received,
                                               bool http2) override {
    return detail::OpenSslLayer::accepted(context(), socket, std::move(received), http2);
  }

 private:
  template <class Socket>
  friend class BasicTlsStream;

  void set_context(SSL_CTX* context);
  detail::SharedSslContext context();

  detail::Mutex mutex_;
  detail::SharedSslContext context_ SSE_GUARDED_BY(mutex_);
};

/// Makes the value of ServeOptions::tls. Keep it to renew the certificate while `serve` runs (TlsServer::set_context).
inline std::shared_ptr<TlsServer> tls(asio::ssl::context& context) {
  return std::make_shared<TlsServer>(context);
}
inline std::shared_ptr<TlsServer> tls(asio::ssl::context&& context) {
  return tls(context);
}

/// TLS over a socket of Asio's, as one stream: for read_request, write_events and write_response, and for Asio's own
/// functions. It has no buffers while it is idle, where one of asio::ssl has 35 KB.
///
/// The first read or write does the handshake, so the time-out of read_request bounds it. An end without TLS's
/// close_notify is the error asio::ssl::error::stream_truncated; with it `eof`. Cancellation: terminal; after a
/// cancelled write no further one succeeds. At most one read and one write may be pending. Not thread-safe.
template <class Socket>
class BasicTlsStream {
 public:
  /// The type of the socket.
  using next_layer_type = Socket;
  /// The type of the socket's executor.
  using executor_type = typename Socket::executor_type;

  /// The server's side of an accepted socket.
  BasicTlsStream(Socket socket, TlsServer& server) : BasicTlsStream(std::move(socket)) {
    layer_ = detail::OpenSslLayer::accepted(server.context(), socket_.native_handle(), {}, false);
  }
  /// The client's side of a connected socket. It checks the certificate, and that it is the host's.
  BasicTlsStream(Socket socket, asio::ssl::context& context, std::string host)
      : BasicTlsStream(std::move(socket), detail::share_ssl_context(context.native_handle()), std::move(host)) {}
  /// For the library's client.
  BasicTlsStream(Socket socket, const detail::SharedSslContext& context, std::string host)
      : BasicTlsStream(std::move(socket)) {
    layer_ = detail::OpenSslLayer::connected(context, socket_.native_handle(), std::move(host));
  }

  /// The socket's executor.
  executor_type get_executor() noexcept { return socket_.get_executor(); }
  /// The socket below TLS.
  Socket& next_layer() noexcept { return socket_; }
  /// The protocol that ALPN has chosen; empty: none, or the handshake is not done.
  std::string_view alpn() const noexcept { return layer_->alpn(); }

  /// OpenSSL's words for a certificate that was not accepted; empty: it was.
  std::string certificate_fault() const { return layer_->certificate_fault(); }

  /// Does the handshake. Signature: void(error_code).
  template <class Token>
  auto async_handshake(Token&& token) {
    return start<void(error_code)>(detail::TlsHandshake(), std::forward<Token>(token));
  }
  /// Reads as Asio's streams do.
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return start<void(error_code, std::size_t)>(detail::TlsRead<Buffers>(buffers), std::forward<Token>(token));
  }
  /// Writes as Asio's streams do, at most 16 KiB: one record.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return start<void(error_code, std::size_t)>(detail::TlsWrite<Buffers>(buffers), std::forward<Token>(token));
  }
  /// Tells the peer that nothing was cut off. It does not wait: close the socket next.
  void close_notify() noexcept { layer_->close_notify(); }
  /// For serve_connection.
  std::unique_ptr<detail::TlsLayer> take_layer() noexcept { return std::move(layer_); }

 private:
  explicit BasicTlsStream(Socket&& socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }

  template <class Signature, class Attempt, class Token>
  auto start(Attempt attempt, Token&& token) {
    return asio::async_compose<Token, Signature>(
        detail::TlsOperation<Socket, Attempt>(socket_, *layer_, std::move(attempt)), token, socket_);
  }

  Socket socket_;
  std::unique_ptr<detail::OpenSslLayer> layer_;
};

/// TLS over a TCP socket.
using TlsStream = BasicTlsStream<tcp::socket>;

/// Options for a client that follows https URLs, and http ones as before:
/// `sse::Client client("https://…", sse::tls_client())`. TLS 1.2 and 1.3; the certificate is checked with the system's
/// authorities, and the host's name with the certificate. The other options are the defaults, which you may change.
///
/// `proxy`: connects through it, or through none if it names none. Unset: the environment names it
/// (Proxy::from_environment).
///
/// @throws sse::system_error   The system's certificates cannot be read.
SSE_DECL ClientOptions tls_client(std::optional<Proxy> proxy = {});
/// The same with a context of your own: a private authority (`context.load_verify_file`), a client certificate. The
/// certificate and the host's name are checked whatever its verify mode is.
SSE_DECL ClientOptions tls_client(asio::ssl::context& context, std::optional<Proxy> proxy = {});

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/tls/tls.ipp"
#endif
