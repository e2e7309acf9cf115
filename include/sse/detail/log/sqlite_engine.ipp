// SPDX-License-Identifier: MIT
// The bodies of SqliteEngine: opening, then appending, then reading.

#pragma once

#if !defined(_WIN32)
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sys/vfs.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "sse/detail/base/random.hpp"
#include "sse/detail/log/sqlite_engine.hpp"
#include "sse/error.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline std::string absolute_file(const std::string& path) {
  if (path.empty()) throw Error("sse: the path of a SqliteLog is empty");
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::weakly_canonical(path, error);
  return error ? path : absolute.string();
}

inline std::string system_message(int code) {
  return std::generic_category().message(code);
}

SSE_DECL SqliteEngine::SqliteEngine(const std::string& path, SqliteLogOptions options)
    : path_(absolute_file(path)),
      options_(std::move(options)),
      origin_(random_bits()[0] >> 16),
      writer_(*this, path_ + "-lock"),
      reader_(*this, path_ + "-lock"),
      max_events_(options_.max_events) {
  // Only what can never pass is thrown here. A lock, a full disk or a damaged file are told by the calls.
  try {
    const auto limit = std::min<std::chrono::milliseconds>(options_.lock_timeout, std::chrono::milliseconds(250));
    writer_.deadline = SteadyClock::now() + limit;
    check_place();
    const Locked locked(*this, writer_);
    connect(writer_);
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
    if (is_unchanged(writer_) && checkpoint(SQLITE_CHECKPOINT_TRUNCATE)) {
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
  session.deadline = SteadyClock::now() + options_.lock_timeout;
  session.pauses = 0;
  {
    const std::lock_guard guard(mutex_);
    session.interrupts = interrupts_;
  }
  try {
    return function();
  } catch (const LogError&) {
    throw;
  } catch (const Error& error) {
    throw LogError(error.what(), false);
  }
}

/// Lets some time pass before the next try; false: the time is up, or the call was interrupted.
SSE_DECL bool SqliteEngine::pause(Session& session) noexcept {
  const SteadyClock::time_point now = SteadyClock::now();
  if (now >= session.deadline) return false;
  // Whoever has waited for long meets others that take the lock again at once: it looks more often.
  const unsigned pauses = session.pauses++;
  const std::chrono::microseconds delay(pauses < 20 ? 50 : pauses < 100 ? 1000 : 100);
  std::unique_lock guard(mutex_);
  return !changed_.wait_until(guard, std::min<SteadyClock::time_point>(now + delay, session.deadline),
                              [&] { return interrupts_ != session.interrupts; });
}

SSE_DECL void SqliteEngine::lock(Session& session) {
  for (;;) {
    switch (session.lock.try_lock()) {
      case FileLock::Result::locked: return;
      case FileLock::Result::failed:
        throw LogError("sse: " + session.lock.path() + " cannot be opened: " + system_message(errno), true);
      case FileLock::Result::busy: break;
    }
    if (pause(session)) continue;
    const bool interrupted = SteadyClock::now() < session.deadline;
    throw LogError("sse: " + path_ + ": " +
                       (interrupted ? "the call was interrupted while it waited for another process"
                                    : "another process has held the lock for " +
                                          std::to_string(options_.lock_timeout.count()) + " ms"),
                   true);
  }
}

SSE_DECL int SqliteEngine::on_busy(void* session, int) noexcept {
  Session& its = *static_cast<Session*>(session);
  return its.engine.pause(its);
}

SSE_DECL void SqliteEngine::refuse(const std::string& reason) const {
  throw Error("sse: " + path_ + ": " + reason);
}

/// Throws Error for a path that can never be a log.
SSE_DECL void SqliteEngine::check_place() const {
  const FileStatus file = file_status(path_);
  if (file.is_directory) refuse("the path is a directory");
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  const FileStatus place = file_status(directory);
  if (!place.exists) refuse("the directory " + directory + " does not exist");
  if (!place.is_directory) refuse(directory + " is not a directory");
#if !defined(_WIN32)
  if (file.exists && !file.is_regular) refuse("the path is not a file");
  if (file.exists && ::access(path_.c_str(), R_OK | W_OK) != 0)
    refuse("the file cannot be written: " + system_message(errno));
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    refuse("the directory cannot be written: " + system_message(errno));
  }
#endif
#if defined(__linux__)
  // SQLite's write-ahead log needs memory that the processes share, which these cannot give.
  struct ::statfs system;
  if (::statfs(directory.c_str(), &system) == 0) {
    for (const std::uint32_t network :
         {0x6969u, 0x517Bu, 0xFF534D42u, 0xFE534D42u, 0x73757245u, 0x5346414Fu, 0x00C36400u}) {
      if (static_cast<std::uint32_t>(system.f_type) == network) refuse("the file is on a network file system");
    }
  }
#endif
}

/// Sees to it that the session is connected to the file that the path names. The lock is held.
/// True: it was connected anew.
SSE_DECL bool SqliteEngine::attend(Session& session) {
  if (session.connection && is_unchanged(session)) return false;
  session.disconnect();
  check_place();
  try {
    connect(session);
  } catch (...) {
    session.disconnect();
    throw;
  }
  return true;
}

/// Connects to the file, and creates it where there is none. The lock is held.
SSE_DECL void SqliteEngine::connect(Session& session) {
  for (int tries = 0;; ++tries) {
    const FileStatus file = file_status(path_);
    remove_stale_wal(session, file);
    session.connection.open(path_);
    sqlite3* const connection = session.connection.get();
    sqlite3_busy_handler(connection, &SqliteEngine::on_busy, &session);
    // Only this class checkpoints, under the lock.
    sqlite3_wal_autocheckpoint(connection, 0);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    if (sqlite3_db_readonly(connection, "main") == 1) refuse("the file is read-only");
    if (file.size > 0) {
      const Header header = read_header(session);
      const std::optional<LockRecord> record = load_record(session);
      if (record && tries == 0 && record->inode == file.inode && record->device == file.device &&
          (record->size != file.size || record->changed != file.changed) && is_replaced(*record, header)) {
        copy_to_new_file(session);
        session.disconnect();
        continue;
      }
      if (header.application_id != 0 && header.application_id != application_id) {
        refuse("the file belongs to another application (its application_id is " +
               std::to_string(header.application_id) + ')');
      }
    } else if (file_status(path_ + "-wal").size > 0) {
      throw SqliteError("sse: " + path_ + ": the file is empty, but " + path_ + "-wal is not: it has lost its content",
                        SQLITE_CORRUPT);
    }
    configure(session);
    session.status = file_status(path_);
    store_record(session);
    return;
  }
}

/// The write-ahead log that is beside the file may be the one of the file that was here before.
SSE_DECL void SqliteEngine::remove_stale_wal(Session& session, const FileStatus& file) noexcept {
  if (file.exists) {
    const std::optional<LockRecord> record = load_record(session);
    if (!record || (record->inode == file.inode && record->device == file.device)) return;
    const FileStatus wal = file_status(path_ + "-wal");
    if (!wal.exists || wal.inode != record->wal_inode) return;
  }
  std::remove((path_ + "-wal").c_str());
  std::remove((path_ + "-shm").c_str());
}

SSE_DECL SqliteEngine::Header SqliteEngine::read_header(Session& session) {
  unsigned char bytes[100] = {};
  const int code = session.connection.read_file(bytes, sizeof bytes, 0);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) session.connection.fail(code, "reading the header");
  if (std::memcmp(bytes, "SQLite format 3", 16) != 0) {
    throw SqliteError("sse: " + path_ + ": the file is damaged, or no SQLite database", SQLITE_NOTADB);
  }
  const auto number = [&](int at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
           std::uint32_t{bytes[at + 3]};
  };
  return {number(24), number(40), number(60), number(68)};
}

