// SPDX-License-Identifier: MIT
// SQLite's connection and prepared statement as owners, with its errors as LogError.

#pragma once

#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline std::string system_message(int code) {
  return std::generic_category().message(code);
}

/// True: SQLite's result code may be another one later.
inline bool may_pass(int code) noexcept {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS: return true;
    case SQLITE_READONLY: return code != SQLITE_READONLY;  // it is recovered, moved, …
    default: return false;
  }
}

/// A LogError that remembers SQLite's result code.
class SqliteError : public LogError {
 public:
  SqliteError(const std::string& what, int code) : LogError(what, detail::may_pass(code)), code_(code) {}

  int code() const noexcept { return code_ & 0xff; }
  bool is_damage() const noexcept { return code() == SQLITE_CORRUPT || code() == SQLITE_NOTADB; }

 private:
  int code_;
};

class SqliteStatement {
 public:
  SqliteStatement() = default;

  explicit operator bool() const noexcept { return statement_ != nullptr; }
  sqlite3_stmt* get() const noexcept { return statement_.get(); }

  std::uint64_t number(int column) const noexcept {
    return static_cast<std::uint64_t>(sqlite3_column_int64(get(), column));
  }
  /// Valid until the statement steps on or is reset.
  std::string_view text(int column) const noexcept {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(get(), column));
    return bytes ? std::string_view(bytes, static_cast<std::size_t>(sqlite3_column_bytes(get(), column)))
                 : std::string_view();
  }
  int type(int column) const noexcept { return sqlite3_column_type(get(), column); }

  void bind(int parameter, std::uint64_t value) noexcept {
    sqlite3_bind_int64(get(), parameter, static_cast<sqlite3_int64>(value));
  }
  /// The text must stay until the statement is reset.
  void bind(int parameter, std::string_view text) noexcept {
    sqlite3_bind_text64(get(), parameter, text.data() ? text.data() : "", text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind_null(int parameter) noexcept { sqlite3_bind_null(get(), parameter); }
  void reset() noexcept { sqlite3_reset(get()); }

 private:
  friend class SqliteConnection;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Resets a statement at the end of a scope, which ends its read transaction, too.
class SqliteReset {
 public:
  explicit SqliteReset(SqliteStatement& statement) noexcept : statement_(statement) {}
  SqliteReset(const SqliteReset&) = delete;
  SqliteReset& operator=(const SqliteReset&) = delete;
  ~SqliteReset() { statement_.reset(); }

 private:
  SqliteStatement& statement_;
};

/// See SqliteConnection::wal_head.
using SqliteWalHead = std::array<unsigned char, 48>;

class SqliteConnection {
 public:
  SqliteConnection() = default;

  explicit operator bool() const noexcept { return connection_ != nullptr; }
  sqlite3* get() const noexcept { return connection_.get(); }
  void close() noexcept { connection_.reset(); }

  /// `path` is named in each error.
  void open(const std::string& path) {
    path_ = path;
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(
        path.c_str(), &opened,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
    connection_.reset(opened);
    if (code != SQLITE_OK) fail(code, "cannot be opened");
    sqlite3_extended_result_codes(opened, 1);
  }

  void execute(const char* sql) {
    const int code = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, sql);
  }
  SqliteStatement prepare(std::string_view sql) {
    SqliteStatement statement;
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &prepared, nullptr);
    statement.statement_.reset(prepared);
    if (code != SQLITE_OK) fail(code, sql);
    return statement;
  }
  /// False: there is no further row.
  bool step(SqliteStatement& statement) {
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail(code, sqlite3_sql(statement.get()));
    return false;
  }
  /// For a statement without rows.
  void run(SqliteStatement& statement) {
    const SqliteReset reset(statement);
    step(statement);
  }
  /// The first row's first column; empty where there is none.
  std::string query(const char* sql) {
    SqliteStatement statement = prepare(sql);
    return step(statement) ? std::string(statement.text(0)) : std::string();
  }

  /// True: a transaction is open.
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(get()) == 0; }
  void roll_back() noexcept {
    if (connection_ && in_transaction()) sqlite3_exec(get(), "rollback", nullptr, nullptr, nullptr);
  }

  /// A number that each commit changes: one of this connection at once, another's when a transaction begins. Nullopt:
  /// this SQLite does not have it.
  std::optional<std::uint64_t> data_version() const noexcept {
    unsigned version = 0;
    if (sqlite3_file_control(get(), "main", SQLITE_FCNTL_DATA_VERSION, &version) != SQLITE_OK) return std::nullopt;
    return version;
  }

  /// The head of the write-ahead log's index, which is in memory that the processes share: each commit changes it. A
  /// look costs no call of the system. Nullopt: it cannot be seen.
  std::optional<SqliteWalHead> wal_head() const noexcept {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
        !file->pMethods || file->pMethods->iVersion < 2) {
      return std::nullopt;
    }
    void volatile* index = nullptr;
    if (file->pMethods->xShmMap(file, 0, 32 * 1024, 0, &index) != SQLITE_OK || !index) return std::nullopt;
    SqliteWalHead head;
    const auto* const bytes = static_cast<const volatile unsigned char*>(index);
    for (std::size_t i = 0; i < head.size(); ++i) head[i] = bytes[i];
    return head;
  }

  /// Bytes of the file itself, past the write-ahead log and all locks. Reading them by a descriptor of one's own would
  /// free the process's locks on the file when that is closed (POSIX).
  int read_file(void* bytes, int size, std::int64_t offset) noexcept {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
        !file->pMethods) {
      return SQLITE_IOERR;
    }
    return file->pMethods->xRead(file, bytes, size, offset);
  }

  [[noreturn]] void fail(int code, std::string_view doing) const {
    std::string what = "sse: " + path_ + ": ";
    const char* message = connection_ ? sqlite3_errmsg(get()) : sqlite3_errstr(code);
    what += message;
    const bool of_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    const int system = connection_ && of_system ? sqlite3_system_errno(get()) : 0;
    if (system != 0) what += ": " + system_message(system);
    what += " [SQLite " + std::to_string(code) + ": ";
    what += doing.substr(0, 60);
    what += "]";
    throw SqliteError(what, code);
  }

 private:
  struct Close {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
