// SPDX-License-Identifier: MIT
// The bodies of detail/server/accept_loop.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/server/accept_loop.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/detail/server/socket_sink.hpp"

#if defined(SSE_ACCEPT4)
#include <unistd.h>

#include <cerrno>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class AcceptLoop::OnReady {
 public:
  using executor_type = asio::any_io_executor;
  executor_type get_executor() const noexcept { return loop_->executor_; }

  explicit OnReady(AcceptLoop& loop) noexcept : loop_(&loop) {}
  OnReady(OnReady&&) noexcept = default;
  // A strand without memory lets go of what it should run.
  ~OnReady() {
    if (loop_) loop_->expire_at(CoarseTimer::Clock::now());
  }
  void operator()(error_code error) {
    const IntrusivePtr<AcceptLoop> loop = std::move(loop_);
    loop->on_ready(error, false);
  }

 private:
  IntrusivePtr<AcceptLoop> loop_;
};

/// The acceptor can't be used any more.
inline bool is_fatal_to_accepting(error_code error) {
  return error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
         error == asio::error::not_socket || error == asio::error::invalid_argument ||
         error == asio::error::operation_not_supported;
}

/// The next accept may succeed at once. Otherwise descriptors or memory are lacking, or the network is down: that
/// passes, and trying at once would only burn the processor.
inline bool may_accept_at_once(error_code error) {
  return !error || is_would_block(error) || error == asio::error::connection_aborted ||
         error == asio::error::connection_reset;
}

inline asio::generic::stream_protocol protocol_of(const AcceptLoop::Acceptor& acceptor) {
  error_code ignored;
  return acceptor.local_endpoint(ignored).protocol();
}

SSE_DECL AcceptLoop::AcceptLoop(Acceptor&& acceptor, IntrusivePtr<Server> server, asio::any_io_executor executor,
                                std::function<void()> on_failure)
    : acceptor_(std::move(acceptor)),
      server_(std::move(server)),
      executor_(std::move(executor)),
      on_failure_(std::move(on_failure)),
      protocol_(protocol_of(acceptor_)) {}

SSE_DECL AcceptLoop::~AcceptLoop() {
  server_->timer->remove(*this);
  stop();
}

SSE_DECL void AcceptLoop::start() {
  server_->timer->add(*this, server_->executor);
  acceptor_.non_blocking(true, error_);
  if (error_) return on_failure_();
  set_close_on_exec(acceptor_);
  set_stream_options(acceptor_, server_->options.stream.send_timeout);
  wait();
}

SSE_DECL void AcceptLoop::stop() noexcept {
  stopped_ = true;
  next_ = {};
  error_code ignored;
  acceptor_.close(ignored);
#if defined(SSE_ACCEPT4)
  if (unregistered_ >= 0) ::close(std::exchange(unregistered_, -1));
#endif
}

SSE_DECL void AcceptLoop::post_try_again(CoarseTimer::Owners& owners) noexcept {
  auto loop = IntrusivePtr<AcceptLoop>::if_alive(*this);
  if (!loop) return;
  owners.keep(loop);
  post(executor_, [loop = std::move(loop)] { loop->on_ready(asio::error::would_block, true); });
}

SSE_DECL void AcceptLoop::wait() {
  if (!next_) next_ = server_->make_session();
#if defined(SSE_CLOSE_ON_EXEC)
  acceptor_.async_wait(asio::socket_base::wait_read, OnReady(*this));
#else
  acceptor_.async_accept(next_->stream(), OnReady(*this));
#endif
}

/// A wait has completed with `error`, or (`again`) a pause is over.
SSE_DECL void AcceptLoop::on_ready(error_code error, bool again) noexcept {
  if (stopped_) return;
  try {
    error = accept_some(error, again);
    if (may_accept_at_once(error)) return wait();
  } catch (const std::exception&) {
    error = asio::error::no_memory;
  }
  if (!is_fatal_to_accepting(error)) return expire_at(CoarseTimer::after(std::chrono::milliseconds(100)));
  error_ = error;
  on_failure_();
}

/// Returns why it has stopped; no error: others have their turn.
SSE_DECL error_code AcceptLoop::accept_some(error_code error, bool again) {
#if defined(SSE_CLOSE_ON_EXEC)
  again = again || !error;
#endif
  if (again) {
    if (!next_) next_ = server_->make_session();
    error = accept(*next_);
  }
  for (int left = 64; !error; --left) {
    const IntrusivePtr<Session> session = std::move(next_);
    if (!inherits_) set_stream_options(session->stream(), server_->options.stream.send_timeout);
    session->stream().non_blocking(true);  // before Asio makes it so for itself, and once more for the writer
    if (server_->add(*session)) session->begin();
    if (left == 1) return {};
    next_ = server_->make_session();
    error = accept(*next_);
  }
  if (accepted_inherit_options && error == asio::error::would_block) inherits_ = true;
  return error;
}

/// Accepts a socket that child processes do not inherit.
SSE_DECL error_code AcceptLoop::accept(Session& session) {
  error_code error;
#if defined(SSE_ACCEPT4)
  while (unregistered_ < 0) {
    unregistered_ = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (unregistered_ < 0 && errno != EINTR) return error_code(errno, asio::error::get_system_category());
  }
  session.stream().assign(protocol_, unregistered_, error);  // may throw, and then is tried again
  if (error) ::close(unregistered_);
  unregistered_ = -1;
#else
  acceptor_.accept(session.stream(), error);
  if (!error) set_close_on_exec(session.stream());
#endif
  return error;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
