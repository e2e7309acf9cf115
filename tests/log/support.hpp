#pragma once

#include <sqlite3.h>
#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sse/sqlite_log.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sse_test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using sse::EventLog, sse::LogBegin, sse::LogError, sse::LoggedEvent, sse::LogRead, sse::SqliteLog,
    sse::SqliteLogOptions;

/// Under a sanitizer a test of many rounds runs fewer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// An event that outlives the log's views.
struct Kept {
  std::uint64_t stamp = 0, n = 0;
  bool is_message = false;
  std::string type, topic, key, data;

  explicit Kept(const LoggedEvent& event)
      : stamp(event.stamp),
        n(event.n),
        is_message(event.is_message),
        type(event.type),
        topic(event.topic),
        key(event.key),
        data(event.data) {}
  bool operator==(const Kept&) const = default;
};
using Events = std::vector<Kept>;

inline EventLog::Take into(Events& events) {
  return [&](const LoggedEvent& event) { events.emplace_back(event); };
}

class Folder {
 public:
  /// In memory, where the system has such a place: for tests of many rounds, each of which would wait for the disk.
  static fs::path in_memory() {
    return fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
  }

  explicit Folder(const fs::path& parent = fs::temp_directory_path()) {
    std::string name = (parent / "sse_log_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  std::string file(const char* name = "events.db") const { return (path_ / name).string(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline LoggedEvent event_of(std::string_view data) {
  LoggedEvent event;
  event.type = "type";
  event.data = data;
  return event;
}

inline void append(EventLog& log, std::uint64_t number, const std::vector<std::string>& data) {
  std::vector<LoggedEvent> events;
  for (const std::string& text : data) events.push_back(event_of(text));
  log.append(events, number);
}

/// As many batches of one event, whose data are `first`, `first` + 1, …, with these for their numbers, too.
inline void append_each(EventLog& log, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t i = first; i <= last; ++i) append(log, i, {std::to_string(i)});
}

inline LogRead read(EventLog& log, std::uint64_t after, Events& events, std::chrono::milliseconds wait = 0ms) {
  return log.read(after, wait, into(events));
}

/// Everything after an event, by the rule of the next `after`.
inline Events read_all(EventLog& log, std::uint64_t after, std::uint64_t* lost = nullptr) {
  Events events;
  for (;;) {
    const std::size_t before = events.size();
    const LogRead result = read(log, after, events);
    REQUIRE(result.lost);
    if (lost) *lost += *result.lost;
    if (events.size() == before && result.lost == 0) return events;
    for (std::size_t i = before + 1; i < events.size(); ++i) CHECK(events[i].n == events[i - 1].n + 1);
    after += *result.lost + (events.size() - before);
    if (events.size() > before) CHECK(after == events.back().n);
  }
}

inline Events newest(EventLog& log, std::size_t history) {
  Events events;
  log.open(history, into(events));
  return events;
}

inline std::vector<std::string> data_of(const Events& events) {
  std::vector<std::string> data;
  for (const Kept& event : events) data.push_back(event.data);
  return data;
}

/// Another program that uses the file.
class Outsider {
 public:
  explicit Outsider(const std::string& path) {
    REQUIRE(sqlite3_open_v2(path.c_str(), &connection_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
    sqlite3_busy_timeout(connection_, 5000);
  }
  Outsider(const Outsider&) = delete;
  Outsider& operator=(const Outsider&) = delete;
  ~Outsider() { sqlite3_close(connection_); }

  /// The first column of the last row.
  std::string operator()(const std::string& sql) {
    std::string answer;
    const auto row = [](void* to, int, char** columns, char**) {
      *static_cast<std::string*>(to) = columns[0] ? columns[0] : "NULL";
      return 0;
    };
    char* message = nullptr;
    const int code = sqlite3_exec(connection_, sql.c_str(), row, &answer, &message);
    INFO(sql << ": " << (message ? message : ""));
    sqlite3_free(message);
    REQUIRE(code == SQLITE_OK);
    return answer;
  }

 private:
  sqlite3* connection_ = nullptr;
};

/// Another program's one command.
inline std::string run_sql(const std::string& path, const std::string& sql) {
  return Outsider(path)(sql);
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline bool mentions(const std::exception& error, std::string_view text) {
  UNSCOPED_INFO(error.what() << " -- has not: " << text);
  return std::string_view(error.what()).find(text) != std::string_view::npos;
}

/// The error of a call that must fail; one that may pass, or one that needs a person.
template <class Function>
LogError failure(Function function) {
  try {
    function();
  } catch (const LogError& error) {
    return error;
  }
  FAIL("the call has not failed");
  throw 0;
}

}  // namespace sse_test
