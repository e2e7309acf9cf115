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
#include "sse/detail/http2/handler_relay.hpp"
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
  become_ready(EventWriter::Turn(preamble.empty() ? Event() : raw_frame(std::move(preamble))));
}

SSE_DECL void Http2Stream::start(std::string body) {
  become_ready(EventWriter::Turn(), std::move(body));
}

SSE_DECL Http2Stream::~Http2Stream() = default;

SSE_DECL void Http2Stream::start(IntrusivePtr<HandlerRelay> relay) {
  relay_ = std::move(relay);
  relay_->start();
}

SSE_DECL const EventStream* Http2Stream::events() const noexcept {
  return writer_.started() && !writer_.finished() ? &writer_.events() : nullptr;
}

SSE_DECL std::optional<Http2Stream::Chunk> Http2Stream::pull(std::size_t most) {
  if (!sending_) return std::nullopt;  // a relay that has no piece yet
  const std::size_t& left = sending_->left;
  if (!has_events()) {
    const bool complete = !relay_ || relay_->ended();
    if (left != 0 || complete) return Chunk{std::min(most, left), left <= most && complete};
    sending_.reset();
    connection_->pause(due);
    relay_->read();
    return std::nullopt;
  }
  if (left == 0 && !take_batch()) {
    if (writer_.finished()) return Chunk{0, true};
    wait_for_events();
    return std::nullopt;
  }
  return Chunk{std::min(most, left), false};
}

/// False: none waits, or the stream has ended.
SSE_DECL bool Http2Stream::take_batch() {
  EventWriter::Turn& turn = sending_->turn;
  writer_.all_sent();
  EventWriter::Step step = writer_.next(turn);
  if (step == EventWriter::Step::yield) {  // the sister streams have had their turn already
    turn = EventWriter::Turn();
    step = writer_.next(turn);
  }
  sending_->sent = 0;
  sending_->left = step == EventWriter::Step::send ? turn.part.bytes() : 0;
  return sending_->left != 0;
}

SSE_DECL void Http2Stream::wait_for_events() {
  sending_.reset();
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
  if (!is_ready()) become_ready(EventWriter::Turn());
}

SSE_DECL void Http2Stream::become_ready(EventWriter::Turn&& turn, std::string body) {
  const std::size_t size = body.size();
  sending_ = std::make_unique<Sending>(Sending{std::move(turn), std::move(body), 0, size, Clock::now()});
  connection_->resume(*this);
}

SSE_DECL void Http2Stream::write(Output& output, std::size_t size) {
  if (has_events())
    output.append(sending_->turn.part, sending_->sent, size);
  else
    output.append(std::string_view(sending_->body).substr(sending_->sent, size));
  sending_->sent += size;
  sending_->left -= size;
  sending_->progress = connection_->now();
}

SSE_DECL bool Http2Stream::on_time(Clock::time_point now, bool blocked) {
  const EventWriter::Times times = connection_->times();
  if (!has_events()) {
    return !blocked || times.send_timeout.count() <= 0 || now - sending_->progress < times.send_timeout;
  }
  if (is_ready()) {  // the mark that data waits
    if (!writer_.unsent()) writer_.keep_unsent({}, 0, 0, sending_->progress);
    writer_.unsent()->since = blocked ? sending_->progress : now;
  }
  switch (writer_.on_time(now, 0, times)) {
    case EventWriter::Due::end: return false;
    case EventWriter::Due::events: become_ready(EventWriter::Turn()); return true;
    case EventWriter::Due::keep_alive: become_ready(EventWriter::Turn(writer_.keep_alive())); return true;
    case EventWriter::Due::nothing: break;
  }
  if (is_ready()) return true;
  due = writer_.due(now, times);
  connection_->due_by(due);
  return true;
}

SSE_DECL void Http2Stream::detach(EndReason why, std::string_view reason) noexcept {
  connection_ = nullptr;
  head.reset();
  if (relay_) relay_->close(why == EndReason::drained || why == EndReason::closed);
  try {
    if (writer_.started()) writer_.finish(why, reason);
  } catch (...) {  // no memory for the words
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
