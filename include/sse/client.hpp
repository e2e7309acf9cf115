// SPDX-License-Identifier: MIT
// An EventSource for C++: it connects, reads, and reconnects after the last event. The protocol is WHATWG HTML, section
// 9.2.

#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/parser.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {
struct ClientState;
}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// An EventSource: the messages of a server's stream, as an awaitable generator that reconnects when it is cut.
///
/// The first `next()` connects. After an end, a cut or a failed attempt the client waits, sends the request again with
/// the last id as `Last-Event-ID`, and goes on. Failed attempts are broken connections, time-outs, the statuses 408,
/// 429, 500, 502, 503 and 504 (Retry-After in seconds is heeded), and a body whose coding is broken. The wait is the
/// server's `retry`, if that is at least ClientOptions::min_retry, or ClientOptions::retry. It doubles with each
/// further attempt that brought no event, until a stream has lasted for 5 s, and up to half of it is added at random.
/// An id that has control characters or more than ClientOptions::max_id_size bytes is not sent: see
/// ClientObserver::id_not_sent.
///
/// Status 204 is the end. Any other answer is an error: another status (a browser gives up on any but 200 and 204),
/// another type than text/event-stream, a Content-Encoding that ClientOptions::decoder does not decode, a redirect that
/// cannot be followed, a head that RFC 9112 does not allow. BadResponse has the answer's headers and the beginning of
/// its body. Redirects are followed anew each time, and cookies go back to their origin. Of ClientOptions::headers only
/// Accept, Cache-Control, User-Agent and Content-… are sent to another origin.
///
/// @par Thread safety  One thread or strand at a time. All of it runs on the executor of the coroutine that first calls
/// `next()`, and every other call belongs there too. The client may outlive its execution context.
class Client {
 public:
  /// Throws Error for a URL or an option that cannot be used, std::invalid_argument for a max_message_size of 0.
  explicit Client(std::string_view url, ClientOptions options = {});
  Client(Client&&) noexcept = default;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  /// Waits for the next message. The result is nullopt when the stream has ended: by status 204, by `close()`, or by
  /// its orderly end where `reconnect` is off.
  ///
  /// @par Completion signature  awaitable<optional<Message>>
  /// @par Errors  These come once, after the messages before them, and end the client: BadResponse; sse::system_error
  /// if the client does not reconnect; exceptions of ClientOptions::connect. These do not end it: std::system_error
  /// with ParserError::message_too_long, for a message past max_message_size, which is lost; sse::system_error with
  /// `asio::error::already_started` when a call is pending, or with `operation_aborted` when this one is cancelled.
  /// @par Cancellation  terminal, partial, total. It ends this wait, and neither the connection nor an attempt to
  /// connect. No message is lost: about 16 KiB wait for the next call, and the rest waits at the server.
  /// @par Object lifetime  The client may be destroyed while the wait is pending; the wait then gives nullopt.
  /// @par Thread safety  One call at a time.
  asio::awaitable<std::optional<Message>> next();

  /// Ends the wait before the next attempt, or an attempt to connect, and tries again at once. Call it when the network
  /// is back. It has no effect while a stream is read.
  void reconnect_now() noexcept;

  /// Ends the client. Waiting messages are discarded, and a pending `next()` gives nullopt.
  void close() noexcept;

 private:
  std::shared_ptr<detail::ClientState> state_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/client.ipp"
#endif
