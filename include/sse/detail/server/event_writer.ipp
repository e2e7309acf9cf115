// SPDX-License-Identifier: MIT
// The bodies of detail/server/event_writer.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

// Never destroyed, because a thread may still write it while the process ends.
SSE_DECL const Event& EventWriter::keep_alive_comment() {
  static const Event& comment = *new Event(raw_frame(": keep-alive\n\n"));
  return comment;
}

SSE_DECL Event EventWriter::keep_alive() const {
  const std::string place = events_.moved_place();
  if (!place.empty()) return raw_frame("id: " + place + "\n\n");
  return tap_ ? raw_frame({}) : keep_alive_comment();
}

SSE_DECL EventWriter::Step EventWriter::next(Turn& turn) {
  while (turn.more_ && turn.batches_ < Turn::max_batches) {
    ++turn.batches_;
    if (tap_) tap_->prepare();
    turn.part = events_.take_batch(std::exchange(turn.first_, Event()));
    turn.more_ = turn.part.more;
    if (turn.part.size != 0) {
      if (tap_) turn.part = tap_->pack(turn.part);
      return Step::send;
    }
    if (events_.done()) {
      if (tap_) {
        turn.part = tap_->end();
        tap_ = {};
        turn.more_ = true;
        return Step::send;
      }
      finish(EndReason::closed, "The stream ended");
      return Step::end;
    }
  }
  if (turn.more_) return Step::yield;
  ticks_since_write_ = 0;
  return Step::wait;
}

SSE_DECL void EventWriter::keep_unsent(BatchPart&& part, std::size_t sent, int untaken, Clock::time_point now) {
  unsent_ = std::make_unique<Unsent>(Unsent{std::move(part), sent, untaken, now});
}

SSE_DECL EventWriter::Clock::time_point EventWriter::due(Clock::time_point now, const Times& times) const {
  using std::chrono::milliseconds;
  milliseconds wait = times.keep_alive;
  if (unsent_) {  // soon enough for the time-out, and soon after a cut
    constexpr milliseconds longest{1'000};
    wait = times.send_timeout.count() > 0 ? std::min(times.send_timeout, longest) : longest;
  }
  const Clock::time_point due = CoarseTimer::after(wait, now);
  if (!events_.expires() || expired_) return due;
  milliseconds left{1};  // the timer's next tick
  if (!events_.has_clock()) left = std::max(left, std::chrono::ceil<milliseconds>(events_.time_left()));
  return std::min(due, CoarseTimer::after(left, now));
}

SSE_DECL EventWriter::Due EventWriter::on_time(Clock::time_point now, int untaken, const Times& times) {
  const bool time_is_up = !expired_ && events_.end_if_expired();
  expired_ = expired_ || time_is_up;
  if (unsent_) return look_at_unsent(now, untaken, times) ? Due::nothing : Due::end;
  if (time_is_up) return Due::events;
  return looks_at_clock(times) ? Due::nothing : Due::keep_alive;
}

/// Checks whether the peer makes progress. A full socket becomes writable only when a good part of its buffer is free,
/// which a slow peer may not reach within the time-out. So the bytes that the peer's system takes count. False: the
/// stream has been given up.
SSE_DECL bool EventWriter::look_at_unsent(Clock::time_point now, int untaken, const Times& times) {
  if (events_.is_cut()) {
    finish(EndReason::drained, "Cut by the service");
    return false;
  }
  if (std::exchange(unsent_->untaken, untaken) > untaken) unsent_->since = now;
  const std::chrono::milliseconds timeout = times.send_timeout;
  if (timeout.count() <= 0 || now - unsent_->since < timeout) return true;
  finish(EndReason::send_timeout, "Sending timed out after " + std::to_string(timeout.count()) + " ms");
  return false;
}

/// Counts the checks of a user's own clock, which may jump at any moment and is checked with each tick. True: this tick
/// was for that check only.
SSE_DECL bool EventWriter::looks_at_clock(const Times& times) noexcept {
  if (expired_ || !events_.expires() || !events_.has_clock()) return false;
  if (ticks_since_write_ != std::numeric_limits<std::uint32_t>::max()) ++ticks_since_write_;
  return times.keep_alive.count() <= 0 || CoarseTimer::interval * std::int64_t{ticks_since_write_} < times.keep_alive;
}

SSE_DECL bool EventWriter::allows(std::size_t bytes) {
  constexpr std::size_t max_bytes = 64 * 1024;
  unexpected_bytes_ += static_cast<std::uint32_t>(std::min(bytes, max_bytes + 1));
  if (unexpected_bytes_ <= max_bytes) return true;
  finish(EndReason::flooded, "The peer sent more than 64 KiB after its request");
  return false;
}

SSE_DECL void EventWriter::lose_peer(error_code error) {
  if (error == asio::error::operation_aborted)
    finish(EndReason::drained, "Cut by the service");
  else
    finish(EndReason::peer_gone, "The peer is gone: " + error.message());
}

SSE_DECL void EventWriter::finish(EndReason why, std::string_view reason) {
  if (finished_) return;
  finished_ = true;
  tap_ = {};
  events_.close(why, reason);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
