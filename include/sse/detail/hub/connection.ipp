// SPDX-License-Identifier: MIT
// The bodies of Connection. See connection.hpp.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/hub/audience.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/reader_queue.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// True if a connection may share a backlog: it has no filter of its own, drops the oldest, has no bound in bytes, and
/// gets the notices that all get.
inline bool may_share(const ConnectionOptions& options, std::size_t max_bytes) noexcept {
  return max_bytes == 0 && options.overflow_policy == OverflowPolicy::drop_oldest && !options.raw &&
         (!options.filter || Filter::shared_by(options.filter));
}

inline std::size_t max_bytes_of(const ConnectionOptions& options, const Options& defaults) noexcept {
  return options.max_queue_bytes.value_or(defaults.max_queue_bytes);
}

inline bool has_cold(const ConnectionOptions& options) noexcept {
  return !options.request_id.empty() || !options.limit_key.empty() || options.expires_at || options.executor ||
         Filter::shared_by(options.filter);
}

SSE_DECL Event encode_connection(const Options& options, std::string_view connection_id, std::optional<bool> resumed) {
  std::string members = ",\"connection_id\":";
  append_quoted(members, connection_id);
  if (resumed) members += *resumed ? ",\"resumed\":true" : ",\"resumed\":false";
  EncodeOptions form = notice_form(options);
  form.has_id = options.history_size != 0;
  return encode_notice("connection", form, "Connection established", members);
}

/// Never destroyed: threads may ask for it while the process ends.
SSE_DECL const std::string& no_text() noexcept {
  static const std::string& none = *new std::string;
  return none;
}

SSE_DECL Connection::Connection(std::shared_ptr<Shard> home, const ConnectionOptions& options)
    : shard(std::move(home)),
      connection_id(options.connection_id),
      waits(shard->mutex),
      cold_(has_cold(options) ? new ColdOptions(options) : nullptr),
      queue_(options.max_queue_size.value_or(shard->options->max_queue_size), max_bytes_of(options, *shard->options),
             options.overflow_policy, may_share(options, max_bytes_of(options, *shard->options))),
      announce_(options.announce),
      let_finish_(options.let_finish),
      raw_(options.raw) {
  if (!queue_.may_share() || !options.topics.empty() || options.filter)
    subscriptions_ = Owned<Subscriptions>(new Subscriptions);
  if (Filter* const shared = shared_filter())
    subscriptions_->filter = IntrusivePtr<Filter>(shared);
  else if (options.filter)
    subscriptions_->filter = IntrusivePtr<Filter>(new Filter(options.filter, false));
}

SSE_DECL Connection::~Connection() {
  const bool has_topics = [this] {
    assert_locked();  // no other thread knows the connection any more, but for its topics
    finish();
    return static_cast<bool>(subscriptions_);
  }();
  if (has_topics) release_topics();
}

SSE_DECL const std::string& Connection::request_id() const noexcept {
  return cold_ ? cold_->request_id : no_text();
}

SSE_DECL const std::string& Connection::limit_key() const noexcept {
  return cold_ ? cold_->limit_key : no_text();
}

SSE_DECL std::chrono::system_clock::duration Connection::time_left() const {
  using Duration = std::chrono::system_clock::duration;
  const Duration now = time_of(&shard->options->clock).time_since_epoch();
  const Duration end = cold_->expires_at->time_since_epoch();
  if (end <= now) return Duration(0);
  // Unsigned, because the distance between two times may be more than a duration can hold.
  const std::uint64_t left = static_cast<std::uint64_t>(end.count()) - static_cast<std::uint64_t>(now.count());
  constexpr auto most = static_cast<std::uint64_t>((Duration::max)().count());
  return Duration(static_cast<Duration::rep>(std::min(left, most)));
}

/// Topics that a connection enters or leaves under one lock.
inline constexpr std::size_t topics_at_once = Audience::max_topics;

