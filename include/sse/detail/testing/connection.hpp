// SPDX-License-Identifier: MIT
// The socket of the test kit's client, and the answer that is read from it. Each call blocks its thread for at most the
// client's patience.

#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/testing/answer.hpp"
#include "sse/detail/testing/text.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {

/// A connection of the test kit's client. What the service sends stays with the system until it is asked for.
class Connection {
 public:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

  /// Connects. Throws Timeout, sse::system_error.
  Connection(const tcp::endpoint& peer, std::size_t receive_buffer);

  /// Throws Ended where the peer does not take the bytes.
  void send(std::string_view bytes);
  /// Waits for the answer's head.
  void read_head(SteadyTime limit);
  void read_head() { read_head(limit()); }
  /// Waits for the head, and throws BadResponse where the answer is no stream.
  void expect_stream(SteadyTime limit);
  /// Reads the available bytes, at most `max`, and stops behind the message that makes `count` messages available.
  /// False: no byte came in time.
  bool take_some(std::size_t max, std::size_t count, SteadyTime limit, std::string* raw = nullptr);
  void end_sending() noexcept;
  void close() noexcept;
  void reset() noexcept;

  /// There may be more of the answer.
  bool can_read() const noexcept { return !closed && answer.can_grow(); }
  SteadyTime limit() const { return limit_of(patience); }
  /// A failure's text: the service's action, and the bytes that had come.
  std::string after(const std::string& what, std::size_t wanted = all) const;
  std::string so_far(const std::string& what, std::size_t wanted) const;

  asio::io_context io{1};
  tcp::socket socket{io};
  const std::string peer_name;  ///< `ADDRESS:PORT`
  std::chrono::milliseconds patience;
  Answer answer;
  bool closed = false;
  error_code broken;  ///< Why the connection broke; none: it ended in good order, or goes on.
  std::string raw;    ///< Bytes that take_bytes has read, for its next call.

 private:
  bool wait(tcp::socket::wait_type what, SteadyTime limit);
};

}  // namespace sse::inline SSE_ABI::testing::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/testing/connection.ipp"
#endif
