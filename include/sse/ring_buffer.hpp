// SPDX-License-Identifier: MIT
// A bounded queue that drops its oldest element. It depends on nothing else in the library.

#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <utility>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A bounded queue that drops its oldest element when it is full. One element is held in place. Room for more is
/// allocated as needed, up to the capacity, and freed when the queue becomes empty. Not thread-safe.
template <class T>
class RingBuffer {
 public:
  /// `capacity` is in elements; 0 throws std::invalid_argument.
  explicit RingBuffer(std::size_t capacity) : capacity_(capacity) {
    if (capacity == 0) throw std::invalid_argument("sse::RingBuffer: capacity must be at least 1, is 0");
  }
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;
  ~RingBuffer() { delete[] slots_; }

  std::size_t size() const noexcept { return size_; }          ///< The number of elements.
  bool empty() const noexcept { return size_ == 0; }           ///< True without elements.
  std::size_t capacity() const noexcept { return capacity_; }  ///< The greatest number of elements.

  /// The i-th element from the oldest; `i` must be less than size().
  const T& operator[](std::size_t i) const noexcept { return const_cast<RingBuffer*>(this)->slot(i); }
  T& operator[](std::size_t i) noexcept { return slot(i); }

  /// True if one more element fits without dropping one. Allocates the room for it. False also if that fails.
  bool make_room() noexcept { return size_ < capacity_ && (size_ < allocated_ || grow()); }

  /// Appends `value`. True: the oldest element was dropped for it, because the queue is full or could not allocate.
  bool push(T value) noexcept {
    if (make_room()) {
      slot(size_++) = std::move(value);
      return false;
    }
    slot(0) = std::move(value);  // every slot is taken: the next one is the oldest element's
    first_ = next(first_);
    return true;
  }

  /// Takes the oldest element; the queue must not be empty.
  T pop() noexcept {
    T value = std::exchange(slot(0), T());
    first_ = next(first_);
    if (--size_ == 0) release();
    return value;
  }

  /// Drops all elements.
  void clear() noexcept {
    while (!empty()) pop();
  }

 private:
  T& slot(std::size_t i) noexcept {
    const std::size_t at = first_ + i;
    return (slots_ ? slots_ : &one_)[at < allocated_ ? at : at - allocated_];
  }

  std::size_t next(std::size_t i) const noexcept { return i + 1 == allocated_ ? 0 : i + 1; }

  bool grow() noexcept {
    // In parentheses because <windows.h> has macros min and max.
    const std::size_t larger = (std::min)(capacity_, (std::max)(std::size_t{8}, allocated_ * 2));
    T* const moved = new (std::nothrow) T[larger];
    if (!moved) return false;
    for (std::size_t i = 0; i < size_; ++i) moved[i] = std::move(slot(i));
    delete[] std::exchange(slots_, moved);
    allocated_ = larger;
    first_ = 0;
    return true;
  }

  void release() noexcept {
    delete[] std::exchange(slots_, nullptr);
    allocated_ = 1;
    first_ = 0;
  }

  std::size_t capacity_;
  std::size_t allocated_ = 1;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  T one_{};
  T* slots_ = nullptr;  ///< An array. Null: one_ is the only slot.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
