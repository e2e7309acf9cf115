// SPDX-License-Identifier: MIT
// The initiation of a wait on a connection, and the functions that it needs of it. None of them needs the connection's
// type, so that a program that reads streams does not compile it.

#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;
class WaitPlace;

/// Cancels one wait, if it is still the one that waits. It owns nothing: the slot may keep it long after the stream is
/// gone.
class WaitCanceller {
 public:
  WaitCanceller(const std::shared_ptr<Connection>& connection, std::uint64_t key) noexcept;
  void operator()(asio::cancellation_type type) const noexcept;

 private:
  std::weak_ptr<WaitPlace> place_;
  std::uint64_t key_;
};

/// Names the reader's next wait.
SSE_DECL std::uint64_t next_wait_key(Connection& connection) noexcept;

/// Publishes `waiter`, whose handler runs on `context`, or completes it at once where the connection is ready. An
/// exception leaves it with the caller.
SSE_DECL void start_wait(Connection& connection, Waiter* waiter, std::uint64_t key, asio::execution_context* context);

/// Starts a wait. It is a class and not a lambda because Asio asks an initiation for its executor, and it has a
/// constructor because g++ 12 destroys an aggregate temporary in an awaited call twice.
class InitiateWait {
 public:
  using executor_type = asio::system_executor;
  executor_type get_executor() const noexcept { return {}; }

  explicit InitiateWait(std::shared_ptr<Connection> connection) noexcept : connection_(std::move(connection)) {}

  template <class Handler>
  void operator()(Handler&& handler) const;  // in wait_operation.hpp

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
