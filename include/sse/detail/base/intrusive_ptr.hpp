// SPDX-License-Identifier: MIT
// A reference count inside the object, and a pointer that keeps it. It saves 48 bytes an idle connection beside
// std::shared_ptr.

#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

template <class T>
class Ref;

/// An object that counts the references to it itself. (A std::shared_ptr would take 48 bytes more of each connection
/// that only waits: in its object, and in each operation that keeps it.)
class Counted {
 protected:
  Counted() = default;
  Counted(const Counted&) = delete;
  ~Counted() = default;

 private:
  template <class T>
  friend class Ref;
  std::atomic<std::uint32_t> references_{0};
};

/// Keeps a Counted object, which was made by `new`; the last one deletes it.
template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_) count().fetch_add(1, std::memory_order_relaxed);
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ && count().fetch_sub(1, std::memory_order_acq_rel) == 1) delete object_;
  }

  /// Null, where the last reference has gone already: for a list that the object's destructor leaves, under its lock.
  static Ref if_alive(T& object) noexcept {
    Ref ref;
    std::atomic<std::uint32_t>& count = object.Counted::references_;
    for (std::uint32_t seen = count.load(); seen != 0 && !ref;)
      if (count.compare_exchange_weak(seen, seen + 1)) ref.object_ = &object;
    return ref;
  }

  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  std::atomic<std::uint32_t>& count() const noexcept { return object_->Counted::references_; }

  T* object_ = nullptr;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
