// SPDX-License-Identifier: MIT
// The bodies of tls.hpp. tls_src.hpp compiles them once; else the header includes them.

#pragma once

#include <optional>
#include <string>
#include <utility>

#include "sse/any_stream.hpp"
#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/tls/openssl_layer.hpp"
#include "sse/proxy.hpp"
#include "sse/tls.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline asio::awaitable<AnyStream> connect_with_tls(SharedSslContext context, std::optional<Proxy> proxy, Url url) {
  Proxy through = proxy ? *std::move(proxy) : Proxy::from_environment(url);
  tcp::socket socket = co_await connect_tcp(url, std::move(through));
  if (url.scheme == "http") co_return AnyStream(std::move(socket));
  TlsStream stream(std::move(socket), context, url.host);
  error_code error;
  co_await stream.async_handshake(asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    const std::string fault = stream.certificate_fault();
    throw system_error(error, fault.empty() ? "No TLS with " + url.authority()
                                            : "The certificate of " + url.authority() + " is not accepted, " + fault);
  }
  co_return AnyStream(std::move(stream));
}

inline ClientOptions tls_client(SharedSslContext context, std::optional<Proxy> proxy) {
  ClientOptions options;
  options.connect = [context = std::move(context), proxy = std::move(proxy)](Url url) {
    return connect_with_tls(context, proxy, std::move(url));
  };
  return options;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL void TlsServer::set_context(SSL_CTX* context) {
  detail::choose_protocol_by_alpn(context);
  detail::SharedSslContext old = detail::share_ssl_context(context);  // released without the lock
  const detail::MutexLock lock(mutex_);
  context_.swap(old);
}

SSE_DECL detail::SharedSslContext TlsServer::context() {
  const detail::MutexLock lock(mutex_);
  return context_;
}

SSE_DECL ClientOptions tls_client(std::optional<Proxy> proxy) {
  return detail::tls_client(detail::make_client_ssl_context(), std::move(proxy));
}

SSE_DECL ClientOptions tls_client(asio::ssl::context& context, std::optional<Proxy> proxy) {
  return detail::tls_client(detail::share_ssl_context(context.native_handle()), std::move(proxy));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
