// SPDX-License-Identifier: MIT
// The settings of answer_events, and its result. Plain data with defaults.

#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>

#include "sse/http_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The form in which a client is told that an answer has failed after its first event.
enum class FailureForm : std::uint8_t {
  event,  ///< An event of AnswerOptions::error_type, and the orderly end of the body.
  cut,    ///< Nothing, and the end of the connection within the body. A client of HTTP/1.0 cannot tell that.
};

/// The settings of an answer.
struct AnswerOptions {
  AnswerOptions() = default;

  /// Keep-alive, send time-out, headers of the response, and `retry`. `refusal` is of no use here.
  StreamOptions stream;

  /// The longest time for which the response's head waits for the first event. Until then a producer that throws is
  /// answered with a status; after it the head and a keep-alive comment are sent. 0: the head is sent at once.
  std::chrono::milliseconds head_delay{15'000};
  /// True: while the head waits, the peer gets a 102 after each StreamOptions::keep_alive (RFC 9110, 15.2), except
  /// over HTTP/1.0. A proxy that has seen no byte may give up before `head_delay`.
  bool interim_responses = false;

  FailureForm failure_form = FailureForm::event;  ///< The form of a failure after the first event.
  std::string error_type = "error";               ///< The type of the error event. Empty: it has no `event:` field.

  /// Makes the data of a failure's error event, on the answer's executor. Unset: a JSON object `error` with a member
  /// `message`, the text of an HttpError, and for every other exception one that tells nothing about it.
  std::function<std::string(std::exception_ptr)> error_data;
  /// For your logger: called with what the producer has thrown, on the answer's executor. Its exceptions are ignored.
  std::function<void(std::exception_ptr)> on_failure;

  /// True: the producer is cancelled when the peer goes, and when the answer is ended. False: `closed` and the next
  /// send tell it.
  bool cancel_producer = true;
  /// True: `serve` lets the answer finish when it is cancelled, for at most ServeOptions::grace. False: it ends the
  /// answer as a failure with status 503.
  bool let_finish = false;
};

/// The end of an answer.
enum class AnswerEnd : std::uint8_t {
  complete,   ///< The producer has returned, and the system has taken all that it sent.
  failed,     ///< The producer has thrown. The peer got a status, an error event or a cut.
  peer_gone,  ///< The peer has closed, also for sending alone; or it took no byte for the send time-out.
  drained,    ///< `serve` was cancelled and has ended the answer.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
