// The promises of SqliteLog where several processes share its file, where they are killed, and where the disk fails.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "support.hpp"

#include <sse/detail/log/file_lock.hpp>

using namespace sse_test;

namespace {

/// A process that appends batches of 1 to 40 events until it is killed or has appended so many, and says which are in
/// the log: each acknowledgement is the batch's number.
class Appender {
 public:
  Appender(const std::string& path, const std::string& name, std::uint64_t batches, SqliteLogOptions options) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::close(ends[0]);
      run(path, name, batches, options, ends[1]);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() {
    if (process_ > 0) kill();
    ::close(pipe_);
  }

  /// The next acknowledgement; false: the process has ended.
  bool wait_for_one() {
    std::uint64_t number;
    if (::read(pipe_, &number, sizeof number) != sizeof number) return false;
    acknowledged_ = number;
    return true;
  }
  void kill() {
    ::kill(process_, SIGKILL);
    end();
  }
  int end() {
    while (wait_for_one()) continue;
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return status;
  }
  std::uint64_t acknowledged() const { return acknowledged_; }

  static std::size_t size_of(std::uint64_t number) { return number * 7919 % 40 + 1; }

 private:
  [[noreturn]] static void run(const std::string& path, const std::string& name, std::uint64_t batches,
                               const SqliteLogOptions& options, int pipe) {
    try {
      SqliteLog log(path, options);
      for (std::uint64_t number = 1; number <= batches; ++number) {
        std::vector<std::string> data;
        for (std::size_t i = 0; i < size_of(number); ++i) {
          data.push_back(name + ':' + std::to_string(number) + ':' + std::to_string(i));
        }
        append(log, number, data);
        if (::write(pipe, &number, sizeof number) != sizeof number) ::_exit(3);
      }
      ::close(pipe);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(4);
    }
    ::_exit(0);
  }

  pid_t process_ = -1;
  int pipe_ = -1;
  std::uint64_t acknowledged_ = 0;
};

/// Looks that all batches are whole and in their order; returns the last one of each process.
std::map<std::string, std::uint64_t> check_batches(const Events& events) {
  std::map<std::string, std::uint64_t> last;
  for (std::size_t i = 0; i < events.size();) {
    const std::string& data = events[i].data;
    const std::string name = data.substr(0, data.find(':'));
    const std::uint64_t number = std::stoull(data.substr(name.size() + 1));
    if (number != last[name] + 1) FAIL("batch " << number << " of " << name << " follows " << last[name]);
    last[name] = number;
    for (std::size_t part = 0; part < Appender::size_of(number); ++part, ++i) {
      const std::string expected = name + ':' + std::to_string(number) + ':' + std::to_string(part);
      if (i == events.size() || events[i].data != expected) FAIL("batch " << number << " of " << name << " is torn");
      if (events[i].n != i + 1 || (i > 0 && events[i].stamp < events[i - 1].stamp)) FAIL("the place of " << expected);
    }
  }
  return last;
}

/// A moment of up to so many microseconds, which no kernel's timer could hit.
void spin(unsigned long microseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
  while (std::chrono::steady_clock::now() < end) continue;
}

}  // namespace

TEST_CASE("Several processes append to one file: all in one order, no batch torn") {
  const Folder folder;
  constexpr std::uint64_t batches = sanitized ? 50 : 300;
  SqliteLogOptions options;
  options.lock_timeout = 60s;
  options.max_wal_bytes = 4 << 20;  // many checkpoints
  std::vector<std::unique_ptr<Appender>> appenders;
  for (const char* name : {"a", "b", "c"}) {
    appenders.push_back(std::make_unique<Appender>(folder.file(), name, batches, options));
  }
  SqliteLog log(folder.file(), options);
  std::uint64_t total = 0;
  for (std::uint64_t number = 1; number <= batches; ++number) total += 3 * Appender::size_of(number);
  Events live;
  while (live.size() < total) {
    const LogRead result = read(log, live.empty() ? 0 : live.back().n, live, 10s);
    REQUIRE(result.lost == 0);
  }
  for (const auto& appender : appenders) CHECK(appender->end() == 0);
  check_batches(live);
  CHECK(newest(log, total) == live);
  CHECK(run_sql(folder.file(), "pragma integrity_check") == "ok");
}

TEST_CASE("After kill -9 every acknowledged batch is in the file, and none is torn") {
  const Folder folder;
  SqliteLogOptions options;
  options.durability = GENERATE(sse::Durability::process, sse::Durability::disk);
  options.lock_timeout = 60s;
  options.max_wal_bytes = 1 << 20;
  std::mt19937 random(1);
  std::map<std::string, std::uint64_t> acknowledged;
  for (int round = 0; round < (sanitized ? 10 : 50); ++round) {
    Appender killed(folder.file(), "k" + std::to_string(round), ~0ull, options);
    std::optional<Appender> other;  // an overlap
    if (round % 2 == 1) other.emplace(folder.file(), "o" + std::to_string(round), 5, options);
    for (unsigned long count = random() % 40; count > 0; --count) killed.wait_for_one();
    spin(random() % 2000);
    killed.kill();
    acknowledged["k" + std::to_string(round)] = killed.acknowledged();
    if (other) {
      CHECK(other->end() == 0);
      CHECK(other->acknowledged() == 5);
      acknowledged["o" + std::to_string(round)] = 5;
    }
    SqliteLog log(folder.file(), options);
    std::map<std::string, std::uint64_t> found = check_batches(read_all(log, 0));
    for (const auto& [name, number] : acknowledged) {
      INFO(name << ": " << number << " acknowledged, " << found[name] << " found");
      CHECK(found[name] >= number);
      CHECK(found[name] <= number + 1);
    }
  }
  CHECK(run_sql(folder.file(), "pragma integrity_check") == "ok");
}

