// SPDX-License-Identifier: MIT
// An intrusive hash map whose elements have names. See decisions/intrusive-containers.md.

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An intrusive hash map keyed by T::name(). It allocates no nodes and owns no elements, so insert() cannot fail. (Each
/// std::unordered_map costs a user's build as much as all of this.) T derives from IntrusiveList<T>::Hook and has
/// `name()` and `name_hash()`, which is secret_hash(name()). Not thread-safe.
///
/// It grows step by step: each insert moves two buckets to the larger table, so that no insert takes long.
template <class T>
class IntrusiveMap {
 public:
  IntrusiveMap() = default;
  IntrusiveMap(const IntrusiveMap&) = delete;
  IntrusiveMap& operator=(const IntrusiveMap&) = delete;
  ~IntrusiveMap() {
    release(table_);
    release(old_);
  }

  T* find(const HashedName& name) const noexcept {
    const auto is_it = [&](const T& one) { return one.name() == name.text; };
    if (T* const found = table_.bucket(name.hash).find(is_it)) return found;
    return old_.buckets ? old_.bucket(name.hash).find(is_it) : nullptr;
  }
  T* find(std::string_view name) const noexcept { return find(HashedName(name)); }

  /// No other element may have its name.
  void insert(T& one) noexcept {
    if (size_ >= table_.count) grow();
    move_old(2);
    table_.bucket(one.name_hash()).insert(one);
    ++size_;
  }
  /// Does nothing for an element that is in no map.
  void erase(T& one) noexcept {
    if (IntrusiveList<T>::erase(one)) --size_;
  }

 private:
  struct Table {
    IntrusiveList<T>* buckets = nullptr;
    std::size_t count = 0;  ///< A power of two.

    /// The lowest bits of the hash have chosen the shard.
    IntrusiveList<T>& bucket(std::uint64_t hash) const noexcept {
      return buckets[static_cast<std::size_t>(hash >> 8) & (count - 1)];
    }
  };

  void release(Table& table) noexcept {
    if (table.buckets != &one_) delete[] table.buckets;
    table = {};
  }
  /// If the allocation fails, the buckets' lists get longer instead.
  void grow() noexcept {
    if (old_.buckets) move_old(old_.count);
    const std::size_t larger = table_.count == 1 ? 8 : 2 * table_.count;
    auto* const buckets = new (std::nothrow) IntrusiveList<T>[larger];
    if (!buckets) return;
    old_ = table_;
    moved_ = 0;
    table_ = {buckets, larger};
  }
  void move_old(std::size_t buckets) noexcept {
    for (; old_.buckets && buckets > 0; --buckets) {
      while (T* const one = old_.buckets[moved_].first()) {
        IntrusiveList<T>::erase(*one);
        table_.bucket(one->name_hash()).insert(*one);
      }
      if (++moved_ == old_.count) release(old_);
    }
  }

  IntrusiveList<T> one_;  ///< The only bucket, to begin with.
  Table table_{&one_, 1};
  Table old_;              ///< The smaller table, while its buckets are moved.
  std::size_t moved_ = 0;  ///< Buckets of old_ that are empty already.
  std::size_t size_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
