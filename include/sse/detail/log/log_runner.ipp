// SPDX-License-Identifier: MIT
// The bodies of LogRunner. See log_runner.hpp.

#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sse/detail/base/jitter.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/log/blocked_signals.hpp"
#include "sse/detail/log/log_runner.hpp"
#include "sse/event.hpp"
#include "sse/event_log.hpp"
#include "sse/log_state.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A call that takes longer is told as failing: a log that does not work is known within a second.
inline constexpr std::chrono::milliseconds log_patience{600};
/// The time that one read waits for events.
inline constexpr std::chrono::milliseconds log_read_wait{250};

SSE_DECL std::shared_ptr<LogDriver> start_log_runner(std::shared_ptr<EventLog> log, const LogSettings& settings,
                                                     std::weak_ptr<LogReader> reader) {
  auto runner = std::make_shared<LogRunner>(std::move(log), settings, std::move(reader));
  runner->start();
  return runner;
}

SSE_DECL LogRunner::LogRunner(std::shared_ptr<EventLog> log, const LogSettings& settings,
                              std::weak_ptr<LogReader> reader)
    : log_(std::move(log)),
      reader_(std::move(reader)),
      history_size_(settings.history_size),
      max_lag_(std::clamp<std::size_t>(settings.history_size / 2, 1, 5'000)),
      outbox_(settings.max_events, settings.max_bytes) {
  if (log_->has_manager_.exchange(true))
    throw LogError("sse: Options::log was given to a manager before: each manager needs a log object of its own",
                   false);
}

SSE_DECL void LogRunner::start() {
  const BlockedSignals blocked;  // the threads inherit it: a signal is for the program's own threads
  try {
    for (const auto loop : {&LogRunner::read_all, &LogRunner::append_all, &LogRunner::watch_all}) start_thread(loop);
  } catch (...) {
    close(Clock::now());
    join(Clock::now() + std::chrono::seconds(1));
    throw;
  }
}

SSE_DECL void LogRunner::start_thread(void (LogRunner::*loop)()) {
  const MutexLock lock(mutex_);
  threads_.reserve(4);
  threads_.push_back({std::thread([self = shared_from_this(), loop] {
    ((*self).*loop)();
    self->end_thread();
  })});
}

SSE_DECL void LogRunner::end_thread() noexcept {
  const MutexLock lock(mutex_);
  for (Thread& one : threads_) one.has_ended = one.has_ended || one.thread.get_id() == std::this_thread::get_id();
  progress_.notify_all();
}

SSE_DECL bool LogRunner::is_closing() const {
  const MutexLock lock(mutex_);
  return closing_;
}

SSE_DECL void LogRunner::emit(Event event) {
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    outbox_.push(std::move(event));
    wake = must_wake_reader();
  }
  has_work_.notify_one();  // the thread that wakes finds the mutex free
  if (wake) wake_reader();
}

SSE_DECL bool LogRunner::emit_local(LocalEvent&& local) {
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    if (!outbox_.push_local(std::move(local))) return false;
    wake = must_wake_reader();
  }
  if (wake) wake_reader();
  return true;
}

SSE_DECL std::uint64_t LogRunner::last() const {
  const MutexLock lock(mutex_);
  return outbox_.last();
}

SSE_DECL std::size_t LogRunner::undelivered(std::uint64_t last) {
  bool wake = false;
  std::size_t left = 0;
  {
    const MutexLock lock(mutex_);
    left = static_cast<std::size_t>(last - std::min(last, outbox_.delivered()));
    flushed_to_ = std::max(flushed_to_, last);
    wake = left != 0 && must_wake_reader();
  }
  if (wake) wake_reader();
  return left;
}

SSE_DECL bool LogRunner::must_wake_reader() const {
  if (!waits_since_ || *waits_since_ == outbox_.appended()) return false;
  const bool is_paused = position_.is_open() && outbox_.has_batch() && !may_append();
  return is_paused || outbox_.has_local() || flushed_to_ > outbox_.delivered();
}

SSE_DECL void LogRunner::wake_reader() noexcept {
  interrupts_.fetch_add(1);
  log_->interrupt();
}

SSE_DECL void LogRunner::read_now() noexcept {
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(has_waiters_, true)) has_change_.notify_one();
  }
  wake_reader();
}

SSE_DECL void LogRunner::tell_state() {
  const MutexLock lock(mutex_);
  status_.tell();
  has_change_.notify_one();
}

