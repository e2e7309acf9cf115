// SPDX-License-Identifier: MIT
// One part of the map of connections, with the mutex that guards its connections. Also what a shard's connections
// share: topics and filters.

#pragma once

#include <atomic>
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
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;

/// The connections of one shard that want a topic. Each knows its places, so that it leaves at no cost.
struct Topic : IntrusiveList<Topic>::Hook {
  struct Member {
    Connection* connection;
    std::size_t slot;  ///< of the connection's subscriptions
  };
  explicit Topic(std::string_view its_name) : name_(its_name) {}
  std::string_view name() const noexcept { return name_; }

  std::vector<Member> members;

 private:
  const std::string name_;
};

/// A ConnectionOptions::filter, kept while it is asked.
class Filter : public RefCounted {
 public:
  explicit Filter(std::function<bool(const Event&)> function) : function_(std::move(function)) {}

  static bool ask(const std::function<bool(const Event&)>& function, const Event& event) noexcept {
    try {
      return function(event);
    } catch (...) {
      return false;
    }
  }
  bool accepts(const Event& event) const noexcept { return ask(function_, event); }

 private:
  const std::function<bool(const Event&)> function_;
};

/// One part of a manager's map, with the lock of its connections.
struct Shard {
  /// What has happened here.
  struct Counts {
    std::uint64_t opened = 0, delivered = 0, written_bytes = 0;
    Tally<LossReason> lost;
    Tally<EndReason> ended;
  };
  SpinMutex mutex;
  Counts counts;
  std::vector<Connection*> connections;
  std::vector<Connection*> queued;    ///< of them, those with a queue of their own
  std::vector<Connection*> wide;      ///< of those, the ones that want every topic
  std::vector<Connection*> filtered;  ///< of those, the ones with a filter
  IntrusiveMap<Connection> by_id;
  IntrusiveMap<Topic> topics;                      ///< each has members
  IntrusiveList<Backlog> backlogs;                 ///< one for each max_queue_size; each has readers
  std::uint64_t sequence = 0;                      ///< of the last event with an id that came here
  std::atomic<bool> cut{false};                    ///< nothing is delivered any more
  std::atomic<std::size_t>* total = nullptr;       ///< connections of all shards
  std::atomic<std::size_t>* unfinished = nullptr;  ///< streams whose readers have not seen their end
  const std::atomic<bool>* watches_loss = nullptr;
  KeyCounts* keys = nullptr;
  History* history = nullptr;
  const Options* options = nullptr;

  // Called without the lock:

  /// Once for each connection, after it has left the map.
  virtual void on_removed(const Connection& connection, std::string_view reason) noexcept = 0;
  /// The reader has found a gap in what it replays.
  virtual void on_gap(const Connection& connection) noexcept = 0;
  /// The reader is told of these, or never will be.
  virtual void on_loss(const Connection& connection, const std::vector<LostEvents>& lost) noexcept = 0;
  /// ConnectionOptions::expires_at has come.
  virtual void on_expired(const Connection& connection) noexcept = 0;

 protected:
  Shard() = default;
  ~Shard() = default;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