SSE_DECL void Connection::subscribe_first(const std::vector<std::string>& topics) {
  for (std::size_t i = 0; i < topics.size();) {
    const std::size_t end = std::min(topics.size(), i + topics_at_once);
    const SpinLock lock(shard->mutex);
    for (; i < end; ++i) subscriptions_->add(this, shard->topics, HashedName(topics[i]));
  }
}

SSE_DECL void Connection::release_topics() noexcept {
  Owned<Subscriptions> gone;  // destroyed without the lock, because it has the user's filter
  for (bool left = true; left;) {
    const SpinLock lock(shard->mutex);
    left = subscriptions_ && subscriptions_->remove_some(shard->topics, topics_at_once);
    if (!left) gone = std::move(subscriptions_);
  }
}

SSE_DECL void Connection::enter_map(std::uint64_t last) {
  try {
    shard->by_id.insert(*this);
    enter(shard->connections, index_);
    if (can_share() && last == shard->backlogs.sequence())
      enter_backlog(!subscriptions_ || subscriptions_->size() == 0);
    else
      enter_queues(last);
  } catch (...) {
    leave_lists();
    throw;
  }
  finished_ = false;
  shard->admission->stream_opened();
  ++shard->counts.opened;
  count_first_loss();
}

SSE_DECL void Connection::count_first_loss() noexcept {
  const Loss& lost = losses_.untold_loss();
  shard->counts.lost[LossReason::history_gone] += lost.of_history;
  if (lost.reset) ++shard->counts.lost[LossReason::unknown];
}

SSE_DECL bool Connection::release_held(Event connect_event, const std::optional<EventId>& connect_id, const Loss& lost,
                                       Owned<Replay> replay, std::uint64_t after, Wakeups& wakeups) {
  if (!open_ || !held_) return false;
  if (!connect_event_.empty()) {
    connect_event_ = std::move(connect_event);
    if (connect_id) set_connect_id(*connect_id);
  }
  held_ = false;
  queue_.begin_after(after);
  losses_.begin_with(lost);
  count_first_loss();
  replay_ = std::move(replay);
  wakeups.add(call());
  return true;
}

SSE_DECL void Connection::tell_reset(std::uint64_t last, Wakeups& wakeups) noexcept {
  if (!open_) return;
  losses_.lose_count();
  ++shard->counts.lost[LossReason::unknown];
  if (!queue_.is_shared()) queue_.begin_after(last);
  wakeups.add(call());
}

SSE_DECL void Connection::set_connect_id(const EventId& id) {
  EventFactory::set_id(connect_event_, id.start, id.n, 0);
}

SSE_DECL bool Connection::leave_map(EndReason why, const Inherited& inherited, const Event& last,
                                    Wakeups& wakeups) noexcept {
  if (!open_) return false;
  read_alone();
  open_ = held_ = false;
  ended_ = why;
  ++shard->counts.ended[why];
  keep_waiting_events(why);
  leave_lists();
  shard->admission->leave(limit_key(), inherited);
  if (announce_) disconnect_event_ = last;
  wakeups.add(call());
  return true;
}

SSE_DECL void Connection::keep_waiting_events(EndReason why) noexcept {
  try {
    if (queue_.is_shared() && queue_.size() != 0) take_own_queue();
  } catch (const std::bad_alloc&) {
    skip_lost();
    count_lost(queue_.size(), LossReason::queue_full);
    Loss& untold = losses_.untold_loss();
    queue_.read_shared(queue_.size(), [&](const Event& event) { untold.add(event); });
  }
  if (why == EndReason::expired && expires()) queue_.drop_since(*cold_->expires_at);
}

SSE_DECL PushResult Connection::push(const Event& event, Wakeups& wakeups) noexcept {
  std::size_t dropped = 0;
  const PushResult result = queue_.push(event, dropped);
  count_lost(dropped, LossReason::queue_full);
  if (result == PushResult::queued || result == PushResult::queued_after_gap) wakeups.add(call());
  return result;
}

SSE_DECL PushResult Connection::push_alone(const Event& event, Wakeups& wakeups) noexcept {
  try {
    if (queue_.is_shared()) take_own_queue();
  } catch (const std::bad_alloc&) {
    losses_.untold_loss().add(event);
    count_lost(1, LossReason::queue_full);
    return PushResult::queued_after_gap;
  }
  return push(event, wakeups);
}

