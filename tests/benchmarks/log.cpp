// The cost of a log, without a manager: appending, opening a file of a million events, and seeing another process's
// event. The floor of the disk level is a bare write and fdatasync of as many bytes, in the same directory.
// Of Redis: a server of the program's own, in memory; the floor is a PING.
//   log [DIRECTORY]
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <sse/sqlite_log.hpp>
#if defined(SSE_BENCHMARK_REDIS)
#include <hiredis/hiredis.h>
#include <signal.h>

#include <sse/redis_log.hpp>
#endif
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

const std::string data =
    R"({"type":"price","data":{"text":")" + std::string(130, 'x') + R"("},"timestamp":"2026-01-01T00:00:00.000Z"})";
constexpr std::size_t batch_size = 256;

std::vector<sse::LoggedEvent> batch_of(std::size_t size) {
  sse::LoggedEvent event;
  event.type = "price";
  event.data = data;
  return std::vector<sse::LoggedEvent>(size, event);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(static_cast<double>(values.size()) * part))];
}

void append(const std::filesystem::path& directory, sse::Durability durability, const char* name) {
  sse::SqliteLogOptions options;
  options.durability = durability;
  options.max_events = 10'000;
  sse::SqliteLog log((directory / (std::string(name) + ".db")).string(), options);
  const std::vector<sse::LoggedEvent> batch = batch_of(batch_size);
  std::vector<double> times;
  std::uint64_t number = 0;
  const auto begin = Clock::now();
  while (seconds_since(begin) < 3) {
    const auto start = Clock::now();
    log.append(batch, ++number);
    times.push_back(Milliseconds(Clock::now() - start).count());
  }
  std::printf("append, batches of %zu, %-7s  %8.0f events/s   batch p50 %.2f ms, p99 %.2f ms\n", batch_size, name,
              static_cast<double>(number * batch_size) / seconds_since(begin), percentile(times, .5),
              percentile(times, .99));
  const std::vector<sse::LoggedEvent> one = batch_of(1);
  times.clear();
  for (int i = 0; i < 2000; ++i) {
    const auto start = Clock::now();
    log.append(one, ++number);
    times.push_back(Milliseconds(Clock::now() - start).count());
  }
  std::printf("append, one event, %-7s        p50 %.3f ms, p99 %.3f ms\n", name, percentile(times, .5),
              percentile(times, .99));
}

void write_and_sync(const std::filesystem::path& directory) {
  const int file = ::open((directory / "floor").c_str(), O_WRONLY | O_CREAT, 0600);
  const std::string bytes(4120, 'x');
  std::vector<double> times;
  for (int i = 0; i < 1000; ++i) {
    const auto start = Clock::now();
    if (::pwrite(file, bytes.data(), bytes.size(), (i % 1000) * 4120) < 0 || ::fdatasync(file) != 0) break;
    times.push_back(Milliseconds(Clock::now() - start).count());
  }
  ::close(file);
  std::printf("floor: write + fdatasync of 4120 bytes  p50 %.3f ms, p99 %.3f ms\n", percentile(times, .5),
              percentile(times, .99));
}

void open_large(const std::filesystem::path& directory) {
  constexpr std::uint64_t total = 1'000'000, history = 10'000;
  const std::string path = (directory / "large.db").string();
  {
    sse::SqliteLog log(path);
    const std::vector<sse::LoggedEvent> batch = batch_of(1000);
    for (std::uint64_t number = 1; number <= total / 1000; ++number) log.append(batch, number);
  }
  const auto begin = Clock::now();
  sse::SqliteLog log(path);
  std::uint64_t given = 0;
  const sse::LogBegin opened = log.open(history, [&](const sse::LoggedEvent&) { ++given; });
  std::printf("open, %llu of %llu events kept       %.1f ms\n", static_cast<unsigned long long>(given),
              static_cast<unsigned long long>(opened.tail), seconds_since(begin) * 1000);
}