SSE_DECL void SqliteEngine::configure(Session& session) {
  SqliteConnection& connection = session.connection;
  connection.execute("pragma mmap_size = 0; pragma cell_size_check = on; pragma trusted_schema = off");
  const std::string application = connection.query("pragma application_id");
  const std::string version = connection.query("pragma user_version");
  // Whoever dies while he creates the file leaves it without a table.
  if (application == "0" && version == "0" && connection.query("select count(*) from sqlite_master") == "0") {
    create(session);
  } else if (application != std::to_string(application_id)) {
    refuse("the file belongs to another application (its application_id is " + application + ')');
  } else if (version != std::to_string(file_version)) {
    refuse("the file was made by another version of sse (its user_version is " + version + ", this one knows " +
           std::to_string(file_version) + ')');
  }
  const std::string journal = connection.query("pragma journal_mode = wal");
  if (journal != "wal") {
    refuse("SQLite's journal mode is " + journal + ", not wal: is the file on a network file system?");
  }
  connection.execute(options_.durability == Durability::disk ? "pragma synchronous = full"
                                                             : "pragma synchronous = normal");
  // A write-ahead log that was long once gives the space back when it starts anew.
  connection.execute(("pragma journal_size_limit = " + std::to_string(2 * checkpoint_bytes)).c_str());
  if (&session == &writer_) {
    page_bytes_ = std::max(512, std::atoi(connection.query("pragma page_size").c_str()));
    wal_frames_ = frames_at_checkpoint_ = 0;
    sqlite3_wal_hook(
        connection.get(),
        [](void* frames, sqlite3*, const char*, int count) {
          *static_cast<int*>(frames) = count;
          return SQLITE_OK;
        },
        &wal_frames_);
  }
}

