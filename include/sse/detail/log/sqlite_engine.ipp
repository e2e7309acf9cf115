// SPDX-License-Identifier: MIT
// The bodies of SqliteEngine: appending, then reading.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/find_control.hpp"
#include "sse/detail/base/random.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/file_status.hpp"
#include "sse/detail/log/sqlite_engine.hpp"
#include "sse/detail/log/sqlite_file.ipp"
#include "sse/error.hpp"
#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL SqliteEngine::SqliteEngine(const std::string& path, SqliteLogOptions options)
    : file_(path, options.durability),
      options_(std::move(options)),
      origin_(random_bits()[0] >> 16),
      writer_(signals_, file_.path(), options_.lock_timeout),
      reader_(signals_, file_.path(), options_.lock_timeout),
      max_events_(options_.max_events) {
  // Only what can never pass is thrown here. A lock, a full disk or a damaged file are told by the calls.
  try {
    const auto limit = std::min<std::chrono::milliseconds>(options_.lock_timeout, std::chrono::milliseconds(250));
    writer_.deadline = SteadyClock::now() + limit;
    file_.check_place();
    const SqliteLocked locked(writer_);
    file_.connect(writer_);
    writer_.disconnect();
  } catch (const LogError&) {
    writer_.disconnect();
  }
}

