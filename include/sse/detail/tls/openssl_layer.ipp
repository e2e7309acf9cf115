// SPDX-License-Identifier: MIT
// The bodies of OpenSslLayer. tls_src.hpp compiles them once; else tls.hpp includes them.

#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#endif

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/tls/openssl_layer.hpp"

#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/ssl/error.hpp>
#else
#include <asio/ssl/error.hpp>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The socket of a layer as a BIO. OpenSSL's own calls write(), for which a peer that has gone is a SIGPIPE.
class SocketBio {
 public:
  static BIO* make(OpenSslLayer& layer) {
    BIO* const bio = BIO_new(method());
    if (!bio) return nullptr;
    BIO_set_data(bio, &layer);
    BIO_set_init(bio, 1);
    return bio;
  }
  /// The layer of a connection. Null: it is not of this library.
  static OpenSslLayer* layer_of(SSL* ssl) {
    BIO* const bio = SSL_get_rbio(ssl);
    return bio && BIO_method_type(bio) == type() ? static_cast<OpenSslLayer*>(BIO_get_data(bio)) : nullptr;
  }
  static bool speaks_http2(const OpenSslLayer& layer) noexcept { return layer.http2_; }

 private:
  static int type() noexcept {
    static const int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
    return type;
  }
  // Never freed, because a thread may still use it while the process ends.
  static const BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(type(), "sse");
      if (!made) return made;
      BIO_meth_set_read(made, &read);
      BIO_meth_set_write(made, &write);
      BIO_meth_set_ctrl(made, &control);
      return made;
    }();
    return method;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int write(BIO* bio, const char* data, int size) {
#if defined(MSG_NOSIGNAL)
    constexpr int flags = MSG_NOSIGNAL;
#else
    constexpr int flags = 0;  // Asio has set SO_NOSIGPIPE
#endif
    OpenSslLayer& layer = *static_cast<OpenSslLayer*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    for (;;) {
      const auto sent = ::send(layer.socket_, data, length(size), flags);
      if (sent >= 0) return static_cast<int>(sent);
      if (!is_interrupted(layer.socket_error_)) break;
    }
    if (is_would_block(layer.socket_error_)) BIO_set_retry_write(bio);
    return -1;
  }
  static int read(BIO* bio, char* data, int size) {
    OpenSslLayer& layer = *static_cast<OpenSslLayer*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (!layer.early_.empty()) {
      const std::size_t taken = std::min(static_cast<std::size_t>(size), layer.early_.size());
      std::memcpy(data, layer.early_.data(), taken);
      layer.early_.erase(0, taken);
      layer.received_ += taken;
      return static_cast<int>(taken);
    }
    // A flood of records without data must not keep OpenSSL, and the thread, in one call.
    if (layer.budget_ == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    for (;;) {
      const auto got = ::recv(layer.socket_, data, length(size), 0);
      if (got > 0) {
        const auto bytes = static_cast<std::size_t>(got);
        layer.received_ += bytes;
        layer.budget_ -= std::min(layer.budget_, bytes);
        return static_cast<int>(got);
      }
      if (got == 0) {
        layer.truncated_ = true;
        return 0;
      }
      if (!is_interrupted(layer.socket_error_)) break;
    }
    if (is_would_block(layer.socket_error_)) BIO_set_retry_read(bio);
    return -1;
  }

#if defined(_WIN32)
  static int length(int size) noexcept {
    return size;
  }
#else
  static std::size_t length(int size) noexcept {
    return static_cast<std::size_t>(size);
  }
#endif
  /// Keeps the error of the system's last call. True: the call is to be made again.
  static bool is_interrupted(error_code& error) noexcept {
#if defined(_WIN32)
    error.assign(::WSAGetLastError(), asio::error::get_system_category());
#else
    error.assign(errno, asio::error::get_system_category());
#endif
    return error == asio::error::interrupted;
  }
  static bool is_would_block(error_code& error) noexcept {
    if (error != asio::error::would_block && error != asio::error::try_again) return false;
    error = {};
    return true;
  }
};

inline error_code last_ssl_error() noexcept {
  const unsigned long code = ERR_peek_error();
  if (code == 0) return asio::error::connection_aborted;
  return error_code(static_cast<int>(code), asio::error::get_ssl_category());
}

[[noreturn]] inline void throw_ssl_error(const char* what) {
  throw system_error(last_ssl_error(), what);
}

SSE_DECL SharedSslContext share_ssl_context(SSL_CTX* context) {
  SSL_CTX_up_ref(context);
  return SharedSslContext(context, &SSL_CTX_free);
}

SSE_DECL SharedSslContext make_client_ssl_context() {
  ERR_clear_error();
  SharedSslContext context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) throw_ssl_error("sse: SSL_CTX_new() failed");
  if (SSL_CTX_set_default_verify_paths(context.get()) != 1)
    throw_ssl_error("sse: the system's certificates cannot be read");
#if defined(_WIN32) && OPENSSL_VERSION_NUMBER >= 0x30200000L
  SSL_CTX_load_verify_store(context.get(), "org.openssl.winstore://");
#endif
  return context;
}

