// SPDX-License-Identifier: MIT
// The file of a SqliteLog: whether it can be one, how it is made, and how it is noticed that somebody else has put
// another file in its place.

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/file_status.hpp"
#include "sse/detail/log/sqlite_session.hpp"
#include "sse/sqlite_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The lock's file says which file the write-ahead log belongs to (LockRecord). When the path names another file, or
/// the file's content is older than the last checkpoint, the write-ahead log must not be applied to it.
///
/// Both threads use it, each with its session.
class SqliteFile {
 public:
  static constexpr std::uint64_t checkpoint_bytes = std::uint64_t{16} << 20;  ///< It waits for the disk twice.

  /// Makes the path absolute. Throws Error for an empty one.
  SqliteFile(const std::string& path, Durability durability);

  const std::string& path() const noexcept { return path_; }
  std::string wal_path() const { return path_ + "-wal"; }
  /// True once: this object has made the file.
  bool take_created() noexcept { return created_.exchange(false); }

  /// Throws Error for a path that can never be a log.
  void check_place() const;
  /// Sees to it that the session is connected to the file that the path names. The lock is held.
  /// True: it was connected anew.
  bool attend(SqliteSession& session);
  /// Connects to the file, and creates it where there is none. The lock is held.
  void connect(SqliteSession& session);
  /// False: the session has to connect anew. The lock is held.
  bool is_unchanged(SqliteSession& session) const;
  /// Remembers the file as it is. The lock is held.
  void remember(SqliteSession& session) const noexcept;

 private:
  static constexpr std::uint32_t application_id = 0x53534531;  ///< "SSE1"
  static constexpr std::uint32_t file_version = 1;

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

  void remove_stale_wal(SqliteSession& session, const FileStatus& file) const noexcept;
  void check_owner(std::uint64_t application) const;
  void configure(SqliteSession& session);
  void create(SqliteConnection& connection);
  void use_wal(SqliteConnection& connection) const;
  [[noreturn]] void refuse(const std::string& reason) const;
  Header read_header(SqliteSession& session) const;
  bool is_replaced(const LockRecord& record, const Header& header) const noexcept;
  void copy_to_new_file(SqliteSession& session) const;
  std::optional<LockRecord> load_record(SqliteSession& session) const noexcept;
  void store_record(SqliteSession& session) const noexcept;

  const std::string path_;
  const Durability durability_;
  std::atomic<bool> created_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
