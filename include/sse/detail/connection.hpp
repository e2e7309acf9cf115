#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/history.hpp"
#include "sse/detail/queue.hpp"
#include "sse/detail/wait.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"

namespace sse::detail {

class Connection;

/// The connections of one shard that want a topic. Each knows its places, so that it leaves at no cost.
struct Topic {
  struct Member {
    Connection* connection;
    std::size_t slot;  ///< of the connection's subscriptions
  };
  std::string name;
  std::vector<Member> members;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};

/// One part of a manager's map, with the lock of its connections.
struct Shard {
  std::mutex mutex;
  std::vector<Connection*> connections;
  std::vector<Connection*> wide;      ///< of them, those that want every topic
  std::vector<Connection*> filtered;  ///< of them, those with a filter
  std::unordered_map<std::string_view, Connection*> by_id;
  std::unordered_map<std::string, Topic, TextHash, std::equal_to<>> topics;
  std::atomic<std::size_t>* total = nullptr;  ///< connections of all shards
  const History* history = nullptr;

  /// Called without the lock: once for each connection, after it has left the map.
  virtual void on_removed(const Connection& connection, std::string_view reason) noexcept = 0;
  /// Called without the lock: the reader has found a gap in what it replays.
  virtual void on_gap(const Connection& connection) noexcept = 0;

