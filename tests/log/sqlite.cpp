// The promises of SqliteLog in one process: places, numbers, reading, trimming, waiting, bounds.
#include "promises.hpp"
#include "support.hpp"

#include <sse/detail/log/file_lock.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace sse_test;

TEST_CASE("An event is read back as it was appended") {
  const Folder folder;
  check_read_back([&] { return std::make_unique<SqliteLog>(folder.file()); });
}

TEST_CASE("open gives the newest events, and tells whether it has made the log") {
  const Folder folder;
  check_open([&] { return std::make_unique<SqliteLog>(folder.file()); });
}

TEST_CASE("n is dense and the stamp never falls, whatever the clock does") {
  const Folder folder;
  std::int64_t now = 1'000'000;
  SqliteLogOptions options;
  options.clock = [&] { return std::chrono::system_clock::time_point(std::chrono::milliseconds(now)); };
  std::uint64_t number = 0;
  std::optional<SqliteLog> log(std::in_place, folder.file(), options);
  for (const std::int64_t time : {1'000'000, 1'000'000, 1'000'500, 400, 400, 999'999'999, -5, 2'000'000}) {
    now = time;
    append(*log, ++number, {"a", "b"});
  }
  log.emplace(folder.file(), options);  // and a new process
  append(*log, 1, {"c"});
  const Events events = read_all(*log, 0);
  REQUIRE(events.size() == 17);
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].n == i + 1);
    if (i > 0) CHECK(events[i].stamp >= events[i - 1].stamp);
  }
  CHECK(events[4].stamp == 1'000'500);
  CHECK(events[10].stamp == 999'999'999);
}

TEST_CASE("An event that takes a lost one's number has another stamp, also where the clock stands still") {
  const Folder folder;
  SqliteLogOptions options;
  options.clock = [] { return std::chrono::system_clock::time_point(1h); };
  SqliteLog log(folder.file(), options);
  append_each(log, 1, 5);
  const Events before = read_all(log, 0);
  int same = 0;
  for (std::uint64_t round = 0; round < 20; ++round) {
    run_sql(folder.file(), "delete from event where n > 3");
    append_each(log, 10 + 2 * round, 11 + 2 * round);
    log.open(0, {});
    const Events after = read_all(log, 0);
    REQUIRE(after.size() == 5);
    same += after[3].stamp == before[3].stamp;
    same += after[4].stamp == before[4].stamp;
  }
  CHECK(same <= 1);
}

TEST_CASE("The same number again adds nothing") {
  const Folder folder;
  check_same_number([&] { return std::make_unique<SqliteLog>(folder.file()); });
}

TEST_CASE("Events that the caller delivers by the place of their append are not given again") {
  const Folder folder;
  check_held([&] { return std::make_unique<SqliteLog>(folder.file()); });
}

TEST_CASE("append_held names no place for what read would refuse") {
  const Folder folder;
  SqliteLog log(folder.file());
  LoggedEvent event = event_of("1");
  event.type = "two\nlines";
  CHECK_FALSE(log.append_held({&event, 1}, 1));
  event = event_of("two\nlines");
  CHECK_FALSE(log.append_held({&event, 1}, 2));
  event.is_message = true;
  CHECK(log.append_held({&event, 1}, 3));
}

TEST_CASE("read goes on from where it was, and counts what was trimmed meanwhile") {
  const Folder folder;
  SqliteLogOptions options;
  options.max_events = 100;
  SqliteLog log(folder.file(), options), slow(folder.file());
  append_each(log, 1, 10);
  CHECK(read_all(slow, 0).size() == 10);
  append_each(log, 11, 1000);
  Events events;
  const LogRead result = read(slow, 10, events);
  REQUIRE(events.size() > 0);
  CHECK(result.lost == events.front().n - 11);
  CHECK(result.tail == 1000);
  CHECK(events.back().n == 1000);
  CHECK(events.size() <= 130);
  CHECK(events.size() >= 100);
  std::uint64_t lost = 0;
  CHECK(read_all(slow, 0, &lost) == events);
  CHECK(lost == 1000 - events.size());
  CHECK(read_all(slow, 1000).empty());
}