SSE_DECL LogStats LogRunner::stats() const {
  const MutexLock lock(mutex_);
  LogStats stats = stats_;
  stats.state = closing_ ? LogState::closed : status_.state();
  stats.unlogged_events = outbox_.size();
  stats.lost = outbox_.lost();
  return stats;
}

template <class Function>
LogRunner::Outcome LogRunner::call(LogSide side, std::chrono::milliseconds expected, Function&& function) {
  const std::uint64_t interrupts = interrupts_.load();
  begin_call(side, expected);
  try {
    function();
    end_call(side, LogState::ready, {});
    return Outcome::done;
  } catch (const LogError& error) {
    const bool interrupted = error.may_pass() && interrupts_.load() != interrupts;
    end_call(side,
             interrupted        ? LogState::none
             : error.may_pass() ? LogState::failing
                                : LogState::failed,
             error.what());
    return interrupted ? Outcome::interrupted : Outcome::failed;
  } catch (const std::exception& error) {
    end_call(side, LogState::failed, error.what());
  } catch (...) {
    end_call(side, LogState::failed, "not a std::exception");
  }
  return Outcome::failed;
}

SSE_DECL void LogRunner::begin_call(LogSide side, std::chrono::milliseconds expected) {
  const MutexLock lock(mutex_);
  const Clock::time_point late = Clock::now() + expected + log_patience;
  late_[static_cast<std::size_t>(side)] = late;
  if (late < look_at_) has_change_.notify_one();
}

/// LogState::none: the state stays.
SSE_DECL void LogRunner::end_call(LogSide side, LogState state, std::string_view what) {
  const MutexLock lock(mutex_);
  late_[static_cast<std::size_t>(side)].reset();
  if (side == LogSide::reading) waits_since_.reset();
  if (state == LogState::none) return;
  status_.set(side, state, what);
  if (status_.has_change()) has_change_.notify_one();
}

SSE_DECL bool LogRunner::back_off(LogSide side, unsigned attempt) {
  constexpr std::chrono::milliseconds first{50}, longest{640}, needs_person{5'000};
  const MutexLock lock(mutex_);
  ++stats_.retries;
  const bool may_pass = status_.state_of(side) != LogState::failed;
  const std::chrono::milliseconds wait =
      may_pass ? std::min(first * (1u << std::min(attempt, 6u)), longest) : needs_person;
  const Clock::time_point end = Clock::now() + jittered(wait);
  while (!closing_ && progress_.wait_until(mutex_, end) != std::cv_status::timeout) {
  }
  return !closing_;
}

SSE_DECL void LogRunner::append_all() {
  for (Batch batch = next_batch(); !batch.empty(); batch = next_batch())
    if (!append(batch)) return;
}

SSE_DECL LogRunner::Batch LogRunner::next_batch() {
  for (;;) {
    try {
      const MutexLock lock(mutex_);
      while (!closing_ && !may_append()) has_work_.wait(mutex_);
      return closing_ ? Batch() : outbox_.take_batch(max_lag_);
    } catch (const std::bad_alloc&) {
      if (!back_off(LogSide::appending, 0)) return {};
    }
  }
}

SSE_DECL bool LogRunner::may_append() const {
  const std::uint64_t lag = stats_.lag_events + (outbox_.appended() - read_since_);
  return position_.is_open() && outbox_.has_batch() && (lag < max_lag_ || ignores_lag_);
}

SSE_DECL void LogRunner::prepare(Batch& batch, std::vector<LoggedEvent>& events) const {
  events.clear();
  events.reserve(batch.size());
  for (Outbox::Item& item : batch) {
    if (item.event.empty()) {
      const auto reader = reader_.lock();
      if (!reader) throw LogError("sse: the manager was destroyed", true);
      item.event = reader->encode_lost(item.dropped);
    }
    const Event& event = item.event;
    const bool is_message = EventFactory::kind(event) == EventKind::message;
    events.push_back(
        {0, 0, is_message, event.type(), event.topic(), event.key(), event.json(), !EventFactory::has_id_room(event)});
  }
}

SSE_DECL bool LogRunner::append(Batch& batch) {
  std::vector<LoggedEvent> events;
  std::vector<ReadEvent> own;
  std::optional<LogPlace> place;
  ++batches_;
  for (unsigned attempt = 0;;) {
    const Clock::time_point begin = Clock::now();
    const Outcome outcome = call(LogSide::appending, std::chrono::milliseconds(0), [&] {
      prepare(batch, events);
      own.reserve(batch.size());
      place = log_->append_held(events, batches_);
    });
    if (outcome == Outcome::done) {
      const Clock::duration took = Clock::now() - begin;
      const std::optional<std::uint64_t> appended = acknowledge(batch, took, place);
      if (place) log_->release(appended.has_value());
      if (appended) {
        // Those that a read would restore, byte by byte: they were encoded with the same options.
        for (Outbox::Item& item : batch) own.push_back({std::move(item.event), {place->stamp, place->n + own.size()}});
        deliver_own(own, *appended);
      }
      return true;
    }
    if (outcome == Outcome::interrupted ? is_closing() : !back_off(LogSide::appending, attempt++)) return false;
  }
}

SSE_DECL std::optional<std::uint64_t> LogRunner::acknowledge(const Batch& batch, Clock::duration took,
                                                             std::optional<LogPlace> place) {
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    for (const Outbox::Item& item : batch) stats_.appended += item.dropped == 0;
    ++stats_.appends;
    stats_.append_time += std::chrono::duration_cast<std::chrono::microseconds>(took);
    outbox_.batch_appended();
    if (ignores_lag_) progress_.notify_all();
    // If more waits for the log, this thread goes on with that, while the other one delivers.
    if (place && !closing_ && position_.is_next(place->n) && !outbox_.has_batch()) {
      position_.take(place->n + batch.size() - 1);
      stats_.read += batch.size();
      read_since_ = outbox_.appended();
      if (waits_since_) waits_since_ = outbox_.appended();
      return outbox_.appended();
    }
    wake = must_wake_reader();
  }
  if (wake) wake_reader();
  return std::nullopt;
}

