// SPDX-License-Identifier: MIT
// The bodies of the test kit's Client and of its connected pair. How a socket is read stands in connection.ipp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/testing/connection.hpp"
#include "sse/headers.hpp"
#include "sse/testing_client.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

SSE_DECL Client::Client(const tcp::endpoint& peer, std::size_t receive_buffer)
    : connection_(std::make_unique<detail::Connection>(peer, receive_buffer)) {}
SSE_DECL Client::Client(std::uint16_t port, std::size_t receive_buffer)
    : Client(tcp::endpoint(asio::ip::address_v4::loopback(), port), receive_buffer) {}
SSE_DECL Client::Client(Client&&) noexcept = default;
SSE_DECL Client::~Client() = default;

SSE_DECL Client Client::get(std::uint16_t port, std::string_view target, const Headers& headers,
                            std::size_t receive_buffer) {
  Client client(port, receive_buffer);
  client.request(target, headers);
  return client;
}

SSE_DECL void Client::set_patience(std::chrono::milliseconds patience) noexcept {
  connection_->patience = patience;
}

SSE_DECL void Client::request(std::string_view target, const Headers& headers, std::string_view method,
                              std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
  text.append(connection_->peer_name).append("\r\n");
  for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  connection_->answer.expect_no_body(method == "HEAD");
  send(text.append("\r\n").append(body));
}

SSE_DECL void Client::send(std::string_view bytes) {
  connection_->send(bytes);
}

SSE_DECL unsigned Client::status() {
  connection_->read_head();
  return connection_->answer.head().status;
}

SSE_DECL const Headers& Client::headers() {
  connection_->read_head();
  return connection_->answer.head().parser.headers();
}

SSE_DECL const std::string* Client::header(std::string_view name) {
  return sse::detail::find_header(headers(), name);
}

SSE_DECL Message Client::read() {
  return std::move(read(1).front());
}

SSE_DECL std::vector<Message> Client::read(std::size_t count) {
  detail::Connection& from = *connection_;
  const detail::SteadyTime limit = from.limit();
  from.expect_stream(limit);
  auto& messages = from.answer.messages();
  while (messages.size() < count) {
    if (!from.can_read()) throw Ended(from.after("ended its stream", count), from.broken);
    if (!from.take_some(from.all, count, limit))
      throw Timeout(from.after("sent too few messages" + detail::not_within(from.patience), count));
  }
  std::vector<Message> taken;
  for (; taken.size() < count; messages.pop_front()) taken.push_back(std::move(messages.front()));
  return taken;
}

SSE_DECL std::vector<Message> Client::read_to_end() {
  detail::Connection& from = *connection_;
  const detail::SteadyTime limit = from.limit();
  from.expect_stream(limit);
  while (from.can_read())
    if (!from.take_some(from.all, from.all, limit))
      throw Timeout(from.after("did not end its stream" + detail::not_within(from.patience)));
  if (from.broken) throw Ended(from.after("broke its stream"), from.broken);
  auto& messages = from.answer.messages();
  std::vector<Message> taken(std::make_move_iterator(messages.begin()), std::make_move_iterator(messages.end()));
  messages.clear();
  return taken;
}

SSE_DECL std::string Client::body() {
  detail::Connection& from = *connection_;
  const detail::SteadyTime limit = from.limit();
  from.read_head(limit);
  if (from.answer.not_stream().empty())
    throw Error("sse::testing: " + from.peer_name + " answers with a stream, which has no whole body");
  while (from.can_read())
    if (!from.take_some(from.all, from.all, limit))
      throw Timeout(from.after("did not end its answer" + detail::not_within(from.patience)));
  if (from.broken) throw Ended(from.after("broke its answer"), from.broken);
  from.answer.rethrow_if_bad();
  return from.answer.text();
}

SSE_DECL std::string Client::take_bytes(std::size_t count) {
  detail::Connection& from = *connection_;
  const detail::SteadyTime limit = from.limit();
  while (from.raw.size() < count) {
    if (from.broken || from.closed) throw Ended(from.so_far("ended after", count), from.broken);
    if (!from.take_some(count - from.raw.size(), from.all, limit, &from.raw))
      throw Timeout(from.so_far("gave" + detail::not_within(from.patience), count));
  }
  return std::exchange(from.raw, std::string());
}

SSE_DECL const std::string& Client::last_event_id() const noexcept {
  return connection_->answer.parser().last_event_id();
}

SSE_DECL std::optional<std::chrono::milliseconds> Client::retry() const noexcept {
  return connection_->answer.parser().retry();
}

SSE_DECL void Client::end_sending() {
  connection_->end_sending();
}
SSE_DECL void Client::close() {
  connection_->close();
}
SSE_DECL void Client::reset() {
  connection_->reset();
}
SSE_DECL tcp::endpoint Client::local_endpoint() const {
  return connection_->socket.local_endpoint();
}

SSE_DECL ConnectedPair connected_pair(const asio::any_io_executor& executor, std::size_t receive_buffer,
                                      std::size_t send_buffer) {
  tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Client client(acceptor.local_endpoint().port(), receive_buffer);
  tcp::socket service(executor);
  do {  // a stranger may have found the port
    service = tcp::socket(executor);
    acceptor.accept(service);
  } while (service.remote_endpoint() != client.local_endpoint());
  if (send_buffer > 0)
    service.set_option(asio::socket_base::send_buffer_size(
        static_cast<int>(std::min<std::size_t>(send_buffer, std::numeric_limits<int>::max()))));
  return {std::move(service), std::move(client)};
}

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"
