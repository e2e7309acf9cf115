// SPDX-License-Identifier: MIT
// The settings of sse::Client, and its observer. The client itself is in client.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
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

/// The callbacks of a client, which run on its executor. An exception of one is ignored. One may close the client.
struct ClientObserver {
  ClientObserver() = default;

  std::function<void(const Url&)> connected;                  ///< a stream begins, perhaps after redirects
  std::function<void(std::string_view reason)> disconnected;  ///< a stream that had begun is over
  std::function<void(std::chrono::milliseconds wait, std::string_view reason)> retrying;  ///< a wait begins
  /// An attempt goes without `Last-Event-ID`, because no server would take this id: the events that the client has
  /// missed are lost. `reason` says what is wrong with it.
  std::function<void(std::string_view id, std::string_view reason)> id_not_sent;
};

/// The settings of a client. Time-outs but `connect_timeout` are exact to a quarter of a second; 0: none.
struct ClientOptions {
  ClientOptions() = default;

  std::string method = "GET";  ///< POST for APIs that stream their answer
  std::string body;            ///< of the request; empty: none
  detail::Headers headers;     ///< `{{"Authorization", "Bearer …"}}`; they stay at the URL's own origin, see Client
  std::string last_event_id;   ///< the id after which the stream goes on; empty: none

  /// Makes more headers for each attempt, for example with a token that expires. They replace those of `headers` with
  /// the same name, and stay at the URL's own origin as these do. An exception counts as one of `connect`, and
  /// connect_timeout is for both.
  std::function<asio::awaitable<detail::Headers>()> make_headers;
  /// Sends an answer's cookies back to their origin while the client lives, so that a load balancer finds the same
  /// server again. At most 4,096 bytes of them: older ones give way.
  bool keep_cookies = true;

  /// Whether to connect again after an end or a failure. By default with GET only, because a POST would be done twice.
  std::optional<bool> reconnect;
  std::chrono::milliseconds retry{1'000};       ///< the wait before a reconnection, until the server names one
  std::chrono::milliseconds min_retry{500};     ///< the shortest wait that a server's `retry` can ask for
  std::chrono::milliseconds max_retry{60'000};  ///< the longest wait, without the part that is added at random
  std::size_t max_failures = 0;  ///< attempts in a row without an event, after which the client fails; 0: no limit

  std::chrono::milliseconds connect_timeout{10'000};  ///< for one attempt to connect
  std::chrono::milliseconds head_timeout{30'000};     ///< from being connected to the end of the response's head
  std::chrono::milliseconds idle_timeout{60'000};     ///< without a byte, after which the stream counts as cut

  std::size_t max_message_size = 16 << 20;  ///< bytes; a larger message is an error in its place
  std::size_t max_head_size = 64 * 1024;    ///< bytes of a response's head
  std::size_t max_headers = 200;            ///< headers of a response
  std::size_t max_id_size = 4096;           ///< bytes; a longer id is not sent back, because no server would take it
  std::size_t max_redirects = 20;           ///< redirects in a row
  /// Bytes of an answer's body that BadResponse keeps, of those that come within a second. 0: none.
  std::size_t max_error_body_size = 16 * 1024;

  /// Makes a connection. An sse::system_error of it is a failed attempt; any other exception ends the client. It may
  /// go on for a while after the client has given it up, and owns what it uses.
  std::function<asio::awaitable<AnyStream>(Url)> connect = connect_plain;
  ClientObserver observer;  ///< called when a stream begins, ends, or is tried again: the place of your logger
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