SSE_DECL void LogRunner::deliver_own(std::vector<ReadEvent>& events, std::uint64_t appended) {
  try {
    deliver({}, events);
  } catch (...) {
    wake_reader();  // it opens the log again
    return;
  }
  settle(appended);
  end_turn();
}

SSE_DECL void LogRunner::read_all() {
  for (unsigned attempt = 0;;) {
    const bool opened = [this] {
      const MutexLock lock(mutex_);
      return position_.is_open();
    }();
    const auto step = opened ? &LogRunner::read : &LogRunner::open;
    const Outcome outcome =
        call(LogSide::reading, opened ? log_read_wait : std::chrono::milliseconds(0), [&] { (this->*step)(); });
    if (outcome == Outcome::failed && !back_off(LogSide::reading, attempt++)) return;
    if (outcome == Outcome::done) attempt = 0;
    if (is_closing()) return;
  }
}

SSE_DECL void LogRunner::open() {
  const auto reader = reader_.lock();
  if (!reader) return;
  std::vector<ReadEvent> newest;
  const LogBegin begin = log_->open(history_size_, [&](const LoggedEvent& stored) {
    if (!newest.empty() && stored.n != newest.back().id.n + 1) newest.clear();  // only those after a hole
    newest.push_back({reader->restore({stored.is_message, stored.type, stored.topic, stored.key, stored.data}),
                      {stored.stamp, stored.n}});
  });
  const std::uint64_t cursor = newest.empty() ? begin.tail : newest.back().id.n;
  if (is_closing()) return;
  {
    const MutexLock lock(mutex_);
    late_[static_cast<std::size_t>(LogSide::reading)].reset();  // from here on it is the hub's time
  }
  reader->log_opened(newest, cursor);
  measure();
  const MutexLock lock(mutex_);
  position_.open(cursor);
  has_waiters_ = true;  // those that are ahead of what was opened
  read_since_ = outbox_.appended();
  stats_.lag_events = 0;
  has_work_.notify_one();
  if (!begin.note.empty()) status_.tell(begin.note);
}

SSE_DECL void LogRunner::read() {
  const auto reader = reader_.lock();
  if (!reader) return;
  std::uint64_t after = 0, appended = 0;
  std::chrono::milliseconds wait = log_read_wait;
  {
    const MutexLock lock(mutex_);
    after = position_.cursor();
    appended = outbox_.appended();
    if (appended != outbox_.delivered() && !position_.is_taken()) wait = std::chrono::milliseconds(lags_ ? 20 : 0);
    waits_since_ = appended;
  }
  std::vector<ReadEvent> events;
  LogRead read = log_->read(after, wait, [&](const LoggedEvent& stored) {
    events.push_back(
        {reader->restore({stored.is_message, stored.type, stored.topic, stored.key, stored.data, stored.is_transient}),
         {stored.stamp, stored.n},
         stored.is_transient});
  });
  const bool gave_none = events.empty();
  if (is_closing()) return;
  const std::optional<std::uint64_t> cursor = begin_turn(read, after, events, appended);
  if (!cursor) return;
  deliver(read, events);
  lags_ = gave_none && *cursor < read.tail;
  if (*cursor >= read.tail) settle(appended);
  end_turn();
  if (Clock::now() - measured_ > std::chrono::seconds(1)) measure();
}

