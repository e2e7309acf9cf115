// SPDX-License-Identifier: MIT
// HTTP/2 for `serve`, by nghttp2. A program that includes this header links it (CMake's target sse::http2); with
// SSE_SEPARATE_COMPILATION one of its source files includes sse/http2_src.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/http.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The settings of HTTP/2 connections. All else is as ServeOptions, its StreamOptions and its RequestLimits say.
struct Http2Options {
  Http2Options() = default;

  /// Requests of one connection at once. Past it a request is refused by RST_STREAM(REFUSED_STREAM). 256 is the most
  /// that Chromium opens. An EventSource past the limit waits silently in its browser.
  std::size_t max_streams = 256;
  std::chrono::milliseconds idle_timeout{60'000};  ///< Time without a request that ends a connection. 0: never.
};

/// Speaks HTTP/2: the value of ServeOptions::http2. `sse::http2` makes it.
class Http2Server final : public detail::Http2Acceptor {
 public:
  explicit Http2Server(Http2Options options) : options_(std::move(options)) {}

  /// For `serve`.
  std::shared_ptr<detail::HandlerDriver> make_driver(detail::Session& session, std::string received,
                                                     std::string remote_address) override;

 private:
  const Http2Options options_;
};

/// Makes the value of ServeOptions::http2: `options.http2 = sse::http2()`.
///
/// A peer that begins with HTTP/2's preface speaks it, beside HTTP/1.1 on the same port (prior knowledge: a proxy's
/// backend, `curl --http2-prior-knowledge`); a peer over TLS that agrees on `h2` by ALPN, too: every browser. The
/// answers are those of HTTP/1.1, without the headers that belong to its connections.
///
/// A handler of ServeOptions::handle speaks HTTP/1.1 over a pair of local sockets, which is two descriptors for as long
/// as it runs; its `stream` gives no address and takes no options of TCP. Windows has no such pairs. There its request
/// gets RST_STREAM(HTTP_1_1_REQUIRED), after which browsers and curl ask again over HTTP/1.1.
inline std::shared_ptr<Http2Server> http2(Http2Options options = {}) {
  return std::make_shared<Http2Server>(std::move(options));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/http2.ipp"
#endif
