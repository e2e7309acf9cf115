// SPDX-License-Identifier: MIT
// Connections that want the same topics, and share a backlog. An event of a topic costs the emitter the number of its
// audiences, not the number of its readers.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The backlog of one set of topics. It is itself the member of its topics, in place of its readers. Guarded by its
/// shard's mutex.
class Audience : public Backlog, public TopicSet, public IntrusiveList<Audience>::Hook {
 public:
  /// The topics that a set may have: they are entered and left under one lock.
  static constexpr std::size_t max_topics = 32;

  /// The max_queue_size of its readers, and the addresses of its topics in their order.
  using Key = std::vector<std::uintptr_t>;

  Audience(std::uint64_t sequence, Key key, std::uint64_t key_hash)
      : Backlog(static_cast<std::size_t>(key.front()), sequence, false), key_(std::move(key)), key_hash_(key_hash) {}

  static std::string_view name_of(const Key& key) noexcept {
    return {reinterpret_cast<const char*>(key.data()), key.size() * sizeof key[0]};
  }
  std::string_view name() const noexcept { return name_of(key_); }
  std::uint64_t name_hash() const noexcept { return key_hash_; }

 private:
  const Key key_;                 ///< Immutable.
  const std::uint64_t key_hash_;  ///< Immutable.
};

/// The audiences of a shard. Guarded by the shard's mutex.
class Audiences {
 public:
  /// The first audience of the list. Null: there is none.
  Audience* first() const noexcept { return static_cast<Audience*>(list_.first()); }
  /// The audience behind another one. Null: that is the last.
  static Audience* next(const Audience& audience) noexcept {
    return static_cast<Audience*>(IntrusiveList<Backlog>::next(audience));
  }

  /// Finds or makes the audience of these topics, at most Audience::max_topics. `sequence` is the number of the last
  /// event with an id. The caller adds a reader, or releases it.
  Audience& get(std::size_t max_queue_size, const TopicSet& wanted, Topics& topics, std::uint64_t sequence);
  /// Deletes an audience without readers.
  void release(Audience& audience, Topics& topics) noexcept;

 private:
  IntrusiveMap<Audience> by_topics_;  ///< Each has readers.
  IntrusiveList<Backlog> list_;       ///< The same ones.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/audience.ipp"
#endif
