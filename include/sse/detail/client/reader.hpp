// SPDX-License-Identifier: MIT
// The coroutine that connects, reads and reconnects. It stops reading while messages wait.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "sse/any_stream.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/content_decoder.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/client/backoff.hpp"
#include "sse/detail/client/connect_attempt.hpp"
#include "sse/detail/client/cookies.hpp"
#include "sse/detail/client/keep_alive_line.hpp"
#include "sse/detail/client/state.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/headers.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The coroutine that connects, reads and reconnects. It stops reading while a message waits, so that a slow reader
/// slows the server, and it goes on when a step is cancelled.
class ClientReader {
 public:
  ClientReader(std::shared_ptr<ClientState> state, const asio::any_io_executor& executor);
  ClientReader(const ClientReader&) = delete;
  ~ClientReader();

  static void start(const std::shared_ptr<ClientState>& state, const asio::any_io_executor& executor);

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  /// Called when the queue is empty again.
  void resume();
  /// Ends the wait for the next attempt, or for a connection.
  void reconnect_now() noexcept;

 private:
  /// The reason why an attempt is over.
  struct Failure {
    std::string reason;
    bool may_pass;                          ///< True: another attempt may succeed.
    std::chrono::milliseconds retry_after;  ///< The wait that the server asks for. 0: none.
  };

  static asio::awaitable<void> run(std::unique_ptr<ClientReader> self);
  asio::awaitable<void> read_all();
  /// Reads one connection, through redirects, to its end. False: the server wants no more connections (status 204).
  asio::awaitable<bool> read_once();
  asio::awaitable<void> read_body(AnyStream& stream, const ResponseHead& head);
  /// Waits until the queue of messages is empty.
  asio::awaitable<void> wait_until_read();
  /// Connects, and makes the headers of an attempt before its first connection.
  asio::awaitable<AnyStream> connect(Url url, bool first);
  asio::awaitable<std::shared_ptr<ConnectAttempt>> try_to_connect(Url url, bool first);
  /// Waits on timer_; `reconnect_now` may end it.
  asio::awaitable<error_code> interruptible_wait();
  void feed(BodyDecoder& body, std::string_view bytes);
  /// Reads a part of the stream's text.
  void read_text(std::string_view text);
  /// Decodes what was fed, and stops wherever messages wait.
  asio::awaitable<void> decode();
  /// Throws Unavailable if a compressed body must not end here.
  void check_complete() const;
  /// The time without a byte after which this attempt's stream counts as cut.
  std::chrono::milliseconds longest_silence() const noexcept;

  /// Tells the observer, and returns the wait before the next attempt. Nullopt: there is none, and the client has
  /// ended.
  std::optional<std::chrono::milliseconds> wait_after(const std::exception_ptr& error);
  static Failure explain(const std::exception_ptr& error);
  /// The id for Last-Event-ID. Empty: there is none, or it cannot be sent, which the observer is told.
  std::string_view sendable_id() const;

  const std::shared_ptr<ClientState> state_;
  const asio::any_io_executor executor_;
  asio::steady_timer timer_;
  bool interruptible_ = false;  ///< reconnect_now may cancel timer_.
  bool reconnect_now_ = false;  ///< True: it did.
  bool paused_ = false;         ///< The queue is not empty: `resume` ends the wait.
  std::array<char, 16 * 1024> buffer_;
  std::minstd_rand random_{std::random_device()()};
  Backoff backoff_;
  CookieJar cookies_;
  Headers headers_;                                          ///< The headers of this attempt.
  std::optional<CoarseTimer::Clock::time_point> connected_;  ///< When this attempt's stream began.
  std::size_t reported_skips_ = 0;                           ///< Of parser.skipped().
  bool got_message_ = false;                                 ///< True: this attempt has brought a message.
  KeepAliveLine keep_alive_;                                 ///< Of this attempt's stream.
  std::unique_ptr<ContentDecoder> decoder_;                  ///< Of this attempt's body. Null: it is not compressed.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/reader.ipp"
#include "sse/detail/client/state.ipp"
#endif
