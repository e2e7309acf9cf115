// SPDX-License-Identifier: MIT
// The bodies of detail/http2/http2_connection.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/http2/handler_relay.hpp"
#include "sse/detail/http2/header_block.hpp"
#include "sse/detail/http2/http2_connection.hpp"
#include "sse/detail/http2/http2_stream.hpp"
#include "sse/detail/http2/output.hpp"
#include "sse/detail/http2/request_head.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/answer.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/detail/server/socket_sink.hpp"
#include "sse/event_stream.hpp"
#include "sse/http.hpp"  // with the bodies of the server
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Completes an operation with the next step, and keeps the session, which owns the connection.
template <auto step>
class Http2Connection::Next {
 public:
  using executor_type = SharedStrandExecutor;
  using allocator_type = PlainAllocator<void>;
  executor_type get_executor() const noexcept { return session_->get_executor(); }
  allocator_type get_allocator() const noexcept { return {}; }

  explicit Next(Http2Connection& connection) : session_(connection.keep()), connection_(&connection) {}
  void operator()(error_code error = {}) {
    const IntrusivePtr<Session> session = std::move(session_);
    try {
      if (!connection_->closed_) (connection_->*step)(error);
    } catch (...) {
      connection_->fail();
    }
  }

 private:
  IntrusivePtr<Session> session_;
  Http2Connection* connection_;
};

/// A stream that has asked for its own request.
class Http2Requester final : public Requester {
 public:
  Http2Requester(Http2Connection& connection, Http2Stream& stream) noexcept
      : connection_(connection), stream_(stream) {}

  void start_stream(EventStream&& events, const StreamOptions& options) override {
    connection_.start_stream(stream_, std::move(events), options);
  }
  bool takes_handlers() override {
    if (HandlerRelay::possible()) return true;
    connection_.refuse_handler(stream_);
    return false;
  }
  void start_handler(const Request& request, ConnectionOptions&& connection, StreamOptions&& options,
                     const HandlerRoute& route) override {
    connection_.start_handler(stream_, request, std::move(connection), std::move(options), route);
  }

 private:
  Http2Connection& connection_;
  Http2Stream& stream_;
};

SSE_DECL Http2Connection::Http2Connection(Session& session, const Http2Limits& limits, std::string received,
                                          std::string remote_address)
    : session_(session),
      server_(*session.server),
      socket_(std::move(session.stream())),
      tls_(session.take_tls_layer()),
      limits_(limits),
      remote_address_(std::move(remote_address)),
      received_(std::move(received)),
      frames_(*this, limits.max_streams, server_.options.limits.max_head_size),
      idle_since_(now_) {}

SSE_DECL Http2Connection::~Http2Connection() {
  server_.timer->remove(*this);
  forget_all(EndReason::closed, "The connection was destroyed");
}

SSE_DECL void Http2Connection::start(IntrusivePtr<Session>) {
  server_.timer->add(*this, server_.executor);
  if (receive(std::exchange(received_, {}))) return on_readable({});
  turn();
  if (!closed_) wait_for_input();
}

SSE_DECL void Http2Connection::stop() {
  if (closed_ || draining_ || ended_) return;
  draining_ = true;
  drain_began_ = now_ = Clock::now();
  streams_.for_each([&](const Http2Stream& stream) {
    drain_total_ += stream.has_events();
    if (HandlerRelay* const relay = stream.relay()) relay->stop();
  });
  frames_.announce_end();
  drain_some();
  schedule();
}

SSE_DECL void Http2Connection::abort() {
  asio::post(session_.get_executor(),
             [this, keep = session_.keep()] { close(EndReason::drained, "Cut by the service"); });
}

// Reading.

SSE_DECL void Http2Connection::wait_for_input() {
  socket_.async_wait(tls_ ? tls_->wanted() : asio::socket_base::wait_read, Next<&Http2Connection::on_readable>(*this));
}

