// SPDX-License-Identifier: MIT
// The bodies of unposted.hpp. The destruction of a context waits until none of its completions is being posted.

#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/spin_mutex.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Unposted& Unposted::all() noexcept {
  // Never destroyed, because threads may still emit while the process ends. Made without an allocation.
  alignas(Unposted) static std::byte storage[sizeof(Unposted)];
  static Unposted* const unposted = ::new (static_cast<void*>(storage)) Unposted;
  return *unposted;
}

SSE_DECL void Unposted::add(Waiter& waiter, int error) noexcept {
  Unposted& unposted = all();
  const MutexLock lock(unposted.mutex_);
  waiter.result = error;
  waiter.next = std::exchange(unposted.first_, &waiter);
  any_ = true;
}

SSE_DECL void Unposted::add(UnpostedFunction& function) noexcept {
  Unposted& unposted = all();
  const MutexLock lock(unposted.mutex_);
  unposted.functions_.insert(function);
  any_ = true;
}

SSE_DECL void Unposted::remove(UnpostedFunction& function) noexcept {
  Unposted& unposted = all();
  const MutexLock lock(unposted.mutex_);
  unposted.functions_.erase(function);
}

SSE_DECL void Unposted::post() noexcept {
  Waiter* waiter = nullptr;
  {
    const MutexLock lock(mutex_);
    while (UnpostedFunction* const function = functions_.first()) {
      if (!function->try_post()) return;
      functions_.erase(*function);
    }
    waiter = std::exchange(first_, nullptr);
    any_ = false;
    for (Waiter* one = waiter; one; one = one->next)
      if (one->registry) one->registry->begin_completions(1);
  }
  while (waiter) {
    Waiter* const next = std::exchange(waiter->next, nullptr);
    waiter->complete(error_code(waiter->result, asio::error::get_system_category()));
    waiter = next;
  }
}

SSE_DECL bool Unposted::remove(const WaitRegistry& registry) noexcept {
  Waiter* removed = nullptr;
  {
    Unposted& unposted = all();
    const MutexLock lock(unposted.mutex_);
    if (registry.completing()) return false;
    for (Waiter** place = &unposted.first_; *place;) {
      if ((*place)->registry.get() != &registry) {
        place = &(*place)->next;
        continue;
      }
      Waiter* const waiter = std::exchange(*place, (*place)->next);
      waiter->next = std::exchange(removed, waiter);
    }
  }
  Waiter::destroy_all(removed);
  return true;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
