// SPDX-License-Identifier: MIT
// The settings of `serve`, of one stream and of one response. Plain data with defaults; each member says its unit
// and what 0 means.

#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/enum_names.hpp"
#include "sse/headers.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Limits for reading a request head.
struct RequestLimits {
  RequestLimits() = default;

  std::size_t max_head_size = 16 * 1024;      ///< bytes; past it 414 in the request line, else 431
  std::size_t max_headers = 100;              ///< past it 431
  std::chrono::milliseconds timeout{10'000};  ///< from the call to the head's last byte; past it 408
};

/// How a client is told that a limit keeps it out.
enum class RefusalForm {
  by_client,  ///< `stream` for a browser's EventSource (is_event_source), `status` for others
  status,     ///< 503, or 429 for Options::max_connections_per_key, with Retry-After
  stream,     ///< 200, a `retry:`, a `disconnect`, and the end
};

/// How a stream is written. Times are exact to a quarter of a second.
struct StreamOptions {
  StreamOptions() = default;

  std::chrono::milliseconds keep_alive{15'000};    ///< idle time after which a comment is sent; 0: never
  std::chrono::milliseconds send_timeout{30'000};  ///< without a byte taken ends the stream; 0: never
  std::optional<std::chrono::milliseconds> retry;  ///< the browser's reconnection time
  std::string allow_origin;                        ///< Access-Control-Allow-Origin; empty: no such header
  Headers headers;                                 ///< more of the response's: Set-Cookie, Vary, Mcp-Session-Id
  RefusalForm refusal = RefusalForm::by_client;    ///< how a client is told that a limit keeps it out

  /// When a client that is refused should try again: each is told a time of its own, half to one and a half of this.
  std::chrono::milliseconds refusal_retry{30'000};
};

/// A response that is no stream.
struct Response {
  Response() = default;
  template <class Body>
  requires std::constructible_from<std::string, Body> Response(Body&& text) : body(std::forward<Body>(text)) {}

  std::string body;                                        ///< empty: none, and no Content-Type
  std::string content_type = "text/plain; charset=utf-8";  ///< of the body
  Headers headers;                                         ///< more of them
  bool head_only = false;                                  ///< the request was a HEAD
};

/// What `serve` does, and for whom.
struct ServeOptions {
  ServeOptions() = default;

  std::string path = "/events";            ///< where the stream is; 404 elsewhere
  StreamOptions stream;                    ///< how it is written
  RequestLimits limits;                    ///< what a request head may cost
  std::chrono::milliseconds grace{5'000};  ///< what streams have, once `serve` is cancelled, to deliver what waits

  /// The time, within `grace`, over which they are ended then, so that the clients don't come back in one moment: each
  /// is told a `retry:` of its own, too. Few take less: at least 100 a second.
  std::chrono::milliseconds spread{0};

  /// Where the metrics are (metrics_text of the manager's stats), for all who can connect: `admit` is not asked. Empty:
  /// nowhere.
  std::string metrics_path;
  /// The origins whose pages may read the events; others get 403 before `admit`, and the observer is told. Each is as
  /// in the Origin header: `https://example.org`. One that is in the list gets StreamOptions::allow_origin for itself.
  /// A request without that header is none of a page's of another origin. Empty: any may.
  std::vector<std::string> allowed_origins;

  /// True: `?topic=a&topic=b` chooses ConnectionOptions::topics (none: every topic; more than 100: 400). False: the
  /// query has no say.
  bool topics_from_query = false;

  /// Authentication and authorisation: asked about each GET and HEAD of `path` before it is answered. To return is to
  /// admit; before, it may set any of the connection's options, which come filled from the request (connection_options,
  /// topics_from_query). HttpError refuses, with its status (200 to 599), text and headers; 204 keeps an EventSource
  /// from coming back. Anything else that it throws is a 500, of which the client learns no more. It is called on the
  /// session's strand, which it shares with other sessions, so on several threads at once: it guards what it uses, must
  /// not block, and lives as long as the last session.
  std::function<void(const Request&, ConnectionOptions&)> admit;

  /// Your logger's place: why an `admit` became a 500. Called where `admit` is; what it throws itself is ignored.
  std::function<void(const Request&, std::string_view what)> admit_failure;
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<RefusalForm> {
  static constexpr std::array<std::string_view, 3> all{"by_client", "status", "stream"};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
