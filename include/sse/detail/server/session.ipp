// SPDX-License-Identifier: MIT
// The bodies of detail/server/session.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/answer.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Completes a wait of a session that is no stream.
class Session::OnReady {
 public:
  using executor_type = SharedStrandExecutor;
  using allocator_type = PlainAllocator<void>;
  executor_type get_executor() const noexcept { return session_->get_executor(); }
  allocator_type get_allocator() const noexcept { return {}; }

  explicit OnReady(IntrusivePtr<Session> session) noexcept : session_(std::move(session)) {}
  void operator()(error_code error) {
    const IntrusivePtr<Session> session = std::move(session_);
    session->on_ready(error);
  }

 private:
  IntrusivePtr<Session> session_;
};

SSE_DECL Session::Session(IntrusivePtr<Server> its_server, const SharedStrand& strand)
    : server(std::move(its_server)), socket_(SharedStrandExecutor(strand)) {}

SSE_DECL Session::~Session() {
  server->timer->remove(*this);
  server->remove(*this);
}

SSE_DECL void Session::begin() {
  asio::post(get_executor(), [self = keep()] {
    try {
      self->on_start();
    } catch (...) {  // without memory the socket is closed
    }
  });
}

SSE_DECL void Session::stop() {
  asio::post(get_executor(), [self = keep()] {
    const ServeOptions& options = self->server->options;
    const EventStream* const events = self->stream_of_events();
    if (!events)
      self->close();
    else if (!events->lets_finish())
      HubAccess::of(self->server->manager)
          .disconnect(events->connection_id(), EndReason::drained, "The server is shutting down",
                      retry_of_drained(options.stream.retry, options.spread), events->connection_.get());
  });
}

SSE_DECL void Session::abort() {
  asio::post(get_executor(), [self = keep()] { self->close(); });
}

SSE_DECL EventWriter::Times Session::times() const noexcept {
  const StreamOptions& options = server->options.stream;
  return {options.keep_alive, options.send_timeout};
}

SSE_DECL void Session::time_is_up() {
  if (started()) return on_time();
  if (!expired()) return;
  error_code ignored;
  socket_.cancel(ignored);
  const Phase phase = exchange_ ? exchange_->phase : Phase::reading;
  if (phase != Phase::reading) return close();
  answer_error(head_timeout(server->options.limits), false);
}

// A child process may have inherited the socket: closing alone would not end the stream for the peer.
SSE_DECL void Session::ended(bool) noexcept {
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

SSE_DECL void Session::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

SSE_DECL void Session::wait_for(asio::socket_base::wait_type what) {
  socket_.async_wait(what, OnReady(keep()));
}

SSE_DECL void Session::on_start() {
  expire_at(CoarseTimer::after(server->options.limits.timeout));
  server->timer->add(*this, server->executor);
  wait_for(asio::socket_base::wait_read);
}

// An operation that was cancelled when the phase changed may still complete with success, so each step must bear one
// call too many.
SSE_DECL void Session::on_ready(error_code error) noexcept {
  if (error || started()) return;
  try {
    const Phase phase = exchange_ ? exchange_->phase : Phase::reading;
    if (phase == Phase::reading) return read_request();
    if (phase == Phase::writing) return write_response();
    linger();
  } catch (...) {  // without memory the socket is closed
    close();
  }
}

SSE_DECL void Session::read_request() {
  std::array<char, 4096> bytes;
  error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(bytes), error);
  if (error && !is_would_block(error)) return close();
  try {
    if (!exchange_) exchange_ = std::make_unique<Exchange>(server->options.limits);
    if (error || !exchange_->reader.feed({bytes.data(), size})) return wait_for(asio::socket_base::wait_read);
    answer_request();
  } catch (const HttpError& bad) {
    answer_error(bad, false);
  }
}

SSE_DECL void Session::answer_request() {
  const Request request = exchange_->reader.take(remote_address_of(socket_));
  try {
    std::optional<std::string> response = answer(*this, request);
    if (response) return begin_response(std::move(*response));
    exchange_.reset();
  } catch (const HttpError& error) {
    answer_error(error, request.method == "HEAD");
  }
}

SSE_DECL void Session::answer_error(const HttpError& error, bool head_only) {
  Response response(std::string(error.what()) + '\n');
  response.headers = error.headers();
  response.head_only = head_only;
  begin_response(response_text(error.status(), response));
}

SSE_DECL void Session::begin_response(std::string text) {
  if (!exchange_) exchange_ = std::make_unique<Exchange>(server->options.limits);
  exchange_->phase = Phase::writing;
  exchange_->response = std::move(text);
  expire_at(CoarseTimer::after(std::chrono::seconds(30)));
  write_response();
}

SSE_DECL void Session::write_response() {
  const std::string& text = exchange_->response;
  error_code error;
  while (!error && exchange_->done < text.size())
    exchange_->done += socket_.write_some(asio::buffer(text) + exchange_->done, error);
  if (is_would_block(error)) return wait_for(asio::socket_base::wait_write);
  if (error) return close();
  begin_linger();
}

/// Waits, for at most 2 s, until the peer has read the response and closed. If the socket were closed while bytes of
/// the peer are unread, the system would discard the response (RFC 9112, 9.6).
SSE_DECL void Session::begin_linger() {
  error_code error;
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  if (error) return close();
  exchange_->phase = Phase::lingering;
  exchange_->response = {};
  exchange_->done = 0;
  expire_at(CoarseTimer::after(std::chrono::seconds(2)));
  linger();
}

SSE_DECL void Session::linger() {
  constexpr std::size_t max_size = 1 << 20;
  std::array<char, 4096> ignored;
  error_code error;
  while (!error && exchange_->done < max_size) exchange_->done += socket_.read_some(asio::buffer(ignored), error);
  if (!is_would_block(error)) return close();
  wait_for(asio::socket_base::wait_read);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