SSE_DECL SqliteEngine::~SqliteEngine() {
  reader_.disconnect();
  if (!writer_.connection) return;
  writer_.deadline = SteadyClock::now();
  if (writer_.lock.try_lock() != FileLock::Result::locked) return;
  try {
    if (file_.is_unchanged(writer_) && checkpoint(SQLITE_CHECKPOINT_TRUNCATE)) {
      // If this was the last connection, SQLite removes the write-ahead log now.
      sqlite3_db_config(writer_.connection.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
    }
  } catch (const Error&) {
  }
  writer_.disconnect();
  writer_.lock.unlock();
}

/// Calls the function with the session's time limit; whatever it throws is a LogError.
template <class Function>
auto SqliteEngine::call(Session& session, Function function) {
  session.begin_call();
  try {
    return function();
  } catch (const LogError&) {
    throw;
  } catch (const Error& error) {
    throw LogError(error.what(), false);
  }
}

/// Connects the writer where that is necessary. The lock is held.
SSE_DECL void SqliteEngine::attend_writer() {
  if (!file_.attend(writer_)) return;
  newest_ = {};
  known_version_.reset();
  page_bytes_ = std::max(512, std::atoi(writer_.connection.query("pragma page_size").c_str()));
  wal_frames_ = frames_at_checkpoint_ = 0;
  sqlite3_wal_hook(
      writer_.connection.get(),
      [](void* frames, sqlite3*, const char*, int count) {
        *static_cast<int*>(frames) = count;
        return SQLITE_OK;
      },
      &wal_frames_);
}

SSE_DECL void SqliteEngine::append(std::span<const LoggedEvent> events, std::uint64_t number) {
  if (append_held(events, number)) release(false);
}

/// Gives a reason for texts that are of no event as this class writes them; nullptr: they are of one.
inline const char* refusal(std::string_view type, std::string_view data, bool is_message) noexcept {
  if (find_line_break(type) != type.npos) return "its type has more than one line";
  if (!is_message && find_line_break(data) != data.npos) return "its data has more than one line";
  return nullptr;
}

/// False: a read would refuse one of them.
inline bool are_given_as_they_are(std::span<const LoggedEvent> events) noexcept {
  return std::none_of(events.begin(), events.end(),
                      [](const LoggedEvent& event) { return refusal(event.type, event.data, event.is_message); });
}

SSE_DECL std::optional<LogPlace> SqliteEngine::append_held(std::span<const LoggedEvent> events, std::uint64_t number) {
  std::optional<LogPlace> place;
  if ((last_number_ && number <= *last_number_) || events.empty()) return place;
  call(writer_, [&] {
    const SqliteLocked locked(writer_);
    bool is_added = false;
    try {
      attend_writer();
      bound_wal(events);
      is_added = append_batch(events, number);
      if (is_added && !file_status(file_.path()).same_file(writer_.status)) {
        throw SqliteError("sse: " + file_.path() + ": the file was moved or replaced during a commit",
                          SQLITE_READONLY_DBMOVED);
      }
    } catch (const SqliteError& error) {
      writer_.connection.roll_back();
      if (error.code() != SQLITE_FULL && error.code() != SQLITE_BUSY) writer_.disconnect();
      throw;
    } catch (...) {
      writer_.connection.roll_back();
      throw;
    }
    last_number_ = number;
    unsure_after_.reset();
    if (is_added && are_given_as_they_are(events) && !is_checkpoint_due()) {
      place = LogPlace{*newest_.stamp, newest_.n + 1 - events.size()};
      const std::lock_guard guard(signals_.mutex);
      held_ = newest_;
      delivered_ = false;
    } else {
      release(false);
      checkpoint_when_due();
    }
  });
  return place;
}

SSE_DECL void SqliteEngine::release(bool delivered) noexcept {
  {
    const std::lock_guard guard(signals_.mutex);
    delivered_ = delivered;
    if (!delivered) ++signals_.commits;
    if (delivered) read_up_to_ = held_.n;
  }
  if (!delivered) signals_.changed.notify_all();
}

SSE_DECL int SqliteEngine::frames_per_checkpoint() const noexcept {
  const auto bytes_per_frame = static_cast<std::uint64_t>(page_bytes_) + 24;
  return static_cast<int>(std::min<std::uint64_t>(SqliteFile::checkpoint_bytes, options_.max_wal_bytes / 4) /
                          bytes_per_frame);
}

SSE_DECL bool SqliteEngine::is_checkpoint_due() noexcept {
  if (wal_frames_ < frames_at_checkpoint_) frames_at_checkpoint_ = 0;  // the write-ahead log has started anew
  return wal_frames_ - frames_at_checkpoint_ >= frames_per_checkpoint();
}

/// After a commit. The batch is in the log: an error is only told where the write-ahead log has no room for the next.
SSE_DECL void SqliteEngine::checkpoint_when_due() noexcept {
  if (!is_checkpoint_due()) return;
  writer_.deadline = std::min(writer_.deadline, SteadyClock::now() + std::chrono::milliseconds(20));
  try {
    checkpoint(wal_frames_ >= 2 * frames_per_checkpoint() ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  } catch (const Error&) {
    frames_at_checkpoint_ = wal_frames_;  // not with each commit
  }
}

/// One transaction. False: the batch was there already.
SSE_DECL bool SqliteEngine::append_batch(std::span<const LoggedEvent> events, std::uint64_t number) {
  SqliteConnection& connection = writer_.connection;
  connection.run(writer_.use(Query::begin_write));
  const std::optional<std::uint64_t> version = connection.data_version();
  const bool is_known = version && std::exchange(known_version_, std::nullopt) == version;
  const Place newest = is_known ? newest_ : writer_.newest_place();
  if (unsure_after_) {
    SqliteStatement& find = writer_.use(Query::find_batch);
    const SqliteReset reset(find);
    find.bind(1, *unsure_after_);
    find.bind(2, origin_);
    find.bind(3, number);
    if (connection.step(find)) {
      find.reset();
      connection.roll_back();
      return false;
    }
  }
  if (newest.n + events.size() >= Session::max_number) {
    throw LogError(
        "sse: " + file_.path() + ": the newest event's n is " + std::to_string(newest.n) + ", the limit is 2^53",
        false);
  }
  const std::uint64_t stamp = next_stamp(newest);
  if (!is_known || oldest_ == 0) oldest_ = writer_.oldest_number();
  if (trim_before(writer_, oldest_, newest.n, events.size())) oldest_ = 0;
  SqliteStatement& row = writer_.use(Query::insert);
  std::uint64_t n = newest.n;
  for (const LoggedEvent& event : events) {
    row.bind(1, ++n);
    row.bind(2, stamp);
    row.bind(3, event.type);
    row.bind(4, event.topic);
    row.bind(5, event.key);
    row.bind(6, event.data);
    row.bind(7, std::uint64_t{event.is_message});
    if (n == newest.n + 1) {
      row.bind(8, origin_);
      row.bind(9, number);
    } else {
      row.bind_null(8);
      row.bind_null(9);
    }
    connection.run(row);
  }
  if (!unsure_after_) unsure_after_ = newest.n;
  connection.run(writer_.use(Query::commit));
  newest_ = {n, stamp};
  known_version_ = connection.data_version();
  return true;
}

SSE_DECL std::uint64_t SqliteEngine::next_stamp(const Place& newest) {
  const auto now = options_.clock ? options_.clock() : std::chrono::system_clock::now();
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::uint64_t stamp = time > 0 ? static_cast<std::uint64_t>(time) : 0;
  const std::uint64_t last = newest.stamp.value_or(0);
  if (stamp > last) return stamp;
  // The clock stands still or was set back. An event that the log has lost may have had this stamp and this n: a random
  // step makes that improbable wherever the log may be another one than before.
  const bool goes_on =
      newest_.n != 0 && (newest.n > newest_.n || (newest.n == newest_.n && newest.stamp == newest_.stamp));
  return goes_on ? last : last + 1 + random_bits()[0] % 65536;
}

/// Removes the oldest events, some more than there will be too many, so that it is not done with each batch.
SSE_DECL bool SqliteEngine::trim_before(Session& session, std::uint64_t oldest, std::uint64_t newest,
                                        std::size_t added) {
  const std::uint64_t kept = max_events_;
  if (kept == 0 || oldest == 0 || newest + added + 1 - oldest <= kept) return false;
  const std::uint64_t excess = newest + added + 1 - oldest - kept;
  const std::uint64_t step = std::clamp<std::uint64_t>(kept / 16, 1, 1024);
  if (excess < step) return false;
  std::uint64_t last =
      std::min(oldest - 1 + std::min<std::uint64_t>(excess, std::max<std::uint64_t>(2 * step, 256) + added), newest);
  // Events that this process's own reader has not given yet wait, within bounds.
  if (const std::uint64_t read_up_to = read_up_to_; last > read_up_to) {
    const std::uint64_t patience = std::max<std::uint64_t>(kept / 4, 1024);
    const std::uint64_t too_old = excess > patience ? oldest - 1 + (excess - patience) : 0;
    last = std::min(last, std::max(read_up_to, too_old));
  }
  const std::uint64_t removed = last >= oldest ? last + 1 - oldest : 0;
  trim_is_due_ = excess - std::min(excess, removed) >= step;
  if (removed == 0) return false;
  SqliteStatement& statement = session.use(Query::trim);
  statement.bind(1, last);
  session.connection.run(statement);
  return true;
}

SSE_DECL std::uint64_t SqliteEngine::wal_bytes() const noexcept {
  return static_cast<std::uint64_t>(wal_frames_) * (static_cast<std::uint64_t>(page_bytes_) + 24);
}

/// Throws where the write-ahead log has no room for the events.
SSE_DECL void SqliteEngine::bound_wal(std::span<const LoggedEvent> events) {
  std::uint64_t bytes = 0;
  for (const LoggedEvent& event : events) {
    bytes += event.type.size() + event.topic.size() + event.key.size() + event.data.size() + 64;
  }
  bytes += bytes / 4 + 16 * static_cast<std::uint64_t>(page_bytes_);
  if (wal_frames_ == 0 || wal_bytes() + bytes <= options_.max_wal_bytes) return;
  const SteadyClock::time_point deadline =
      std::exchange(writer_.deadline, std::min(writer_.deadline, SteadyClock::now() + std::chrono::milliseconds(50)));
  const bool is_empty = checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
  writer_.deadline = deadline;
  if (is_empty) return;
  throw LogError("sse: " + file_.path() + "-wal has " + std::to_string(wal_bytes()) + " bytes (max_wal_bytes is " +
                     std::to_string(options_.max_wal_bytes) +
                     "): it cannot start anew while another program reads the file in one long transaction",
                 true);
}

/// Brings the write-ahead log's events into the file. True: it starts anew with the next commit. The lock is held.
SSE_DECL bool SqliteEngine::checkpoint(int mode) {
  int frames = 0;
  const int code = sqlite3_wal_checkpoint_v2(writer_.connection.get(), nullptr, mode, &frames, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY) writer_.connection.fail(code, "checkpoint");
  const bool is_empty = code == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE;
  if (is_empty) {
    wal_frames_ = frames_at_checkpoint_ = 0;
  } else if (frames >= 0) {
    wal_frames_ = frames_at_checkpoint_ = frames;
  }
  file_.remember(writer_);
  return is_empty;
}

/// Gives a reason for a row that is no event as this class writes them; nullptr: it is one.
inline const char* refusal(const SqliteStatement& row) noexcept {
  if (row.type(1) != SQLITE_INTEGER || row.number(1) > std::uint64_t{1} << 53) return "its stamp is no time in ms";
  constexpr const char* reasons[] = {"its type is no text", "its topic is no text", "its key is no text",
                                     "its data is no text"};
  for (int column = 2; column < 6; ++column) {
    if (row.type(column) != SQLITE_TEXT) return reasons[column - 2];
  }
  if (row.type(6) != SQLITE_INTEGER || row.number(6) > 1) return "its is_message is neither 0 nor 1";
  return refusal(row.text(2), row.text(5), row.number(6) != 0);
}

inline LoggedEvent event_of(const SqliteStatement& row) noexcept {
  return {row.number(1), row.number(0), row.number(6) != 0, row.text(2), row.text(3), row.text(4), row.text(5)};
}

/// Connects the reader where that is necessary.
SSE_DECL void SqliteEngine::attend_reader() {
  if (reader_.connection) {
    const FileStatus now = file_status(file_.path());
    if (now.unchanged(reader_.status)) return;
    // Most changes are another one's checkpoint. It holds the lock, perhaps for long: reading goes on.
    if (now.same_file(reader_.status) && reader_.lock.try_lock() != FileLock::Result::locked) return;
    if (now.same_file(reader_.status)) {
      const SqliteLocked locked(reader_, std::adopt_lock);
      attend_locked_reader();
      return;
    }
  }
  const SqliteLocked locked(reader_);
  attend_locked_reader();
}

SSE_DECL void SqliteEngine::attend_locked_reader() {
  const bool had_cursor = cursor_.n != 0;
  if (!file_.attend(reader_)) return;
  reconnected_ = had_cursor;
  data_version_ = 0;
  wal_head_.reset();
}

/// Calls a function that reads; true: the function shall run again. Where SQLite finds the file damaged, its content
/// may have been replaced under it, and the reader connects anew.
SSE_DECL bool SqliteEngine::is_worth_a_retry(const SqliteError& error) {
  if (!error.is_damage()) {
    if (error.code() != SQLITE_BUSY) reader_.disconnect();
    return false;
  }
  const SqliteLocked locked(reader_);
  const bool damaged = file_.is_unchanged(reader_);
  reader_.disconnect();
  if (!damaged) reconnected_ = cursor_.n != 0;
  return !damaged;
}

SSE_DECL LogBegin SqliteEngine::open(std::size_t history, const EventLog::Take& take) {
  return call(reader_, [&] {
    if (options_.max_events == 0) max_events_ = history;
    for (bool again = false;; again = true) {
      LogBegin begin;
      attend_reader();
      try {
        give_newest(history, take, begin);
      } catch (const SqliteError& error) {
        if (is_worth_a_retry(error) && !again && begin.tail == 0) continue;
        throw;
      }
      reconnected_ = false;
      forget_delivered();
      read_up_to_ = cursor_.n;
      begin.created = file_.take_created();
      return begin;
    }
  });
}

SSE_DECL void SqliteEngine::give_newest(std::size_t history, const EventLog::Take& take, LogBegin& begin) {
  // While a statement is not reset, the others read of the same state of the file.
  SqliteStatement& backwards = reader_.use(Query::select_backwards);
  const SqliteReset reset_backwards(backwards);
  std::uint64_t first = 0, count = 0;
  while (count < history && reader_.connection.step(backwards)) {
    const char* const reason = refusal(backwards);
    const std::uint64_t n = backwards.number(0);
    if (count == 0) first = n + 1;
    if (n + 1 != first || reason) {
      begin.note = "event n = " + std::to_string(reason ? n : first - 1) + ": " + (reason ? reason : "it is missing") +
                   "; the history begins after it";
      break;
    }
    --first;
    ++count;
  }
  const Place tail = reader_.newest_place();
  strangers_ = 0;
  look_for_strangers(begin.note);
  SqliteStatement& forwards = reader_.use(Query::select_from);
  const SqliteReset reset_forwards(forwards);
  forwards.bind(1, first);
  begin.tail = tail.n;
  for (; count > 0 && reader_.connection.step(forwards); --count) take(event_of(forwards));
  cursor_ = tail;
}

SSE_DECL LogRead SqliteEngine::read(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take) {
  try {
    return call(reader_, [&] { return read_or_wait(after, wait, take); });
  } catch (const LogError& error) {
    // An interrupt that met a wait for a lock.
    const std::lock_guard guard(signals_.mutex);
    if (!error.may_pass() || signals_.interrupts == reader_.interrupts) throw;
    signals_.read_interrupted = false;
    return {0, after, {}};
  }
}

SSE_DECL LogRead SqliteEngine::read_or_wait(std::uint64_t after, std::chrono::milliseconds wait,
                                            const EventLog::Take& take) {
  const SteadyClock::time_point limit =
      SteadyClock::now() + std::min<std::chrono::milliseconds>(wait, std::chrono::hours(1));
  reader_.deadline = SteadyClock::now() + options_.lock_timeout;
  take_over(after);
  // Of an idle log only the wait goes on, which looks at the file at each of its ends: nothing is read for each call.
  if (const auto tail = std::exchange(idle_tail_, std::nullopt); tail && after == cursor_.n && !reconnected_) {
    if (!wait_for_change(limit)) {
      if (SteadyClock::now() >= limit) idle_tail_ = tail;
      return {0, *tail, {}};
    }
    if (const std::uint64_t n = take_over(after); n > after) return {0, n, {}};
  }
  for (bool again = false;;) {
    reader_.deadline = SteadyClock::now() + options_.lock_timeout;
    {
      const std::lock_guard guard(signals_.mutex);
      seen_commits_ = signals_.commits;
    }
    attend_reader();
    LogRead result;
    std::uint64_t given = 0;
    try {
      give_rows(after, take, result, given);
    } catch (const SqliteError& error) {
      // Events already given count; the next call meets the error again.
      if (given > 0) return result;
      if (!is_worth_a_retry(error) || std::exchange(again, true)) throw;
      continue;
    }
    read_up_to_ = cursor_.n;
    if (given > 0 || result.lost != 0 || !result.note.empty()) return result;
    trim_when_idle();
    if (!wait_for_change(limit)) {
      if (SteadyClock::now() >= limit && !trim_is_due_) idle_tail_ = result.tail;
      return result;
    }
    if (const std::uint64_t n = take_over(after); n > after) return {0, n, {}};
  }
}

/// Moves the cursor behind the events that the caller has delivered without a read. Returns the last one's number; 0:
/// it has not delivered the last batch so.
SSE_DECL std::uint64_t SqliteEngine::take_over(std::uint64_t after) {
  const std::lock_guard guard(signals_.mutex);
  // Whoever asks for what follows the batch has delivered it, and is about to say so.
  const bool is_delivered = delivered_ || (held_.n != 0 && held_.n == after);
  if (!is_delivered) return 0;
  if (held_.n > cursor_.n) cursor_ = held_;
  return held_.n;
}

SSE_DECL void SqliteEngine::forget_delivered() {
  const std::lock_guard guard(signals_.mutex);
  held_ = {};
  delivered_ = false;
}

SSE_DECL void SqliteEngine::give_rows(std::uint64_t after, const EventLog::Take& take, LogRead& result,
                                      std::uint64_t& given) {
  SqliteConnection& connection = reader_.connection;
  wal_head_ = connection.wal_head();
  {
    SqliteStatement& version = reader_.use(Query::data_version);
    const SqliteReset reset(version);
    connection.step(version);
    if (version.number(0) != data_version_) {
      data_version_ = version.number(0);
      look_for_strangers(result.note);
    }
  }
  SqliteStatement& row = reader_.use(Query::select_from);
  const SqliteReset reset(row);
  row.bind(1, std::max<std::uint64_t>(after, 1));
  bool has_row = connection.step(row);
  const Place tail = reader_.newest_place();
  result.tail = tail.n;
  if (after > 0) {
    bool known;
    if (has_row && row.number(0) == after) {
      known =
          cursor_.n != after || !cursor_.stamp || (row.type(1) == SQLITE_INTEGER && row.number(1) == *cursor_.stamp);
      has_row = connection.step(row);
    } else {
      // In one and the same file the event may have been removed for its age.
      known = has_row && !reconnected_ && reader_.oldest_number() > after;
    }
    if (!known) {
      result.lost = std::nullopt;
      result.note = file_.path() + " was replaced, or has lost its newest events: event n = " + std::to_string(after) +
                    " is not the one that was read";
      cursor_ = tail;
      reconnected_ = false;
      return;
    }
  }
  reconnected_ = false;
  std::size_t bytes = 0;
  for (std::uint64_t last = after; has_row && given < events_per_read && bytes < bytes_per_read;
       has_row = connection.step(row)) {
    const std::uint64_t n = row.number(0);
    const char* const reason = refusal(row);
    if (n != last + 1 || reason) {
      if (given > 0) break;
      *result.lost += n - last - 1 + (reason ? 1 : 0);
      if (reason) result.note = file_.path() + ": event n = " + std::to_string(n) + " was skipped: " + reason;
    }
    last = n;
    if (reason) {
      cursor_ = {n, std::nullopt};
      continue;
    }
    if (row.type(7) == SQLITE_INTEGER && row.number(7) != origin_) fast_poll_end_ = SteadyClock::now() + fast_poll_time;
    const LoggedEvent event = event_of(row);
    bytes += event.data.size();
    take(event);
    cursor_ = {n, event.stamp};
    ++given;
  }
}

/// Rows that have a number that no event can have.
SSE_DECL void SqliteEngine::look_for_strangers(std::string& note) {
  SqliteStatement& statement = reader_.use(Query::count_strangers);
  const SqliteReset reset(statement);
  if (!reader_.connection.step(statement)) return;
  const std::uint64_t count = statement.number(0);
  if (count > strangers_) {
    note += (note.empty() ? "" : "; ") + file_.path() + ": " + std::to_string(count) +
            " rows are no events: their n is below 1 or above 2^53";
  }
  strangers_ = count;
}

/// False: the time is up, or the call was interrupted.
SSE_DECL bool SqliteEngine::wait_for_change(SteadyClock::time_point limit) {
  for (;;) {
    const SteadyClock::time_point now = SteadyClock::now();
    {
      std::unique_lock guard(signals_.mutex);
      signals_.changed.wait_until(
          guard, std::min<SteadyClock::time_point>(limit, now + (now < fast_poll_end_ ? fast_poll : slow_poll)),
          [&] { return signals_.read_interrupted || signals_.commits != seen_commits_; });
      if (std::exchange(signals_.read_interrupted, false)) return false;
      if (signals_.commits != seen_commits_) return true;
    }
    if (!file_status(file_.path()).unchanged(reader_.status)) {
      take_over(0);
      // Reading takes it up; where the lock is held by another process, after the next pause only.
      attend_reader();
      seen_commits_ = ~std::uint64_t{0};  // not only the wait goes on
      if (reconnected_) return true;
    }
    if (const auto head = reader_.connection.wal_head(); !head || head != wal_head_) {
      SqliteStatement& version = reader_.use(Query::data_version);
      const SqliteReset reset(version);
      if (reader_.connection.step(version) && version.number(0) != data_version_) return true;
      wal_head_ = head;
    }
    if (SteadyClock::now() >= limit) return false;
  }
}

/// The rest of what append() left to remove, since this process had not yet read it.
SSE_DECL void SqliteEngine::trim_when_idle() {
  if (!trim_is_due_ || reader_.lock.try_lock() != FileLock::Result::locked) return;
  try {
    if (file_status(file_.path()).same_file(reader_.status)) {
      reader_.connection.run(reader_.use(Query::begin_write));
      trim_before(reader_, reader_.oldest_number(), reader_.newest_place().n, 0);
      reader_.connection.run(reader_.use(Query::commit));
    }
  } catch (const LogError&) {
    reader_.connection.roll_back();
  }
  reader_.lock.unlock();
}

SSE_DECL void SqliteEngine::interrupt() noexcept {
  {
    const std::lock_guard guard(signals_.mutex);
    ++signals_.interrupts;
    signals_.read_interrupted = true;
  }
  signals_.changed.notify_all();
}

SSE_DECL LogSize SqliteEngine::size() const noexcept {
  return {file_status(file_.path()).size, file_status(file_.wal_path()).size};
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