TEST_CASE("A process that stands still with the lock is told, and its end frees the lock") {
  const Folder folder;
  SqliteLogOptions options;
  options.lock_timeout = 50ms;
  SqliteLog log(folder.file(), options);
  log.open(10, {});
  append(log, 1, {"a"});
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    sse::detail::FileLock lock(folder.file("events.db-lock"));
    const char locked = lock.try_lock() == sse::detail::FileLock::Result::locked;
    if (::write(ends[1], &locked, 1) == 1) ::pause();
    ::_exit(0);
  }
  char locked = 0;
  REQUIRE(::read(ends[0], &locked, 1) == 1);
  REQUIRE(locked);
  const LogError error = failure([&] { append(log, 2, {"b"}); });
  CHECK(error.may_pass());
  CHECK(mentions(error, "50 ms"));
  CHECK(data_of(read_all(log, 0)) == std::vector<std::string>{"a"});  // reading needs no lock
  { SqliteLog third(folder.file(), options); }                        // nor does a constructor wait for long
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  append(log, 2, {"b"});
  CHECK(data_of(read_all(log, 0)) == std::vector<std::string>{"a", "b"});
  ::close(ends[0]), ::close(ends[1]);
}

namespace {

/// SQLite's file system with a call that fails: the n-th write, sync or truncation of all files.
struct FailingDisk {
  static inline sqlite3_vfs* real = nullptr;
  static inline sqlite3_vfs vfs{};
  static inline long calls = 0, fails_at = 0, fails_for = 1;
  static inline int code = SQLITE_IOERR_WRITE;
  static inline std::function<void()> action;  ///< Instead of the failure.

  struct File {
    sqlite3_file base;
    sqlite3_file* real_file() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static bool fails() {
    ++calls;
    if (action && calls == fails_at) {
      std::exchange(action, nullptr)();
      return false;
    }
    return fails_at != 0 && calls >= fails_at && calls < fails_at + fails_for;
  }
  static sqlite3_file* of(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real_file(); }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    static const sqlite3_io_methods methods = {
        3,
        [](sqlite3_file* f) { return of(f)->pMethods ? of(f)->pMethods->xClose(of(f)) : SQLITE_OK; },
        [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
          return of(f)->pMethods->xRead(of(f), to, size, at);
        },
        [](sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
          return fails() ? code : of(f)->pMethods->xWrite(of(f), from, size, at);
        },
        [](sqlite3_file* f, sqlite3_int64 size) {
          return fails() ? SQLITE_IOERR_TRUNCATE : of(f)->pMethods->xTruncate(of(f), size);
        },
        [](sqlite3_file* f, int how) { return fails() ? SQLITE_IOERR_FSYNC : of(f)->pMethods->xSync(of(f), how); },
        [](sqlite3_file* f, sqlite3_int64* size) { return of(f)->pMethods->xFileSize(of(f), size); },
        [](sqlite3_file* f, int level) { return of(f)->pMethods->xLock(of(f), level); },
        [](sqlite3_file* f, int level) { return of(f)->pMethods->xUnlock(of(f), level); },
        [](sqlite3_file* f, int* result) { return of(f)->pMethods->xCheckReservedLock(of(f), result); },
        [](sqlite3_file* f, int op, void* argument) { return of(f)->pMethods->xFileControl(of(f), op, argument); },
        [](sqlite3_file* f) { return of(f)->pMethods->xSectorSize(of(f)); },
        [](sqlite3_file* f) { return of(f)->pMethods->xDeviceCharacteristics(of(f)); },
        [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
          return of(f)->pMethods->xShmMap(of(f), page, size, extend, at);
        },
        [](sqlite3_file* f, int offset, int n, int how) { return of(f)->pMethods->xShmLock(of(f), offset, n, how); },
        [](sqlite3_file* f) { of(f)->pMethods->xShmBarrier(of(f)); },
        [](sqlite3_file* f, int remove) { return of(f)->pMethods->xShmUnmap(of(f), remove); },
        [](sqlite3_file*, sqlite3_int64, int, void** at) {
          *at = nullptr;
          return SQLITE_OK;
        },
        [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; }};
    std::memset(static_cast<void*>(of(file)), 0, static_cast<std::size_t>(real->szOsFile));
    const int result = real->xOpen(real, name, of(file), flags, out);
    file->pMethods = result == SQLITE_OK ? &methods : nullptr;
    return result;
  }

