// SPDX-License-Identifier: MIT
// The bodies of wait_registry.hpp. Shutting down takes every pending wait off its place and destroys it uncalled.

#pragma once

#include <mutex>

#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/spin_mutex.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void WaitRegistry::join(WaitPlace& place) noexcept {
  const MutexLock lock(mutex_);
  places_.insert(place);
}

SSE_DECL void WaitRegistry::leave(WaitPlace& place) noexcept {
  const MutexLock lock(mutex_);
  places_.erase(place);
}

SSE_DECL void WaitRegistry::notify() noexcept {
  const MutexLock lock(mutex_);
  completed_.notify_all();
}

SSE_DECL void WaitRegistry::shut_down() noexcept {
  Wakeups wakeups;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    while (WaitPlace* const place = places_.first()) {
      place->drop_registry(wakeups);
      places_.erase(*place);
    }
  }
  do {
    std::unique_lock lock(mutex_.native());
    completed_.wait(lock, [this] { return !completing(); });
  } while (!Unposted::remove(*this));
  Waiter::destroy_all(wakeups.take());
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
