// Certificates and a blocking client for the tests of TLS. Included where SSE_TEST_TLS is defined.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <sse/tls.hpp>

#include "client_support.hpp"

namespace tls_test {

/// A key with a certificate that it has signed itself, for these names: `DNS:localhost,IP:127.0.0.1`.
class Identity {
 public:
  explicit Identity(const std::string& names = "DNS:localhost,IP:127.0.0.1")
      : key_(make_key(), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    X509* const x509 = certificate_.get();
    X509_set_version(x509, 2);
    static long serial = 0;
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
    X509_set_pubkey(x509, key_.get());
    X509_NAME* const name = X509_get_subject_name(x509);
    const std::string text = "sse " + std::to_string(serial);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(x509, name);
    add(NID_basic_constraints, "critical,CA:TRUE");
    add(NID_subject_alt_name, names);
    if (X509_sign(x509, key_.get(), EVP_sha256()) == 0) throw std::runtime_error("no certificate");
  }

  asio::ssl::context server_context() const {
    asio::ssl::context context(asio::ssl::context::tls_server);
    SSL_CTX_use_certificate(context.native_handle(), certificate_.get());
    SSL_CTX_use_PrivateKey(context.native_handle(), key_.get());
    return context;
  }
  /// A context that trusts nobody else.
  asio::ssl::context client_context() const {
    asio::ssl::context context(asio::ssl::context::tls_client);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.native_handle()), certificate_.get());
    return context;
  }
  bool is(X509* other) const { return X509_cmp(certificate_.get(), other) == 0; }

 private:
  static EVP_PKEY* make_key() {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> made(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr),
                                                                           EVP_PKEY_CTX_free);
    EVP_PKEY* key = nullptr;
    EVP_PKEY_keygen_init(made.get());
    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(made.get(), NID_X9_62_prime256v1);
    if (EVP_PKEY_keygen(made.get(), &key) != 1) throw std::runtime_error("no key");
    return key;
  }
  void add(int nid, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

inline const Identity& identity() {
  static const Identity made;
  return made;
}

inline sse::ServeOptions options_with_tls() {
  sse::ServeOptions options;
  options.tls = sse::tls(identity().server_context());
  return options;
}

/// A blocking peer over TLS, which owes nothing to the library. OpenSSL does not see its socket.
class TlsClient {
 public:
  explicit TlsClient(Client socket, asio::ssl::context context = identity().client_context())
      : socket_(std::move(socket)),
        context_(std::move(context)),
        ssl_(SSL_new(context_.native_handle()), SSL_free),
        in_(BIO_new(BIO_s_mem())),
        out_(BIO_new(BIO_s_mem())) {
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
  }
  explicit TlsClient(const Server& server) : TlsClient(Client::to(server.port)) {}

  SSL* ssl() { return ssl_.get(); }
  Client& socket() { return socket_; }

  /// The bytes that OpenSSL wants to send.
  std::string take_output() {
    std::string bytes(static_cast<std::size_t>(BIO_pending(out_)), '\0');
    if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  /// Calls OpenSSL until it wants nothing of the socket; false: it has failed, or the peer has gone.
  template <class Function>
  bool run(Function&& function) {
    for (;;) {
      ERR_clear_error();
      const int result = function();
      error_ = SSL_get_error(ssl_.get(), result);
      socket_.send(take_output());
      if (result > 0) return true;
      if (error_ != SSL_ERROR_WANT_READ || !receive()) return false;
    }
  }
  bool handshake() {
    return run([&] { return SSL_do_handshake(ssl_.get()); });
  }
  /// The reason of OpenSSL's last failure.
  static std::string failure() {
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    return reason ? reason : "";
  }
  bool send(std::string_view bytes) {
    return run([&] { return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); });
  }
  /// True: the peer has said that nothing was cut off.
  bool notified() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

  bool read_some() {
    char bytes[16384];
    int size = 0;
    const bool good = run([&] { return size = SSL_read(ssl_.get(), bytes, sizeof bytes); });
    if (good) text_.append(bytes, static_cast<std::size_t>(size));
    return good;
  }
  /// The bytes up to and with `end`. Nullopt: the stream has ended.
  std::optional<std::string> take_until(std::string_view end) {
    for (;;) {
      const std::size_t found = text_.find(end);
      if (found != text_.npos) {
        std::string taken = text_.substr(0, found + end.size());
        text_.erase(0, taken.size());
        return taken;
      }
      if (!read_some()) return std::nullopt;
    }
  }
  std::string read_to_end() {
    while (read_some()) {
    }
    return std::exchange(text_, "");
  }
  std::optional<json> event() {
    while (auto block = take_until("\n\n")) {
      const std::size_t data = block->find("data: {");
      if (data != block->npos) return json::parse(block->substr(data + 6));
    }
    return std::nullopt;
  }
  /// Asks for the stream, and reads up to its first event.
  TlsClient& open_stream() {
    if (!handshake() || !send(good_request)) throw std::runtime_error("no TLS: " + failure());
    const std::string head = take_until("\r\n\r\n").value_or("");
    if (!head.starts_with("HTTP/1.1 200 ")) throw std::runtime_error("no stream: " + head);
    const auto first = event();
    if (!first || first->at("type") != "connection") throw std::runtime_error("no connection event");
    return *this;
  }

 private:
  bool receive() {
    char bytes[16384];
    if (!platform::wait_readable(socket_.descriptor(), patience)) give_up("bytes from the peer, after: " + text_);
    const std::size_t size = platform::receive(socket_.descriptor(), bytes, sizeof bytes);
    if (size != 0) BIO_write(in_, bytes, static_cast<int>(size));
    return size != 0;
  }

  Client socket_;
  asio::ssl::context context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  BIO *in_, *out_;  // owned by ssl_
  int error_ = 0;
  std::string text_;
};

}  // namespace tls_test
