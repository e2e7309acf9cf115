// SPDX-License-Identifier: MIT
// The settings of sse::Client, and its observer. The client itself is in client.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sse/any_stream.hpp"
#include "sse/bad_response.hpp"
#include "sse/config.hpp"
#include "sse/headers.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

class Decompression;

/// The callbacks of a client. They run on its executor, and may close the client. Their exceptions are ignored.
struct ClientObserver {
  ClientObserver() = default;

  std::function<void(const Url&)> connected;                  ///< A stream has begun, perhaps after redirects.
  std::function<void(std::string_view reason)> disconnected;  ///< A stream that had begun has ended.

  /// A wait before an attempt begins.
  std::function<void(std::chrono::milliseconds wait, std::string_view reason)> retrying;
  /// An attempt goes without `Last-Event-ID`, because no server would take this id: the events that the client has
  /// missed are lost. `reason` says what is wrong with it.
  std::function<void(std::string_view id, std::string_view reason)> id_not_sent;
};

/// The settings of a client. Time-outs are exact to a quarter of a second, except `connect_timeout`. 0: no time-out.
struct ClientOptions {
  ClientOptions() = default;

  std::string method = "GET";  ///< For example POST, for APIs that stream their answer.
  std::string body;            ///< The request's body. Empty: none.
  detail::Headers headers;     ///< `{{"Authorization", "Bearer …"}}`; they stay at the URL's own origin, see Client
  std::string last_event_id;   ///< The id after which the stream begins. Empty: none.

  /// Makes more headers for each attempt, for example with a token that expires. They replace those of `headers` with
  /// the same name, and stay at the URL's own origin as these do. An exception is handled like one of `connect`, and
  /// connect_timeout bounds both together.
  std::function<asio::awaitable<detail::Headers>()> make_headers;
  /// Sends an answer's cookies back to their origin while the client lives, so that a load balancer finds the same
  /// server again. At most 4,096 bytes of them: older ones give way.
  bool keep_cookies = true;

  /// Whether to connect again after an end or a failure. By default with GET only, because a POST would be done twice.
  std::optional<bool> reconnect;
  std::chrono::milliseconds retry{1'000};       ///< The wait before a reconnection, until the server sends a `retry`.
  std::chrono::milliseconds min_retry{500};     ///< The shortest wait that a server's `retry` can ask for.
  std::chrono::milliseconds max_retry{60'000};  ///< The longest wait, without the random part.
  std::size_t max_failures = 0;  ///< The client fails after so many attempts in a row without an event. 0: no limit.

  std::chrono::milliseconds connect_timeout{10'000};  ///< For one attempt to connect.
  std::chrono::milliseconds head_timeout{30'000};     ///< From the connection to the end of the response's head.
  /// Time without a byte after which the stream counts as cut. A server that says its keep-alive interval in the
  /// stream's first line (`: keep-alive 15000`, as `serve` does) has two intervals instead. 0: no time-out.
  std::chrono::milliseconds idle_timeout{60'000};

  std::size_t max_message_size = 16 << 20;  ///< Bytes. A larger message is an error in its place.
  std::size_t max_head_size = 64 * 1024;    ///< bytes of a response's head
  std::size_t max_headers = 200;            ///< headers of a response
  std::size_t max_id_size = 4096;           ///< Bytes. A longer id is not sent, because a server would refuse it.
  std::size_t max_redirects = 20;           ///< redirects in a row
  /// Bytes of an answer's body that BadResponse keeps, of those that come within a second. 0: none.
  std::size_t max_error_body_size = 16 * 1024;

  /// Accepts and decodes compressed answers: sse::gunzip() of gzip.hpp. Null: the client asks for plain ones.
  std::shared_ptr<const Decompression> decoder;
  /// Makes a connection. An sse::system_error of it is a failed attempt; any other exception ends the client. It may go
  /// on for a while after the client has given it up, so it must own what it uses.
  std::function<asio::awaitable<AnyStream>(Url)> connect = connect_plain;
  ClientObserver observer;  ///< For your logger: called when a stream begins, ends, or is tried again.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