TEST_CASE("The file keeps max_events, and at most 1.3 times as many") {
  const Folder folder;
  const std::uint64_t kept = GENERATE(0u, 1u) ? 10'000 : 1'000;
  SqliteLog log(folder.file());
  std::uint64_t after = 0, number = 0, most = 0;
  log.open(kept, {});
  Outsider outsider(folder.file());
  const std::vector<std::string> batch(200, std::string(200, 'x'));
  std::uintmax_t size_then = 0;
  for (std::uint64_t i = 0; i < 4 * kept; i += batch.size()) {
    append(log, ++number, batch);
    const Events events = read_all(log, after);
    CHECK(events.size() == batch.size());
    after = events.back().n;
    most = std::max<std::uint64_t>(most, std::stoull(outsider("select count(*) from event")));
    if (i <= 2 * kept) size_then = log.size().file_bytes + log.size().wal_bytes;
  }
  CHECK(most <= kept * 13 / 10);
  CHECK(std::stoull(outsider("select count(*) from event")) >= kept);
  CHECK(log.size().file_bytes <= size_then + (16u << 20));
}

TEST_CASE("What this process has not yet read is trimmed last, and then it is") {
  const Folder folder;
  SqliteLogOptions options;
  options.max_events = 10;
  SqliteLog log(folder.file(), options);
  log.open(10, {});
  std::vector<std::string> batch;
  for (int i = 0; i < 256; ++i) batch.push_back(std::to_string(i));
  append(log, 1, batch);
  append(log, 2, batch);
  std::uint64_t lost = 0;
  CHECK(read_all(log, 0, &lost).size() == 512);
  CHECK(lost == 0);
  for (int i = 0; i < 40; ++i) CHECK(read_all(log, 512).empty());
  CHECK(std::stoi(run_sql(folder.file(), "select count(*) from event")) <= 13);
  for (std::uint64_t number = 3; number < 40; ++number) append(log, number, batch);  // nothing reads now
  CHECK(std::stoi(run_sql(folder.file(), "select count(*) from event")) <= 10 + 1024 + 2 * 256);
}

TEST_CASE("A read that waits ends with an append, an interrupt or its time") {
  const Folder folder;
  check_waits([&] { return std::make_unique<SqliteLog>(folder.file()); });
}

TEST_CASE("One thread appends while another reads and a third interrupts: nothing is missing or doubled") {
  const Folder folder;
  constexpr std::uint64_t batches = sanitized ? 300 : 2000;
  SqliteLogOptions options;
  options.max_events = 500;
  options.max_wal_bytes = 1 << 20;  // many checkpoints
  SqliteLog log(folder.file(), options);
  log.open(10, {});
  std::atomic<bool> done = false;
  std::thread appending([&] {
    for (std::uint64_t number = 1; number <= batches;) {
      try {
        append(log, number, {std::to_string(2 * number - 1), std::to_string(2 * number)});
        ++number;
      } catch (const LogError& error) {
        if (!error.may_pass()) break;
      }
    }
  });
  std::thread interrupting([&] {
    while (!done) {
      log.interrupt();
      log.size();
      std::this_thread::yield();
    }
  });
  std::uint64_t after = 0, wrong = 0;
  std::string failed;
  while (after < 2 * batches && failed.empty()) {
    try {
      const LogRead result = log.read(after, 10s, [&](const LoggedEvent& event) {
        wrong += event.n != after + 1 || event.data != std::to_string(event.n);
        after = event.n;
      });
      wrong += result.lost != 0 || result.tail < after;
    } catch (const LogError& error) {
      failed = error.what();
    }
  }
  done = true;
  appending.join();
  interrupting.join();
  CHECK(failed.empty());
  CHECK(wrong == 0);
  CHECK(read_all(log, after).empty());
}

