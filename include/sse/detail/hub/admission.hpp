// SPDX-License-Identifier: MIT
// Decides which connections are accepted, by Options::max_connections, the limit of each key, and draining. It counts
// the connections and the refusals.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Counts the connections of each ConnectionOptions::limit_key. Thread-safe.
class KeyCounts {
 public:
  std::size_t count(std::string_view key) const noexcept;
  /// Counts a connection of the key. False: it has `most` connections already.
  bool enter(std::string_view key, std::size_t most);
  void leave(std::string_view key) noexcept;

 private:
  struct Key : IntrusiveList<Key>::Hook {
    explicit Key(const HashedName& its_name) : name_(its_name.text), hash_(its_name.hash) {}
    std::string_view name() const noexcept { return name_; }
    std::uint64_t name_hash() const noexcept { return hash_; }

    std::size_t connections = 0;

   private:
    const std::string name_;
    const std::uint64_t hash_;
  };

  mutable Mutex mutex_;
  IntrusiveMap<Key> keys_ SSE_GUARDED_BY(mutex_);
};

/// The places that a connection takes over from the older one with its id.
struct Inherited {
  bool place = false;  ///< A place of Options::max_connections.
  bool key = false;    ///< A place of Options::max_connections_per_key.
};

/// The limits of a manager's connections. Thread-safe.
class Admission {
 public:
  explicit Admission(const Options& options) noexcept : options_(options) {}

  /// The number of connections in the map.
  std::size_t connections() const noexcept { return connections_.load(); }

  /// Throws Refused if enter() would, and takes no place.
  void check_room(std::string_view key, const Inherited& inherited) const;
  /// Takes a place, or throws Refused.
  void enter(std::string_view key, const Inherited& inherited);
  void leave(std::string_view key, const Inherited& inherited) noexcept;

  /// From now on every connection is refused.
  void begin_drain() noexcept { draining_ = true; }
  /// The number of streams whose readers have not seen the end.
  std::size_t unfinished() const noexcept { return unfinished_.load(); }
  void stream_opened() noexcept { unfinished_.fetch_add(1); }
  void stream_finished() noexcept { unfinished_.fetch_sub(1); }

  void count_refusal(RefusalReason reason) noexcept {
    refused_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  }
  Tally<RefusalReason> refused() const noexcept;

 private:
  bool counts_key(std::string_view key, const Inherited& inherited) const noexcept {
    return options_.max_connections_per_key != 0 && !inherited.key && !key.empty();
  }
  void check_place(const Inherited& inherited, std::size_t taken) const;
  [[noreturn]] void refuse_key() const;

  const Options& options_;                   ///< Immutable.
  std::atomic<std::size_t> connections_{0};  ///< Changes under a shard's mutex.
  std::atomic<std::size_t> unfinished_{0};
  std::atomic<bool> draining_{false};
  KeyCounts keys_;
  std::array<std::atomic<std::uint64_t>, Tally<RefusalReason>::size> refused_{};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/admission.ipp"
#endif