 protected:
  Shard() = default;
  ~Shard() = default;
};

/// The shared state of a stream. All that can change is guarded by the shard's mutex.
class Connection {
 public:
  Connection(std::shared_ptr<Shard> home, const ConnectionOptions& options, const Options& defaults)
      : shard(std::move(home)),
        queue(options.max_queue_size.value_or(defaults.max_queue_size),
              options.max_queue_bytes.value_or(defaults.max_queue_bytes), options.overflow_policy),
        policy(options.overflow_policy),
        announce(options.announce),
        named(defaults.named_events),
        has_filter(options.filter != nullptr),
        waits(shard->mutex),
        connection_id(options.connection_id),
        request_id(options.request_id) {
    if (has_filter) filter = std::make_shared<const std::function<bool(const Event&)>>(options.filter);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::shared_ptr<Shard> shard;

  // What a push touches stands together.
  Queue queue;
  Loss lost;                ///< lost before the queue's oldest event
  std::size_t dropped = 0;  ///< events lost in all
  std::uint64_t after = 0;  ///< live events up to this number are before the stream, or in its replay
  const OverflowPolicy policy;
  const bool announce, named, has_filter;
  bool urgent = false;     ///< `told` is told at once, not only before an event
  bool found_gap = false;  ///< on_gap is due
  bool open = true;        ///< in the map: events still arrive
  WaitPlace waits;

  Event first;  ///< the `connection` event
  Event next;   ///< has left what follows, to be read after the notice of `told`
  std::unique_ptr<Replay> replay;
  Event back;  ///< the `disconnect` event
  Loss told;   ///< lost before `next`, or before the replay

  const std::string connection_id, request_id;
  std::shared_ptr<const std::function<bool(const Event&)>> filter;
  std::uint64_t serial = 0;            ///< never the same twice among those with a filter
  Connection* next_refused = nullptr;  ///< of those that an event did not fit into

  bool something_waits() const noexcept {
    return !first.empty() || !next.empty() || replay || !queue.empty() || !back.empty() ||
           (told.any() && (urgent || !open)) || (lost.any() && !open);
  }
  bool done() const noexcept { return !open && !something_waits(); }
  bool ready() const noexcept { return !open || something_waits(); }

  /// The next event, or an empty one. The event before which a loss is told leaves the queue with the notice, so that a
  /// reader that is slower than the emitter gets events and not notices alone.
  Event take() {
    if (!first.empty()) return std::exchange(first, Event());
    if (next.empty()) load_next();
    if (told.any() && (!next.empty() || urgent || !open)) {
      Event notice = encode_overflow();
      told = {};
      urgent = false;
      return notice;
    }
    return std::exchange(next, Event());
  }

  enum class Push { skipped, queued, queued_after_gap, refused };

  Push push(const Event& event, Wakeups& wakeups) noexcept {
    const std::uint64_t sequence = EventAccess::sequence(event);
    if (sequence != 0 && sequence <= after) return Push::skipped;
    if (policy == OverflowPolicy::disconnect && !queue.fits(event)) return Push::refused;
    const std::size_t before = lost.count;
    queue.push(event, lost);
    dropped += lost.count - before;
    wakeups.add(waits.take());
    return before == 0 && lost.count != 0 ? Push::queued_after_gap : Push::queued;
  }

  bool wants(std::string_view topic) const noexcept {
    return topic.empty() || wide_index_ != nowhere || find(topic) != subscriptions_.end();
  }

  /// Enters the shard's lists, where an exception leaves nothing behind. `topics`: each once.
  void enter_map(const std::vector<std::string>& topics) {
    try {
      shard->by_id.emplace(connection_id, this);
      enter(shard->connections, index_);
      if (has_filter) enter(shard->filtered, filtered_index_);
      if (topics.empty()) enter(shard->wide, wide_index_);
      for (const std::string& topic : topics) add_topic(topic);
    } catch (...) {
      leave_lists();
      throw;
    }
  }

  /// Takes the connection off the map; false: it was off already. `keep_place`: for the one that replaces it.
  bool leave_map(bool keep_place = false) noexcept {
    if (!open) return false;
    open = false;
    leave_lists();
    if (!keep_place) shard->total->fetch_sub(1);
    return true;
  }

  void subscribe(const std::string& name) {
    if (wide_index_ == nowhere && find(name) == subscriptions_.end()) add_topic(name);
  }

  /// False: it did not want that topic by name.
  bool unsubscribe(std::string_view name) noexcept {
    const auto found = find(name);
    if (found == subscriptions_.end()) return false;
    leave(static_cast<std::size_t>(found - subscriptions_.begin()));
    return true;
  }

  /// Called without the lock. Discards what waits and ends the stream.
  void close(std::string_view reason, error_code wait_result) noexcept {
    bool removed = false;
    Wakeups wakeups;
    {
      const std::lock_guard lock(shard->mutex);
      removed = leave_map();
      queue.clear();
      replay.reset();
      first = next = back = Event();
      told = lost = {};
      wakeups.add(waits.take());
    }
    wakeups.complete(wait_result);
    if (removed) shard->on_removed(*this, reason);
  }

 private:
  static constexpr auto nowhere = static_cast<std::size_t>(-1);
  struct Subscription {
    Topic* topic;
    std::size_t index;  ///< of the topic's members
  };

  void load_next() noexcept {
    if (replay) {
      const bool had_gap = told.any();
      const std::size_t before = told.count;
      next = replay->take(*shard->history, told);
      dropped += told.count - before;
      found_gap = found_gap || (told.any() && !had_gap);
      if (replay->done()) replay.reset();
      if (!next.empty()) return;
    }
    if (queue.empty() && open) return;
    told.add(std::exchange(lost, {}));
    next = queue.empty() ? std::exchange(back, Event()) : queue.pop();
  }

  Event encode_overflow() const {
    std::string members = ",\"dropped\":" + (told.reset ? "null" : std::to_string(told.count));
    if (told.reset) members += ",\"reset\":true";
    const std::uint64_t start = shard->history->start;
    if (told.first != 0 && !told.reset)
      members += ",\"first_id\":\"" + to_string({start, told.first}) + "\",\"last_id\":\"" +
                 to_string({start, told.last}) + '"';
    const std::string_view why = told.reset ? "It is not known what this client has missed"
                                 : urgent   ? "The history does not go back to the last event of this client"
                                            : "Events were dropped because this connection reads too slowly";
    return encode_notice("overflow", {named, false, {}, {}}, why, members);
  }

  std::vector<Subscription>::const_iterator find(std::string_view topic) const noexcept {
    return std::find_if(subscriptions_.begin(), subscriptions_.end(),
                        [&](const Subscription& mine) { return mine.topic->name == topic; });
  }

  void add_topic(const std::string& name) {
    const std::size_t slot = subscriptions_.size();
    if (slot == subscriptions_.capacity()) subscriptions_.reserve(std::max<std::size_t>(1, 2 * slot));
    Topic& topic = shard->topics.try_emplace(name, Topic{name, {}}).first->second;
    try {
      topic.members.push_back({this, slot});
    } catch (...) {
      if (topic.members.empty()) shard->topics.erase(name);
      throw;
    }
    subscriptions_.push_back({&topic, topic.members.size() - 1});
  }

  void enter(std::vector<Connection*>& list, std::size_t& index) {
    list.push_back(this);
    index = list.size() - 1;
  }
  static void leave(std::vector<Connection*>& list, std::size_t Connection::*index, Connection& connection) noexcept {
    const std::size_t place = std::exchange(connection.*index, nowhere);
    if (place == nowhere) return;
    list[place] = list.back();
    if (list[place] != &connection) list[place]->*index = place;
    list.pop_back();
  }
  void leave(std::size_t slot) noexcept {
    const auto [topic, index] = subscriptions_[slot];
    topic->members[index] = topic->members.back();
    const Topic::Member moved = topic->members[index];
    moved.connection->subscriptions_[moved.slot].index = index;
    topic->members.pop_back();
    subscriptions_[slot] = subscriptions_.back();
    subscriptions_.pop_back();
    if (slot < subscriptions_.size()) subscriptions_[slot].topic->members[subscriptions_[slot].index].slot = slot;
    if (topic->members.empty()) shard->topics.erase(shard->topics.find(topic->name));
  }
  void leave_lists() noexcept {
    if (const auto mine = shard->by_id.find(connection_id); mine != shard->by_id.end() && mine->second == this)
      shard->by_id.erase(mine);
    leave(shard->connections, &Connection::index_, *this);
    leave(shard->filtered, &Connection::filtered_index_, *this);
    leave(shard->wide, &Connection::wide_index_, *this);
    while (!subscriptions_.empty()) leave(subscriptions_.size() - 1);
  }

  std::size_t index_ = nowhere, wide_index_ = nowhere, filtered_index_ = nowhere;
  std::vector<Subscription> subscriptions_;
};

}  // namespace sse::detail