SSE_DECL std::size_t Http2Connection::read_some(asio::mutable_buffer buffer, error_code& error) {
  return tls_ ? tls_->read_some(buffer, error) : socket_.read_some(buffer, error);
}

SSE_DECL void Http2Connection::on_readable(error_code error) {
  constexpr int max_rounds = 4;  // then other connections have their turn
  now_ = Clock::now();
  std::array<char, 16 * 1024> bytes;
  for (int round = 0; !error && (round < max_rounds || (tls_ && tls_->has_pending())); ++round) {
    const std::size_t size = read_some(asio::buffer(bytes), error);
    if (error || (!lingering_ && !receive({bytes.data(), size}))) break;
    if (lingering_ && (lingered_ += size) > 1 << 20) error = asio::error::eof;
  }
  if (is_would_block(error)) error = {};
  if (error) return lose_peer(error);
  turn();
  if (!closed_) wait_for_input();
}

/// False: nothing more is read.
SSE_DECL bool Http2Connection::receive(std::string_view bytes) {
  if (ended_) return false;
  if (frames_.receive(bytes)) return true;
  end(flooded_ ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  return false;
}

/// Says the last GOAWAY. No more frames are read.
SSE_DECL void Http2Connection::end(std::uint32_t code) {
  if (std::exchange(ended_, true)) return;
  frames_.end(code);
}

SSE_DECL bool Http2Connection::on_frame(std::uint8_t type, std::uint8_t flags, std::size_t size) {
  heard_ = true;
  bool allowed = true;
  switch (type) {
    case NGHTTP2_HEADERS: return true;
    case NGHTTP2_DATA:
      if (size < 256 && (flags & NGHTTP2_FLAG_END_STREAM) == 0) allowed = budget_.take(1, now_);
      break;
    case NGHTTP2_WINDOW_UPDATE: allowed = budget_.take_update(now_); break;
    case NGHTTP2_RST_STREAM: allowed = budget_.take(3, now_); break;
    default: allowed = budget_.take(1, now_);
  }
  flooded_ = flooded_ || !allowed;
  return allowed;
}

SSE_DECL bool Http2Connection::on_refused() {
  head_open_ = false;
  const bool allowed = budget_.take(3, now_);
  flooded_ = flooded_ || !allowed;
  return allowed;
}

SSE_DECL bool Http2Connection::on_request_begin(std::int32_t id) {
  head_open_ = true;
  head_since_ = now_;
  due_by(CoarseTimer::after(server_.options.limits.timeout, now_));
  if (draining_ || stream_count_ >= limits_.max_streams) {
    frames_.reset(id, NGHTTP2_REFUSED_STREAM);
    flooded_ = flooded_ || !budget_.take(3, now_);
    return !flooded_;
  }
  const IntrusivePtr<Http2Stream> stream(new Http2Stream(*this, id));
  stream->head = std::make_unique<RequestHead>();
  frames_.add_stream(*stream);
  streams_.insert(*stream);
  stream->listed = stream;
  ++stream_count_;
  return true;
}

SSE_DECL bool Http2Connection::on_field(Http2Stream& stream, std::string_view name, std::string_view value) {
  if (stream.head->add(name, value, server_.options.limits)) return true;
  flooded_ = true;
  return false;
}

SSE_DECL void Http2Connection::on_request(Http2Stream& stream) {
  frames_.ignore_priority(stream);
  const IntrusivePtr<Http2Stream> alive(&stream);
  try {
    answer_request(stream);
  } catch (const std::exception&) {  // no memory for it
    frames_.reset(stream.id, NGHTTP2_INTERNAL_ERROR);
    forget(stream, EndReason::failed, "The request could not be answered");
  }
}

SSE_DECL void Http2Connection::answer_request(Http2Stream& stream) {
  const std::unique_ptr<RequestHead> head = std::move(stream.head);
  const bool head_only = head->is_of_head();
  if (!stream.peer_done) head->announce_body();
  try {
    const Request request = head->take(remote_address_, server_.options.limits);
    Http2Requester requester(*this, stream);
    if (const std::optional<Answer> answer = detail::answer(server_, requester, request)) respond(stream, *answer);
  } catch (const HttpError& error) {
    Answer answer;
    answer.status = error.status();
    answer.response = error_response(error, "text/plain; charset=utf-8", head_only);
    respond(stream, answer);
  }
}

SSE_DECL void Http2Connection::respond(Http2Stream& stream, const Answer& answer) {
  const bool has_body =
      !answer.response.head_only && !answer.response.body.empty() && has_body_of(answer.status, answer.response);
  const HeaderBlock head = answer.stream ? HeaderBlock(*answer.stream) : HeaderBlock(answer.status, answer.response);
  frames_.respond(stream, head, has_body);
  if (has_body) stream.start(answer.response.body);
}

SSE_DECL void Http2Connection::start_stream(Http2Stream& stream, EventStream&& events, const StreamOptions& options) {
  frames_.respond(stream, HeaderBlock(options), true);
  session_.begin_http2_stream();
  stream.start(std::move(events), stream_preamble(options));
}

SSE_DECL void Http2Connection::refuse_handler(Http2Stream& stream) {
  frames_.reset(stream.id, NGHTTP2_HTTP_1_1_REQUIRED);
}

SSE_DECL void Http2Connection::start_handler(Http2Stream& stream, const Request& request,
                                             ConnectionOptions&& connection, StreamOptions&& options,
                                             const HandlerRoute& route) {
  IntrusivePtr<HandlerRelay> relay;
  try {
    relay = IntrusivePtr<HandlerRelay>(
        new HandlerRelay(*this, stream, request, std::move(connection), std::move(options), route));
  } catch (...) {  // no memory or no descriptor for it
    server_.handler_done();
    throw;
  }
  session_.begin_http2_stream();
  stream.start(std::move(relay));
}

SSE_DECL void Http2Connection::respond(Http2Stream& stream, const HeaderBlock& head, bool has_body) {
  frames_.respond(stream, head, has_body);
  schedule();
}

SSE_DECL void Http2Connection::respond_interim(Http2Stream& stream, const HeaderBlock& head) {
  frames_.respond_interim(stream, head);
  schedule();
}

SSE_DECL void Http2Connection::give_back(Http2Stream& stream, std::size_t size) {
  frames_.consume(stream, size);
  schedule();
}

SSE_DECL void Http2Connection::on_body(Http2Stream& stream, std::string_view bytes) {
  if (HandlerRelay* const relay = stream.relay()) relay->take_body(bytes);
}

SSE_DECL void Http2Connection::on_body_end(Http2Stream& stream) {
  if (HandlerRelay* const relay = stream.relay()) relay->end_body();
}

SSE_DECL void Http2Connection::on_closed(Http2Stream& stream) {
  if (stream.head) head_open_ = false;
  forget(stream, EndReason::peer_gone, "The peer has reset the stream");
}

// Writing.

SSE_DECL void Http2Connection::resume(Http2Stream& stream) {
  ++ready_count_;
  frames_.resume(stream);
  schedule();
}

SSE_DECL void Http2Connection::pause(Clock::time_point due) noexcept {
  --ready_count_;
  due_by(due);
}

SSE_DECL void Http2Connection::schedule() {
  if (scheduled_ || closed_) return;
  asio::post(session_.get_executor(), [this, keep = session_.keep()] {
    scheduled_ = false;
    try {
      turn();
    } catch (...) {
      fail();
    }
  });
  scheduled_ = true;
}

SSE_DECL void Http2Connection::turn() {
  constexpr std::size_t most = 32 * 1024, of_stream = 256;
  if (closed_ || lingering_ || unsent_) return;
  now_ = Clock::now();
  Output output(std::min(most, ready_count_ * of_stream));
  output_ = &output;
  const bool more = frames_.send(output, most);
  output_ = nullptr;
  if (output.size() != 0 && !send(std::move(output))) return;
  if (more) return schedule();
  after_turn();
}

SSE_DECL bool Http2Connection::on_data(Http2Stream& stream, std::string_view header, std::size_t size) {
  constexpr std::size_t enough = 32 * 1024;
  output_->append(header);
  stream.write(*output_, size);
  budget_.sent_data();
  return output_->size() < enough;
}

/// False: the socket has no room for all, or the peer is lost.
SSE_DECL bool Http2Connection::send(Output&& output) {
  error_code error;
  output.send(socket_, tls_.get(), error);
  if (!error) return true;
  if (!is_would_block(error)) {
    lose_peer(error);
    return false;
  }
  if (!unsent_) unsent_ = std::make_unique<Output>(std::move(output));
  untaken_ = SocketSink(socket_).untaken();
  stuck_since_ = now_;
  due_by(now_ + std::chrono::seconds(1));
  socket_.async_wait(tls_ ? tls_->wanted() : asio::socket_base::wait_write, Next<&Http2Connection::on_writable>(*this));
  return false;
}

SSE_DECL void Http2Connection::on_writable(error_code error) {
  if (error) return lose_peer(error);
  now_ = Clock::now();
  const std::unique_ptr<Output> output = std::move(unsent_);
  if (send(std::move(*output))) turn();
}

/// Everything that could be sent has been.
SSE_DECL void Http2Connection::after_turn() {
  if (draining_ && streams_.empty() && !ended_) {
    end(NGHTTP2_NO_ERROR);
    return turn();
  }
  if (ended_ || frames_.is_over()) return begin_linger();
  if (ready_count_ != 0) due_by(now_ + std::chrono::seconds(1));
  if (streams_.empty()) due_by(CoarseTimer::after(idle_time(), idle_since_));
}

// Time.

SSE_DECL std::chrono::milliseconds Http2Connection::idle_time() const noexcept {
  return heard_ ? limits_.idle_timeout : server_.options.limits.timeout;
}

SSE_DECL void Http2Connection::due_by(Clock::time_point when) noexcept {
  if (when >= deadline_) return;
  deadline_ = when;
  expire_at(when);
}

SSE_DECL void Http2Connection::on_deadline(CoarseTimer::Owners& owners) noexcept {
  auto session = session_.keep_if_alive();
  if (!session) return;
  owners.keep(session);
  post(session_.get_executor(), [this, session = std::move(session)] {
    try {
      if (!closed_) on_time();
    } catch (...) {
      fail();
    }
  });
}

SSE_DECL void Http2Connection::on_time() {
  now_ = Clock::now();
  deadline_ = CoarseTimer::never;
  if (lingering_) return close(EndReason::peer_gone, "The connection has ended");
  if (!look_at_socket()) return;
  look_at_peer();
  look_at_streams();
  if (draining_) drain_some();
  turn();
}

/// False: the peer takes no bytes.
SSE_DECL bool Http2Connection::look_at_socket() {
  if (!unsent_) return true;
  const int untaken = SocketSink(socket_).untaken();
  if (std::exchange(untaken_, untaken) > untaken) stuck_since_ = now_;
  const std::chrono::milliseconds timeout = times().send_timeout;
  if (timeout.count() > 0 && now_ - stuck_since_ >= timeout) {
    close(EndReason::send_timeout, "Sending timed out after " + std::to_string(timeout.count()) + " ms");
    return false;
  }
  due_by(now_ + std::chrono::seconds(1));
  return true;
}

SSE_DECL void Http2Connection::look_at_peer() {
  const std::chrono::milliseconds head_time = server_.options.limits.timeout;
  if (head_open_ && head_time.count() > 0) {
    if (now_ - head_since_ >= head_time) return end(NGHTTP2_ENHANCE_YOUR_CALM);
    due_by(CoarseTimer::after(head_time, head_since_));
  }
  const std::chrono::milliseconds idle = idle_time();
  if (streams_.empty() && idle.count() > 0) {
    if (now_ - idle_since_ >= idle) return end(NGHTTP2_NO_ERROR);
    due_by(CoarseTimer::after(idle, idle_since_));
  }
}

SSE_DECL void Http2Connection::look_at_streams() {
  for (Http2Stream* stream = streams_.first(); stream;) {
    Http2Stream& one = *std::exchange(stream, streams_.next(*stream));
    if (!one.is_ready() && one.due > now_) {
      due_by(one.due);
    } else if (!one.on_time(now_, one.is_ready() && frames_.is_blocked(one))) {
      frames_.reset(one.id, NGHTTP2_CANCEL);
      forget(one, EndReason::send_timeout, "Sending timed out");
    }
  }
  if (ready_count_ != 0) due_by(now_ + std::chrono::seconds(1));
}

/// Ends the streams whose part of the time of ServeOptions::spread has come.
SSE_DECL void Http2Connection::drain_some() {
  const ServeOptions& options = server_.options;
  const std::chrono::milliseconds spread = std::min(options.spread, options.grace);
  const std::chrono::milliseconds since = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - drain_began_);
  std::size_t now_due = drain_total_;
  if (spread > since)
    now_due = drain_total_ * static_cast<std::size_t>(since.count()) / static_cast<std::size_t>(spread.count());
  for (Http2Stream* stream = streams_.first(); stream && drained_ < now_due; stream = streams_.next(*stream)) {
    if (stream->drained || !stream->has_events()) continue;
    stream->drained = true;
    ++drained_;
    if (const EventStream* const events = stream->events()) Session::drain_stream(server_, *events);
  }
  if (now_due < drain_total_) due_by(now_ + CoarseTimer::interval);
}

