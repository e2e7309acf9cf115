// SPDX-License-Identifier: MIT
// The state of a manager's log (Options::log), as the observer and the statistics tell it.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "sse/detail/base/enum_names.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The state of a manager's log.
enum class LogState : std::uint8_t {
  none,     ///< The manager has no log.
  opening,  ///< It is being opened. New connections wait.
  ready,    ///< Events are appended and delivered.
  failing,  ///< It does not work now and is tried again. Events wait in the outbox.
  failed,   ///< It needs a person. It is tried again, slowly.
  closed,   ///< The manager was destroyed.
};

/// A manager's counters of its log.
struct LogStats {
  LogStats() = default;

  LogState state = LogState::none;           ///< The log's state.
  std::uint64_t appended = 0;                ///< Events that this manager has put into the log.
  std::uint64_t read = 0;                    ///< Events that it has read from the log, its own among them.
  std::uint64_t unlogged_events = 0;         ///< Events that wait for the log, in the outbox or in an append.
  std::uint64_t lost = 0;                    ///< Events that were dropped because the outbox was full.
  std::uint64_t missed = 0;                  ///< Events that the log had removed before this manager read them.
  std::uint64_t resets = 0;                  ///< The times that the log was found to be another one than before.
  std::uint64_t retries = 0;                 ///< Calls of the log that were repeated after a failure.
  std::uint64_t lag_events = 0;              ///< Events of the log that this manager has not read yet.
  std::uint64_t appends = 0;                 ///< Calls that have put events into the log.
  std::chrono::microseconds append_time{0};  ///< The time that they have taken, all together.
  std::uint64_t file_bytes = 0;              ///< EventLog::size.
  std::uint64_t wal_bytes = 0;               ///< EventLog::size.
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<LogState> {
  static constexpr std::array<std::string_view, 6> all = {"none", "opening", "ready", "failing", "failed", "closed"};
};

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// nlohmann::json's conversion.
template <class Json>
void to_json(Json& json, const LogStats& log) {
  json = {{"state", to_string(log.state)},
          {"appended", log.appended},
          {"read", log.read},
          {"unlogged_events", log.unlogged_events},
          {"lost", log.lost},
          {"missed", log.missed},
          {"resets", log.resets},
          {"retries", log.retries},
          {"lag_events", log.lag_events},
          {"appends", log.appends},
          {"append_microseconds", log.append_time.count()},
          {"file_bytes", log.file_bytes},
          {"wal_bytes", log.wal_bytes}};
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