SSE_DECL bool Connection::wants(const Topic* topic) const noexcept {
  if (!subscriptions_ || subscriptions_->wide_index != Subscriptions::nowhere) return true;
  return topic && subscriptions_->contains(*topic);
}

SSE_DECL bool Connection::audience_has(const HashedName& topic) const noexcept {
  const Topic* const found = shard->topics.find(topic);
  return found && static_cast<const Audience&>(*queue_.backlog()).contains(*found);
}

SSE_DECL bool Connection::wants_every_topic() const noexcept {
  const Backlog& backlog = *queue_.backlog();
  return backlog.gets_all() || static_cast<const Audience&>(backlog).is_wide();
}

SSE_DECL bool Connection::names_topic(const HashedName& topic) const noexcept {
  if (queue_.is_shared()) return !queue_.backlog()->gets_all() && audience_has(topic);
  const Topic* const found = shard->topics.find(topic);
  return found && subscriptions_ && subscriptions_->contains(*found);
}

SSE_DECL void Connection::subscribe(const HashedName& topic) {
  if (queue_.is_shared()) {
    if (wants_every_topic() || audience_has(topic)) return;
    take_own_queue();
  }
  if (subscriptions_->wide_index != Subscriptions::nowhere) return;
  subscriptions_->add(this, shard->topics, topic);
  share_again();
}

SSE_DECL bool Connection::unsubscribe(const HashedName& topic) {
  if (queue_.is_shared()) {
    if (queue_.backlog()->gets_all() || !audience_has(topic)) return false;
    take_own_queue();
  }
  const bool had_it = subscriptions_->remove(shard->topics, topic);
  share_again();
  return had_it;
}

SSE_DECL std::optional<EventId> Connection::moved_place(const History::LastEvent& last) noexcept {
  if (shares_all() || !open_ || held_ || something_waits()) return std::nullopt;
  if (last.id.start == 0 || losses_.untold_loss().any() || queue_.has_lost()) return std::nullopt;
  bool moves;
  if (queue_.is_shared())
    moves = queue_.pass(last.sequence);
  else
    moves = queue_.has_passed(last.sequence) && std::exchange(subscriptions_->told, last.sequence) != last.sequence;
  return moves ? std::optional(last.id) : std::nullopt;
}

SSE_DECL bool Connection::something_waits() const noexcept {
  if (shard->cut || held_ || broken_) return false;
  return !connect_event_.empty() || !taken_event_.empty() || replay_ || queue_.size() != 0 ||
         !disconnect_event_.empty() || losses_.notice_is_due(false, open_) || (!open_ && queue_.has_lost());
}

SSE_DECL bool Connection::finish_if_done() noexcept {
  const bool is_done = !open_ && !something_waits();
  if (is_done) finish();
  return is_done;
}

SSE_DECL void Connection::finish() noexcept {
  if (!std::exchange(finished_, true)) shard->admission->stream_finished();
}

inline bool is_marker(const Event& event) noexcept {
  return !event.empty() && EventFactory::kind(event) == EventKind::marker;
}

SSE_DECL Event Connection::take() {
  if (shard->cut || held_ || broken_) return {};
  if (!connect_event_.empty()) return std::exchange(connect_event_, Event());
  if (taken_event_.empty()) load_taken_event();
  const bool has_lost = losses_.notice_is_due(!taken_event_.empty(), open_);
  if (raw_ && (has_lost || is_marker(taken_event_))) {
    broken_ = true;
    return {};
  }
  if (has_lost) {
    Event notice = losses_.encode_overflow(*shard->options, *shard->history, taken_event_);
    report_untold();
    losses_.forget();
    return notice;
  }
  if (taken_event_.empty()) return open_ ? Event() : std::exchange(disconnect_event_, Event());
  ++shard->counts.delivered;
  return std::exchange(taken_event_, Event());
}

