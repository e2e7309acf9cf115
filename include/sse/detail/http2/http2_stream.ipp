// SPDX-License-Identifier: MIT
// The bodies of detail/http2/http2_stream.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/http2/http2_connection.hpp"
#include "sse/detail/http2/http2_stream.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Completes the wait for an event.
class Http2Stream::OnEvent {
 public:
  using executor_type = SharedStrandExecutor;
  executor_type get_executor() const noexcept { return session_->get_executor(); }

  OnEvent(Http2Stream& stream, IntrusivePtr<Session> session) noexcept
      : session_(std::move(session)), stream_(&stream) {}
  void operator()(error_code error) {
    const IntrusivePtr<Session> session = std::move(session_);
    const IntrusivePtr<Http2Stream> stream = std::move(stream_);
    try {
      stream->on_event(error);
    } catch (...) {
      if (stream->connection_) stream->connection_->fail();
    }
  }

 private:
  IntrusivePtr<Session> session_;
  IntrusivePtr<Http2Stream> stream_;
};

SSE_DECL Http2Stream::Http2Stream(Http2Connection& connection, std::int32_t its_id)
    : id(its_id), due(Clock::time_point::max()), connection_(&connection) {}

SSE_DECL void Http2Stream::start(EventStream&& events, std::string preamble) {
  writer_.start(std::move(events));
  turn_ = EventWriter::Turn(preamble.empty() ? Event() : raw_frame(std::move(preamble)));
  become_ready();
}

SSE_DECL void Http2Stream::start(std::string body) {
  body_ = std::move(body);
  left_ = body_.size();
  become_ready();
}

SSE_DECL const EventStream* Http2Stream::events() const noexcept {
  return writer_.started() && !writer_.finished() ? &writer_.events() : nullptr;
}

SSE_DECL std::optional<Http2Stream::Chunk> Http2Stream::pull(std::size_t most) {
  if (!has_events()) return Chunk{std::min(most, left_), left_ <= most};
  if (left_ == 0 && !take_batch()) {
    if (writer_.finished()) return Chunk{0, true};
    wait_for_events();
    return std::nullopt;
  }
  return Chunk{std::min(most, left_), false};
}

/// False: none waits, or the stream has ended.
SSE_DECL bool Http2Stream::take_batch() {
  writer_.all_sent();
  EventWriter::Step step = writer_.next(turn_);
  if (step == EventWriter::Step::yield) {  // the sister streams have had their turn already
    turn_ = EventWriter::Turn();
    step = writer_.next(turn_);
  }
  sent_ = 0;
  left_ = step == EventWriter::Step::send ? turn_.part.bytes() : 0;
  return left_ != 0;
}

SSE_DECL void Http2Stream::wait_for_events() {
  ready_ = false;
  turn_.part = {};
  due = writer_.due(connection_->now(), connection_->times());
  connection_->pause(due);
  if (waiting_) return;
  writer_.events().async_wait(OnEvent(*this, connection_->keep()));  // completes soon if an event has come meanwhile
  waiting_ = true;
}

SSE_DECL void Http2Stream::on_event(error_code error) {
  waiting_ = false;
  if (!connection_) return;
  if (error) return connection_->give_up(*this, EndReason::closed, error.message());
  if (ready_) return;
  turn_ = EventWriter::Turn();
  become_ready();
}

SSE_DECL void Http2Stream::become_ready() {
  ready_ = true;
  progress_ = Clock::now();
  connection_->resume(*this);
}

SSE_DECL void Http2Stream::write(Output& output, std::size_t size) {
  if (has_events())
    output.append(turn_.part, sent_, size);
  else
    output.append(std::string_view(body_).substr(sent_, size));
  sent_ += size;
  left_ -= size;
  progress_ = connection_->now();
}

SSE_DECL bool Http2Stream::on_time(Clock::time_point now, bool blocked) {
  const EventWriter::Times times = connection_->times();
  if (!has_events()) {
    return !blocked || times.send_timeout.count() <= 0 || now - progress_ < times.send_timeout;
  }
  if (ready_) {  // the mark that data waits
    if (!writer_.unsent()) writer_.keep_unsent({}, 0, 0, progress_);
    writer_.unsent()->since = blocked ? progress_ : now;
  }
  switch (writer_.on_time(now, 0, times)) {
    case EventWriter::Due::end: return false;
    case EventWriter::Due::events: turn_ = EventWriter::Turn(); break;
    case EventWriter::Due::keep_alive: turn_ = EventWriter::Turn(writer_.keep_alive()); break;
    case EventWriter::Due::nothing:
      if (ready_) return true;
      due = writer_.due(now, times);
      connection_->due_by(due);
      return true;
  }
  become_ready();
  return true;
}

SSE_DECL void Http2Stream::detach(EndReason why, std::string_view reason) noexcept {
  connection_ = nullptr;
  head.reset();
  try {
    if (writer_.started()) writer_.finish(why, reason);
  } catch (...) {  // no memory for the words
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
