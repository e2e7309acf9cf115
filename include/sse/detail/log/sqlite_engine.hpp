// SPDX-License-Identifier: MIT
// SqliteLog without its public face: two sessions with one file, one that appends, checkpoints and removes old events,
// and one that reads.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/sqlite_file.hpp"
#include "sse/detail/log/sqlite_session.hpp"
#include "sse/event_log.hpp"
#include "sse/sqlite_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// SQLite before 3.51.3 damages a file where one connection checkpoints while another commits and starts the
/// write-ahead log anew. So nobody checkpoints by itself: commits and checkpoints are done under a lock between the
/// processes.
class SqliteEngine {
 public:
  SqliteEngine(const std::string& path, SqliteLogOptions options);
  SqliteEngine(const SqliteEngine&) = delete;
  SqliteEngine& operator=(const SqliteEngine&) = delete;
  ~SqliteEngine();

  LogBegin open(std::size_t history, const EventLog::Take& take);
  void append(std::span<const LoggedEvent> events, std::uint64_t number);
  LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take);
  std::optional<LogPlace> append_held(std::span<const LoggedEvent> events, std::uint64_t number);
  void release(bool delivered) noexcept;
  void interrupt() noexcept;
  LogSize size() const noexcept;

 private:
  using Session = SqliteSession;
  using Place = SqlitePlace;
  using Query = SqliteQuery;
  using SteadyClock = Session::Clock;

  static constexpr std::chrono::milliseconds slow_poll{250}, fast_poll{8};
  static constexpr std::chrono::seconds fast_poll_time{10};
  static constexpr std::size_t events_per_read = 512, bytes_per_read = std::size_t{4} << 20;

  template <class Function>
  auto call(Session& session, Function function);

  void attend_writer();
  int frames_per_checkpoint() const noexcept;
  bool is_checkpoint_due() noexcept;
  bool append_batch(std::span<const LoggedEvent> events, std::uint64_t number);
  std::uint64_t next_stamp(const Place& newest);
  /// True: events were removed.
  bool trim_before(Session& session, std::uint64_t oldest, std::uint64_t newest, std::size_t added);
  void bound_wal(std::span<const LoggedEvent> events);
  bool checkpoint(int mode);
  void checkpoint_when_due() noexcept;
  std::uint64_t wal_bytes() const noexcept;

  std::uint64_t take_over(std::uint64_t after);
  void forget_delivered();
  void attend_reader();
  void attend_locked_reader();
  LogRead read_or_wait(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take);
  bool is_worth_a_retry(const SqliteError& error);
  void give_newest(std::size_t history, const EventLog::Take& take, LogBegin& begin);
  void give_rows(std::uint64_t after, const EventLog::Take& take, LogRead& result, std::uint64_t& given);
  bool wait_for_change(SteadyClock::time_point limit);
  void trim_when_idle();
  void look_for_strangers(std::string& note);

  SqliteFile file_;
  const SqliteLogOptions options_;
  const std::uint64_t origin_;  ///< Of this object, beside its batches in the file.
  SqliteSignals signals_;

  Session writer_;                             ///< Appending thread only.
  std::optional<std::uint64_t> last_number_;   ///< Appending thread only. The last batch that is in the log.
  std::optional<std::uint64_t> unsure_after_;  ///< Appending thread only. A failed batch may stand after this event.
  Place newest_;                               ///< Appending thread only. The newest event when last seen.
  std::uint64_t oldest_ = 0;                   ///< Appending thread only. Its oldest event's number; 0: not known.
  /// Appending thread only. SqliteConnection::data_version after the last commit: nobody else has committed since while
  /// it stays. Unset: not known.
  std::optional<std::uint64_t> known_version_;
  int wal_frames_ = 0;            ///< Appending thread only. In the write-ahead log.
  int frames_at_checkpoint_ = 0;  ///< Appending thread only. wal_frames_ when the last one was tried.
  int page_bytes_ = 4096;         ///< Appending thread only.

  /// Guarded by signals_.mutex. The last event of the last `append_held`.
  Place held_;
  /// Guarded by signals_.mutex. The caller has delivered it, and the reader goes on behind it.
  bool delivered_ = false;

  Session reader_;                  ///< Reading thread only.
  Place cursor_;                    ///< Reading thread only. The last event given or counted as lost.
  bool reconnected_ = false;        ///< Reading thread only. It may be another file than before.
  std::uint64_t data_version_ = 0;  ///< Reading thread only. SQLite's count of what others have changed.
  /// Reading thread only. As it was before data_version_ was read: while it stays, nobody has committed.
  std::optional<SqliteWalHead> wal_head_;
  /// Reading thread only. Set: the last call found nothing new, and the log's last event was this one.
  std::optional<std::uint64_t> idle_tail_;
  std::uint64_t seen_commits_ = 0;         ///< Reading thread only. SqliteSignals::commits when it was last read.
  std::uint64_t strangers_ = 0;            ///< Reading thread only. Rows that are no events and have been told.
  SteadyClock::time_point fast_poll_end_;  ///< Reading thread only.

  std::atomic<std::size_t> max_events_;                        ///< 0: not yet known.
  std::atomic<std::uint64_t> read_up_to_ = ~std::uint64_t{0};  ///< cursor_.n, for the appending thread.
  std::atomic<bool> trim_is_due_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