SSE_DECL void Connection::load_taken_event() noexcept {
  Loss& untold = losses_.untold_loss();
  if (replay_) {
    const bool had_gap = untold.any();
    const std::size_t before = untold.count;
    taken_event_ = replay_->take(*shard->history, untold);
    count_lost(untold.count - before, LossReason::history_gone);
    if (untold.any() && !had_gap) losses_.found_gap();
    if (replay_->done()) replay_ = {};
    if (!taken_event_.empty()) return;
  }
  if (queue_.is_shared()) {
    if (queue_.size() == 0) return;
    skip_lost();
    queue_.read_shared(1, [this](const Event& event) {
      assert_locked();
      taken_event_ = event;
    });
  } else if (queue_.size() != 0 || !open_) {
    taken_event_ = queue_.pop(untold);
    if (open_) share_again();
  }
}

SSE_DECL BatchPart Connection::take_batch(Event head) {
  BatchPart part = next_batch(std::move(head));
  shard->counts.written_bytes += part.bytes();
  return part;
}

SSE_DECL BatchPart Connection::next_batch(Event head) {
  if (head.empty()) {
    if (BatchPart part = take_shared_batch(); part.size != 0) return part;
    if (!something_waits()) return {};
  }
  const std::size_t most = replay_ ? Batch::max_size : std::min(Batch::max_size, queued() + 4);
  const IntrusivePtr<Batch> batch(new Batch(most));
  if (!head.empty()) batch->add(std::move(head));
  while (batch->size() < most && !batch->full() && something_waits()) {
    if (std::size_t left = plain(); left != 0 && !queue_.is_shared()) {
      for (; left > 1 && batch->size() + 1 < most && !batch->full(); --left) {
        batch->add(queue_.pop_plain());
        ++shard->counts.delivered;
      }
      if (batch->full()) break;
    }
    Event event;
    try {
      event = take();
    } catch (const std::bad_alloc&) {
      if (batch->size() == 0) throw;
    }
    if (event.empty()) break;  // the history may have dropped the rest
    batch->add(std::move(event));
    if (reads_with_others()) break;
  }
  return {batch, 0, batch->size(), something_waits()};
}

SSE_DECL bool Connection::reads_with_others() const noexcept {
  if (shard->cut || held_ || !connect_event_.empty() || !taken_event_.empty() || losses_.untold_loss().any())
    return false;
  if (replay_) return replay_->wants_all();
  return queue_.is_shared() && queue_.size() != 0 && queue_.uncounted() == 0;
}

SSE_DECL bool Connection::reads_alone() const noexcept {
  if (queue_.is_shared() || queue_.size() == 0 || queue_.has_lost() || losses_.untold_loss().any()) return false;
  return !shard->cut && !held_ && !raw_ && connect_event_.empty() && taken_event_.empty() && !replay_;
}

SSE_DECL BatchPart Connection::take_shared_batch() {
  if (!reads_with_others()) return {};
  BatchPart part;
  if (replay_) {
    part = replay_->take_batch(*shard->history);
    if (part.size != 0 && replay_->done()) replay_ = {};
    part.more = something_waits();
  } else {
    part = queue_.read_shared_batch();
  }
  shard->counts.delivered += part.size;
  return part;
}

SSE_DECL bool Connection::may_enter() const noexcept {
  if (!open_ || held_ || raw_ || expires() || !shares_all() || waits.is_shared()) return false;
  return !something_waits() && !losses_.untold_loss().any() && queue_.uncounted() == 0 && disconnect_event_.empty();
}

SSE_DECL SharedReader* Connection::shared_reader() const noexcept {
  SharedWait* const shared = waits.shared();
  return shared ? static_cast<SharedReader*>(shared->driver) : nullptr;
}

SSE_DECL SharedReader::Entry Connection::enter(SharedReader& shared, void* owner) {
  using Entry = SharedReader::Entry;
  if (!may_enter()) return Entry::refused;
  shared.assert_locked();
  if (!shared.place_at(*queue_.backlog(), queue_.place())) return Entry::behind;
  queue_.enter_shared_place(shared);
  shared.wait.enter(waits, owner);
  return Entry::entered;
}

