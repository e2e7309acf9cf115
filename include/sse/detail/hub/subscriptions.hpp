// SPDX-License-Identifier: MIT
// The topics and the filter of one connection. Finding a topic takes the same time for one as for 100,000.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;
class Subscriptions;

/// The connections of one shard that have subscribed to a topic. Guarded by the shard's mutex.
class Topic : public IntrusiveList<Topic>::Hook {
 public:
  struct Member {
    Connection* connection;
    Subscriptions* subscriptions;  ///< Of the connection.
    std::size_t slot;              ///< The place in its subscriptions.
  };
  explicit Topic(const HashedName& its_name) : name_(its_name.text), hash_(its_name.hash) {}
  std::string_view name() const noexcept { return name_; }
  std::uint64_t name_hash() const noexcept { return hash_; }

  std::vector<Member> members;

 private:
  const std::string name_;    ///< Immutable.
  const std::uint64_t hash_;  ///< Immutable.
};

/// The topics of a shard that somebody has subscribed to.
using Topics = IntrusiveMap<Topic>;

/// A ConnectionOptions::filter, kept while it is asked.
class Filter : public RefCounted {
 public:
  explicit Filter(std::function<bool(const Event&)> function) : function_(std::move(function)) {}

  /// A filter that throws says no.
  static bool ask(const std::function<bool(const Event&)>& function, const Event& event) noexcept;
  bool accepts(const Event& event) const noexcept { return ask(function_, event); }

 private:
  const std::function<bool(const Event&)> function_;  ///< Immutable.
};

/// The topics and the filter of a connection that has a queue of its own, and its places in its shard's lists. Guarded
/// by the shard's mutex.
class Subscriptions {
 public:
  static constexpr auto nowhere = static_cast<std::size_t>(-1);

  Subscriptions() = default;
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  bool contains(const Topic& topic) const noexcept { return find(topic) != nowhere; }
  /// Does nothing where it has subscribed already. An exception changes nothing.
  void add(Connection& owner, Topics& topics, const HashedName& name);
  /// False: it has not subscribed to the topic.
  bool remove(Topics& topics, const HashedName& name) noexcept;
  /// Removes at most `most` of the topics. False: none is left.
  bool remove_some(Topics& topics, std::size_t most) noexcept;
  std::size_t size() const noexcept { return list_.size(); }

  IntrusivePtr<Filter> filter;
  std::uint64_t serial = 0;  ///< Names a connection with a filter, never the same twice. 0: it sees no events yet.
  Connection* next_refused = nullptr;  ///< The next connection that the current event does not fit into.
  std::size_t queued_index = nowhere, wide_index = nowhere, filtered_index = nowhere;  ///< In the shard's lists.

 private:
  struct Subscription {
    Topic* topic;
    std::size_t index;  ///< The place among the topic's members.
  };

  /// The slot of a topic, or nowhere.
  std::size_t find(const Topic& topic) const noexcept;
  void leave(Topics& topics, std::size_t slot) noexcept;
  static void release(Topics& topics, Topic& topic) noexcept;

  // The table: an open hash table of slots, by the topic's address.

  std::size_t home(const Topic& topic) const noexcept;
  std::uint32_t& entry_of(std::size_t slot) noexcept;
  void grow_table();
  void erase_entry(std::size_t slot) noexcept;

  std::vector<Subscription> list_;
  std::vector<std::uint32_t> table_;  ///< slot + 1, or 0. Empty while list_ is short: then find() looks through that.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/subscriptions.ipp"
#endif
