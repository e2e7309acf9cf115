// SPDX-License-Identifier: MIT
// SqliteLog without its public face: two connections to one file, what they are used for, and how it is noticed that
// somebody else has put another file in its place.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/file_lock.hpp"
#include "sse/detail/log/file_status.hpp"
#include "sse/detail/log/sqlite.hpp"
#include "sse/event_log.hpp"
#include "sse/sqlite_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// SQLite before 3.51.3 damages a file where one connection checkpoints while another commits and starts the
/// write-ahead log anew. So nobody checkpoints by itself: commits and checkpoints are done under a lock between the
/// processes.
///
/// The lock's file also says which file the write-ahead log belongs to (LockRecord). When the path names another file,
/// or the file's content is older than the last checkpoint, the write-ahead log must not be applied to it.
class SqliteEngine {
 public:
  SqliteEngine(const std::string& path, SqliteLogOptions options);
  SqliteEngine(const SqliteEngine&) = delete;
  SqliteEngine& operator=(const SqliteEngine&) = delete;
  ~SqliteEngine();

  LogBegin open(std::size_t history, const EventLog::Take& take);
  void append(std::span<const LoggedEvent> events, std::uint64_t number);
  LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take);
  void interrupt() noexcept;
  LogSize size() const noexcept;

 private:
  using SteadyClock = std::chrono::steady_clock;

  static constexpr std::uint32_t application_id = 0x53534531;  ///< "SSE1"
  static constexpr std::uint32_t file_version = 1;
  static constexpr std::uint64_t max_number = std::uint64_t{1} << 53;  ///< JavaScript's numbers are exact up to here.
  static constexpr std::chrono::milliseconds slow_poll{250}, fast_poll{8};
  static constexpr std::chrono::seconds fast_poll_time{10};
  static constexpr std::size_t events_per_read = 512, bytes_per_read = std::size_t{4} << 20;
  static constexpr std::uint64_t checkpoint_bytes = std::uint64_t{16} << 20;  ///< It waits for the disk twice.

  /// The lock's file. Only its holder reads and writes it.
  struct LockRecord {
    static constexpr std::uint64_t magic_number = 0x31'6B'63'6F'6C'65'73'73;  // "sselock1"

    std::uint64_t magic = magic_number;
    std::uint64_t device = 0, inode = 0, size = 0, changed = 0;  ///< The events' file after the last checkpoint.
    std::uint64_t wal_inode = 0;                                 ///< The write-ahead log that belongs to it.
    std::uint64_t change_counter = 0, schema_cookie = 0;         ///< Of the file's header.
  };

  /// The first bytes of an SQLite file.
  struct Header {
    std::uint32_t change_counter = 0, schema_cookie = 0, user_version = 0, application_id = 0;
  };

  enum Query : std::size_t {
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
  static constexpr std::size_t query_count = data_version + 1;
  static std::string_view sql(Query query) noexcept;

  /// A connection and what belongs to it. Its thread's only.
  struct Session {
    Session(SqliteEngine& its_engine, const std::string& lock_path) : engine(its_engine), lock(lock_path) {}

    /// A prepared statement of this connection.
    SqliteStatement& use(Query query) {
      SqliteStatement& statement = statements[query];
      if (!statement) statement = connection.prepare(sql(query));
      return statement;
    }
    void disconnect() noexcept {
      statements = {};
      connection.close();
    }

    SqliteEngine& engine;
    FileLock lock;
    FileStatus status;  ///< Of the file when it was last looked at.
    SteadyClock::time_point deadline;
    std::uint64_t interrupts = 0;  ///< SqliteEngine::interrupts_ when the call began.
    unsigned pauses = 0;
    SqliteConnection connection;
    std::array<SqliteStatement, query_count> statements;
  };

  struct Place {
    std::uint64_t n = 0;
    std::optional<std::uint64_t> stamp;  ///< Empty: the row has none that could be trusted.
  };

  /// Holds a session's lock for a scope.
  class Locked {
   public:
    Locked(SqliteEngine& engine, Session& session) : session_(session) { engine.lock(session); }
    /// For a lock that is held already.
    explicit Locked(Session& session) noexcept : session_(session) {}
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { session_.lock.unlock(); }

   private:
    Session& session_;
  };

  template <class Function>
  auto call(Session& session, Function function);
  bool pause(Session& session) noexcept;
  void lock(Session& session);
  static int on_busy(void* session, int tries) noexcept;

  void check_place() const;
  bool attend(Session& session);
  void connect(Session& session);
  void remove_stale_wal(Session& session, const FileStatus& file) noexcept;
  void configure(Session& session);
  void create(Session& session);
  [[noreturn]] void refuse(const std::string& reason) const;
  Header read_header(Session& session);
  bool is_unchanged(Session& session);
  bool is_replaced(const LockRecord& record, const Header& header) const noexcept;
  void copy_to_new_file(Session& session);
  std::optional<LockRecord> load_record(Session& session) const noexcept;
  void store_record(Session& session) noexcept;

  Place newest_place(Session& session);
  std::uint64_t oldest_number(Session& session);
  bool append_batch(std::span<const LoggedEvent> events, std::uint64_t number);
  std::uint64_t next_stamp(const Place& newest);
  void trim_before(Session& session, std::uint64_t newest, std::size_t added);
  void bound_wal(std::span<const LoggedEvent> events);
  bool checkpoint(int mode);
  void checkpoint_when_due() noexcept;
  std::uint64_t wal_bytes() const noexcept;

  void attend_reader();
  void attend_locked_reader();
  LogRead read_or_wait(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take);
  bool is_worth_a_retry(const SqliteError& error);
  void give_newest(std::size_t history, const EventLog::Take& take, LogBegin& begin);
  void give_rows(std::uint64_t after, const EventLog::Take& take, LogRead& result, std::uint64_t& given);
  bool wait_for_change(SteadyClock::time_point limit, std::uint64_t commits);
  void trim_when_idle();
  void look_for_strangers(std::string& note);

  const std::string path_;
  const SqliteLogOptions options_;
  const std::uint64_t origin_;  ///< Of this object, beside its batches in the file.

  Session writer_;                             ///< Appending thread only.
  std::optional<std::uint64_t> last_number_;   ///< Appending thread only. The last batch that is in the log.
  std::optional<std::uint64_t> unsure_after_;  ///< Appending thread only. A failed batch may stand after this event.
  Place newest_;                               ///< Appending thread only. The newest event when last seen.
  int wal_frames_ = 0;                         ///< Appending thread only. In the write-ahead log.
  int frames_at_checkpoint_ = 0;               ///< Appending thread only. wal_frames_ when the last one was tried.
  int page_bytes_ = 4096;                      ///< Appending thread only.

  Session reader_;                         ///< Reading thread only.
  Place cursor_;                           ///< Reading thread only. The last event given or counted as lost.
  bool reconnected_ = false;               ///< Reading thread only. It may be another file than before.
  std::uint64_t data_version_ = 0;         ///< Reading thread only. SQLite's count of what others have changed.
  std::uint64_t strangers_ = 0;            ///< Reading thread only. Rows that are no events and have been told.
  SteadyClock::time_point fast_poll_end_;  ///< Reading thread only.

  std::atomic<bool> created_ = false;
  std::atomic<std::size_t> max_events_;                        ///< 0: not yet known.
  std::atomic<std::uint64_t> read_up_to_ = ~std::uint64_t{0};  ///< cursor_.n, for the appending thread.
  std::atomic<bool> trim_is_due_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t commits_ = 0;      ///< Guarded by mutex_.
  std::uint64_t interrupts_ = 0;   ///< Guarded by mutex_.
  bool read_interrupted_ = false;  ///< Guarded by mutex_. The next wait of read() ends at once.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