SSE_DECL void Connection::leave(SharedReader& shared) noexcept {
  shared.assert_locked();
  if (queue_.in_shared_place()) {
    queue_.leave_shared_place();
    shared.left_place();
  }
  shared.wait.leave(waits);
}

SSE_DECL void Connection::read_alone() noexcept {
  if (!queue_.in_shared_place()) return;
  SharedReader& shared = SharedReader::of(*queue_.shared_place());
  shared.assert_locked();
  queue_.leave_shared_place();
  shared.left_place();
  shared.wait.mark_called(waits);
}

SSE_DECL void Connection::count_lost(std::size_t count, LossReason why) noexcept {
  losses_.count(count);
  shard->counts.lost[why] += count;
}

SSE_DECL void Connection::skip_lost() noexcept {
  count_lost(queue_.skip_lost(losses_.untold_loss()), LossReason::queue_full);
}

SSE_DECL void Connection::report_untold() noexcept {
  if (shard->notifier->watches_loss()) losses_.report(losses_.untold_loss(), *shard->history);
}

SSE_DECL void Connection::discard_queue() noexcept {
  Loss unread;
  const auto discard = [&](const Event& event) { unread.add(event); };
  Loss& untold = losses_.untold_loss();
  if (!taken_event_.empty()) discard(taken_event_);
  if (queue_.is_shared()) {
    skip_lost();
    queue_.read_shared(queue_.size(), discard);
    leave_backlog();
  } else {
    for (Event event = queue_.pop(untold); !event.empty(); event = queue_.pop(untold)) discard(event);
  }
  report_untold();
  shard->counts.lost[LossReason::unread] += unread.count;
  if (unread.any() && shard->notifier->watches_loss())
    losses_.report(unread, LossReason::unread, unread.count, *shard->history);
}

SSE_DECL void Connection::close(EndReason why, std::string_view reason, error_code wait_result) noexcept {
  bool removed = false, has_topics = false;
  Wakeups wakeups;
  LossReport::Due due;
  {
    const SpinLock lock(shard->mutex);
    read_alone();
    discard_queue();
    removed = leave_map(why, {}, Event(), wakeups);
    has_topics = static_cast<bool>(subscriptions_);
    queue_.drop_private();
    replay_ = {};
    connect_event_ = taken_event_ = disconnect_event_ = Event();
    losses_.forget();
    finish();
    due = take_due();
    wakeups.add(call());
  }
  wakeups.complete(wait_result);
  if (has_topics) release_topics();
  if (due.losses) shard->notifier->lost(*this, *due.losses);
  if (removed) shard->notifier->removed(*this, reason);
}

SSE_DECL void Connection::enter_queues(std::uint64_t last) {
  queue_.make_private();  // an event that is in the history already may still come to the backlog
  if (!subscriptions_) subscriptions_ = Owned<Subscriptions>(new Subscriptions);
  queue_.begin_after(last);
  if (subscriptions_->filter) enter_filtered();
  enter(shard->queued, subscriptions_->queued_index);
  if (subscriptions_->size() == 0) enter(shard->wide, subscriptions_->wide_index);
}

SSE_DECL bool Connection::can_share() const noexcept {
  if (!queue_.may_share() || !subscriptions_) return queue_.may_share();
  return subscriptions_->size() <= Audience::max_topics && !subscriptions_->is_unique();
}

SSE_DECL void Connection::enter_backlog(bool is_wide) {
  Filter* const filter = shared_filter();
  Backlog& backlog = is_wide && !filter ? shard->backlogs.get(queue_.max_size())
                                        : shard->audiences.get(queue_.max_size(), is_wide ? nullptr : &*subscriptions_,
                                                               filter, shard->topics, shard->backlogs.sequence());
  try {
    queue_.share(backlog, waits);
  } catch (...) {
    release(backlog);
    throw;
  }
  if (!subscriptions_) return;
  leave(shard->queued, &Subscriptions::queued_index);
  leave(shard->wide, &Subscriptions::wide_index);
  leave_filtered();
  subscriptions_->remove_some(shard->topics, Audience::max_topics);
  subscriptions_ = {};
}

