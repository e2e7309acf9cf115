// SPDX-License-Identifier: MIT
// The bodies of detail/http2/handler_relay.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/detail/http2/handler_relay.hpp"
#include "sse/detail/http2/header_block.hpp"
#include "sse/detail/http2/http2_connection.hpp"
#include "sse/detail/http2/http2_stream.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/headers.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Completes an operation with the next step.
template <auto step>
class HandlerRelay::Next {
 public:
  using executor_type = SharedStrandExecutor;
  executor_type get_executor() const noexcept { return session_->get_executor(); }

  explicit Next(HandlerRelay& relay) : session_(relay.connection_->keep()), relay_(&relay) {}
  void operator()(error_code error) {
    const IntrusivePtr<Session> session = std::move(session_);
    const IntrusivePtr<HandlerRelay> relay = std::move(relay_);
    if (!relay->connection_) return;
    try {
      ((*relay).*step)(error);
    } catch (...) {
      if (relay->connection_) relay->connection_->fail();
    }
  }

 private:
  IntrusivePtr<Session> session_;
  IntrusivePtr<HandlerRelay> relay_;
};

SSE_DECL bool HandlerRelay::possible() noexcept {
#if defined(SSE_LOCAL_SOCKETS)
  return true;
#else
  return false;
#endif
}

SSE_DECL HandlerRelay::HandlerRelay(Http2Connection& connection, Http2Stream& stream, const Request& request,
                                    ConnectionOptions&& options, StreamOptions&& stream_options,
                                    const HandlerRoute& route)
    : connection_(&connection),
      stream_(&stream),
      socket_(connection.keep()->get_executor()),
      head_(std::make_unique<ResponseHead>(max_head, max_headers)),
      is_head_(request.method == "HEAD"),
      chunked_(!stream.peer_done && !request.content_length) {
#if defined(SSE_LOCAL_SOCKETS)
  using Local = asio::basic_stream_socket<asio::local::stream_protocol, SharedStrandExecutor>;
  const IntrusivePtr<Session> session = connection.keep();
  Local ours(session->get_executor()), theirs(session->get_executor());
  asio::local::connect_pair(ours, theirs);
  for (Local* const socket : {&ours, &theirs}) {
    set_close_on_exec(*socket);
    socket->non_blocking(true);
    error_code ignored;  // what waits there is not slowed by the peer
    socket->set_option(asio::socket_base::send_buffer_size(piece_size), ignored);
  }
  socket_ = std::move(ours);
  driver_ = handling_maker.load()({session->server, std::move(theirs), nullptr}, request, std::move(options),
                                  std::move(stream_options), route);
#else
  static_cast<void>(options), static_cast<void>(stream_options), static_cast<void>(route);
#endif
}

SSE_DECL void HandlerRelay::start() {
  driver_->start(connection_->keep());
  read();
}

// The response.

SSE_DECL void HandlerRelay::read() {
  socket_.async_wait(asio::socket_base::wait_read, Next<&HandlerRelay::on_readable>(*this));
}

SSE_DECL void HandlerRelay::on_readable(error_code error) {
  std::array<char, piece_size> bytes;
  const std::size_t size = error ? 0 : socket_.read_some(asio::buffer(bytes), error);
  if (is_would_block(error)) return read();
  if (error) return decoder_ && decoder_->until_close() ? end() : lose_handler();
  try {
    if (!feed({bytes.data(), size})) return;
  } catch (const BadHead&) {
    return lose_handler();
  }
  if (head_ || (piece_.empty() && !ended_)) return read();
  if (has_body_) stream_->start(std::exchange(piece_, {}));
}

/// False: the request has ended meanwhile.
SSE_DECL bool HandlerRelay::feed(std::string_view bytes) {
  std::string rest;
  while (head_) {
    if (!head_->parser.feed(bytes, [&](std::string_view line) { head_->take_status_line(line); })) return true;
    rest = std::move(head_->parser.rest());
    bytes = rest;
    take_head();
    if (!connection_) return false;
  }
  if (!ended_) decoder_->feed(bytes, [&](std::string_view part) { piece_.append(part); });
  if (decoder_->done()) ended_ = true;
  return true;
}

/// Passes a response's head on: the last one, or one of those before it (RFC 9110, 15.2).
SSE_DECL void HandlerRelay::take_head() {
  const std::unique_ptr<ResponseHead> head = std::move(head_);
  const HeaderBlock block(head->status, head->parser.headers());
  if (head->status < 200) {
    head_ = std::make_unique<ResponseHead>(max_head, max_headers);
    return connection_->respond_interim(*stream_, block);
  }
  decoder_.emplace(head->parser);
  has_body_ = !is_head_ && head->status != 204 && head->status != 304 && !decoder_->done();
  ended_ = !has_body_;
  connection_->respond(*stream_, block, has_body_);
}

/// The handler has closed a body that ends so.
SSE_DECL void HandlerRelay::end() {
  ended_ = true;
  stream_->start(std::string());
}

/// The handler has gone before its response was complete.
SSE_DECL void HandlerRelay::lose_handler() {
  if (!ended_) connection_->give_up(*stream_, EndReason::failed, "The handler has ended its response too early");
}

// The request.

SSE_DECL void HandlerRelay::take_body(std::string_view bytes) {
  if (bytes.empty()) return;
  taken_ += bytes.size();
  if (chunked_) {
    std::array<char, 16> size;
    const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
    unsent_.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
  } else {
    unsent_.append(bytes);
  }
  if (!writing_) write();
}

SSE_DECL void HandlerRelay::end_body() {
  if (!chunked_) return;
  unsent_.append("0\r\n\r\n");
  if (!writing_) write();
}

SSE_DECL void HandlerRelay::write() {
  error_code error;
  while (!unsent_.empty() && !error) unsent_.erase(0, socket_.write_some(asio::buffer(unsent_), error));
  writing_ = is_would_block(error);
  if (writing_) return socket_.async_wait(asio::socket_base::wait_write, Next<&HandlerRelay::on_writable>(*this));
  if (error) unsent_.clear();  // a handler that needs no body, which its response tells
  connection_->give_back(*stream_, std::exchange(taken_, 0));
}

SSE_DECL void HandlerRelay::on_writable(error_code) {
  writing_ = false;
  write();
}

SSE_DECL void HandlerRelay::close(bool cancel) noexcept {
  connection_ = nullptr;
  stream_ = nullptr;
  error_code ignored;
  socket_.close(ignored);
  if (!cancel) return;
  try {
    driver_->abort();
  } catch (...) {  // no memory for it: the handler goes on
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
