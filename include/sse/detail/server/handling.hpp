// SPDX-License-Identifier: MIT
// One request of `serve` that a handler answers, from its admission to the end of its connection.

#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/handled_request.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Server;

/// Runs a handler, and ends its connection. All of it runs on a strand of its own, except the functions that say
/// otherwise. A strand that sessions share does not do, because a handler may start coroutines that outlive `serve`.
class Handling final : public HandlerDriver, public std::enable_shared_from_this<Handling> {
 public:
  Handling(IntrusivePtr<Server> server, std::unique_ptr<HandledRequest> request, const Handler& handler)
      : server_(std::move(server)), request_(std::move(request)), handler_(handler) {}
  ~Handling() override;

  void start(IntrusivePtr<Session> keep) override;
  void stop() override;
  void abort() override;

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> answer_failure(std::exception_ptr failure);
  asio::awaitable<void> linger();
  void report(const std::exception_ptr& failure) noexcept;

  const IntrusivePtr<Server> server_;
  const std::unique_ptr<HandledRequest> request_;
  const Handler& handler_;  ///< Of a route of the server's.
  asio::cancellation_signal cancel_;
  bool aborted_ = false;
  bool done_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/handling.ipp"
#endif
