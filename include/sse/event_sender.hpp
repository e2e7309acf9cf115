// SPDX-License-Identifier: MIT
// Sends the events of one answer, and waits for its reader. answer_events makes it; a stream for many readers is an
// EventStream.

#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class SenderCore;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// Sends the events of one answer. The producer that answer_events calls gets it by reference.
///
/// A send completes as soon as there is room, and throws once the answer can go on no longer: room is 16 KiB or one
/// event, besides the bytes that the system takes. So a slow reader slows its producer, and no event is lost. Events
/// that are sent without a pause go out in one write, others at once.
///
/// The functions are coroutines that begin when they are awaited. Their arguments must outlive the call.
///
/// @par Errors             sse::system_error: `operation_aborted` when the answer has ended or the coroutine is
///                         cancelled.
/// @par Cancellation       terminal, partial. The event is not sent.
/// @par Object lifetime    The sender lives as long as its producer's coroutine.
/// @par Thread safety      The executor of the answer only. Several coroutines on it may send.
class EventSender {
 public:
  explicit EventSender(detail::SenderCore& core) noexcept : core_(core) {}
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;

  /// Sends `data` as it is, a `data:` field for each of its lines.
  asio::awaitable<void> send_message(std::string_view data);
  /// The same with the type in the frame's `event:` field.
  asio::awaitable<void> send_event(std::string_view type, std::string_view data);
  /// Sends one line of JSON. Throws sse::Error for a discarded json. Make the value before: g++ 12 does not compile its
  /// braces in an expression that awaits.
  asio::awaitable<void> send_json(const nlohmann::json& value);
  asio::awaitable<void> send_json(std::string_view type, const nlohmann::json& value);
  /// Sends a comment, which a client ignores.
  asio::awaitable<void> send_comment(std::string_view text);
  /// Sends the time after which a client that was cut should come back.
  asio::awaitable<void> send_retry(std::chrono::milliseconds time);

  /// Gives the next event an id, which a client sends back as its Last-Event-ID.
  void set_id(std::string_view id) { id_.assign(id), has_id_ = true; }

  /// Waits until the system has taken all that was sent.
  asio::awaitable<void> flush();
  /// Waits until the answer can go on no longer: the peer has gone, or the answer is ended. Does not throw for that.
  asio::awaitable<void> closed();
  /// True once the answer can go on no longer.
  bool is_closed() const noexcept;

 private:
  detail::SenderCore& core_;
  std::string id_;
  bool has_id_ = false;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/event_sender.ipp"
#endif
