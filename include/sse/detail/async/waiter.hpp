// SPDX-License-Identifier: MIT
// A pending wait without its handler's type. Nothing here runs a handler.

#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class WaitRegistry;

/// A pending wait, whatever its completion token.
class Waiter {
 public:
  /// Operations that depend on the handler's type. They are no virtual functions, so that an operation can free its
  /// memory before it completes.
  struct Kind {
    /// Posts the completion. False: there is no memory for it, and the waiter is as it was.
    bool (*post)(Waiter*, error_code) noexcept;
    /// Posts the successful completions of a list, which has one executor. False: as `post`.
    bool (*post_all)(Waiter* first) noexcept;
    void (*destroy)(Waiter*) noexcept;  ///< Destroys the handler uncalled.
    bool (*same_executor)(const Waiter*, const Waiter*);
    std::size_t (*executor_hash)(const Waiter*);
  };

  std::shared_ptr<WaitRegistry> registry;  ///< Guarded by the place's mutex; then its own who has taken the waiter.
  Waiter* next = nullptr;                  ///< Guarded by the list's mutex.
  union {
    Waiter* previous = nullptr;  ///< Guarded by the list's mutex.
    int result;                  ///< The system error to complete with. Guarded by the mutex of Unposted.
  };

  const Kind& kind() const noexcept { return *kind_; }

  /// Completes a waiter that was taken off its place, now or as soon as there is memory to post with.
  void complete(error_code error) noexcept;
  /// Posts the completion of one that has not been published. False: there is no memory for it.
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