SSE_DECL std::optional<std::uint64_t> LogRunner::begin_turn(LogRead& read, std::uint64_t after,
                                                            std::vector<ReadEvent>& events, std::uint64_t appended) {
  std::uint64_t n = after + read.lost.value_or(0);
  const MutexLock lock(mutex_);
  waits_since_.reset();
  late_[static_cast<std::size_t>(LogSide::reading)].reset();  // from here on it is the hub's time
  if (!read.note.empty()) status_.tell(read.note), has_change_.notify_one();
  while (position_.is_taken() && !closing_) progress_.wait(mutex_);
  if (closing_ || !position_.is_open()) return std::nullopt;
  if (!read.lost) {
    position_.close();
    ++stats_.resets;
    return std::nullopt;
  }
  for (const ReadEvent& one : events)
    if (!one.is_transient && one.id.n != ++n)
      throw LogError("sse: a log gave event " + std::to_string(one.id.n) + " in place of " + std::to_string(n), false);
  const std::uint64_t delivered = position_.cursor();
  *read.lost -= std::min(*read.lost, delivered - after);
  std::erase_if(events, [&](const ReadEvent& one) { return !one.is_transient && one.id.n <= delivered; });
  position_.take(std::max(n, delivered));
  stats_.missed += *read.lost;
  stats_.read += events.size();
  read_since_ = std::max(read_since_, appended);
  if (outbox_.has_batch()) has_work_.notify_one();
  stats_.lag_events = read.tail - std::min(read.tail, position_.cursor());
  return position_.cursor();
}

SSE_DECL void LogRunner::deliver(const LogRead& read, std::vector<ReadEvent>& events) {
  try {
    const auto reader = reader_.lock();
    if (!reader) return;
    if (read.lost != 0) reader->log_missed(*read.lost);
    if (read.lost_transient != 0) {
      LocalEvent gap{{}, {}, read.lost_transient};
      reader->deliver_local(gap);
    }
    if (!events.empty()) reader->log_read(events);
  } catch (...) {  // no memory: nobody knows which connections have got it, so all are told a reset
    const MutexLock lock(mutex_);
    position_.close();
    progress_.notify_all();
    throw;
  }
}

SSE_DECL void LogRunner::end_turn() {
  const MutexLock lock(mutex_);
  position_.end_turn();
  progress_.notify_all();
}

SSE_DECL void LogRunner::settle(std::uint64_t place) {
  {
    const MutexLock lock(mutex_);
    outbox_.delivered_up_to(place);
  }
  while (deliver_next_local()) {
  }
  const MutexLock lock(mutex_);
  if (outbox_.has_batch()) has_work_.notify_one();
  progress_.notify_all();
}

SSE_DECL bool LogRunner::deliver_next_local() {
  std::optional<LocalEvent> local;
  {
    const MutexLock lock(mutex_);
    local = outbox_.take_local();
  }
  if (!local) return false;
  try {
    if (const auto reader = reader_.lock()) reader->deliver_local(*local);
  } catch (const std::exception&) {  // as an emitter without memory would lose it
  }
  const MutexLock lock(mutex_);
  outbox_.local_delivered();
  return true;
}

SSE_DECL void LogRunner::measure() {
  const LogSize size = log_->size();
  measured_ = Clock::now();
  const MutexLock lock(mutex_);
  stats_.file_bytes = size.file_bytes;
  stats_.wal_bytes = size.wal_bytes;
}

SSE_DECL void LogRunner::watch_all() {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      look_at_ = next_look();
      if (!closing_ && !status_.has_change()) has_change_.wait_until(mutex_, look_at_);
      if (closing_) return;
      find_late_calls();
    }
    while (tell_change()) {
    }
    tick();
  }
}

