// The promises of SqliteLog where its file is not what it was: moved, replaced, edited, damaged, of somebody else.
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <algorithm>
#include <cstring>
#include <future>

#include "support.hpp"

using namespace sse_test;

namespace {

/// After the log was rewritten: what was told, and that it goes on with ids that no earlier event had.
void check_rewritten(EventLog& log, const Events& before, std::uint64_t number) {
  Events events;
  const LogRead result = read(log, before.back().n, events);
  CHECK_FALSE(result.lost);
  CHECK(events.empty());
  CHECK_FALSE(result.note.empty());
  newest(log, 1000);
  std::vector<std::string> batch;
  for (int i = 0; i < 10; ++i) batch.push_back("after " + std::to_string(i));
  append(log, number, batch);
  const Events after = newest(log, 1000);
  REQUIRE(after.size() >= 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(after[after.size() - 10 + i].data == batch[i]);
  for (const Kept& then : before) {
    for (const Kept& now : after) {
      if (now.stamp == then.stamp && now.n == then.n) CHECK(now == then);
    }
  }
}

std::string check_of(const std::string& path) {
  return run_sql(path, "pragma integrity_check");
}

/// The message of a constructor that must throw a plain Error.
std::string refusal_of(const std::string& path) {
  try {
    SqliteLog log(path);
  } catch (const LogError& error) {
    FAIL("a LogError: " << error.what());
  } catch (const sse::Error& error) {
    return error.what();
  }
  FAIL("the constructor has not thrown");
  return {};
}

enum Damage { cut, flipped, zeroed, garbage, empty, wal_cut, wal_flipped };

}  // namespace

TEST_CASE("A file that is deleted, moved or replaced while it is open is told as rewritten") {
  const Folder folder;
  const std::string path = folder.file(), aside = folder.file("aside.db");
  const bool append_first = GENERATE(false, true);
  SqliteLog log(path);
  log.open(100, {});
  append_each(log, 1, 20);
  run_sql(path, "vacuum into '" + aside + "'");  // the older copy
  append_each(log, 21, 50);
  const Events before = read_all(log, 0);
  REQUIRE(before.size() == 50);

  SECTION("deleted") {
    fs::remove(path);
  }
  SECTION("deleted with all that is beside it") {
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) fs::remove(path + suffix);
  }
  SECTION("moved, with all of its events") {
    fs::rename(path, folder.file("moved.db"));
    append(log, 51, {"x"});
    SqliteLog moved(folder.file("moved.db"));
    CHECK(newest(moved, 100) == before);
  }
  SECTION("replaced by an older copy, by mv") {
    fs::rename(aside, path);
  }
  SECTION("replaced by an older copy, by cp") {
    fs::copy_file(aside, path, fs::copy_options::overwrite_existing);
  }
  SECTION("replaced by another log, by cp") {
    const std::string other = folder.file("other.db");
    {
      SqliteLog another(other);
      for (std::uint64_t i = 1; i < 200; ++i) append(another, i, {"of the other"});
    }
    fs::copy_file(other, path, fs::copy_options::overwrite_existing);
  }
  SECTION("its newest events deleted") {
    run_sql(path, "delete from event where n > 33");
  }
  SECTION("its newest events deleted, and others appended by another process") {
    run_sql(path, "delete from event where n > 33");
    SqliteLog other(path);
    for (std::uint64_t i = 1; i < 60; ++i) append(other, i, {"of the other"});
  }
  SECTION("all of its events deleted") {
    run_sql(path, "delete from event");
  }
  if (append_first) append(log, 100, {"before the next read"});
  check_rewritten(log, before, 101);
  CHECK(check_of(path) == "ok");
}