TEST_CASE("An append waits for another process's transaction, for lock_timeout or until an interrupt") {
  const Folder folder;
  SqliteLogOptions options;
  options.lock_timeout = GENERATE(0, 1) ? 60'000ms : 30ms;
  SqliteLog log(folder.file(), options);
  append(log, 1, {"a"});
  Outsider outsider(folder.file());
  const bool by_sqlite = GENERATE(false, true);
  sse::detail::FileLock lock(folder.file("events.db-lock"));
  if (by_sqlite) {
    outsider("begin immediate");
  } else {
    REQUIRE(lock.try_lock() == sse::detail::FileLock::Result::locked);
  }
  std::atomic<bool> done = false;
  std::thread interrupting([&] {
    while (options.lock_timeout > 1s && !done) {
      log.interrupt();
      std::this_thread::yield();
    }
  });
  const LogError error = failure([&] { append(log, 2, {"b"}); });
  done = true;
  interrupting.join();
  CHECK(error.may_pass());
  CHECK(mentions(error, folder.file()));
  if (by_sqlite) {
    outsider("rollback");
  } else {
    lock.unlock();
  }
  append(log, 2, {"b"});
  CHECK(data_of(read_all(log, 0)) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("The write-ahead log stays within its bound while another program reads, and append tells why") {
  const Folder folder;
  SqliteLogOptions options;
  options.max_wal_bytes = 2 << 20;
  options.max_events = 500;
  SqliteLog log(folder.file(), options);
  append(log, 1, {"a"});
  Outsider outsider(folder.file());
  outsider("begin");
  outsider("select count(*) from event");
  std::uint64_t number = 1;
  const std::vector<std::string> batch(100, std::string(500, 'x'));
  const LogError error = failure([&] {
    while (number < 1000) append(log, ++number, batch);
  });
  CHECK(error.may_pass());
  CHECK(mentions(error, "max_wal_bytes"));
  CHECK(mentions(error, folder.file()));
  CHECK(log.size().wal_bytes <= options.max_wal_bytes + (256 << 10));
  CHECK(failure([&] { append(log, number, batch); }).may_pass());
  CHECK(outsider("select count(*) from event") == "1");
  outsider("commit");
  for (int i = 0; i < 100; ++i) append(log, number++, batch);
  CHECK(log.size().wal_bytes <= options.max_wal_bytes + (256 << 10));
  log.open(0, {});
  std::uint64_t lost = 0;
  const Events events = read_all(log, 0, &lost);
  CHECK(lost + events.size() == 1 + (number - 2) * 100);
}

TEST_CASE("A person can read the file by the command in the documentation") {
  if (std::system("sqlite3 -version >/dev/null 2>&1") != 0) SKIP("there is no sqlite3");
  const Folder folder;
  SqliteLog log(folder.file());
  append_each(log, 1, 5);
  const std::string command = "sqlite3 -readonly " + folder.file() +
                              R"( 'select stamp||"-"||n, type, topic, data from event order by n desc limit 3')";
  std::FILE* const program = ::popen(command.c_str(), "r");
  REQUIRE(program);
  std::string answer;
  for (int c; (c = std::fgetc(program)) != EOF;) answer += static_cast<char>(c);
  CHECK(::pclose(program) == 0);
  const Events events = read_all(log, 2);
  std::string expected;
  for (std::size_t i = 3; i-- > 0;) {
    expected += std::to_string(events[i].stamp) + '-' + std::to_string(events[i].n) + "|type||" + events[i].data + '\n';
  }
  CHECK(answer == expected);
}

TEST_CASE("A closed log leaves one file, with all of its events") {
  const Folder folder;
  {
    SqliteLog log(folder.file());
    append_each(log, 1, 5);
    read_all(log, 0);
  }
  CHECK_FALSE(fs::exists(folder.file("events.db-wal")));
  fs::rename(folder.file(), folder.file("other.db"));
  SqliteLog log(folder.file("other.db"));
  CHECK(newest(log, 10).size() == 5);
}

TEST_CASE("An exception of the taker ends the call, and the event counts as not given") {
  const Folder folder;
  check_throwing_taker([&] { return std::make_unique<SqliteLog>(folder.file()); });
}
