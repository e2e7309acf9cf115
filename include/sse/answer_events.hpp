// SPDX-License-Identifier: MIT
// Answers one request with a stream of its own, whose producer waits for its reader: a language model's answer, a job's
// progress. A stream for many readers is written by write_events.

#pragma once

#include <memory>
#include <utility>

#include "sse/answer_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/server/answer_operation.hpp"
#include "sse/event_sender.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Answers `request` with the events that `producer(EventSender&)`, a coroutine, sends. The head goes out with the
/// first event, at the latest after AnswerOptions::head_delay, and a comment whenever the producer is silent for
/// StreamOptions::keep_alive. Returns when the producer has ended and the body is complete, or the peer has gone; it
/// leaves the socket open. A HEAD gets the head alone.
///
/// An exception of the producer before its first event is answered with a status: an HttpError with its own, any other
/// with 500. After it the peer gets an event or a cut (AnswerOptions::failure_form). Over HTTP/1.1 the body
/// is chunked, so that a client tells an answer that was cut from one that has ended.
///
/// When the peer goes, the producer is cancelled (terminal) at once, also while it is silent. A peer that closes its
/// sending side only is taken for gone, because the system does not tell the two apart. So is one that sends more than
/// 64 KiB after its request: read the body before.
///
/// @par Errors             sse::system_error with `asio::error::operation_aborted` when it is cancelled.
/// @par Cancellation       terminal, partial. It cancels the producer, waits for its end, and leaves the body without
///                         an end. It clears the coroutine's cancellation state then.
/// @par Object lifetime    `stream` must outlive the answer; `request` is read by the call itself. The producer
///                         lives as long as its coroutine.
/// @par Thread safety      As read_request. The producer runs on the same executor.
template <class Stream, class Producer>
asio::awaitable<AnswerEnd> answer_events(Stream& stream, const Request& request, Producer producer,
                                         AnswerOptions options = {}) {
  return detail::SenderCore::run(std::make_shared<detail::AnswerOperation<Stream, Producer>>(
      stream, request, std::move(options), std::move(producer)));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