/// Each event's data is the time of its append.
void foreign(const std::filesystem::path& directory) {
  const std::string path = (directory / "foreign.db").string();
  const auto now = [] { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); };
  constexpr int count = 1000;
  sse::SqliteLog log(path);
  const pid_t child = ::fork();
  if (child == 0) {
    sse::SqliteLog other(path);
    for (int i = 0; i < count; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(1000 + i % 13 * 700));
      const std::string time = std::to_string(now());
      sse::LoggedEvent event;
      event.data = time;
      other.append({&event, 1}, static_cast<std::uint64_t>(i) + 1);
    }
    ::_exit(0);
  }
  std::uint64_t after = log.open(0, [](const sse::LoggedEvent&) {}).tail;
  std::vector<double> times;
  while (times.size() < count) {
    log.read(after, std::chrono::seconds(1), [&](const sse::LoggedEvent& event) {
      times.push_back(static_cast<double>(now() - std::stoull(std::string(event.data))) / 1e6);
      after = event.n;
    });
  }
  ::waitpid(child, nullptr, 0);
  times.erase(times.begin(), times.begin() + 50);  // the first is seen within 250 ms
  std::printf("another process's event seen            p50 %.2f ms, p99 %.2f ms\n", percentile(times, .5),
              percentile(times, .99));
}

void own(const std::filesystem::path& directory) {
  const std::string path = (directory / "own.db").string();
  const auto now = [] { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); };
  constexpr int count = 2000;
  sse::SqliteLog log(path);
  std::uint64_t after = log.open(0, [](const sse::LoggedEvent&) {}).tail;
  std::thread appender([&] {
    for (int i = 0; i < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::string time = std::to_string(now());
      sse::LoggedEvent event;
      event.data = time;
      log.append({&event, 1}, static_cast<std::uint64_t>(i) + 1);
    }
  });
  std::vector<double> times;
  while (times.size() < count) {
    log.read(after, std::chrono::seconds(1), [&](const sse::LoggedEvent& event) {
      times.push_back(static_cast<double>(now() - std::stoull(std::string(event.data))) / 1e6);
      after = event.n;
    });
  }
  appender.join();
  std::printf("own event, append to read, 1,000/s      p50 %.3f ms, p99 %.3f ms\n", percentile(times, .5),
              percentile(times, .99));
}

/// The processor's time of a log that waits and has nothing to do.
void idle(const std::filesystem::path& directory) {
  sse::SqliteLog log((directory / "idle.db").string());
  log.open(0, [](const sse::LoggedEvent&) {});
  log.read(0, std::chrono::milliseconds(0), [](const sse::LoggedEvent&) {});
  const std::clock_t begin = std::clock();
  log.read(0, std::chrono::seconds(5), [](const sse::LoggedEvent&) {});
  std::printf("alone and idle                          %.3f %% of a core\n",
              static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / 5 * 100);
}

/// Three processes append single events as fast as they can: how long one waits for the lock.
void contend(const std::filesystem::path& directory) {
  const std::string path = (directory / "contended.db").string();
  const std::vector<sse::LoggedEvent> one = batch_of(1);
  const auto append_all = [&] {
    sse::SqliteLogOptions options;
    options.max_events = 10'000;
    sse::SqliteLog log(path, options);
    std::vector<double> times;
    const auto begin = Clock::now();
    for (std::uint64_t number = 1; seconds_since(begin) < 3; ++number) {
      const auto start = Clock::now();
      log.append(one, number);
      times.push_back(Milliseconds(Clock::now() - start).count());
    }
    return times;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) {
      append_all();
      ::_exit(0);
    }
  }
  const std::vector<double> times = append_all();
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  std::printf("append, one event, 3 processes flat out p50 %.3f ms, p99 %.3f ms, longest %.1f ms\n",
              percentile(times, .5), percentile(times, .99), *std::max_element(times.begin(), times.end()));
}

#if defined(SSE_BENCHMARK_REDIS)

