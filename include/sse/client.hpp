// SPDX-License-Identifier: MIT
// An EventSource for C++: it connects, reads, and connects again from where it was. The protocol is WHATWG HTML,
// section 9.2.

#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/client/state.hpp"
#include "sse/parser.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// An EventSource: the messages of a server's stream, as an awaitable generator that connects again when it is cut.
///
/// The first `next()` connects. After an end, a cut or a failed attempt it waits, sends the request again with the last
/// id as `Last-Event-ID`, and goes on: failed attempts are broken connections, time-outs, the statuses 408, 429, 500,
/// 502, 503 and 504 (Retry-After in seconds is heeded), and a body whose coding is broken. It waits for the server's
/// `retry` or ClientOptions::retry, twice as long with each further attempt that brought no event, and up to half of
/// that more by chance. 204 is the end. Any other answer is an error: another status (a browser gives up on any but 200
/// and 204), another type than text/event-stream, a Content-Encoding, a redirect that can't be followed, a head that
/// RFC 9112 does not allow. Redirects are followed anew each time. What stands in ClientOptions::headers, but for
/// Accept, Cache-Control, User-Agent and Content-…, is not sent to another origin.
///
/// Thread safety: one thread or strand at a time; all of it runs on the executor of the coroutine that first calls
/// `next()`, and every other call belongs there too. It may outlive its execution context.
class Client {
 public:
  /// Throws Error for an URL or an option that can't be used, std::invalid_argument for a max_message_size of 0.
  explicit Client(std::string_view url, ClientOptions options = {})
      : state_(std::make_shared<detail::ClientState>(url, std::move(options))) {}
  Client(Client&&) noexcept = default;
  Client& operator=(Client&& other) noexcept {
    Client old(std::move(other));
    std::swap(state_, old.state_);
    return *this;
  }
  ~Client() {
    if (state_) state_->close();
  }

  /// The next message; nullopt: the stream has ended (204; with `reconnect` off, its orderly end; `close()`).
  ///
  /// Errors: BadResponse, sse::system_error where it does not connect again, what ClientOptions::connect throws: these
  /// come once, after the messages before them, and are the end. Not the end, the next call goes on:
  /// ParserError::message_too_long as std::system_error, for a message past max_message_size, which is lost;
  /// `asio::error::already_started` when a call is pending, `operation_aborted` when it is cancelled.
  /// Cancellation: terminal, partial and total; it ends this wait, and neither the connection nor an attempt to
  /// connect. No message is lost: what comes meanwhile waits for the next call, about 16 KiB of it and the rest at the
  /// server. Destroying the client ends the wait with nullopt.
  asio::awaitable<std::optional<Message>> next() { return detail::ClientState::next(state_); }

  /// Ends it: what waits is discarded, a pending `next()` gives nullopt.
  void close() noexcept { state_->close(); }

 private:
  std::shared_ptr<detail::ClientState> state_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
