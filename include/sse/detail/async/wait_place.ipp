// SPDX-License-Identifier: MIT
// The bodies of wait_place.hpp: joining a list, cancelling, and following the reader from one execution context to
// another.

#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/wait_place.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void WaitPlace::join(WaitList* list) {
  assert_locked();
  if (shared_) {
    list_ = list;
    return;
  }
  Waiter* const waiter = unlink();
  try {
    if (waiter && list) list->add(*waiter);
  } catch (...) {
    waiter_ = waiter;
    throw;
  }
  list_ = list;
  waiter_ = waiter;
  if (list) round_ = list->round();
}

SSE_DECL void WaitPlace::cancel(std::uint64_t key) noexcept {
  Wakeups wakeups;
  {
    const SpinLock lock(mutex_);
    if (!shared_ && key_ == key) {
      key_ |= cancelled;
      wakeups.add(take());
    }
  }
  wakeups.complete(asio::error::operation_aborted);
}

SSE_DECL void WaitPlace::drop_registry(Wakeups& wakeups) noexcept {
  const SpinLock lock(mutex_);
  wakeups.add(unlink());
  registry_.reset();
  context_ = nullptr;
}

SSE_DECL void WaitPlace::leave_registry() noexcept {
  std::shared_ptr<WaitRegistry> registry;
  {
    const SpinLock lock(mutex_);
    registry = std::move(registry_);
    context_ = nullptr;
  }
  if (registry) registry->leave(*this);
}

SSE_DECL void WaitPlace::enter_registry(asio::execution_context* context) {
  leave_registry();
  std::shared_ptr<WaitRegistry> registry;
  if (context) {
    registry = asio::use_service<WaitService>(*context).registry;
    registry->join(*this);
  }
  const SpinLock lock(mutex_);
  registry_ = std::move(registry);
  context_ = context;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
