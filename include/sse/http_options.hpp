// SPDX-License-Identifier: MIT
// The settings of `serve`, of one stream and of one response. Plain data with defaults; each member states its unit and
// the meaning of 0.

#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/enum_names.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/headers.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class TlsAcceptor;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// Limits for reading a request head.
struct RequestLimits {
  RequestLimits() = default;

  std::size_t max_head_size = 16 * 1024;      ///< Bytes. Past it: 414 in the request line, otherwise 431.
  std::size_t max_headers = 100;              ///< Past it: 431.
  std::chrono::milliseconds timeout{10'000};  ///< From the call to the head's last byte. Past it: 408.

  /// True: methods that are not registered (RFC 9110, 16.1) are read, too. False: they get 501.
  bool any_method = false;

  /// Connections of one `serve` without a stream: they have not sent their head yet, or get another answer. Past it the
  /// oldest one is closed. 0: no limit.
  std::size_t max_pending = 4'096;
};

/// Limits for reading the body of a request.
struct BodyLimits {
  BodyLimits() = default;
  /// The number of bytes, with the default time-out.
  BodyLimits(std::size_t bytes) : max_size(bytes) {}

  std::size_t max_size = 1 << 20;             ///< Bytes of the decoded body. Past it: 413.
  std::chrono::milliseconds timeout{30'000};  ///< From the call to the body's last byte. Past it: 408.
};

/// The form in which a client is told that a limit refuses it.
enum class RefusalForm {
  by_client,  ///< `stream` for a browser's EventSource (is_event_source), `status` for other clients.
  status,     ///< Status 503, or 429 for Options::max_connections_per_key, with Retry-After.
  stream,     ///< Status 200, a `retry:`, a `disconnect`, and the end.
};

/// The settings of a stream's writer. Times are exact to a quarter of a second.
struct StreamOptions {
  StreamOptions() = default;

