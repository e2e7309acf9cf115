// SPDX-License-Identifier: MIT
// The bodies of detail/server/session.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
#include "sse/detail/server/crowd.hpp"
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

/// A session that has asked for its own request.
class SessionRequester final : public Requester {
 public:
  explicit SessionRequester(Session& session) noexcept
      : Requester(true, session.get_executor().lane().number), session_(session) {}

  void start_stream(EventStream&& events, const StreamOptions& options) override {
    std::string head = stream_start(options);
    session_.server->begin_stream(session_);
    session_.start(std::move(events), std::move(head), std::move(tap));
  }
  bool takes_handlers() override { return true; }
  void start_handler(const Request& request, ConnectionOptions&& connection, StreamOptions&& options,
                     const HandlerRoute& route) override {
    try {
      session_.start_handler(request, std::move(connection), std::move(options), route);
    } catch (...) {  // no memory for it
      if (!session_.is_stream()) session_.server->handler_done();
      throw;
    }
  }

 private:
  Session& session_;
};

/// The peer's address; empty: it has none. Windows may say that it is as long as the place for it.
inline std::string remote_address(const Session::Socket& socket) {
  error_code error;
  const asio::generic::stream_protocol::endpoint peer = socket.remote_endpoint(error);
  const int family = peer.protocol().family();
  tcp::endpoint endpoint;
  if (error || (family != tcp::v4().family() && family != tcp::v6().family())) return {};
  const std::size_t size = std::min(peer.size(), endpoint.capacity());
  std::memcpy(endpoint.data(), peer.data(), size);
  endpoint.resize(size);
  return address_text(endpoint.address());
}

SSE_DECL Session::Session(IntrusivePtr<Server> its_server, const SharedStrand& strand)
    : server(std::move(its_server)), socket_(SharedStrandExecutor(strand)) {
  server->sessions_done->enter();
}

SSE_DECL Session::~Session() {
  server->timer->remove(*this);
  server->remove(*this);
  server->sessions_done->leave();
}

SSE_DECL void Session::take_over(std::unique_ptr<TlsLayer> tls) {
  begin_exchange();
  exchange_->tls = std::move(tls);
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
    try {
      self->on_stop();
    } catch (...) {  // no memory for it
      self->close();
    }
  });
}

SSE_DECL void Session::stop_http2() {
  asio::post(get_executor(), [self = keep()] {
    if (self->exchange_ && self->exchange_->phase == Phase::http2) self->on_stop();
  });
}

SSE_DECL void Session::on_stop() {
  if (is_driven()) return exchange_->handling->stop();
  const EventStream* const events = stream_of_events();
  if (!events) return close();
  drain_stream(*server, *events);
}

SSE_DECL void Session::drain_stream(Server& server, const EventStream& events) {
  if (events.lets_finish()) return;
  const ServeOptions& options = server.options;
  HubAccess::of(server.manager)
      .disconnect(events.connection_id(), EndReason::drained, "The server is shutting down",
                  retry_of_drained(options.stream.retry, options.spread), events.connection_.get());
}

SSE_DECL void Session::abort() {
  asio::post(get_executor(), [self = keep()] { self->close(); });
}

SSE_DECL EventWriter::Times Session::times() const noexcept {
  const StreamOptions& options = server->options.stream;
  return {options.keep_alive, options.send_timeout};
}

SSE_DECL void Session::time_is_up() noexcept {
  try {
    if (is_driven()) return;
    if (started()) return on_time();
    if (expired()) on_head_timeout();
  } catch (...) {  // no memory for it
    close();
  }
}

SSE_DECL void Session::on_head_timeout() {
  const Phase phase = exchange_ ? exchange_->phase : Phase::reading;
  TlsLayer* const tls = tls_layer();
  const bool in_handshake = tls ? !tls->established() : server->options.tls != nullptr;
  if (phase != Phase::reading || in_handshake) return close();
  error_code ignored;
  socket_.cancel(ignored);
  answer_error(head_timeout(server->options.limits), false);
}

