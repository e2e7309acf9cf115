// SPDX-License-Identifier: MIT
// An owning pointer that costs little to compile: a tenth of a std::unique_ptr.

#pragma once

#include <utility>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Owns an object that was made by `new`, or nothing. (Each instantiation of std::unique_ptr costs a user's build ten
/// times as much.)
template <class T>
class Owned {
 public:
  Owned() noexcept = default;
  explicit Owned(T* object) noexcept : object_(object) {}
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    delete std::exchange(object_, std::exchange(other.object_, nullptr));
    return *this;
  }
  ~Owned() { delete object_; }

  T* release() noexcept { return std::exchange(object_, nullptr); }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
