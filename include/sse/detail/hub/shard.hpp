// SPDX-License-Identifier: MIT
// A shard: a part of the map of connections, with the mutex of its connections. Also the map of all shards.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/hub/audience.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Admission;
class Connection;
class History;
class Hub;
class Notifier;

/// The filters of the connections of Shard::filtered, in their order. Emitters keep it while they ask them.
struct FilterList : RefCounted {
  std::vector<IntrusivePtr<Filter>> filters;
};

/// A part of a manager's map, with the mutex of its connections.
struct Shard {
  /// Counters of the shard's connections, for Stats.
  struct Counts {
    std::uint64_t opened = 0, delivered = 0, written_bytes = 0;
    Tally<LossReason> lost;
    Tally<EndReason> ended;
  };

  SpinMutex mutex;
  Counts counts SSE_GUARDED_BY(mutex);
  std::vector<Connection*> connections SSE_GUARDED_BY(mutex);
  std::vector<Connection*> queued SSE_GUARDED_BY(mutex);    ///< The connections that have a queue of their own.
  std::vector<Connection*> wide SSE_GUARDED_BY(mutex);      ///< The connections of `queued` without topics.
  std::vector<Connection*> filtered SSE_GUARDED_BY(mutex);  ///< The connections of `queued` with a filter.
  /// The filters of `filtered`. Null: it has changed since the last event.
  IntrusivePtr<FilterList> filter_list SSE_GUARDED_BY(mutex);
  IntrusiveMap<Connection> by_id SSE_GUARDED_BY(mutex);
  Topics topics SSE_GUARDED_BY(mutex);  ///< The topics that have members.
  // The queues of the connections that are not in `queued`:
  Backlogs backlogs SSE_GUARDED_BY(mutex);
  Audiences audiences SSE_GUARDED_BY(mutex);
  std::atomic<bool> cut{false};  ///< True: nothing is delivered any more. Written under the mutex.

  // Immutable, and but for the number the same for all shards of a manager. They live as long as the hub, which the
  // streams keep alive.

  std::size_t number = 0;  ///< The index of the shard.
  const Options* options = nullptr;
  Hub* hub = nullptr;
  Admission* admission = nullptr;
  Notifier* notifier = nullptr;
  History* history = nullptr;
};

/// The connections of a manager, in shards, so that threads which add, read and remove connections seldom contend for a
/// mutex.
class ShardMap {
 public:
  static constexpr std::size_t size = 16;

  Shard& of(const HashedName& connection_id) noexcept { return shards_[index_of(connection_id)]; }
  std::size_t index_of(const HashedName& connection_id) const noexcept {
    return static_cast<std::size_t>(connection_id.hash % size);
  }
  auto begin() noexcept { return shards_.begin(); }
  auto end() noexcept { return shards_.end(); }

 private:
  std::array<Shard, size> shards_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