// A child process may have inherited the socket: closing alone would not end the stream for the peer.
SSE_DECL void Session::ended(bool) noexcept {
  if (TlsLayer* const tls = tls_layer()) tls->close_notify();
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

#if defined(SSE_SENDMSG)
SSE_DECL CrowdEntry Session::enter_crowd() noexcept {
  return Crowd::enter(*this);
}

SSE_DECL BatchPart Session::leave_crowd() noexcept {
  return Crowd::leave(*this);
}
#endif

SSE_DECL void Session::close() noexcept {
  take_from_crowd();  // before another socket gets the descriptor
  error_code ignored;
  socket_.close(ignored);
  try {
    if (is_driven()) exchange_->handling->abort();
  } catch (...) {  // no memory for it: the handler goes on
  }
}

SSE_DECL void Session::wait_for(asio::socket_base::wait_type what) {
  socket_.async_wait(what, OnReady(keep()));
}

SSE_DECL void Session::wait_again(asio::socket_base::wait_type otherwise) {
  TlsLayer* const tls = tls_layer();
  wait_for(tls ? tls->wanted() : otherwise);
}

SSE_DECL std::size_t Session::read_some(asio::mutable_buffer buffer, error_code& error) {
  TlsLayer* const tls = tls_layer();
  return tls ? tls->read_some(buffer, error) : socket_.read_some(buffer, error);
}

SSE_DECL std::size_t Session::write_some(asio::const_buffer buffer, error_code& error) {
  TlsLayer* const tls = tls_layer();
  return tls ? tls->write_some(buffer, error) : socket_.write_some(buffer, error);
}

SSE_DECL void Session::on_start() {
  expire_at(CoarseTimer::after(server->options.limits.timeout));
  server->timer->add(*this, server->executor);
  wait_for(asio::socket_base::wait_read);
}

// An operation that was cancelled when the phase changed may still complete with success, so each step must bear one
// call too many.
SSE_DECL void Session::on_ready(error_code error) noexcept {
  if (error || is_stream() || is_driven()) return;
  try {
    const Phase phase = exchange_ ? exchange_->phase : Phase::reading;
    if (phase == Phase::reading) return read_request();
    if (phase == Phase::writing) return write_response();
    linger();
  } catch (...) {  // without memory the socket is closed
    close();
  }
}

SSE_DECL void Session::begin_exchange() {
  if (exchange_) return;
  auto exchange = std::make_unique<Exchange>();
  exchange->head = std::make_unique<Head>(server->options.limits);
  exchange_ = std::move(exchange);
  exchange_->head->remote_address = remote_address(socket_);
  if (server->proxies.contains(exchange_->head->remote_address)) exchange_->head->proxy.emplace();
}

SSE_DECL void Session::read_request() {
  std::array<char, 4096> bytes;
  error_code error;
  try {
    if (server->options.tls && !begin_tls()) return;
    do {
      const std::size_t size = read_some(asio::buffer(bytes), error);
      if (is_would_block(error)) break;
      if (error) return tls_layer() ? begin_linger() : close();  // the peer may read TLS's alert
      if (take_bytes({bytes.data(), size})) return answer_request();
      if (is_driven()) return;
    } while (tls_layer() && tls_layer()->has_pending());
    wait_again(asio::socket_base::wait_read);
  } catch (const HttpError& bad) {
    answer_error(bad, false);
  }
}

/// Begins TLS, behind the header of a load balancer. False: that has yet to come, or the peer is gone.
SSE_DECL bool Session::begin_tls() {
  begin_exchange();
  if (exchange_->tls) return true;
  std::optional<std::string> received("");
  if (exchange_->head->proxy) {
    std::array<char, 4096> bytes;
    error_code error;
    const std::size_t size = socket_.read_some(asio::buffer(bytes), error);
    if (error && !is_would_block(error)) {
      close();
      return false;
    }
    received = take_proxy_header({bytes.data(), size});
    if (!received) {
      wait_for(asio::socket_base::wait_read);
      return false;
    }
  }
  exchange_->tls =
      server->options.tls->make_layer(socket_.native_handle(), *std::move(received), server->options.http2 != nullptr);
  return true;
}

/// True: the head is complete.
SSE_DECL bool Session::take_bytes(std::string_view bytes) {
  begin_exchange();
  if (!exchange_->head->proxy) return take_request_bytes(bytes);
  const std::optional<std::string> rest = take_proxy_header(bytes);
  return rest && take_request_bytes(*rest);
}

/// Tells HTTP/2 by its preface (RFC 9113, 3.4), of which no request of HTTP/1 begins with the first line.
SSE_DECL bool Session::take_request_bytes(std::string_view bytes) {
  if (!server->options.http2 || exchange_->head->is_http1) return exchange_->head->reader.feed(bytes);
  constexpr std::string_view preface = "PRI * HTTP/2.0\r\n";
  std::string first = std::move(exchange_->head->preface.append(bytes));
  const std::string_view begin = std::string_view(first).substr(0, preface.size());
  if (begin == preface) {
    start_http2(std::move(first));
    return false;
  }
  if (preface.starts_with(begin)) {
    exchange_->head->preface = std::move(first);
    return false;
  }
  exchange_->head->is_http1 = true;
  return exchange_->head->reader.feed(first);
}

SSE_DECL void Session::start_http2(std::string received) {
  auto exchange = std::make_unique<Exchange>();
  exchange->phase = Phase::http2;
  exchange->handling =
      server->options.http2->make_driver(*this, std::move(received), std::move(exchange_->head->remote_address));
  expire_at(CoarseTimer::never);
  exchange_ = std::move(exchange);
  exchange_->handling->start(keep());
}

SSE_DECL void Session::begin_http2_stream() noexcept {
  if (exchange_->is_stream) return;
  server->begin_stream(*this);
  exchange_->is_stream = true;
}

/// The bytes behind the header of a load balancer, once it is complete.
SSE_DECL std::optional<std::string> Session::take_proxy_header(std::string_view bytes) {
  if (!exchange_->head->proxy->feed(bytes)) return std::nullopt;
  if (const auto& client = exchange_->head->proxy->client_address()) exchange_->head->remote_address = *client;
  std::string rest = std::move(exchange_->head->proxy->rest());
  exchange_->head->proxy.reset();
  return rest;
}

SSE_DECL void Session::answer_request() {
  const Request request = exchange_->head->reader.take(std::move(exchange_->head->remote_address));
  try {
    SessionRequester requester(*this);
    if (const std::optional<Answer> response = answer(*server, requester, request))
      return begin_response(answer_text(*response));
    if (!is_handled()) forget_request();
  } catch (const HttpError& error) {
    answer_error(error, request.method == "HEAD");
  }
}

SSE_DECL void Session::forget_request() {
  if (!exchange_->tls) return exchange_.reset();
  auto exchange = std::make_unique<Exchange>();
  exchange->tls = std::move(exchange_->tls);
  exchange_ = std::move(exchange);
}

SSE_DECL void Session::start_handler(Request request, ConnectionOptions connection, StreamOptions options,
                                     const HandlerRoute& route) {
  auto exchange = std::make_unique<Exchange>();
  exchange->phase = Phase::handling;
  exchange->handling = handling_maker.load()({server, std::move(socket_), take_tls_layer()}, std::move(request),
                                             std::move(connection), std::move(options), route);
  expire_at(CoarseTimer::never);
  server->begin_stream(*this);
  exchange->is_stream = true;
  exchange_ = std::move(exchange);
  exchange_->handling->start(keep());
}

SSE_DECL void Session::answer_error(const HttpError& error, bool head_only) {
  begin_response(response_text(error, "text/plain; charset=utf-8", head_only));
}

SSE_DECL void Session::begin_response(std::string text) {
  begin_exchange();
  exchange_->phase = Phase::writing;
  exchange_->response = std::move(text);
  expire_at(CoarseTimer::after(std::chrono::seconds(30)));
  write_response();
}

SSE_DECL void Session::write_response() {
  const std::string& text = exchange_->response;
  error_code error;
  while (!error && exchange_->done < text.size())
    exchange_->done += write_some(asio::buffer(text) + exchange_->done, error);
  if (is_would_block(error)) return wait_again(asio::socket_base::wait_write);
  if (error) return close();
  begin_linger();
}

/// Waits, for at most 2 s, until the peer has read the response and closed. If the socket were closed while bytes of
/// the peer are unread, the system would discard the response (RFC 9112, 9.6).
SSE_DECL void Session::begin_linger() {
  if (TlsLayer* const tls = tls_layer()) tls->close_notify();
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
