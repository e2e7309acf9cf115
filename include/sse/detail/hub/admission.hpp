// SPDX-License-Identifier: MIT
// Counts the connections of each ConnectionOptions::limit_key. Thread-safe.

#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// How many connections there are of each ConnectionOptions::limit_key. Thread-safe.
class KeyCounts {
 public:
  std::size_t count(std::string_view key) const noexcept {
    const std::lock_guard lock(mutex_);
    const Key* const found = keys_.find(key);
    return found ? found->connections : 0;
  }
  /// False: there are `most` already.
  bool enter(std::string_view key, std::size_t most) {
    const std::lock_guard lock(mutex_);
    Key* found = keys_.find(key);
    if (!found) keys_.insert(*(found = new Key(key)));
    if (found->connections >= most) return false;
    ++found->connections;
    return true;
  }
  void leave(std::string_view key) noexcept {
    const std::lock_guard lock(mutex_);
    Key* const found = keys_.find(key);
    if (--found->connections != 0) return;
    keys_.erase(*found);
    delete found;
  }

 private:
  struct Key : IntrusiveList<Key>::Hook {
    explicit Key(std::string_view its_name) : name_(its_name) {}
    std::string_view name() const noexcept { return name_; }

    std::size_t connections = 0;

   private:
    const std::string name_;
  };

  mutable std::mutex mutex_;
  IntrusiveMap<Key> keys_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
