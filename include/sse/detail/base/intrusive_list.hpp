// SPDX-License-Identifier: MIT
// An intrusive list: its links are in its elements. See decisions/intrusive-containers.md.

#pragma once

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An intrusive list. Its links are in its elements: insert() allocates nothing, and erase() needs no search. T derives
/// from IntrusiveList<T>::Hook. Not thread-safe.
template <class T>
class IntrusiveList {
 public:
  class Hook {
   protected:
    Hook() = default;
    Hook(const Hook&) = delete;
    ~Hook() = default;

   private:
    friend class IntrusiveList;
    Hook* next_ = nullptr;
    Hook** place_ = nullptr;  ///< The pointer to this element. Null: it is in no list.
  };

  bool empty() const noexcept { return first_ == nullptr; }
  /// The element that was inserted last. Null: the list is empty.
  T* first() const noexcept { return static_cast<T*>(first_); }
  /// The element behind `element`. Null: it is the last.
  static T* next(const T& element) noexcept { return static_cast<T*>(static_cast<const Hook&>(element).next_); }

  void insert(Hook& hook) noexcept {
    hook.next_ = first_;
    hook.place_ = &first_;
    if (first_) first_->place_ = &hook.next_;
    first_ = &hook;
  }
  /// False: the element was in no list.
  static bool erase(Hook& hook) noexcept {
    if (!hook.place_) return false;
    *hook.place_ = hook.next_;
    if (hook.next_) hook.next_->place_ = hook.place_;
    hook.place_ = nullptr;
    return true;
  }

  /// The first element for which `is_it(const T&)` is true, or null.
  template <class IsIt>
  T* find(IsIt&& is_it) const noexcept {
    for (Hook* hook = first_; hook; hook = hook->next_)
      if (is_it(static_cast<const T&>(*hook))) return static_cast<T*>(hook);
    return nullptr;
  }

  /// `visit` must not change the list.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (Hook* hook = first_; hook; hook = hook->next_) visit(static_cast<T&>(*hook));
  }

 private:
  Hook* first_ = nullptr;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
