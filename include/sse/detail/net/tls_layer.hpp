// SPDX-License-Identifier: MIT
// TLS on a non-blocking socket, as sessions and streams see it. detail/tls/ does it with OpenSSL; nothing here needs
// OpenSSL.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sse/config.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// TLS on the socket of a connection, whose descriptor it uses and does not own. Its functions never wait: after
/// would_block the caller waits until the socket is ready for wanted(), and calls again. Not thread-safe.
class TlsLayer {
 public:
  /// The system's own, as Asio's differs between protocols on Windows.
  using Socket = decltype(::socket(0, 0, 0));

  /// The most bytes of one record. A write takes at most so many.
  static constexpr std::size_t max_record = 16 * 1024;

  TlsLayer() = default;
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;
  virtual ~TlsLayer() = default;

  /// Goes on with the handshake; no error: it is done. Reads and writes do the same before anything else.
  virtual void handshake(error_code& error) noexcept = 0;
  virtual std::size_t read_some(asio::mutable_buffer buffer, error_code& error) noexcept = 0;
  /// Writes one record. After would_block the next call must have the same bytes.
  virtual std::size_t write_some(asio::const_buffer buffer, error_code& error) noexcept = 0;
  /// Tells the peer that nothing was cut off, if the socket has room for it.
  virtual void close_notify() noexcept = 0;

  /// Bytes that were decrypted and have not been read. The socket does not become readable for them.
  virtual bool has_pending() const noexcept = 0;
  /// The protocol that the peer and this side have agreed on; empty: none.
  virtual std::string_view alpn() const noexcept = 0;

  bool established() const noexcept { return established_; }
  /// A write was cancelled, so that the peer would miss bytes: further writes fail.
  void abandon_write() noexcept { abandoned_ = true; }
  /// The readiness of the socket that the last call lacked.
  asio::socket_base::wait_type wanted() const noexcept { return wanted_; }
  /// The number of bytes that the socket gave since the last call.
  std::size_t take_received() noexcept {
    const std::size_t bytes = received_;
    received_ = 0;
    return bytes;
  }

 protected:
  bool established_ = false;
  bool abandoned_ = false;
  asio::socket_base::wait_type wanted_ = asio::socket_base::wait_read;
  std::size_t received_ = 0;
};

/// Makes the layers of accepted sockets: ServeOptions::tls. Thread-safe.
class TlsAcceptor {
 public:
  TlsAcceptor() = default;
  TlsAcceptor(const TlsAcceptor&) = delete;
  TlsAcceptor& operator=(const TlsAcceptor&) = delete;
  virtual ~TlsAcceptor() = default;

  /// `received`: bytes of the peer that were read from the socket already. `http2`: the peer may choose h2.
  virtual std::unique_ptr<TlsLayer> make_layer(TlsLayer::Socket socket, std::string received, bool http2) = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
