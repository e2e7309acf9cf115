// SPDX-License-Identifier: MIT
// A TLS layer by OpenSSL: one SSL object on the socket itself, without buffers while nothing is under way.

#pragma once

#include <openssl/ossl_typ.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/tls_layer.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The reference to a context of OpenSSL's.
using SharedSslContext = std::shared_ptr<SSL_CTX>;
/// Makes one more reference to the context.
SSE_DECL SharedSslContext share_ssl_context(SSL_CTX* context);
/// Makes the context of a client: the system's certificates, TLS 1.2 and later. Throws system_error.
SSE_DECL SharedSslContext make_client_ssl_context();
/// Has servers that use the context agree on a protocol by ALPN, as OpenSslLayer::accepted says.
SSE_DECL void choose_protocol_by_alpn(SSL_CTX* context);

/// TLS on one socket.
class OpenSslLayer final : public TlsLayer {
 public:
  /// The side of the server. It speaks TLS 1.2 and later, and agrees on h2 (if `http2`) or http/1.1; a client that asks
  /// for neither gets no protocol. Throws system_error.
  static std::unique_ptr<OpenSslLayer> accepted(const SharedSslContext& context, Socket socket, std::string received,
                                                bool http2);
  /// The side of the client. It checks the certificate, and that it is the host's. Throws system_error.
  static std::unique_ptr<OpenSslLayer> connected(const SharedSslContext& context, Socket socket, std::string host);
  ~OpenSslLayer() override { free(); }

  void handshake(error_code& error) noexcept override;
  std::size_t read_some(asio::mutable_buffer buffer, error_code& error) noexcept override;
  std::size_t write_some(asio::const_buffer buffer, error_code& error) noexcept override;
  void close_notify() noexcept override;
  bool has_pending() const noexcept override;
  std::string_view alpn() const noexcept override;

  /// OpenSSL's words for a certificate that was not accepted; empty: it was.
  std::string certificate_fault() const;

 private:
  friend class SocketBio;

  OpenSslLayer(const SharedSslContext& context, Socket socket, std::string received);
  void free() noexcept;
  error_code error_of(int result) noexcept;

  SSL* ssl_;
  const Socket socket_;
  std::string early_;           ///< Bytes that were read from the socket before.
  std::size_t budget_ = 0;      ///< Bytes that this call may still take from the socket.
  error_code socket_error_;     ///< Of the last call of the system that failed.
  bool truncated_ = false;      ///< The socket has ended without a close_notify.
  bool failed_ = false;         ///< Nothing more may be sent.
  bool write_pending_ = false;  ///< A record waits for room.
  bool http2_ = false;          ///< The peer may choose h2.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/tls/openssl_layer.ipp"
#endif