SSE_DECL void SqliteEngine::create(Session& session) {
  SqliteConnection& connection = session.connection;
  const std::string journal = connection.query("pragma journal_mode = wal");
  if (journal != "wal") {
    refuse("SQLite's journal mode is " + journal + ", not wal: is the file on a network file system?");
  }
  connection.execute("pragma synchronous = full; begin immediate");
  connection.execute(R"(create table event(
  n integer primary key,          -- dense; with the stamp the id that clients see, stamp-n
  stamp integer,                  -- Unix time in ms
  type text,
  topic text default '',
  key text default '',
  data text,                      -- JSON; of a message its text
  is_message integer default 0,
  origin integer,                 -- of a batch's first event: the process that has appended it,
  batch integer                   -- and the batch's number there
))");
  // Tells a copy of this file from another log's.
  const std::uint64_t cookie = random_bits()[0] >> 34;
  connection.execute(("pragma application_id = " + std::to_string(application_id) +
                      "; pragma user_version = " + std::to_string(file_version) +
                      "; pragma schema_version = " + std::to_string(cookie + 1) + "; commit")
                         .c_str());
  sqlite3_wal_checkpoint_v2(connection.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  created_ = true;
}

/// False: the session has to connect anew. The lock is held.
SSE_DECL bool SqliteEngine::is_unchanged(Session& session) {
  const FileStatus now = file_status(path_);
  if (now.unchanged(session.status)) return true;
  if (!now.same_file(session.status)) {
    // Whoever has moved the file away gets all of its events.
    sqlite3_wal_checkpoint_v2(session.connection.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    return false;
  }
  const std::optional<LockRecord> record = load_record(session);
  const bool known = record && record->inode == now.inode && record->device == now.device;
  if (!known || record->size != now.size || record->changed != now.changed) {
    const Header header = read_header(session);
    if (known && is_replaced(*record, header)) {
      copy_to_new_file(session);
      return false;
    }
    session.status = now;
    store_record(session);
  }
  session.status = now;
  return true;
}

/// True: the file has another content than at the last checkpoint, that the write-ahead log does not belong to. Another
/// program's checkpoint only raises the counters.
SSE_DECL bool SqliteEngine::is_replaced(const LockRecord& record, const Header& header) const noexcept {
  if (header.application_id != application_id) return false;  // configure() looks at it
  return header.change_counter < record.change_counter || header.schema_cookie < record.schema_cookie ||
         header.schema_cookie > record.schema_cookie + 1000;
}

/// Somebody has written another log's content into the file, while processes may have it open with the write-ahead log
/// of the old one. A new file with that content takes the path: all see that, and none applies the old log to it.
SSE_DECL void SqliteEngine::copy_to_new_file(Session& session) {
  const std::string copy = path_ + "-copy";
  const auto fail = [&] {
    const int code = errno;
    std::remove(copy.c_str());
    throw LogError("sse: " + copy + " cannot be written: " + system_message(code), true);
  };
  const std::uint64_t size = file_status(path_).size;
  {
    std::ofstream out(copy, std::ios::binary | std::ios::trunc);
    std::string bytes(std::size_t{1} << 16, '\0');
    for (std::uint64_t offset = 0; offset < size; offset += bytes.size()) {
      const auto part = static_cast<int>(std::min<std::uint64_t>(bytes.size(), size - offset));
      const int code = session.connection.read_file(bytes.data(), part, static_cast<std::int64_t>(offset));
      if (code != SQLITE_OK) session.connection.fail(code, "copying a replaced file");
      if (!out.write(bytes.data(), part)) fail();
    }
    if (!out.flush()) fail();
  }
  if (std::rename(copy.c_str(), path_.c_str()) != 0) fail();
}

SSE_DECL std::optional<SqliteEngine::LockRecord> SqliteEngine::load_record(Session& session) const noexcept {
  static_assert(std::is_trivially_copyable_v<LockRecord>);
  LockRecord record;
  if (!session.lock.load(&record, sizeof record) || record.magic != LockRecord::magic_number) return std::nullopt;
  return record;
}

/// Remembers the file as it is. The lock is held.
SSE_DECL void SqliteEngine::store_record(Session& session) noexcept {
  LockRecord record;
  record.device = session.status.device;
  record.inode = session.status.inode;
  record.size = session.status.size;
  record.changed = session.status.changed;
  record.wal_inode = file_status(path_ + "-wal").inode;
  try {
    const Header header = read_header(session);
    record.change_counter = header.change_counter;
    record.schema_cookie = header.schema_cookie;
  } catch (const LogError&) {
  }
  session.lock.store(&record, sizeof record);
}

SSE_DECL std::string_view SqliteEngine::sql(Query query) noexcept {
  switch (query) {
    case begin_write: return "begin immediate";
    case commit: return "commit";
    case select_newest:
      return "select n, stamp from event where n between 1 and 9007199254740992 order by n desc limit 1";
    case select_oldest: return "select n from event where n between 1 and 9007199254740992 order by n limit 1";
    case select_backwards:
      return "select n, stamp, type, topic, key, data, is_message, origin from event "
             "where n between 1 and 9007199254740992 order by n desc";
    case select_from:
      return "select n, stamp, type, topic, key, data, is_message, origin from event "
             "where n between ?1 and 9007199254740992 order by n";
    case count_strangers: return "select count(*) from event where n < 1 or n > 9007199254740992";
    case find_batch: return "select n from event where n > ?1 and origin = ?2 and batch = ?3 limit 1";
    case insert:
      return "insert into event(n, stamp, type, topic, key, data, is_message, origin, batch) "
             "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    case trim: return "delete from event where n between 1 and ?1";
    case data_version: return "pragma data_version";
  }
  return {};
}

SSE_DECL SqliteEngine::Place SqliteEngine::newest_place(Session& session) {
  SqliteStatement& statement = session.use(select_newest);
  const SqliteReset reset(statement);
  Place place;
  if (session.connection.step(statement)) {
    place.n = statement.number(0);
    if (statement.type(1) == SQLITE_INTEGER && statement.number(1) <= max_number) place.stamp = statement.number(1);
  }
  return place;
}

SSE_DECL std::uint64_t SqliteEngine::oldest_number(Session& session) {
  SqliteStatement& statement = session.use(select_oldest);
  const SqliteReset reset(statement);
  return session.connection.step(statement) ? statement.number(0) : 0;
}

SSE_DECL void SqliteEngine::append(std::span<const LoggedEvent> events, std::uint64_t number) {
  if ((last_number_ && number <= *last_number_) || events.empty()) return;
  call(writer_, [&] {
    const Locked locked(*this, writer_);
    try {
      if (attend(writer_)) newest_ = {};
      bound_wal(events);
      if (append_batch(events, number) && !file_status(path_).same_file(writer_.status)) {
        throw SqliteError("sse: " + path_ + ": the file was moved or replaced during a commit",
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
    {
      const std::lock_guard guard(mutex_);
      ++commits_;
    }
    changed_.notify_all();
    checkpoint_when_due();
  });
}

/// After a commit. The batch is in the log: an error is only told where the write-ahead log has no room for the next.
SSE_DECL void SqliteEngine::checkpoint_when_due() noexcept {
  const auto bytes_per_frame = static_cast<std::uint64_t>(page_bytes_) + 24;
  const auto limit =
      static_cast<int>(std::min<std::uint64_t>(checkpoint_bytes, options_.max_wal_bytes / 4) / bytes_per_frame);
  if (wal_frames_ < frames_at_checkpoint_) frames_at_checkpoint_ = 0;  // the write-ahead log has started anew
  if (wal_frames_ - frames_at_checkpoint_ < limit) return;
  writer_.deadline = std::min(writer_.deadline, SteadyClock::now() + std::chrono::milliseconds(20));
  try {
    checkpoint(wal_frames_ >= 2 * limit ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  } catch (const Error&) {
    frames_at_checkpoint_ = wal_frames_;  // not with each commit
  }
}

/// One transaction. False: the batch was there already.
SSE_DECL bool SqliteEngine::append_batch(std::span<const LoggedEvent> events, std::uint64_t number) {
  SqliteConnection& connection = writer_.connection;
  connection.run(writer_.use(begin_write));
  const Place newest = newest_place(writer_);
  if (unsure_after_) {
    SqliteStatement& find = writer_.use(find_batch);
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
  if (newest.n + events.size() >= max_number) {
    throw LogError("sse: " + path_ + ": the newest event's n is " + std::to_string(newest.n) + ", the limit is 2^53",
                   false);
  }
  const std::uint64_t stamp = next_stamp(newest);
  trim_before(writer_, newest.n, events.size());
  SqliteStatement& row = writer_.use(insert);
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
  connection.run(writer_.use(commit));
  newest_ = {n, stamp};
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
SSE_DECL void SqliteEngine::trim_before(Session& session, std::uint64_t newest, std::size_t added) {
  const std::uint64_t kept = max_events_;
  const std::uint64_t oldest = oldest_number(session);
  if (kept == 0 || oldest == 0 || newest + added + 1 - oldest <= kept) return;
  const std::uint64_t excess = newest + added + 1 - oldest - kept;
  const std::uint64_t step = std::clamp<std::uint64_t>(kept / 16, 1, 1024);
  if (excess < step) return;
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
  if (removed == 0) return;
  SqliteStatement& statement = session.use(trim);
  statement.bind(1, last);
  session.connection.run(statement);
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
  throw LogError("sse: " + path_ + "-wal has " + std::to_string(wal_bytes()) + " bytes (max_wal_bytes is " +
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
  writer_.status = file_status(path_);
  store_record(writer_);
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
  constexpr std::string_view line_ends("\r\n\0", 3);
  if (row.text(2).find_first_of(line_ends) != std::string_view::npos) return "its type has more than one line";
  if (row.number(6) == 0 && row.text(5).find_first_of(line_ends) != std::string_view::npos) {
    return "its data has more than one line";
  }
  return nullptr;
}

inline LoggedEvent event_of(const SqliteStatement& row) noexcept {
  return {row.number(1), row.number(0), row.number(6) != 0, row.text(2), row.text(3), row.text(4), row.text(5)};
}

/// Connects the reader where that is necessary.
SSE_DECL void SqliteEngine::attend_reader() {
  if (reader_.connection) {
    const FileStatus now = file_status(path_);
    if (now.unchanged(reader_.status)) return;
    // Most changes are another one's checkpoint. It holds the lock, perhaps for long: reading goes on.
    if (now.same_file(reader_.status) && reader_.lock.try_lock() != FileLock::Result::locked) return;
    if (now.same_file(reader_.status)) {
      const Locked locked(reader_);
      attend_locked_reader();
      return;
    }
  }
  const Locked locked(*this, reader_);
  attend_locked_reader();
}

SSE_DECL void SqliteEngine::attend_locked_reader() {
  const bool had_cursor = cursor_.n != 0;
  if (attend(reader_)) reconnected_ = had_cursor;
}

/// Calls a function that reads; true: the function shall run again. Where SQLite finds the file damaged, its content
/// may have been replaced under it, and the reader connects anew.
SSE_DECL bool SqliteEngine::is_worth_a_retry(const SqliteError& error) {
  if (!error.is_damage()) {
    if (error.code() != SQLITE_BUSY) reader_.disconnect();
    return false;
  }
  const Locked locked(*this, reader_);
  const bool damaged = is_unchanged(reader_);
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
      read_up_to_ = cursor_.n;
      begin.created = created_.exchange(false);
      return begin;
    }
  });
}

SSE_DECL void SqliteEngine::give_newest(std::size_t history, const EventLog::Take& take, LogBegin& begin) {
  // While a statement is not reset, the others read of the same state of the file.
  SqliteStatement& backwards = reader_.use(select_backwards);
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
  const Place tail = newest_place(reader_);
  strangers_ = 0;
  look_for_strangers(begin.note);
  SqliteStatement& forwards = reader_.use(select_from);
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
    const std::lock_guard guard(mutex_);
    if (!error.may_pass() || interrupts_ == reader_.interrupts) throw;
    read_interrupted_ = false;
    return {0, after, {}};
  }
}

SSE_DECL LogRead SqliteEngine::read_or_wait(std::uint64_t after, std::chrono::milliseconds wait,
                                            const EventLog::Take& take) {
  const SteadyClock::time_point limit =
      SteadyClock::now() + std::min<std::chrono::milliseconds>(wait, std::chrono::hours(1));
  for (bool again = false;;) {
    reader_.deadline = SteadyClock::now() + options_.lock_timeout;
    std::uint64_t commits;
    {
      const std::lock_guard guard(mutex_);
      commits = commits_;
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
    if (!wait_for_change(limit, commits)) return result;
  }
}

SSE_DECL void SqliteEngine::give_rows(std::uint64_t after, const EventLog::Take& take, LogRead& result,
                                      std::uint64_t& given) {
  SqliteConnection& connection = reader_.connection;
  {
    SqliteStatement& version = reader_.use(data_version);
    const SqliteReset reset(version);
    connection.step(version);
    if (version.number(0) != data_version_) {
      data_version_ = version.number(0);
      look_for_strangers(result.note);
    }
  }
  SqliteStatement& row = reader_.use(select_from);
  const SqliteReset reset(row);
  row.bind(1, std::max<std::uint64_t>(after, 1));
  bool has_row = connection.step(row);
  const Place tail = newest_place(reader_);
  result.tail = tail.n;
  if (after > 0) {
    bool known;
    if (has_row && row.number(0) == after) {
      known =
          cursor_.n != after || !cursor_.stamp || (row.type(1) == SQLITE_INTEGER && row.number(1) == *cursor_.stamp);
      has_row = connection.step(row);
    } else {
      // In one and the same file the event may have been removed for its age.
      known = has_row && !reconnected_ && oldest_number(reader_) > after;
    }
    if (!known) {
      result.lost = std::nullopt;
      result.note = path_ + " was replaced, or has lost its newest events: event n = " + std::to_string(after) +
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
      if (reason) result.note = path_ + ": event n = " + std::to_string(n) + " was skipped: " + reason;
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
  SqliteStatement& statement = reader_.use(count_strangers);
  const SqliteReset reset(statement);
  if (!reader_.connection.step(statement)) return;
  const std::uint64_t count = statement.number(0);
  if (count > strangers_) {
    note += (note.empty() ? "" : "; ") + path_ + ": " + std::to_string(count) +
            " rows are no events: their n is below 1 or above 2^53";
  }
  strangers_ = count;
}

/// False: the time is up, or the call was interrupted.
SSE_DECL bool SqliteEngine::wait_for_change(SteadyClock::time_point limit, std::uint64_t commits) {
  for (;;) {
    const SteadyClock::time_point now = SteadyClock::now();
    {
      std::unique_lock guard(mutex_);
      changed_.wait_until(
          guard, std::min<SteadyClock::time_point>(limit, now + (now < fast_poll_end_ ? fast_poll : slow_poll)),
          [&] { return read_interrupted_ || commits_ != commits; });
      if (std::exchange(read_interrupted_, false)) return false;
      if (commits_ != commits) return true;
    }
    if (!file_status(path_).unchanged(reader_.status)) {
      // Reading takes it up; where the lock is held by another process, after the next pause only.
      attend_reader();
      if (reconnected_) return true;
    }
    SqliteStatement& version = reader_.use(data_version);
    const SqliteReset reset(version);
    if (reader_.connection.step(version) && version.number(0) != data_version_) return true;
    if (SteadyClock::now() >= limit) return false;
  }
}

/// The rest of what append() left to remove, since this process had not yet read it.
SSE_DECL void SqliteEngine::trim_when_idle() {
  if (!trim_is_due_ || reader_.lock.try_lock() != FileLock::Result::locked) return;
  try {
    if (file_status(path_).same_file(reader_.status)) {
      reader_.connection.run(reader_.use(begin_write));
      trim_before(reader_, newest_place(reader_).n, 0);
      reader_.connection.run(reader_.use(commit));
    }
  } catch (const LogError&) {
    reader_.connection.roll_back();
  }
  reader_.lock.unlock();
}

SSE_DECL void SqliteEngine::interrupt() noexcept {
  {
    const std::lock_guard guard(mutex_);
    ++interrupts_;
    read_interrupted_ = true;
  }
  changed_.notify_all();
}

SSE_DECL LogSize SqliteEngine::size() const noexcept {
  return {file_status(path_).size, file_status(path_ + "-wal").size};
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
