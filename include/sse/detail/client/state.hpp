// SPDX-License-Identifier: MIT
// The state that a client, its reading coroutine and its waiting step share. All of it is used on one executor.

#pragma once

#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/parser.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class ClientReader;

/// The state that a client, the coroutine that reads for it, and the step that waits for a message share. It belongs to
/// no execution context: the timers and sockets live in the frames of these two coroutines. After the constructor
/// everything is used on the client's executor only.
struct ClientState : std::enable_shared_from_this<ClientState> {
  /// Throws Error for a URL or an option that cannot be used.
  ClientState(std::string_view location, ClientOptions settings);

  const Url url;                                                ///< Immutable.
  const ClientOptions options;                                  ///< Immutable.
  Parser parser;                                                ///< Used by the reader. It holds the last event id.
  std::deque<std::variant<Message, std::exception_ptr>> queue;  ///< The results of the next steps.
  bool ended = false;                                           ///< Nothing more is queued.
  asio::steady_timer* step = nullptr;  ///< The pending step waits on it. Null: none is pending.
  ClientReader* reader = nullptr;      ///< Null before the first step and after the end.
  asio::cancellation_signal stop;      ///< Ends the reader.

  void push(std::variant<Message, std::exception_ptr> item);
  /// Ends the stream, with an error or in good order.
  void finish(const std::exception_ptr& error);
  /// Ends the stream and discards the queue.
  void close() noexcept;
  /// Takes the next message; starts the reader if it does not run.
  static asio::awaitable<std::optional<Message>> next(std::shared_ptr<ClientState> state);

  /// Calls an observer's function. Its exception is ignored.
  template <class Function, class... Arguments>
  static void notify(const Function& function, const Arguments&... arguments) noexcept {
    try {
      if (function) function(arguments...);
    } catch (...) {
    }
  }

 private:
  void check_options() const;
  void wake() noexcept;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/reader.hpp"  // the bodies need it, and it includes them
#endif