  std::chrono::milliseconds keep_alive{15'000};    ///< Idle time after which a comment is sent. 0: never.
  std::chrono::milliseconds send_timeout{30'000};  ///< Time without progress of the peer that ends it. 0: never.
  std::optional<std::chrono::milliseconds> retry;  ///< The browser's reconnection time. Unset: its own.
  std::string allow_origin;                        ///< Access-Control-Allow-Origin. Empty: no such header.
  Headers headers;                                 ///< More headers of the response, for example Set-Cookie.
  RefusalForm refusal = RefusalForm::by_client;    ///< The form of a refusal by a limit.

  /// The time after which a refused client should try again. Each client is told a random time, half to one and a half
  /// of this.
  std::chrono::milliseconds refusal_retry{30'000};
};

/// A response that is not a stream.
struct Response {
  Response() = default;
  template <class Body>
  requires std::constructible_from<std::string, Body> Response(Body&& text) : body(std::forward<Body>(text)) {}

  std::string body;                                        ///< Empty: no body, and no Content-Type.
  std::string content_type = "text/plain; charset=utf-8";  ///< The type of the body.
  Headers headers;                                         ///< More headers. A Content-Type replaces `content_type`.
  bool head_only = false;                                  ///< True: the request was a HEAD, so no body is sent.
};

struct HandledRequest;

/// Answers a request of ServeOptions::handle.
using Handler = std::function<asio::awaitable<void>(HandledRequest&)>;
/// Called with what a handler has thrown.
using HandlerFailure = std::function<void(const Request&, std::exception_ptr)>;

/// A handler, with the requests that it answers.
struct HandlerRoute {
  HandlerRoute(std::string its_method, std::string its_path, Handler its_handler)
      : method(std::move(its_method)), path(std::move(its_path)), handler(std::move(its_handler)) {
    detail::handling_maker.store(&detail::make_handling);
  }

  std::string method;  ///< GET, for example.
  std::string path;    ///< One path; with a `*` at its end each path that begins with the text before it.
  Handler handler;     ///< Not empty.
};

/// The settings of `serve`: paths, limits, admission and shut-down.
struct ServeOptions {
  ServeOptions() = default;

  std::string path = "/events";            ///< The path of the stream. Others get 404.
  StreamOptions stream;                    ///< The settings of each stream.
  RequestLimits limits;                    ///< Limits for reading a request head.
  std::chrono::milliseconds grace{5'000};  ///< Time, once `serve` is cancelled, to deliver queued events.

  /// The time, within `grace`, over which the streams are ended then (at least 100 a second), so that the clients do
  /// not all reconnect at once. Each is told a random `retry:`, too.
  std::chrono::milliseconds spread{0};

  /// TLS: `options.tls = sse::tls(context)`, of tls.hpp. A handshake counts as a part of the request's head: `limits`
  /// bounds its time, and the number of connections without a stream. Null: none.
  std::shared_ptr<detail::TlsAcceptor> tls;

  /// HTTP/2: `options.http2 = sse::http2()`, of http2.hpp. A peer that begins with its preface (prior knowledge, h2c)
  /// speaks it, beside HTTP/1.1 on the same port; over TLS one that chooses `h2`, too. Null: none.
  std::shared_ptr<detail::Http2Acceptor> http2;

  /// The path of the metrics (metrics_text of the manager's stats). Every client that can connect may read them, unless
  /// `admit_metrics` refuses it: `admit` is not called. Empty: no metrics.
  std::string metrics_path;

  /// A JavaScript module for the pages that follow the stream: `sse::browser_script` of browser.hpp. `serve` does not
  /// copy the text. It is answered to every client that can connect: `admit` is not called. Empty: none.
  std::string_view script;
  std::string script_path = "/sse.js";  ///< The path of the script.

  /// The origins whose pages may read the events, each as in the Origin header: `https://example.org`. A page of one of
  /// them gets StreamOptions::allow_origin for its origin. A page of another origin gets 403 before `admit`, and the
  /// observer is called. A request without an Origin header is not checked, because it comes from no page of another
  /// origin. Empty: no origin is refused.
  std::vector<std::string> allowed_origins;

  /// True: `?topic=a&topic=b` chooses ConnectionOptions::topics (none: every topic; more than 100: 400). False: the
  /// query is ignored.
  bool topics_from_query = false;

  /// The load balancers that begin each connection with a PROXY header (version 1 or 2, HAProxy's proxy-protocol.txt):
  /// addresses and networks such as `192.0.2.1` and `10.0.0.0/8`, or `unix` for the peers of a Unix socket. Their
  /// connections must begin with it, and Request::remote_address is the client's address in it. Connections from
  /// elsewhere must not. `serve` throws sse::Error for any other entry. Empty: none.
  std::vector<std::string> proxy_protocol_from;

  /// Authenticates and authorizes: called for each GET and HEAD of `path` before it is answered. If it returns, the
  /// client is admitted. It may set any of the connection's options, which are filled from the request before
  /// (connection_options, topics_from_query). If it throws HttpError, the client is refused with that status (200 to
  /// 599), text and headers; 204 keeps an EventSource from reconnecting. Any other exception is answered with 500,
  /// without its text. It is called on the session's strand, which other sessions share, and on several threads at
  /// once. It must guard its data, must not block, and lives as long as the last session.
  std::function<void(const Request&, ConnectionOptions&)> admit;

  /// Authorizes each GET and HEAD of `metrics_path`, as `admit` does those of `path`. Empty: all of them.
  std::function<void(const Request&)> admit_metrics;

  /// For your logger: called with the reason when an `admit` or `admit_metrics` is answered with 500, on its thread.
  /// Its exceptions are ignored.
  std::function<void(const Request&, std::string_view what)> admit_failure;

  /// Adds a handler: a coroutine that answers the requests of `method` for a path, or, where the path ends with `*`,
  /// for each path that begins with the text before it. The first one that fits answers. A handler for GET gets HEAD,
  /// too, unless there is one for HEAD. It may share the path of the stream: `POST` beside its GET.
  ///
  /// Before it is called, the request has passed `allowed_origins` and `admit`, and a preflight is answered. What it
  /// throws before the first byte of its response is answered with a status: an HttpError with its own, any other with
  /// 500. After it the connection is cut. The connection ends with the response.
  ///
  /// When `serve` is cancelled, answer_events ends as AnswerOptions::let_finish says. Another handler may go on for
  /// `grace`. Then its connection is closed, and its coroutine cancelled (terminal).
  ///
  /// Each call runs on a strand of its own over the acceptor's executor. The handler lives as long as `serve`, and may
  /// be called on several threads at once.
  ServeOptions& handle(std::string method, std::string its_path, Handler handler) {
    routes.emplace_back(std::move(method), std::move(its_path), std::move(handler));
    return *this;
  }
  std::vector<HandlerRoute> routes;  ///< The handlers that `handle` has added.

  /// Requests that handlers may be answering at once. Past it: 503 with Retry-After. 0: no limit.
  std::size_t max_handled = 0;

  /// For your logger: called with what a handler has thrown, on its strand. Its exceptions are ignored.
  HandlerFailure handler_failure;
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<RefusalForm> {
  static constexpr std::array<std::string_view, 3> all{"by_client", "status", "stream"};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
