// SPDX-License-Identifier: MIT
// The state that a stream and its manager share. The shard's mutex guards it.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/history/loss_report.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/hub/shared_reader.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/detail/queue/reader_queue.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Encodes the `connection` event. `resumed`: whether the stream goes on after the client's last_event_id without a
/// loss. Unset: the client has sent none.
Event encode_connection(const Options& options, std::string_view connection_id, std::optional<bool> resumed);

/// The shared state of a stream. Everything that changes is guarded by shard->mutex.
///
/// A reader gets, in this order: the `connection` event, the replay, live events, the `disconnect` event. Before an
/// event that follows a gap it gets the notice of the gap.
class Connection : public IntrusiveList<Connection>::Hook {
 public:
  Connection(std::shared_ptr<Shard> home, const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::shared_ptr<Shard> shard;  ///< Immutable. Shares the ownership of the hub.
  const std::string connection_id;     ///< Immutable.
  WaitPlace waits;  ///< Locks shard->mutex itself; take(), join() and was_cancelled() expect it held.

  std::string_view name() const noexcept { return connection_id; }
  std::uint64_t name_hash() const noexcept { return secret_hash(connection_id); }
  const std::string& request_id() const noexcept;
  const std::string& limit_key() const noexcept;
  /// ConnectionOptions::executor, or empty.
  asio::any_io_executor executor() const noexcept { return cold_ ? cold_->executor : asio::any_io_executor(); }
  bool lets_finish() const noexcept { return let_finish_; }
  bool expires() const noexcept { return cold_ && cold_->expires_at; }
  /// The time until ConnectionOptions::expires_at, at least 0. The connection must have one.
  std::chrono::system_clock::duration time_left() const;

  /// Tells Clang that the caller holds shard->mutex, which it has locked by another name.
  void assert_locked() const noexcept SSE_ASSERT_CAPABILITY(shard->mutex) {}

  // Called by the thread that adds the connection, before it enters the map:

  /// Sets the events that it has lost before its replay.
  void begin_with(const Loss& lost) noexcept {
    assert_locked();  // no other thread knows the connection yet
    losses_.begin_with(lost);
  }
  void set_connect_event(Event event) noexcept {
    assert_locked();  // no other thread knows the connection yet
    connect_event_ = std::move(event);
  }

  /// Subscribes to its first topics, a few under each lock, so that no emitter waits for many of them. Until the
  /// connection is in the map their events pass it by.
  void subscribe_first(const std::vector<std::string>& topics) SSE_EXCLUDES(shard->mutex);

  // Called while it is in the map:

  /// Gives its reader nothing until `release_held`: the log, which says where its stream begins, is not open yet.
  void hold() noexcept SSE_REQUIRES(shard->mutex) { held_ = true; }
  /// Lets a held connection begin: with this `connection` event, if it has one, and `lost` before its replay. It gets
  /// the live events after the number `after`. False: it has ended.
  bool release_held(Event connect_event, const std::optional<EventId>& connect_id, const Loss& lost,
                    Owned<Replay> replay, std::uint64_t after, Wakeups& wakeups) SSE_REQUIRES(shard->mutex);
  /// Tells its reader that an unknown number of events is lost here. It gets the live events after the number `last`.
  void tell_reset(std::uint64_t last, Wakeups& wakeups) noexcept SSE_REQUIRES(shard->mutex);
  /// Enters the shard's lists; an exception leaves it in none. `last` is the number of the history's last event: those
  /// events are not for the queue, they come by the replay or not at all.
  void enter_map(std::uint64_t last) SSE_REQUIRES(shard->mutex);
  bool in_map() const noexcept SSE_REQUIRES(shard->mutex) { return index_ != Subscriptions::nowhere; }
  /// Gives the `connection` event the id after which the stream continues.
  void set_connect_id(const EventId& id) SSE_REQUIRES(shard->mutex);
  void set_replay(Owned<Replay> replay) noexcept SSE_REQUIRES(shard->mutex) { replay_ = std::move(replay); }
  /// Takes the connection off the map. Its queued events stay, and `last` follows them. False: it was not in the map.
  bool leave_map(EndReason why, const Inherited& inherited, const Event& last, Wakeups& wakeups) noexcept
      SSE_REQUIRES(shard->mutex);
  /// Marks a connection that could not enter the map.
  void give_up() noexcept SSE_REQUIRES(shard->mutex) { open_ = false; }

  /// Pushes an event into its private queue, which it must have.
  PushResult push(const Event& event, Wakeups& wakeups) noexcept SSE_REQUIRES(shard->mutex);
  /// Pushes an event that is for this connection alone. A connection that shares a backlog gets a private queue first.
  PushResult push_alone(const Event& event, Wakeups& wakeups) noexcept SSE_REQUIRES(shard->mutex);
  /// True if it has just lost the event `at` of a backlog, the first of a gap.
  bool loses_first(const Backlog& backlog, std::uint64_t at) const noexcept SSE_REQUIRES(shard->mutex) {
    return queue_.loses_first(backlog, at);
  }

  bool has_filter() const noexcept SSE_REQUIRES(shard->mutex) {
    return shared_filter() || (subscriptions_ && subscriptions_->filter);
  }
  /// The topics and the filter. Null: the connection shares a backlog.
  Subscriptions* subscriptions() const noexcept SSE_REQUIRES(shard->mutex) {
    return subscriptions_ ? &*subscriptions_ : nullptr;
  }
  /// True if a connection that shares no backlog wants the events of a topic. Null: a topic without subscribers.
  bool wants(const Topic* topic) const noexcept SSE_REQUIRES(shard->mutex);
  /// True if it has subscribed to the topic by name.
  bool names_topic(const HashedName& topic) const noexcept SSE_REQUIRES(shard->mutex);
  void subscribe(const HashedName& topic) SSE_REQUIRES(shard->mutex);
  /// Unsubscribes from a topic. False: it has not subscribed to the topic by name.
  bool unsubscribe(const HashedName& topic) SSE_REQUIRES(shard->mutex);

  /// True if it shares a backlog that gets every event.
  bool shares_all() const noexcept SSE_REQUIRES(shard->mutex) {
    return queue_.is_shared() && queue_.backlog()->gets_all();
  }
  /// The id that moves its client's place behind the events up to `last`, none of which it wanted. The last of the
  /// manager must be `last`, and delivered. Nullopt: the client knows the place, something waits, or is lost.
  std::optional<EventId> moved_place(const History::LastEvent& last) noexcept SSE_REQUIRES(shard->mutex);

  std::optional<EndReason> ended() const noexcept SSE_REQUIRES(shard->mutex) { return ended_; }
  std::size_t queued() const noexcept SSE_REQUIRES(shard->mutex) { return queue_.size(); }
  /// The number of queued events, and the event that has left the queue with its notice.
  std::size_t waiting() const noexcept SSE_REQUIRES(shard->mutex) {
    return queue_.size() + (taken_event_.empty() ? 0 : 1);
  }
  std::size_t dropped() const noexcept SSE_REQUIRES(shard->mutex) { return losses_.dropped() + queue_.uncounted(); }
  /// The number of events lost in the backlog that Shard::counts does not include yet.
  std::size_t uncounted() const noexcept SSE_REQUIRES(shard->mutex) { return queue_.uncounted(); }

  // Called for its reader:

  bool something_waits() const noexcept SSE_REQUIRES(shard->mutex);
  bool ready() const noexcept SSE_REQUIRES(shard->mutex) { return !open_ || something_waits(); }
  /// True if a raw stream has come to a loss, and is to be ended.
  bool must_end() const noexcept SSE_REQUIRES(shard->mutex) { return broken_ && open_; }
  /// True if the stream has ended and everything was read. The caller is the reader, which has then seen the end.
  bool finish_if_done() noexcept SSE_REQUIRES(shard->mutex);

  /// Takes the next event. Empty: none waits. The event that follows a loss leaves the queue together with the notice,
  /// so that a reader that is slower than the emitter gets events, and not only notices.
  Event take() SSE_REQUIRES(shard->mutex);
  /// The number of live events that wait, if nothing else comes before them, otherwise 0.
  std::size_t plain() const noexcept SSE_REQUIRES(shard->mutex) {
    return !replay_ && (reads_with_others() || reads_alone()) ? queue_.size() : 0;
  }
  /// Takes `count` events, at least 1 and at most plain().
  template <class TakeEvent>
  void take_plain(std::size_t count, TakeEvent&& take_event) noexcept SSE_REQUIRES(shard->mutex) {
    shard->counts.delivered += count;
    if (queue_.is_shared()) return queue_.read_shared(count, take_event);
    for (std::size_t i = 0; i < count; ++i) take_event(queue_.pop_plain());
    if (open_) share_again();
  }
  /// Takes events for one write, behind `head`, which may be empty. Empty: nothing waits.
  BatchPart take_batch(Event head) SSE_REQUIRES(shard->mutex);
  /// Leaves its place and its wait to `shared`, the reader of many that have read the same, if it has read all events
  /// and nothing but further ones will come. `owner` is what `shared` returns when something is for it alone.
  SharedReader::Entry enter(SharedReader& shared, void* owner) SSE_REQUIRES(shard->mutex);
  /// The reader that it has left its wait to. Null: it waits by itself.
  SharedReader* shared_reader() const noexcept SSE_REQUIRES(shard->mutex);
  /// True if `enter` may succeed at once or later.
  bool may_enter() const noexcept SSE_REQUIRES(shard->mutex);
  /// The backlog that it shares. Null: it shares none.
  const Backlog* backlog() const noexcept SSE_REQUIRES(shard->mutex) { return queue_.backlog(); }
  /// Reads by itself again. Does nothing if it does already.
  void leave(SharedReader& shared) noexcept SSE_REQUIRES(shard->mutex);

  /// Takes the calls of the observer that are due once the lock is released.
  LossReport::Due take_due() noexcept SSE_REQUIRES(shard->mutex) { return losses_.take_due(); }

  /// Discards the queued events and ends the stream.
  void close(EndReason why, std::string_view reason, error_code wait_result) noexcept SSE_EXCLUDES(shard->mutex);

 private:
  /// It is to read by itself: its SharedReader's driver removes it before that reads again.
  void read_alone() noexcept SSE_REQUIRES(shard->mutex);
  /// Takes the waiter that is to be completed for it.
  Waiter* call() noexcept SSE_REQUIRES(shard->mutex) {
    read_alone();
    return waits.take();
  }

  /// Options that most connections do not set.
  struct ColdOptions {
    explicit ColdOptions(const ConnectionOptions& options)
        : request_id(options.request_id),
          limit_key(options.limit_key),
          expires_at(options.expires_at),
          executor(options.executor),
          shared_filter(Filter::shared_by(options.filter)) {}

    const std::string request_id, limit_key;
    const std::optional<std::chrono::system_clock::time_point> expires_at;
    const asio::any_io_executor executor;
    const IntrusivePtr<Filter>
        shared_filter;  ///< Kept for the audience. Null: the filter is its own, or there is none.
  };

  /// The filter of a SharedFilter, or null.
  Filter* shared_filter() const noexcept { return cold_ ? cold_->shared_filter.get() : nullptr; }

  // Reading:

  BatchPart next_batch(Event head) SSE_REQUIRES(shard->mutex);
  /// True if the next event is in a batch that other readers at the same place share.
  bool reads_with_others() const noexcept SSE_REQUIRES(shard->mutex);
  /// True if live events wait in its own queue, and nothing comes before them.
  bool reads_alone() const noexcept SSE_REQUIRES(shard->mutex);
  BatchPart take_shared_batch() SSE_REQUIRES(shard->mutex);
  void load_taken_event() noexcept SSE_REQUIRES(shard->mutex);
  void finish() noexcept SSE_REQUIRES(shard->mutex);

  // Losses:

  /// Counts the events lost before its first one.
  void count_first_loss() noexcept SSE_REQUIRES(shard->mutex);
  void count_lost(std::size_t count, LossReason why) noexcept SSE_REQUIRES(shard->mutex);
  /// Counts the events that it has lost in the backlog, and moves behind them.
  void skip_lost() noexcept SSE_REQUIRES(shard->mutex);
  void report_untold() noexcept SSE_REQUIRES(shard->mutex);
  /// Discards the queued events and counts them as unread.
  void discard_queue() noexcept SSE_REQUIRES(shard->mutex);

  // The shard's lists:

  void enter_queues(std::uint64_t last) SSE_REQUIRES(shard->mutex);
  /// True if others may share its events. An audience of one would cost more memory than a queue.
  bool can_share() const noexcept SSE_REQUIRES(shard->mutex);
  /// Moves to the end of the backlog of its topics. `is_wide`: it wants every topic. If it throws, nothing has changed.
  void enter_backlog(bool is_wide) SSE_REQUIRES(shard->mutex);
  /// Moves to a backlog if its private queue is empty.
  void share_again() noexcept SSE_REQUIRES(shard->mutex);
  /// Leaves its backlog, of which it has lost nothing that is uncounted.
  void leave_backlog() noexcept SSE_REQUIRES(shard->mutex);
  void release(Backlog& backlog) noexcept SSE_REQUIRES(shard->mutex);
  /// True if it shares a backlog, and has not named topics.
  bool wants_every_topic() const noexcept SSE_REQUIRES(shard->mutex);
  /// True if it shares the backlog of an audience that has the topic.
  bool audience_has(const HashedName& topic) const noexcept SSE_REQUIRES(shard->mutex);
  /// Moves from the backlog to a private queue, with its events. If it throws, nothing has changed.
  void take_own_queue() SSE_REQUIRES(shard->mutex);
  /// Keeps the queued events for the reader, except those that it has no right to after `expires_at`.
  void keep_waiting_events(EndReason why) noexcept SSE_REQUIRES(shard->mutex);
  /// More than a few topics are left to release_topics().
  void leave_lists() noexcept SSE_REQUIRES(shard->mutex);
  /// Drops its topics, a few under each lock, and its filter.
  void release_topics() noexcept SSE_EXCLUDES(shard->mutex);
  void enter_filtered() SSE_REQUIRES(shard->mutex);
  void leave_filtered() noexcept SSE_REQUIRES(shard->mutex);
  void enter(std::vector<Connection*>& list, std::size_t& index) SSE_REQUIRES(shard->mutex);
  void leave(std::vector<Connection*>& list, std::size_t Subscriptions::*index) noexcept SSE_REQUIRES(shard->mutex);
  template <class IndexOf>
  void leave(std::vector<Connection*>& list, std::size_t& index, IndexOf&& index_of) noexcept;

  Event connect_event_ SSE_GUARDED_BY(shard->mutex);   ///< The `connection` event. Empty once delivered.
  Owned<Replay> replay_ SSE_GUARDED_BY(shard->mutex);  ///< Null once it is done.
  /// An event that has left the queue. It follows the notice of the untold loss.
  Event taken_event_ SSE_GUARDED_BY(shard->mutex);
  Event disconnect_event_
      SSE_GUARDED_BY(shard->mutex);  ///< The `disconnect` event. Empty once delivered, or if none is due.
  LossReport losses_ SSE_GUARDED_BY(shard->mutex);
  Owned<Subscriptions> subscriptions_ SSE_GUARDED_BY(shard->mutex);          ///< Null while queue_ is shared.
  const Owned<const ColdOptions> cold_;                                      ///< Immutable.
  std::size_t index_ SSE_GUARDED_BY(shard->mutex) = Subscriptions::nowhere;  ///< The index in shard->connections.
  // The members below lie in the padding at its end, which saves eight bytes a connection.
  [[no_unique_address]] ReaderQueue queue_ SSE_GUARDED_BY(shard->mutex);
  const bool announce_, let_finish_, raw_;          ///< Immutable.
  bool open_ SSE_GUARDED_BY(shard->mutex) = true;   ///< True while it is in the map and gets new events.
  bool held_ SSE_GUARDED_BY(shard->mutex) = false;  ///< True until its stream may begin.
  /// It is raw, and has lost what would come next: its reader gets nothing more.
  bool broken_ SSE_GUARDED_BY(shard->mutex) = false;
  /// True if its reader has seen the end, or if it never entered the map.
  bool finished_ SSE_GUARDED_BY(shard->mutex) = true;
  std::optional<EndReason> ended_ SSE_GUARDED_BY(shard->mutex);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/connection.ipp"
#endif
