// SPDX-License-Identifier: MIT
// The topics and the filter of one connection, and the topics of an audience. The time to find a topic does not grow
// with their number.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;
class TopicSet;

/// The connections and audiences of one shard that have subscribed to a topic. Guarded by the shard's mutex.
class Topic : public IntrusiveList<Topic>::Hook {
 public:
  struct Member {
    Connection* connection;  ///< Null: `set` is an Audience.
    TopicSet* set;
    std::size_t slot;  ///< The index in TopicSet::list_.
  };
  explicit Topic(const HashedName& its_name) : name_(its_name.text), hash_(its_name.hash) {}
  std::string_view name() const noexcept { return name_; }
  std::uint64_t name_hash() const noexcept { return hash_; }

  std::vector<Member> members;

 private:
  const std::string name_;    ///< Immutable.
  const std::uint64_t hash_;  ///< Immutable.
};

/// The topics of a shard that have subscribers.
using Topics = IntrusiveMap<Topic>;

/// The topics of one owner, which is a member of each. Guarded by the shard's mutex.
class TopicSet {
 public:
  static constexpr auto nowhere = static_cast<std::size_t>(-1);

  TopicSet() = default;
  TopicSet(const TopicSet&) = delete;
  TopicSet& operator=(const TopicSet&) = delete;

  bool contains(const Topic& topic) const noexcept { return find(topic) != nowhere; }
  /// Subscribes to a topic, unless that is done already. If it throws, nothing has changed. `owner` is null for an
  /// audience.
  void add(Connection* owner, Topics& topics, const HashedName& name);
  /// Unsubscribes from a topic. False: there was no subscription.
  bool remove(Topics& topics, const HashedName& name) noexcept;
  /// Removes at most `most` of the topics. False: none is left.
  bool remove_some(Topics& topics, std::size_t most) noexcept;
  std::size_t size() const noexcept { return list_.size(); }
  /// True if one of the topics has no other member: then no other set is like this one.
  bool is_unique() const noexcept;
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Subscription& one : list_) visit(*one.topic);
  }

 private:
  struct Subscription {
    Topic* topic;
    std::size_t index;  ///< The index in Topic::members.
  };

  /// The index of a topic in list_, or nowhere.
  std::size_t find(const Topic& topic) const noexcept;
  void leave(Topics& topics, std::size_t slot) noexcept;
  static void release(Topics& topics, Topic& topic) noexcept;

  // The table: an open hash table of slots, by the topic's address.

  std::size_t home(const Topic& topic) const noexcept;
  std::uint32_t& entry_of(std::size_t slot) noexcept;
  void grow_table();
  void erase_entry(std::size_t slot) noexcept;

  std::vector<Subscription> list_;
  /// Each entry is slot + 1, or 0. Empty while list_ is short: then find() searches list_.
  std::vector<std::uint32_t> table_;
};

/// The topics and the filter of a connection that has a queue of its own, and its places in its shard's lists. Guarded
/// by the shard's mutex.
class Subscriptions : public TopicSet {
 public:
  IntrusivePtr<Filter> filter;
  std::uint64_t told = 0;              ///< The number of the event whose id a keep-alive has told. 0: none yet.
  Connection* next_refused = nullptr;  ///< The next connection that the current event does not fit into.
  /// Indices in the shard's lists.
  std::size_t queued_index = nowhere, wide_index = nowhere, filtered_index = nowhere;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/subscriptions.ipp"
#endif