// The end.

SSE_DECL void Http2Connection::give_up(Http2Stream& stream, EndReason why, std::string_view reason) {
  frames_.reset(stream.id, NGHTTP2_INTERNAL_ERROR);
  forget(stream, why, reason);
  schedule();
}

SSE_DECL void Http2Connection::forget(Http2Stream& stream, EndReason why, std::string_view reason) noexcept {
  if (!stream.listed) return;
  const IntrusivePtr<Http2Stream> alive = std::move(stream.listed);
  if (stream.is_ready()) --ready_count_;
  streams_.erase(stream);
  frames_.remove_stream(stream);
  stream.detach(why, reason);
  if (--stream_count_ == 0) idle_since_ = now_;
}

SSE_DECL void Http2Connection::forget_all(EndReason why, std::string_view reason) noexcept {
  while (Http2Stream* const stream = streams_.first()) forget(*stream, why, reason);
}

/// Waits, for at most 2 s, until the peer has read the last frames and closed, as a session does.
SSE_DECL void Http2Connection::begin_linger() {
  if (flooded_)
    forget_all(EndReason::flooded, "The peer sent too many frames that bring nothing");
  else
    forget_all(EndReason::peer_gone, "The connection has ended");
  if (tls_) tls_->close_notify();
  error_code error;
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  if (error) return lose_peer(error);
  lingering_ = true;
  deadline_ = CoarseTimer::never;
  due_by(now_ + std::chrono::seconds(2));
}

SSE_DECL void Http2Connection::lose_peer(error_code error) noexcept {
  try {
    close(EndReason::peer_gone, "The peer is gone: " + error.message());
  } catch (...) {
    fail();
  }
}

SSE_DECL void Http2Connection::close(EndReason why, std::string_view reason) noexcept {
  if (std::exchange(closed_, true)) return;
  forget_all(why, reason);
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
  socket_.close(ignored);
  unsent_.reset();
  expire_at(CoarseTimer::never);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
