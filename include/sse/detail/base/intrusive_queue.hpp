// SPDX-License-Identifier: MIT
// An intrusive list in the order of insertion: its links are in its elements. See decisions/intrusive-containers.md.

#pragma once

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An IntrusiveList whose first element is the oldest. A T is an IntrusiveQueue<T>::Hook. Not thread-safe.
template <class T>
class IntrusiveQueue {
 public:
  class Hook {
   public:
    Hook(const Hook&) = delete;
    bool is_queued() const noexcept { return place_ != nullptr; }

   protected:
    Hook() = default;
    ~Hook() = default;

   private:
    friend class IntrusiveQueue;
    Hook* next_ = nullptr;
    Hook** place_ = nullptr;  ///< the pointer to this; null: in no queue
  };

  IntrusiveQueue() = default;
  IntrusiveQueue(const IntrusiveQueue&) = delete;

  /// Null: it is empty.
  T* first() const noexcept { return static_cast<T*>(first_); }

  void push_back(Hook& hook) noexcept {
    hook.next_ = nullptr;
    hook.place_ = end_;
    *end_ = &hook;
    end_ = &hook.next_;
  }
  /// Of one that is in this queue.
  void erase(Hook& hook) noexcept {
    *hook.place_ = hook.next_;
    if (hook.next_)
      hook.next_->place_ = hook.place_;
    else
      end_ = hook.place_;
    hook.place_ = nullptr;
  }
  /// `visit` must not change the queue.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (Hook* hook = first_; hook; hook = hook->next_) visit(static_cast<T&>(*hook));
  }

 private:
  Hook* first_ = nullptr;
  Hook** end_ = &first_;  ///< the pointer that the next element goes to
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
