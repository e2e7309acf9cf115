// SPDX-License-Identifier: MIT
// Lists of waiters that are completed together: those that were taken under a lock, and those of a backlog. No function
// here runs a handler.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/intrusive_list.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Waiters that were taken off their places under a lock, to be completed after it is released. Those of one executor
/// share a post, because the post is the cost of a wake-up.
class Wakeups {
 public:
  Wakeups() = default;
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;
  ~Wakeups() { complete({}); }

  void add(Waiter* waiter) noexcept {
    if (waiter) add(waiter, waiter);
  }
  void add(Waiter* first, Waiter* last) noexcept {
    *last_ = first;
    last_ = &last->next;
    last->next = nullptr;
  }
  void complete(error_code error) noexcept {
    Unposted::retry();
    Waiter* waiter = take();
    if (!waiter) return;
    if (!waiter->next) return waiter->complete(error);
    std::array<Batch, 32> batches;
    while (waiter) {
      Waiter* const next = std::exchange(waiter->next, nullptr);
      if (error)
        waiter->complete(error);
      else
        batches[waiter->kind().executor_hash(waiter) % batches.size()].add(waiter);
      waiter = next;
    }
    for (Batch& batch : batches) batch.post();
  }
  Waiter* take() noexcept {
    last_ = &first_;
    return std::exchange(first_, nullptr);
  }

 private:
  class Batch {
   public:
    void add(Waiter* waiter) noexcept {
      if (size_ != 0 && (&first_->kind() != &waiter->kind() || !waiter->kind().same_executor(first_, waiter))) post();
      (size_ == 0 ? first_ : last_->next) = waiter;
      last_ = waiter;
      ++size_;
    }
    void post() noexcept {
      const std::size_t size = std::exchange(size_, 0);
      if (size == 0) return;
      if (size == 1) return first_->complete({});
      const std::shared_ptr<WaitRegistry> context = first_->registry;
      if (!first_->kind().post_all(first_)) keep();
      if (context) context->end_completions(size);
    }

   private:
    // As Waiter::complete does without memory.
    void keep() noexcept {
      while (first_) Unposted::add(*std::exchange(first_, first_->next), 0);
    }

    Waiter *first_ = nullptr, *last_ = nullptr;
    std::size_t size_ = 0;
  };

  Waiter* first_ = nullptr;
  Waiter** last_ = &first_;
};

/// The waiters of a backlog, which an event completes together. Guarded by its owner's mutex.
class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList() {
    while (Group* const group = groups_.first()) {
      groups_.erase(*group);
      delete group;
    }
  }

  void add(Waiter& waiter) {
    Group* group = find(waiter.registry.get());
    if (!group) group = groups_.find([](const Group& one) { return one.size == 0; });
    if (!group) groups_.insert(*(group = new Group));
    group->registry = waiter.registry.get();
    if (Waiter*& first = group->first) {
      waiter.next = first;
      waiter.previous = first->previous;
      waiter.previous->next = first->previous = &waiter;
    } else {
      first = waiter.next = waiter.previous = &waiter;
    }
    ++group->size;
  }
  void remove(Waiter& waiter) noexcept {
    Group& group = *find(waiter.registry.get());
    waiter.previous->next = waiter.next;
    waiter.next->previous = waiter.previous;
    if (group.first == &waiter) group.first = waiter.next == &waiter ? nullptr : waiter.next;
    --group.size;
  }
  /// Takes all waiters, at a cost that does not depend on their number. Their places notice it by `round`.
  void take_all(Wakeups& wakeups) noexcept {
    ++round_;
    groups_.for_each([&](Group& group) {
      if (group.size == 0) return;
      if (group.registry) group.registry->begin_completions(group.size);
      wakeups.add(group.first, group.first->previous);
      group.first = nullptr;
      group.size = 0;
    });
  }
  std::uint64_t round() const noexcept { return round_; }

 private:
  /// The waiters of one execution context, in a ring.
  struct Group : IntrusiveList<Group>::Hook {
    WaitRegistry* registry = nullptr;
    Waiter* first = nullptr;
    std::size_t size = 0;
  };
  Group* find(const WaitRegistry* registry) const noexcept {
    return groups_.find([=](const Group& one) { return one.registry == registry && one.size != 0; });
  }

  IntrusiveList<Group> groups_;
  std::uint64_t round_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
