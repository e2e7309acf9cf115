// SPDX-License-Identifier: MIT
// A log of events in a file of this machine, by SQLite 3. A program that includes this header links SQLite (CMake's
// target sse::sqlite); with SSE_SEPARATE_COMPILATION one of its source files includes sse/sqlite_log_src.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event_log.hpp"
#include "sse/sqlite_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class SqliteEngine;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// A log in an SQLite file on a local disk. Several processes may append to one file, for example the old and the new
/// one of a deployment.
///
/// Beside `events.db` there are `events.db-wal` and `events.db-shm` (SQLite's) and `events.db-lock`. A person can read
/// the file at any time, `sqlite3 -readonly events.db 'select stamp||"-"||n, type, topic, data from event'`. To copy it
/// use `sqlite3 events.db ".backup copy.db"`. To replace it use `mv`; the log notices, also while it is in use.
///
/// An event of another process is seen within 10 ms, and within 250 ms where no other process has appended for 10 s.
///
/// @par Thread safety     As EventLog says. Do not fork() while a call runs, nor use the object in the child
///                        afterwards; before the first call it has nothing open.
class SqliteLog final : public EventLog {
 public:
  /// Opens the file, creates it where there is none, and closes it again.
  ///
  /// @throws Error   with the path and the reason, for what cannot pass: the path is a directory, its directory
  ///                 does not exist or is read-only, the file is read-only, is another application's or a newer
  ///                 version's, or is on a network file system. Everything else is a LogError of the calls.
  explicit SqliteLog(const std::string& path, SqliteLogOptions options = {});
  /// Brings the events from the write-ahead log into the file, if no other process is in the way.
  ~SqliteLog() override;

  LogBegin open(std::size_t history, const Take& take) override;
  void append(std::span<const LoggedEvent> events, std::uint64_t number) override;
  LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) override;
  std::optional<LogPlace> append_held(std::span<const LoggedEvent> events, std::uint64_t number) override;
  void release(bool delivered) noexcept override;
  void interrupt() noexcept override;
  LogSize size() const noexcept override;

 private:
  std::unique_ptr<detail::SqliteEngine> engine_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/log/sqlite_log.ipp"
#endif
