// SPDX-License-Identifier: MIT
// The bodies of the test kit's Connection. The socket does not block: every wait is one operation with a time limit.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/testing/connection.hpp"
#include "sse/detail/testing/run_until.hpp"
#include "sse/testing_client.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {

inline bool is_would_block(const error_code& error) noexcept {
  return error == asio::error::would_block || error == asio::error::try_again;
}

inline std::string name_of(const tcp::endpoint& peer) {
  const std::string address = peer.address().to_string();
  return (peer.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(peer.port());
}

SSE_DECL Connection::Connection(const tcp::endpoint& peer, std::size_t receive_buffer)
    : peer_name(name_of(peer)), patience(default_patience), answer(peer_name) {
  socket.open(peer.protocol());
  if (receive_buffer > 0)
    socket.set_option(asio::socket_base::receive_buffer_size(
        static_cast<int>(std::min<std::size_t>(receive_buffer, std::numeric_limits<int>::max()))));
  const auto result = run_until(
      io, limit(), [&](auto handler) { socket.async_connect(peer, std::move(handler)); }, [&] { close(); });
  if (!result) throw Timeout("sse::testing: " + peer_name + " did not accept a connection" + not_within(patience));
  if (*result) throw system_error(*result, "sse::testing: cannot connect to " + peer_name);
  socket.non_blocking(true);
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
}

SSE_DECL void Connection::send(std::string_view bytes) {
  const SteadyTime until = limit();
  while (!bytes.empty()) {
    error_code error;
    bytes.remove_prefix(socket.write_some(asio::buffer(bytes.data(), bytes.size()), error));
    if (is_would_block(error)) {
      if (!wait(tcp::socket::wait_write, until))
        throw Timeout("sse::testing: " + peer_name + " did not take " + std::to_string(bytes.size()) + " bytes" +
                      not_within(patience));
    } else if (error) {
      throw Ended("sse::testing: " + peer_name + " took no more bytes: " + error.message(), error);
    }
  }
}

SSE_DECL void Connection::read_head(SteadyTime limit) {
  while (!answer.has_head()) {
    answer.rethrow_if_bad();
    const std::string part = answer.has_begun() ? " but a part" : "";
    if (closed)
      throw Ended("sse::testing: " + peer_name + " closed, and had sent no head of an answer" + part,
                  broken ? broken : error_code(asio::error::eof));
    if (!take_some(all, 0, limit))
      throw Timeout("sse::testing: " + peer_name + " sent no head of an answer" + part + not_within(patience));
  }
}

SSE_DECL void Connection::expect_stream(SteadyTime limit) {
  read_head(limit);
  if (answer.messages().empty()) answer.rethrow_if_bad();
  if (const std::string& why = answer.not_stream(); !why.empty())
    throw BadResponse(answer.head().status, "sse::testing: " + peer_name + " answers " + why);
}

SSE_DECL bool Connection::take_some(std::size_t max, std::size_t count, SteadyTime limit, std::string* raw_bytes) {
  std::array<char, 8192> bytes;
  error_code error;
  // Peeks first, so that the other bytes stay in the system's buffer, where the service notices them.
  std::size_t size = socket.receive(asio::buffer(bytes, max), asio::socket_base::message_peek, error);
  if (is_would_block(error)) return wait(tcp::socket::wait_read, limit);
  if (!error) {
    const std::string_view part(bytes.data(), size);
    const std::size_t used = answer.take(part, raw_bytes ? all : count);
    if (raw_bytes)
      raw_bytes->append(part);
    else
      size = used;
    socket.receive(asio::buffer(bytes, size), 0, error);
  }
  if (!error || std::exchange(closed, true)) return true;
  if (error != asio::error::eof || !answer.may_end()) broken = error;
  return true;
}

SSE_DECL void Connection::end_sending() noexcept {
  error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

SSE_DECL void Connection::close() noexcept {
  error_code ignored;
  socket.close(ignored);
  if (!std::exchange(closed, true)) broken = asio::error::operation_aborted;
}

SSE_DECL void Connection::reset() noexcept {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

SSE_DECL bool Connection::wait(tcp::socket::wait_type what, SteadyTime limit) {
  const auto start = [&](auto handler) { socket.async_wait(what, std::move(handler)); };
  const auto cancel = [&] {
    error_code ignored;
    socket.cancel(ignored);
  };
  return run_until(io, limit, start, cancel).has_value();
}

SSE_DECL std::string Connection::after(const std::string& what, std::size_t wanted) const {
  answer.rethrow_if_bad();
  std::string text =
      "sse::testing: " + peer_name + ' ' + what + "; there were " + count_of(answer.messages(), wanted, "messages");
  if (!answer.behind().empty()) text += "; behind them: \"" + shown(answer.behind()) + '"';
  return broken ? text + " (" + broken.message() + ')' : text;
}

SSE_DECL std::string Connection::so_far(const std::string& what, std::size_t wanted) const {
  return "sse::testing: " + peer_name + ' ' + what + ' ' + std::to_string(raw.size()) + " of " +
         std::to_string(wanted) + " bytes";
}

}  // namespace sse::inline SSE_ABI::testing::detail

#include "sse/detail/base/pop_options.hpp"
