// SPDX-License-Identifier: MIT
// A pending wait without the type of its handler. No function here runs a handler.

#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class WaitRegistry;

/// A pending wait, for any completion token.
class Waiter {
 public:
  /// The functions that depend on the handler's type. They are not virtual, so that an operation can free its memory
  /// before it completes.
  struct Kind {
    /// Posts the completion. False: there is no memory for it, and the waiter is as before.
    bool (*post)(Waiter*, error_code) noexcept;
    /// Posts the successful completions of a list of waiters with one executor. False: as `post`.
    bool (*post_all)(Waiter* first) noexcept;
    void (*destroy)(Waiter*) noexcept;  ///< Destroys the handler uncalled.
    bool (*same_executor)(const Waiter*, const Waiter*);
    std::size_t (*executor_hash)(const Waiter*);
  };

  /// Guarded by the place's mutex. Once the waiter was taken, owned by the thread that took it.
  std::shared_ptr<WaitRegistry> registry;
  Waiter* next = nullptr;  ///< Guarded by the list's mutex.
  union {
    Waiter* previous = nullptr;  ///< Guarded by the list's mutex.
    int result;                  ///< The system error to complete with. Guarded by the mutex of Unposted.
  };

  const Kind& kind() const noexcept { return *kind_; }

  /// Posts the completion of a waiter that was taken off its place. Without memory, Unposted keeps it and tries again.
  void complete(error_code error) noexcept;
  /// Posts the completion of a waiter that has not been published. False: there is no memory for it.
  bool post(error_code error) noexcept { return kind_->post(this, error); }
  void destroy() noexcept { kind_->destroy(this); }
  static void destroy_all(Waiter* first) noexcept {
    while (first) std::exchange(first, first->next)->destroy();
  }

 protected:
  explicit Waiter(const Kind& kind) noexcept : kind_(&kind) {}
  ~Waiter() = default;

 private:
  const Kind* kind_;  ///< Immutable.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
