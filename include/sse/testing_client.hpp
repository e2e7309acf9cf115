// SPDX-License-Identifier: MIT
// The client of the test kit: it reads a service's stream, and its errors quote the bytes that came instead.
// testing.hpp includes it.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sse/client.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/http.hpp"
#include "sse/parser.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {
class Connection;
}  // namespace sse::inline SSE_ABI::testing::detail

namespace sse::inline SSE_ABI::testing {

/// How long a call waits on a busy machine before it gives up.
inline constexpr std::chrono::milliseconds default_patience{10'000};

/// A client of a service under test: an HTTP/1.1 connection that reads when it is told to, and not a byte further.
/// Between its calls it takes nothing, so that it is as slow as the test wants; a small receive buffer makes the
/// service feel that sooner. The service's bytes are checked as sse::Client checks them.
///
/// Every call blocks, at most for the client's patience, and then throws Timeout. Nothing is lost by that: the bytes
/// that came are kept for the next call. Errors of all calls: Timeout; Ended if the peer closes or resets before;
/// BadResponse if the answer is not HTTP, or if a stream of events is read and it is none; sse::system_error if the
/// connection cannot be made. Thread safety: one thread at a time.
class Client {
 public:
  /// Connects, and sends nothing. `receive_buffer`: bytes that the system should hold for it, which may make them more
  /// (Linux twice as many, and at least 2,304); 0: the system's default, which may be megabytes.
  explicit Client(const tcp::endpoint& peer, std::size_t receive_buffer = 0);
  /// Connects to a port of 127.0.0.1 in the same way.
  explicit Client(std::uint16_t port, std::size_t receive_buffer = 0);
  /// Connects to 127.0.0.1 and sends a GET: `Client::get(port, "/events", {{"Last-Event-ID", id}})`. It does not wait
  /// for the answer: the service has the connection when its first event, `connection`, has been read.
  static Client get(std::uint16_t port, std::string_view target = "/events", const Headers& headers = {},
                    std::size_t receive_buffer = 0);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) = delete;
  ~Client();

  /// Sets how long each later call may take; default_patience until then.
  void set_patience(std::chrono::milliseconds patience) noexcept;

  /// Sends a request, one for each connection. The other members read its answer. Host and, for a body, Content-Length
  /// are added; nothing is checked.
  void request(std::string_view target, const Headers& headers = {}, std::string_view method = "GET",
               std::string_view body = {});
  /// Sends bytes as they are. Throws Ended if the peer does not take them.
  void send(std::string_view bytes);

  /// The answer's status, as soon as its head is there.
  unsigned status();
  /// The answer's headers, in order; it waits for them.
  const Headers& headers();
  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name);

  /// Reads the next message.
  Message read();
  /// Reads the next `count` messages; then it stops, behind the last one's last byte.
  std::vector<Message> read(std::size_t count);
  /// Reads all further messages until the service ends the stream in good order. An incomplete message at the end is
  /// not counted.
  std::vector<Message> read_to_end();
  /// Reads the whole body of an answer that is no stream of events, a refusal's text; Error for one that is.
  std::string body();

  /// Takes exactly `count` bytes of the service's, head and comments included, as a slow peer does. They need not be
  /// HTTP. The messages that they complete are kept for `read`.
  std::string take_bytes(std::size_t count);

  /// The id that a reconnection would send as Last-Event-ID, by the messages whose bytes were taken.
  const std::string& last_event_id() const noexcept;
  /// The last reconnection time that the service asked for.
  std::optional<std::chrono::milliseconds> retry() const noexcept;

  /// Tells the peer that nothing more is sent; reading goes on.
  void end_sending();
  /// Closes the connection: FIN, or where bytes were not taken the system's RST.
  void close();
  /// Closes it with an RST, as a peer that crashes.
  void reset();
  /// The address that the service sees.
  tcp::endpoint local_endpoint() const;

 private:
  std::unique_ptr<detail::Connection> connection_;
};

/// Both ends of a connection over loopback.
struct ConnectedPair {
  tcp::socket service;  ///< For read_request, write_events, or a session of the service.
  Client client;        ///< Has sent nothing yet.
};

/// A slow socket: the client takes the bytes that the test tells it to take, and the two systems' buffers hold no more
/// than about the bytes asked for here (Linux twice as many, and at least a few thousand; 0: the system's defaults,
/// which may be megabytes). `executor` is the service end's. Errors: sse::system_error.
SSE_DECL ConnectedPair connected_pair(const asio::any_io_executor& executor, std::size_t receive_buffer = 0,
                                      std::size_t send_buffer = 0);

/// Thrown when the awaited event did not happen in time; `what()` names it, and quotes the bytes or events that came
/// instead.
class Timeout : public Error {
 public:
  using Error::Error;
};

/// Thrown when a stream or a connection ends before the awaited event; `what()` quotes the bytes or events that came.
class Ended : public Error {
 public:
  explicit Ended(const std::string& what, error_code code = {}) : Error(errc::stream_ended, what), code_(code) {}
  /// The cause. No error: it ended in good order. `asio::error::eof`: the connection was closed in the middle of an
  /// answer of known length. Otherwise the error that broke it, for example `asio::error::connection_reset`.
  error_code code() const noexcept { return code_; }

 private:
  error_code code_;
};

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/testing/client.ipp"
#endif
