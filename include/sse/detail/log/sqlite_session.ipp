// SPDX-License-Identifier: MIT
// The bodies of SqliteSession.

#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/sqlite_session.hpp"
#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void SqliteSession::begin_call() {
  deadline = Clock::now() + lock_timeout_;
  pauses_ = 0;
  const std::lock_guard guard(signals.mutex);
  interrupts = signals.interrupts;
}

SSE_DECL bool SqliteSession::pause() noexcept {
  const Clock::time_point now = Clock::now();
  if (now >= deadline) return false;
  // Whoever has waited for long meets others that take the lock again at once: it looks more often.
  const unsigned pauses = pauses_++;
  const std::chrono::microseconds delay(pauses < 20 ? 50 : pauses < 100 ? 1000 : 100);
  std::unique_lock guard(signals.mutex);
  return !signals.changed.wait_until(guard, std::min<Clock::time_point>(now + delay, deadline),
                                     [&] { return signals.interrupts != interrupts; });
}

SSE_DECL void SqliteSession::take_lock() {
  for (;;) {
    switch (lock.try_lock()) {
      case FileLock::Result::locked: return;
      case FileLock::Result::failed:
        throw LogError("sse: " + lock.path() + " cannot be opened: " + system_message(errno), true);
      case FileLock::Result::busy: break;
    }
    if (pause()) continue;
    const bool interrupted = Clock::now() < deadline;
    throw LogError(
        "sse: " + path_ + ": " +
            (interrupted ? "the call was interrupted while it waited for another process"
                         : "another process has held the lock for " + std::to_string(lock_timeout_.count()) + " ms"),
        true);
  }
}

SSE_DECL int SqliteSession::on_busy(void* session, int) noexcept {
  return static_cast<SqliteSession*>(session)->pause();
}

SSE_DECL void SqliteSession::connect() {
  connection.open(path_);
  sqlite3* const opened = connection.get();
  sqlite3_busy_handler(opened, &SqliteSession::on_busy, this);
  // SqliteEngine checkpoints, under the lock.
  sqlite3_wal_autocheckpoint(opened, 0);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

SSE_DECL SqliteStatement& SqliteSession::use(SqliteQuery query) {
  SqliteStatement& statement = statements_[static_cast<std::size_t>(query)];
  if (!statement) statement = connection.prepare(sql(query));
  return statement;
}

SSE_DECL SqlitePlace SqliteSession::newest_place() {
  SqliteStatement& statement = use(SqliteQuery::select_newest);
  const SqliteReset reset(statement);
  SqlitePlace place;
  if (connection.step(statement)) {
    place.n = statement.number(0);
    if (statement.type(1) == SQLITE_INTEGER && statement.number(1) <= max_number) place.stamp = statement.number(1);
  }
  return place;
}

SSE_DECL std::uint64_t SqliteSession::oldest_number() {
  SqliteStatement& statement = use(SqliteQuery::select_oldest);
  const SqliteReset reset(statement);
  return connection.step(statement) ? statement.number(0) : 0;
}

SSE_DECL std::string_view SqliteSession::sql(SqliteQuery query) noexcept {
  switch (query) {
    using enum SqliteQuery;
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

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
