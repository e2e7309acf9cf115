// The option --log of the programs here: a file of SQLite, or the URL of a Redis server.
#pragma once

#include "command_line.hpp"

#if defined(EXAMPLES_REDIS)
#include <sse/redis_log.hpp>
#endif
#if defined(EXAMPLES_SQLITE)
#include <sse/sqlite_log.hpp>
#endif
#include <sse/sse.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace log_option {

/// Without --history this many events are kept in memory.
inline constexpr std::size_t default_history = 1'000;

inline bool is_url(std::string_view text) {
  return text.starts_with("redis://") || text.starts_with("rediss://") || text.starts_with("unix:");
}

inline void add_log(CLI::App& app, std::string& log) {
  app.add_option("--log", log,
                 "Keep the events in this file (SQLite) or in the Redis of this URL, so that they survive a restart; "
                 "programs with one log send the same events. Unset: they are in memory only")
      ->type_name("FILE|URL")
      ->check(command_line::must_be("a file, or redis://…, rediss://… or unix:…",
                                    [](const std::string& text) { return !text.empty(); }));
}

/// Opens the log for a manager. Empty: none. Throws sse::Error for one that cannot be used.
inline void set_log(sse::Options& options, const std::string& log) {
  if (log.empty()) return;
  if (options.history_size == 0) options.history_size = default_history;
  if (is_url(log)) {
#if defined(EXAMPLES_REDIS)
    options.log = std::make_shared<sse::RedisLog>(log);
    return;
#endif
  } else {
#if defined(EXAMPLES_SQLITE)
    options.log = std::make_shared<sse::SqliteLog>(log);
    return;
#endif
  }
  throw sse::Error("this program was built without the library that " + log + " needs");
}

}  // namespace log_option
