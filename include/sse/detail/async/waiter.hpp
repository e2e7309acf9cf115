// SPDX-License-Identifier: MIT
// A pending wait without its handler's type. Nothing here runs a handler.

#pragma once

#include <cstddef>
#include <memory>

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
    void (*finish)(Waiter*, const error_code*);  ///< Completes the wait; null: destroys it uncalled.
    void (*post_all)(Waiter* first);             ///< Completes a list with one post; all have the same executor.
    bool (*same_executor)(const Waiter*, const Waiter*);
    std::size_t (*executor_hash)(const Waiter*);
  };

  std::shared_ptr<WaitRegistry> registry;       ///< Guarded by the place's mutex.
  Waiter *next = nullptr, *previous = nullptr;  ///< Guarded by the list's mutex.

  const Kind& kind() const noexcept { return *kind_; }

  void complete(error_code error) noexcept;
  void destroy() noexcept { kind_->finish(this, nullptr); }

 protected:
  explicit Waiter(const Kind& kind) noexcept : kind_(&kind) {}
  ~Waiter() = default;

 private:
  const Kind* kind_;  ///< Immutable.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/async/waiter.ipp"
#endif
