// SPDX-License-Identifier: MIT
// The settings of a SqliteLog, and what an event survives.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The failures that an event survives once `append` has returned.
enum class Durability {
  process,  ///< The end of every process, also by SIGKILL. A power failure may take the newest events.
  disk,     ///< A power failure, too. Each batch waits for the disk, some milliseconds.
};

/// Settings of a SqliteLog.
struct SqliteLogOptions {
  SqliteLogOptions() = default;

  Durability durability = Durability::process;  ///< The failures that an event survives.
  /// The newest events that the file keeps; older ones are removed in small steps, and the file holds at most 1.3 times
  /// as many. 0: as many as `open` is asked for, which is Options::history_size.
  std::size_t max_events = 0;
  /// How long a call waits for another process that holds the file.
  std::chrono::milliseconds lock_timeout{5000};
  /// The bound of the write-ahead log beside the file. It grows while another program reads the file in one long
  /// transaction; at the bound `append` fails, and goes on when that program has finished.
  std::size_t max_wal_bytes = std::size_t{64} << 20;
  /// The clock of the stamps, for tests; empty: the system's.
  std::function<std::chrono::system_clock::time_point()> clock;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