TEST_CASE("An empty log whose file is moved or replaced while a read waits goes on in the file that has its path") {
  const Folder folder(Folder::in_memory());
  const std::string path = folder.file(), other = folder.file("other.db");
  {
    SqliteLog another(other);
    append_each(another, 1, 5);
  }
  SqliteLog log(path), neighbour(path);
  log.open(100, {}), neighbour.open(100, {});
  Events events;
  REQUIRE(read(log, 0, events).lost == 0u);  // from now on only the wait goes on
  REQUIRE(read(log, 0, events).lost == 0u);
  auto reading = std::async(std::launch::async, [&] {
    for (int i = 0; i < 10 && events.empty(); ++i) REQUIRE(read(log, 0, events, 6s).lost == 0u);
  });
  std::vector<std::string> wanted = {"x"};
  SECTION("deleted") {
    fs::remove(path);
  }
  SECTION("deleted with all that is beside it") {
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) fs::remove(path + suffix);
  }
  SECTION("moved") {
    fs::rename(path, folder.file("moved.db"));
  }
  SECTION("replaced by a log that has events, by mv") {
    fs::rename(other, path);
    wanted = {"1", "2", "3", "4", "5"};
  }
  SECTION("replaced by a log that has events, by cp") {
    fs::copy_file(other, path, fs::copy_options::overwrite_existing);
    wanted = {"1", "2", "3", "4", "5"};
  }
  if (wanted.size() == 1) append(neighbour, 1, {"x"});
  reading.get();
  CHECK(data_of(events) == wanted);
  CHECK(newest(neighbour, 100) == events);
  CHECK(check_of(path) == "ok");
}

TEST_CASE("A file that is replaced after its events were delivered without a read is told as rewritten") {
  const Folder folder;
  const std::string path = folder.file();
  const bool is_empty = GENERATE(true, false), is_released = GENERATE(true, false);
  SqliteLog log(path);
  if (!is_empty) append_each(log, 1, 1);
  const std::uint64_t tail = log.open(100, [](const LoggedEvent&) {}).tail;
  const LoggedEvent event = event_of("own");
  REQUIRE(log.append_held({&event, 1}, 2));
  if (is_released) log.release(true);
  fs::remove(path);
  SqliteLog other(path);
  for (std::uint64_t number = 1; number <= tail + 2; ++number) append(other, number, {"another log's"});
  Events events;
  CHECK_FALSE(read(log, tail + 1, events).lost);
  CHECK(events.empty());
}

TEST_CASE("Two processes see that one file is replaced, and go on in one file") {
  const Folder folder;
  const std::string path = folder.file(), aside = folder.file("aside.db");
  SqliteLog first(path), second(path);
  first.open(100, {}), second.open(100, {});
  append_each(first, 1, 20);
  run_sql(path, "vacuum into '" + aside + "'");
  append_each(second, 1, 20);
  const Events before = read_all(first, 0);
  CHECK(read_all(second, 0) == before);
  if (GENERATE(false, true)) {
    fs::rename(aside, path);
  } else {
    fs::copy_file(aside, path, fs::copy_options::overwrite_existing);
  }
  append(first, 21, {"a"});
  append(second, 21, {"b"});
  append(first, 22, {"c"});
  Events none;
  CHECK_FALSE(read(first, 40, none).lost);
  CHECK_FALSE(read(second, 40, none).lost);
  const Events after = newest(first, 100);
  CHECK(newest(second, 100) == after);
  REQUIRE(after.size() == 23);
  CHECK(after[20].data == "a");
  CHECK(after[21].data == "b");
  CHECK(after[22].data == "c");
  CHECK(check_of(path) == "ok");
}

TEST_CASE("The same file under another inode is the same log") {
  const Folder folder;
  SqliteLog log(folder.file());
  log.open(100, {});
  append_each(log, 1, 20);
  CHECK(read_all(log, 0).size() == 20);
  run_sql(folder.file(), "vacuum into '" + folder.file("aside.db") + "'");
  fs::rename(folder.file("aside.db"), folder.file());
  append_each(log, 21, 30);
  CHECK(read_all(log, 20).size() == 10);
}

