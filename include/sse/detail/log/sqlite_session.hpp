// SPDX-License-Identifier: MIT
// A connection to the file of a SqliteLog, with the lock between the processes and the statements that it has prepared.
// A log has two, one for each of its threads.

#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/file_lock.hpp"
#include "sse/detail/log/file_status.hpp"
#include "sse/detail/log/sqlite.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Ends the waits of a log's threads.
struct SqliteSignals {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t commits = 0;      ///< Guarded by mutex. Of this process.
  std::uint64_t interrupts = 0;   ///< Guarded by mutex.
  bool read_interrupted = false;  ///< Guarded by mutex. The next wait of read() ends at once.
};

enum class SqliteQuery : std::size_t {
  begin_write,
  commit,
  select_newest,
  select_oldest,
  select_backwards,
  select_from,
  count_strangers,
  find_batch,
  insert,
  trim,
  data_version
};

/// An event's place in the log.
struct SqlitePlace {
  std::uint64_t n = 0;
  std::optional<std::uint64_t> stamp;  ///< Empty: the row has none that could be trusted.
};

/// Its thread's only.
class SqliteSession {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::uint64_t max_number = std::uint64_t{1} << 53;  ///< JavaScript's numbers are exact up to here.

  /// The signals outlive the session.
  SqliteSession(SqliteSignals& its_signals, const std::string& path, std::chrono::milliseconds lock_timeout)
      : signals(its_signals), lock(path + "-lock"), path_(path), lock_timeout_(lock_timeout) {}
  SqliteSession(const SqliteSession&) = delete;
  SqliteSession& operator=(const SqliteSession&) = delete;

  /// From now on waits end after the time-out, or with the next interrupt.
  void begin_call();
  /// Lets some time pass before the next try; false: the time is up, or the call was interrupted.
  bool pause() noexcept;
  /// Takes the lock, or throws LogError.
  void take_lock();

  /// Connects to the file, which SQLite creates where there is none.
  void connect();
  void disconnect() noexcept {
    statements_ = {};
    connection.close();
  }

  /// A prepared statement of the connection.
  SqliteStatement& use(SqliteQuery query);
  SqlitePlace newest_place();
  std::uint64_t oldest_number();

  SqliteSignals& signals;
  FileLock lock;
  FileStatus status;             ///< Of the file when it was last looked at.
  Clock::time_point deadline;    ///< Of the call's waits.
  std::uint64_t interrupts = 0;  ///< SqliteSignals::interrupts when the call began.
  SqliteConnection connection;

 private:
  static constexpr std::size_t query_count = static_cast<std::size_t>(SqliteQuery::data_version) + 1;
  static std::string_view sql(SqliteQuery query) noexcept;
  static int on_busy(void* session, int tries) noexcept;

  const std::string path_;
  const std::chrono::milliseconds lock_timeout_;
  unsigned pauses_ = 0;  ///< Of the call.
  std::array<SqliteStatement, query_count> statements_;
};

/// Holds a session's lock for a scope.
class SqliteLocked {
 public:
  /// Waits for the lock.
  explicit SqliteLocked(SqliteSession& session) : session_(session) { session.take_lock(); }
  /// For a lock that is held already.
  SqliteLocked(SqliteSession& session, std::adopt_lock_t) noexcept : session_(session) {}
  SqliteLocked(const SqliteLocked&) = delete;
  SqliteLocked& operator=(const SqliteLocked&) = delete;
  ~SqliteLocked() { session_.lock.unlock(); }

 private:
  SqliteSession& session_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