SSE_DECL void Connection::share_again() noexcept {
  if (!queue_.can_share_again(shard->backlogs.sequence()) || !can_share()) return;
  try {
    enter_backlog(subscriptions_->wide_index != Subscriptions::nowhere);
    queue_.drop_private();
  } catch (const std::bad_alloc&) {  // it tries again later
  }
}

SSE_DECL void Connection::leave_backlog() noexcept {
  Backlog& left = *queue_.backlog();
  queue_.leave_backlog(waits);
  release(left);
}

SSE_DECL void Connection::release(Backlog& backlog) noexcept {
  if (backlog.gets_all())
    shard->backlogs.release(backlog);
  else
    shard->audiences.release(static_cast<Audience&>(backlog), shard->topics);
}

SSE_DECL void Connection::take_own_queue() {
  read_alone();
  Backlog& left = *queue_.backlog();
  queue_.make_private();
  try {
    Owned<Subscriptions> subscriptions(new Subscriptions);
    subscriptions->filter = IntrusivePtr<Filter>(shared_filter());
    enter(shard->queued, subscriptions->queued_index);
    try {
      if (subscriptions->filter) enter(shard->filtered, subscriptions->filtered_index);
      if (wants_every_topic()) {
        enter(shard->wide, subscriptions->wide_index);
      } else {
        static_cast<const Audience&>(left).for_each([&](const Topic& topic) {
          assert_locked();
          subscriptions->add(this, shard->topics, HashedName(topic.name(), topic.name_hash()));
        });
      }
    } catch (...) {
      subscriptions->remove_some(shard->topics, Audience::max_topics);
      if (subscriptions->filtered_index != Subscriptions::nowhere) shard->filtered.pop_back();
      shard->queued.pop_back();
      throw;
    }
    subscriptions_ = std::move(subscriptions);
    shard->filter_list = {};
  } catch (...) {
    queue_.drop_private();
    throw;
  }
  count_lost(queue_.move_to_private(waits), LossReason::queue_full);
  release(left);
}

SSE_DECL void Connection::enter_filtered() {
  enter(shard->filtered, subscriptions_->filtered_index);
  shard->filter_list = {};
}

SSE_DECL void Connection::leave_filtered() noexcept {
  if (subscriptions_->filtered_index == Subscriptions::nowhere) return;
  leave(shard->filtered, &Subscriptions::filtered_index);
  shard->filter_list = {};  // each of its filters is kept by its connection, too
}

SSE_DECL void Connection::enter(std::vector<Connection*>& list, std::size_t& index) {
  list.push_back(this);
  index = list.size() - 1;
}

SSE_DECL void Connection::leave(std::vector<Connection*>& list, std::size_t Subscriptions::*index) noexcept {
  leave(list, (*subscriptions_).*index, [=](Connection& moved) -> std::size_t& {
    moved.assert_locked();
    return (*moved.subscriptions_).*index;
  });
}

template <class IndexOf>
void Connection::leave(std::vector<Connection*>& list, std::size_t& index, IndexOf&& index_of) noexcept {
  const std::size_t place = std::exchange(index, Subscriptions::nowhere);
  if (place == Subscriptions::nowhere) return;
  list[place] = list.back();
  if (list[place] != this) index_of(*list[place]) = place;
  list.pop_back();
}

SSE_DECL void Connection::leave_lists() noexcept {
  shard->by_id.erase(*this);
  leave(shard->connections, index_, [](Connection& moved) -> std::size_t& {
    moved.assert_locked();
    return moved.index_;
  });
  if (queue_.is_shared()) {
    skip_lost();
    leave_backlog();
  }
  if (!subscriptions_) return;
  leave_filtered();
  leave(shard->queued, &Subscriptions::queued_index);
  leave(shard->wide, &Subscriptions::wide_index);
  if (subscriptions_->size() <= topics_at_once) subscriptions_->remove_some(shard->topics, topics_at_once);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