inline int select_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                           const unsigned char* offered, unsigned offered_size, void*) noexcept {
  static constexpr std::string_view all = "\2h2\10http/1.1";
  const OpenSslLayer* const layer = SocketBio::layer_of(ssl);
  if (!layer) return SSL_TLSEXT_ERR_NOACK;
  const std::string_view known = SocketBio::speaks_http2(*layer) ? all : all.substr(3);
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, reinterpret_cast<const unsigned char*>(known.data()),
                            static_cast<unsigned>(known.size()), offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

SSE_DECL void choose_protocol_by_alpn(SSL_CTX* context) {
  SSL_CTX_set_alpn_select_cb(context, &select_protocol, nullptr);
}

SSE_DECL OpenSslLayer::OpenSslLayer(const SharedSslContext& context, Socket socket, std::string received)
    : ssl_((ERR_clear_error(), SSL_new(context.get()))), socket_(socket), early_(std::move(received)) {
  BIO* const bio = ssl_ ? SocketBio::make(*this) : nullptr;
  if (!bio) {
    free();
    throw_ssl_error("sse: SSL_new() failed");
  }
  SSL_set_bio(ssl_, bio, bio);
  // Idle connections have no buffers. A record that the socket has no room for is tried again from another buffer.
  SSL_set_mode(ssl_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_options(ssl_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  const auto oldest = SSL_get_min_proto_version(ssl_);
  if (oldest < TLS1_2_VERSION) SSL_set_min_proto_version(ssl_, TLS1_2_VERSION);
}

SSE_DECL void OpenSslLayer::free() noexcept {
  SSL_free(ssl_);
}

SSE_DECL std::unique_ptr<OpenSslLayer> OpenSslLayer::accepted(const SharedSslContext& context, Socket socket,
                                                              std::string received, bool http2) {
  std::unique_ptr<OpenSslLayer> layer(new OpenSslLayer(context, socket, std::move(received)));
  layer->http2_ = http2;
  // Without one, a client with a certificate could not resume its session.
  static constexpr unsigned char session_context[] = {'s', 's', 'e'};
  SSL_set_session_id_context(layer->ssl_, session_context, sizeof session_context);
  SSL_set_accept_state(layer->ssl_);
  return layer;
}

SSE_DECL std::unique_ptr<OpenSslLayer> OpenSslLayer::connected(const SharedSslContext& context, Socket socket,
                                                               std::string host) {
  std::unique_ptr<OpenSslLayer> layer(new OpenSslLayer(context, socket, {}));
  SSL* const ssl = layer->ssl_;
  if (host.ends_with('.')) host.pop_back();
  bool known = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  if (!known) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    known = SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  static constexpr std::string_view protocols = "\10http/1.1";
  // The function returns 0 for success.
  if (!known || SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocols.data()),
                                    static_cast<unsigned>(protocols.size())) != 0)
    throw_ssl_error("sse: the host cannot be named to OpenSSL");
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  SSL_set_connect_state(ssl);
  return layer;
}

SSE_DECL error_code OpenSslLayer::error_of(int result) noexcept {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: wanted_ = asio::socket_base::wait_read; return asio::error::would_block;
    case SSL_ERROR_WANT_WRITE: wanted_ = asio::socket_base::wait_write; return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN: return asio::error::eof;
    default: break;
  }
  failed_ = true;
  if (socket_error_) return socket_error_;
  if (truncated_) return asio::ssl::error::stream_truncated;
  return last_ssl_error();
}

SSE_DECL void OpenSslLayer::handshake(error_code& error) noexcept {
  ERR_clear_error();
  budget_ = 4 * max_record;
  const int result = SSL_do_handshake(ssl_);
  established_ = SSL_is_init_finished(ssl_) == 1;
  error = result == 1 ? error_code() : error_of(result);
}

SSE_DECL std::size_t OpenSslLayer::read_some(asio::mutable_buffer buffer, error_code& error) noexcept {
  ERR_clear_error();
  budget_ = 4 * max_record;
  std::size_t size = 0;
  const int result = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &size);
  established_ = established_ || SSL_is_init_finished(ssl_) == 1;
  error = result == 1 ? error_code() : error_of(result);
  return result == 1 ? size : 0;
}

SSE_DECL std::size_t OpenSslLayer::write_some(asio::const_buffer buffer, error_code& error) noexcept {
  if (abandoned_) {
    error = asio::error::operation_aborted;
    return 0;
  }
  ERR_clear_error();
  budget_ = 4 * max_record;
  std::size_t size = 0;
  const int result = SSL_write_ex(ssl_, buffer.data(), std::min(buffer.size(), max_record), &size);
  established_ = established_ || SSL_is_init_finished(ssl_) == 1;
  error = result == 1 ? error_code() : error_of(result);
  write_pending_ = result != 1;
  return result == 1 ? size : 0;
}

SSE_DECL void OpenSslLayer::close_notify() noexcept {
  if (failed_ || abandoned_ || write_pending_ || !established_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

SSE_DECL bool OpenSslLayer::has_pending() const noexcept {
  return SSL_pending(ssl_) > 0;
}

SSE_DECL std::string_view OpenSslLayer::alpn() const noexcept {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  return {reinterpret_cast<const char*>(protocol), size};
}

SSE_DECL std::string OpenSslLayer::certificate_fault() const {
  const long result = SSL_get_verify_result(ssl_);
  return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
