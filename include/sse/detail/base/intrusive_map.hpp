// SPDX-License-Identifier: MIT
// An intrusive hash map whose elements have names. See decisions/intrusive-containers.md.

#pragma once

#include <cstddef>
#include <functional>
#include <new>
#include <string_view>
#include <utility>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A hash table of objects by their name, whose places are in the objects themselves, as in a IntrusiveList: it owns
/// none of them, and to enter it can't fail. (Each std::unordered_map costs a user's build as much as all of this.) A T
/// is a IntrusiveList<T>::Hook and has a `name()`. Not thread-safe.
template <class T>
class IntrusiveMap {
 public:
  IntrusiveMap() = default;
  IntrusiveMap(const IntrusiveMap&) = delete;
  IntrusiveMap& operator=(const IntrusiveMap&) = delete;
  ~IntrusiveMap() {
    if (buckets_ != &one_) delete[] buckets_;
  }

  T* find(std::string_view name) const noexcept {
    return bucket(name).find([&](const T& one) { return one.name() == name; });
  }
  /// No other may have its name.
  void insert(T& one) noexcept {
    if (size_ == count_) grow();
    bucket(one.name()).insert(one);
    ++size_;
  }
  /// It may be in none.
  void erase(T& one) noexcept {
    if (IntrusiveList<T>::erase(one)) --size_;
  }

 private:
  IntrusiveList<T>& bucket(std::string_view name) const noexcept {
    // The lowest bits have chosen the shard.
    return buckets_[(std::hash<std::string_view>()(name) >> 8) & (count_ - 1)];
  }
  /// Without memory the lists get longer instead.
  void grow() noexcept {
    const std::size_t larger = count_ == 1 ? 8 : 2 * count_;
    auto* const buckets = new (std::nothrow) IntrusiveList<T>[larger];
    if (!buckets) return;
    IntrusiveList<T>* const old = std::exchange(buckets_, buckets);
    const std::size_t old_count = std::exchange(count_, larger);
    for (std::size_t i = 0; i < old_count; ++i) {
      while (T* const one = old[i].first()) {
        IntrusiveList<T>::erase(*one);
        bucket(one->name()).insert(*one);
      }
    }
    if (old != &one_) delete[] old;
  }

  IntrusiveList<T> one_;
  IntrusiveList<T>* buckets_ = &one_;
  std::size_t count_ = 1;  ///< of the buckets, a power of two
  std::size_t size_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