TEST_CASE("A restored copy is not mixed with the write-ahead log that a killed process left") {
  const Folder folder;
  const std::string path = folder.file(), aside = folder.file("aside.db");
  const pid_t child = ::fork();
  if (child == 0) {
    SqliteLog log(path);
    append_each(log, 1, 20);
    sqlite3* connection = nullptr;
    sqlite3_open(path.c_str(), &connection);
    sqlite3_exec(connection, ("vacuum into '" + aside + "'").c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(connection);
    append_each(log, 21, 2000);
    ::_exit(0);  // no destructor
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(fs::file_size(path + "-wal") > 0);
  const bool by_move = GENERATE(false, true);
  if (by_move) {
    fs::rename(aside, path);
  } else {
    // The killed process has checkpointed nothing since the copy was made: only a file's time can tell them apart.
    run_sql(path, "pragma wal_checkpoint(passive)");
    fs::copy_file(aside, path, fs::copy_options::overwrite_existing);
  }
  SqliteLog log(path);
  const Events events = newest(log, 100);
  CHECK(events.size() == (by_move ? 20u : events.size()));
  append(log, 1, {"a"});
  CHECK(newest(log, 1).front().data == "a");
  CHECK(check_of(path) == "ok");
}

TEST_CASE("Rows that a person has edited are skipped, counted and told") {
  const Folder folder;
  SqliteLog log(folder.file());
  log.open(100, {});
  append_each(log, 1, 20);
  CHECK(read_all(log, 0).size() == 20);
  append_each(log, 21, 40);
  Outsider outsider(folder.file());
  std::string where = "29";
  std::uint64_t lost = 1;
  SECTION("NULL data") {
    outsider("update event set data = null where n = 29");
  }
  SECTION("BLOB data") {
    outsider("update event set data = x'00ff' where n = 29");
  }
  SECTION("a number for data") {
    outsider("create table t(n); drop table t; update event set type = x'00' where n = 29");
  }
  SECTION("two lines") {
    outsider("update event set data = 'a' || char(10) || 'b' where n = 29");
  }
  SECTION("CR") {
    outsider("update event set data = 'a' || char(13) || 'b' where n = 29");
  }
  SECTION("two lines in the type") {
    outsider("update event set type = 'a' || char(10) || 'data: b' where n = 29");
  }
  SECTION("no stamp") {
    outsider("update event set stamp = null where n = 29");
  }
  SECTION("a stamp below 0") {
    outsider("update event set stamp = -1 where n = 29");
  }
  SECTION("a stamp beyond 2^53") {
    outsider("update event set stamp = 9007199254740993 where n = 29");
  }
  SECTION("NULL topic and key") {
    outsider("update event set topic = null, key = null where n = 29");
  }
  SECTION("neither message nor not") {
    outsider("update event set is_message = 7 where n = 29");
  }
  SECTION("gone") {
    outsider("delete from event where n = 29");
    where = "";
  }
  SECTION("three") {
    outsider("update event set data = null where n in (28, 30); delete from event where n = 29");
    lost = 3;
    where = "30";
  }
  Events events;
  LogRead result = read(log, 20, events);
  CHECK(result.lost == 0);
  const std::uint64_t given = events.size();
  CHECK(given == (lost == 3 ? 7 : 8));
  result = read(log, 20 + given, events);
  CHECK(result.lost == lost);
  CHECK(result.tail == 40);
  if (!where.empty()) {
    CHECK(result.note.find("n = " + where + " ") != std::string::npos);
    CHECK(result.note.find(folder.file()) != std::string::npos);
  }
  CHECK(events.size() == 20 - lost);
  CHECK(read_all(log, 40).empty());

  LogBegin begin;
  Events history;
  begin = log.open(100, into(history));
  CHECK(begin.tail == 40);
  CHECK_FALSE(begin.note.empty());
  CHECK(history.size() == (lost == 3 ? 10 : 11));
  append(log, 100, {"a"});
  CHECK(read_all(log, 40).size() == 1);
}

TEST_CASE("A newest row that is no event counts as lost, and the next events follow it") {
  const Folder folder;
  SqliteLog log(folder.file());
  append_each(log, 1, 5);
  Outsider outsider(folder.file());
  outsider("update event set data = null, stamp = 'x' where n = 5");
  Events events;
  const LogBegin begin = log.open(100, into(events));
  CHECK(begin.tail == 5);
  CHECK(events.empty());
  append(log, 6, {"six"});
  CHECK(data_of(read_all(log, 5)) == std::vector<std::string>{"six"});
  std::uint64_t lost = 0;
  CHECK(read_all(log, 0, &lost).size() == 5);
  CHECK(lost == 1);
}

TEST_CASE("Rows beyond every number that an event can have are told, and left alone") {
  const Folder folder;
  SqliteLog log(folder.file());
  log.open(100, {});
  append_each(log, 1, 5);
  CHECK(read_all(log, 0).size() == 5);
  Outsider outsider(folder.file());
  outsider(
      "insert into event(n, stamp, type, data) values(9007199254740993, 1, 't', '{}'), (-3, 1, 't', '{}'),"
      "(9223372036854775807, 1, 't', '{}')");
  Events events;
  const LogRead result = read(log, 5, events, 10s);
  CHECK(result.lost == 0);
  CHECK(result.note.find("3 rows") != std::string::npos);
  append(log, 6, {"six"});
  CHECK(data_of(read_all(log, 5)) == std::vector<std::string>{"six"});
  CHECK(read_all(log, 5).back().n == 6);
  CHECK(log.open(0, {}).note.find("3 rows") != std::string::npos);
  outsider("update event set n = 9007199254740991 where n = 6");
  SqliteLog full(folder.file());
  CHECK_FALSE(failure([&] { append(full, 1, {"a", "b"}); }).may_pass());
}

TEST_CASE("The constructor refuses what can never be a log, with the path and the reason") {
  const Folder folder;
  const auto refused = [](const std::string& path, std::string_view reason) {
    const std::string message = refusal_of(path);
    INFO(message);
    CHECK(message.find(path) != std::string::npos);
    CHECK(message.find(reason) != std::string::npos);
  };
  refused(folder.path().string(), "is a directory");
  refused(folder.file("no/such.db"), "does not exist");
  CHECK(refusal_of("").find("empty") != std::string::npos);
  ::mkfifo(folder.file("fifo").c_str(), 0600);
  refused(folder.file("fifo"), "not a file");
  {
    sqlite3* connection = nullptr;
    sqlite3_open(folder.file("other.db").c_str(), &connection);
    sqlite3_exec(connection, "create table event(n integer primary key)", nullptr, nullptr, nullptr);
    sqlite3_close(connection);
  }
  const std::string bytes = bytes_of(folder.file("other.db"));
  refused(folder.file("other.db"), "another application");
  CHECK(bytes_of(folder.file("other.db")) == bytes);
  { SqliteLog log(folder.file()); }
  run_sql(folder.file(), "pragma user_version = 2");
  refused(folder.file(), "user_version is 2");
  run_sql(folder.file(), "pragma user_version = 1; pragma application_id = 7");
  refused(folder.file(), "application_id is 7");
}

TEST_CASE("The constructor refuses what it may not write") {
  const Folder folder;
  fs::create_directory(folder.file("closed"));
  { SqliteLog log(folder.file("closed/events.db")); }
  { SqliteLog log(folder.file()); }
  const pid_t child = ::fork();
  if (child == 0) {
    ::chmod(folder.file().c_str(), 0444);
    ::chmod(folder.path().c_str(), 0777);
    ::chmod(folder.file("closed").c_str(), 0555);
    ::chmod(folder.file("closed/events.db").c_str(), 0666);
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    const auto is_refused = [](const std::string& path) {
      try {
        SqliteLog log(path);
      } catch (const LogError&) {
      } catch (const sse::Error& error) {
        return std::string_view(error.what()).find("cannot be written: Permission denied") != std::string_view::npos;
      }
      return false;
    };
    ::_exit(is_refused(folder.file()) && is_refused(folder.file("closed/events.db")) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("A damaged file is an error that names it, or whole events, and is not overwritten") {
  const Folder folder(Folder::in_memory());
  const std::string path = folder.file();
  std::vector<std::string> data;
  for (int i = 0; i < 500; ++i)
    data.push_back(R"({"type":"t","data":")" + std::string(300, 'x') + std::to_string(i) + "\"}");
  {
    SqliteLog log(path);
    append(log, 1, data);
  }
  const std::string whole = bytes_of(path);
  const pid_t child = ::fork();  // leaves a write-ahead log
  if (child == 0) {
    SqliteLog log(path);
    for (std::uint64_t i = 1; i <= 50; ++i) append(log, i, {data.begin(), data.begin() + 5});
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const std::string whole_wal = bytes_of(path + "-wal");
  REQUIRE(whole_wal.size() > 100'000);
  const Damage kind = GENERATE(values({cut, flipped, zeroed, garbage, empty, wal_cut, wal_flipped}));
  const bool with_wal = kind >= wal_cut || GENERATE(false, true);
  INFO("kind " << kind << (with_wal ? ", with a write-ahead log" : ""));
  std::mt19937 random(static_cast<unsigned>(kind));
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  int errors = 0, fine = 0;
  for (int round = 0; round < (sanitized ? 15 : 200); ++round) {
    std::string file = whole, wal = with_wal ? whole_wal : std::string();
    switch (kind) {
      case cut: file.resize(below(file.size())); break;
      case flipped:
        for (std::size_t i = 0, count = 1 + below(50); i < count; ++i)
          file[below(file.size())] ^= static_cast<char>(1 << below(8));
        break;
      case zeroed:
        std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(below(file.size() / 4096) * 4096), 4096, '\0');
        break;
      case garbage:
        for (char& c : file) c = static_cast<char>(random());
        break;
      case empty: file.clear(); break;
      case wal_cut: wal.resize(below(wal.size())); break;
      case wal_flipped:
        for (int i = 0; i < 20; ++i) wal[below(wal.size())] ^= static_cast<char>(1 << below(8));
        break;
    }
    for (const char* suffix : {"-wal", "-shm", "-lock"}) fs::remove(path + suffix);
    write_bytes(path, file);
    if (!wal.empty()) write_bytes(path + "-wal", wal);
    const auto check = [&](const Kept& event) {
      // Flipped bits may be in an event's own bytes.
      const bool known = std::find(data.begin(), data.end(), event.data) != data.end();
      if ((kind != flipped && !known) || event.data.find('\n') != std::string::npos) FAIL("no event: " << event.data);
    };
    bool failed = false;
    try {
      SqliteLog log(path);
      const auto attempt = [&](auto call) {
        try {
          call();
        } catch (const LogError& error) {
          failed = true;
          CHECK(mentions(error, path));
        }
      };
      Events events;
      attempt([&] { log.open(100, into(events)); });
      attempt([&] { log.read(0, 0ms, into(events)); });
      attempt([&] { append(log, 1, {data[0]}); });
      attempt([&] { log.read(0, 0ms, into(events)); });
      for (const Kept& event : events) check(event);
    } catch (const sse::Error& error) {
      failed = true;
      CHECK(mentions(error, path));
    }
    ++(failed ? errors : fine);
    // If the head is damaged, nothing was written at all.
    if (failed && kind == garbage) CHECK(bytes_of(path) == file);
  }
  CHECK(errors + fine > 0);
  if (kind == garbage) CHECK(fine == 0);
  if (kind == wal_cut) CHECK(errors == 0);
  if (kind == empty) CHECK(errors == (with_wal ? (sanitized ? 15 : 200) : 0));
  UNSCOPED_INFO(errors << " errors, " << fine << " fine");
}
