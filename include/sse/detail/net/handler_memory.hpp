// SPDX-License-Identifier: MIT
// Memory that is set aside for one handler at a time. An operation that must start again needs no other.

#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Memory for the operation of one handler at a time; others get theirs from operator new. Thread-safe.
class HandlerMemory {
 public:
  HandlerMemory() = default;
  HandlerMemory(const HandlerMemory&) = delete;

  void* allocate(std::size_t size) {
    if (size <= sizeof memory_ && !taken_.exchange(true)) return memory_;
    return ::operator new(size);
  }
  void release(void* memory) noexcept {
    if (memory == memory_)
      taken_ = false;
    else
      ::operator delete(memory);
  }

 private:
  alignas(std::max_align_t) std::byte memory_[256];
  std::atomic<bool> taken_{false};
};

/// Allocates from a HandlerMemory, and keeps it: the operation may outlive whoever started it.
template <class T>
class HandlerAllocator {
 public:
  using value_type = T;

  explicit HandlerAllocator(std::shared_ptr<HandlerMemory> memory) noexcept : memory_(std::move(memory)) {}
  template <class U>
  HandlerAllocator(const HandlerAllocator<U>& other) noexcept : memory_(other.memory_) {}

  T* allocate(std::size_t count) const { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t) const noexcept { memory_->release(memory); }

  template <class U>
  bool operator==(const HandlerAllocator<U>& other) const noexcept {
    return memory_ == other.memory_;
  }

 private:
  template <class U>
  friend class HandlerAllocator;
  std::shared_ptr<HandlerMemory> memory_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
