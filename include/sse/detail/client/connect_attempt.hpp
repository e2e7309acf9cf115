// SPDX-License-Identifier: MIT
// One attempt of the client to connect, by its user's functions. It may outlive the client, because the system's
// resolver may take minutes.

#pragma once

#include <exception>
#include <memory>

#include "sse/any_stream.hpp"
#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A run of ClientOptions::make_headers and ClientOptions::connect. All of it runs on the client's executor.
class ConnectAttempt {
 public:
  /// Starts it. `timer` is cancelled when it is done. `makes_headers`: false after a redirect.
  static std::shared_ptr<ConnectAttempt> start(std::shared_ptr<const ClientOptions> options,
                                               const asio::any_io_executor& executor, Url url, bool makes_headers,
                                               asio::steady_timer& timer);

  bool done() const noexcept { return done_; }
  /// Forgets the timer, which may then be destroyed: nobody waits for the attempt any more.
  void detach() noexcept { timer_ = nullptr; }
  /// Cancels it, and does not wait for its end.
  void give_up();
  /// Takes the connection of an attempt that is done. Throws the exception of the user's functions.
  AnyStream take_stream();
  /// The headers from make_headers.
  Headers& headers() noexcept { return headers_; }

 private:
  static asio::awaitable<AnyStream> run(std::shared_ptr<const ClientOptions> options,
                                        std::shared_ptr<ConnectAttempt> self, Url url, bool makes_headers);

  asio::cancellation_signal stop_;
  asio::steady_timer* timer_ = nullptr;  ///< Null once nobody waits for it.
  bool done_ = false;
  std::exception_ptr error_;
  AnyStream stream_;
  Headers headers_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/connect_attempt.ipp"
#endif
