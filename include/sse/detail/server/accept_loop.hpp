// SPDX-License-Identifier: MIT
// Accepts sockets and begins their sessions. `serve` starts it, and waits until it is cancelled or the loop fails.

#pragma once

#include <functional>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/server.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Accepts the connections of one `serve`: a state machine, because running out of memory in a coroutine's operation
/// would end the coroutine. All of it runs on the executor of `serve`. What it waits for keeps it alive.
class AcceptLoop final : public CoarseTimer::Deadline, public RefCounted {
 public:
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

  /// `on_failure` is called once error() is set.
  AcceptLoop(Acceptor&& acceptor, IntrusivePtr<Server> server, asio::any_io_executor executor,
             std::function<void()> on_failure);
  ~AcceptLoop();

  void start();
  void stop() noexcept;
  /// Why it has ended by itself.
  error_code error() const noexcept { return error_; }

 private:
  class OnReady;

  void on_deadline(CoarseTimer::Owners& owners) noexcept override { post_try_again(owners); }
  CoarseTimer& coarse_timer() noexcept override { return *server_->timer; }
  void post_try_again(CoarseTimer::Owners& owners) noexcept;
  void wait();
  void on_ready(error_code error, bool again) noexcept;
  error_code accept_some(error_code error, bool again);
  error_code accept(Session& session);

  Acceptor acceptor_;
  const IntrusivePtr<Server> server_;
  const asio::any_io_executor executor_;
  const std::function<void()> on_failure_;
  const asio::generic::stream_protocol protocol_;
  IntrusivePtr<Session> next_;  ///< made before it is accepted: without memory, the peer waits in the system's queue
  bool inherits_ = false;       ///< accepted sockets have the acceptor's options; those of earlier peers have not
  bool stopped_ = false;
  int unregistered_ = -1;  ///< a socket that was accepted, and for which there was no memory then
  error_code error_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
