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
#include "sse/detail/history/loss.hpp"
#include "sse/detail/history/loss_report.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/hub/shard.hpp"
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

  const std::shared_ptr<Shard> shard;  ///< Immutable. Keeps the hub alive.
  const std::string connection_id;     ///< Immutable.
  WaitPlace waits;                     ///< Locks shard->mutex itself; take() and join() expect it held.

  std::string_view name() const noexcept { return connection_id; }
  std::uint64_t name_hash() const noexcept { return secret_hash(connection_id); }
  const std::string& request_id() const noexcept;
  const std::string& limit_key() const noexcept;
  /// ConnectionOptions::executor; without one asio::system_executor.
  asio::any_io_executor executor() const noexcept {
    return cold_ && cold_->executor ? cold_->executor : asio::any_io_executor(asio::system_executor());
  }
  bool lets_finish() const noexcept { return let_finish_; }
  bool expires() const noexcept { return cold_ && cold_->expires_at; }
  /// The time until ConnectionOptions::expires_at, which it must have; never less than 0.
  std::chrono::system_clock::duration time_left() const;

  /// Tells Clang that shard->mutex is held, by another name: the lock of a Shard& that is this one's.
  void assert_locked() const noexcept SSE_ASSERT_CAPABILITY(shard->mutex) {}

  // Before it enters the map, by the thread that adds it:

  /// The events that it has lost before its replay.
  void begin_with(const Loss& lost) noexcept {
    assert_locked();  // nobody else knows it yet
    losses_.begin_with(lost);
  }
  void set_connect_event(Event event) noexcept {
    assert_locked();  // nobody else knows it yet
    connect_event_ = std::move(event);
  }

  /// Subscribes to its first topics, a few under each lock, so that no emitter waits for many of them. Until the
  /// connection is in the map their events pass it by.
  void subscribe_first(const std::vector<std::string>& topics) SSE_EXCLUDES(shard->mutex);

  // In the map:

  /// Enters the shard's lists; an exception leaves it in none. `last` is the number of the history's last event: those
  /// events are not for the queue, they come by the replay or not at all.
  void enter_map(std::uint64_t last) SSE_REQUIRES(shard->mutex);
  bool in_map() const noexcept SSE_REQUIRES(shard->mutex) { return index_ != Subscriptions::nowhere; }
  /// Gives the `connection` event the id after which the stream goes on.
  void set_connect_id(std::uint64_t start, std::uint64_t n) SSE_REQUIRES(shard->mutex);
  void set_replay(Owned<Replay> replay) noexcept SSE_REQUIRES(shard->mutex) { replay_ = std::move(replay); }
  /// Takes the connection off the map. What waits stays, then comes `last`. False: it was off already.
  bool leave_map(EndReason why, const Inherited& inherited, const Event& last, Wakeups& wakeups) noexcept
      SSE_REQUIRES(shard->mutex);
  /// It could not enter the map.
  void give_up() noexcept SSE_REQUIRES(shard->mutex) { open_ = false; }

  /// Pushes an event into its own queue, which it must have.
  PushResult push(const Event& event, Wakeups& wakeups) noexcept SSE_REQUIRES(shard->mutex);
  /// Pushes an event that is for this connection alone. It gets a queue of its own for that.
  PushResult push_alone(const Event& event, Wakeups& wakeups) noexcept SSE_REQUIRES(shard->mutex);
  /// Whether it has just lost the event `at` of a backlog, the first of a gap.
  bool loses_first(const Backlog& backlog, std::uint64_t at) const noexcept SSE_REQUIRES(shard->mutex) {
    return queue_.loses_first(backlog, at);
  }

  /// Null: it gets every event.
  Subscriptions* subscriptions() const noexcept SSE_REQUIRES(shard->mutex) {
    return subscriptions_ ? &*subscriptions_ : nullptr;
  }
  /// Whether it wants the events of a topic. Null: of one that nobody has subscribed to.
  bool wants(const Topic* topic) const noexcept SSE_REQUIRES(shard->mutex);
  void subscribe(const HashedName& topic) SSE_REQUIRES(shard->mutex);
  /// False: it has not subscribed to the topic by name.
  bool unsubscribe(const HashedName& topic) noexcept SSE_REQUIRES(shard->mutex);

  std::optional<EndReason> ended() const noexcept SSE_REQUIRES(shard->mutex) { return ended_; }
  std::size_t queued() const noexcept SSE_REQUIRES(shard->mutex) { return queue_.size(); }
  /// The queued events and the one that has left the queue with its notice.
  std::size_t waiting() const noexcept SSE_REQUIRES(shard->mutex) {
    return queue_.size() + (taken_event_.empty() ? 0 : 1);
  }
  std::size_t dropped() const noexcept SSE_REQUIRES(shard->mutex) { return losses_.dropped() + queue_.uncounted(); }
  /// Events lost in the backlog that Shard::counts does not know of yet.
  std::size_t uncounted() const noexcept SSE_REQUIRES(shard->mutex) { return queue_.uncounted(); }

  // For its reader:

  bool something_waits() const noexcept SSE_REQUIRES(shard->mutex);
  bool ready() const noexcept SSE_REQUIRES(shard->mutex) { return !open_ || something_waits(); }
  /// True once the reader, who asks, has seen the end.
  bool finish_if_done() noexcept SSE_REQUIRES(shard->mutex);

  /// Takes the next event; empty: none waits. The event before which a loss is told leaves the queue with the notice,
  /// so that a reader that is slower than the emitter gets events and not notices alone.
  Event take() SSE_REQUIRES(shard->mutex);
  /// The number of events that wait in the backlog with nothing before them.
  std::size_t shared() const noexcept SSE_REQUIRES(shard->mutex) {
    return reads_with_others() && !replay_ ? queue_.size() : 0;
  }
  /// Takes `count` of them, at least 1.
  template <class TakeEvent>
  void take_shared(std::size_t count, TakeEvent&& take_event) noexcept SSE_REQUIRES(shard->mutex) {
    queue_.read_shared(count, take_event);
    shard->counts.delivered += count;
  }
  /// Takes what waits, for one write, behind `head`. Nothing: nothing waits.
  BatchPart take_batch(Event head) SSE_REQUIRES(shard->mutex);
  /// Takes what the observer is to be told when the lock is released.
  LossReport::Due take_due() noexcept SSE_REQUIRES(shard->mutex) { return losses_.take_due(); }

  /// Discards what waits and ends the stream.
  void close(EndReason why, std::string_view reason, error_code wait_result) noexcept SSE_EXCLUDES(shard->mutex);

 private:
  /// What most connections do not have.
  struct ColdOptions {
    explicit ColdOptions(const ConnectionOptions& options)
        : request_id(options.request_id),
          limit_key(options.limit_key),
          expires_at(options.expires_at),
          executor(options.executor) {}

    const std::string request_id, limit_key;
    const std::optional<std::chrono::system_clock::time_point> expires_at;
    const asio::any_io_executor executor;
  };

  // Reading:

  BatchPart next_batch(Event head) SSE_REQUIRES(shard->mutex);
  /// Whether the next event is one that others at the same place read, too.
  bool reads_with_others() const noexcept SSE_REQUIRES(shard->mutex);
  BatchPart take_shared_batch() SSE_REQUIRES(shard->mutex);
  void load_taken_event() noexcept SSE_REQUIRES(shard->mutex);
  void finish() noexcept SSE_REQUIRES(shard->mutex);

  // Losses:

  void count_lost(std::size_t count, LossReason why) noexcept SSE_REQUIRES(shard->mutex);
  /// Goes on behind the events that it has lost in the backlog.
  void skip_lost() noexcept SSE_REQUIRES(shard->mutex);
  void report_untold() noexcept SSE_REQUIRES(shard->mutex);
  /// Discards what its reader will not read any more, and will not be told of.
  void discard_queue() noexcept SSE_REQUIRES(shard->mutex);

  // The shard's lists:

  void enter_queues(std::uint64_t last) SSE_REQUIRES(shard->mutex);
  void share_again() noexcept SSE_REQUIRES(shard->mutex);
  /// Moves from the backlog to a queue of its own, with what waits; an exception changes nothing.
  void take_own_queue() SSE_REQUIRES(shard->mutex);
  /// Keeps what waits for a reader that has not seen it, and takes away what it has no right to.
  void keep_waiting_events(EndReason why) noexcept SSE_REQUIRES(shard->mutex);
  /// More than a few topics are left to release_topics().
  void leave_lists() noexcept SSE_REQUIRES(shard->mutex);
  /// Drops its topics, a few under each lock, and its filter.
  void release_topics() noexcept SSE_EXCLUDES(shard->mutex);
  void enter(std::vector<Connection*>& list, std::size_t& index) SSE_REQUIRES(shard->mutex);
  void leave(std::vector<Connection*>& list, std::size_t Subscriptions::*index) noexcept SSE_REQUIRES(shard->mutex);
  template <class IndexOf>
  void leave(std::vector<Connection*>& list, std::size_t& index, IndexOf&& index_of) noexcept;

  Event connect_event_ SSE_GUARDED_BY(shard->mutex);   ///< The `connection` event. Empty once delivered.
  Owned<Replay> replay_ SSE_GUARDED_BY(shard->mutex);  ///< Null once it is done.
  Event taken_event_ SSE_GUARDED_BY(shard->mutex);  ///< Has left the queue; read after the notice of the untold loss.
  Event disconnect_event_
      SSE_GUARDED_BY(shard->mutex);  ///< The `disconnect` event. Empty once delivered, or not to come.
  LossReport losses_ SSE_GUARDED_BY(shard->mutex);
  Owned<Subscriptions> subscriptions_ SSE_GUARDED_BY(shard->mutex);          ///< Null while queue_ is shared.
  const Owned<const ColdOptions> cold_;                                      ///< Immutable.
  std::size_t index_ SSE_GUARDED_BY(shard->mutex) = Subscriptions::nowhere;  ///< In shard->connections.
  // Its tail has room for the bytes below, so that an idle connection costs eight bytes less.
  [[no_unique_address]] ReaderQueue queue_ SSE_GUARDED_BY(shard->mutex);
  const bool announce_, let_finish_;                   ///< Immutable.
  bool open_ SSE_GUARDED_BY(shard->mutex) = true;      ///< In the map: events still arrive.
  bool finished_ SSE_GUARDED_BY(shard->mutex) = true;  ///< Its reader has seen the end, or it is in no map.
  std::optional<EndReason> ended_ SSE_GUARDED_BY(shard->mutex);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/connection.ipp"
#endif