  FailingDisk() {
    real = sqlite3_vfs_find(nullptr);
    vfs = *real;
    vfs.zName = "failing";
    vfs.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
    vfs.pNext = nullptr;
    vfs.xOpen = &open;
    calls = fails_at = 0;
    fails_for = 1;
    code = SQLITE_IOERR_WRITE;
    action = nullptr;
    REQUIRE(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
  ~FailingDisk() {
    sqlite3_vfs_register(real, 1);
    sqlite3_vfs_unregister(&vfs);
  }
};

}  // namespace

TEST_CASE("A batch whose commit fails anywhere is in the log once after it is repeated") {
  const Folder folder(Folder::in_memory());
  FailingDisk disk;
  SqliteLogOptions options;
  options.durability = GENERATE(sse::Durability::process, sse::Durability::disk);
  options.max_wal_bytes = 200'000;  // a checkpoint now and then
  // If nothing else has the file open, SQLite finds a commit in the write-ahead log again that it has told as
  // failed.
  const bool reads = GENERATE(true, false);
  options.max_events = reads ? 40 : 1000;
  FailingDisk::code = GENERATE(SQLITE_IOERR_WRITE, SQLITE_FULL);
  FailingDisk::fails_for = FailingDisk::code == SQLITE_FULL ? 3 : 1;
  std::mt19937 random(1);
  long total = 0;
  for (long fails_at = 0; fails_at <= total; fails_at += 1 + static_cast<long>(random() % 5)) {
    INFO("the write that fails: " << fails_at);
    const std::string path = folder.file(("f" + std::to_string(fails_at) + ".db").c_str());
    SqliteLog log(path, options);
    if (reads) log.open(0, {});
    FailingDisk::calls = 0;
    FailingDisk::fails_at = fails_at;
    Events events;
    for (std::uint64_t number = 1; number <= 30; ++number) {
      const std::vector<std::string> batch(2, std::to_string(number) + std::string(2000, 'x'));
      for (int tries = 0;; ++tries) {
        if (tries == 20) FAIL("it fails for ever");
        try {
          append(log, number, batch);
          break;
        } catch (const LogError& error) {
          if (!error.may_pass() || !mentions(error, path)) FAIL(error.what());
        }
      }
      const std::size_t before = events.size();
      while (reads && events.size() < before + 2) {
        try {
          const LogRead result = read(log, before == 0 ? 0 : events.back().n, events);
          if (result.lost != 0) FAIL("an event is lost");
        } catch (const LogError& error) {
          if (!error.may_pass()) FAIL(error.what());
        }
      }
    }
    FailingDisk::fails_at = 0;
    if (fails_at == 0) total = FailingDisk::calls;
    if (!reads) events = read_all(log, 0);
    REQUIRE(events.size() == 60);
    std::size_t right = 0;
    while (right < 60 && events[right].n == right + 1 && std::stoull(events[right].data) == right / 2 + 1) ++right;
    CHECK(right == 60);
    const Events kept = newest(log, 20);
    CHECK(kept == Events(events.end() - 20, events.end()));
  }
  CHECK(total > 30);
}

TEST_CASE("A batch whose commit meets a move of the file goes to the new file") {
  const Folder folder(Folder::in_memory());
  FailingDisk disk;
  const std::string path = folder.file();
  SqliteLog log(path);
  append(log, 1, {"a"});
  FailingDisk::calls = 0;
  FailingDisk::fails_at = 2;
  FailingDisk::action = [&] { fs::rename(path, folder.file("moved.db")); };
  const LogError error = failure([&] { append(log, 2, {"b"}); });
  CHECK(error.may_pass());
  CHECK(mentions(error, path));
  append(log, 2, {"b"});
  append(log, 3, {"c"});
  CHECK(data_of(newest(log, 10)) == std::vector<std::string>{"b", "c"});
}

TEST_CASE("A full disk is told, and is survived without a new object") {
  const Folder folder(Folder::in_memory());
  SqliteLogOptions options;
  options.max_events = 200;
  const std::vector<std::string> batch(20, std::string(1000, 'x'));
  const std::string mounted = folder.file("small");
  fs::create_directory(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=2m") != 0) SKIP("only root can mount a small file system");
  {
    const std::string path = mounted + "/events.db", rest = mounted + "/rest";
    SqliteLog log(path, options);
    log.open(1, {});
    append(log, 1, batch);
    const auto fill = [&] {
      const int file = ::open(rest.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      const std::string page(4096, 'x');
      while (::write(file, page.data(), page.size()) > 0) continue;
      ::close(file);
    };
    std::uint64_t number = 1, after = 0;
    for (int round = 0; round < 5; ++round) {
      fill();
      const LogError error = failure([&] {
        while (number < 10'000) append(log, ++number, batch);
      });
      CHECK(error.may_pass());
      CHECK(mentions(error, path));
      fs::remove(rest);
      append(log, number, batch);
      std::uint64_t lost = 0;
      const Events events = read_all(log, after, &lost);
      REQUIRE_FALSE(events.empty());
      after = events.back().n;
      CHECK(after == number * batch.size());
    }
    CHECK(run_sql(path, "pragma integrity_check") == "ok");
  }
  ::umount(mounted.c_str());
}