/// A server on this port, which is nobody else's in a benchmark.
class RedisServer {
 public:
  explicit RedisServer(const std::filesystem::path& directory) : pid_(::fork()) {
    if (pid_ == 0) {
      ::execlp("redis-server", "redis-server", "--port", "16399", "--bind", "127.0.0.1", "--save", "", "--logfile",
               (directory / "redis.log").c_str(), "--daemonize", "no", nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 5000 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++i) {
      context_ = redisConnect("127.0.0.1", 16399);
      if (ping()) return;
      redisFree(context_);
      context_ = nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() {
    redisFree(context_);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  explicit operator bool() const noexcept { return context_ != nullptr; }
  bool ping() const {
    if (context_->err != 0) return false;
    void* const reply = redisCommand(context_, "PING");
    if (reply) freeReplyObject(reply);
    return reply != nullptr;
  }

 private:
  const pid_t pid_;
  redisContext* context_ = nullptr;
};

/// One process appends flat out, and another object reads all of it.
void redis_flat_out(const std::string& url, std::size_t size) {
  const std::vector<sse::LoggedEvent> batch = batch_of(size);
  sse::RedisLog log(url), reader(url);
  const std::uint64_t start = reader.open(0, [](const sse::LoggedEvent&) {}).tail;
  const std::uint64_t total = size == 1 ? 20'000 : 300'000 / size * size;
  const auto begin = Clock::now();
  std::thread appender([&] {
    for (std::uint64_t number = 1; number <= total / size; ++number) log.append(batch, number);
  });
  std::uint64_t given = 0, lost = 0;
  for (std::uint64_t after = start; after < start + total; after = start + given + lost) {
    lost += *reader.read(after, std::chrono::seconds(1), [&](const sse::LoggedEvent&) { ++given; }).lost;
  }
  appender.join();
  std::printf("Redis: append to read, batches of %3zu  %8.0f events/s   %llu read, %llu trimmed before\n", size,
              static_cast<double>(total) / seconds_since(begin), static_cast<unsigned long long>(given),
              static_cast<unsigned long long>(lost));
}

void redis_paced(const std::string& url) {
  const auto now = [] { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); };
  constexpr int count = 3000;
  sse::RedisLog log(url);
  std::uint64_t after = log.open(0, [](const sse::LoggedEvent&) {}).tail;
  std::thread appender([&] {
    for (int i = 0; i < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::string time = std::to_string(now());
      sse::LoggedEvent event;
      event.data = time;
      log.append({&event, 1}, static_cast<std::uint64_t>(i) + 1);
    }
  });
  std::vector<double> times;
  while (times.size() < count) {
    log.read(after, std::chrono::seconds(1), [&](const sse::LoggedEvent& event) {
      times.push_back(static_cast<double>(now() - std::stoull(std::string(event.data))) / 1e6);
      after = event.n;
    });
  }
  appender.join();
  std::printf("Redis: append to read, 1,000/s          p50 %.3f ms, p99 %.3f ms\n", percentile(times, .5),
              percentile(times, .99));
}

void redis_idle(const std::string& url) {
  sse::RedisLog log(url);
  const std::uint64_t after = log.open(0, [](const sse::LoggedEvent&) {}).tail;
  const std::clock_t begin = std::clock();
  const auto start = Clock::now();
  while (seconds_since(start) < 5) log.read(after, std::chrono::seconds(5), [](const sse::LoggedEvent&) {});
  std::printf("Redis: alone and idle                   %.3f %% of a core\n",
              static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / seconds_since(start) * 100);
}

void redis(const std::filesystem::path& directory) {
  const RedisServer server(directory);
  if (!server) {
    std::printf("Redis: there is no redis-server\n");
    return;
  }
  const std::string url = "redis://127.0.0.1:16399";
  std::vector<double> times;
  for (int i = 0; i < 5000; ++i) {
    const auto start = Clock::now();
    server.ping();
    times.push_back(Milliseconds(Clock::now() - start).count());
  }
  std::printf("Redis: floor, PING                      p50 %.3f ms, p99 %.3f ms\n", percentile(times, .5),
              percentile(times, .99));
  redis_paced(url);
  redis_flat_out(url, 256);
  redis_flat_out(url, 1);
  redis_idle(url);
  sse::RedisLog log(url);
  std::uint64_t given = 0;
  const auto begin = Clock::now();
  log.open(10'000, [&](const sse::LoggedEvent&) { ++given; });
  std::printf("Redis: open, %llu events                %.1f ms\n", static_cast<unsigned long long>(given),
              seconds_since(begin) * 1000);
}

#endif

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory = std::filesystem::path(argc > 1 ? argv[1] : ".") / "sse_log_benchmark";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
#if defined(SSE_BENCHMARK_REDIS)
  redis(directory);
#endif
  foreign(directory);
  own(directory);
  append(directory, sse::Durability::process, "process");
  append(directory, sse::Durability::disk, "disk");
  write_and_sync(directory);
  contend(directory);
  idle(directory);
  open_large(directory);
  std::filesystem::remove_all(directory);
}
