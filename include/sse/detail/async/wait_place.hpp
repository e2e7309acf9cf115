// SPDX-License-Identifier: MIT
// The place where one reader waits: alone, or with all readers of a backlog. Its owner's mutex guards it.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/spin_mutex.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class WaitService : public asio::execution_context::service {
 public:
  using key_type = WaitService;
  static inline asio::execution_context::id id;

  explicit WaitService(asio::execution_context& context) : service(context) {}
  void shutdown() noexcept override { registry->shut_down(); }

  const std::shared_ptr<WaitRegistry> registry = std::make_shared<WaitRegistry>();
};

/// Where one reader waits: alone, or with those of a list. Its owner's mutex guards it: it is locked by the caller of
/// `take` and `join`, and by everything else here itself.
class WaitPlace : public IntrusiveList<WaitPlace>::Hook {
 public:
  explicit WaitPlace(SpinMutex& mutex) noexcept : mutex_(mutex) {}
  WaitPlace(const WaitPlace&) = delete;
  WaitPlace& operator=(const WaitPlace&) = delete;
  ~WaitPlace() { leave_registry(); }

  /// The pending waiter or null; it must be completed.
  Waiter* take() noexcept {
    Waiter* const waiter = unlink();
    if (waiter && waiter->registry) waiter->registry->begin_completions(1);
    return waiter;
  }

  /// From now on its waits are also completed with those of `list`; null: no more.
  void join(WaitList* list) {
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

  void cancel(std::uint64_t key) noexcept {
    Wakeups wakeups;
    {
      const std::lock_guard lock(mutex_);
      if (key_ == key) wakeups.add(take());
    }
    wakeups.complete(asio::error::operation_aborted);
  }

  /// Publishes `waiter`, whose handler runs on `context`, or completes it at once, where `is_ready()`.
  template <class IsReady>
  void wait(Waiter* waiter, std::uint64_t key, asio::execution_context* context, IsReady&& is_ready) {
    for (;;) {
      bool completes = true;
      error_code result;
      {
        const std::lock_guard lock(mutex_);
        if (is_ready()) {  // with success
        } else if (is_pending()) {
          result = asio::error::already_started;
        } else if (context != context_) {
          completes = false;
        } else {
          waiter->registry = registry_;
          if (list_) {
            list_->add(*waiter);
            round_ = list_->round();
          }
          waiter_ = waiter;
          key_ = key;
          return;
        }
      }
      if (completes) return waiter->complete(result);
      enter_registry(context);
    }
  }

  void drop_registry(Wakeups& wakeups) noexcept {
    const std::lock_guard lock(mutex_);
    wakeups.add(unlink());
    registry_.reset();
    context_ = nullptr;
  }

  std::uint64_t last_key = 0;  ///< names a wait; used by the reader alone

 private:
  bool is_pending() const noexcept { return waiter_ && (!list_ || round_ == list_->round()); }

  Waiter* unlink() noexcept {
    Waiter* const waiter = is_pending() ? waiter_ : nullptr;
    waiter_ = nullptr;
    if (waiter && list_) list_->remove(*waiter);
    return waiter;
  }
  void leave_registry() noexcept {
    std::shared_ptr<WaitRegistry> registry;
    {
      const std::lock_guard lock(mutex_);
      registry = std::move(registry_);
      context_ = nullptr;
    }
    if (registry) registry->leave(*this);
  }
  void enter_registry(asio::execution_context* context) {
    leave_registry();
    std::shared_ptr<WaitRegistry> registry;
    if (context) {
      registry = asio::use_service<WaitService>(*context).registry;
      registry->join(*this);
    }
    const std::lock_guard lock(mutex_);
    registry_ = std::move(registry);
    context_ = context;
  }

  SpinMutex& mutex_;
  Waiter* waiter_ = nullptr;
  std::uint64_t key_ = 0;
  WaitList* list_ = nullptr;
  std::uint64_t round_ = 0;  ///< of `list_` when `waiter_` was published: it has been taken since if that has gone on
  std::shared_ptr<WaitRegistry> registry_;
  asio::execution_context* context_ = nullptr;
};

inline void WaitRegistry::join(WaitPlace& place) noexcept {
  const std::lock_guard lock(mutex_);
  places_.insert(place);
}

inline void WaitRegistry::leave(WaitPlace& place) noexcept {
  const std::lock_guard lock(mutex_);
  places_.erase(place);
}

inline void WaitRegistry::shut_down() noexcept {
  Wakeups wakeups;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    while (WaitPlace* const place = places_.first()) {
      place->drop_registry(wakeups);
      places_.erase(*place);
    }
    completed_.wait(lock, [&] { return completions_ == 0; });
  }
  for (Waiter* waiter = wakeups.take(); waiter;) {
    Waiter* const next = waiter->next;
    waiter->destroy();
    waiter = next;
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
