// SPDX-License-Identifier: MIT
// The bodies of SqliteFile.

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
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>

#include "sse/detail/base/random.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/sqlite_file.hpp"
#include "sse/detail/log/sqlite_session.ipp"
#include "sse/error.hpp"
#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline std::string absolute_file(const std::string& path) {
  if (path.empty()) throw Error("sse: the path of a SqliteLog is empty");
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::weakly_canonical(path, error);
  return error ? path : absolute.string();
}

SSE_DECL SqliteFile::SqliteFile(const std::string& path, Durability durability)
    : path_(absolute_file(path)), durability_(durability) {}

SSE_DECL void SqliteFile::refuse(const std::string& reason) const {
  throw Error("sse: " + path_ + ": " + reason);
}

SSE_DECL void SqliteFile::check_place() const {
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

SSE_DECL bool SqliteFile::attend(SqliteSession& session) {
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

SSE_DECL void SqliteFile::connect(SqliteSession& session) {
  for (int tries = 0;; ++tries) {
    const FileStatus file = file_status(path_);
    remove_stale_wal(session, file);
    session.connect();
    if (sqlite3_db_readonly(session.connection.get(), "main") == 1) refuse("the file is read-only");
    if (file.size > 0) {
      const Header header = read_header(session);
      const std::optional<LockRecord> record = load_record(session);
      if (record && tries == 0 && record->inode == file.inode && record->device == file.device &&
          (record->size != file.size || record->changed != file.changed) && is_replaced(*record, header)) {
        copy_to_new_file(session);
        session.disconnect();
        continue;
      }
      if (header.application_id != 0) check_owner(header.application_id);
    } else if (file_status(wal_path()).size > 0) {
      throw SqliteError("sse: " + path_ + ": the file is empty, but " + path_ + "-wal is not: it has lost its content",
                        SQLITE_CORRUPT);
    }
    configure(session);
    remember(session);
    return;
  }
}

SSE_DECL void SqliteFile::check_owner(std::uint64_t application) const {
  if (application == application_id) return;
  refuse("the file belongs to another application (its application_id is " + std::to_string(application) + ')');
}

/// The write-ahead log that is beside the file may be the one of the file that was here before.
SSE_DECL void SqliteFile::remove_stale_wal(SqliteSession& session, const FileStatus& file) const noexcept {
  if (file.exists) {
    const std::optional<LockRecord> record = load_record(session);
    if (!record || (record->inode == file.inode && record->device == file.device)) return;
    const FileStatus wal = file_status(wal_path());
    if (!wal.exists || wal.inode != record->wal_inode) return;
  }
  std::remove(wal_path().c_str());
  std::remove((path_ + "-shm").c_str());
}

SSE_DECL SqliteFile::Header SqliteFile::read_header(SqliteSession& session) const {
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

SSE_DECL void SqliteFile::configure(SqliteSession& session) {
  SqliteConnection& connection = session.connection;
  connection.execute("pragma mmap_size = 0; pragma cell_size_check = on; pragma trusted_schema = off");
  const std::string application = connection.query("pragma application_id");
  const std::string version = connection.query("pragma user_version");
  // Whoever dies while he creates the file leaves it without a table.
  if (application == "0" && version == "0" && connection.query("select count(*) from sqlite_master") == "0") {
    create(connection);
  } else {
    check_owner(std::strtoull(application.c_str(), nullptr, 10));
    if (version != std::to_string(file_version)) {
      refuse("the file was made by another version of sse (its user_version is " + version + ", this one knows " +
             std::to_string(file_version) + ')');
    }
  }
  use_wal(connection);
  connection.execute(durability_ == Durability::disk ? "pragma synchronous = full" : "pragma synchronous = normal");
  // A write-ahead log that was long once gives the space back when it starts anew.
  connection.execute(("pragma journal_size_limit = " + std::to_string(2 * checkpoint_bytes)).c_str());
}

SSE_DECL void SqliteFile::create(SqliteConnection& connection) {
  use_wal(connection);
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

SSE_DECL void SqliteFile::use_wal(SqliteConnection& connection) const {
  const std::string journal = connection.query("pragma journal_mode = wal");
  if (journal != "wal") {
    refuse("SQLite's journal mode is " + journal + ", not wal: is the file on a network file system?");
  }
}

SSE_DECL bool SqliteFile::is_unchanged(SqliteSession& session) const {
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
SSE_DECL bool SqliteFile::is_replaced(const LockRecord& record, const Header& header) const noexcept {
  if (header.application_id != application_id) return false;  // configure() looks at it
  return header.change_counter < record.change_counter || header.schema_cookie < record.schema_cookie ||
         header.schema_cookie > record.schema_cookie + 1000;
}

/// Somebody has written another log's content into the file, while processes may have it open with the write-ahead log
/// of the old one. A new file with that content takes the path: all see that, and none applies the old log to it.
SSE_DECL void SqliteFile::copy_to_new_file(SqliteSession& session) const {
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

SSE_DECL std::optional<SqliteFile::LockRecord> SqliteFile::load_record(SqliteSession& session) const noexcept {
  static_assert(std::is_trivially_copyable_v<LockRecord>);
  LockRecord record;
  if (!session.lock.load(&record, sizeof record) || record.magic != LockRecord::magic_number) return std::nullopt;
  return record;
}

SSE_DECL void SqliteFile::remember(SqliteSession& session) const noexcept {
  session.status = file_status(path_);
  store_record(session);
}

SSE_DECL void SqliteFile::store_record(SqliteSession& session) const noexcept {
  LockRecord record;
  record.device = session.status.device;
  record.inode = session.status.inode;
  record.size = session.status.size;
  record.changed = session.status.changed;
  record.wal_inode = file_status(wal_path()).inode;
  try {
    const Header header = read_header(session);
    record.change_counter = header.change_counter;
    record.schema_cookie = header.schema_cookie;
  } catch (const LogError&) {
  }
  session.lock.store(&record, sizeof record);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
