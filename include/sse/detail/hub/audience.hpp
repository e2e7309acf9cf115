// SPDX-License-Identifier: MIT
// Connections that want the same topics by the same filter, and share a backlog. An event costs the emitter the number
// of the audiences that hear it, not the number of their readers.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The backlog of one set of topics, with a shared filter or without, or of one shared filter and every topic. It is
/// itself the member of its topics, in place of its readers. Guarded by its shard's mutex.
class Audience : public Backlog, public TopicSet, public IntrusiveList<Audience>::Hook {
 public:
  /// The topics that a set may have: they are entered and left under one lock.
  static constexpr std::size_t max_topics = 32;

  /// The max_queue_size of its readers, the address of their filter, with the bit `wide` if they want every topic, and
  /// the addresses of its topics in their order.
  using Key = std::vector<std::uintptr_t>;
  static constexpr std::uintptr_t wide = 1;

  Audience(std::uint64_t sequence, Key key, std::uint64_t key_hash)
      : Backlog(static_cast<std::size_t>(key.front()), sequence, false), key_(std::move(key)), key_hash_(key_hash) {}

  static std::string_view name_of(const Key& key) noexcept {
    return {reinterpret_cast<const char*>(key.data()), key.size() * sizeof key[0]};
  }
  std::string_view name() const noexcept { return name_of(key_); }
  std::uint64_t name_hash() const noexcept { return key_hash_; }

  /// True: it has no topics, because it wants all of them.
  bool is_wide() const noexcept { return (key_[1] & wide) != 0; }
  /// The filter that its readers share, each of which keeps it alive. Null: there is none.
  Filter* filter() const noexcept { return reinterpret_cast<Filter*>(key_[1] & ~wide); }

 private:
  const Key key_;                 ///< Immutable.
  const std::uint64_t key_hash_;  ///< Immutable.
};

/// The audiences of a shard. Guarded by the shard's mutex.
class Audiences {
 public:
  /// The first of the audiences that want some topics. Null: there is none.
  Audience* first() const noexcept { return static_cast<Audience*>(list_.first()); }
  /// The first of those that want every topic. Null: there is none.
  Audience* first_wide() const noexcept { return static_cast<Audience*>(wide_.first()); }
  /// The audience behind another one. Null: that is the last.
  static Audience* next(const Audience& audience) noexcept {
    return static_cast<Audience*>(IntrusiveList<Backlog>::next(audience));
  }

  /// True if one of the audiences has a filter.
  bool has_filters() const noexcept { return filtered_ != 0; }

  /// Finds or makes the audience of these topics, at most Audience::max_topics, and of this filter, which may be null.
  /// `wanted` is null for every topic. `sequence` is the number of the last event with an id. The caller adds a reader,
  /// or releases it.
  Audience& get(std::size_t max_queue_size, const TopicSet* wanted, Filter* filter, Topics& topics,
                std::uint64_t sequence);
  /// Deletes an audience without readers.
  void release(Audience& audience, Topics& topics) noexcept;

 private:
  IntrusiveMap<Audience> by_topics_;    ///< Each has readers.
  IntrusiveList<Backlog> list_, wide_;  ///< The same ones, each in one of the two.
  std::size_t filtered_ = 0;            ///< The number of those with a filter.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/audience.ipp"
#endif
