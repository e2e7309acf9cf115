// SPDX-License-Identifier: MIT
// The state that a stream and its manager share. The shard's mutex guards it.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/detail/queue/queue.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The shared state of a stream. All that can change is guarded by the shard's mutex.
///
/// While it is in the map, its live events wait in its shard's backlog; or in a queue of its own, where it does not
/// want every event, has another policy, or has been sent one that is for it alone.
class Connection : public IntrusiveList<Connection>::Hook {
  struct Own;

 public:
  Connection(std::shared_ptr<Shard> home, const ConnectionOptions& options)
      : shard(std::move(home)),
        connection_id(options.connection_id),
        waits(shard->mutex),
        announce(options.announce),
        let_finish(options.let_finish),
        max_queue_size_(options.max_queue_size.value_or(shard->options->max_queue_size)),
        rare_(options.request_id.empty() && options.limit_key.empty() && !options.expires_at && !options.executor
                  ? nullptr
                  : new Rare(options)) {
    const std::size_t max_bytes = options.max_queue_bytes.value_or(shard->options->max_queue_bytes);
    may_share_ = options.topics.empty() && !options.filter && max_bytes == 0 &&
                 options.overflow_policy == OverflowPolicy::drop_oldest;
    if (!may_share_) own_ = Owned<Own>(new Own(max_queue_size_, max_bytes, options.overflow_policy));
    if (options.filter) own_->filter = IntrusivePtr<Filter>(new Filter(options.filter));
  }
  ~Connection() { finish(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::shared_ptr<Shard> shard;
  const std::string connection_id;
  WaitPlace waits;
  Event first;  ///< the `connection` event
  Owned<Replay> replay;
  Event back;              ///< the `disconnect` event
  bool open = true;        ///< in the map: events still arrive
  bool found_gap = false;  ///< on_gap is due
  const bool announce, let_finish;
  Owned<std::vector<LostEvents>> told;  ///< on_loss is due

  std::string_view name() const noexcept { return connection_id; }
  const std::string& request_id() const noexcept { return rare_ ? rare_->request_id : no_text(); }
  const std::string& limit_key() const noexcept { return rare_ ? rare_->limit_key : no_text(); }
  /// ConnectionOptions::executor; without one asio::system_executor.
  asio::any_io_executor executor() const noexcept {
    return rare_ && rare_->executor ? rare_->executor : asio::any_io_executor(asio::system_executor());
  }
  std::optional<EndReason> ended() const noexcept { return ended_; }

  bool expires() const noexcept { return rare_ && rare_->expires_at; }
  /// Until ConnectionOptions::expires_at, which it must have; never less than 0.
  std::chrono::system_clock::duration time_left() const {
    const auto now = time_of(&shard->options->clock);
    return *rare_->expires_at > now ? *rare_->expires_at - now : std::chrono::system_clock::duration(0);
  }

  /// What it has lost before its replay.
  void begin_with(const Loss& lost) noexcept {
    told_ = lost;
    notify_at_once_ = lost.any();
    dropped_ = lost.count;
  }

  std::size_t queued() const noexcept { return backlog_ ? backlog_->count(place_) : own_ ? own_->queue.size() : 0; }
  /// With the event whose notice has been read, which has left the queue.
  std::size_t waiting() const noexcept { return queued() + (next_.empty() ? 0 : 1); }
  std::size_t dropped() const noexcept { return dropped_ + uncounted(); }
  /// What it has lost of the backlog and has not come across.
  std::size_t uncounted() const noexcept { return backlog_ ? backlog_->count_lost(place_) : 0; }

  bool something_waits() const noexcept {
    if (shard->cut) return false;
    return !first.empty() || !next_.empty() || replay || queued() != 0 || !back.empty() ||
           (told_.any() && (notify_at_once_ || !open)) || (!open && own_ && own_->lost.any());
  }
  bool done() const noexcept { return !open && !something_waits(); }
  /// Whether the reader, who asks, has seen the end.
  bool finish_if_done() noexcept {
    const bool is_done = done();
    if (is_done) finish();
    return is_done;
  }
  bool ready() const noexcept { return !open || something_waits(); }

  /// The next event, or an empty one. The event before which a loss is told leaves the queue with the notice, so that a
  /// reader that is slower than the emitter gets events and not notices alone.
  Event take() {
    if (shard->cut) return {};
    if (!first.empty()) return std::exchange(first, Event());
    if (next_.empty()) load_next();
    if (told_.any() && (!next_.empty() || notify_at_once_ || !open)) {
      Event notice = encode_overflow();
      report(told_);
      told_ = {};
      notify_at_once_ = false;
      return notice;
    }
    if (next_.empty()) return open ? Event() : std::exchange(back, Event());
    ++shard->counts.delivered;
    return std::exchange(next_, Event());
  }

  /// How many events wait in the backlog with nothing before them.
  std::size_t shared() const noexcept { return stands_in_line() && !replay ? backlog_->count(place_) : 0; }
  /// Takes `count` of them, at least 1.
  template <class TakeEvent>
  void take_shared(std::size_t count, TakeEvent&& take_event) noexcept {
    backlog_->read(place_, count, take_event);
    shard->counts.delivered += count;
  }

  /// What waits, for one write; `head` goes before it. Nothing: nothing waits.
  BatchPart take_batch(Event head) {
    BatchPart part = next_batch(std::move(head));
    shard->counts.written_bytes += part.bytes();
    return part;
  }

  enum class Push { skipped, queued, queued_after_gap, refused };

  /// Into its own queue.
  Push push(const Event& event, Wakeups& wakeups) noexcept {
    const std::uint64_t sequence = EventFactory::sequence(event);
    if (sequence != 0 && sequence <= own_->after) return Push::skipped;
    if (own_->policy == OverflowPolicy::disconnect && !own_->queue.fits(event)) return Push::refused;
    const std::size_t before = own_->lost.count;
    own_->queue.push(event, own_->lost);
    count_lost(own_->lost.count - before, LossReason::queue_full);
    wakeups.add(waits.take());
    return before == 0 && own_->lost.count != 0 ? Push::queued_after_gap : Push::queued;
  }
  /// Into its own queue, which it gets for that.
  Push push_alone(const Event& event, Wakeups& wakeups) noexcept {
    try {
      if (backlog_) take_own_queue();
    } catch (const std::bad_alloc&) {
      told_.add(EventFactory::sequence(event));
      count_lost(1, LossReason::queue_full);
      return Push::queued_after_gap;
    }
    return push(event, wakeups);
  }
  /// Whether it reads `backlog` and has just lost the event `at` there, the first of a gap.
  bool loses_first(const Backlog& backlog, std::uint64_t at) const noexcept {
    return backlog_ == &backlog && place_.at == at;
  }

  IntrusivePtr<Filter> filter() const noexcept { return own_ ? own_->filter : IntrusivePtr<Filter>(); }
  /// Names one with a filter; 0: it has none, or does not see events yet.
  std::uint64_t serial() const noexcept { return own_ ? own_->serial : 0; }
  void set_serial(std::uint64_t serial) noexcept { own_->serial = serial; }

  /// Of those that an event did not fit into.
  Connection*& next_refused() noexcept { return own_->next_refused; }

  bool wants(std::string_view topic) const noexcept {
    return topic.empty() || !own_ || own_->wide_index != nowhere || find(topic) != nowhere;
  }

  /// Enters the shard's lists, where an exception leaves nothing behind. `last`: the number of the
  /// history's last event; what comes of those, with others or by its replay, is not for the queue.
  void enter_map(const std::vector<std::string>& topics, std::uint64_t last) {
    try {
      shard->by_id.insert(*this);
      enter(shard->connections, index_);
      if (may_share_ && last == shard->sequence)
        share();
      else
        enter_queues(topics, last);
    } catch (...) {
      leave_lists();
      throw;
    }
    finished_ = false;
    shard->unfinished->fetch_add(1);
    ++shard->counts.opened;
    shard->counts.lost[LossReason::history_gone] += told_.count;
    if (told_.reset) ++shard->counts.lost[LossReason::unknown];
  }

  /// What one that is replaced leaves to the one that comes with its id.
  struct Inherited {
    bool place = false;  ///< of Options::max_connections
    bool key = false;    ///< of Options::max_connections_per_key
  };
  /// Takes the connection off the map; what waits stays. False: it was off already.
  bool leave_map(EndReason why, const Inherited& inherited) noexcept {
    if (!open) return false;
    open = false;
    ended_ = why;
    ++shard->counts.ended[why];
    try {
      if (backlog_ && backlog_->count(place_) != 0) take_own_queue();
    } catch (const std::bad_alloc&) {
      skip_lost(told_);
      count_lost(backlog_->count(place_), LossReason::queue_full);
      backlog_->read(place_, backlog_->count(place_),
                     [&](const Event& event) { told_.add(EventFactory::sequence(event)); });
    }
    leave_lists();
    if (!inherited.place) shard->total->fetch_sub(1);
    if (!inherited.key && !limit_key().empty() && shard->options->max_connections_per_key != 0)
      shard->keys->leave(limit_key());
    return true;
  }

  void subscribe(std::string_view name) {
    if (own_ && own_->wide_index == nowhere && find(name) == nowhere) add_topic(name);
  }
  /// False: it did not want that topic by name.
  bool unsubscribe(std::string_view name) noexcept {
    if (!own_) return false;
    const std::size_t slot = find(name);
    if (slot == nowhere) return false;
    leave(slot);
    return true;
  }

  /// Called without the lock. Discards what waits and ends the stream.
  void close(EndReason why, std::string_view reason, error_code wait_result) noexcept {
    bool removed = false;
    Wakeups wakeups;
    Owned<std::vector<LostEvents>> lost;
    {
      const std::lock_guard lock(shard->mutex);
      discard_queue();
      removed = leave_map(why, {});
      own_ = {};
      replay = {};
      first = next_ = back = Event();
      told_ = {};
      finish();
      lost = std::move(told);
      wakeups.add(waits.take());
    }
    wakeups.complete(wait_result);
    if (lost) shard->on_loss(*this, *lost);
    if (removed) shard->on_removed(*this, reason);
  }

 private:
  static constexpr auto nowhere = static_cast<std::size_t>(-1);
  struct Subscription {
    Topic* topic;
    std::size_t index;  ///< of the topic's members
  };

  /// What only a connection needs that has a queue of its own.
  struct Own {
    Own(std::size_t max_size, std::size_t max_bytes, OverflowPolicy overflow_policy)
        : queue(max_size, max_bytes, overflow_policy), policy(overflow_policy) {}

    Queue queue;
    Loss lost;                ///< before the queue's oldest event
    std::uint64_t after = 0;  ///< live events up to this number are before the stream, or in its replay
    const OverflowPolicy policy;
    IntrusivePtr<Filter> filter;
    std::uint64_t serial = 0;            ///< never the same twice among those with a filter
    Connection* next_refused = nullptr;  ///< of those that an event did not fit into
    std::vector<Subscription> subscriptions;
    std::size_t index = nowhere, wide_index = nowhere, filtered_index = nowhere;
  };
  void finish() noexcept {
    if (!std::exchange(finished_, true)) shard->unfinished->fetch_sub(1);
  }

  /// What most connections have none of.
  struct Rare {
    explicit Rare(const ConnectionOptions& options)
        : request_id(options.request_id),
          limit_key(options.limit_key),
          expires_at(options.expires_at),
          executor(options.executor) {}

    const std::string request_id, limit_key;
    const std::optional<std::chrono::system_clock::time_point> expires_at;
    const asio::any_io_executor executor;
  };
  static const std::string& no_text() noexcept {
    static const std::string none;
    return none;
  }
  Owned<Own> make_own() const { return Owned<Own>(new Own(max_queue_size_, 0, OverflowPolicy::drop_oldest)); }

  BatchPart next_batch(Event head) {
    if (head.empty()) {
      if (BatchPart part = take_shared_batch(); part.size != 0) return part;
      if (!something_waits()) return {};
    }
    const std::size_t most = replay ? Batch::max_size : std::min(Batch::max_size, queued() + 4);
    const IntrusivePtr<Batch> batch(new Batch(most));
    if (!head.empty()) batch->add(std::move(head));
    while (batch->size() < most && !batch->full() && something_waits()) {
      Event event;
      try {
        event = take();
      } catch (const std::bad_alloc&) {
        if (batch->size() == 0) throw;
      }
      if (event.empty()) break;  // or the history has let go of the rest
      batch->add(std::move(event));
      if (stands_in_line()) break;
    }
    return {batch, 0, batch->size(), something_waits()};
  }

  /// What comes next is what others at the same place read too.
  bool stands_in_line() const noexcept {
    if (shard->cut || !first.empty() || !next_.empty() || told_.any()) return false;
    if (replay) return replay->wants_all();
    return backlog_ && backlog_->count(place_) != 0 && backlog_->count_lost(place_) == 0;
  }
  BatchPart take_shared_batch() {
    if (!stands_in_line()) return {};
    BatchPart part;
    if (replay) {
      part = replay->take_batch(*shard->history);
      if (part.size != 0 && replay->done()) replay = {};
      part.more = something_waits();
    } else {
      part = backlog_->read_batch(place_);
    }
    shard->counts.delivered += part.size;
    return part;
  }

  void load_next() noexcept {
    if (replay) {
      const bool had_gap = told_.any();
      const std::size_t before = told_.count;
      next_ = replay->take(*shard->history, told_);
      count_lost(told_.count - before, LossReason::history_gone);
      found_gap = found_gap || (told_.any() && !had_gap);
      if (replay->done()) replay = {};
      if (!next_.empty()) return;
    }
    if (backlog_) {
      if (backlog_->count(place_) == 0) return;
      skip_lost(told_);
      backlog_->read(place_, 1, [&](const Event& event) { next_ = event; });
    } else if (own_ && !own_->queue.empty()) {
      told_.add(std::exchange(own_->lost, {}));
      next_ = own_->queue.pop();
      if (open && may_share_ && own_->queue.empty() && own_->after <= shard->sequence) share_again();
    } else if (!open && own_) {
      told_.add(std::exchange(own_->lost, {}));
    }
  }

  void count_lost(std::size_t count, LossReason why) noexcept {
    dropped_ += count;
    shard->counts.lost[why] += count;
  }
  /// Goes on behind what it has lost of the backlog.
  void skip_lost(Loss& lost) noexcept {
    count_lost(backlog_->count_lost(place_), LossReason::queue_full);
    backlog_->skip_lost(place_, lost);
  }

  /// For the observer.
  void report(const Loss& lost, LossReason why, std::size_t count) noexcept {
    if (!shard->watches_loss->load()) return;
    try {
      if (!told) told = Owned<std::vector<LostEvents>>(new std::vector<LostEvents>);
      LostEvents events{why, count, {}, {}};
      const std::uint64_t start = shard->history->start;
      if (lost.first != 0 && !lost.reset)
        events.first_id = to_string({start, lost.first}), events.last_id = to_string({start, lost.last});
      told->push_back(std::move(events));
    } catch (const std::bad_alloc&) {  // the observer misses one; the reader comes first
    }
  }
  void report(const Loss& lost) noexcept {
    if (lost.reset) report(lost, LossReason::unknown, 0);
    if (lost.of_history != 0) report(lost, LossReason::history_gone, lost.of_history);
    if (lost.count != lost.of_history) report(lost, LossReason::queue_full, lost.count - lost.of_history);
  }

  /// What nobody will read any more: its reader will not be told of it.
  void discard_queue() noexcept {
    Loss unread;
    const auto discard = [&](const Event& event) { unread.add(EventFactory::sequence(event)); };
    if (!next_.empty()) discard(next_);
    if (backlog_) {
      skip_lost(told_);
      backlog_->read(place_, backlog_->count(place_), discard);
      leave_backlog();
    } else if (own_) {
      told_.add(own_->lost);
      while (!own_->queue.empty()) discard(own_->queue.pop());
    }
    report(told_);
    shard->counts.lost[LossReason::unread] += unread.count;
    if (unread.any()) report(unread, LossReason::unread, unread.count);
  }

  Event encode_overflow() const {
    std::string members = ",\"dropped\":" + (told_.reset ? "null" : std::to_string(told_.count));
    if (told_.reset) members += ",\"reset\":true";
    const std::uint64_t start = shard->history->start;
    if (told_.first != 0 && !told_.reset)
      members += ",\"first_id\":\"" + to_string({start, told_.first}) + "\",\"last_id\":\"" +
                 to_string({start, told_.last}) + '"';
    const std::string_view why = told_.reset       ? "It is not known what this client has missed"
                                 : notify_at_once_ ? "The history does not go back to the last event of this client"
                                                   : "Events were dropped because this connection reads too slowly";
    return encode_notice("overflow", notice_form(*shard->options), why, members);
  }

  void enter_queues(const std::vector<std::string>& topics, std::uint64_t last) {
    if (!own_) own_ = make_own();  // an event is on its way to the backlog that is in the history already
    own_->after = last;
    if (own_->filter) enter(shard->filtered, own_->filtered_index);
    enter(shard->queued, own_->index);
    if (topics.empty()) enter(shard->wide, own_->wide_index);
    for (const std::string& name : topics) {
      const Topic* const topic = shard->topics.find(name);
      if (!topic || topic->members.back().connection != this) add_topic(name);  // each once
    }
  }

  void share() {
    const auto fits = [&](const Backlog& one) { return one.capacity() == max_queue_size_; };
    Backlog* backlog = shard->backlogs.find(fits);
    if (!backlog) {
      backlog = new Backlog(max_queue_size_, shard->sequence);
      shard->backlogs.insert(*backlog);
    }
    try {
      waits.join(&backlog->waits);
    } catch (...) {
      let_go(*backlog);
      throw;
    }
    backlog_ = backlog;
    place_ = backlog->enter();
  }
  void share_again() noexcept {
    try {
      share();
    } catch (const std::bad_alloc&) {  // then later
      return;
    }
    leave(shard->queued, &Own::index);
    leave(shard->wide, &Own::wide_index);
    own_ = {};
  }
  /// It has skipped what it has lost.
  void leave_backlog() noexcept {
    waits.join(nullptr);
    backlog_->leave(place_);
    let_go(*std::exchange(backlog_, nullptr));
  }
  void let_go(Backlog& backlog) noexcept {
    if (backlog.readers() != 0) return;
    shard->backlogs.erase(backlog);
    delete &backlog;
  }
  /// Moves from the backlog to a queue of its own, with what waits; an exception changes nothing.
  void take_own_queue() {
    auto own = make_own();
    enter(shard->queued, own->index);
    try {
      enter(shard->wide, own->wide_index);
    } catch (...) {
      shard->queued.pop_back();
      throw;
    }
    own_ = std::move(own);
    skip_lost(own_->lost);
    const std::size_t before = own_->lost.count;
    backlog_->read(place_, backlog_->count(place_), [&](const Event& event) { own_->queue.push(event, own_->lost); });
    count_lost(own_->lost.count - before, LossReason::queue_full);
    leave_backlog();
  }

  /// The place among its subscriptions; nowhere: it does not want that topic by name.
  std::size_t find(std::string_view topic) const noexcept {
    const auto& subscriptions = own_->subscriptions;
    for (std::size_t slot = 0; slot < subscriptions.size(); ++slot)
      if (subscriptions[slot].topic->name() == topic) return slot;
    return nowhere;
  }

  void add_topic(std::string_view name) {
    auto& subscriptions = own_->subscriptions;
    const std::size_t slot = subscriptions.size();
    subscriptions.push_back({});
    Topic* topic = shard->topics.find(name);
    try {
      if (!topic) {
        topic = new Topic(name);
        shard->topics.insert(*topic);
      }
      topic->members.push_back({this, slot});
    } catch (...) {
      subscriptions.pop_back();
      if (topic) let_go(*topic);
      throw;
    }
    subscriptions[slot] = {topic, topic->members.size() - 1};
  }
  void let_go(Topic& topic) noexcept {
    if (!topic.members.empty()) return;
    shard->topics.erase(topic);
    delete &topic;
  }

  void enter(std::vector<Connection*>& list, std::size_t& index) {
    list.push_back(this);
    index = list.size() - 1;
  }
  void leave(std::vector<Connection*>& list, std::size_t Own::*index) noexcept {
    leave(list, (*own_).*index, [=](Connection& moved) -> std::size_t& { return (*moved.own_).*index; });
  }
  template <class IndexOf>
  void leave(std::vector<Connection*>& list, std::size_t& index, IndexOf&& index_of) noexcept {
    const std::size_t place = std::exchange(index, nowhere);
    if (place == nowhere) return;
    list[place] = list.back();
    if (list[place] != this) index_of(*list[place]) = place;
    list.pop_back();
  }
  void leave(std::size_t slot) noexcept {
    auto& subscriptions = own_->subscriptions;
    const auto [topic, index] = subscriptions[slot];
    topic->members[index] = topic->members.back();
    const Topic::Member moved = topic->members[index];
    moved.connection->own_->subscriptions[moved.slot].index = index;
    topic->members.pop_back();
    subscriptions[slot] = subscriptions.back();
    subscriptions.pop_back();
    if (slot < subscriptions.size()) subscriptions[slot].topic->members[subscriptions[slot].index].slot = slot;
    let_go(*topic);
  }
  void leave_lists() noexcept {
    shard->by_id.erase(*this);
    leave(shard->connections, index_, [](Connection& moved) -> std::size_t& { return moved.index_; });
    if (backlog_) {
      skip_lost(told_);
      leave_backlog();
    }
    if (!own_) return;
    leave(shard->filtered, &Own::filtered_index);
    leave(shard->queued, &Own::index);
    leave(shard->wide, &Own::wide_index);
    while (!own_->subscriptions.empty()) leave(own_->subscriptions.size() - 1);
  }

  Event next_;               ///< has left what follows, to be read after the notice of `told_`
  Loss told_;                ///< lost before `next_`, or before the replay
  std::size_t dropped_ = 0;  ///< events lost in all, but for those that the backlog knows of
  Owned<Own> own_;
  Backlog* backlog_ = nullptr;
  Backlog::Place place_;  ///< in the backlog
  std::size_t index_ = nowhere;
  const std::size_t max_queue_size_;
  bool notify_at_once_ = false;  ///< `told_` is told at once, not only before an event
  bool may_share_ = false;
  bool finished_ = true;  ///< the reader has seen the end, or will see nothing: it is not in the map yet
  std::optional<EndReason> ended_;
  const Owned<const Rare> rare_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