SSE_DECL LogRunner::Clock::time_point LogRunner::next_look() const {
  const Clock::time_point now = Clock::now();
  Clock::time_point next = now + std::chrono::hours(1);
  if (has_waiters_ || !position_.is_open()) next = now + std::chrono::milliseconds(250);
  for (const auto& late : late_)
    if (late && *late > now) next = std::min(next, *late);
  return next;
}

SSE_DECL void LogRunner::tick() {
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(has_waiters_, false) && position_.is_open()) return;
  }
  const auto reader = reader_.lock();
  if (!reader || !reader->log_tick()) return;
  const MutexLock lock(mutex_);
  has_waiters_ = true;
}

SSE_DECL void LogRunner::find_late_calls() {
  const Clock::time_point now = Clock::now();
  for (const LogSide side : {LogSide::reading, LogSide::appending}) {
    const auto& late = late_[static_cast<std::size_t>(side)];
    if (!late || now < *late || status_.state_of(side) >= LogState::failing) continue;
    status_.set(side, LogState::failing,
                side == LogSide::reading ? "A read of the log takes too long" : "An append to the log takes too long");
  }
}

SSE_DECL bool LogRunner::tell_change() {
  std::optional<LogStatus::Change> change;
  {
    const MutexLock lock(mutex_);
    change = status_.take_change();
  }
  if (!change) return false;
  if (const auto reader = reader_.lock()) reader->log_state(change->state, change->what);
  return true;
}

SSE_DECL bool LogRunner::appends_here() const {
  return threads_.size() > 1 && threads_[1].thread.get_id() == std::this_thread::get_id();
}

SSE_DECL bool LogRunner::delivers_here() const {
  return appends_here() || (!threads_.empty() && threads_.front().thread.get_id() == std::this_thread::get_id());
}

SSE_DECL bool LogRunner::is_done() const {
  return delivers_here() ? outbox_.appended() == outbox_.last() : outbox_.settled();
}

SSE_DECL bool LogRunner::others_run() const {
  for (const Thread& one : threads_)
    if (!one.has_ended && one.thread.get_id() != std::this_thread::get_id()) return true;
  return false;
}

SSE_DECL void LogRunner::stop(Clock::time_point limit) noexcept {
  try {
    const std::uint64_t left = close(limit);
    const std::size_t hanging = join(std::max(limit, Clock::now() + std::chrono::milliseconds(100)));
    std::string what;
    if (left != 0) what = "Events that are not in the log are lost: " + std::to_string(left);
    if (hanging != 0)
      what.append(what.empty() ? "" : ". ").append("A call of the log still runs; its thread was left behind");
    if (const auto reader = reader_.lock()) reader->log_state(LogState::closed, what);
  } catch (const std::bad_alloc&) {  // the observer misses the text
  }
}

SSE_DECL std::uint64_t LogRunner::close(Clock::time_point limit) {
  bool wake = false, needs_appender = false;
  {
    const MutexLock lock(mutex_);
    flushed_to_ = outbox_.last();
    ignores_lag_ = delivers_here();
    has_work_.notify_one();
    wake = !is_done() && must_wake_reader();
    needs_appender = !is_done() && appends_here();
  }
  if (wake) wake_reader();
  if (needs_appender) replace_appender();
  std::uint64_t left = 0;
  {
    const MutexLock lock(mutex_);
    while (!is_done() && progress_.wait_until(mutex_, limit) != std::cv_status::timeout) {
    }
    left = outbox_.last() - outbox_.appended();
    closing_ = true;
    has_work_.notify_all();
    has_change_.notify_all();
    progress_.notify_all();
  }
  wake_reader();
  return left;
}

/// The thread is in a filter: another one appends the rest meanwhile.
SSE_DECL void LogRunner::replace_appender() {
  try {
    start_thread(&LogRunner::append_all);
  } catch (const std::exception&) {  // no memory, or no thread: the rest is lost, and told
  }
}

SSE_DECL std::size_t LogRunner::join(Clock::time_point limit) {
  std::vector<Thread> threads;
  {
    const MutexLock lock(mutex_);
    while (others_run() && progress_.wait_until(mutex_, limit) != std::cv_status::timeout) {
    }
    threads = std::move(threads_);
    threads_.clear();
  }
  std::size_t hanging = 0;
  for (Thread& one : threads) {
    const bool is_own = one.thread.get_id() == std::this_thread::get_id();
    if (one.has_ended)
      one.thread.join();
    else
      one.thread.detach();
    if (!one.has_ended && !is_own) ++hanging;
  }
  return hanging;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
